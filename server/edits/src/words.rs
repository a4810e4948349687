//! Words of a text, as identifiers are written.

use std::ops::Range;

/// Whether a character may be in an identifier.
pub(crate) fn is_word(c: char) -> bool {
    c == '_' || c == '$' || c.is_alphanumeric()
}

/// Whether a text is one identifier.
pub(crate) fn is_identifier(text: &str) -> bool {
    text.chars().all(is_word) && text.starts_with(|c: char| !c.is_ascii_digit())
}

/// Whether a word is a value, as languages write numbers and the like.
pub(crate) fn is_value(word: &str) -> bool {
    const VALUES: [&str; 9] =
        ["true", "false", "null", "nil", "undefined", "True", "False", "None", "NULL"];
    word.starts_with(|c: char| c.is_ascii_digit()) || VALUES.contains(&word)
}

/// Whether a word is unlikely to mean two things in a file: it is a name of several parts.
pub(crate) fn is_distinctive(word: &str) -> bool {
    let has_parts = word.trim_matches('_').contains('_')
        || word.chars().skip(1).any(char::is_uppercase) && word.chars().any(char::is_lowercase);
    is_identifier(word) && word.len() >= 6 && has_parts
}

/// The number of bytes of the word before `byte_idx`.
pub(crate) fn n_before(text: &str, byte_idx: usize) -> usize {
    let before = text[..byte_idx].chars().rev();
    before.take_while(|c| is_word(*c)).map(char::len_utf8).sum()
}

/// The number of bytes of the word after `byte_idx`.
pub(crate) fn n_after(text: &str, byte_idx: usize) -> usize {
    text[byte_idx..].chars().take_while(|c| is_word(*c)).map(char::len_utf8).sum()
}

/// The places where a word occurs as a whole.
pub(crate) fn occurrences<'a>(
    text: &'a str,
    word: &'a str,
) -> impl Iterator<Item = Range<usize>> + 'a {
    let ranges = text.match_indices(word).map(|(at, word)| at..at + word.len());
    ranges.filter(|it| !text[..it.start].ends_with(is_word) && !text[it.end..].starts_with(is_word))
}

/// The number of bytes that two texts have in common at their start.
pub(crate) fn common_prefix(a: &str, b: &str) -> usize {
    let same = a.chars().zip(b.chars()).take_while(|(a, b)| a == b);
    same.map(|(c, _)| c.len_utf8()).sum()
}

/// The number of bytes that two texts have in common at their end.
pub(crate) fn common_suffix(a: &str, b: &str) -> usize {
    let same = a.chars().rev().zip(b.chars().rev()).take_while(|(a, b)| a == b);
    same.map(|(c, _)| c.len_utf8()).sum()
}

//! Cuts a text where the model stops being sure of it: at a word boundary, and outside of every
//! string and comment that the text begins. On the cursor's line a bracket may stay open; every
//! further line is shown as a whole or not at all, and leaves no block open.
//!
//! A text grows while it is generated, and is cut again each time. A place where it may be cut stays
//! one, and a place whose next character is not known yet is none, so shown text only grows.

use std::ops::Range;

use icu_properties::{CodePointSetData, props::GraphemeExtend};

use super::{
    CursorContext, insert_above, lines,
    scanner::{Feature, Language, Scanner, must_close},
    structure::without_last_token,
    suffix,
};

/// The shortest part of a text that is worth showing, in characters without whitespace.
const MIN_CHARS: usize = 2;

/// A text, after what the user typed of it.
#[derive(Debug, Clone, Copy)]
pub struct Rest<'a> {
    /// What the user typed since the cursor was at the context.
    pub typed: &'a str,
    /// The text that may be shown.
    pub text: &'a str,
    /// What follows it and may not be shown yet. It says whether `text` ends with a word.
    pub held_back: &'a str,
    /// Whether nothing will follow, so that `text` is kept as it is if all of it is certain.
    pub is_whole: bool,
}

/// How much of a text may be shown, in bytes, if its first `n_certain` bytes are certain. O(n).
#[must_use]
pub fn certain_bytes(context: &CursorContext, rest: Rest<'_>, n_certain: usize) -> usize {
    let Rest { typed, text, held_back, is_whole } = rest;
    let n_certain = text.floor_char_boundary(n_certain);
    if is_whole && n_certain == text.len() {
        return text.len();
    }
    let all = format!("{text}{held_back}");
    let rest = all.as_str();
    if context.is_before_a_line() {
        // Nothing may be joined to the existing line.
        return insert_above::whole_lines(context, text, n_certain);
    }
    if suffix::must_follow(&context.line_after) {
        // A part of the text does not lead into the rest of the line.
        return 0;
    }
    // The lines above are left out: the first that is known may start within a string.
    let before = format!("{}{typed}", context.line_before);
    let first_end = rest.find('\n').unwrap_or(rest.len());
    let own = match context.is_prose() {
        true => Own::default(),
        false => Own::of(&context.language, &before, rest, is_whole),
    };
    let may_end = |byte_idx: usize| {
        let is_outside = !own.texts.iter().any(|it| it.start < byte_idx && byte_idx < it.end);
        let is_line_end = rest[byte_idx..].starts_with('\n');
        let is_on_first_line = byte_idx <= first_end;
        let is_line_end = is_line_end && !own.open_line_ends.contains(&byte_idx);
        is_outside && (is_line_end || (is_on_first_line && is_word_boundary(rest, byte_idx)))
    };
    let ends = (0..=n_certain).rev().filter(|it| rest.is_char_boundary(*it));
    let end = ends.into_iter().find(|it| may_end(*it)).unwrap_or(0);
    let kept = rest[..end].trim_end();
    let n_chars = kept.chars().filter(|c| !c.is_whitespace()).count();
    if n_chars < MIN_CHARS { 0 } else { kept.len() }
}

/// What a text begins itself, in byte_idx of the text.
#[derive(Debug, Default)]
struct Own {
    /// Its strings, characters and comments; one that is not closed has no end, and neither has the
    /// last token of an incomplete line. What the user began is theirs to cut.
    texts: Vec<Range<usize>>,
    /// The ends of further lines at which a block or bracket of a further line is open.
    open_line_ends: Vec<usize>,
}

impl Own {
    fn of(language: &str, before: &str, text: &str, is_whole: bool) -> Self {
        let cursor = before.len();
        let all = format!("{before}{text}");
        let language = Language::of(language, "");
        let mut scanner = Scanner::new(language);
        let (mut open, mut open_line_ends) = (vec![], vec![]);
        let first_end = cursor + text.find('\n').unwrap_or(text.len());
        for (start, line) in lines(&all) {
            let end = start + line.len();
            if is_whole || end < all.len() {
                scanner.line(line, start, true);
                let own = scanner.frames.partition_point(|it| it.start < first_end);
                let is_header = language.has(Feature::Colon) && line.trim_end().ends_with(':');
                if start > first_end && (must_close(&scanner.frames[own..]) || is_header) {
                    open_line_ends.push(end - cursor);
                }
                continue;
            }
            let own = start.max(cursor);
            let decided_end = own + without_last_token(&all[own..]).len();
            scanner.line(&all[start..decided_end], start, false);
            open.push(decided_end);
            open.extend(scanner.line_comment);
        }
        open.extend(scanner.frames.iter().filter(|it| it.kind.is_text()).map(|it| it.start));
        open.extend(scanner.pending().map(|it| it.start));
        let open = open.into_iter().map(|start| start..usize::MAX);
        let texts = scanner.texts.into_iter().chain(open).filter(|it| it.start >= cursor);
        let texts = texts.map(|it| it.start - cursor..it.end.saturating_sub(cursor)).collect();
        Self { texts, open_line_ends }
    }
}

/// Whether a text may end at a byte_idx without breaking a word, a character with its marks, or a
/// string's prefix. At the end of the text the next character is not known.
fn is_word_boundary(text: &str, byte_idx: usize) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let Some(before) = text[..byte_idx].chars().next_back() else { return true };
    // Whatever follows these is something new.
    if before == ' ' || before == '\t' || matches!(before, '(' | '[' | '{' | ',' | ';') {
        return true;
    }
    let Some(after) = text[byte_idx..].chars().next() else { return false };
    let is_mark = |c: char| {
        let is_joiner = c == '\u{200d}' || ('\u{1f3fb}'..='\u{1f3ff}').contains(&c);
        is_joiner || CodePointSetData::new::<GraphemeExtend>().contains(c)
    };
    let is_quote = matches!(after, '"' | '\'' | '`');
    let is_operator = |c: char| "!=<>+-*/&|%^~?:.".contains(c);
    let joins = match after {
        // `!` is half of `!=`.
        _ if is_operator(before) && is_operator(after) => true,
        // A raw string's prefix, or a colour.
        '#' => is_word(before),
        _ if is_quote => is_word(before) || before == '#',
        _ => is_word(before) && is_word(after),
    };
    !joins && before != '\u{200d}' && !is_mark(after)
}

#[cfg(test)]
mod tests;

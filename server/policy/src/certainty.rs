//! Cuts a text where the model stops being sure of it: at a word boundary, and outside of every
//! string and comment that the text begins. On the cursor's line a bracket may stay open; every
//! further line is shown as a whole or not at all.
//!
//! A text grows while it is generated, and is cut again each time. A place where it may be cut stays
//! one, and a place whose next character is not known yet is none, so shown text only grows.

mod scan;

use icu_properties::{CodePointSetData, props::GraphemeExtend};

use super::{CursorContext, insert_above, suffix};
use scan::Scanner;

/// The shortest part of a text that is worth showing, in characters without whitespace.
const MIN_CHARS: usize = 2;

/// How much of `rest` may be shown, in bytes, if its first `n_certain` bytes are certain.
///
/// `rest` follows `typed`, what the user typed since the cursor was at `context`. `is_whole` says
/// that nothing follows `rest`, which is then kept as it is if all of it is certain. O(n).
#[must_use]
pub fn certain_bytes(
    context: &CursorContext,
    typed: &str,
    rest: &str,
    n_certain: usize,
    is_whole: bool,
) -> usize {
    let n_certain = rest.floor_char_boundary(n_certain);
    if is_whole && n_certain == rest.len() {
        return rest.len();
    }
    if context.is_before_a_line() {
        // Nothing may be joined to the existing line.
        return insert_above::whole_lines(context, rest, n_certain);
    }
    if suffix::must_follow(&context.line_after) {
        // A part of the text does not lead into the rest of the line.
        return 0;
    }
    // A string that the typed part begins may have several lines.
    let typed = format!("{}{typed}", context.line_before);
    let first_end = rest.find('\n').unwrap_or(rest.len());
    let language = if context.is_prose() { None } else { Some(context.language.as_str()) };
    let places = language.map(|it| Scanner::places(it, &typed, rest));
    let may_end = |byte_idx: usize| {
        let is_outside = places.as_ref().is_none_or(|it| it.is_outside[byte_idx]);
        let is_line_end = rest[byte_idx..].starts_with('\n');
        let is_on_first_line = byte_idx <= first_end;
        is_outside && (is_line_end || (is_on_first_line && is_word_boundary(rest, byte_idx)))
    };
    let ends = (0..=n_certain).rev().filter(|it| rest.is_char_boundary(*it));
    let end = ends.into_iter().find(|it| may_end(*it)).unwrap_or(0);
    let kept = rest[..end].trim_end();
    let n_chars = kept.chars().filter(|c| !c.is_whitespace()).count();
    if n_chars < MIN_CHARS { 0 } else { kept.len() }
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

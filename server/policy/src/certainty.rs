//! Cuts a generated text where it saves the most keystrokes on average: at a word boundary, and
//! outside strings and comments that the text begins. On the cursor's line a bracket may stay open.
//! Each further line is shown whole or not at all, and must leave no block open.
//!
//! A text is cut again each time it grows. A valid cut position stays valid, and a position whose
//! next character is unknown is not valid yet, so shown text only grows.

use std::ops::Range;

use icu_properties::{CodePointSetData, props::GraphemeExtend};

use super::{
    CursorContext, insert_above, lines,
    scanner::{Feature, Language, Scanner, is_word, must_close},
    structure::without_last_token,
    suffix,
};

/// The shortest text worth showing, in non-whitespace characters.
const MIN_CHARS: usize = 2;

/// The minimum probability of shown text by default.
pub const DEFAULT_MIN_PROBABILITY: f32 = 0.1;

/// The cost of reading a wrong suggestion, in keystrokes: 0.75 s at 80 words per minute, about the
/// time to read three words. An assumption, not a measurement.
pub const READING_COST_KEYS: f64 = 5.0;

/// The cost of a wrong suggestion at a minimum probability, in keystrokes: [`READING_COST_KEYS`] at
/// the default minimum, and in proportion at others.
#[must_use]
pub fn reading_cost_keys(min_probability: f32) -> f64 {
    f64::from(min_probability / DEFAULT_MIN_PROBABILITY) * READING_COST_KEYS
}

/// The rest of a generated text, after the part that the user typed.
#[derive(Debug, Clone, Copy)]
pub struct Rest<'a> {
    /// The text typed since the context was taken.
    pub typed: &'a str,
    /// The text that may be shown.
    pub text: &'a str,
    /// The text after it that may not be shown yet. It shows whether `text` ends at a word
    /// boundary.
    pub held_back: &'a str,
    /// Whether no more text will follow. If so, `text` may end where it ends, even inside a word.
    pub is_whole: bool,
}

/// Byte length of the beginning of a text that saves the most keystrokes on average, or 0 if none is
/// worth reading. A right text saves its characters, a wrong one costs `cost_keys`.
///
/// `probability` is that of the first bytes of the text, and falls with their number. So as the
/// text grows, or as the user types into it, the best end only moves forward.
#[must_use]
pub fn best_end(
    context: &CursorContext,
    rest: Rest<'_>,
    n_likely: usize,
    probability: impl Fn(usize) -> f64,
    cost_keys: f64,
) -> usize {
    let text = rest.text;
    let n_leading = text.chars().take_while(|c| c.is_whitespace()).count();
    let (mut best, mut best_value) = (0, cost_keys);
    let (mut counted, mut n_chars) = (0, 0);
    for end in ends(context, rest, n_likely) {
        n_chars += text[counted..end].chars().count();
        counted = end;
        let n_trailing = text[..end].chars().rev().take_while(|c| c.is_whitespace()).count();
        let n_visible = n_chars.saturating_sub(n_leading + n_trailing);
        // P·n - (1 - P)·cost, plus the cost.
        let value = probability(end) * (n_visible as f64 + cost_keys);
        if value > best_value {
            (best, best_value) = (end, value);
        }
    }
    best
}

/// The byte lengths, ascending, at which a text may be cut if its first `n_likely` bytes are likely.
/// O(n).
fn ends(context: &CursorContext, rest: Rest<'_>, n_likely: usize) -> Vec<usize> {
    let text = rest.text;
    let n_likely = text.floor_char_boundary(n_likely);
    let is_joined = text.contains('\n') && suffix::has_code(&context.line_after);
    let mut ends = if context.is_before_a_line() {
        // A partial line would be joined to the existing line.
        insert_above::line_ends(context, text, n_likely).collect()
    } else if suffix::must_follow(&context.line_after) || is_joined {
        // Part of the text would not fit before the rest of the line.
        vec![]
    } else {
        ends_of_parts(context, rest, n_likely)
    };
    if rest.is_whole && n_likely == text.len() {
        ends.retain(|it| *it < text.len());
        ends.push(text.len());
    }
    ends
}

/// The longest text that may be shown.
#[cfg(test)]
pub(crate) fn longest(context: &CursorContext, rest: Rest<'_>, n_likely: usize) -> usize {
    ends(context, rest, n_likely).last().copied().unwrap_or(0)
}

/// As [`ends`], where nothing depends on the whole text.
fn ends_of_parts(context: &CursorContext, rest: Rest<'_>, n_likely: usize) -> Vec<usize> {
    let Rest { typed, text, held_back, is_whole } = rest;
    let all = format!("{text}{held_back}");
    let rest = all.as_str();
    // The lines above are not scanned: the first known one may start inside a string.
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
    // The end of the last non-whitespace character, and the number of such characters up to there.
    let (mut kept, mut n_chars) = (0, 0);
    let mut ends = vec![];
    for (start, c) in rest.char_indices().chain([(rest.len(), ' ')]) {
        if start > n_likely {
            break;
        }
        if n_chars >= MIN_CHARS && ends.last() != Some(&kept) && may_end(start) {
            ends.push(kept);
        }
        if !c.is_whitespace() {
            n_chars += 1;
            kept = start + c.len_utf8();
        }
    }
    ends
}

/// The strings and comments that the text itself opens, as byte ranges in it.
#[derive(Debug, Default)]
struct Own {
    /// Strings, character literals and comments. The range of one that is not closed has no end,
    /// nor has that of the last token of an incomplete line. Those that the user began are not
    /// included: the text may be cut inside them.
    texts: Vec<Range<usize>>,
    /// The ends of further lines where a block or bracket that such a line opened is still open.
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

/// Whether a text may end at a byte_idx without splitting a word, a grapheme or a string prefix. At
/// the end of the text the next character is unknown, so the last character decides.
fn is_word_boundary(text: &str, byte_idx: usize) -> bool {
    let Some(before) = text[..byte_idx].chars().next_back() else { return true };
    // A new token follows these.
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
        // Do not split an operator such as `!=`.
        _ if is_operator(before) && is_operator(after) => true,
        // A raw string's prefix, as in `r#"`.
        '#' => is_word(before),
        _ if is_quote => is_word(before) || before == '#',
        _ => is_word(before) && is_word(after),
    };
    !joins && before != '\u{200d}' && !is_mark(after)
}

#[cfg(test)]
mod tests;

//! Cuts where the text after the cursor is repeated.

use std::sync::Arc;

use super::{CursorContext, brackets, indent_width, indent_width_of};
use crate::{scanner::is_word, structure::TextLine};

/// Where a line starts to repeat the text after the cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meets {
    /// At this byte_idx.
    At(usize),
    /// At this byte_idx, if the text that follows continues the repetition.
    MaybeAt(usize),
    /// Nowhere.
    Not,
}

/// The shortest rest of a line that is searched for anywhere in a line. A shorter one (`)`, `;`)
/// occurs in too many places and only counts as a bracket or at the end.
const MIN_REST_CHARS: usize = 3;

/// Whether a generated line must contain the rest of the cursor's line, because a complete line
/// and the rest cannot share one line. This excludes auto-closed text, comments and a short rest
/// without a word, such as `;`.
pub(super) fn must_follow(line_after: &str) -> bool {
    let rest = line_after.trim();
    (is_long(rest) || rest.starts_with(is_word)) && has_code(line_after)
}

/// Whether the rest of the cursor's line has code other than auto-closed text.
pub(super) fn has_code(line_after: &str) -> bool {
    let rest = line_after.trim();
    let is_comment = ["//", "#", "--", "/*", "<!--"].iter().any(|it| rest.starts_with(it));
    !brackets::only_closers(rest) && !is_comment
}

/// Whether a text is long enough that another occurrence of it is no coincidence.
pub(super) fn is_long(text: &str) -> bool {
    text.chars().count() >= MIN_REST_CHARS
}

/// Searches for the rest of the cursor's line in a generated line. A match inside a word does not
/// count, unless the cursor is inside one.
pub(super) fn in_line(line: &str, line_before: &str, line_after: &str, complete: bool) -> Meets {
    let rest = line_after.trim();
    let Some(first) = rest.chars().next() else {
        return Meets::Not;
    };
    if brackets::only_closers(rest) {
        return brackets::first_unmatched(line, first).map_or(Meets::Not, Meets::At);
    }
    let is_in_word = line_before.ends_with(is_word) && line_after.starts_with(is_word);
    let search = Search { line, rest, is_in_word };
    if rest.chars().count() < MIN_REST_CHARS {
        let at = line.len().saturating_sub(rest.len());
        return match line.get(at..) {
            Some(end) if complete && end == rest && search.is_boundary(at) => Meets::At(at),
            _ if complete => Meets::Not,
            // The tail may be the rest, which is decided when the line is complete.
            _ => search.tail(),
        };
    }
    let mut found = line.match_indices(rest).map(|it| it.0);
    match found.find(|at| search.is_boundary(*at) && search.ends_word(*at + rest.len(), complete)) {
        Some(at) => Meets::At(at),
        None if complete => Meets::Not,
        None => search.tail(),
    }
}

struct Search<'a> {
    line: &'a str,
    rest: &'a str,
    /// Whether the cursor is inside a word.
    is_in_word: bool,
}

impl Search<'_> {
    /// Whether the rest may start at a byte_idx without splitting a word.
    fn is_boundary(&self, at: usize) -> bool {
        self.is_in_word || !self.rest.starts_with(is_word) || !self.line[..at].ends_with(is_word)
    }

    /// Whether the last word of the rest ends at a byte_idx. An incomplete line may still continue
    /// it.
    fn ends_word(&self, end: usize, complete: bool) -> bool {
        let next = &self.line[end..];
        !self.rest.ends_with(is_word)
            || !next.starts_with(is_word) && (complete || !next.is_empty())
    }

    /// The longest tail of the line that is a prefix of the rest.
    fn tail(&self) -> Meets {
        let from = self.line.len().saturating_sub(self.rest.len());
        (from..self.line.len())
            .filter(|at| self.line.is_char_boundary(*at) && self.is_boundary(*at))
            .find(|at| self.rest.starts_with(&self.line[*at..]))
            .map_or(Meets::Not, Meets::MaybeAt)
    }
}

/// Whether a text repeats the document's next lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Repeats {
    Yes,
    /// Possibly, if the text continues like the document.
    Maybe,
    No,
}

/// Compares the text's lines from line `i` on with the document's next non-blank lines, including
/// indentation. A line that opens something is only a repetition if the lines up to its
/// closer are the same, too: two calls with the same first line are different calls.
pub(super) fn repeats(
    context: &CursorContext,
    text: &str,
    lines: &[Arc<TextLine>],
    i: usize,
) -> Repeats {
    let width = |k: usize, line: &str| match k {
        0 => indent_width_of(&context.line_before, line),
        _ => indent_width(line),
    };
    let mut below = context.lines_below().peekable();
    let Some(next_width) = below.peek().map(|it| indent_width(it)) else { return Repeats::No };
    let mut said = (i..lines.len())
        .map(|k| (k, &lines[k], &text[lines[k].start..lines[k].end]))
        .filter(|(k, _, content)| *k == i || !content.trim().is_empty());
    let mut is_first = true;
    while let Some(next) = below.next() {
        let Some((k, line, content)) = said.next() else {
            return match lines.last() {
                // The text ends after the line that was compared.
                Some(it) if it.is_complete => Repeats::Yes,
                _ => Repeats::Maybe,
            };
        };
        let is_same = width(k, content) == indent_width(next);
        let is_last = k + 1 == lines.len();
        if is_last && !is_first && is_same && next.trim().starts_with(content.trim()) {
            // The text may end in the middle of a line.
            return if line.is_complete { Repeats::Yes } else { Repeats::Maybe };
        }
        if !line.is_complete && is_same && next.trim().starts_with(content.trim()) {
            return Repeats::Maybe;
        }
        if !line.is_complete || !is_same || content.trim() != next.trim() {
            return Repeats::No;
        }
        let has_body = below.peek().is_some_and(|it| indent_width(it) > next_width);
        let n_open = k.checked_sub(1).map_or(0, |above| lines[above].open.len());
        if line.open.len() <= n_open && !has_body {
            return Repeats::Yes;
        }
        is_first = false;
    }
    Repeats::Yes
}

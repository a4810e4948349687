//! Cuts where the text after the cursor is repeated.

use super::{Cut, Phase, StopRule, brackets, indent_width, lines};

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
/// and the rest cannot share one line. This excludes auto-closed text and comments.
pub(super) fn must_follow(line_after: &str) -> bool {
    let rest = line_after.trim();
    let is_comment = ["//", "#", "--", "/*", "<!--"].iter().any(|it| rest.starts_with(it));
    rest.chars().count() >= MIN_REST_CHARS && !brackets::only_closers(rest) && !is_comment
}

/// Searches for the rest of the cursor's line in a generated line.
pub(super) fn in_line(line: &str, line_after: &str, complete: bool) -> Meets {
    let rest = line_after.trim();
    let Some(first) = rest.chars().next() else {
        return Meets::Not;
    };
    if brackets::only_closers(rest) {
        return brackets::first_unmatched(line, first).map_or(Meets::Not, Meets::At);
    }
    if rest.chars().count() < MIN_REST_CHARS {
        let at = line.len().saturating_sub(rest.len());
        return match line.get(at..) {
            Some(end) if complete && end == rest => Meets::At(at),
            _ if complete => Meets::Not,
            // The tail may be the rest, which is decided when the line is complete.
            _ => MaybeTail { line, rest }.find(),
        };
    }
    match line.find(rest) {
        Some(at) => Meets::At(at),
        None if complete => Meets::Not,
        None => MaybeTail { line, rest }.find(),
    }
}

struct MaybeTail<'a> {
    line: &'a str,
    rest: &'a str,
}

impl MaybeTail<'_> {
    /// The longest tail of the line that is a prefix of the rest.
    fn find(&self) -> Meets {
        let from = self.line.len().saturating_sub(self.rest.len());
        (from..self.line.len())
            .filter(|at| self.line.is_char_boundary(*at))
            .find(|at| self.rest.starts_with(&self.line[*at..]))
            .map_or(Meets::Not, Meets::MaybeAt)
    }
}

/// Searches for the file's next line among the generated ones.
pub(super) fn in_block(indent: &str, text: &str, next_line: &str, phase: Phase) -> Cut {
    let all = Cut::all(text);
    let next = next_line.trim();
    if next.is_empty() {
        return all;
    }
    let n_lines = lines(text).count();
    let next_closes = brackets::only_closers(next);
    let (mut depth, mut n_counted_bytes) = (0, 0);
    for (i, (start, line)) in lines(text).enumerate() {
        depth += brackets::depth(&text[n_counted_bytes..start]);
        n_counted_bytes = start;
        let written = if i == 0 { format!("{indent}{line}") } else { line.to_owned() };
        let complete = phase.is_final() || i + 1 < n_lines;
        // A closing bracket of the text's own block is no repetition of the next line.
        let own = next_closes && (depth > 0 || indent_width(&written) != indent_width(next_line));
        if own {
            continue;
        }
        if complete && line.trim() == next {
            return Cut { keep_bytes: start, stop: Some(StopRule::SuffixMet) };
        }
        if !complete && next.starts_with(line.trim()) {
            return Cut { keep_bytes: start, stop: None };
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counting all brackets above again for each line would take a minute.
    #[test]
    fn long_text_is_scanned_once() {
        let text = "a\n".repeat(200_000);
        assert_eq!(in_block("", &text, "}", Phase::Partial), Cut::all(&text));
        let closed = format!("{text}if x {{\n}}\n}}\n");
        let met = Cut { keep_bytes: closed.len() - 2, stop: Some(StopRule::SuffixMet) };
        assert_eq!(
            in_block("", &closed, "}", Phase::Partial),
            met,
            "the bracket of a block opened in the text does not end it"
        );
    }
}

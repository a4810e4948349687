//! The constructs open at the cursor, those that the document closes after the cursor, and how each
//! line of a generated text changes them.

mod known_lines;
mod problems;

use std::sync::Arc;

use parking_lot::Mutex;

use crate::{
    CursorContext, Phase, Scans,
    scanner::{Frame, Kind, Language, MAX_DEPTH, Scanner, is_word, must_close},
};
use known_lines::{KnownLines, LastLine, LineState};
use problems::{n_misfits, n_must_close, problems, problems_after};

/// The number of lines after the cursor that are scanned if only the surroundings are known.
const MAX_LINES_BELOW: usize = 60;

/// The maximum number of lines after the cursor that are scanned.
const MAX_LINES_AFTER: usize = 600;

/// Each text is scanned together with the cursor's line before the cursor. Of a longer line, this
/// many bytes are scanned; the state before them is kept.
const MAX_LINE_BYTES: usize = 1024;

/// The structure at one cursor.
#[derive(Debug)]
pub(crate) struct Structure {
    /// The state at the start of the cursor's line, and that line up to the cursor; of a long line,
    /// only its end.
    line_start: Scanner,
    line_before: String,
    /// The frames open at the cursor, and whether the document closes each.
    open: Vec<Frame>,
    is_closed: Vec<bool>,
    /// Closers after the cursor without an opener, nearest first, with the indentation of their
    /// lines. They may close what a text opens.
    surplus: Vec<(Kind, usize)>,
    /// The text after the cursor, and the number of misfits in the document as it is without a
    /// text.
    after: String,
    n_problems: usize,
    /// Whether lines near the cursor end with a comment after code.
    pub(crate) has_trailing_comments: bool,
    known: Mutex<KnownLines>,
    /// The last result of [`Structure::is_closed_below`].
    closed_below: Mutex<Option<(String, bool)>>,
}

/// The effect of one line of a text.
#[derive(Debug, Clone)]
pub(crate) struct TextLine {
    /// The byte range in the text, without the line break.
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// Whether the line cannot grow any more.
    pub(crate) is_complete: bool,
    /// The end of the part whose meaning cannot change if the line continues.
    pub(crate) decided_end: usize,
    /// Whether it starts in a string or comment.
    pub(crate) starts_in_text: bool,
    /// The number of unclosed frames of the text at the start of the line.
    pub(crate) n_open_before: usize,
    /// The frames that the text opened and has not closed at the end of the line.
    pub(crate) open: Vec<Frame>,
    /// Byte_idx in the text of the first closer of a frame that the document closes after the
    /// cursor.
    pub(crate) closes_at: Option<usize>,
    /// Whether the line closes a frame that the document leaves open.
    pub(crate) closes_unclosed: bool,
    /// The start of a line comment after code.
    pub(crate) comment_at: Option<usize>,
}

impl TextLine {
    /// The start of the string or comment that is open at the end of the line.
    pub(crate) fn text_start(&self) -> Option<usize> {
        self.open.iter().filter(|it| it.kind.is_text()).map(|it| it.start).min()
    }
}

impl Structure {
    /// The structure at a cursor between `before` and `after`; `is_whole` if the document ends with
    /// `after`.
    pub(crate) fn new(
        scans: &Scans,
        uri: &str,
        language: &'static Language,
        before: &str,
        after: &str,
        is_whole: bool,
    ) -> Self {
        let (_, line_before) = before.rsplit_once('\n').unwrap_or(("", before));
        let mut line_start =
            scans.after(uri, language, &before[..before.len() - line_before.len()]);
        let indent = crate::indent_width(line_before);
        let (far, line_before) = line_before.split_at(start_of_near(line_before));
        if !far.is_empty() {
            line_start.line_start(far, 0);
        }
        let end = after.match_indices('\n').nth(MAX_LINES_AFTER).map(|it| it.0);
        let is_whole = is_whole && end.is_none();
        let after = &after[..end.unwrap_or(after.len())];
        let mut at_cursor = line_start.clone();
        at_cursor.line(line_before, 0, false);
        let open = at_cursor.frames.clone();
        let Below { mut is_closed, surplus, mut n_problems } =
            closed_after(line_start.clone(), line_before, indent, &open, after, is_whole);
        // A delimiter below may open another string instead of closing this one.
        if let Some(Frame { kind, .. }) = open.last().filter(|it| it.kind.is_text())
            && kind.spans_lines()
            && is_closed.last() == Some(&true)
        {
            at_cursor.frames.pop();
            let (rest, below) = after.split_once('\n').unwrap_or((after, ""));
            at_cursor.line(rest, 0, true);
            let n_without = problems(at_cursor, below);
            if n_without < n_problems {
                n_problems = n_without;
                is_closed.pop();
                is_closed.push(false);
            }
        }
        Self {
            line_start,
            line_before: line_before.to_owned(),
            open,
            is_closed,
            surplus,
            after: after.to_owned(),
            n_problems,
            has_trailing_comments: has_trailing_comments(language, before, after),
            known: Mutex::default(),
            closed_below: Mutex::default(),
        }
    }

    /// The structure at a cursor for which only the surrounding lines are known.
    pub(crate) fn of(context: &CursorContext) -> Self {
        let CursorContext { above, line_before, line_after, below, language, .. } = context;
        let before = format!("{above}\n{line_before}");
        let is_whole = below.lines().count() < MAX_LINES_BELOW;
        let after = format!("{line_after}\n{below}");
        let language = Language::of(language, "");
        Self::new(&Scans::default(), "", language, &before, &after, is_whole)
    }

    /// The string or comment that the cursor is in.
    pub(crate) fn text_at_cursor(&self) -> Option<&Kind> {
        self.open.last().map(|it| &it.kind).filter(|it| it.is_text())
    }

    /// Whether the document closes the string or comment that the cursor is in.
    pub(crate) fn closes_text(&self) -> bool {
        self.is_closed.last().copied().unwrap_or_default()
    }

    /// Whether the cursor's line opened a bracket, keyword or element.
    pub(crate) fn opens_in_line(&self) -> bool {
        let before = self.line_start.frames.len();
        self.open.len() > before && self.open.last().is_some_and(|it| !it.kind.is_text())
    }

    pub(crate) fn language(&self) -> &'static Language {
        self.line_start.language
    }

    /// The effect of each line of a text, starting with the cursor's line.
    pub(crate) fn lines(&self, text: &str, phase: Phase) -> Vec<Arc<TextLine>> {
        let mut known = self.known.lock();
        if let Some(lines) = known.get(text, phase) {
            return lines;
        }
        let (above, last) = text.rsplit_once('\n').map_or((None, text), |it| (Some(it.0), it.1));
        let (mut lines, mut state) = (vec![], None);
        if let Some(above) = above {
            let n_lines = above.bytes().filter(|it| *it == b'\n').count() + 1;
            let n_same = known.n_same(text).min(n_lines);
            if n_same < n_lines {
                known.truncate(n_same);
                for (i, (start, line)) in crate::lines(above).enumerate().skip(n_same) {
                    let mut state = known.state().unwrap_or_else(|| self.at_cursor());
                    let line = self.line(&mut state, i, start, line, true);
                    known.push(&text[start..=line.end], Arc::new(line), state);
                }
            }
            lines.extend_from_slice(&known.lines[..n_lines]);
            state = Some(known.states[n_lines - 1].clone());
        }
        let mut state = state.unwrap_or_else(|| self.at_cursor());
        let start = text.len() - last.len();
        let i = lines.len();
        let last = Arc::new(self.line(&mut state, i, start, last, phase.is_final()));
        let decided = text[..last.decided_end].to_owned();
        known.push_last(LastLine { decided, phase, line: Arc::clone(&last) });
        drop(known);
        lines.push(last);
        lines
    }

    fn at_cursor(&self) -> LineState {
        LineState { scanner: self.line_start.clone(), n_base: self.open.len() }
    }

    /// Scans line `i` of a text, and updates the state.
    fn line(
        &self,
        state: &mut LineState,
        i: usize,
        start: usize,
        line: &str,
        is_complete: bool,
    ) -> TextLine {
        let LineState { scanner, n_base } = state;
        let cursor = self.line_before.len();
        let decided = decided_part(line, is_complete);
        let starts_in_text = match i {
            0 => self.text_at_cursor().is_some(),
            _ => scanner.is_in_text(),
        };
        let n_open_before = match i {
            0 => 0,
            _ => self.n_unclosed(&scanner.frames[(*n_base).min(scanner.frames.len())..]),
        };
        scanner.clear_events();
        if i == 0 {
            let line = format!("{}{decided}", self.line_before);
            scanner.line(&line, 0, is_complete);
        } else {
            scanner.line(decided, cursor + start, is_complete);
        }
        let (mut closes_at, mut closes_unclosed) = (None, false);
        for closed in scanner.closed.iter().filter(|it| it.at >= cursor) {
            if closed.depth >= *n_base || closes_at.is_some() {
                continue;
            }
            if self.is_closed[closed.depth] {
                closes_at = Some(closed.at - cursor);
            } else {
                closes_unclosed = true;
                *n_base = closed.depth;
            }
        }
        let n = (*n_base).min(scanner.frames.len());
        let frame = |it: Frame| Frame {
            start: it.start.saturating_sub(cursor),
            end: it.end.saturating_sub(cursor),
            ..it
        };
        TextLine {
            start,
            end: start + line.len(),
            is_complete,
            decided_end: start + decided.len(),
            starts_in_text,
            n_open_before,
            open: scanner.frames[n..].iter().cloned().chain(scanner.pending()).map(frame).collect(),
            closes_at,
            closes_unclosed,
            comment_at: scanner.comment_at.and_then(|it| it.checked_sub(cursor)),
        }
    }

    /// Whether the document has closers after the cursor that close nothing.
    pub(crate) fn has_surplus(&self) -> bool {
        !self.surplus.is_empty()
    }

    /// Whether the document after the cursor closes what the text leaves open: with the text, the
    /// document has fewer misfits than without it.
    pub(crate) fn is_closed_below(&self, text: &str) -> bool {
        let mut last = self.closed_below.lock();
        if let Some((of, is_closed)) = &*last
            && of == text
        {
            return *is_closed;
        }
        let is_closed = self.scan_is_closed_below(text);
        *last = Some((text.to_owned(), is_closed));
        is_closed
    }

    fn scan_is_closed_below(&self, text: &str) -> bool {
        let line = format!("{}{text}", self.line_before);
        let n_problems = problems_after(&self.line_start, &line, &self.after);
        // The end of a heredoc is not a misfit without its start, so closing it does not lower the
        // count.
        let lines = self.lines(text, Phase::Final);
        let is_heredoc = lines.last().and_then(|it| it.open.last());
        let is_heredoc = is_heredoc.is_some_and(|it| matches!(it.kind, Kind::Heredoc { .. }));
        n_problems < self.n_problems || is_heredoc && n_problems == self.n_problems
    }

    /// Whether the cursor's line continues after a text without a new misfit or line comment.
    pub(crate) fn continues_after(&self, text: &str) -> bool {
        let line = format!("{}{text}", self.line_before);
        let is_in_comment = !text.contains('\n') && self.after("").line_comment.is_some();
        (is_in_comment || self.after(text).line_comment.is_none())
            && problems_after(&self.line_start, &line, &self.after) <= self.n_problems
    }

    /// The state after a text whose last line continues.
    pub(crate) fn after(&self, text: &str) -> Scanner {
        let text = format!("{}{text}", self.line_before);
        let mut scanner = self.line_start.clone();
        for (start, line) in crate::lines(&text) {
            scanner.line(line, start, start + line.len() < text.len());
        }
        scanner
    }

    /// The number of frames that neither the text nor the document closes.
    pub(crate) fn n_unclosed(&self, frames: &[Frame]) -> usize {
        if !must_close(frames) {
            return 0;
        }
        let mut surplus = self.surplus.iter();
        let mut frames = frames.iter().rev().peekable();
        while let Some(frame) = frames.peek() {
            let closes = |it: &&(Kind, usize)| it.0 == frame.kind && it.1 == frame.indent;
            if surplus.as_slice().first().filter(closes).is_none() {
                break;
            }
            surplus.next();
            frames.next();
        }
        frames.filter(|it| must_close(std::slice::from_ref(*it))).count()
    }
}

/// A closer after the cursor whose opener is not after the cursor.
struct Closer {
    kind: Kind,
    /// The indentation of its line, if it starts the line.
    indent: Option<usize>,
    /// Whether it is on the cursor's line, where an editor may have inserted it.
    is_beside_cursor: bool,
}

/// The effect of the text after the cursor.
struct Below {
    /// Whether each frame open at the cursor is closed.
    is_closed: Vec<bool>,
    /// Closers without an opener, with the indentation of their lines.
    surplus: Vec<(Kind, usize)>,
    /// The number of misfits, counted as in [`problems`].
    n_problems: usize,
}

/// Finds the frames that `after` closes.
///
/// A closer at the start of a line belongs to the opener with the same indentation. Of the other
/// closers, the last belongs to the outermost opener, so that a text may close the innermost ones.
fn closed_after(
    mut scanner: Scanner,
    line_before: &str,
    line_indent: usize,
    open: &[Frame],
    after: &str,
    is_whole: bool,
) -> Below {
    let cursor = line_before.len();
    let mut closers: Vec<Closer> = vec![];
    // The scanner itself closes strings, so that the rest is scanned as code.
    let n_text = open.iter().rposition(|it| it.kind.is_text()).map_or(0, |it| it + 1);
    let mut n_base = open.len();
    let mut is_closed = vec![!is_whole; open.len()];
    let mut n_problems = 0;
    for (i, (start, line)) in crate::lines(after).enumerate() {
        scanner.clear_events();
        let width = crate::indent_width(line);
        let first_at = start + cursor + (line.len() - line.trim_start().len());
        if i == 0 {
            scanner.line(&format!("{line_before}{line}"), 0, true);
        } else {
            scanner.line(line, cursor + start, true);
        }
        n_problems += n_misfits(&scanner);
        let closed = scanner.closed.iter().filter(|it| it.at >= cursor && it.depth < n_base);
        let closed: Vec<_> = closed.copied().collect();
        let line_closer = |kind: &Kind, at: usize| Closer {
            kind: kind.clone(),
            indent: (i > 0 && at == first_at).then_some(width),
            is_beside_cursor: i == 0,
        };
        for it in closed {
            n_base = n_base.min(it.depth);
            if it.depth < n_text {
                is_closed[it.depth] = it.is_matched;
            } else if it.is_matched {
                closers.push(line_closer(&open[it.depth].kind, it.at));
            }
        }
        let unmatched = scanner.unmatched.iter().filter(|it| it.1 >= cursor);
        closers.extend(unmatched.map(|(kind, at)| line_closer(kind, *at)));
    }
    n_problems += n_must_close(&scanner);
    let mut surplus = vec![];
    let mut left: Vec<usize> = (n_text..open.len()).collect();
    let n_closers = closers.len();
    for (n, closer) in closers.iter().enumerate() {
        let is_kind = |depth: &usize| open[*depth].kind == closer.kind;
        let innermost = |fits: &dyn Fn(&usize) -> bool| {
            let limit = left.len().saturating_sub(MAX_DEPTH);
            left[limit..].iter().rposition(fits).map(|it| limit + it)
        };
        let aligned = match closer.indent {
            Some(indent) => innermost(&|it| is_kind(it) && open[*it].indent == indent),
            None => left
                .len()
                .checked_sub(1)
                .filter(|last| closer.is_beside_cursor && is_kind(&left[*last])),
        };
        // Skip this opener if a later closer has the same indentation.
        let is_awaited = |at: &usize| {
            let indent = open[left[*at]].indent;
            let is_better = |it: &Closer| it.kind == closer.kind && it.indent == Some(indent);
            closer.indent.is_some_and(|it| it > indent)
                && closers[n + 1..].iter().take(MAX_DEPTH).any(is_better)
        };
        // With more closers than openers, those that fit no opener may close what a text opens.
        let n_left = n_closers - n;
        let is_deeper = closer
            .indent
            .is_some_and(|indent| left.last().is_none_or(|it| open[*it].indent < indent));
        let is_extra = if is_whole { n_left > left.len() } else { is_deeper };
        let counted = || {
            let nth = n_left - 1;
            let fits = left.get(nth).is_some_and(is_kind);
            (fits && closer.indent.is_none() && is_whole).then_some(nth)
        };
        let fallback = || counted().or_else(|| innermost(&is_kind)).filter(|it| !is_awaited(it));
        let found = aligned.or_else(|| if is_extra { None } else { fallback() });
        match found {
            Some(at) => {
                is_closed[left[at]] = true;
                for skipped in left.drain(at..).skip(1) {
                    is_closed[skipped] = false;
                }
            }
            None => {
                surplus.push((closer.kind.clone(), closer.indent.unwrap_or(line_indent)));
            }
        }
    }
    if is_whole {
        // The document ends without closing these.
        left.iter().for_each(|it| is_closed[*it] = false);
    }
    Below { is_closed, surplus, n_problems }
}

/// The start of the part of the cursor's line that is scanned with each text, if possible after a
/// space.
fn start_of_near(line_before: &str) -> usize {
    let Some(limit) = line_before.len().checked_sub(MAX_LINE_BYTES) else { return 0 };
    let limit = line_before.floor_char_boundary(limit);
    let space = line_before[..limit].rfind(' ').filter(|it| limit - it < MAX_LINE_BYTES);
    let start = space.unwrap_or(limit);
    if line_before[..start].trim().is_empty() { 0 } else { start }
}

/// Whether one of the nearest lines ends with a comment after code.
fn has_trailing_comments(language: &'static Language, before: &str, after: &str) -> bool {
    let has_comment = |lines: Vec<&str>| {
        let mut scanner = Scanner::new(language);
        lines.into_iter().any(|line| {
            scanner.line(line, 0, true);
            scanner.comment_at.is_some()
        })
    };
    let mut above: Vec<_> = before.rsplit('\n').skip(1).take(MAX_LINES_BELOW).collect();
    above.reverse();
    has_comment(above) || has_comment(after.split('\n').skip(1).take(MAX_LINES_BELOW).collect())
}

/// The part of a line whose meaning cannot change if the line continues.
fn decided_part(line: &str, is_complete: bool) -> &str {
    if is_complete { line } else { without_last_token(line) }
}

/// A line without its last token, which may become another one: the last word and the punctuation
/// after it. A part after the last space that contains other characters is cut at the first of
/// them, which may be a delimiter.
pub(crate) fn without_last_token(line: &str) -> &str {
    let start = line.trim_end_matches(|c: char| !c.is_whitespace()).len();
    let is_plain = |c: char| is_word(c) || matches!(c, '.' | ',' | ':' | ';' | ')' | ']' | '(');
    let end = line[start..].find(|c| !is_plain(c)).map_or(line.len(), |n| start + n);
    let plain = &line[..end];
    plain.trim_end_matches(|c: char| !is_word(c) && !c.is_whitespace()).trim_end_matches(is_word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_end_of_a_long_line_is_scanned_again() {
        let far = "f(1, 'a', ".repeat(300);
        for (start, is_in_text) in [("let x = (", false), ("let s = \"", true), ("// ", false)] {
            let context = CursorContext::new(&format!("{start}{far}"), "").in_language("rust");
            let structure = Structure::of(&context);
            let mut scanner = Scanner::new(Language::of("rust", ""));
            scanner.line(&context.line_before, 0, false);
            let kinds =
                |frames: &[Frame]| frames.iter().map(|it| it.kind.clone()).collect::<Vec<_>>();
            assert_eq!(kinds(&structure.open), kinds(&scanner.frames));
            assert_eq!(structure.text_at_cursor().is_some(), is_in_text);
            assert!(structure.line_before.len() < 2 * MAX_LINE_BYTES);
        }
        let line = format!("let x = [{far}]; // {}", "word ".repeat(300));
        let structure = Structure::of(&CursorContext::new(&line, "").in_language("rust"));
        assert_eq!(structure.lines("foo", Phase::Partial)[0].comment_at, None);
    }
}

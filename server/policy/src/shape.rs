//! Cuts at the end of the line or block at the cursor.

use parking_lot::Mutex;

use crate::{
    CursorContext, Cut, Phase, StopRule, Style, block_end, brackets, insert_above,
    join::{self, Join},
    structure::Structure,
    suffix,
    syntax::Syntax,
};

/// The inputs that determine where a line or block ends.
pub(super) struct Shape<'a> {
    pub(super) context: &'a CursorContext,
    pub(super) structure: &'a Structure,
    /// `None` without a grammar, or if syntax errors are allowed.
    pub(super) syntax: Option<&'a Syntax>,
    pub(super) style: Style,
    pub(super) left_out: &'a [StopRule],
    pub(super) judged: &'a Mutex<Judged>,
}

impl Shape<'_> {
    /// Cuts a text to the line or block at the cursor.
    ///
    /// A fold over the prefixes of the text, so that a kept byte stays kept, and the first rule
    /// that stops a prefix stops the text, whatever follows. The characters of the first line are
    /// judged one by one, further lines only when they are complete.
    ///
    /// Also returns the end of a text that leads into the rest of the cursor's line, which may be
    /// longer.
    pub(super) fn cut(&self, text: &str, phase: Phase) -> (Cut, Option<usize>) {
        let mut judged = self.judged.lock();
        if !text.starts_with(&judged.text) {
            *judged = Judged::default();
        }
        let start = judged.text.len();
        for end in ends(text).skip_while(|end| *end <= start) {
            if judged.cut.stop.is_some() {
                break;
            }
            let Cut { keep_bytes, stop } = self.at_once(&text[..end], Phase::Partial);
            let stop = stop.filter(|it| !self.may_be_joined(&text[..end], *it));
            let is_held = stop.is_none() && text[..end].trim_start().contains('\n');
            judged.join = is_held.then(|| self.join().end(&text[..end], Phase::Partial)).flatten();
            let stop = judged.join.map(|_| StopRule::Joined).or(stop);
            judged.cut = Cut { keep_bytes: keep_bytes.max(judged.cut.keep_bytes), stop };
            let n_known = judged.text.len();
            judged.text.push_str(&text[n_known..end]);
        }
        let Judged { cut, join, .. } = *judged;
        drop(judged);
        if cut.stop.is_some() || !phase.is_final() {
            return (cut, join);
        }
        let at_end = self.at_once(text, phase);
        let keep_bytes = cut.keep_bytes.max(at_end.keep_bytes);
        match self.join().end(text, phase) {
            Some(end) => {
                (Cut { keep_bytes: cut.keep_bytes, stop: Some(StopRule::Joined) }, Some(end))
            }
            None => (Cut { keep_bytes, ..at_end }, None),
        }
    }

    fn join(&self) -> Join<'_> {
        Join { context: self.context, structure: self.structure, syntax: self.syntax }
    }

    /// Whether a text that a rule would stop may lead into the rest of the cursor's line once the
    /// model has ended it.
    fn may_be_joined(&self, text: &str, stop: StopRule) -> bool {
        let may_be = match stop {
            StopRule::RestFollows => true,
            StopRule::LineEnd => !self.context.line_before.trim().is_empty(),
            _ => false,
        };
        may_be && join::may_come(self.context, text, self.style.max_lines)
    }

    /// Cuts a text to the line or block at the cursor, and before a string or comment that is not
    /// closed yet.
    fn at_once(&self, text: &str, phase: Phase) -> Cut {
        let cut = self.cut_to_lines(text, phase);
        let kept = &text[..cut.keep_bytes];
        let may_grow = !phase.is_final() && cut.stop.is_none();
        let ends_line = text[kept.len()..].trim_start_matches([' ', '\t', '\r']).starts_with('\n');
        let phase_of_last = if may_grow && !ends_line { phase } else { Phase::Final };
        let lines = self.structure.lines(kept, phase_of_last);
        let Some(line) = lines.last() else { return cut };
        match line.text_start() {
            Some(start) if may_grow || !self.structure.is_closed_below(kept) => {
                let is_whole = insert_above::is_whole(self.context, kept);
                let keep_bytes = match is_whole {
                    true => insert_above::whole_lines(self.context, text, start),
                    false => start.min(cut.keep_bytes),
                };
                Cut { keep_bytes, ..cut }
            }
            // The last word and punctuation of an incomplete line may still become another token.
            _ if may_grow && !ends_line && !insert_above::is_whole(self.context, kept) => {
                Cut { keep_bytes: line.decided_end, ..cut }
            }
            _ => cut,
        }
    }

    fn cut_to_lines(&self, text: &str, phase: Phase) -> Cut {
        let context = self.context;
        let is_last = context.line_after.trim().is_empty();
        if context.line_before.trim().is_empty() {
            return if is_last {
                self.block(text, 0, phase)
            } else if context.is_before_a_line() {
                self.before_line(text, phase)
            } else {
                self.line(text, phase)
            };
        }
        match text.strip_prefix('\n') {
            // A new line after existing text only makes sense where a block opens or inside a
            // string or comment.
            Some(_) if is_last && self.opens_a_block() && !self.is_in_text() => {
                self.block(text, 1, phase)
            }
            Some(_) if self.is_in_lines() || self.opens_a_block() => self.body(text, phase),
            Some(_) if is_last && self.style.next_line => self.next_line(text, phase),
            Some(_) => Cut { keep_bytes: 0, stop: Some(StopRule::LineEnd) },
            None => self.line(text, phase),
        }
    }

    fn opens_a_block(&self) -> bool {
        brackets::opens_a_block(&self.context.line_before) || self.structure.opens_in_line()
    }

    /// Whether the cursor is in a string or comment that may span lines, at the end of its first or
    /// last line.
    fn is_in_lines(&self) -> bool {
        let rest = self.context.line_after.trim();
        let is_at_end =
            rest.is_empty() || rest == "*/" || rest == "-->" || brackets::only_closers(rest);
        let kind = self.structure.text_at_cursor();
        is_at_end && kind.is_some_and(|it| it.spans_lines() && it.closer_len() > 1)
    }

    /// Keeps lines after a complete line: no new paragraph, no auto-closed bracket, and no line
    /// that occurs below in the document, because models tend to copy those.
    fn next_line(&self, text: &str, phase: Phase) -> Cut {
        let after = text.strip_prefix('\n').unwrap_or(text);
        let (next, is_complete) = match after.split_once('\n') {
            Some((next, _)) => (next.trim(), true),
            None => (after.trim(), phase.is_final()),
        };
        if !is_complete {
            return Cut { keep_bytes: 0, stop: None };
        }
        let is_there = || self.context.below.split('\n').any(|it| it.trim() == next);
        if next.is_empty() || brackets::only_closers(next) || is_there() {
            return Cut { keep_bytes: 0, stop: Some(StopRule::LineEnd) };
        }
        let cut = self.block(text, 1, phase);
        let is_over = phase.is_final() || cut.stop.is_some();
        match text[..cut.keep_bytes].trim().is_empty() && is_over {
            true => Cut { keep_bytes: 0, stop: Some(StopRule::LineEnd) },
            false => cut,
        }
    }

    /// Keeps lines between a bracket and the closer that an editor inserted: the text repeats that
    /// closer on its own line, which replaces the inserted one (`n_replaced`).
    fn body(&self, text: &str, phase: Phase) -> Cut {
        let rest = self.context.line_after.trim();
        let closers = brackets::leading_closers(rest).unwrap_or_default().trim();
        if closers.is_empty() && !self.is_in_text() {
            return Cut { keep_bytes: 0, stop: Some(StopRule::LineEnd) };
        }
        let cut = self.block(text, 1, phase);
        if cut.stop != Some(StopRule::BlockEnd) || cut.keep_bytes == 0 {
            return cut;
        }
        let after = &text[cut.keep_bytes..];
        let line = after.trim_start();
        let start = text.len() - line.len();
        let lines = self.structure.lines(text, Phase::Final);
        if !lines.iter().any(|it| it.closes_at == Some(start)) && !self.is_closer_in_text(after) {
            return cut;
        }
        let n_closers = match closers {
            // The closer of an example in a comment or string.
            "" if line.lines().next().is_some_and(|it| it.trim_end() == "end") => "end".len(),
            _ => line.bytes().zip(closers.bytes()).take_while(|(a, b)| a == b).count(),
        };
        if n_closers == 0 {
            return cut;
        }
        let end = line.find('\n').map_or(text.len(), |n| start + n);
        let is_complete = end < text.len() || phase.is_final();
        let lines = self.structure.lines(&text[..end], Phase::Final);
        // Code after the closer belongs to the statement, unless it opens a block.
        let is_whole = lines.last().is_some_and(|it| self.structure.n_unclosed(&it.open) == 0);
        match is_complete {
            true if is_whole => Cut { keep_bytes: end, ..cut },
            true => Cut { keep_bytes: start + n_closers, ..cut },
            false => Cut { keep_bytes: start + n_closers, stop: None },
        }
    }

    fn is_in_text(&self) -> bool {
        self.structure.text_at_cursor().is_some()
    }

    /// Whether the next line in a string or comment has the indentation of the cursor's line, like
    /// the closer of an example there.
    fn is_closer_in_text(&self, after: &str) -> bool {
        let line = after.trim_start_matches('\n').split('\n').next().unwrap_or_default();
        self.is_in_text()
            && crate::indent_width(line) == crate::indent_width(&self.context.line_before)
    }

    fn leaves_out(&self, rule: StopRule) -> bool {
        self.left_out.contains(&rule)
    }

    /// Cuts at the end of the block whose first line is the text's line `first`.
    fn block(&self, text: &str, first: usize, phase: Phase) -> Cut {
        block_end::cut(&block_end::Block {
            context: self.context,
            structure: self.structure,
            max_lines: self.style.max_lines,
            first,
            ends: !self.leaves_out(StopRule::BlockEnd),
            meets_suffix: !self.leaves_out(StopRule::SuffixMet),
            text,
            phase,
        })
    }

    /// Keeps either a prefix for the existing line, or lines to insert above it.
    fn before_line(&self, text: &str, phase: Phase) -> Cut {
        let CursorContext { line_before, line_after, .. } = self.context;
        let line = text.split('\n').next().unwrap_or_default();
        let is_complete = phase.is_final() || line.len() < text.len();
        let meets = match suffix::must_follow(line_after) {
            true => suffix::in_line(line, line_before, line_after, is_complete),
            false => suffix::Meets::Not,
        };
        match meets {
            suffix::Meets::Not => insert_above::cut(line_before, text, line_after, phase),
            // The first line may continue after the existing line's text, of which it then is a
            // longer version.
            suffix::Meets::At(_) if !is_complete => Cut { keep_bytes: 0, stop: None },
            suffix::Meets::At(at) if line[at..].trim() != line_after.trim() => {
                insert_above::cut(line_before, text, line_after, phase)
            }
            _ => self.line(text, phase),
        }
    }

    fn line(&self, text: &str, phase: Phase) -> Cut {
        let cut = self.first_line(text, phase);
        let is_line_end =
            cut.stop == Some(StopRule::LineEnd) && text[cut.keep_bytes..].starts_with('\n');
        if !is_line_end || !self.context.line_after.trim().is_empty() {
            return cut;
        }
        // The next lines close what the line opens.
        let lines = self.structure.lines(text, phase);
        let is_open = self.structure.n_unclosed(&lines[0].open) > 0
            && !self.structure.is_closed_below(&text[..lines[0].end]);
        if !is_open || lines.len() < 2 {
            return cut;
        }
        // The document may already contain those lines.
        if !self.leaves_out(StopRule::SuffixMet) {
            match suffix::repeats(self.context, text, &lines, 1) {
                suffix::Repeats::Yes => return Cut { stop: Some(StopRule::SuffixMet), ..cut },
                suffix::Repeats::Maybe => return Cut { stop: None, ..cut },
                suffix::Repeats::No => {}
            }
        }
        let block = self.block(text, 1, phase);
        if block.keep_bytes > cut.keep_bytes { block } else { Cut { stop: block.stop, ..cut } }
    }

    fn first_line(&self, text: &str, phase: Phase) -> Cut {
        let CursorContext { line_before, line_after, .. } = self.context;
        let (line, complete) = match text.find('\n') {
            Some(line_end) => (&text[..line_end], true),
            None => (text, false),
        };
        let (line, complete) = match self.trailing_comment(text, phase) {
            Some(at) => (line[..at].trim_end(), true),
            None => (line, complete),
        };
        let is_whole = phase.is_final() || complete;
        let rest_must_follow = suffix::must_follow(line_after);
        let closers = brackets::leading_closers(line_after);
        let meets = if self.leaves_out(StopRule::SuffixMet) {
            suffix::Meets::Not
        } else {
            suffix::in_line(line, line_before, closers.unwrap_or(line_after), is_whole)
        };
        if !self.leaves_out(StopRule::SuffixMet)
            && !matches!(meets, suffix::Meets::At(_))
            && let Some(cut) = self.before_surplus(line, closers.unwrap_or_default(), is_whole)
        {
            return cut;
        }
        match meets {
            suffix::Meets::At(byte_idx) if closers.is_some() => {
                // Text from the repeated closer on replaces the auto-closed text (`n_replaced`).
                let rest = line_after.trim();
                let is_rest = is_whole && line[byte_idx..].trim_end() == rest;
                if is_rest && !brackets::only_closers(rest) {
                    return Cut { keep_bytes: byte_idx, stop: Some(StopRule::SuffixMet) };
                }
                if !is_whole && rest.starts_with(line[byte_idx..].trim_end()) {
                    return Cut { keep_bytes: byte_idx, stop: None };
                }
                // Keeps the last space of `{ a }`, unless the document has one.
                let has_gap = line[..byte_idx].ends_with(char::is_whitespace)
                    && !line_after.starts_with(char::is_whitespace)
                    && !line[..byte_idx].trim().is_empty();
                // Keeps it in `{ "a" }`, where the cursor is inside the quotes.
                let differs = !rest.starts_with(line[byte_idx..].trim_end());
                if has_gap
                    || differs
                    || brackets::retyped(line, closers.unwrap_or_default()).continues
                {
                    Cut { keep_bytes: line.len(), stop: complete.then_some(StopRule::LineEnd) }
                } else {
                    Cut { keep_bytes: byte_idx, stop: is_whole.then_some(StopRule::SuffixMet) }
                }
            }
            suffix::Meets::At(byte_idx) => {
                Cut { keep_bytes: byte_idx, stop: Some(StopRule::SuffixMet) }
            }
            _ if rest_must_follow
                && !line_before.trim().is_empty()
                && brackets::closes_first(line_after).is_some() =>
            {
                self.up_to_closer(line, complete, phase)
            }
            // The rest of the cursor's line would be appended to a line that is already complete.
            suffix::Meets::Not if rest_must_follow && is_whole => {
                Cut { keep_bytes: 0, stop: Some(StopRule::RestFollows) }
            }
            suffix::Meets::Not | suffix::Meets::MaybeAt(_)
                if rest_must_follow && !phase.is_final() =>
            {
                Cut { keep_bytes: 0, stop: None }
            }
            suffix::Meets::MaybeAt(byte_idx) => Cut { keep_bytes: byte_idx, stop: None },
            suffix::Meets::Not => {
                Cut { keep_bytes: line.len(), stop: complete.then_some(StopRule::LineEnd) }
            }
        }
    }

    /// Cuts a text before closers that the rest of the cursor's line has already: there, they close
    /// nothing yet.
    fn before_surplus(&self, line: &str, closers: &str, is_whole: bool) -> Option<Cut> {
        let closers = closers.trim();
        if closers.is_empty() || !self.structure.has_surplus() {
            return None;
        }
        let is_tail = |c: char| brackets::is_closer(c) || c.is_whitespace();
        let kept = match is_whole {
            true => line.trim_end().strip_suffix(closers)?,
            false => line.trim_end_matches(is_tail),
        };
        let is_closed = kept.len() < line.len() && self.structure.is_closed_below(kept);
        let stop = is_whole.then_some(StopRule::SuffixMet);
        is_closed.then_some(Cut { keep_bytes: kept.len(), stop })
    }

    /// The start of a trailing comment after the completed code of the cursor's line, if the line
    /// already has one or no line nearby does: such a comment probably addresses the reader.
    fn trailing_comment(&self, text: &str, phase: Phase) -> Option<usize> {
        let CursorContext { line_before, line_after, .. } = self.context;
        let has_comment = brackets::leading_closers(line_after)
            .is_some_and(|it| !line_after[it.len()..].trim().is_empty());
        if self.leaves_out(StopRule::Chat)
            || self.context.is_prose()
            || line_before.trim().is_empty()
            || !has_comment && self.structure.has_trailing_comments
        {
            return None;
        }
        let lines = self.structure.lines(text, phase);
        let line = lines.first()?;
        // Inside an open bracket, code continues after the comment.
        line.comment_at.filter(|at| {
            let code = format!("{line_before}{}", &text[..*at]);
            let is_in_bracket = brackets::depth(&code) > 0 && !has_comment;
            !is_in_bracket && self.structure.n_unclosed(&line.open) == 0
        })
    }

    /// Cuts a text whose line continues with a closer after the cursor: before the text closes the
    /// same bracket. A balanced text belongs in front of the closer.
    fn up_to_closer(&self, line: &str, complete: bool, phase: Phase) -> Cut {
        let is_whole = complete || phase.is_final();
        let closer = brackets::closes_first(&self.context.line_after).unwrap_or_default();
        if let Some(byte_idx) = brackets::first_unmatched(line, closer) {
            return Cut { keep_bytes: byte_idx, stop: Some(StopRule::SuffixMet) };
        }
        let is_balanced = brackets::depth(line) == 0;
        match (is_whole, is_balanced) {
            (true, true) => {
                Cut { keep_bytes: line.len(), stop: complete.then_some(StopRule::LineEnd) }
            }
            (true, false) => Cut { keep_bytes: 0, stop: Some(StopRule::RestFollows) },
            (false, _) => Cut { keep_bytes: 0, stop: None },
        }
    }
}

/// The longest prefix that was judged at one cursor, so that each new token only costs its own
/// evaluation.
#[derive(Debug, Default)]
pub(super) struct Judged {
    text: String,
    cut: Cut,
    /// The end of the part that leads into the rest of the cursor's line.
    join: Option<usize>,
}

/// Up to this length, each prefix of the first line is judged; beyond it, one in [`STEP_BYTES`].
const DENSE_BYTES: usize = 160;
const STEP_BYTES: usize = 16;
/// Beyond this length, the step doubles whenever the length does, so that a long line costs no more
/// than a constant number of evaluations of it.
const SPARSE_BYTES: usize = 1024;

/// The ends of the prefixes that are judged. They do not depend on later text.
fn ends(text: &str) -> impl Iterator<Item = usize> {
    let start = text.len() - text.trim_start_matches(char::is_whitespace).len();
    let first_end = text[start..].find('\n').map_or(text.len(), |n| start + n);
    let in_first = move |end: &usize| {
        let n_bytes = *end - start;
        let n_doublings = (n_bytes / SPARSE_BYTES).checked_ilog2().map_or(0, |it| it + 1);
        text.is_char_boundary(*end)
            && (n_bytes < DENSE_BYTES || n_bytes.is_multiple_of(STEP_BYTES << n_doublings))
    };
    let line_ends = text[first_end..].match_indices('\n').map(move |(i, _)| first_end + i + 1);
    (start + 1..=first_end).filter(in_first).chain(line_ends)
}

#[cfg(test)]
mod tests {
    use crate::{CursorContext, Phase, Policy, StopRule, Style, certainty};

    /// Compares the kept part of a text at the end of a complete line, and the part of it that is
    /// shown if the text is certain up to `|`.
    #[track_caller]
    fn check(before: &str, text: &str, stop: Option<StopRule>, kept: &str, shown: &str) {
        check_between(before, "\n", text, stop, kept, shown);
    }

    #[track_caller]
    fn check_between(
        before: &str,
        after: &str,
        text: &str,
        stop: Option<StopRule>,
        kept: &str,
        shown: &str,
    ) {
        let n_certain = text.find('|').unwrap_or(text.len());
        let text = text.replace('|', "");
        let context = CursorContext::new(before, after).in_language("python");
        let style = Style { next_line: true, ..Style::default() };
        let policy = Policy::new(context.clone()).with_style(style);
        let cut = policy.cut(&text, Phase::Final);
        assert_eq!((&text[..cut.keep_bytes], cut.stop), (kept, stop));
        let rest = certainty::Rest { typed: "", text: kept, held_back: "", is_whole: true };
        let n_bytes = certainty::longest(&context, rest, n_certain.min(kept.len()));
        assert_eq!(&kept[..n_bytes], shown);
        let without = Policy::new(context).cut(&text, Phase::Final);
        assert_eq!((without.keep_bytes, without.stop), (0, Some(StopRule::LineEnd)));
    }

    #[test]
    fn certain_next_line_follows_a_complete_one() {
        let next = "\n    b = g(a)";
        check("    a = f()", next, None, next, next);
        check("    a = f()", "\n    b = g(|a)", None, next, "");
    }

    #[test]
    fn cost_of_a_long_line_is_linear() {
        let n_judged_bytes = |n| super::ends(&"a".repeat(n)).sum::<usize>();
        assert!(n_judged_bytes(64_000) < 3 * n_judged_bytes(32_000));
    }

    #[test]
    fn each_further_line_must_be_certain() {
        let (one, two) = ("\n    b = g(a)", "\n    b = g(a)\n    c = h(b)");
        let text = "\n    b = g(a)\n    c| = h(b)\n\ndef f():\n";
        check("    a = f()", text, Some(StopRule::BlockEnd), two, one);
    }

    #[test]
    fn missing_next_line_ends_the_text() {
        check("    a = f()", "\n", Some(StopRule::LineEnd), "", "");
        check("    a = f()", "\n\n\n", Some(StopRule::LineEnd), "", "");
        check("    a = f()", "\n\ndef g():\n", Some(StopRule::LineEnd), "", "");
        check("    a = f()", "\n}", Some(StopRule::LineEnd), "", "");
    }

    #[test]
    fn line_from_below_is_not_repeated() {
        let after = "\n    b = g()\n    c = h()\n";
        let text = "\n    c = h()";
        check_between("    a = f()", after, text, Some(StopRule::LineEnd), "", "");
    }
}

//! Cuts at the end of the line or block at the cursor.

use crate::{
    CursorContext, Cut, Phase, StopRule, Style, block_end, brackets, insert_above,
    structure::Structure, suffix,
};

/// What the shape of a suggestion depends on.
pub(super) struct Shape<'a> {
    pub(super) context: &'a CursorContext,
    pub(super) structure: &'a Structure,
    pub(super) style: Style,
    pub(super) left_out: &'a [StopRule],
}

impl Shape<'_> {
    /// The line or block at the cursor, up to a string or comment that is not closed yet.
    pub(super) fn cut(&self, text: &str, phase: Phase) -> Cut {
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
            // The last word and punctuation of an incomplete line may become another token.
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
            // A whole new line after text makes sense where a block opens or in a string or
            // comment, and nowhere else.
            Some(_) if is_last && self.opens_a_block() && !self.is_in_text() => {
                self.block(text, 1, phase)
            }
            Some(_) if self.is_in_lines() || self.opens_a_block() => self.body(text, phase),
            Some(_) => Cut { keep_bytes: 0, stop: Some(StopRule::LineEnd) },
            None => self.line(text, phase),
        }
    }

    fn opens_a_block(&self) -> bool {
        brackets::opens_a_block(&self.context.line_before) || self.structure.opens_in_line()
    }

    /// Whether the cursor is in a string or comment that may have several lines, and at the end of
    /// its first one or of its last one.
    fn is_in_lines(&self) -> bool {
        let rest = self.context.line_after.trim();
        let is_at_end =
            rest.is_empty() || rest == "*/" || rest == "-->" || brackets::only_closers(rest);
        let kind = self.structure.text_at_cursor();
        is_at_end && kind.is_some_and(|it| it.spans_lines() && it.closer_len() > 1)
    }

    /// Lines between a bracket and the one that an editor closed it with: the text repeats that on a
    /// line of its own, in its place (`n_replaced`).
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
            // An example in a comment or string.
            "" if line.lines().next().is_some_and(|it| it.trim_end() == "end") => "end".len(),
            _ => line.bytes().zip(closers.bytes()).take_while(|(a, b)| a == b).count(),
        };
        if n_closers == 0 {
            return cut;
        }
        let end = line.find('\n').map_or(text.len(), |n| start + n);
        let is_complete = end < text.len() || phase.is_final();
        let lines = self.structure.lines(&text[..end], Phase::Final);
        // What follows on the closing line belongs to the statement, unless it opens a block.
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

    /// Whether the next line of a string or comment is as deep as the cursor's: an example closes
    /// what it opened there.
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

    /// Keeps either the beginning of the existing line, or lines to insert above it.
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
            // The first line may go on after the existing one, which then is only part of it.
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
        // What the line opens, the next lines close.
        let lines = self.structure.lines(text, phase);
        let is_open = self.structure.n_unclosed(&lines[0].open) > 0
            && !self.structure.is_closed_below(&text[..lines[0].end]);
        if !is_open || lines.len() < 2 {
            return cut;
        }
        // The document may have those lines already.
        if !self.leaves_out(StopRule::SuffixMet) {
            let (line_before, below) = (&self.context.line_before, self.context.lines_below());
            match suffix::repeats(line_before, text, &lines, 1, &below) {
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
        let is_whole = phase.is_final() || complete;
        let rest_must_follow = suffix::must_follow(line_after);
        let closers = brackets::leading_closers(line_after);
        let meets = if self.leaves_out(StopRule::SuffixMet) {
            suffix::Meets::Not
        } else {
            suffix::in_line(line, line_before, closers.unwrap_or(line_after), is_whole)
        };
        match meets {
            suffix::Meets::At(byte_idx) if closers.is_some() => {
                // What follows auto-closed text replaces it (`n_replaced`).
                let rest = line_after.trim();
                let is_rest = is_whole && line[byte_idx..].trim_end() == rest;
                if is_rest && !brackets::only_closers(rest) {
                    return Cut { keep_bytes: byte_idx, stop: Some(StopRule::SuffixMet) };
                }
                if !is_whole && rest.starts_with(line[byte_idx..].trim_end()) {
                    return Cut { keep_bytes: byte_idx, stop: None };
                }
                // `{ a }` keeps its last space.
                let has_gap = line[..byte_idx].ends_with(char::is_whitespace)
                    && !line[..byte_idx].trim().is_empty();
                // So does `{ "a" }` behind the quote.
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
            // The rest of the cursor's line would be appended to a line that is complete without
            // it.
            suffix::Meets::Not if rest_must_follow && complete => {
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

    /// Where the rest of the line starts with a closer, the text ends where it closes what was open
    /// before it; one that closes nothing is what belongs in between.
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

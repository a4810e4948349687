//! Stops at the end of the block that the text started.

use std::sync::Arc;

use super::{Cut, Phase, StopRule, indent_width, indent_width_of};
use crate::{
    CursorContext,
    structure::{Structure, TextLine},
    suffix::{self, Repeats},
};

/// A generated text, read as a block of lines.
pub(super) struct Block<'a> {
    pub(super) context: &'a CursorContext,
    pub(super) structure: &'a Structure,
    pub(super) max_lines: usize,
    /// The block's first line in the text: 1 if the text continues the cursor's line.
    pub(super) first: usize,
    /// Whether the end of the block cuts the text, and whether repeating the text after the cursor
    /// does.
    pub(super) ends: bool,
    pub(super) meets_suffix: bool,
    pub(super) text: &'a str,
    pub(super) phase: Phase,
}

/// Cuts at the end of the block: before a line that is indented less than its first one, before a
/// blank line, before the document's next line, at a closer of something that the document closes
/// itself, or after `max_lines` lines.
///
/// None of this applies inside a bracket or string that the text opened. A block may grow to twice
/// `max_lines` if it then closes everything it opened.
pub(super) fn cut(block: &Block<'_>) -> Cut {
    let lines = block.structure.lines(block.text, block.phase);
    let mut state = Progress { head: None, may_be_over: false, n_shown: 0, n_blank: 0, end: 0 };
    for (i, line) in lines.iter().enumerate().skip(block.first) {
        let before = i.checked_sub(1).map(|it| &lines[it]);
        if let Some(cut) = state.line(block, &lines, i, before) {
            return cut;
        }
        state.end = line.decided_end;
    }
    Cut { keep_bytes: state.end, stop: None }
}

struct Progress {
    /// The width of the first line's indentation.
    head: Option<usize>,
    /// Whether the block is over unless the next line is indented more than the first one.
    may_be_over: bool,
    n_shown: usize,
    /// Blank lines before the current one; the next line decides whether they belong to the block.
    n_blank: usize,
    /// The end of the last non-blank line.
    end: usize,
}

impl Progress {
    /// `None` if the line belongs to the block.
    fn line(
        &mut self,
        block: &Block<'_>,
        lines: &[Arc<TextLine>],
        i: usize,
        before: Option<&Arc<TextLine>>,
    ) -> Option<Cut> {
        let line = &lines[i];
        let content = &block.text[line.start..line.end];
        let ends_before = |stop| Some(Cut { keep_bytes: self.end, stop });
        let is_over = line.is_complete.then_some(StopRule::BlockEnd);
        let limit = |n_shown| n_shown >= block.max_lines;
        let is_in_own_text =
            line.starts_in_text && before.is_some_and(|it| it.text_start().is_some());
        let must_close_text = line.starts_in_text && !block.structure.closes_text();
        if is_in_own_text || must_close_text && i > 0 {
            self.n_shown += usize::from(!content.trim().is_empty());
            self.n_blank = 0;
            if let Some(at) = line.closes_at {
                return Some(Cut { keep_bytes: at, stop: is_over });
            }
            if line.closes_unclosed {
                let stop = line.is_complete.then_some(StopRule::BlockEnd);
                return Some(Cut { keep_bytes: line.decided_end, stop });
            }
            let stop = Some(StopRule::MaxLines);
            let is_long = line.is_complete && self.n_shown >= 4 * block.max_lines;
            return is_long.then_some(Cut { keep_bytes: line.end, stop });
        }
        let is_open = line.n_open_before > 0;
        if content.trim().is_empty() {
            if !line.is_complete {
                return ends_before(None);
            }
            // One blank line may start a paragraph; more indicate that the model has lost track.
            let may_continue = match self.head {
                None => i <= 1,
                Some(_) => self.n_blank == 0 || is_open && self.n_blank < 2,
            };
            if !may_continue && block.ends {
                return ends_before(is_over);
            }
            self.n_blank += usize::from(self.head.is_some());
            // `end` stays at the line before.
            return None;
        }
        let width = match i {
            0 => indent_width_of(&block.context.line_before, content),
            _ => indent_width(content),
        };
        let closes_unclosed = line.closes_unclosed && before.is_some();
        if let Some(head) = self.head
            && block.ends
            && !is_open
        {
            let leaves = width < head && !closes_unclosed;
            // An element with an optional end tag.
            let n_open = before.map_or(0, |it| it.open.len());
            let is_end_tag = content.trim_start().starts_with('<');
            let closes_own = is_end_tag && line.open.len() < n_open;
            let is_over_before = (self.n_blank > 0 || self.may_be_over) && width <= head;
            if leaves || is_over_before && !closes_own {
                // The line's first word may close something that the document leaves open.
                let is_undecided = block.text[line.start..line.decided_end].trim().is_empty();
                let may_close = leaves || is_end_tag && n_open > 0;
                let is_undecided = may_close && is_undecided && !line.is_complete;
                let stop = (!is_undecided).then_some(StopRule::BlockEnd);
                return ends_before(is_over.or(stop));
            }
        }
        if block.meets_suffix && !is_open {
            match suffix::repeats(block.context, block.text, lines, i) {
                Repeats::Yes => return ends_before(Some(StopRule::SuffixMet)),
                Repeats::Maybe => return ends_before(None),
                Repeats::No => {}
            }
        }
        if let Some(at) = line.closes_at.filter(|_| block.ends) {
            let is_first = block.text[line.start..at].trim().is_empty();
            let stop = line.is_complete.then_some(StopRule::BlockEnd);
            return Some(Cut { keep_bytes: if is_first { self.end } else { at }, stop });
        }
        self.head.get_or_insert(width);
        (self.n_blank, self.n_shown) = (0, self.n_shown + 1);
        let is_balanced = block.structure.n_unclosed(&line.open) == 0;
        let closes = is_open && is_balanced && width == 0 && self.n_shown > 1;
        // A function header may continue after its parameters.
        self.may_be_over = closes && !block.structure.language().ends_statement(content);
        let closes = closes && !self.may_be_over;
        // A text that continues the cursor's line ends once everything it opened is closed.
        let completes_line =
            block.first == 1 && is_balanced && is_open && self.opened_in_line(lines);
        if line.is_complete && block.ends && (closes || closes_unclosed || completes_line) {
            return Some(Cut { keep_bytes: line.end, stop: Some(StopRule::BlockEnd) });
        }
        let is_long = limit(self.n_shown) && (is_balanced || self.n_shown >= 2 * block.max_lines);
        if line.is_complete && block.ends && is_long {
            return Some(Cut { keep_bytes: line.end, stop: Some(StopRule::MaxLines) });
        }
        None
    }

    /// Whether the text's first line, which continues the cursor's line, opened something.
    fn opened_in_line(&self, lines: &[Arc<TextLine>]) -> bool {
        !lines[0].open.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use crate::tests::{check, check_in};

    #[test]
    fn blank_line_within_an_open_block_is_kept() {
        check(
            "ˇ",
            "fn f() {\n    let x = 1;\n\n    g(x)\n}\n\nfn g() {}",
            &expect![[r#"
                «fn f() {
                    let x = 1;

                    g(x)
                }»
                Some(BlockEnd)
            "#]],
        );
        check_in(
            "rust",
            "ˇ",
            "fn f() {\n    let x = \"}\";\n\n    g(x)\n}\n\nfn g() {}",
            &expect![[r#"
                «fn f() {
                    let x = "}";

                    g(x)
                }»
                Some(BlockEnd)
            "#]],
        );
        check(
            "class A:\n    ˇ",
            "def f(self):\n        a = 1\n\n        return a\n\n    def g(self):\n        pass",
            &expect![[r#"
                class A:
                    «def f(self):
                        a = 1

                        return a»
                Some(BlockEnd)
            "#]],
        );
    }

    #[test]
    fn two_blank_lines_end_every_block() {
        check(
            "ˇ",
            "def f():\n    a = 1\n\n\n    b = 2",
            &expect![[r#"
            «def f():
                a = 1»
            Some(BlockEnd)
        "#]],
        );
    }

    #[test]
    fn blank_line_after_a_statement_ends_the_block() {
        check(
            "    ˇ",
            "a = 1\n\n    b = 2",
            &expect![[r#"
                «a = 1»
            Some(BlockEnd)
        "#]],
        );
    }
}

//! Finds the end of a complete text that was not shown while it was generated.
//!
//! Text on screen must not be taken back, so a text that streams may show a line that turns out to
//! be wrong, or open a bracket that is never closed. A text that was not shown yet can still be
//! shortened.

use std::sync::Arc;

use crate::{
    CursorContext, Cut, Phase, StopRule, insert_above,
    scanner::Feature,
    structure::{Structure, TextLine},
    syntax::Syntax,
};

/// The inputs for judging a text.
pub(super) struct Judge<'a> {
    pub(super) context: &'a CursorContext,
    pub(super) structure: &'a Structure,
    /// `None` without a grammar, or if syntax errors are allowed.
    pub(super) syntax: Option<&'a Syntax>,
}

impl Judge<'_> {
    /// Shortens `cut`, the result for the complete text, to the last line after which the document
    /// is well formed. Nothing is added: a block that is never closed is cut off.
    pub(super) fn settle(&self, text: &str, cut: Cut) -> Cut {
        let kept = &text[..cut.keep_bytes];
        if kept.trim().is_empty() {
            return cut;
        }
        let lines = self.structure.lines(kept, Phase::Final);
        // A string that is never closed removes the line that opens it.
        let line_end = text[kept.len()..].find('\n').map_or(text.len(), |n| kept.len() + n);
        let line = self.structure.lines(&text[..line_end], Phase::Final).pop();
        let is_cut_short = line.and_then(|it| it.text_start()).is_some_and(|it| it >= kept.len())
            && !self.structure.is_closed_below(&text[..line_end]);
        let n_lines = lines.len() - usize::from(is_cut_short);
        let good = (0..n_lines).rev().find(|i| self.is_well_formed(kept, &lines, *i));
        if good.is_some_and(|it| kept[lines[it].end..].trim().is_empty()) {
            return cut;
        }
        let keep_bytes = good.map_or(0, |it| match insert_above::is_whole(self.context, kept) {
            true => insert_above::whole_lines(
                self.context,
                kept,
                (lines[it].end + 1 + self.context.line_before.len()).min(kept.len()),
            ),
            false => kept[..lines[it].end].trim_end().len(),
        });
        Cut { keep_bytes, stop: Some(StopRule::SyntaxErrors) }
    }

    /// Whether the document is well formed with the lines up to line `i`.
    fn is_well_formed(&self, text: &str, lines: &[Arc<TextLine>], i: usize) -> bool {
        let line = &lines[i];
        let content = text[line.start..line.end].trim();
        if content.is_empty() {
            return false;
        }
        let is_cursor_line = i == 0 && !self.context.line_before.trim().is_empty();
        // The user continues the cursor's line, so it may stay open.
        let may_be_open = is_cursor_line && lines.len() == 1;
        let is_open = self.structure.n_unclosed(&line.open) > 0;
        if (line.text_start().is_some() || is_open && !may_be_open)
            && !self.structure.is_closed_below(&text[..line.end])
        {
            return false;
        }
        if !is_cursor_line && self.is_lone_header(text, line) {
            return false;
        }
        // `Syntax::cut` has judged every line but the first, and lines inserted above an existing
        // line.
        let is_first = text[..line.start].trim().is_empty();
        let is_judged = !is_first || insert_above::is_whole(self.context, text);
        is_judged || !self.syntax.is_some_and(|it| it.is_worse(&text[..line.end]))
    }

    /// Whether a line is the header of an indented block that neither the text nor the document
    /// contains.
    fn is_lone_header(&self, text: &str, line: &TextLine) -> bool {
        let content = text[line.start..line.end].trim_end();
        if !self.structure.language().has(Feature::Colon) || !content.ends_with(':') {
            return false;
        }
        let width = match line.start {
            0 => crate::indent_width_of(&self.context.line_before, content),
            _ => crate::indent_width(content),
        };
        line.open.is_empty()
            && line.n_open_before == 0
            && !line.closes_unclosed
            && !line.starts_in_text
            && crate::indent_width(&self.context.next_line) <= width
    }
}

//! The end of a text of which nothing was shown while it grew.
//!
//! Text on screen cannot be taken back, so a text that grows may show a line that turns out to be
//! wrong, or open something that is never closed. If nothing was shown yet, neither happens.

use crate::{
    CursorContext, Cut, Phase, StopRule, insert_above,
    scanner::{Feature, Frame, Kind},
    structure::{Structure, TextLine},
    syntax::Syntax,
};

/// A complete text, and how it is shown if nothing of it was shown before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// How much of the text is shown.
    pub cut: Cut,
    /// What closes the blocks that the text has not closed, because it was too long.
    pub closing: String,
}

/// What a text is judged by.
pub(super) struct Judge<'a> {
    pub(super) context: &'a CursorContext,
    pub(super) structure: &'a Structure,
    /// `None` without a grammar, or if syntax errors are allowed.
    pub(super) syntax: Option<&'a Syntax>,
}

impl Judge<'_> {
    /// Shortens `cut`, the result for the complete text, to lines after which the document is well
    /// formed, or closes what a long block leaves open.
    pub(super) fn settle(&self, text: &str, cut: Cut) -> Settled {
        let kept = &text[..cut.keep_bytes];
        let whole = Settled { cut, closing: String::new() };
        if kept.trim().is_empty() {
            return whole;
        }
        let lines = self.structure.lines(kept, Phase::Final);
        // A string that is never closed takes the line that opens it with it.
        let line_end = text[kept.len()..].find('\n').map_or(text.len(), |n| kept.len() + n);
        let line = self.structure.lines(&text[..line_end], Phase::Final).pop();
        let is_cut_short = line.and_then(|it| it.text_start()).is_some_and(|it| it >= kept.len())
            && !self.structure.is_closed_below(&text[..line_end]);
        let n_lines = lines.len() - usize::from(is_cut_short);
        let good = (0..n_lines).rev().find(|i| self.is_well_formed(kept, &lines, *i));
        if good.is_some_and(|it| kept[lines[it].end..].trim().is_empty()) {
            return whole;
        }
        let refused = Some(StopRule::SyntaxErrors);
        if let Some((keep_bytes, closing)) = self.closed(kept, cut, &lines) {
            return Settled { cut: Cut { keep_bytes, stop: cut.stop.or(refused) }, closing };
        }
        let keep_bytes = good.map_or(0, |it| match insert_above::is_whole(self.context, kept) {
            true => insert_above::whole_lines(
                self.context,
                kept,
                (lines[it].end + 1 + self.context.line_before.len()).min(kept.len()),
            ),
            false => kept[..lines[it].end].trim_end().len(),
        });
        Settled { cut: Cut { keep_bytes, stop: refused }, closing: String::new() }
    }

    /// Whether the document is well formed with the lines up to line `i`.
    fn is_well_formed(&self, text: &str, lines: &[TextLine], i: usize) -> bool {
        let line = &lines[i];
        let content = text[line.start..line.end].trim();
        if content.is_empty() {
            return false;
        }
        let is_cursor_line = i == 0 && !self.context.line_before.trim().is_empty();
        // The user goes on in the cursor's line.
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
        // The lines after the first were judged one by one, those above an existing line together.
        let is_first = text[..line.start].trim().is_empty();
        let is_judged = !is_first || insert_above::is_whole(self.context, text);
        is_judged || !self.syntax.is_some_and(|it| it.is_worse(&text[..line.end]))
    }

    /// Whether a line announces an indented block that neither the text nor the document has.
    fn is_lone_header(&self, text: &str, line: &TextLine) -> bool {
        let content = text[line.start..line.end].trim_end();
        if !self.structure.language().has(Feature::Colon) || !content.ends_with(':') {
            return false;
        }
        let width = match line.start {
            0 => crate::indent_width(&format!("{}{content}", self.context.line_before)),
            _ => crate::indent_width(content),
        };
        line.open.is_empty()
            && line.n_open_before == 0
            && !line.closes_unclosed
            && !line.starts_in_text
            && crate::indent_width(&self.context.next_line) <= width
    }

    /// The beginning of a block that is too long, and what closes it.
    fn closed(&self, text: &str, cut: Cut, lines: &[TextLine]) -> Option<(usize, String)> {
        // A text without a reason to stop may end in the middle of a line.
        let n_dropped = usize::from(cut.stop != Some(StopRule::MaxLines));
        let last = lines.len().checked_sub(1 + n_dropped)?;
        let last =
            (0..=last).rev().find(|i| !text[lines[*i].start..lines[*i].end].trim().is_empty())?;
        let line = &lines[last];
        let n_unclosed = self.structure.n_unclosed(&line.open);
        let (_, unclosed) = line.open.split_at(line.open.len().checked_sub(n_unclosed)?);
        let (outermost, innermost) = (unclosed.first()?, unclosed.last()?);
        let has_body = innermost.start < line.start;
        let ends_statement = !matches!(outermost.kind, Kind::Bracket(')' | ']'));
        if !has_body || !ends_statement || !unclosed.iter().all(|it| closer(&it.kind).is_some()) {
            return None;
        }
        let mut closing = String::new();
        let mut above: Option<usize> = None;
        for frame in unclosed.iter().rev() {
            let start = line_of(text, frame);
            if above != Some(start) {
                closing.push('\n');
                closing.push_str(self.indent(text, start));
                above = Some(start);
            } else if matches!(frame.kind, Kind::Word(_)) {
                closing.push(' ');
            }
            closing.push_str(&closer(&frame.kind)?);
        }
        let keep_bytes = text[..line.end].trim_end().len();
        let closed = format!("{}{closing}", &text[..keep_bytes]);
        let is_worse = self.syntax.is_some_and(|it| it.is_worse(&closed));
        (!is_worse).then_some((keep_bytes, closing))
    }

    /// The indentation of the line that starts at a byte_idx.
    fn indent<'a>(&'a self, text: &'a str, start: usize) -> &'a str {
        let of = |line: &'a str| &line[..line.len() - line.trim_start().len()];
        let first = text[start..].split('\n').next().unwrap_or_default();
        match start {
            0 if self.context.line_before.trim().is_empty() && of(first).is_empty() => {
                &self.context.line_before
            }
            0 => of(&self.context.line_before),
            _ => of(first),
        }
    }
}

fn line_of(text: &str, frame: &Frame) -> usize {
    text[..frame.start.min(text.len())].rfind('\n').map_or(0, |it| it + 1)
}

/// What closes a frame on a line of its own; `None` if it cannot be closed there.
fn closer(kind: &Kind) -> Option<String> {
    match kind {
        Kind::Bracket(closer) => Some(closer.to_string()),
        Kind::Word("until") | Kind::String(_) | Kind::Comment(..) => None,
        Kind::Word(closer) => Some((*closer).to_owned()),
        Kind::Element(name) => Some(format!("</{name}>")),
        Kind::Heredoc { .. } | Kind::Dollar(_) | Kind::Tag(_) | Kind::Outside => None,
    }
}

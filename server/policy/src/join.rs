//! Accepts a text that leads into the rest of the cursor's line.
//!
//! In the middle of a line, the beginning of a text of several lines does not show whether it leads
//! into the rest of the line. The model shows it: it ends the text where the rest follows, or
//! writes the rest itself. Only then is the text shown, as a whole, and only if the document with it
//! is well formed.

use crate::{
    CursorContext, Phase, indent_width, insert_above, lines,
    scanner::{Feature, is_word},
    structure::Structure,
    suffix,
    syntax::Syntax,
};

/// The place where a text may lead into the rest of the cursor's line.
pub(super) struct Join<'a> {
    pub(super) context: &'a CursorContext,
    pub(super) structure: &'a Structure,
    /// `None` without a grammar, or if syntax errors are allowed.
    pub(super) syntax: Option<&'a Syntax>,
}

impl Join<'_> {
    /// The end of the part of a text that leads into the rest of the cursor's line, if that is
    /// certain: before the rest, where the last complete line repeats it, or at the end of a text
    /// that the model has ended.
    pub(super) fn end(&self, text: &str, phase: Phase) -> Option<usize> {
        if !is_possible(self.context) {
            return None;
        }
        let complete = if phase.is_final() { text } else { text.strip_suffix('\n')? };
        let is_certain = |end: &usize| self.is_certain(&text[..*end]);
        let met = self.meets_rest(complete).filter(is_certain);
        let ended = (phase == Phase::Ended).then_some(text.len());
        met.or_else(|| ended.filter(is_certain))
    }

    /// Where the last of several complete lines repeats the rest of the cursor's line to its end.
    fn meets_rest(&self, text: &str) -> Option<usize> {
        let (_, last) = text.rsplit_once('\n')?;
        let rest = self.context.line_after.trim_end();
        let text = text.trim_end();
        let is_met = |rest: &&str| suffix::is_long(rest.trim()) && last.trim_end().ends_with(*rest);
        let met = [rest, rest.trim_start()].into_iter().find(is_met)?;
        Some(text.len() - met.len())
    }

    /// Whether the rest of the cursor's line continues the whole text.
    fn is_certain(&self, text: &str) -> bool {
        !text.trim().is_empty()
            && !insert_above::is_whole(self.context, text)
            && !self.makes_a_new_word(text)
            && !self.repeats(text)
            && self.is_indented(text)
            && self.structure.continues_after(text)
            && self.syntax.is_none_or(|it| it.continues_after(text))
    }

    /// Whether the text and the rest of the line make up a word that does not occur nearby,
    /// although the cursor is not inside a word.
    fn makes_a_new_word(&self, text: &str) -> bool {
        let CursorContext { line_before, line_after, .. } = self.context;
        let is_in_word = line_before.ends_with(is_word);
        if is_in_word || !text.ends_with(is_word) || !line_after.starts_with(is_word) {
            return false;
        }
        let start = text.trim_end_matches(is_word).len();
        let n_after = line_after.len() - line_after.trim_start_matches(is_word).len();
        !self.context.has_word(&format!("{}{}", &text[start..], &line_after[..n_after]))
    }

    /// Whether the text contains the rest of the line or the next line.
    fn repeats(&self, text: &str) -> bool {
        let CursorContext { line_after, next_line, .. } = self.context;
        let (rest, next) = (line_after.trim(), next_line.trim());
        let last = text.rsplit('\n').next().unwrap_or_default();
        let joined = format!("{last}{line_after}");
        let is_next = |line: &str| line.trim() == next && suffix::is_long(next);
        suffix::is_long(rest) && text.trim_end().ends_with(rest)
            || text.contains('\n') && (is_next(&joined) || text.split('\n').skip(1).any(is_next))
    }

    /// Whether the last of several lines has an indentation that fits the lines above it.
    fn is_indented(&self, text: &str) -> bool {
        let Some((above, last)) = text.rsplit_once('\n') else { return true };
        let is_indented = self.structure.language().has(Feature::Colon);
        if !is_indented || !self.structure.after(above).frames.is_empty() {
            return true;
        }
        let CursorContext { line_before, line_after, above: document, .. } = self.context;
        let all = format!("{document}\n{line_before}{above}");
        let width = indent_width(&format!("{last}{line_after}"));
        let mut before = all.rsplit('\n').filter(|it| !it.trim().is_empty());
        let Some(line) = before.next() else { return width == 0 };
        if line.trim_end().ends_with(':') {
            return width > indent_width(line);
        }
        width == indent_width(line)
            || width < indent_width(line) && before.any(|it| indent_width(it) == width)
    }
}

/// Whether a text may lead into the rest of the cursor's line: the rest is code, and more than
/// auto-closed text.
pub(super) fn is_possible(context: &CursorContext) -> bool {
    suffix::has_code(&context.line_after)
}

/// Whether the text may still lead into the rest when the model ends it, although a rule would stop
/// it.
pub(super) fn may_come(context: &CursorContext, text: &str, max_lines: usize) -> bool {
    is_possible(context) && lines(text).count() <= max_lines
}

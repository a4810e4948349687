//! Where a completion stops, and what of it is shown. Pure functions of text, one rule a file.
//!
//! The same code looks at every partial text and at the last one. **Architecture Invariant:** what
//! a partial shows is never taken back: for every text and every longer one that begins with it,
//! the bytes kept of the first are a beginning of the bytes kept of the second.

mod block_end;
mod brackets;
mod indent;
mod suffix;

use std::borrow::Cow;

pub(crate) use brackets::{is_closer, only_closers};
pub use indent::Indent;

/// The most lines that one completion shows, unless the user says otherwise.
pub const MAX_LINES: usize = 16;

/// The rule that stopped a completion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stop {
    /// The line that was begun is complete.
    LineEnd,
    /// The block that was begun is complete: a dedent, a blank line, the closing line.
    BlockEnd,
    /// The text after the cursor begins again.
    SuffixMet,
    /// The most lines that may be shown are there.
    MaxLines,
}

impl Stop {
    /// The rule in one word, as it stands in logs and in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::LineEnd => "line_end",
            Self::BlockEnd => "block_end",
            Self::SuffixMet => "suffix_met",
            Self::MaxLines => "max_lines",
        }
    }
}

/// What a look at a text decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// How many bytes at the beginning of the text may be shown.
    pub keep_bytes: usize,
    /// The rule by which nothing that follows would be shown.
    pub stop: Option<Stop>,
}

/// Where the completion goes. Line breaks are `\n` throughout.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// The cursor's line before the cursor.
    pub line_before: String,
    /// The cursor's line after the cursor.
    pub line_after: String,
    /// The first line after the cursor's that is not blank.
    pub next_line: String,
}

impl Place {
    /// The place at a text's cursor, which is where `before` ends and `after` begins.
    #[must_use]
    pub fn new(before: &str, after: &str) -> Self {
        let line_before = before.rsplit('\n').next().unwrap_or_default();
        let mut lines = after.split('\n');
        let line_after = lines.next().unwrap_or_default();
        let next_line = lines.find(|line| !line.trim().is_empty()).unwrap_or_default();
        Self {
            line_before: line_before.to_owned(),
            line_after: line_after.to_owned(),
            next_line: next_line.to_owned(),
        }
    }
}

/// The rules for one place.
#[derive(Debug, Clone)]
pub struct Policy {
    place: Place,
    max_lines: usize,
    indent: Option<Indent>,
}

impl Default for Policy {
    fn default() -> Self {
        Self::new(Place::default())
    }
}

impl Policy {
    /// The rules for a completion at `place`.
    #[must_use]
    pub fn new(place: Place) -> Self {
        Self { place, max_lines: MAX_LINES, indent: None }
    }

    /// The same rules for at most `max_lines` lines, which are indented as the editor does it.
    #[must_use]
    pub fn with_style(self, max_lines: usize, indent: Option<Indent>) -> Self {
        Self { max_lines, indent, ..self }
    }

    /// A text that was let through as it is shown, with the document's indentation. The text of a
    /// partial stays a beginning of the text of a longer one.
    #[must_use]
    pub fn written<'a>(&self, text: &'a str) -> Cow<'a, str> {
        self.indent.map_or(Cow::Borrowed(text), |indent| indent.apply(text))
    }

    /// Looks at the text so far; `ended` says that nothing more will come.
    #[must_use]
    pub fn look(&self, text: &str, ended: bool) -> Look {
        let place = &self.place;
        let Look { keep_bytes, stop } = if place.line_before.trim().is_empty() {
            self.look_at_block(&place.line_before, text, ended)
        } else if let Some(block) = text.strip_prefix('\n') {
            // A whole new line after text makes sense where a block opens, and nowhere else.
            if brackets::opens_a_block(&place.line_before) && place.line_after.trim().is_empty() {
                let Look { keep_bytes, stop } = self.look_at_block("", block, ended);
                Look { keep_bytes: if keep_bytes == 0 { 0 } else { keep_bytes + 1 }, stop }
            } else {
                Look { keep_bytes: 0, stop: Some(Stop::LineEnd) }
            }
        } else {
            self.look_at_line(text, ended)
        };
        // Trailing white space is never worth showing, and may yet be cut while more can come.
        Look { keep_bytes: text[..keep_bytes].trim_end().len(), stop }
    }

    fn look_at_line(&self, text: &str, ended: bool) -> Look {
        let (line, complete) = match text.find('\n') {
            Some(line_end) => (&text[..line_end], true),
            None => (text, false),
        };
        match suffix::in_line(line, &self.place.line_after, ended || complete) {
            suffix::Meets::At(byte_idx) => {
                Look { keep_bytes: byte_idx, stop: Some(Stop::SuffixMet) }
            }
            suffix::Meets::MaybeAt(byte_idx) => Look { keep_bytes: byte_idx, stop: None },
            suffix::Meets::Not => {
                Look { keep_bytes: line.len(), stop: complete.then_some(Stop::LineEnd) }
            }
        }
    }

    /// `indent` is what stands before the text in its first line.
    fn look_at_block(&self, indent: &str, text: &str, ended: bool) -> Look {
        let suffix = suffix::in_block(indent, text, &self.place.next_line, ended);
        let end = block_end::block_end(indent, text, self.max_lines, ended);
        if suffix.keep_bytes < end.keep_bytes || (suffix.stop.is_some() && end.stop.is_none()) {
            suffix
        } else {
            end
        }
    }
}

/// Cuts an offered text before `closer` where the editor has closed by itself since what the text
/// closes there.
pub(crate) fn cut_closed(text: &str, closer: char) -> &str {
    let line = text.split('\n').next().unwrap_or_default();
    brackets::first_unmatched(line, closer).map_or(text, |byte_idx| &text[..byte_idx])
}

/// The width of a line's leading white space, a tab counted up to the next multiple of four.
fn indent_width(line: &str) -> usize {
    line.chars().take_while(|c| c.is_whitespace()).fold(0, |width, c| match c {
        '\t' => width / 4 * 4 + 4,
        _ => width + 1,
    })
}

/// The lines of a text with the byte_idx of each; the last has no line break behind it.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.split('\n').scan(0, |byte_idx, line| {
        let start = *byte_idx;
        *byte_idx += line.len() + 1;
        Some((start, line))
    })
}

#[cfg(test)]
mod tests;

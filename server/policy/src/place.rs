//! The text around the cursor that the rules can use.

use crate::{Indent, brackets};

/// The surroundings of the cursor. Line breaks are `\n` throughout.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CursorContext {
    /// The cursor's line before the cursor.
    pub line_before: String,
    /// The cursor's line after the cursor.
    pub line_after: String,
    /// The first non-blank line after the cursor's.
    pub next_line: String,
    /// The nearest lines below the cursor's, including blank ones; at most 60.
    pub below: String,
    /// The nearest lines above the cursor's, including blank ones; at most 60.
    pub above: String,
    /// The document's indentation, if its lines show one.
    pub indent: Option<Indent>,
    /// The indentation steps that occur in the document, as bits.
    pub steps: u16,
    /// The editor's name for the document's language, or the file's extension.
    pub language: String,
}

/// The maximum number of lines in [`CursorContext::above`] and [`CursorContext::below`].
const MAX_LINES: usize = 60;

impl CursorContext {
    /// The context of a cursor between `before` and `after`.
    #[must_use]
    pub fn new(before: &str, after: &str) -> Self {
        let (above, line_before) = before.rsplit_once('\n').unwrap_or(("", before));
        let nearest = above.rmatch_indices('\n').nth(MAX_LINES - 1).map_or(0, |(i, _)| i + 1);
        let above = &above[nearest..];
        let (line_after, below) = after.split_once('\n').unwrap_or((after, ""));
        let end = below.match_indices('\n').nth(MAX_LINES - 1).map_or(below.len(), |(i, _)| i);
        let below = &below[..end];
        let next_line = below.split('\n').find(|line| !line.trim().is_empty()).unwrap_or_default();
        let (indent, steps) = Indent::of_lines(above.lines(), line_before, below.lines());
        Self {
            line_before: line_before.to_owned(),
            line_after: line_after.to_owned(),
            next_line: next_line.to_owned(),
            below: below.to_owned(),
            above: above.to_owned(),
            indent,
            steps,
            language: String::new(),
        }
    }

    /// The same context with a language.
    #[must_use]
    pub fn in_language(self, language: &str) -> Self {
        Self { language: language.to_owned(), ..self }
    }

    /// The non-blank lines below the cursor's.
    pub(crate) fn lines_below(&self) -> impl Iterator<Item = &str> {
        self.below.split('\n').filter(|line| !line.trim().is_empty())
    }

    /// Whether the cursor is at the start of an existing line, so that lines are inserted above it.
    pub(crate) fn is_before_a_line(&self) -> bool {
        self.line_before.trim().is_empty()
            && !self.line_after.trim().is_empty()
            && (self.line_before.is_empty() || !self.closes_after())
    }

    /// Whether only brackets that an editor may have inserted follow the cursor. Triple quotes do
    /// not count.
    fn closes_after(&self) -> bool {
        let rest = self.line_after.trim();
        brackets::only_closers(rest) && !["\"\"\"", "'''", "```"].contains(&rest)
    }

    /// Whether the document is prose.
    pub(crate) fn is_prose(&self) -> bool {
        const NAMES: [&str; 17] = [
            "markdown",
            "md",
            "mdx",
            "plaintext",
            "text",
            "txt",
            "rst",
            "restructuredtext",
            "latex",
            "tex",
            "asciidoc",
            "adoc",
            "org",
            "git-commit",
            "gitcommit",
            "html",
            "typst",
        ];
        NAMES.contains(&self.language.as_str())
    }

    /// Whether a word occurs near the cursor.
    pub(crate) fn has_word(&self, word: &str) -> bool {
        let mut texts = [&self.above, &self.line_before, &self.line_after, &self.below].into_iter();
        texts.any(|it| it.split(|c| !crate::scanner::is_word(c)).any(|it| it == word))
    }

    /// Whether a text occurs near the cursor.
    pub(crate) fn has_nearby(&self, text: &str) -> bool {
        [&self.above, &self.line_before, &self.line_after, &self.next_line]
            .iter()
            .any(|it| it.contains(text))
    }
}

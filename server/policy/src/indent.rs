//! Indents the lines of a text like the document.

use std::borrow::Cow;

/// A document's indentation (LSP 3.18, `FormattingOptions`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Indent {
    /// Whether the document is indented with spaces instead of tabs.
    pub with_spaces: bool,
    /// The width of a tab or of one step of spaces, in columns.
    pub tab_columns: usize,
}

/// The widest indentation step, in columns.
const MAX_STEP: usize = 8;

impl Indent {
    /// The indentation of these lines: tabs or spaces, whichever more lines start with, and the
    /// step that is most frequent between a line and a deeper next one. `None` if it is unclear.
    pub(super) fn of_lines<'a>(lines: impl Iterator<Item = &'a str>) -> Option<Self> {
        let (mut n_tabs, mut n_spaces) = (0, 0);
        let mut steps = [0; MAX_STEP + 1];
        let mut previous = 0;
        for line in lines.filter(|line| !line.trim().is_empty()) {
            n_tabs += usize::from(line.starts_with('\t'));
            n_spaces += usize::from(line.starts_with("  "));
            let n = line.len() - line.trim_start_matches(' ').len();
            if let Some(times) = n.checked_sub(previous).and_then(|step| steps.get_mut(step)) {
                *times += 1;
            }
            previous = n;
        }
        if n_tabs > n_spaces {
            return Some(Self { with_spaces: false, tab_columns: 4 });
        }
        // A single space belongs to a comment or aligns something.
        let step = (2..=MAX_STEP).rev().max_by_key(|step| steps[*step])?;
        (n_tabs == 0 && steps[step] > 0).then_some(Self { with_spaces: true, tab_columns: step })
    }

    /// Rewrites the indentation of each line except the first. Lines of a block with another step
    /// than the document's get the document's.
    pub(super) fn apply<'a>(self, line_before: &str, text: Cow<'a, str>) -> Cow<'a, str> {
        if !text.contains('\n') {
            return text;
        }
        let mut lines = text.split('\n');
        let first = lines.next().unwrap_or_default();
        let mut written = first.to_owned();
        let first_line = format!("{line_before}{first}");
        let mut above = self.columns(&first_line);
        let mut opens = opens_an_indented_block(&first_line);
        let mut block_step: Option<BlockStep> = None;
        for line in lines {
            let code = line.trim_start_matches([' ', '\t']);
            let n_columns = self.columns(line);
            if block_step.is_none() && opens && n_columns > above {
                let step = n_columns - above;
                block_step = (step <= MAX_STEP).then_some(BlockStep { from: above, step });
            }
            written.push('\n');
            self.indent(&mut written, block_step.map_or(n_columns, |it| it.into(n_columns, self)));
            written.push_str(code);
            if !code.is_empty() {
                (above, opens) = (n_columns, opens_an_indented_block(code));
            }
        }
        Cow::Owned(written)
    }

    /// The width of a line's indentation.
    fn columns(self, line: &str) -> usize {
        let tab_columns = self.tab_columns.max(1);
        line.chars().take_while(|c| matches!(c, ' ' | '\t')).fold(0, |n, c| match c {
            '\t' => n / tab_columns * tab_columns + tab_columns,
            _ => n + 1,
        })
    }

    fn indent(self, written: &mut String, n_columns: usize) {
        let tab_columns = self.tab_columns.max(1);
        let (n_tabs, n_spaces) = if self.with_spaces {
            (0, n_columns)
        } else {
            (n_columns / tab_columns, n_columns % tab_columns)
        };
        written.extend(std::iter::repeat_n('\t', n_tabs));
        written.extend(std::iter::repeat_n(' ', n_spaces));
    }
}

/// The step that a generated block uses, from the width `from` on.
#[derive(Clone, Copy)]
struct BlockStep {
    from: usize,
    step: usize,
}

impl BlockStep {
    fn into(self, n_columns: usize, indent: Indent) -> usize {
        match n_columns.checked_sub(self.from) {
            Some(more) => self.from + more / self.step * indent.tab_columns + more % self.step,
            None => n_columns,
        }
    }
}

/// Whether the next line is one step deeper; after `(` it may be aligned with something.
fn opens_an_indented_block(line: &str) -> bool {
    line.trim_end().ends_with(['{', ':'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(with_spaces: bool, tab_columns: usize, text: &str, written: &str) {
        let indent = Indent { with_spaces, tab_columns };
        assert_eq!(indent.apply("", Cow::Borrowed(text)), written);
    }

    #[test]
    fn lines_use_the_documents_indent() {
        check(true, 4, "{\n\tlet a;\n\t\tb\n}", "{\n    let a;\n        b\n}");
        check(true, 2, "{\n\ta\n", "{\n  a\n");
        check(false, 4, "{\n    a\n      b\n}", "{\n\ta\n\t  b\n}");
        check(false, 4, "{\n\ta\n}", "{\n\ta\n}");
        check(true, 4, "{\n  \ta", "{\n    a");
        check(true, 4, "    if a {\n        b\n    }", "    if a {\n        b\n    }");
    }

    #[test]
    fn other_whitespace_is_unchanged() {
        check(true, 4, "\ta\tb\n    c\td", "\ta\tb\n    c\td");
    }

    #[test]
    fn zero_tab_columns_count_as_one() {
        check(false, 0, "a\n  b", "a\n\t\tb");
    }

    #[test]
    fn indent_step_follows_the_document() {
        check(
            true,
            2,
            "if x {\n    if y {\n        z\n    }\n}",
            "if x {\n  if y {\n    z\n  }\n}",
        );
        check(true, 4, "if x:\n  y\n  if z:\n    a", "if x:\n    y\n    if z:\n        a");
        check(false, 4, "if x {\n  y\n}", "if x {\n\ty\n}");
        check(true, 4, "f(\n        a,\n        b)", "f(\n        a,\n        b)");
    }

    #[test]
    fn indent_is_detected_from_lines() {
        let of =
            |text: &str| Indent::of_lines(text.lines()).map(|it| (it.with_spaces, it.tab_columns));
        assert_eq!(of("a {\n\tb\n}"), Some((false, 4)));
        assert_eq!(of("a {\n  b {\n    c\n  }\n}"), Some((true, 2)));
        assert_eq!(of("a:\n    b(c,\n      d)\n    if e:\n        f"), Some((true, 4)));
        assert_eq!(of("a\nb\n"), None);
        assert_eq!(of("/*\n * a\n */"), None);
        assert_eq!(of(""), None);
    }
}

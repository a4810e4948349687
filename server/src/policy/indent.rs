//! The lines of a text indented as the editor does it.

use std::borrow::Cow;

/// How an editor indents (LSP 3.18, `FormattingOptions`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Indent {
    /// Whether by spaces; else by tabs.
    pub with_spaces: bool,
    /// How many columns a tab is.
    pub tab_columns: usize,
}

impl Indent {
    /// Writes the white space at the beginning of each line but the first anew, in as many columns
    /// as it was.
    pub(super) fn apply(self, text: &str) -> Cow<'_, str> {
        if !text.contains(['\t', ' ']) {
            return Cow::Borrowed(text);
        }
        let tab_columns = self.tab_columns.max(1);
        let mut lines = text.split('\n');
        let mut written = lines.next().unwrap_or_default().to_owned();
        for line in lines {
            let code = line.trim_start_matches([' ', '\t']);
            let white = &line[..line.len() - code.len()];
            let n_columns = white.chars().fold(0, |n, c| match c {
                '\t' => n / tab_columns * tab_columns + tab_columns,
                _ => n + 1,
            });
            let (n_tabs, n_spaces) = if self.with_spaces {
                (0, n_columns)
            } else {
                (n_columns / tab_columns, n_columns % tab_columns)
            };
            written.push('\n');
            written.extend(std::iter::repeat_n('\t', n_tabs));
            written.extend(std::iter::repeat_n(' ', n_spaces));
            written.push_str(code);
        }
        Cow::Owned(written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(with_spaces: bool, tab_columns: usize, text: &str, written: &str) {
        assert_eq!(Indent { with_spaces, tab_columns }.apply(text), written);
    }

    #[test]
    fn lines_are_indented_as_the_editor_does_it() {
        check(true, 4, "{\n\tlet a;\n\t\tb\n}", "{\n    let a;\n        b\n}");
        check(true, 2, "{\n\ta\n", "{\n  a\n");
        check(false, 4, "{\n    a\n      b\n}", "{\n\ta\n\t  b\n}");
        check(false, 4, "{\n\ta\n}", "{\n\ta\n}");
        check(true, 4, "{\n  \ta", "{\n    a");
    }

    #[test]
    fn white_space_within_a_line_and_in_the_first_one_stays() {
        check(true, 4, "\ta\tb\n    c\td", "\ta\tb\n    c\td");
    }

    #[test]
    fn a_tab_of_no_columns_is_one_of_one() {
        check(false, 0, "a\n  b", "a\n\t\tb");
    }
}

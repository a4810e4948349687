//! The brackets and quotes of one line.

use super::languages;

/// An opening bracket or quote and the one that closes it, as byte indices in the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pair {
    pub(super) open: usize,
    pub(super) close: usize,
}

/// The brackets and quotes of a line.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Brackets {
    /// In the order of their closers.
    pub(super) pairs: Vec<Pair>,
    /// What closes the brackets that the line leaves open, the innermost first.
    pub(super) closers: String,
    /// How many closers belong to brackets of earlier lines.
    pub(super) n_unopened: usize,
}

impl Brackets {
    /// Finds the brackets of a line. Brackets in strings are text, and so is a quote that the line
    /// does not close.
    pub(super) fn of(line: &str, language: &str) -> Self {
        let mut brackets = Self::default();
        let mut open: Vec<(usize, char)> = vec![];
        let mut chars = line.char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '"' | '\'' if c == '"' || languages::has_single_quotes(language) => {
                    if let Some(close) = string_end(line, at, c, language) {
                        brackets.pairs.push(Pair { open: at, close });
                        chars = line.char_indices();
                        let _ = chars.by_ref().find(|(i, _)| *i == close);
                    }
                }
                '(' | '[' | '{' => open.push((at, closer(c))),
                ')' | ']' | '}' => match open.pop_if(|(_, closer)| *closer == c) {
                    Some((at_open, _)) => brackets.pairs.push(Pair { open: at_open, close: at }),
                    None => brackets.n_unopened += 1,
                },
                _ => {}
            }
        }
        brackets.closers = open.iter().rev().map(|(_, closer)| *closer).collect();
        brackets
    }

    /// The closers that an editor has inserted if the line was typed up to `at`: those of the pairs
    /// around it.
    pub(super) fn auto_closed(&self, line: &str, at: usize) -> String {
        let around = self.pairs.iter().filter(|it| it.open < at && at <= it.close);
        around.map(|it| &line[it.close..=it.close]).collect()
    }

    /// Whether the line closes what it opens, and nothing else.
    pub(super) fn is_balanced(&self) -> bool {
        self.closers.is_empty() && self.n_unopened == 0
    }
}

fn closer(opener: char) -> char {
    match opener {
        '(' => ')',
        '[' => ']',
        _ => '}',
    }
}

/// The byte_idx of the quote that closes the one at `start`.
fn string_end(line: &str, start: usize, quote: char, language: &str) -> Option<usize> {
    let before = line[..start].chars().next_back();
    if quote == '\'' && before.is_some_and(char::is_alphanumeric) {
        return None;
    }
    let mut is_escaped = false;
    // A shell's `"$(dirname "$0")"` is one string.
    let mut n_commands = 0;
    let has_commands = language == "shellscript" && quote == '"';
    for (i, c) in line[start + 1..].char_indices() {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '(' if has_commands && line[..start + 1 + i].ends_with('$') => n_commands += 1,
            ')' if n_commands > 0 => n_commands -= 1,
            c if c == quote && n_commands == 0 => return Some(start + 1 + i),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_matched() {
        let line = r#"f(a["x\")"], g(b)) {"#;
        let it = Brackets::of(line, "rust");
        let texts: Vec<&str> = it.pairs.iter().map(|it| &line[it.open..=it.close]).collect();
        assert_eq!(texts, [r#""x\")""#, r#"["x\")"]"#, "(b)", r#"(a["x\")"], g(b))"#]);
        assert_eq!((it.closers.as_str(), it.n_unopened), ("}", 0));
        assert_eq!(it.auto_closed(line, 5), "\"])");
        assert_eq!(it.auto_closed(line, 12), ")");
        assert_eq!(it.auto_closed(line, 1), "");
    }

    #[test]
    fn foreign_closers_are_counted() {
        let it = Brackets::of("}, [a]) => {", "javascript");
        assert_eq!((it.closers.as_str(), it.n_unopened), ("}", 2));
        assert!(!it.is_balanced() && Brackets::of("a(b)", "").is_balanced());
    }

    #[test]
    fn apostrophe_is_no_quote() {
        for (line, language, n) in [
            ("don't (say 'x')", "python", 2),
            ("fn f<'a>(x: &'a str)", "rust", 1),
            ("\"(", "c", 0),
            ("\"$(a \"$b\")\"", "shellscript", 1),
        ] {
            assert_eq!(Brackets::of(line, language).pairs.len(), n, "{line}");
        }
    }
}

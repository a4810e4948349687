//! Scans keywords that open and close blocks.

use super::{
    Feature, Kind, Scanner,
    languages::{Language, Position},
};

/// The maximum length of the parameters of an endless method.
const MAX_PARAMETER_CHARS: usize = 1000;

/// Whether an operand follows a word, in any language.
fn is_operator(word: &str) -> bool {
    // Matching patterns is faster than searching an array.
    matches!(
        word,
        "return"
            | "case"
            | "typeof"
            | "in"
            | "of"
            | "and"
            | "or"
            | "not"
            | "if"
            | "unless"
            | "while"
            | "until"
            | "when"
            | "then"
            | "elsif"
            | "elif"
            | "yield"
            | "await"
            | "default"
            | "else"
            | "do"
            | "delete"
    )
}

/// Whether a statement follows a word.
fn is_before_statement(word: &str) -> bool {
    matches!(
        word,
        "then"
            | "do"
            | "else"
            | "elif"
            | "if"
            | "while"
            | "until"
            | "time"
            | "begin"
            | "ensure"
            | "private"
            | "public"
            | "protected"
            | "not"
    )
}

impl Scanner {
    /// Handles the word at `i..end` of a line.
    pub(super) fn word(&mut self, line: &str, i: usize, end: usize, at: usize) {
        let word = &line[i..end];
        if self.is_first && word == "when" && self.language.has(Feature::Sigils) {
            // The guard of a function whose head is on the line above.
            self.indent = self.previous_indent;
        }
        if !self.language.pairs.is_empty() {
            let lower;
            let keyword = if self.language.has(Feature::IgnoreCase) {
                lower = word.to_ascii_lowercase();
                lower.as_str()
            } else {
                word
            };
            if self.is_keyword(line, i, end) {
                self.keyword(line, keyword, end, at + i);
            }
        }
        (self.previous, self.is_first) = ('a', false);
        self.after_operator_word = is_operator(word);
        self.after_jump = matches!(word, "return" | "yield" | "break" | "next");
        self.is_statement_start = is_before_statement(word);
    }

    /// Whether a word is a keyword: not a member, symbol, key or part of a longer name.
    fn is_keyword(&self, line: &str, i: usize, end: usize) -> bool {
        let (before, after) = (&line[..i], &line[end..]);
        let is_member = before.ends_with(['.', ':', '@', '$', '-', '&']) && !before.ends_with("..");
        let is_key = after.starts_with(':') && !after.starts_with("::");
        let is_assigned = after.trim_start().starts_with('=')
            && !after.trim_start().starts_with("==")
            && !self.language.has(Feature::BackslashQuotes);
        let is_file =
            after.starts_with(['-', '/', '.']) && self.language.has(Feature::BackslashQuotes);
        !(is_member || is_key || is_assigned || is_file)
    }

    fn keyword(&mut self, line: &str, word: &str, end: usize, at: usize) {
        let top = self.frames.last().map(|it| &it.kind);
        let is_bracketed = matches!(top, Some(Kind::Bracket(')' | ']')));
        let language: &'static Language = self.language;
        let is_vim_end = word.len() >= 4 && "endfunction".starts_with(word);
        let word = if is_vim_end && language.names[0] == "vim" { "endfunction" } else { word };
        let after = line[end..].trim_start();
        let at_statement = self.is_statement_start || self.is_first;
        let two_words;
        let is_sql_end = language.has(Feature::IgnoreCase) && word == "end";
        let closer = if is_sql_end {
            let next = after.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
            two_words = format!("end {}", next.to_ascii_lowercase());
            match two_words.as_str() {
                "end if" | "end loop" => two_words.as_str(),
                "end while" | "end for" | "end repeat" => return,
                _ => word,
            }
        } else {
            word
        };
        if let Some((_, closer, position)) = language.pairs.iter().find(|it| it.1 == closer) {
            let counts = match position {
                Position::Statement => at_statement,
                Position::Unbracketed => !is_bracketed,
                Position::Line => self.is_first,
                _ => true,
            };
            if counts {
                self.close(&Kind::Word(closer), at);
            }
            return;
        }
        let Some((_, closer, position)) = language.pairs.iter().find(|it| it.0 == word) else {
            return;
        };
        let is_operand = at_statement || self.expects_operand() && !self.after_jump;
        let is_loop = matches!(word, "while" | "until" | "for") && language.names[0] == "ruby";
        let counts = match position {
            Position::Any => true,
            Position::Statement => at_statement || word == "class" && self.previous == '=',
            Position::Line => self.is_first,
            Position::Operand => is_operand,
            Position::Unbracketed => !is_bracketed,
        };
        let is_exception = match word {
            "def" => is_endless(after),
            "do" => std::mem::take(&mut self.is_loop),
            // `drop table if exists`, `end loop`.
            "if" if language.has(Feature::IgnoreCase) => {
                !ends_with_ignoring_case(line.trim_end(), "then")
            }
            "loop" if language.has(Feature::IgnoreCase) => {
                ends_with_ignoring_case(line[..end].trim_end(), "end loop")
            }
            // This `begin` starts a transaction, which has no `end`.
            "begin" if language.has(Feature::IgnoreCase) => {
                let starts = |word: &str| {
                    after.get(..word.len()).is_some_and(|it| it.eq_ignore_ascii_case(word))
                };
                after.starts_with(';') || starts("tran") || starts("work")
            }
            _ => false,
        };
        if counts && !is_exception {
            self.is_loop |= is_loop;
            self.push(Kind::Word(closer), at + word.len());
        }
    }
}

fn ends_with_ignoring_case(text: &str, end: &str) -> bool {
    let start = text.len().checked_sub(end.len());
    start.and_then(|it| text.get(it..)).is_some_and(|it| it.eq_ignore_ascii_case(end))
}

/// Whether a Ruby `def` is an endless method: `def name(…) = value`. `rest` is the code after
/// `def`.
fn is_endless(rest: &str) -> bool {
    let name = rest.find(|c: char| c.is_whitespace() || c == '(').unwrap_or(rest.len());
    let mut depth = 0;
    let after = &rest[name..];
    let end = after.char_indices().take(MAX_PARAMETER_CHARS).find_map(|(n, c)| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        (depth == 0).then_some(n)
    });
    let after = match after.starts_with('(') {
        true => end.map_or("", |it| &after[it + 1..]),
        false => after,
    };
    after.starts_with(" = ")
}

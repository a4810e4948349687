//! Strings and comments, found without a grammar.

/// What a language's comments and quotes look like.
#[derive(Debug, Clone, Copy)]
struct Lexis {
    line_comments: &'static [&'static str],
    block_comments: &'static [(&'static str, &'static str)],
    quotes: &'static [char],
    /// Whether an apostrophe also begins a lifetime or a name, so that it only quotes one
    /// character.
    has_lifetimes: bool,
}

const C_LIKE: Lexis = Lexis {
    line_comments: &["//"],
    block_comments: &[("/*", "*/")],
    quotes: &['"', '\'', '`'],
    has_lifetimes: false,
};

/// The lexis of a language, by the editor's name for it or the file's extension.
fn lexis(language: &str) -> Lexis {
    match language {
        "rust" | "rs" => Lexis { quotes: &['"', '\''], has_lifetimes: true, ..C_LIKE },
        "python" | "py" | "ruby" | "rb" | "shellscript" | "sh" | "bash" | "zsh" | "yaml"
        | "yml" | "toml" | "perl" | "pl" | "r" | "make" | "makefile" | "dockerfile" | "elixir"
        | "ex" | "exs" | "julia" | "jl" | "nim" | "powershell" | "ps1" | "cmake" | "fish" => {
            Lexis { line_comments: &["#"], block_comments: &[], ..C_LIKE }
        }
        "php" => Lexis { line_comments: &["//", "#"], ..C_LIKE },
        "sql" | "ada" => Lexis { line_comments: &["--"], quotes: &['\'', '"'], ..C_LIKE },
        "lua" | "elm" => Lexis { line_comments: &["--"], block_comments: &[], ..C_LIKE },
        "haskell" | "hs" => Lexis {
            line_comments: &["--"],
            block_comments: &[("{-", "-}")],
            quotes: &['"', '\''],
            has_lifetimes: true,
        },
        "ocaml" | "fsharp" => Lexis {
            line_comments: &["//"],
            block_comments: &[("(*", "*)")],
            quotes: &['"', '\''],
            has_lifetimes: true,
        },
        "html" | "xml" | "svg" | "vue" | "svelte" => Lexis {
            line_comments: &[],
            block_comments: &[("<!--", "-->")],
            quotes: &['"'],
            has_lifetimes: false,
        },
        "css" => Lexis { line_comments: &[], quotes: &['"', '\''], ..C_LIKE },
        "lisp" | "clojure" | "clj" | "scheme" | "racket" | "emacs-lisp" => Lexis {
            line_comments: &[";"],
            block_comments: &[],
            quotes: &['"'],
            has_lifetimes: false,
        },
        _ => C_LIKE,
    }
}

/// What a place is inside of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Inside {
    Code,
    LineComment,
    BlockComment(&'static str),
    String { quote: char, is_triple: bool },
}

/// Scans texts of one language.
#[derive(Debug)]
pub(super) struct Scanner {
    lexis: Lexis,
    inside: Inside,
}

/// Where a text may be cut with regard to its strings and comments.
#[derive(Debug)]
pub(super) struct Places {
    /// For each byte_idx of the text, its end included: outside of every string, comment and marker
    /// that starts in the text.
    pub(super) is_outside: Vec<bool>,
}

impl Scanner {
    /// Scans a text that follows `before`. Strings and comments that start there are the user's, to
    /// cut where they like until they end.
    pub(super) fn places(language: &str, before: &str, text: &str) -> Places {
        let mut scanner = Self { lexis: lexis(language), inside: Inside::Code };
        let mut is_outside = vec![false; text.len() + 1];
        is_outside[0] = true;
        let (mut is_users, mut start) = (false, 0);
        scanner.scan(&format!("{before}{text}"), |end, inside| {
            // A marker may begin before the text and end in it.
            is_users = (is_users || start < before.len()) && inside != Inside::Code;
            start = end;
            let Some(end) = end.checked_sub(before.len()).filter(|it| *it > 0) else { return };
            // A whole line may be a comment.
            let is_line_end = inside == Inside::LineComment && text[end..].starts_with('\n');
            is_outside[end] = is_users || inside == Inside::Code || is_line_end;
        });
        Places { is_outside }
    }

    /// Calls `at` after each character, or marker of several, with the end and what it is inside
    /// of.
    fn scan(&mut self, text: &str, mut at: impl FnMut(usize, Inside)) {
        let mut start = 0;
        while let Some(c) = text[start..].chars().next() {
            let n_bytes = self.step(&text[start..], c).max(1);
            start += n_bytes;
            at(start, self.inside);
        }
    }

    /// Consumes what `text` begins with, `c` or more; returns its byte length.
    fn step(&mut self, text: &str, c: char) -> usize {
        let escaped = || text[1..].chars().next().map_or(1, |next| 1 + next.len_utf8());
        match self.inside {
            Inside::LineComment if c == '\n' => self.inside = Inside::Code,
            Inside::LineComment => {}
            Inside::BlockComment(end) if text.starts_with(end) => {
                self.inside = Inside::Code;
                return end.len();
            }
            Inside::BlockComment(_) => {}
            Inside::String { .. } if c == '\\' => return escaped(),
            Inside::String { quote, is_triple: true } => {
                if text.starts_with(&quote.to_string().repeat(3)) {
                    self.inside = Inside::Code;
                    return 3;
                }
            }
            Inside::String { quote, .. } if c == quote => self.inside = Inside::Code,
            // Only templates go on in the next line.
            Inside::String { quote, .. } if c == '\n' && quote != '`' => {
                self.inside = Inside::Code;
            }
            Inside::String { .. } => {}
            Inside::Code => return self.step_in_code(text, c),
        }
        c.len_utf8()
    }

    fn step_in_code(&mut self, text: &str, c: char) -> usize {
        if let Some(mark) = self.lexis.line_comments.iter().find(|it| text.starts_with(**it)) {
            self.inside = Inside::LineComment;
            return mark.len();
        }
        let mut blocks = self.lexis.block_comments.iter();
        if let Some((mark, end)) = blocks.find(|(mark, _)| text.starts_with(mark)) {
            self.inside = Inside::BlockComment(end);
            return mark.len();
        }
        if !self.lexis.quotes.contains(&c) {
            return c.len_utf8();
        }
        // An escape makes it a character, whose end may not be there yet.
        if c == '\'' && self.lexis.has_lifetimes && !text.starts_with("'\\") {
            if text.chars().nth(2).is_none() {
                // A lifetime or a character: the next apostrophe decides.
                self.inside = Inside::String { quote: c, is_triple: false };
                return text.len();
            }
            return quoted_char(text).unwrap_or(1);
        }
        let is_triple = c != '`' && text.starts_with(&c.to_string().repeat(3));
        self.inside = Inside::String { quote: c, is_triple };
        if is_triple { 3 } else { 1 }
    }
}

/// Byte length of a character in apostrophes. `None` if it is none: `'a` is a lifetime.
fn quoted_char(text: &str) -> Option<usize> {
    let mut chars = text.char_indices().skip(1);
    let (_, first) = chars.next()?;
    let (end, _) = chars.next().filter(|(_, c)| first != '\\' && *c == '\'')?;
    Some(end + 1)
}

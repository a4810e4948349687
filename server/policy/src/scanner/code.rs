//! Scans code: brackets, comments and the openers of strings.

use super::{Escape, Feature as F, Kind, Scanner, StringKind};

/// A longer regular expression is not recognized, because each `/` of a line may begin one that is
/// never closed.
const MAX_REGEX_CHARS: usize = 2000;

/// Whether a character may be part of a word.
pub(crate) fn is_word(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

impl Scanner {
    /// Scans one token at `i`. Returns the index after it.
    pub(super) fn code(&mut self, line: &str, i: usize, at: usize) -> usize {
        let rest = &line[i..];
        let Some(c) = rest.chars().next() else { return line.len() };
        if c.is_whitespace() {
            return line.len() - rest.trim_start().len();
        }
        if let Some(end) = self.string(line, i, at, c) {
            return end;
        }
        if self.is_first && c == ':' && self.language.has(F::CppRaw) && !rest.starts_with("::") {
            // A constructor's initializer list, on the line below the constructor.
            self.indent = self.previous_indent;
        }
        if is_word(c) {
            let mut end = rest.find(|c: char| !is_word(c)).map_or(line.len(), |n| i + n);
            let is_predicate = self.language.has(F::QuestionCharacters);
            if is_predicate && line[end..].starts_with(['?', '!']) && !line[end..].starts_with("!=")
            {
                end += 1;
            }
            self.word(line, i, end, at);
            return end;
        }
        if self.is_comment(line, i) {
            self.line_comment = Some(at + i);
            self.comment_at = (!line[..i].trim().is_empty()).then_some(at + i);
            return line.len();
        }
        for (open, close) in self.language.block_comments {
            if rest.starts_with(open) {
                self.push(Kind::Comment(open, close), at + i + open.len());
                return i + open.len();
            }
            if rest.starts_with(close) && !close.contains(self.previous) {
                self.unmatched.push((Kind::Comment(open, close), at + i));
                return i + close.len();
            }
        }
        if c == '<'
            && let Some(end) = self.angle(line, i, at)
        {
            return end;
        }
        if self.language.has(F::PhpTags) && rest.starts_with("?>") {
            self.push(Kind::Outside, at + i + 2);
            return i + 2;
        }
        if self.language.has(F::Latex)
            && let Some(end) = self.latex(line, i, at)
        {
            return end;
        }
        if c == '\\' && self.language.has(F::BackslashQuotes) {
            let quoted = rest[1..].chars().next();
            return i + 1 + quoted.map_or(0, char::len_utf8);
        }
        self.bracket(line, i, at, c);
        self.is_first = false;
        self.previous = c;
        (self.after_operator_word, self.after_jump) = (false, false);
        self.is_statement_start = matches!(c, ';' | '&' | '|' | '(' | '{' | '!' | '`')
            || c == ')' && self.language.has(F::BackslashQuotes);
        i + c.len_utf8()
    }

    fn bracket(&mut self, line: &str, i: usize, at: usize, c: char) {
        let in_flow = || matches!(self.frames.last().map(|it| &it.kind), Some(Kind::Bracket(_)));
        let counts = self.language.brackets.contains(c)
            && (!self.language.has(F::Yaml) || starts_value(&line[..i]) || in_flow());
        if !counts {
            return;
        }
        match c {
            '(' => self.push(Kind::Bracket(')'), at + i + 1),
            '[' => self.push(Kind::Bracket(']'), at + i + 1),
            '{' => self.push(Kind::Bracket('}'), at + i + 1),
            // In a shell's `case`, this bracket ends a pattern.
            ')' if self.frames.last().is_some_and(|it| it.kind == Kind::Word("esac")) => {}
            _ => self.close(&Kind::Bracket(c), at + i),
        }
    }

    fn is_comment(&self, line: &str, i: usize) -> bool {
        let rest = &line[i..];
        let before = line[..i].chars().next_back();
        let starts_word = before.is_none_or(|c| c.is_whitespace() || matches!(c, ';' | '(' | ')'));
        let (after_space, is_php) =
            (self.language.has(F::HashAfterSpace), self.language.has(F::PhpTags));
        self.language.line_comments.iter().any(|it| {
            rest.starts_with(it)
                && (*it != "#" || !after_space || starts_word)
                && !(is_php && rest.starts_with("#["))
        })
    }

    /// Whether an operand follows, not an operator.
    pub(super) fn expects_operand(&self) -> bool {
        self.after_operator_word || "\n([{,;=:!&|?+-*%<>~^".contains(self.previous)
    }

    /// Opens a string, or skips one that ends on this line. Returns the index after the scanned
    /// part.
    fn string(&mut self, line: &str, i: usize, at: usize, c: char) -> Option<usize> {
        let rest = &line[i..];
        let opened = match c {
            'r' | 'b' | 'R' | 'u' | 'L' | 'U' => self.raw(rest),
            '[' | '-' if self.language.has(F::LongBrackets) => long_bracket(rest),
            '<' => self.heredoc(line, i),
            '%' if self.language.has(F::Percent) => self.percent(rest),
            'q' | 'm' | 's' | 't' | 'y' if self.language.has(F::PerlQuotes) => {
                self.perl_quote(line, i)
            }
            '~' if self.language.has(F::Sigils) => sigil(rest),
            '$' if self.language.has(F::DollarQuotes) => {
                let tag = dollar_tag(rest)?;
                let (kind, end) = (Kind::Dollar(tag.to_owned()), i + tag.len());
                if self.frames.iter().any(|it| it.kind == kind) {
                    self.close(&kind, at + i);
                } else if let Some(n) = line[end..].find(tag) {
                    return Some(end + n + tag.len());
                } else {
                    self.push(kind, at + end);
                }
                (self.previous, self.is_first, self.is_statement_start) = (';', false, true);
                return Some(end);
            }
            _ => None,
        };
        if let Some((kind, n_bytes)) = opened {
            if let Some(kind) = kind {
                self.push(kind, at + i + n_bytes);
            }
            (self.previous, self.is_first) = ('"', false);
            return Some(i + n_bytes);
        }
        if let Some(n_bytes) = self.skipped(line, i, c) {
            if c == '\'' {
                self.texts.push(at + i..at + i + n_bytes);
            }
            (self.previous, self.is_first) = ('"', false);
            return Some(i + n_bytes);
        }
        let is_yaml = self.language.has(F::Yaml) && !starts_value(&line[..i]);
        let quote = self.language.quotes.iter().find(|it| rest.starts_with(it.open))?;
        // A string prefix such as `r` does not follow another letter.
        let is_name = c.is_alphabetic() && line[..i].ends_with(is_word);
        if is_yaml || is_name {
            return None;
        }
        let end = i + quote.open.len();
        self.push(quote.into(), at + end);
        Some(end)
    }

    /// Byte length of a character literal or regular expression at `i`; both end on their line.
    fn skipped(&self, line: &str, i: usize, c: char) -> Option<usize> {
        let rest = &line[i..];
        match c {
            '\'' if self.language.has(F::Characters) => {
                let prefix = line[..i].trim_end_matches(['b', 'L', 'u', 'U']);
                let is_prime = prefix.ends_with(is_word);
                let mut chars = rest.char_indices().skip(1);
                let (_, first) = chars.next()?;
                let (second, end) = chars.next()?;
                match first {
                    _ if is_prime => Some(1),
                    '\\' => {
                        let from = second + end.len_utf8();
                        let close = rest[from..].find('\'').filter(|n| *n <= 10)?;
                        Some(from + close + 1)
                    }
                    '\'' => Some(1),
                    _ if end == '\'' => Some(second + 1),
                    _ => Some(1),
                }
            }
            '?' if self.language.has(F::QuestionCharacters) => {
                let is_value = self.expects_operand() || line[..i].ends_with(char::is_whitespace);
                let mut chars = rest[1..].chars();
                let first = chars.next().filter(|c| !c.is_whitespace() && is_value)?;
                let quoted = if first == '\\' { chars.next()? } else { first };
                let n = 1 + first.len_utf8() + if first == '\\' { quoted.len_utf8() } else { 0 };
                (!rest[n..].starts_with(is_word)).then_some(n)
            }
            // `{/if}` is a block tag, not a regular expression.
            '/' if self.language.has(F::Regex)
                && self.expects_operand()
                && !(self.document.has(F::Braces) && line[..i].ends_with('{')) =>
            {
                let (mut in_class, mut is_quoted) = (false, false);
                for (n, c) in rest.char_indices().skip(1).take(MAX_REGEX_CHARS) {
                    match c {
                        _ if is_quoted => is_quoted = false,
                        '\\' => is_quoted = true,
                        '[' => in_class = true,
                        ']' => in_class = false,
                        '/' if n == 1 => return None,
                        '/' if !in_class => return Some(n + 1),
                        _ => {}
                    }
                }
                None
            }
            _ => None,
        }
    }

    /// `r#"…"#` and `R"x(…)x"`.
    fn raw(&self, rest: &str) -> Option<(Option<Kind>, usize)> {
        if self.language.has(F::HashRaw) {
            let prefix = rest.strip_prefix("br").or_else(|| rest.strip_prefix('r'))?;
            let n = prefix.len() - prefix.trim_start_matches('#').len();
            let n_bytes = rest.len() - prefix.len() + n + 1;
            return prefix[n..]
                .starts_with('"')
                .then(|| (Some(StringKind::raw(format!("\"{}", "#".repeat(n)))), n_bytes));
        }
        if !self.language.has(F::CppRaw) {
            return None;
        }
        let bytes = rest.as_bytes();
        let start = bytes[..bytes.len().min(4)].windows(2).position(|it| it == b"R\"")?;
        let open = rest.bytes().skip(start).take(19).position(|it| it == b'(')?;
        let delimiter = &rest[start + 2..start + open];
        let close = StringKind::raw(format!("){delimiter}\""));
        delimiter.chars().all(is_word).then(|| (Some(close), start + open + 1))
    }

    /// `<<EOF` and `<<<EOT`: the string begins on the next line.
    fn heredoc(&mut self, line: &str, i: usize) -> Option<(Option<Kind>, usize)> {
        let rest = &line[i..];
        let is_php = self.language.has(F::PhpHeredoc);
        let word = match is_php {
            true => rest.strip_prefix("<<<")?.trim_start(),
            false if self.language.has(F::Heredoc) => rest.strip_prefix("<<")?,
            false => return None,
        };
        let is_shell = self.language.has(F::BackslashQuotes);
        let unindented = word.trim_start_matches(['-', '~']);
        let is_indented = unindented.len() < word.len();
        let word = if is_shell { unindented.trim_start() } else { unindented };
        let quote = word.chars().next().filter(|c| matches!(c, '"' | '\'' | '`' | '\\'));
        let name = word.trim_start_matches(['"', '\'', '`', '\\']);
        let n_name = name.find(|c: char| !is_word(c)).unwrap_or(name.len());
        let end = rest.len() - name.len() + n_name;
        let is_shift = quote.is_none()
            && !is_indented
            && !is_php
            && (line[..i].ends_with(|c: char| is_word(c) || c == ')')
                || !is_shell && !name.starts_with(|c: char| c.is_uppercase()));
        if n_name == 0 || is_shift || name.starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        let word = name[..n_name].to_owned();
        self.pending.push((Kind::Heredoc { word, is_indented, code: None }, self.token));
        let closing = quote.filter(|c| *c != '\\' && rest[end..].starts_with(*c));
        Some((None, end + closing.map_or(0, char::len_utf8)))
    }

    /// `%w[…]` and `%(…)`.
    fn percent(&self, rest: &str) -> Option<(Option<Kind>, usize)> {
        let letter = rest[1..].chars().next()?;
        let n = 1 + usize::from("wWiIqQrxs".contains(letter));
        let open = rest[n..].chars().next().filter(|c| !c.is_alphanumeric())?;
        let is_literal = if n == 1 { "([{".contains(open) } else { !open.is_whitespace() };
        (is_literal && self.expects_operand() || is_literal && n == 2 && "([{<|!".contains(open))
            .then(|| (Some(delimited(open)), n + open.len_utf8()))
    }

    /// `q{…}`, `qw(…)`, `m{…}`, `s{…}{…}`.
    fn perl_quote(&self, line: &str, i: usize) -> Option<(Option<Kind>, usize)> {
        let rest = &line[i..];
        let end = rest.find(|c: char| !is_word(c))?;
        let is_name = line[..i].ends_with(|c: char| is_word(c) || "$@%&>{-".contains(c));
        let open = rest[end..].chars().next()?;
        let is_quote = matches!(&rest[..end], "q" | "qq" | "qw" | "qr" | "m" | "s" | "tr" | "y");
        if is_name || !is_quote || !"{([</|!#".contains(open) || rest[end..].starts_with("=>") {
            return None;
        }
        if "{([<".contains(open) {
            return Some((Some(delimited(open)), end + 1));
        }
        // `s/a/b/` has two parts. Unless both end on the line, this is not a quote.
        let n_parts = if matches!(&rest[..end], "s" | "tr" | "y") { 2 } else { 1 };
        let (mut n, mut is_quoted) = (0, false);
        for (k, c) in rest[end + 1..].char_indices() {
            match c {
                _ if is_quoted => is_quoted = false,
                '\\' => is_quoted = true,
                _ if c == open => n += 1,
                _ => {}
            }
            if n == n_parts {
                return Some((None, end + 1 + k + 1));
            }
        }
        None
    }

    /// `<` of a JSX element, or of the end of a script.
    fn angle(&mut self, line: &str, i: usize, at: usize) -> Option<usize> {
        let rest = &line[i..];
        if let Some(closing) = rest.strip_prefix("</") {
            let name = self.element_name(closing);
            let is_script = super::markup::code_in(&name).is_some();
            let kind = Kind::Element(name);
            if is_script && self.frames.iter().any(|it| it.kind == kind) {
                self.close(&kind, at + i);
                let end = closing.find('>').map_or(line.len(), |n| i + 2 + n + 1);
                return Some(end);
            }
            return None;
        }
        let is_arrow_end = line[..i].trim_end().ends_with("=>");
        let is_operand = self.after_operator_word
            || is_arrow_end
            || "\n([{,;=:!&|?".contains(self.previous) && self.previous != '<';
        if !self.language.has(F::Jsx) || !is_operand {
            return None;
        }
        let name = self.element_name(&rest[1..]);
        (!name.is_empty() || rest.starts_with("<>")).then(|| self.open_tag(name, i, at))
    }

    /// `\begin{…}` and `\end{…}`.
    fn latex(&mut self, line: &str, i: usize, at: usize) -> Option<usize> {
        let rest = &line[i..];
        let is_begin = rest.starts_with("\\begin{");
        let name = rest.strip_prefix("\\begin{").or_else(|| rest.strip_prefix("\\end{"))?;
        let name = &name[..name.find('}')?];
        let end = i + rest.find('}')? + 1;
        // A keyword frame: HTML rules for elements do not apply to environments.
        let kind = Kind::Word(environment(name));
        if is_begin {
            self.push(kind, at + end);
        } else {
            self.close(&kind, at + i);
        }
        self.is_first = false;
        Some(end)
    }
}

/// The closers of common environments.
fn environment(name: &str) -> &'static str {
    const NAMES: [&str; 14] = [
        "\\end{itemize}",
        "\\end{enumerate}",
        "\\end{description}",
        "\\end{document}",
        "\\end{equation}",
        "\\end{equation*}",
        "\\end{align}",
        "\\end{align*}",
        "\\end{figure}",
        "\\end{table}",
        "\\end{tabular}",
        "\\end{center}",
        "\\end{abstract}",
        "\\end{verbatim}",
    ];
    let is_of = |closer: &&&str| closer[5..closer.len() - 1] == *name;
    NAMES.iter().find(is_of).unwrap_or(&"\\end{}")
}

/// Whether a value of YAML starts after `before`.
fn starts_value(before: &str) -> bool {
    let trimmed = before.trim_end();
    trimmed.is_empty()
        || trimmed.len() < before.len() && trimmed.ends_with([':', '-', ',', '[', '{', '?'])
        || before.ends_with(['[', '{', ','])
}

/// A string up to the delimiter that belongs to `open`.
fn delimited(open: char) -> Kind {
    let close = match open {
        '(' => ")".to_owned(),
        '[' => "]".to_owned(),
        '{' => "}".to_owned(),
        '<' => ">".to_owned(),
        c => c.to_string(),
    };
    Kind::String(StringKind {
        close: close.into(),
        escape: Escape::Backslash,
        spans_lines: true,
        hole: None,
    })
}

/// `[==[…]==]`, and the same after `--`.
fn long_bracket(rest: &str) -> Option<(Option<Kind>, usize)> {
    let comment = rest.strip_prefix("--");
    let bracket = comment.unwrap_or(rest).strip_prefix('[')?;
    let n = bracket.len() - bracket.trim_start_matches('=').len();
    let n_bytes = rest.len() - bracket.len() + n + 1;
    bracket[n..]
        .starts_with('[')
        .then(|| (Some(StringKind::raw(format!("]{}]", "=".repeat(n)))), n_bytes))
}

/// `~r/…/` and `~S"""…"""`.
fn sigil(rest: &str) -> Option<(Option<Kind>, usize)> {
    let letters = &rest[1..];
    let n = letters.find(|c: char| !c.is_ascii_alphabetic())?;
    let open = letters[n..].chars().next()?;
    if n == 0 || !"/|\"'([{<".contains(open) {
        return None;
    }
    let triple = ["\"\"\"", "'''"].into_iter().find(|it| letters[n..].starts_with(it));
    Some(match triple {
        Some(quote) => (Some(StringKind::raw(quote)), 1 + n + 3),
        None => (Some(delimited(open)), 1 + n + 1),
    })
}

/// `$$` or `$tag$`.
fn dollar_tag(rest: &str) -> Option<&str> {
    let tag = &rest[..rest[1..].find('$')? + 2];
    tag[1..tag.len() - 1].chars().all(is_word).then_some(tag)
}

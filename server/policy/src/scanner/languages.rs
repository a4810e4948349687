//! The languages that the scanner supports, as data.

mod table;

use std::sync::LazyLock;

use table::{LANGUAGES, UNKNOWN};

/// How the closing delimiter of a string can occur inside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Escape {
    /// After a backslash.
    Backslash,
    /// Written twice.
    Doubled,
    /// It cannot.
    No,
}

/// A form of string.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Quote {
    pub(crate) open: &'static str,
    pub(crate) close: &'static str,
    pub(crate) escape: Escape,
    pub(crate) spans_lines: bool,
    /// The delimiters of code inside the string.
    pub(crate) hole: Option<(&'static str, char)>,
}

/// Syntax that a pair of delimiters cannot describe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Feature {
    /// `'a'` is a character; any other `'` is a lifetime, a label or a prime.
    Characters,
    /// `?a` is a character.
    QuestionCharacters,
    /// `r#"…"#`.
    HashRaw,
    /// `R"x(…)x"`.
    CppRaw,
    /// `[==[…]==]`, also after `--` as a comment.
    LongBrackets,
    /// `<<EOF`, `<<-EOF`, `<<~EOF`.
    Heredoc,
    /// `<<<EOT`.
    PhpHeredoc,
    /// `/…/` where an operand is expected.
    Regex,
    /// `%w[…]`, `%q(…)`, `%(…)`.
    Percent,
    /// `q{…}`, `qw(…)`, `m{…}`.
    PerlQuotes,
    /// `~r/…/`, `~s(…)`, `~S"""…"""`.
    Sigils,
    /// JSX elements where an operand is expected.
    Jsx,
    /// The document is markup: elements, and text between them.
    Markup,
    /// HTML's void elements and optional end tags.
    Html,
    /// Code in braces between elements and inside tags, and Svelte's blocks.
    Braces,
    /// Text outside of `<?php … ?>`.
    PhpTags,
    /// A backslash outside of strings quotes the next character.
    BackslashQuotes,
    /// Quotes and brackets only count where a value starts.
    Yaml,
    /// Only fenced code blocks are scanned.
    Markdown,
    /// Indentation delimits blocks; a header line ends with a colon.
    Colon,
    /// `$$…$$` and `$tag$…$tag$`.
    DollarQuotes,
    /// `#` starts a comment only at the start of a word.
    HashAfterSpace,
    /// Lines `=begin` to `=end`, or `=pod` to `=cut`.
    Pod,
    /// `"` starts a comment at the start of a line.
    QuoteComments,
    /// `\begin{…}` and `\end{…}`.
    Latex,
    /// Keywords in any case.
    IgnoreCase,
}

/// Where an opening keyword counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Position {
    /// Anywhere.
    Any,
    /// At the start of a statement or command.
    Statement,
    /// At the start of a line.
    Line,
    /// Where Ruby expects an operand; after one it is a modifier.
    Operand,
    /// Outside parentheses and square brackets; inside, it belongs to a comprehension.
    Unbracketed,
}

/// An opening keyword, its closer, and where the opener counts.
pub(crate) type Pair = (&'static str, &'static str, Position);

/// The syntax of a language, as far as the scanner needs it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Language {
    /// The language's identifiers in editors, and its file extensions.
    pub(crate) names: &'static [&'static str],
    pub(crate) line_comments: &'static [&'static str],
    pub(crate) block_comments: &'static [(&'static str, &'static str)],
    pub(crate) comments_nest: bool,
    /// Longer delimiters first.
    pub(crate) quotes: &'static [Quote],
    pub(crate) brackets: &'static str,
    pub(crate) pairs: &'static [Pair],
    pub(crate) features: &'static [Feature],
}

impl Language {
    /// The language for an editor's identifier or a file's extension. Unknown languages have only
    /// brackets and double quotes.
    pub(crate) fn of(name: &str, uri: &str) -> &'static Self {
        let by_file = || {
            let file = uri.rsplit('/').next().unwrap_or_default();
            Self::known(Some(file.rsplit_once('.').map_or(file, |it| it.1)))
        };
        Self::known(Some(name)).or_else(by_file).unwrap_or(&UNKNOWN)
    }

    /// The language with a name or extension, if it is in the table.
    pub(crate) fn known(name: Option<&str>) -> Option<&'static Self> {
        name.and_then(|name| LANGUAGES.iter().find(|it| it.names.contains(&name)))
    }

    /// The language of scripts in pages.
    pub(crate) fn script() -> &'static Self {
        static SCRIPT: LazyLock<&Language> = LazyLock::new(|| Language::of("typescript", ""));
        &SCRIPT
    }

    /// The language of style sheets in pages.
    pub(crate) fn style() -> &'static Self {
        static STYLE: LazyLock<&Language> = LazyLock::new(|| Language::of("css", ""));
        &STYLE
    }

    /// Whether a statement with balanced brackets ends at the end of this line.
    pub(crate) fn ends_statement(&self, line: &str) -> bool {
        let line = line.trim_end();
        match self.has(Feature::DollarQuotes) {
            true => line.ends_with(';'),
            false => !line.ends_with([')', ':', '=', ',']),
        }
    }

    /// Whether lines may be aligned with a marker above them, such as that of a list.
    pub(crate) fn is_aligned(&self) -> bool {
        self.has(Feature::Yaml) || self.has(Feature::Markdown)
    }

    /// Whether a document contains code of other languages.
    pub(crate) fn embeds(&self) -> bool {
        self.has(Feature::Markup) || self.has(Feature::Markdown)
    }

    pub(crate) fn has(&self, feature: Feature) -> bool {
        self.features.contains(&feature)
    }
}

#[cfg(test)]
mod tests {
    use super::{
        table::{JULIA, RUBY},
        *,
    };

    #[test]
    fn names_are_unique() {
        let mut names: Vec<_> = LANGUAGES.iter().flat_map(|it| it.names).collect();
        let n_names = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), n_names);
    }

    #[test]
    fn languages_are_found_by_name_or_file() {
        assert!(Language::of("ruby", "a").pairs == RUBY);
        assert!(Language::of("", "file:///a/Gemfile").pairs == RUBY);
        assert!(Language::of("no such language", "file:///a.jl").pairs == JULIA);
        assert!(Language::of("", "a.b") == &UNKNOWN);
    }
}

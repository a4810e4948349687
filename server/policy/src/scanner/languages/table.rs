//! The table of languages.

use super::{
    Escape::{self, Backslash, Doubled, No},
    Feature as F, Language, Pair,
    Position::{Any, Line, Operand, Statement, Unbracketed},
    Quote,
};

const fn quote(
    open: &'static str,
    close: &'static str,
    escape: Escape,
    spans_lines: bool,
    hole: Option<(&'static str, char)>,
) -> Quote {
    Quote { open, close, escape, spans_lines, hole }
}

const DOUBLE: Quote = quote("\"", "\"", Backslash, false, None);
const SINGLE: Quote = quote("'", "'", Backslash, false, None);
const LONG_DOUBLE: Quote = quote("\"", "\"", Backslash, true, None);
const LONG_SINGLE: Quote = quote("'", "'", Backslash, true, None);
const TRIPLE_DOUBLE: Quote = quote("\"\"\"", "\"\"\"", Backslash, true, None);
const TRIPLE_SINGLE: Quote = quote("'''", "'''", Backslash, true, None);
const DOLLAR_HOLE: Option<(&str, char)> = Some(("${", '}'));
const HASH_HOLE: Option<(&str, char)> = Some(("#{", '}'));
const TEMPLATE: Quote = quote("`", "`", Backslash, true, DOLLAR_HOLE);

/// A language with C's comments and brackets.
const BASE: Language = Language {
    names: &[],
    line_comments: &["//"],
    block_comments: &[("/*", "*/")],
    comments_nest: false,
    quotes: &[DOUBLE],
    brackets: "()[]{}",
    pairs: &[],
    features: &[F::Characters],
};

/// A language with `#` comments.
const HASH: Language =
    Language { line_comments: &["#"], block_comments: &[], features: &[], ..BASE };

/// A document without code.
const PROSE: Language = Language {
    line_comments: &[],
    block_comments: &[],
    quotes: &[],
    brackets: "",
    features: &[],
    ..BASE
};

pub(super) static UNKNOWN: Language = Language { line_comments: &[], block_comments: &[], ..BASE };

pub(super) const RUBY: &[Pair] = &[
    ("def", "end", Any),
    ("class", "end", Statement),
    ("module", "end", Statement),
    ("begin", "end", Operand),
    ("case", "end", Operand),
    ("if", "end", Operand),
    ("unless", "end", Operand),
    ("while", "end", Operand),
    ("until", "end", Operand),
    ("for", "end", Operand),
    ("do", "end", Any),
];

pub(super) const JULIA: &[Pair] = &[
    ("function", "end", Unbracketed),
    ("macro", "end", Unbracketed),
    ("if", "end", Unbracketed),
    ("for", "end", Unbracketed),
    ("while", "end", Unbracketed),
    ("begin", "end", Unbracketed),
    ("let", "end", Unbracketed),
    ("try", "end", Unbracketed),
    ("do", "end", Unbracketed),
    ("quote", "end", Unbracketed),
    ("struct", "end", Unbracketed),
    ("module", "end", Unbracketed),
];

pub(super) static LANGUAGES: &[Language] = &[
    Language {
        names: &["python", "py", "pyi", "starlark", "bzl", "mojo"],
        quotes: &[TRIPLE_DOUBLE, TRIPLE_SINGLE, DOUBLE, SINGLE],
        features: &[F::Colon],
        ..HASH
    },
    Language {
        names: &["rust", "rs"],
        comments_nest: true,
        quotes: &[LONG_DOUBLE],
        features: &[F::Characters, F::HashRaw],
        ..BASE
    },
    Language {
        names: &[
            "javascript",
            "javascriptreact",
            "js",
            "jsx",
            "mjs",
            "cjs",
            "typescriptreact",
            "tsx",
        ],
        quotes: &[TEMPLATE, DOUBLE, SINGLE],
        features: &[F::Regex, F::Jsx],
        ..BASE
    },
    Language {
        names: &["typescript", "ts", "mts", "cts"],
        quotes: &[TEMPLATE, DOUBLE, SINGLE],
        features: &[F::Regex],
        ..BASE
    },
    Language { names: &["go"], quotes: &[quote("`", "`", No, true, None), DOUBLE], ..BASE },
    Language {
        names: &["c", "cpp", "h", "cc", "cxx", "hpp", "hh", "cuda-cpp", "objective-c", "glsl"],
        features: &[F::Characters, F::CppRaw],
        ..BASE
    },
    Language { names: &["java", "groovy"], quotes: &[TRIPLE_DOUBLE, DOUBLE], ..BASE },
    Language {
        names: &["csharp", "cs", "fsharp"],
        quotes: &[
            quote("\"\"\"", "\"\"\"", No, true, None),
            quote("$@\"", "\"", Doubled, true, None),
            quote("@$\"", "\"", Doubled, true, None),
            quote("@\"", "\"", Doubled, true, None),
            DOUBLE,
        ],
        ..BASE
    },
    Language {
        names: &["kotlin", "kt", "kts"],
        comments_nest: true,
        quotes: &[
            quote("\"\"\"", "\"\"\"", No, true, DOLLAR_HOLE),
            quote("\"", "\"", Backslash, false, DOLLAR_HOLE),
        ],
        ..BASE
    },
    Language {
        names: &["scala", "sc", "sbt"],
        comments_nest: true,
        quotes: &[
            quote("\"\"\"", "\"\"\"", No, true, DOLLAR_HOLE),
            quote("\"", "\"", Backslash, false, DOLLAR_HOLE),
        ],
        ..BASE
    },
    Language {
        names: &["swift"],
        comments_nest: true,
        quotes: &[
            quote("\"\"\"", "\"\"\"", Backslash, true, Some(("\\(", ')'))),
            quote("#\"", "\"#", No, true, None),
            quote("\"", "\"", Backslash, false, Some(("\\(", ')'))),
        ],
        features: &[],
        ..BASE
    },
    Language {
        names: &["dart"],
        quotes: &[
            quote("r'", "'", No, false, None),
            quote("r\"", "\"", No, false, None),
            quote("\"\"\"", "\"\"\"", Backslash, true, DOLLAR_HOLE),
            quote("'''", "'''", Backslash, true, DOLLAR_HOLE),
            quote("\"", "\"", Backslash, false, DOLLAR_HOLE),
            quote("'", "'", Backslash, false, DOLLAR_HOLE),
        ],
        features: &[],
        ..BASE
    },
    Language {
        // A line that starts with `\\` is part of a multiline string.
        names: &["zig", "zon"],
        line_comments: &["//", "\\\\"],
        block_comments: &[],
        ..BASE
    },
    Language {
        names: &["php"],
        line_comments: &["//", "#"],
        quotes: &[LONG_DOUBLE, LONG_SINGLE],
        features: &[F::PhpHeredoc, F::PhpTags],
        ..BASE
    },
    Language {
        names: &["ruby", "rb", "rake", "gemspec", "Gemfile", "Rakefile", "crystal", "cr"],
        quotes: &[
            quote("\"", "\"", Backslash, true, HASH_HOLE),
            LONG_SINGLE,
            quote("`", "`", Backslash, true, HASH_HOLE),
        ],
        pairs: RUBY,
        features: &[F::Heredoc, F::Regex, F::Percent, F::Pod, F::QuestionCharacters],
        ..HASH
    },
    Language {
        names: &["elixir", "ex", "exs"],
        quotes: &[
            quote("\"\"\"", "\"\"\"", Backslash, true, HASH_HOLE),
            quote("'''", "'''", Backslash, true, HASH_HOLE),
            quote("\"", "\"", Backslash, true, HASH_HOLE),
            LONG_SINGLE,
        ],
        pairs: &[("do", "end", Any), ("fn", "end", Any)],
        features: &[F::Sigils, F::QuestionCharacters],
        ..HASH
    },
    Language {
        names: &["lua", "luau"],
        line_comments: &["--"],
        block_comments: &[],
        quotes: &[DOUBLE, SINGLE],
        pairs: &[
            ("function", "end", Any),
            ("do", "end", Any),
            ("if", "end", Any),
            ("repeat", "until", Any),
        ],
        features: &[F::LongBrackets],
        ..BASE
    },
    Language {
        names: &[
            "shellscript",
            "bash",
            "sh",
            "zsh",
            "ksh",
            "dockerfile",
            "Dockerfile",
            "bats",
            "ebuild",
            "PKGBUILD",
        ],
        quotes: &[
            quote("$'", "'", Backslash, true, None),
            quote("\"", "\"", Backslash, true, Some(("$(", ')'))),
            quote("'", "'", No, true, None),
        ],
        pairs: &[("if", "fi", Statement), ("case", "esac", Statement), ("do", "done", Statement)],
        features: &[F::Heredoc, F::BackslashQuotes, F::HashAfterSpace],
        ..HASH
    },
    Language {
        names: &["fish"],
        quotes: &[LONG_DOUBLE, LONG_SINGLE],
        pairs: &[
            ("function", "end", Statement),
            ("if", "end", Statement),
            ("for", "end", Statement),
            ("while", "end", Statement),
            ("switch", "end", Statement),
            ("begin", "end", Statement),
        ],
        features: &[F::BackslashQuotes, F::HashAfterSpace],
        ..HASH
    },
    Language {
        names: &["powershell", "ps1", "psm1"],
        block_comments: &[("<#", "#>")],
        quotes: &[
            quote("@\"", "\n\"@", No, true, None),
            quote("@'", "\n'@", No, true, None),
            quote("\"", "\"", Doubled, true, Some(("$(", ')'))),
            quote("'", "'", Doubled, true, None),
        ],
        ..HASH
    },
    Language {
        names: &["perl", "pl", "pm"],
        quotes: &[LONG_DOUBLE, LONG_SINGLE],
        features: &[F::Heredoc, F::PerlQuotes, F::Regex, F::HashAfterSpace, F::Pod],
        ..HASH
    },
    Language { names: &["r", "R"], quotes: &[LONG_DOUBLE, LONG_SINGLE], ..HASH },
    Language {
        names: &["julia", "jl"],
        block_comments: &[("#=", "=#")],
        comments_nest: true,
        quotes: &[
            quote("\"\"\"", "\"\"\"", Backslash, true, Some(("$(", ')'))),
            quote("\"", "\"", Backslash, true, Some(("$(", ')'))),
        ],
        pairs: JULIA,
        features: &[F::Characters],
        ..HASH
    },
    Language {
        names: &["haskell", "hs", "elm", "purescript"],
        line_comments: &["-- ", "---"],
        block_comments: &[("{-", "-}")],
        comments_nest: true,
        ..BASE
    },
    Language {
        names: &["ocaml", "ml", "mli"],
        line_comments: &[],
        block_comments: &[("(*", "*)")],
        comments_nest: true,
        quotes: &[quote("{|", "|}", No, true, None), LONG_DOUBLE],
        pairs: &[
            ("begin", "end", Any),
            ("struct", "end", Any),
            ("sig", "end", Any),
            ("object", "end", Any),
            ("do", "done", Any),
        ],
        ..BASE
    },
    Language {
        names: &["emacs-lisp", "el", "lisp", "scheme", "clojure", "clj", "racket", "scm"],
        line_comments: &[";"],
        block_comments: &[],
        quotes: &[LONG_DOUBLE],
        features: &[F::QuestionCharacters, F::BackslashQuotes],
        ..BASE
    },
    Language {
        names: &["vim", "viml"],
        line_comments: &[],
        block_comments: &[],
        quotes: &[DOUBLE, quote("'", "'", Doubled, false, None)],
        pairs: &[
            ("function", "endfunction", Line),
            ("func", "endfunction", Line),
            ("fu", "endfunction", Line),
            ("def", "enddef", Line),
            ("if", "endif", Line),
            ("for", "endfor", Line),
            ("while", "endwhile", Line),
            ("try", "endtry", Line),
        ],
        features: &[F::QuoteComments],
        ..BASE
    },
    Language {
        names: &["sql", "mysql", "pgsql", "plsql"],
        line_comments: &["--"],
        quotes: &[
            quote("'", "'", Doubled, true, None),
            quote("\"", "\"", Doubled, false, None),
            quote("`", "`", Doubled, false, None),
        ],
        pairs: &[
            ("case", "end", Any),
            ("begin", "end", Any),
            ("if", "end if", Line),
            ("loop", "end loop", Any),
        ],
        features: &[F::DollarQuotes, F::IgnoreCase],
        ..BASE
    },
    Language { names: &["json", "jsonc", "json5"], features: &[], ..BASE },
    Language {
        names: &["css", "postcss"],
        line_comments: &[],
        quotes: &[DOUBLE, SINGLE],
        features: &[],
        ..BASE
    },
    Language { names: &["scss", "less", "sass"], quotes: &[DOUBLE, SINGLE], features: &[], ..BASE },
    Language {
        names: &["toml"],
        quotes: &[
            TRIPLE_DOUBLE,
            quote("'''", "'''", No, true, None),
            DOUBLE,
            quote("'", "'", No, false, None),
        ],
        ..HASH
    },
    Language {
        names: &["terraform", "hcl", "tf", "nix"],
        line_comments: &["#", "//"],
        quotes: &[
            quote("''", "''", No, true, DOLLAR_HOLE),
            quote("\"", "\"", Backslash, false, DOLLAR_HOLE),
        ],
        features: &[F::Heredoc],
        ..BASE
    },
    Language {
        names: &["yaml", "yml"],
        quotes: &[DOUBLE, quote("'", "'", Doubled, false, None)],
        brackets: "[]{}",
        features: &[F::Yaml, F::HashAfterSpace],
        ..HASH
    },
    Language {
        names: &[
            "html",
            "htm",
            "xhtml",
            "vue",
            "handlebars",
            "hbs",
            "erb",
            "eex",
            "heex",
            "jinja",
            "django-html",
            "twig",
        ],
        block_comments: &[("<!--", "-->")],
        features: &[F::Markup, F::Html],
        ..PROSE
    },
    Language {
        names: &["svelte", "astro"],
        block_comments: &[("<!--", "-->")],
        features: &[F::Markup, F::Html, F::Braces],
        ..PROSE
    },
    Language {
        names: &["xml", "svg", "xsl", "xsd", "plist", "csproj", "xaml"],
        block_comments: &[("<!--", "-->"), ("<![CDATA[", "]]>")],
        features: &[F::Markup],
        ..PROSE
    },
    Language { names: &["markdown", "md", "mdx"], features: &[F::Markdown], ..PROSE },
    Language {
        names: &["latex", "tex"],
        line_comments: &["%"],
        brackets: "{}",
        features: &[F::Latex, F::BackslashQuotes],
        ..PROSE
    },
    Language {
        names: &[
            "plaintext",
            "text",
            "txt",
            "rst",
            "restructuredtext",
            "asciidoc",
            "adoc",
            "org",
            "git-commit",
            "gitcommit",
        ],
        ..PROSE
    },
];

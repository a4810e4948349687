//! The comments of languages, by the client's name for a language or a file's extension.

/// How a language writes comments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Comments {
    /// Starts a comment that ends with the line.
    line: Option<&'static str>,
    /// Starts and ends a comment.
    block: Option<(&'static str, &'static str)>,
}

/// The length of the longest marker that starts a comment.
pub const MAX_MARKER_CHARS: usize = 4;

const C: Comments = Comments { line: Some("//"), block: Some(("/*", "*/")) };
const HASH: Comments = Comments { line: Some("#"), block: None };
const XML: Comments = Comments { line: None, block: Some(("<!--", "-->")) };
const DASHES: Comments = Comments { line: Some("--"), block: Some(("/*", "*/")) };
const HASKELL: Comments = Comments { line: Some("--"), block: Some(("{-", "-}")) };
const LUA: Comments = Comments { line: Some("--"), block: Some(("--[[", "]]")) };
const PERCENT: Comments = Comments { line: Some("%"), block: None };
const SEMICOLON: Comments = Comments { line: Some(";"), block: None };
const CSS: Comments = Comments { line: None, block: Some(("/*", "*/")) };
const ML: Comments = Comments { line: None, block: Some(("(*", "*)")) };
const BASIC: Comments = Comments { line: Some("'"), block: None };
const FORTRAN: Comments = Comments { line: Some("!"), block: None };
const VIM: Comments = Comments { line: Some("\""), block: None };
const BATCH: Comments = Comments { line: Some("REM"), block: None };

/// The comments of a language; `None` if it has none of its own, as Markdown, or is not known.
#[must_use]
pub fn of_language(language: &str) -> Option<Comments> {
    Some(match language.to_ascii_lowercase().as_str() {
        "rust" | "rs" | "javascript" | "javascriptreact" | "js" | "jsx" | "mjs" | "cjs"
        | "typescript" | "typescriptreact" | "ts" | "tsx" | "mts" | "cts" | "go" | "java" | "c"
        | "h" | "cpp" | "c++" | "cc" | "cxx" | "hpp" | "hxx" | "hh" | "cuda" | "cuda-cpp"
        | "cu" | "objective-c" | "objective-cpp" | "objc" | "objcpp" | "m" | "mm" | "csharp"
        | "cs" | "kotlin" | "kt" | "kts" | "swift" | "scala" | "sc" | "dart" | "zig" | "groovy"
        | "gradle" | "jsonc" | "json5" | "proto" | "proto3" | "less" | "scss" | "solidity"
        | "sol" | "verilog" | "systemverilog" | "v" | "sv" | "glsl" | "hlsl" | "wgsl"
        | "fsharp" | "fs" | "fsx" | "d" | "prisma" | "thrift" | "typst" | "typ" | "odin"
        | "vala" | "haxe" | "qml" | "bicep" | "pug" | "jade" | "stylus" | "pascal" | "gleam" => C,
        "python" | "py" | "pyi" | "shellscript" | "sh" | "bash" | "zsh" | "ksh" | "fish"
        | "ruby" | "rb" | "perl" | "pl" | "pm" | "raku" | "r" | "yaml" | "yml"
        | "dockercompose" | "toml" | "dockerfile" | "makefile" | "make" | "mk" | "cmake"
        | "elixir" | "ex" | "exs" | "julia" | "jl" | "nim" | "coffeescript" | "coffee"
        | "crystal" | "cr" | "powershell" | "ps1" | "gdscript" | "gd" | "graphql" | "gql"
        | "terraform" | "tf" | "hcl" | "nix" | "properties" | "starlark" | "bazel" | "bzl"
        | "tcl" | "awk" | "ignore" | "gitignore" | "just" | "snakemake" | "robotframework"
        | "meson" | "nginx" | "apacheconf" | "puppet" | "pp" | "nushell" | "nu" | "sage"
        | "conf" | "mojo" => HASH,
        "html" | "htm" | "xhtml" | "xml" | "xsl" | "svg" | "vue" | "svelte" | "astro" | "php"
        | "blade" | "razor" | "aspnetcorerazor" | "handlebars" | "hbs" => XML,
        "sql" | "mysql" | "pgsql" | "plsql" | "sqlite" | "vhdl" | "vhd" | "ada" | "adb" | "ads" => {
            DASHES
        }
        "haskell" | "hs" | "elm" | "purescript" | "purs" | "agda" | "idris" | "lean" => HASKELL,
        "lua" | "luau" => LUA,
        "latex" | "tex" | "plaintex" | "bibtex" | "bib" | "erlang" | "erl" | "prolog"
        | "matlab" | "octave" | "postscript" => PERCENT,
        "clojure" | "clj" | "cljs" | "cljc" | "edn" | "lisp" | "commonlisp" | "cl" | "scheme"
        | "scm" | "racket" | "rkt" | "elisp" | "emacs-lisp" | "el" | "fennel" | "asm" | "nasm"
        | "ini" | "autohotkey" | "ahk" => SEMICOLON,
        "css" | "postcss" => CSS,
        "ocaml" | "ml" | "mli" | "coq" => ML,
        "vb" | "vbnet" | "vba" | "visualbasic" => BASIC,
        "fortran" | "fortran-modern" | "f90" | "f95" => FORTRAN,
        "vim" | "viml" => VIM,
        "bat" | "cmd" | "dosbatch" | "batch" => BATCH,
        _ => return None,
    })
}

impl Comments {
    /// A line with a comment, with its line break. The text must not contain any.
    #[must_use]
    pub fn comment(&self, text: &str) -> String {
        match (self.line, self.block) {
            (Some(start), _) => format!("{start} {text}\n"),
            (None, Some((start, end))) => format!("{start} {} {end}\n", text.replace(end, "")),
            (None, None) => String::new(),
        }
    }

    /// Whether a text starts with a comment; [`MAX_MARKER_CHARS`] of it are enough.
    #[must_use]
    pub fn starts(&self, text: &str) -> bool {
        let starts = |marker: &str| text.starts_with(marker);
        self.line.is_some_and(starts) || self.block.is_some_and(|(start, _)| starts(start))
    }

    /// Whether a text has nothing but white space and comments. One that is not closed counts.
    #[must_use]
    pub fn are_all_of(&self, text: &str) -> bool {
        let mut rest = text.trim_start();
        // A script's first line names its language.
        if rest.starts_with("#!") {
            return false;
        }
        while !rest.is_empty() {
            let in_block =
                self.block.and_then(|(start, end)| Some((rest.strip_prefix(start)?, end)));
            let in_line = self.line.is_some_and(|start| rest.starts_with(start));
            rest = match in_block {
                Some((inside, end)) => inside.split_once(end).map_or("", |it| it.1),
                None if in_line => rest.split_once(['\n', '\r']).map_or("", |it| it.1),
                None => return false,
            }
            .trim_start();
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_characters_show_a_comment() {
        for language in ["rust", "python", "html", "sql", "lua", "css", "ocaml", "bat", "haskell"] {
            let comments = of_language(language).unwrap();
            let head: String = comments.comment("x").chars().take(MAX_MARKER_CHARS).collect();
            assert!(comments.starts(&head) && !comments.starts("x = "), "{language}: {head}");
            if let Some((start, _)) = comments.block {
                assert!(start.len() <= MAX_MARKER_CHARS && comments.starts(start), "{language}");
            }
        }
    }

    #[test]
    fn comments_are_told_from_code() {
        let is_all = |language, text| of_language(language).unwrap().are_all_of(text);
        for (language, text) in [
            ("python", " \n\n"),
            ("python", "# a\r\n\r\n#b"),
            ("rust", "//! a\n/* b\n c */ // d\n"),
            ("c", "/* not closed\nint x;"),
            ("html", "<!-- a\n-->\n"),
            ("lua", "--[[ a\n]]\n-- b"),
            ("tex", "% a"),
        ] {
            assert!(is_all(language, text), "{language}: {text:?}");
        }
        for (language, text) in [
            ("python", "# a\nimport b"),
            ("python", "\"\"\"A.\"\"\""),
            ("shellscript", "#!/bin/sh\n"),
            ("c", "/* a */ int x;"),
            ("c", "#include"),
            ("css", "// a"),
        ] {
            assert!(!is_all(language, text), "{language}: {text:?}");
        }
    }

    #[test]
    fn comment_is_one_line() {
        let comment = |language| of_language(language).map(|it| it.comment("a.x --> */"));
        assert_eq!(comment("sql").as_deref(), Some("-- a.x --> */\n"));
        assert_eq!(comment("html").as_deref(), Some("<!-- a.x  */ -->\n"));
        assert_eq!(comment("json"), None);
    }
}

//! The languages of the files that places are cut from.

use std::path::Path;

/// The editor's name for the language of a file, by its extension. Empty for other extensions.
pub(super) fn of(path: &Path) -> &'static str {
    match path.extension().and_then(|it| it.to_str()).unwrap_or_default() {
        "bash" | "sh" => "shellscript",
        "c" | "h" => "c",
        "cc" | "cpp" | "cxx" | "hpp" => "cpp",
        "cjs" | "js" | "mjs" => "javascript",
        "cs" => "csharp",
        "css" => "css",
        "dart" => "dart",
        "el" => "emacs-lisp",
        "ex" | "exs" => "elixir",
        "go" => "go",
        "hs" => "haskell",
        "htm" | "html" => "html",
        "java" => "java",
        "jl" => "julia",
        "json" => "json",
        "jsx" => "javascriptreact",
        "kt" | "kts" => "kotlin",
        "less" => "less",
        "lua" => "lua",
        "md" => "markdown",
        "ml" | "mli" => "ocaml",
        "php" => "php",
        "pl" | "pm" => "perl",
        "proto" => "proto3",
        "ps1" => "powershell",
        "py" | "pyi" => "python",
        "R" | "r" => "r",
        "rb" => "ruby",
        "rs" => "rust",
        "scala" => "scala",
        "scss" => "scss",
        "sql" => "sql",
        "svelte" => "svelte",
        "swift" => "swift",
        "tex" => "latex",
        "tf" => "terraform",
        "toml" => "toml",
        "cts" | "mts" | "ts" => "typescript",
        "tsx" => "typescriptreact",
        "vim" => "vim",
        "vue" => "vue",
        "xml" => "xml",
        "yaml" | "yml" => "yaml",
        "zig" => "zig",
        _ => "",
    }
}

/// Whether `'` delimits strings. Elsewhere it is a lifetime, a character or an apostrophe.
pub(super) fn has_single_quotes(language: &str) -> bool {
    const NAMES: [&str; 20] = [
        "css",
        "dart",
        "html",
        "javascript",
        "javascriptreact",
        "julia",
        "less",
        "lua",
        "perl",
        "php",
        "python",
        "ruby",
        "scss",
        "shellscript",
        "sql",
        "svelte",
        "toml",
        "typescript",
        "typescriptreact",
        "vue",
    ];
    NAMES.contains(&language)
}

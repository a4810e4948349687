//! The languages with a grammar, and their properties.

use tree_sitter::Language;

/// A language with a grammar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grammar {
    /// Bash.
    Bash,
    /// C.
    C,
    /// C++.
    Cpp,
    /// Go.
    Go,
    /// Java.
    Java,
    /// JSON.
    Json,
    /// Python.
    Python,
    /// Rust.
    Rust,
    /// JavaScript, TypeScript and JSX: three separate grammars would be twice as large.
    Tsx,
}

impl Grammar {
    /// The grammar of a language, by an editor's name for it or by a file's extension.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        Some(match name {
            "shellscript" | "bash" | "sh" => Self::Bash,
            "c" => Self::C,
            "cpp" | "cc" | "cxx" | "hpp" | "cuda-cpp" => Self::Cpp,
            "go" => Self::Go,
            "java" => Self::Java,
            "json" => Self::Json,
            "python" | "py" | "pyi" => Self::Python,
            "rust" | "rs" => Self::Rust,
            "javascript" | "javascriptreact" | "js" | "jsx" | "mjs" | "cjs" | "typescript"
            | "typescriptreact" | "ts" | "tsx" | "mts" | "cts" => Self::Tsx,
            _ => return None,
        })
    }

    /// The grammar of a document, by the editor's name for its language, or by its extension.
    #[must_use]
    pub fn of_document(uri: &str, language: &str) -> Option<Self> {
        Self::of(language).or_else(|| Self::of(uri.rsplit(['.', '/']).next()?))
    }

    pub(super) fn language(self) -> Language {
        match self {
            Self::Bash => tree_sitter_bash::LANGUAGE,
            Self::C => tree_sitter_c::LANGUAGE,
            Self::Cpp => tree_sitter_cpp::LANGUAGE,
            Self::Go => tree_sitter_go::LANGUAGE,
            Self::Java => tree_sitter_java::LANGUAGE,
            Self::Json => tree_sitter_json::LANGUAGE,
            Self::Python => tree_sitter_python::LANGUAGE,
            Self::Rust => tree_sitter_rust::LANGUAGE,
            Self::Tsx => tree_sitter_typescript::LANGUAGE_TSX,
        }
        .into()
    }

    /// The grammar of another language that the same files may be written in: `.h` files are C or
    /// C++.
    pub(super) fn alternative(self) -> Option<Self> {
        (self == Self::C).then_some(Self::Cpp)
    }

    /// Whether a preprocessor may change the syntax arbitrarily.
    pub(super) fn has_macros(self) -> bool {
        matches!(self, Self::C | Self::Cpp)
    }

    /// The token that closes what a token opens.
    pub(super) fn closer(self, opener: &str) -> Option<&'static str> {
        Some(match (self, opener) {
            (_, "(") => ")",
            (_, "[") => "]",
            (_, "{" | "${" | "#{") => "}",
            (Self::Bash, "if") => "fi",
            (Self::Bash, "do") => "done",
            (Self::Bash, "case") => "esac",
            _ => return None,
        })
    }

    /// Whether indentation delimits blocks.
    pub(super) fn is_indented(self) -> bool {
        self == Self::Python
    }
}

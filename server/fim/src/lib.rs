//! The fill-in-the-middle (FIM) forms of the model families, and their special tokens as text.
//!
//! Everything comes from `model-scripts/foretell_models/fim_families.toml`, which documents its
//! fields and which the importer reads too. The ids of the tokens are in each bundle's manifest.

use std::sync::LazyLock;

use serde::Deserialize;

const DATA: &str = include_str!("../../../model-scripts/foretell_models/fim_families.toml");

static FILE: LazyLock<File> = LazyLock::new(|| {
    #[allow(clippy::expect_used, reason = "the data is part of the program, and a test parses it")]
    toml::from_str(DATA).expect("fim_families.toml is valid")
});

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    markers: Markers,
    family: Vec<Family>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Markers {
    end: Vec<String>,
    begin: Vec<String>,
    ordinary: Vec<String>,
}

/// The order of a prompt's parts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// The text before the cursor, the text after it, then the model writes.
    #[default]
    PrefixSuffixMiddle,
    /// The text after the cursor first.
    SuffixPrefixMiddle,
}

/// The form of a family. Special tokens are given as text.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Family {
    /// Its name in a bundle's manifest.
    pub name: String,
    /// Before the text before the cursor.
    pub prefix: String,
    /// Before the text after the cursor.
    pub suffix: String,
    /// Where the model starts to write; `None` if it continues the prefix.
    pub middle: Option<String>,
    /// The order of the parts.
    pub order: Order,
    /// At the beginning of every prompt.
    pub bos: Option<String>,
    /// Padding.
    pub pad: Option<String>,
    /// Before a repository's name.
    pub repo: Option<String>,
    /// Between files, or before a file's path.
    pub file_sep: Option<String>,
    /// A word in the names of the family's models.
    pub named: Option<String>,
    /// Where the form is published.
    pub source: String,
    /// How a prompt includes other files; `None` for a family trained on single files.
    pub files: Option<Files>,
    /// The form for a server; `None` if `engine.remote.format` does not offer the family.
    pub remote: Option<Remote>,
}

/// How a prompt includes other files.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Files {
    /// Written after the repository's name; `None` if the name is not written.
    pub repo_end: Option<String>,
    /// The separator before a path.
    pub before_path: BeforePath,
    /// Written after another file's text unless that ends with a line break.
    pub after_text: String,
    /// Whether the path of the completed file is in its prefix, not before the FIM tokens.
    pub path_in_prefix: bool,
}

/// The separator before a path.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub enum BeforePath {
    /// The special token [`Family::file_sep`].
    FileSep,
    /// A text.
    Text(String),
    /// Paths are not written; [`Family::file_sep`] follows each other file.
    NoPath,
}

impl From<String> for BeforePath {
    fn from(it: String) -> Self {
        match it.as_str() {
            "file_sep" => Self::FileSep,
            "none" => Self::NoPath,
            _ => Self::Text(it),
        }
    }
}

/// How a server expects the FIM tokens to be spelled, where it differs.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Remote {
    prefix: Option<String>,
    suffix: Option<String>,
    middle: Option<String>,
}

impl Family {
    /// The FIM tokens as a server expects them: prefix, suffix, middle. `None` if the family has
    /// no form for servers.
    #[must_use]
    pub fn remote_tokens(&self) -> Option<(&str, &str, Option<&str>)> {
        let remote = self.remote.as_ref()?;
        let middle = remote.middle.as_ref().or(self.middle.as_ref());
        Some((
            remote.prefix.as_ref().unwrap_or(&self.prefix),
            remote.suffix.as_ref().unwrap_or(&self.suffix),
            middle.map(String::as_str),
        ))
    }

    /// The tokens beside the FIM tokens proper.
    fn other_tokens(&self) -> impl Iterator<Item = &str> {
        [&self.bos, &self.pad, &self.repo, &self.file_sep].into_iter().flatten().map(String::as_str)
    }

    fn fim_tokens(&self) -> impl Iterator<Item = &str> {
        [Some(&self.prefix), Some(&self.suffix), self.middle.as_ref()]
            .into_iter()
            .flatten()
            .map(String::as_str)
    }
}

/// All families, in the order of the file.
#[must_use]
pub fn families() -> &'static [Family] {
    &FILE.family
}

/// The families that `engine.remote.format` offers.
pub fn remote_families() -> impl Iterator<Item = &'static Family> {
    families().iter().filter(|it| it.remote.is_some())
}

/// How a family includes other files in a prompt, if it was trained on several.
#[must_use]
pub fn files(family: &str) -> Option<&'static Files> {
    families().iter().filter(|it| it.name == family).find_map(|it| it.files.as_ref())
}

fn distinct<'a>(texts: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut texts: Vec<&str> = texts.collect();
    texts.sort_unstable();
    texts.dedup();
    texts
}

/// Special tokens of any family that a model may spell out and that no ordinary code contains. A
/// suggestion is cut at them.
#[must_use]
pub fn cut_markers() -> &'static [&'static str] {
    static MARKERS: LazyLock<Vec<&str>> = LazyLock::new(|| {
        let Markers { end, begin, ordinary } = &FILE.markers;
        let of_families = families().iter().flat_map(|it| it.fim_tokens().chain(it.other_tokens()));
        let general = end.iter().chain(begin).map(String::as_str);
        distinct(of_families.chain(general).filter(|it| !ordinary.iter().any(|o| o == it)))
    });
    &MARKERS
}

/// Special tokens of any family that begin or end a text, a file or a turn of a chat. User text
/// that is sent to a server must not contain them.
#[must_use]
pub fn boundary_markers() -> &'static [&'static str] {
    static MARKERS: LazyLock<Vec<&str>> = LazyLock::new(|| {
        let Markers { end, begin, .. } = &FILE.markers;
        let general = end.iter().chain(begin).map(String::as_str);
        let all = families().iter().flat_map(Family::other_tokens).chain(general);
        // A tokenizer's own mark for a space is none in text.
        distinct(all.filter(|it| !it.starts_with('▁')))
    });
    &MARKERS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_file_is_valid() {
        assert_eq!(families().len(), 13);
        let remote: Vec<&str> = remote_families().map(|it| it.name.as_str()).collect();
        assert_eq!(
            remote,
            [
                "qwen2.5-coder",
                "starcoder",
                "mellum",
                "codegemma",
                "deepseek-coder",
                "codellama",
                "codestral",
                "seed-coder"
            ]
        );
    }

    #[test]
    fn cut_markers_do_not_include_html() {
        let markers = cut_markers();
        for marker in ["<|fim_middle|>", "<fim_pad>", "<|im_end|>", "<｜fim▁hole｜>", "<|user|>"]
        {
            assert!(markers.contains(&marker), "{marker}");
        }
        for ordinary in ["<s>", "</s>", "<bos>", "<filename>", "▁<PRE>", "[PREFIX]"] {
            assert!(!markers.contains(&ordinary), "{ordinary}");
        }
        assert!(markers.iter().all(|it| it.starts_with('<')));
    }

    #[test]
    fn boundary_markers_include_text_ends() {
        let markers = boundary_markers();
        for marker in ["<s>", "</s>", "<|file_sep|>", "<filename>", "<｜begin▁of▁sentence｜>"]
        {
            assert!(markers.contains(&marker), "{marker}");
        }
        assert!(!markers.contains(&"<fim_prefix>"), "that depends on the format");
    }
}

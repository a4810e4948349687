//! What the user can set: one typed schema, from which the documentation of the settings is made.
//!
//! The defaults suit a plain laptop. [`layers`] lays the user's file, the workspace's, the
//! client's settings and the command line over them; [`exclude`] says where nothing is suggested.

pub mod edit;
pub mod engine;
pub mod exclude;
pub mod layers;
pub mod prompt;
#[cfg(test)]
mod reference;

use std::{collections::BTreeMap, path::PathBuf};

use schemars::{JsonSchema, Schema, generate::SchemaSettings};
use serde::{Deserialize, Serialize};

use crate::prompt::Window;
use foretell_engine::{
    bundle, default_n_threads,
    library::{RuntimeError, find_library},
    onnx::Options,
    provider,
};
use foretell_policy::{self as policy, Style};

/// The settings of Foretell.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Config {
    /// Where the texts are computed. A change takes hold at once.
    pub engine: engine::Engine,
    /// The model and on what it runs. A change loads it anew.
    pub model: Model,
    /// How much text the model reads. A change loads it anew.
    pub prompt: Window,
    /// What is suggested, where and when.
    pub suggest: Suggest,
    /// What clients without inline completion get.
    pub completion: Completion,
    /// Settings files of workspaces.
    pub workspace: Workspace,
    /// What is counted.
    pub stats: Stats,
}

/// The model and on what it runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Model {
    /// The bundle's name in the data folder, or its absolute path.
    pub name: String,
    /// The ONNX Runtime library, if not one of the usual places: an absolute path, or one in the
    /// data folder. Not taken from a workspace.
    pub library: Option<PathBuf>,
    /// On what the model computes; `auto` takes the fastest that is there.
    #[schemars(with = "String", extend("enum" = ["auto", "coreml", "cuda", "cpu"]))]
    pub provider: provider::Setting,
    /// How many threads compute; null is as many as there are fast cores.
    #[schemars(range(min = 1, max = 256))]
    pub threads: Option<usize>,
    /// The most tokens that the model holds at once: prompt and completion.
    #[schemars(range(min = 256, max = 32_768))]
    pub context_tokens: usize,
    /// The most memory for what the model has read, in MB: the KV caches of two or three places.
    #[schemars(range(min = 1, max = 65_536))]
    pub kv_cache_mb: usize,
    /// Whether text that was written before is tried as a draft: quicker where code repeats
    /// itself.
    pub lookup: bool,
}

impl Default for Model {
    fn default() -> Self {
        Self {
            name: bundle::DEFAULT_MODEL.to_owned(),
            library: None,
            provider: provider::Setting::Auto,
            threads: None,
            context_tokens: 2048,
            kv_cache_mb: 128,
            lookup: true,
        }
    }
}

impl Model {
    /// How many threads compute.
    #[must_use]
    pub fn n_threads(&self) -> usize {
        self.threads.unwrap_or_else(default_n_threads)
    }

    /// How to run it.
    ///
    /// # Errors
    /// If there is no ONNX Runtime library.
    pub fn options(&self) -> Result<Options, RuntimeError> {
        Ok(Options {
            library: find_library(self.library.as_deref())?,
            context_tokens: self.context_tokens,
            kv_cache_bytes: self.kv_cache_mb * 1_000_000,
            provider: self.provider,
            n_threads: self.n_threads(),
        })
    }
}

/// When a suggestion is made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Trigger {
    /// While the user types, and when asked.
    #[default]
    Automatic,
    /// Only when asked, by the editor's key for it.
    Manual,
}

/// What is suggested, where and when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Suggest {
    /// Whether anything is suggested.
    pub enabled: bool,
    /// `automatic`: while typing; `manual`: only when asked.
    pub trigger: Trigger,
    /// How long after a key a text is shown at the earliest, in milliseconds; it is computed at
    /// once. Typing into what is shown never waits.
    #[schemars(range(max = 5_000))]
    pub delay_ms: u64,
    /// How long to wait before the model is asked, in milliseconds, while the user types faster
    /// than a first text can be had; 0 is never to wait.
    #[schemars(range(max = 5_000))]
    pub debounce_ms: u64,
    /// The most runs of the model in a minute that follow keys; 0 is no limit.
    #[schemars(range(max = 10_000))]
    pub runs_per_minute: usize,
    /// How long a first text waits for its line to be whole, in milliseconds, where the editor can't
    /// make it grow. After it, the words that are there are shown.
    #[schemars(range(max = 60_000))]
    pub deadline_ms: u64,
    /// The most lines of a suggestion.
    #[schemars(range(min = 1, max = 100))]
    pub max_lines: usize,
    /// The fewest characters of a suggestion, white space not counted. A lone bracket or quote,
    /// which editors write by themselves, is too little unless this is 0.
    #[schemars(range(max = 100))]
    pub min_chars: usize,
    /// How sure the model must be of a suggestion, in percent: the geometric mean of the
    /// probabilities of its tokens. With it nothing is shown before a text is whole; null is no
    /// limit.
    #[schemars(range(min = 1, max = 100))]
    pub min_certainty: Option<u8>,
    /// The most tokens of a suggestion.
    #[schemars(range(min = 1, max = 1_024))]
    pub max_tokens: usize,
    /// How many texts there are to choose from when the user asks for a suggestion.
    #[schemars(range(min = 1, max = 8))]
    pub candidates: usize,
    /// Whether what would follow an accepted suggestion is computed while the user reads it.
    pub compute_ahead: bool,
    /// Languages, by the editor's name for them, in which to suggest or not: `{"markdown": false}`.
    /// `"*"` is every other one.
    pub languages: BTreeMap<String, bool>,
    /// Files in which nothing is suggested, as globs, whatever the case of letters. They are not
    /// read either.
    pub exclude: Vec<String>,
}

impl Default for Suggest {
    fn default() -> Self {
        Self {
            enabled: true,
            trigger: Trigger::Automatic,
            delay_ms: 0,
            debounce_ms: 75,
            runs_per_minute: 0,
            deadline_ms: 300,
            max_lines: policy::MAX_LINES,
            min_chars: policy::MIN_CHARS,
            min_certainty: None,
            max_tokens: 128,
            candidates: 3,
            compute_ahead: true,
            languages: BTreeMap::new(),
            exclude: exclude::DEFAULT.map(str::to_owned).to_vec(),
        }
    }
}

impl Suggest {
    /// The settings that shape a suggestion.
    #[must_use]
    pub fn style(&self) -> Style {
        Style {
            max_lines: self.max_lines,
            min_chars: self.min_chars,
            min_certainty: self.min_certainty,
            ..Style::default()
        }
    }

    /// Whether anything is suggested in a language.
    #[must_use]
    pub fn language_is_on(&self, language: &str) -> bool {
        let set = self.languages.get(language).or_else(|| self.languages.get("*"));
        set.copied().unwrap_or(true)
    }
}

/// Whether `textDocument/completion` is answered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum MenuMode {
    /// To clients that do not speak inline completion.
    #[default]
    Auto,
    /// To every client.
    On,
    /// To none.
    Off,
}

/// What clients without inline completion get.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Completion {
    /// Whether suggestions are offered as items of the completion menu. Read at the start.
    pub enabled: MenuMode,
}

/// Settings files of workspaces.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Workspace {
    /// Folders whose `foretell.toml` is read, with all the folders in them. Not taken from a
    /// workspace.
    pub trusted: Vec<PathBuf>,
}

/// What is counted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Stats {
    /// Whether the counts of each session are kept in the data folder, for `foretell stats`. They
    /// are numbers; no text and no file name is among them.
    pub keep: bool,
}

impl Default for Stats {
    fn default() -> Self {
        Self { keep: true }
    }
}

impl Config {
    /// The JSON schema of the settings, in one piece.
    #[must_use]
    pub fn schema() -> Schema {
        let settings = SchemaSettings::draft2020_12().with(|it| it.inline_subschemas = true);
        settings.into_generator().into_root_schema_for::<Self>()
    }
}

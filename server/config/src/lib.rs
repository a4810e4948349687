//! The settings: one typed schema, which also generates their documentation.
//!
//! The defaults suit an ordinary laptop. [`layers`] merges the user's file, the workspace's file,
//! the client's settings and the command line, in this order; [`exclude`] matches documents without
//! suggestions.

pub mod eagerness;
pub mod edit;
pub mod engine;
pub mod exclude;
pub mod layers;
pub mod next_edit;
pub mod prefetch;
pub mod prompt;
#[cfg(test)]
mod reference;

use std::{collections::BTreeMap, path::PathBuf};

use schemars::{JsonSchema, Schema, generate::SchemaSettings};
use serde::{Deserialize, Serialize};

pub use crate::eagerness::Eagerness;
use crate::prompt::Window;
use foretell_engine::{
    bundle, default_n_threads,
    kv_memory::MAX_SLOTS,
    library::{RuntimeError, find_library},
    onnx::Options,
    provider,
};
use foretell_policy::{self as policy, Style};

/// The settings of Foretell.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Config {
    /// Where suggestions are generated. A change takes effect immediately.
    pub engine: engine::Engine,
    /// The model and the hardware it runs on. A change reloads it.
    pub model: Model,
    /// How much text the prompt contains. A change reloads the model.
    pub prompt: Window,
    /// What to prefill before the user types.
    pub prefetch: prefetch::Prefetch,
    /// What Foretell suggests, where and when.
    pub suggest: Suggest,
    /// Edits that are offered after the user's own.
    pub next_edit: next_edit::NextEdit,
    /// Suggestions for clients without inline completion.
    pub completion: Completion,
    /// Settings files in workspaces.
    pub workspace: Workspace,
    /// Usage counts.
    pub stats: Stats,
}

/// The model and the hardware it runs on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Model {
    /// The name of a bundle in the data folder, or its absolute path.
    pub name: String,
    /// The ONNX Runtime library, if it is in an unusual place: an absolute path, or a path relative
    /// to the data folder. Ignored in a workspace's file.
    pub library: Option<PathBuf>,
    /// The execution provider; `auto` selects the fastest one whose results agree with the CPU's.
    #[schemars(with = "String", extend("enum" = ["auto", "cpu", "webgpu", "cuda", "coreml", "mlx"]))]
    pub provider: provider::Setting,
    /// The number of compute threads; null means one per fast core.
    #[schemars(range(min = 1, max = 256))]
    pub threads: Option<usize>,
    /// The context length in tokens: prompt and suggestion together.
    #[schemars(range(min = 256, max = 32_768))]
    pub context_tokens: usize,
    /// The memory limit of the KV caches in MB. The last visited places are cached; with the default
    /// model, a place takes 3 to 30 MB.
    #[schemars(range(min = 1, max = 65_536))]
    pub kv_cache_mb: usize,
    /// Whether repeated text supplies draft tokens. This speeds up repetitive code.
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
    /// The number of compute threads.
    #[must_use]
    pub fn n_threads(&self) -> usize {
        self.threads.unwrap_or_else(default_n_threads)
    }

    /// Options for loading the model.
    ///
    /// # Errors
    /// If there is no ONNX Runtime library.
    pub fn options(&self) -> Result<Options, RuntimeError> {
        Ok(Options {
            library: find_library(self.library.as_deref())?,
            context_tokens: self.context_tokens,
            kv_cache_bytes: self.kv_cache_mb * 1_000_000,
            max_slots: MAX_SLOTS,
            provider: self.provider,
            n_threads: self.n_threads(),
        })
    }
}

/// When a suggestion appears.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Trigger {
    /// While typing, and on request.
    #[default]
    Automatic,
    /// Only on request, by the editor's key for it.
    Manual,
}

/// What is suggested, where and when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Suggest {
    /// Whether Foretell suggests anything.
    pub enabled: bool,
    /// `automatic`: while typing; `manual`: only on request.
    pub trigger: Trigger,
    /// The shortest time between a keystroke and a new suggestion, in milliseconds. Generation
    /// starts immediately, and typing into a suggestion never waits.
    #[schemars(range(max = 5_000))]
    pub delay_ms: u64,
    /// The pause before a generation starts, in milliseconds, while keystrokes arrive faster than
    /// the first token; 0 disables it. The first key after a pause does not wait.
    #[schemars(range(max = 5_000))]
    pub debounce_ms: u64,
    /// The limit of generations per minute that keystrokes may start; 0 means no limit.
    #[schemars(range(max = 10_000))]
    pub runs_per_minute: usize,
    /// How long a suggestion waits for its first line to be complete, in milliseconds, in an editor
    /// that cannot update a suggestion. After that, the words generated so far appear.
    #[schemars(range(max = 60_000))]
    pub deadline_ms: u64,
    /// The longest suggestion, in lines.
    #[schemars(range(min = 1, max = 100))]
    pub max_lines: usize,
    /// The shortest suggestion, in characters without whitespace. A single bracket or quote, which
    /// editors insert themselves, is too short unless this is 0.
    #[schemars(range(max = 100))]
    pub min_chars: usize,
    /// How sure the model must be of a suggestion. A suggestion ends where it saves the most
    /// keystrokes on average: if right, it saves its characters; if wrong, it costs time to read. A
    /// number from 0 (show everything) to 1 is the minimum probability, and a wrong text is assumed
    /// to cost 50 times that number in keystrokes: 0.25 for `calm`, 0.1 for `balanced`, 0.05 for
    /// `eager`. Of the default model's suggestions, 92 % (`calm`), 77 % (`balanced`) and 65 %
    /// (`eager`) were right in the evaluation. Typing part of a suggestion makes that part certain.
    /// Suggestions requested explicitly show everything.
    #[schemars(with = "eagerness::Values")]
    pub eagerness: Eagerness,
    /// Deprecated, use `eagerness`: its number in percent. Only applies while `eagerness` has
    /// its default value.
    #[schemars(range(min = 1, max = 100), extend("deprecated" = true))]
    pub min_certainty: Option<u8>,
    /// The longest suggestion, in tokens.
    #[schemars(range(min = 1, max = 1_024))]
    pub max_tokens: usize,
    /// The number of candidates to choose from when the user requests a suggestion.
    #[schemars(range(min = 1, max = 8))]
    pub candidates: usize,
    /// Whether to prefetch what would follow the suggestion once it is accepted.
    pub compute_ahead: bool,
    /// Turns suggestions on or off by language, under the editor's name for it: `{"markdown":
    /// false}`. `"*"` stands for all other languages.
    pub languages: BTreeMap<String, bool>,
    /// Globs of files without suggestions, matched case-insensitively. Foretell does not read these
    /// files.
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
            eagerness: Eagerness::default(),
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
        Style { max_lines: self.max_lines, min_chars: self.min_chars, ..Style::default() }
    }

    /// The minimum probability of shown text; `None` shows everything.
    #[must_use]
    pub fn min_probability(&self) -> Option<f32> {
        match self.min_certainty {
            Some(percent) if self.eagerness == Eagerness::default() => {
                Some(f32::from(percent) / 100.0)
            }
            _ => self.eagerness.min_probability(),
        }
    }

    /// Whether suggestions are on in a language.
    #[must_use]
    pub fn language_is_on(&self, language: &str) -> bool {
        let set = self.languages.get(language).or_else(|| self.languages.get("*"));
        set.copied().unwrap_or(true)
    }
}

/// Which clients get suggestions in their completion menu.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum MenuMode {
    /// Clients without inline completion.
    #[default]
    Auto,
    /// Every client.
    On,
    /// No client.
    Off,
}

/// What clients without inline completion get.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Completion {
    /// Whether suggestions appear as items of the completion menu. Read at startup.
    pub enabled: MenuMode,
}

/// Settings files of workspaces.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Workspace {
    /// Folders whose `foretell.toml` is read, and all folders below them. Ignored in a workspace's
    /// file.
    pub trusted: Vec<PathBuf>,
}

/// What is counted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Stats {
    /// Whether to keep the counts of each session in the data folder, for `foretell stats`. They
    /// are numbers, without code or file names.
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

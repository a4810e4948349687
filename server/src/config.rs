//! What the user can set.

use std::path::PathBuf;

use crate::{bundle, engine::provider, prompt::Window};

/// The settings, each with a default that suits a plain laptop.
#[derive(Debug, Clone)]
pub struct Config {
    /// The bundle's name in the data folder, or its path.
    pub model: String,
    /// The ONNX Runtime library, if not one of the usual places.
    pub library: Option<PathBuf>,
    /// The most tokens that the model holds: prompt and completion.
    pub context_tokens: usize,
    /// The most tokens of one completion.
    pub max_tokens: usize,
    /// The most memory for what the model has read, in MB: the KV caches of two or three places.
    pub kv_cache_mb: usize,
    /// Whether text that was written before is tried as a draft. The answers are the same.
    pub lookup: bool,
    /// On what the model computes.
    pub provider: provider::Setting,
    /// How many threads compute.
    pub n_threads: usize,
    /// How much text the prompt takes in.
    pub window: Window,
    /// How long a request may wait for more than the first line, in milliseconds.
    pub deadline_ms: u64,
    /// Whether what would follow an accepted suggestion is computed while the user reads it.
    pub compute_ahead: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            model: bundle::DEFAULT_MODEL.to_owned(),
            library: None,
            context_tokens: 2048,
            kv_cache_mb: 128,
            provider: provider::Setting::Auto,
            lookup: true,
            max_tokens: 128,
            n_threads: crate::engine::default_n_threads(),
            window: Window::default(),
            deadline_ms: 400,
            compute_ahead: true,
        }
    }
}

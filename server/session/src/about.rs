//! The description of a local engine, for clients that show it.

use foretell_engine::bundle::Manifest;
use serde::Serialize;

/// The model, its execution provider and its speed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct About {
    /// The model's display name.
    pub model: String,
    /// The execution provider, for instance `cpu`.
    pub provider: &'static str,
    /// The number of compute threads.
    pub n_threads: usize,
    /// `None` until it was measured.
    pub prefill_tokens_per_s: Option<f64>,
}

impl About {
    /// A description without a speed.
    #[must_use]
    pub fn new(manifest: &Manifest, provider: &'static str, n_threads: usize) -> Self {
        let Manifest { name, title, .. } = manifest;
        let model = if title.is_empty() { name } else { title }.clone();
        Self { model, provider, n_threads, prefill_tokens_per_s: None }
    }
}

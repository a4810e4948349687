//! The description of a local engine, for clients that show it.

use foretell_engine::{EngineState, bundle::Manifest};
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

    /// The description in a state of the engine, which may have fallen back to another provider.
    #[must_use]
    pub fn in_state(self, state: &EngineState) -> Self {
        let provider = match state {
            EngineState::Slower { provider, .. } => provider,
            _ => self.provider,
        };
        Self { provider, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fallback_is_named() {
        let about = About {
            model: "a model".into(),
            provider: "cuda",
            n_threads: 2,
            prefill_tokens_per_s: None,
        };
        assert_eq!(about.clone().in_state(&EngineState::Ready).provider, "cuda");
        let state = EngineState::Slower { provider: "cpu", message: String::new() };
        assert_eq!(about.in_state(&state).provider, "cpu");
    }
}

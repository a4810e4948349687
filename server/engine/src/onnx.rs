//! The model in ONNX Runtime. Only this module uses `ort`.
//!
//! `model-scripts/BUNDLE.md` specifies the graphs' inputs and outputs. Each KV buffer is one tensor
//! bound both as `past` and as `present`: the runtime appends in place, `seqlens_k` says how much is
//! valid, and rewinding costs nothing. A slot is a binding with its own buffers (`kv_buffers`),
//! whose length may differ from other slots'. The target `coreml` has other graphs
//! (`fixed_graphs`).

mod buckets;
mod fixed_graphs;
mod graphs;
mod kv_buffers;
mod loaded;
mod runtime;

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use anyhow::Context;
use ort::session::RunOptions;

use super::{
    Abort, EngineState, Failure, Model, ModelError,
    kv_memory::KvMemory,
    library::RuntimeError,
    provider::{Available, Choice, Graph, PassedOver, Provider, Setting, choose, survey},
    selection::Records,
};
use crate::{
    bundle::{Bundle, Manifest, weights::Weights},
    decoder::PREFILL_CHUNK,
};
use graphs::Graphs;
use loaded::{Armed, Batch, if_no_memory, max_rows};
use runtime::runtime;

impl From<ort::Error> for ModelError {
    fn from(error: ort::Error) -> Self {
        Self::Failed(Failure::new(anyhow::Error::new(error).context("ONNX Runtime")))
    }
}

/// Loads the library.
///
/// # Errors
/// See [`RuntimeError`].
pub fn load_library(library: &Path) -> Result<(), RuntimeError> {
    runtime(library).map(|_| ())
}

/// How to run a model.
#[derive(Debug, Clone)]
pub struct Options {
    /// The library.
    pub library: PathBuf,
    /// The largest capacity of a slot in tokens, limited by the model's positions.
    pub context_tokens: usize,
    /// The memory limit for the KV buffers of all slots, in bytes. If not even one slot of
    /// `context_tokens` fits, the context is shorter.
    pub kv_cache_bytes: usize,
    /// The largest number of slots, usually [`MAX_SLOTS`](super::kv_memory::MAX_SLOTS).
    pub max_slots: usize,
    /// The execution provider.
    pub provider: Setting,
    /// The number of compute threads.
    pub n_threads: usize,
}

/// How many rows of logits keep their memory, 0.6 MB each with the default model; more are rare.
const MAX_ROWS_KEPT: usize = 12;

/// A model, and what is needed to load it again.
#[derive(Debug)]
pub struct OnnxModel {
    bundle: Bundle,
    options: Options,
    records: Records,
    weights: Weights,
    loaded: Graphs,
    state: EngineState,
    logits: Vec<f32>,
    armed: Option<Arc<Armed>>,
}

impl OnnxModel {
    /// Opens a session on a bundle. KV buffers are allocated when a slot is used.
    ///
    /// # Errors
    /// If the library or the graph cannot be used, or there is not enough memory.
    pub fn load(bundle: &Bundle, options: &Options) -> anyhow::Result<Self> {
        let Choice { provider, passed_over } =
            provider(&options.library, options.provider, bundle.manifest.graph())
                .with_context(|| format!("{}", bundle.path.display()))?;
        for other in passed_over {
            tracing::info!("not used: {other}");
        }
        let provider = match options.provider {
            Setting::Auto => {
                let surveyed = providers(&options.library, &bundle.manifest)?;
                let available: Vec<Available> = surveyed.into_iter().flatten().collect();
                Records::of_user().select(bundle, &available, provider)
            }
            Setting::Only(_) => provider,
        };
        Self::load_with(Records::of_user(), provider, bundle, options)
    }

    /// Loads it for this provider, or, if `options.provider` is automatic, for its replacement.
    ///
    /// # Errors
    /// If the library or the graph cannot be used, or there is not enough memory.
    pub fn load_on(provider: Provider, bundle: &Bundle, options: &Options) -> anyhow::Result<Self> {
        Self::load_with(Records::of_user(), provider, bundle, options)
    }

    fn load_with(
        records: Records,
        provider: Provider,
        bundle: &Bundle,
        options: &Options,
    ) -> anyhow::Result<Self> {
        let weights = Weights::of(bundle)?;
        let (loaded, state) = match Graphs::new(bundle, options, provider) {
            Ok(loaded) => (loaded, EngineState::Ready),
            Err(error) => match options.provider.after(provider) {
                Some(other) => {
                    let why = format!("{error:#}");
                    let is_remembered = records.remember_failure(bundle, provider, &why);
                    let loaded = Graphs::new(bundle, options, other)?;
                    (loaded, slower(provider, other, &why, is_remembered))
                }
                None => return Err(error),
            },
        };
        let (bundle, options) = (bundle.clone(), options.clone());
        let (logits, armed) = (Vec::new(), None);
        Ok(Self { bundle, options, records, weights, loaded, state, logits, armed })
    }

    /// The execution provider that the model runs on.
    #[must_use]
    pub fn provider(&self) -> Provider {
        self.loaded.provider()
    }

    /// After a failure in use: switches to another provider if there is one, even if this one was
    /// chosen explicitly. A device can be lost at any time, and the user is in the middle of work.
    fn fall_back(&mut self, why: &Failure) {
        let provider = self.loaded.provider();
        let Some(other) = Setting::Auto.after(provider) else {
            return;
        };
        let text = why.to_string();
        let is_remembered = self.options.provider == Setting::Auto
            && self.records.remember_failure(&self.bundle, provider, &text);
        // Once: what does not help is not tried again.
        self.options.provider = Setting::Only(other);
        let state = slower(provider, other, &text, is_remembered);
        self.state = match Graphs::new(&self.bundle, &self.options, other) {
            Ok(loaded) => {
                self.loaded = loaded;
                state
            }
            Err(error) => {
                let message = format!("{why}; {} failed too", other.name());
                EngineState::Failed(Failure::new(error.context(message)))
            }
        };
    }

    fn run(
        &mut self,
        slot: usize,
        n_past: usize,
        tokens: &[u32],
        n_logits: usize,
    ) -> Result<(), ModelError> {
        let armed = self.armed.take();
        let n_vocab = self.bundle.manifest.vocab_size;
        let n_kept = MAX_ROWS_KEPT * n_vocab;
        if self.logits.capacity() > n_kept && n_logits * n_vocab <= n_kept {
            self.logits = Vec::new();
        }
        self.logits.clear();
        let batch = Batch { n_past, tokens, n_logits };
        self.loaded.evaluate(slot, batch, armed.as_deref(), n_vocab, &mut self.logits)
    }
}

fn slower(failed: Provider, other: Provider, why: &str, is_remembered: bool) -> EngineState {
    let (failed, provider) = (failed.name(), other.name());
    let until = match is_remembered {
        true => " until an update or `foretell doctor --retry-providers`",
        false => "",
    };
    let message = format!("{failed} failed, {provider} does its work{until}: {why}");
    tracing::warn!("{message}");
    EngineState::Slower { provider, message }
}

/// The provider that a library selects for a graph.
///
/// # Errors
/// If the library cannot be loaded, or no provider fits.
pub fn provider(library: &Path, setting: Setting, graph: Graph<'_>) -> anyhow::Result<Choice> {
    let runtime = runtime(library)?;
    Ok(choose(setting, graph, |provider| runtime.device(provider, library))?)
}

/// All providers: which of them a library offers for a bundle, and why not the others.
///
/// # Errors
/// If the library cannot be loaded.
pub fn providers(
    library: &Path,
    manifest: &Manifest,
) -> Result<Vec<Result<Available, PassedOver>>, RuntimeError> {
    let runtime = runtime(library)?;
    Ok(survey(manifest.graph(), |provider| runtime.device(provider, library)))
}

impl Model for OnnxModel {
    fn memory(&self) -> KvMemory {
        self.loaded.memory()
    }

    fn capacity(&self) -> usize {
        // The slots of fixed graphs may be longer.
        self.memory().capacity().min(self.options.context_tokens)
    }

    fn resize(&mut self, slot: usize, n_rows: usize, n_kept: usize) -> Result<(), ModelError> {
        self.loaded.resize(slot, n_rows, n_kept).map_err(|error| {
            let error = anyhow::Error::new(error).context("the KV buffers cannot be allocated");
            let why = Failure::new(if_no_memory(error, &self.bundle.manifest));
            self.fall_back(&why);
            ModelError::Failed(why)
        })
    }

    fn prefill_chunk(&self) -> usize {
        match max_rows(self.loaded.provider()) {
            // Whole evaluations only.
            n_rows if n_rows < PREFILL_CHUNK => PREFILL_CHUNK / n_rows * n_rows,
            _ => PREFILL_CHUNK,
        }
    }

    fn free(&mut self, slot: usize) {
        self.loaded.free(slot);
    }

    fn state(&self) -> EngineState {
        self.state.clone()
    }

    fn arm(&mut self) -> Option<Abort> {
        let options = RunOptions::new().inspect_err(|error| tracing::warn!("{error}")).ok()?;
        let armed = Arc::new(Armed { options, was_ended: AtomicBool::new(false) });
        self.armed = Some(Arc::clone(&armed));
        Some(Abort::new(move || {
            armed.was_ended.store(true, Ordering::Relaxed);
            if let Err(error) = armed.options.terminate() {
                tracing::warn!("{error}");
            }
        }))
    }

    fn read(
        &mut self,
        slot: usize,
        n_past: usize,
        tokens: &[u32],
        n_logits: usize,
    ) -> Result<&[f32], ModelError> {
        let capacity = self.loaded.n_rows(slot).saturating_sub(1);
        if n_past + tokens.len() > capacity || n_logits > tokens.len() || tokens.is_empty() {
            return Err(ModelError::Failed(Failure::message(format!(
                "{} tokens after {n_past} with {n_logits} logits do not fit into {capacity}",
                tokens.len(),
            ))));
        }
        let n_vocab = self.bundle.manifest.vocab_size;
        if let Some(token) = tokens.iter().find(|it| **it as usize >= n_vocab) {
            return Err(ModelError::Failed(Failure::message(format!(
                "token {token} is outside of the model's vocabulary of {n_vocab}: the bundle's \
                 tokenizer belongs to another model; import the model again"
            ))));
        }
        if let Err(error) = self.weights.check() {
            let failure = Failure::new(error);
            self.state = EngineState::Failed(failure.clone());
            return Err(ModelError::Failed(failure));
        }
        let done = self.run(slot, n_past, tokens, n_logits);
        if let Err(ModelError::Failed(why)) = &done {
            self.fall_back(why);
        }
        done.map(|()| self.logits.as_slice())
    }
}

// With a model and a library, which the tests on Windows do without.
#[cfg(test)]
#[cfg(unix)]
mod tests;

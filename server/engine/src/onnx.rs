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
    provider::{Choice, Graph, PassedOver, Provider, Setting, choose, installed},
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
        let records = Records::of_user();
        let provider = selected(&records, bundle, options)
            .with_context(|| format!("{}", bundle.path.display()))?;
        Self::load_with(records, provider, bundle, options)
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
            Ok(loaded) => {
                let state = loaded.state();
                (loaded, state)
            }
            Err(error) => match options.provider.after(provider) {
                Some(other) => {
                    let why = format!("{error:#}");
                    let until = remember(&records, bundle, provider, &why);
                    let loaded = Graphs::new(bundle, options, other)?;
                    (loaded, slower(provider, other, &why, until))
                }
                None => return Err(error),
            },
        };
        // Also the context of a replacement, because the slots are divided only once.
        let context_tokens = options.context_tokens.min(loaded.memory().capacity());
        let (bundle, options) = (bundle.clone(), Options { context_tokens, ..options.clone() });
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
        let until = match self.options.provider {
            Setting::Auto => remember(&self.records, &self.bundle, provider, &text),
            Setting::Only(_) => "",
        };
        // Once: what does not help is not tried again.
        self.options.provider = Setting::Only(other);
        let state = slower(provider, other, &text, until);
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

/// Records a failure, unless memory was missing: other programs may have used it. Returns the part of
/// the message that says how long the provider is not used.
fn remember(records: &Records, bundle: &Bundle, failed: Provider, why: &str) -> &'static str {
    if loaded::is_no_memory(why) {
        return " until the model is loaded again";
    }
    match records.remember_failure(bundle, failed, why) {
        true => " until an update or `foretell doctor --retry-providers`",
        false => "",
    }
}

fn slower(failed: Provider, other: Provider, why: &str, until: &str) -> EngineState {
    let (failed, provider) = (failed.name(), other.name());
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

/// The provider for a bundle. If the choice is automatic, the record decides, and the plugins of the
/// other providers are not loaded, so their drivers do not run in this process.
fn selected(records: &Records, bundle: &Bundle, options: &Options) -> anyhow::Result<Provider> {
    let fitting = |setting| provider(&options.library, setting, bundle.manifest.graph());
    let recorded = match options.provider {
        Setting::Auto => records.selected(bundle),
        Setting::Only(_) => None,
    };
    match recorded {
        None => {
            let Choice { provider, passed_over } = fitting(options.provider)?;
            for other in passed_over {
                tracing::info!("not used: {other}");
            }
            Ok(provider)
        }
        Some(Provider::Cpu) => Ok(Provider::Cpu),
        Some(recorded) => Ok(fitting(Setting::Only(recorded)).map_or_else(
            |why| {
                tracing::warn!("the selected provider is not used: {why}");
                Provider::Cpu
            },
            |it| it.provider,
        )),
    }
}

/// The providers that a library and its installed plugins offer: those that a bundle's graph fits,
/// and why it does not fit the others. No plugin is loaded.
///
/// # Errors
/// If the library cannot be loaded.
pub fn installed_providers(
    library: &Path,
    manifest: &Manifest,
) -> Result<Vec<Result<Provider, PassedOver>>, RuntimeError> {
    let runtime = runtime(library)?;
    Ok(installed(manifest.graph(), |provider| runtime.is_installed(provider, library)))
}

/// The name of a provider's device. Loads its plugin.
///
/// # Errors
/// If the library cannot be loaded, or the provider cannot be used.
pub fn device(library: &Path, provider: Provider) -> anyhow::Result<String> {
    let device = runtime(library)?.device(provider, library);
    device.map_err(|why| anyhow::Error::msg(why.describe(provider)))
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
            let error = anyhow::Error::new(error).context(loaded::KV_FAILED);
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

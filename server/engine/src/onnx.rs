//! The model in ONNX Runtime. Only this module uses `ort`.
//!
//! `model-scripts/BUNDLE.md` specifies the graph's inputs and outputs. Each KV buffer is one tensor
//! bound both as `past` and as `present`: the runtime appends in place, `seqlens_k` says how much is
//! valid, and rewinding costs nothing. A slot is a binding with its own buffers (`kv_buffers`),
//! whose length may differ from other slots'.

mod kv_buffers;

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

use anyhow::Context;
use ort::{
    environment::Environment,
    ep::{CUDA, CoreML, ExecutionProvider},
    session::{RunOptions, Session},
};

use super::{
    Abort, EngineState, Failure, Model, ModelError,
    kv_memory::KvMemory,
    library::{RuntimeError, is_silent},
    provider::{Available, Choice, PassedOver, Provider, Setting, Unavailable, choose, survey},
    selection::Records,
};
use crate::bundle::{Bundle, Manifest, weights::Weights};
use kv_buffers::{KvBuffers, KvLayout};

impl From<ort::Error> for ModelError {
    fn from(error: ort::Error) -> Self {
        Self::Failed(Failure::new(anyhow::Error::new(error).context("ONNX Runtime")))
    }
}

/// Loads the library. It stays loaded until the process ends, so a second call with another path
/// returns the first one.
fn environment(library: &Path) -> Result<&'static Environment, RuntimeError> {
    static ENVIRONMENT: OnceLock<Environment> = OnceLock::new();
    if let Some(environment) = ENVIRONMENT.get() {
        return Ok(environment);
    }
    if !is_silent() {
        return Err(RuntimeError::NotSilent);
    }
    let invalid = |message| RuntimeError::Unusable { path: library.to_owned(), message };
    let environment = ort::init_from(library)
        .map_err(|error| invalid(error.to_string()))?
        .with_telemetry(false)
        .build()
        .map_err(|error| invalid(error.to_string()))?;
    Ok(ENVIRONMENT.get_or_init(|| environment))
}

/// Loads the library.
///
/// # Errors
/// See [`RuntimeError`].
pub fn load_library(library: &Path) -> Result<(), RuntimeError> {
    environment(library).map(|_| ())
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
    loaded: Loaded,
    state: EngineState,
    logits: Vec<f32>,
    armed: Option<Arc<Armed>>,
}

/// A session with its KV buffers.
#[derive(Debug)]
struct Loaded {
    provider: Provider,
    session: Session,
    layout: KvLayout,
    memory: KvMemory,
    /// The buffers of each slot that has any.
    slots: Vec<Option<KvBuffers>>,
}

/// The options of one evaluation, by which it can be aborted.
struct Armed {
    options: RunOptions,
    was_ended: AtomicBool,
}

impl std::fmt::Debug for Armed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Armed").field("was_ended", &self.was_ended).finish_non_exhaustive()
    }
}

impl OnnxModel {
    /// Opens a session on a bundle. KV buffers are allocated when a slot is used.
    ///
    /// # Errors
    /// If the library or the graph cannot be used, or there is not enough memory.
    pub fn load(bundle: &Bundle, options: &Options) -> anyhow::Result<Self> {
        environment(&options.library)?;
        let manifest = &bundle.manifest;
        let Choice { provider, passed_over } =
            choose(options.provider, &manifest.target, device)
                .with_context(|| format!("{}", bundle.path.display()))?;
        for other in passed_over {
            tracing::info!("not used: {other}");
        }
        let provider = match options.provider {
            Setting::Auto => {
                let available: Vec<Available> =
                    survey(&manifest.target, device).into_iter().flatten().collect();
                Records::of_user().select(bundle, &available)
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
        let (loaded, state) = match Loaded::new(bundle, options, provider) {
            Ok(loaded) => (loaded, EngineState::Ready),
            Err(error) => match options.provider.after(provider) {
                Some(other) => {
                    let why = format!("{error:#}");
                    records.remember_failure(bundle, provider, &why);
                    (Loaded::new(bundle, options, other)?, slower(provider, other, &why))
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
        self.loaded.provider
    }

    /// After a failure: switches to another provider if there is one.
    fn fall_back(&mut self, why: &Failure) {
        let provider = self.loaded.provider;
        let Some(other) = self.options.provider.after(provider) else {
            return;
        };
        // Once: what does not help is not tried again.
        self.options.provider = Setting::Only(other);
        self.records.remember_failure(&self.bundle, provider, &why.to_string());
        let state = slower(provider, other, &why.to_string());
        self.state = match Loaded::new(&self.bundle, &self.options, other) {
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
        let Loaded { session, slots, .. } = &mut self.loaded;
        let Some(buffers) = &mut slots[slot] else {
            return Err(ModelError::Failed(Failure::message("the slot has no KV buffers")));
        };
        buffers.bind(tokens, n_past + tokens.len(), n_logits)?;
        let outputs = match &armed {
            Some(armed) => session.run_binding_with_options(&buffers.binding, &armed.options),
            None => session.run_binding(&buffers.binding),
        };
        let outputs = outputs.map_err(|error| match &armed {
            Some(armed) if armed.was_ended.load(Ordering::Relaxed) => ModelError::Aborted,
            _ => error.into(),
        })?;
        let (_, logits) = outputs["logits"].try_extract_tensor::<f32>()?;
        let n_vocab = self.bundle.manifest.vocab_size;
        if logits.len() != n_logits * n_vocab {
            return Err(ModelError::Failed(Failure::message(format!(
                "the model returned {} logits, {n_logits} times {n_vocab} were expected",
                logits.len(),
            ))));
        }
        let n_kept = MAX_ROWS_KEPT * n_vocab;
        if self.logits.capacity() > n_kept && logits.len() <= n_kept {
            self.logits = Vec::new();
        }
        self.logits.clear();
        self.logits.extend_from_slice(logits);
        Ok(())
    }
}

fn slower(failed: Provider, other: Provider, why: &str) -> EngineState {
    let (failed, provider) = (failed.name(), other.name());
    let message = format!(
        "{failed} failed, {provider} does its work until an update or \
         `foretell doctor --retry-providers`: {why}"
    );
    tracing::warn!("{message}");
    EngineState::Slower { provider, message }
}

impl Loaded {
    fn new(bundle: &Bundle, options: &Options, provider: Provider) -> anyhow::Result<Self> {
        let environment = environment(&options.library)?;
        let manifest = &bundle.manifest;
        let layout = KvLayout::of(manifest, provider).with_context(|| {
            format!(
                "{}: target {:?} with {:?} KV buffers can't be run: import the model again with \
                 the target \"cpu\" or \"cuda\"",
                bundle.path.display(),
                manifest.target,
                manifest.kv_dtype
            )
        })?;
        let memory = KvMemory::within(
            options.kv_cache_bytes,
            layout.row_bytes(),
            options.context_tokens.min(manifest.context_length),
            options.max_slots,
            layout.is_resizable(),
        )?;
        let session = open_either(environment, bundle, provider, options.n_threads)
            .map_err(|error| if_no_memory(error, manifest))?;
        // A graph without the KV inputs is rejected now, not at the first suggestion.
        KvBuffers::new(&session, &layout, 1, None)
            .context("the KV buffers cannot be bound")
            .map_err(|error| if_no_memory(error, manifest))?;
        let slots = (0..memory.n_slots).map(|_| None).collect();
        let n_threads = options.n_threads;
        tracing::debug!(provider = provider.name(), ?memory, n_threads, "model loaded");
        Ok(Self { provider, session, layout, memory, slots })
    }
}

/// Adds what to do if memory was missing; the runtime reports it in two ways.
fn if_no_memory(error: anyhow::Error, manifest: &Manifest) -> anyhow::Error {
    let text = format!("{error:#}");
    if !text.contains("bad_alloc") && !text.contains("Failed to allocate memory") {
        return error;
    }
    let n_bytes = manifest.n_bytes().saturating_sub(manifest.packed_bytes);
    error.context(format!(
        "there is not enough memory for the model, which takes {} MB and what the KV cache may take: \
         close other programs, or choose a smaller model",
        n_bytes / 1_000_000
    ))
}

/// The provider that a library selects for a graph of a target.
///
/// # Errors
/// If the library cannot be loaded, or no provider fits.
pub fn provider(library: &Path, setting: Setting, target: &str) -> anyhow::Result<Choice> {
    environment(library)?;
    Ok(choose(setting, target, device)?)
}

/// All providers: which of them a library offers for a bundle, and why not the others.
///
/// # Errors
/// If the library cannot be loaded.
pub fn providers(
    library: &Path,
    manifest: &Manifest,
) -> Result<Vec<Result<Available, PassedOver>>, RuntimeError> {
    environment(library)?;
    Ok(survey(&manifest.target, device))
}

/// The name of a provider's device.
fn device(provider: Provider) -> Result<String, Unavailable> {
    let is_in_library = match provider {
        Provider::CoreMl => CoreML::is_available().unwrap_or(false),
        Provider::Cuda => CUDA::is_available().unwrap_or(false),
        Provider::Mlx | Provider::WebGpu => false,
        Provider::Cpu => true,
    };
    is_in_library.then(|| provider.name().to_owned()).ok_or(Unavailable::NotInLibrary)
}

/// The graph with shared weights, or, if it does not load, the one for every machine: sharing is
/// not worth the model.
fn open_either(
    environment: &Environment,
    bundle: &Bundle,
    provider: Provider,
    n_threads: usize,
) -> anyhow::Result<Session> {
    let open = |path: &Path| {
        open(environment, path, provider, n_threads).with_context(|| format!("{}", path.display()))
    };
    let portable = bundle.portable_model();
    open(&bundle.model()).or_else(|error| {
        if bundle.model() == portable {
            return Err(error);
        }
        tracing::warn!("the weights are not shared with other servers: {error:#}");
        open(&portable)
    })
}

fn open(
    environment: &Environment,
    model: &Path,
    provider: Provider,
    n_threads: usize,
) -> Result<Session, ModelError> {
    let mut builder = Session::builder(environment)?;
    match provider {
        Provider::CoreMl => CoreML::default().register(&mut builder)?,
        Provider::Cuda => CUDA::default().register(&mut builder)?,
        Provider::Cpu | Provider::Mlx | Provider::WebGpu => {}
    }
    let builder = builder
        .with_intra_threads(n_threads)
        .map_err(ort::Error::from)?
        // A spinning thread takes time from everything else: on a shared machine, a step took twice
        // as long with spinning. Idle threads must sleep.
        .with_intra_op_spinning(false)
        .map_err(ort::Error::from)?
        .with_inter_threads(1)
        .map_err(ort::Error::from)?;
    Ok({ builder }.commit_from_file(model)?)
}

impl Model for OnnxModel {
    fn memory(&self) -> KvMemory {
        self.loaded.memory
    }

    fn resize(&mut self, slot: usize, n_rows: usize, n_kept: usize) -> Result<(), ModelError> {
        let Loaded { session, layout, slots, .. } = &mut self.loaded;
        let old = slots[slot].take().map(|old| (old, n_kept));
        let resized = KvBuffers::new(session, layout, n_rows, old).map_err(|error| {
            let error = anyhow::Error::new(error).context("the KV buffers cannot be allocated");
            Failure::new(if_no_memory(error, &self.bundle.manifest))
        });
        match resized {
            Ok(buffers) => {
                slots[slot] = Some(buffers);
                Ok(())
            }
            Err(why) => {
                self.fall_back(&why);
                Err(ModelError::Failed(why))
            }
        }
    }

    fn free(&mut self, slot: usize) {
        self.loaded.slots[slot] = None;
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
        let n_rows = self.loaded.slots[slot].as_ref().map_or(0, |it| it.n_rows);
        let capacity = n_rows.saturating_sub(1);
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

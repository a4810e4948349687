//! The model in ONNX Runtime. The only file that uses `ort`.
//!
//! `model-scripts/BUNDLE.md` specifies the graph's inputs and outputs. Each KV buffer is one tensor
//! of the full capacity plus the additional row that the graph needs, bound once as `past` and as
//! `present`: the runtime appends in place, `seqlens_k` says how much is valid, and rewinding costs
//! nothing. A slot is a binding with its own buffers.

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
    memory::{AllocationDevice, Allocator, AllocatorType, MemoryInfo, MemoryType},
    session::{IoBinding, RunOptions, Session},
    value::{DynTensor, Tensor, TensorElementType},
};

use super::{
    Abort, EngineState, Failure, Model, ModelError,
    library::{RuntimeError, is_silent},
    provider::{Choice, Provider, Setting, choose},
};
use crate::bundle::{Bundle, Manifest, weights::Weights};

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
    /// The capacity of a slot's KV buffers in tokens, limited by the model's positions.
    pub context_tokens: usize,
    /// The memory limit for the KV buffers of all slots, in bytes. There are as many slots as fit,
    /// up to [`MAX_SLOTS`]; if not even one fits, its context is shorter.
    pub kv_cache_bytes: usize,
    /// The execution provider.
    pub provider: Setting,
    /// The number of compute threads.
    pub n_threads: usize,
}

/// The cursor's slot and two others: nobody returns to more places within minutes.
pub const MAX_SLOTS: usize = 3;

/// How many rows of logits keep their memory, 0.6 MB each with the default model; more are rare.
const MAX_ROWS_KEPT: usize = 12;

/// A model, and what is needed to load it again.
#[derive(Debug)]
pub struct OnnxModel {
    bundle: Bundle,
    options: Options,
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
    slots: Vec<Slot>,
    capacity: usize,
}

#[derive(Debug)]
struct Slot {
    binding: IoBinding,
    /// The number of logit rows that the output is bound for.
    n_logits: usize,
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
    /// Opens a session on a bundle and allocates its KV buffers.
    ///
    /// # Errors
    /// If the library or the graph cannot be used, or there is not enough memory.
    pub fn load(bundle: &Bundle, options: &Options) -> anyhow::Result<Self> {
        environment(&options.library)?;
        let manifest = &bundle.manifest;
        let Choice { provider, passed_over } =
            choose(options.provider, &manifest.target, is_in_library)
                .with_context(|| format!("{}", bundle.path.display()))?;
        for other in passed_over {
            tracing::info!("not used: {other}");
        }
        Self::load_on(provider, bundle, options)
    }

    /// Loads it for a provider, or for its replacement.
    fn load_on(provider: Provider, bundle: &Bundle, options: &Options) -> anyhow::Result<Self> {
        let weights = Weights::of(bundle)?;
        let (loaded, state) = match Loaded::new(bundle, options, provider) {
            Ok(loaded) => (loaded, EngineState::Ready),
            Err(error) => match options.provider.after(provider) {
                Some(other) => {
                    let loaded = Loaded::new(bundle, options, other)?;
                    (loaded, slower(provider, other, &format!("{error:#}")))
                }
                None => return Err(error),
            },
        };
        let (bundle, options) = (bundle.clone(), options.clone());
        Ok(Self { bundle, options, weights, loaded, state, logits: Vec::new(), armed: None })
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
        let slot = &mut slots[slot];
        slot.bind(tokens, n_past + tokens.len(), n_logits)?;
        let outputs = match &armed {
            Some(armed) => session.run_binding_with_options(&slot.binding, &armed.options),
            None => session.run_binding(&slot.binding),
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
    let (failed, other) = (failed.name(), other.name());
    let message = format!("{failed} failed, {other} does its work until the next start: {why}");
    tracing::warn!("{message}");
    EngineState::Slower(message)
}

impl Loaded {
    fn new(bundle: &Bundle, options: &Options, provider: Provider) -> anyhow::Result<Self> {
        let environment = environment(&options.library)?;
        let manifest = &bundle.manifest;
        let kv = KvBuffers::of(manifest, provider).with_context(|| {
            format!(
                "{}: target {:?} with {:?} KV buffers can't be run: import the model again with \
                 the target \"cpu\" or \"cuda\"",
                bundle.path.display(),
                manifest.target,
                manifest.kv_dtype
            )
        })?;
        let (n_slots, capacity) = slots_within(manifest, &kv, options)?;
        let session = open_either(environment, bundle, provider, options.n_threads)
            .map_err(|error| if_no_memory(error, manifest))?;
        let slots = (0..n_slots).map(|_| Slot::new(&session, manifest, &kv, capacity));
        let slots = slots
            .collect::<Result<_, _>>()
            .with_context(|| format!("no KV buffers for {n_slots} times {capacity} tokens"))
            .map_err(|error| if_no_memory(error, manifest))?;
        let n_threads = options.n_threads;
        tracing::debug!(provider = provider.name(), n_slots, capacity, n_threads, "model loaded");
        Ok(Self { provider, session, slots, capacity })
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

/// The element type of the KV buffers, and their location.
struct KvBuffers {
    element: TensorElementType,
    element_bytes: usize,
    device: AllocationDevice<'static>,
}

impl KvBuffers {
    /// `None` if the engine cannot run such a graph.
    fn of(manifest: &Manifest, provider: Provider) -> Option<Self> {
        let (element, element_bytes) = match manifest.kv_dtype.as_str() {
            "float32" => (TensorElementType::Float32, 4),
            "float16" => (TensorElementType::Float16, 2),
            _ => return None,
        };
        let device = match provider {
            Provider::Cpu => AllocationDevice::CPU,
            Provider::Cuda => AllocationDevice::CUDA,
            // Its graphs return the new rows, to be copied into a buffer: BUNDLE.md.
            Provider::CoreMl => return None,
        };
        Some(Self { element, element_bytes, device })
    }
}

/// How many slots of how many tokens fit into the memory limit.
fn slots_within(
    manifest: &Manifest,
    kv: &KvBuffers,
    options: &Options,
) -> anyhow::Result<(usize, usize)> {
    let token_bytes =
        2 * manifest.n_layers * manifest.n_kv_heads * manifest.head_dim * kv.element_bytes;
    let n_fitting = options.kv_cache_bytes / token_bytes;
    let wanted = options.context_tokens.min(manifest.context_length);
    let capacity = wanted.min(n_fitting);
    anyhow::ensure!(
        capacity >= MIN_CAPACITY.min(wanted),
        "a KV cache of {} MB holds {n_fitting} tokens of this model, at least {MIN_CAPACITY} are needed",
        options.kv_cache_bytes / 1_000_000,
    );
    if capacity < wanted {
        tracing::warn!("the KV cache's limit allows {capacity} of {wanted} tokens of context");
    }
    Ok(((n_fitting / capacity.max(1)).clamp(1, MAX_SLOTS), capacity))
}

/// Below this, there is no room for a useful prompt.
const MIN_CAPACITY: usize = 256;

/// The provider that a library selects for a graph of a target.
///
/// # Errors
/// If the library cannot be loaded, or no provider fits.
pub fn provider(library: &Path, setting: Setting, target: &str) -> anyhow::Result<Choice> {
    environment(library)?;
    Ok(choose(setting, target, is_in_library)?)
}

fn is_in_library(provider: Provider) -> bool {
    match provider {
        Provider::CoreMl => CoreML::is_available().unwrap_or(false),
        Provider::Cuda => CUDA::is_available().unwrap_or(false),
        Provider::Cpu => true,
    }
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
        Provider::Cpu => {}
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

impl Slot {
    fn new(
        session: &Session,
        manifest: &Manifest,
        kv: &KvBuffers,
        capacity: usize,
    ) -> Result<Self, ModelError> {
        // The graph writes a meaningless row after the last token.
        let shape = [1, manifest.n_kv_heads, capacity + 1, manifest.head_dim];
        let memory =
            MemoryInfo::new(kv.device.clone(), 0, AllocatorType::Device, MemoryType::Default)?;
        let allocator = Allocator::new(session, memory)?;
        let mut binding = session.create_binding()?;
        for layer in 0..manifest.n_layers {
            for part in ["key", "value"] {
                let mut buffer = DynTensor::new(&allocator, kv.element, shape)?;
                binding.bind_input(format!("past_key_values.{layer}.{part}"), &buffer)?;
                binding.bind_output(format!("present.{layer}.{part}"), &mut buffer)?;
            }
        }
        Ok(Self { binding, n_logits: 0 })
    }

    /// Binds the inputs and outputs. `n_total` tokens are valid afterwards.
    fn bind(&mut self, tokens: &[u32], n_total: usize, n_logits: usize) -> Result<(), ModelError> {
        let as_i64 = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        let as_i32 = |n: usize| i32::try_from(n).unwrap_or(i32::MAX);
        let ids: Vec<i64> = tokens.iter().map(|id| i64::from(*id)).collect();
        let binding = &mut self.binding;
        binding.bind_input("input_ids", &Tensor::from_array(([1, tokens.len()], ids))?)?;
        binding.bind_input("seqlens_k", &Tensor::from_array(([1], vec![as_i32(n_total - 1)]))?)?;
        let scalar: [usize; 0] = [];
        let total = Tensor::from_array((scalar, vec![as_i32(n_total)]))?;
        binding.bind_input("total_sequence_length", &total)?;
        let first = Tensor::from_array(([1], vec![as_i64(tokens.len() - n_logits)]))?;
        binding.bind_input("logits_start", &first)?;
        if n_logits != self.n_logits {
            // The runtime allocates the output in the first run and keeps it, so another number of
            // rows needs another one.
            let memory = MemoryInfo::new(
                AllocationDevice::CPU,
                0,
                AllocatorType::Device,
                MemoryType::CPUOutput,
            )?;
            binding.bind_output_to_device("logits", &memory)?;
            self.n_logits = n_logits;
        }
        Ok(())
    }
}

impl Model for OnnxModel {
    fn capacity(&self) -> usize {
        self.loaded.capacity
    }

    fn n_slots(&self) -> usize {
        self.loaded.slots.len()
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
        let capacity = self.loaded.capacity;
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

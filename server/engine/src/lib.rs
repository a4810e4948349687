//! One thread, one model: from token ids to text.
//!
//! The engine knows token ids, text and logits, but no documents, settings or protocol. A
//! [`Request`] goes in; a [`Generation`] comes back immediately and fills while the user reads. Its
//! channel has one writer and any number of readers.
//!
//! **Architecture Invariant:** dropping the last reader of a generation is the cancel, and the only
//! one. The engine checks for it between two chunks of a prefill and between two decode steps, so
//! it is free within one of them; everything evaluated stays in the KV cache. A chunk itself is
//! aborted if another request waits that has no use for it.

pub mod bundle;
pub mod calibration;
mod confidence;
pub mod decoder;
mod failure;
mod generation_state;
pub mod kv_cache;
pub mod kv_memory;
pub mod library;
mod logprobs;
pub mod lookup;
pub mod onnx;
pub mod paths;
pub mod plugins;
mod progress;
pub mod provider;
pub mod python_environment;
mod queue;
mod rate;
pub mod remote;
pub mod sampler;
pub mod scripted;
pub mod selection;
pub mod slots;
mod threads;
pub mod trial;
pub mod unicode;
pub mod vocabulary;

use parking_lot::Mutex;
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread,
    time::Instant,
};

use tokio::sync::watch;

use calibration::Curve;
pub use confidence::{Confidence, Piece};
use decoder::Decoder;
pub use failure::Failure;
use foretell_policy::Policy;
pub use kv_memory::KvMemory;
pub use progress::{FinishReason, GenerationMetrics, Progress};
pub use queue::Abort;
use queue::{Job, Kind, Queue, Worker, thread_has_ended};
use rate::PrefillRate;
use sampler::Sampling;
pub use threads::default_n_threads;

/// Why an evaluation failed.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The runtime or the bundle failed.
    #[error(transparent)]
    Failed(Failure),
    /// The evaluation was aborted by its [`Abort`]. The buffers are unchanged.
    #[error("the evaluation was aborted")]
    Aborted,
}

/// A decoder-only transformer with its own KV buffers.
///
/// The model is stateless about length: every evaluation says how many tokens before it are valid,
/// so a smaller `n_past` rewinds. [`kv_cache::KvCache`] records what the buffers contain, and
/// [`slots::Slots`] decides how long they are.
pub trait Model: Send {
    /// The slots, and the memory that they share. At first, no slot has buffers.
    fn memory(&self) -> KvMemory;

    /// The largest number of tokens in one slot.
    fn capacity(&self) -> usize {
        self.memory().capacity()
    }

    /// Gives a slot buffers of `n_rows` rows, which contain the first `n_kept` tokens of the
    /// previous ones.
    ///
    /// # Errors
    /// [`ModelError::Failed`] if there is not enough memory; the content of all buffers is then
    /// undefined.
    fn resize(&mut self, slot: usize, n_rows: usize, n_kept: usize) -> Result<(), ModelError>;

    /// Frees the buffers of a slot.
    fn free(&mut self, slot: usize);

    /// [`EngineState::Ready`], or worse after a failure.
    fn state(&self) -> EngineState {
        EngineState::Ready
    }

    /// How many tokens of a prompt to evaluate between two checks for a cancel.
    fn prefill_chunk(&self) -> usize {
        decoder::PREFILL_CHUNK
    }

    /// Makes the next evaluation abortable, from any thread, and returns how to abort it. `None` if
    /// the model does not support it.
    fn arm(&mut self) -> Option<Abort> {
        None
    }

    /// Evaluates `tokens` after the first `n_past` tokens in the buffers of a slot, which must be
    /// long enough. Returns the logits that follow each of the last `n_logits` tokens: `n_logits`
    /// rows of `n_vocab` floats.
    ///
    /// # Errors
    /// [`ModelError::Failed`] if the runtime fails; the content of all buffers is then undefined.
    /// [`ModelError::Aborted`] if the evaluation was aborted.
    fn read(
        &mut self,
        slot: usize,
        n_past: usize,
        tokens: &[u32],
        n_logits: usize,
    ) -> Result<&[f32], ModelError>;
}

/// Runs the engine's jobs, one after the other: a [`Decoder`] with a model of its own, or
/// [`remote::Remote`].
trait Backend {
    /// Runs a job until the policy, the model or the reader ends it.
    fn run(&mut self, job: Job, queue: &Queue);

    /// Called after a panic: nothing that is kept between jobs may be relied on.
    fn forget(&mut self);

    /// The current state.
    fn state(&self) -> EngineState {
        EngineState::Ready
    }

    /// The token sequences in the KV caches.
    fn cached(&self) -> Vec<Vec<u32>> {
        Vec::new()
    }
}

/// The tokens of a prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    /// The token ids to prefill.
    pub ids: Vec<u32>,
    /// The tokens of the user's last word. The model writes its bytes again, in tokens of its own
    /// choice (token healing).
    pub healed: Vec<u32>,
}

/// A request to generate text.
#[derive(Debug)]
pub struct Request {
    /// The tokens to prefill, and the text that the generation must start with.
    pub prompt: Prompt,
    /// Where to stop and what to cut.
    pub policy: Policy,
    /// The largest number of tokens to generate, healed ones included.
    pub max_tokens: usize,
    /// How tokens are chosen.
    pub sampling: Sampling,
    /// The number of candidates. If it is more than one, the first is the most likely text and the
    /// others are sampled, each with its own seed.
    pub n_candidates: usize,
    /// Ends the generation once the probability of its text falls below this.
    pub min_probability: Option<f32>,
    /// Calibrates the model's probabilities; `None` leaves them unchanged.
    pub calibration: Option<Curve>,
    /// The texts to score, for [`Engine::score`].
    pub scored: Vec<Vec<u32>>,
}

impl Request {
    /// A request for the most likely text.
    #[must_use]
    pub fn new(prompt: Prompt, policy: Policy, max_tokens: usize) -> Self {
        Self {
            prompt,
            policy,
            max_tokens,
            sampling: Sampling::Greedy,
            n_candidates: 1,
            min_probability: None,
            calibration: None,
            scored: Vec::new(),
        }
    }

    /// The same request for several candidates, the further ones sampled.
    #[must_use]
    pub fn with_candidates(self, n_candidates: usize, sampling: Sampling) -> Self {
        Self { n_candidates, sampling, ..self }
    }

    /// The same request with a minimum probability.
    #[must_use]
    pub fn with_min_probability(self, min_probability: Option<f32>) -> Self {
        Self { min_probability, ..self }
    }

    /// The same request with calibrated probabilities.
    #[must_use]
    pub fn with_calibration(self, calibration: Option<Curve>) -> Self {
        Self { calibration, ..self }
    }
}

/// The reading end of a text that is being generated. Dropping it and its clones is the cancel.
#[derive(Debug, Clone)]
pub struct Generation {
    // In this order: the receiver is dropped before the queue is notified.
    progress: watch::Receiver<Progress>,
    _notice: Option<Arc<CancelOnDrop>>,
}

/// Notifies the queue when the last reader is dropped.
#[derive(Debug)]
struct CancelOnDrop(Arc<Queue>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.reader_is_gone();
    }
}

impl Generation {
    /// A generation that has ended already, with a text from before.
    #[must_use]
    pub fn of_text(text: String) -> Self {
        let finish = Some(FinishReason::Recalled);
        let (_, progress) = watch::channel(Progress { text, finish, ..Progress::default() });
        Self { progress, _notice: None }
    }

    /// The current state.
    #[must_use]
    pub fn progress(&self) -> Progress {
        self.progress.borrow().clone()
    }

    /// Waits for a change since the last look. Returns `false` once the writer is gone, after which
    /// nothing changes.
    pub async fn changed(&mut self) -> bool {
        self.progress.changed().await.is_ok()
    }
}

/// The state of an engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EngineState {
    /// The model is loading.
    Loading,
    /// The model takes requests.
    Ready,
    /// The model takes requests; the provider leaves a part of the work to the CPU. The message names
    /// that part.
    Partial(String),
    /// The model takes requests, more slowly than configured: on another execution provider.
    Slower {
        /// The name of that provider.
        provider: &'static str,
        /// What happened.
        message: String,
    },
    /// The model cannot be used; the message says why and what to do.
    Failed(Failure),
}

/// Locked by the engine that loads its model. Settings change several times while they are typed,
/// and the models in between are not needed.
static LOADING: Mutex<()> = Mutex::new(());

/// A handle on the engine's thread, which ends when the last handle is dropped.
#[derive(Debug, Clone)]
pub struct Engine {
    asking: Arc<EngineHandle>,
    state: watch::Receiver<EngineState>,
    rate: Arc<PrefillRate>,
    cached: Arc<Mutex<Vec<Vec<u32>>>>,
    is_for_guests: bool,
}

/// Closes the queue when the last handle is dropped.
#[derive(Debug)]
struct EngineHandle(Arc<Queue>);

impl Drop for EngineHandle {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl Engine {
    /// Starts the thread, which loads the model first. Requests may be made immediately; they wait.
    pub fn start<M: Model + 'static>(
        load: impl FnOnce() -> anyhow::Result<Decoder<M>> + Send + 'static,
    ) -> Self {
        Self::start_with(Some(&LOADING), load)
    }

    /// Starts the thread for a remote server.
    pub fn start_remote(
        load: impl FnOnce() -> anyhow::Result<remote::Remote> + Send + 'static,
    ) -> Self {
        Self::start_with(None, load)
    }

    fn start_with<B: Backend>(
        in_turn: Option<&'static Mutex<()>>,
        load: impl FnOnce() -> anyhow::Result<B> + Send + 'static,
    ) -> Self {
        let queue = Arc::new(Queue::default());
        let worker = Worker(Arc::clone(&queue));
        let (state_tx, state) = watch::channel(EngineState::Loading);
        let rate = Arc::new(PrefillRate::default());
        let measured = Arc::clone(&rate);
        let cached: Arc<Mutex<Vec<Vec<u32>>>> = Arc::default();
        let published = Arc::clone(&cached);
        let work = move || {
            let queue = &worker.0;
            // One after the other: two models would need twice the memory.
            let turn = in_turn.map(|it| it.lock());
            if queue.is_abandoned() {
                return;
            }
            let loaded = load();
            drop(turn);
            match loaded {
                Ok(mut backend) => {
                    state_tx.send_replace(backend.state());
                    while let Some(job) = queue.next() {
                        measured.add(&run(&mut backend, job, queue));
                        *published.lock() = backend.cached();
                        publish(&state_tx, backend.state());
                    }
                }
                Err(error) => {
                    let failure = Failure::new(error);
                    tracing::error!("{failure}");
                    state_tx.send_replace(EngineState::Failed(failure.clone()));
                    while let Some(job) = queue.next() {
                        job.fail(failure.clone());
                    }
                }
            }
        };
        let thread = thread::Builder::new().name("engine".into()).spawn(work);
        if let Err(error) = thread {
            // The worker is gone with the closure, and has notified the queue.
            tracing::error!("the engine's thread could not be started: {error}");
        }
        let asking = Arc::new(EngineHandle(queue));
        Self { asking, state, rate, cached, is_for_guests: false }
    }

    /// A handle for guests: programs that share the engine with the editor. Everything for the
    /// editor comes first, and ends their jobs with [`FinishReason::Cancelled`].
    #[must_use]
    pub fn for_guests(&self) -> Self {
        Self { is_for_guests: true, ..self.clone() }
    }

    /// Starts a generation. The engine runs requests in order and skips those whose generation was
    /// dropped.
    #[must_use]
    pub fn generate(&self, request: Request) -> Generation {
        let kind = if self.is_for_guests { Kind::GuestGenerate } else { Kind::Generate };
        self.push(kind, request)
    }

    /// Prefills a prompt that will be requested soon, while the engine is idle. The result never
    /// has a text; it ends with [`FinishReason::PromptRead`], or with [`FinishReason::Cancelled`]
    /// as soon as a request arrives. What was evaluated until then stays in the KV cache. A newer
    /// background prefill replaces one that has not started.
    #[must_use]
    pub fn prefill(&self, prompt: Prompt) -> Generation {
        let kind = if self.is_for_guests { Kind::GuestPrefill } else { Kind::Prefill };
        self.push(kind, Request::new(prompt, Policy::default(), 0))
    }

    /// Computes the log-probability of each of several texts after the same prompt, which has at
    /// least one token, while the engine is idle. The result ends with [`FinishReason::Scored`], with
    /// [`FinishReason::Cancelled`] as soon as any other job arrives, or with
    /// [`FinishReason::ContextFull`] if the texts would take the KV slot of the current place. A
    /// newer call replaces one that has not started.
    #[must_use]
    pub fn score(&self, prompt: Vec<u32>, texts: Vec<Vec<u32>>) -> Generation {
        let prompt = Prompt { ids: prompt, healed: Vec::new() };
        let request = Request::new(prompt, Policy::default(), 0);
        self.push(Kind::Score, Request { scored: texts, ..request })
    }

    fn push(&self, kind: Kind, request: Request) -> Generation {
        let queue = &self.asking.0;
        let (progress, reader) = watch::channel(Progress::default());
        queue.push(Job { kind, request, progress, asked: Instant::now() });
        Generation { progress: reader, _notice: Some(Arc::new(CancelOnDrop(Arc::clone(queue)))) }
    }

    /// Drops this handle and waits until the thread has ended: within one evaluation, if it was the
    /// last handle and all generations are dropped. Exiting while the runtime computes is not safe.
    pub async fn end(self) {
        let Self { asking, mut state, .. } = self;
        drop(asking);
        while state.changed().await.is_ok() {}
    }

    /// The measured prefill speed, in tokens per second. `None` until it was measured.
    #[must_use]
    pub fn prefill_tokens_per_s(&self) -> Option<f64> {
        self.rate.tokens_per_s()
    }

    /// The token sequences in the KV caches after the last job.
    #[must_use]
    pub fn cached(&self) -> Vec<Vec<u32>> {
        self.cached.lock().clone()
    }

    /// The current state.
    #[must_use]
    pub fn state(&self) -> EngineState {
        if self.state.has_changed().is_err() && *self.state.borrow() == EngineState::Loading {
            return EngineState::Failed(thread_has_ended());
        }
        self.state.borrow().clone()
    }

    /// Waits until the model is loaded or has failed to load.
    pub async fn loaded(&self) -> EngineState {
        let mut state = self.state.clone();
        let loaded =
            state.wait_for(|state| *state != EngineState::Loading).await.map(|s| s.clone());
        loaded.unwrap_or_else(|_| self.state())
    }

    /// A receiver of the states. It does not keep the engine alive.
    #[must_use]
    pub fn states(&self) -> watch::Receiver<EngineState> {
        self.state.clone()
    }
}

/// Publishes a state if it differs from the last one.
fn publish(states: &watch::Sender<EngineState>, state: EngineState) {
    states.send_if_modified(|last| {
        let has_changed = *last != state;
        if has_changed {
            *last = state;
        }
        has_changed
    });
}

/// Runs a job and returns its cost. A panic in it (a broken model, a bug) costs the job, not the
/// server.
fn run(backend: &mut impl Backend, job: Job, queue: &Queue) -> GenerationMetrics {
    let progress = job.progress.clone();
    let run = AssertUnwindSafe(|| backend.run(job, queue));
    if catch_unwind(run).is_err() {
        backend.forget();
        let failure = Failure::message("the engine had an internal error; see the log");
        progress.send_modify(|it| it.finish = Some(FinishReason::Failed(failure)));
    }
    progress.borrow().figures
}

#[cfg(test)]
mod tests;

//! One thread, one model: from a prompt to text as it is decoded.
//!
//! The engine knows token ids, text and logits; no documents and no protocol. A [`Request`] goes
//! in, a [`Generation`] comes back at once and fills while the user reads. The draft's channel has one
//! writer and any number of readers:
//!
//! **Architecture Invariant:** dropping the last reader of a draft is the cancel, and the only
//! one. The engine looks at it between two chunks of the prefill and between two decode steps, so
//! it is free within one of them; what it had read stays in the KV cache. A chunk itself is ended
//! early if another request waits that has no use for it.

pub mod bundle;
pub mod decoder;
mod generation_state;
pub mod kv_cache;
pub mod library;
mod logprobs;
pub mod lookup;
pub mod onnx;
pub mod paths;
pub mod provider;
mod queue;
mod rate;
pub mod remote;
pub mod sampler;
pub mod scripted;
pub mod slots;
mod threads;
pub mod unicode;
pub mod vocabulary;

use parking_lot::Mutex;
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread,
    time::Instant,
};

use serde::Serialize;
use tokio::sync::watch;

use decoder::Decoder;
use foretell_policy::{Policy, StopRule};
pub use queue::Abort;
use queue::{Job, Kind, Queue, Worker};
use rate::PrefillRate;
use sampler::Sampling;
pub use threads::default_n_threads;

/// Why a run of the model failed.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The runtime or the bundle is at fault; the message says how.
    #[error("{0}")]
    Failed(String),
    /// The read was ended early by its [`Abort`]. What the buffers held before it, they hold still.
    #[error("the read was ended early")]
    Aborted,
}

/// A decoder-only transformer with KV buffers of its own.
///
/// It has no length: every read says how many tokens before it are valid, so rewinding is saying
/// a smaller number. [`kv_cache::KvCache`] keeps the account of what the buffers hold.
pub trait Model: Send {
    /// The most tokens that the buffers of one slot hold.
    fn capacity(&self) -> usize;

    /// How many sets of buffers there are.
    fn n_slots(&self) -> usize {
        1
    }

    /// What it can do: [`EngineState::Ready`], or less since something went wrong.
    fn state(&self) -> EngineState {
        EngineState::Ready
    }

    /// Makes the next read one that can be ended early, from any thread, and returns how. `None` if
    /// the model can't do that.
    fn arm(&mut self) -> Option<Abort> {
        None
    }

    /// Reads `tokens` after the first `n_past` tokens in the buffers of a slot. Returns the logits
    /// that follow each of the last `n_logits` tokens: `n_logits` rows of `n_vocab` floats.
    ///
    /// # Errors
    /// [`ModelError::Failed`] if the runtime fails; what all buffers hold is then undefined.
    /// [`ModelError::Aborted`] if the read was armed and ended early.
    fn read(
        &mut self,
        slot: usize,
        n_past: usize,
        tokens: &[u32],
        n_logits: usize,
    ) -> Result<&[f32], ModelError>;
}

/// What does the engine's jobs, one after the other: a [`Decoder`] with a model of its own, or
/// [`remote::Remote`].
trait Backend {
    /// Does a job until the policy, the model or the reader ends it.
    fn run(&mut self, job: Job, queue: &Queue);

    /// Called after a panic: nothing that is kept from job to job may be relied on.
    fn forget(&mut self);

    /// What it can do now.
    fn state(&self) -> EngineState {
        EngineState::Ready
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

/// What to generate.
#[derive(Debug)]
pub struct Request {
    /// The tokens to read, and the text that the model must begin with.
    pub prompt: Prompt,
    /// Where to stop and what to cut.
    pub policy: Policy,
    /// The most tokens to generate, the healed ones included.
    pub max_tokens: usize,
    /// How a token is chosen.
    pub sampling: Sampling,
    /// How many texts are asked for. Where it is more than one, the first is the most likely one
    /// and the others are drawn by `sampling`, each with a seed of its own.
    pub n_candidates: usize,
}

impl Request {
    /// A request for the most likely text.
    #[must_use]
    pub fn new(prompt: Prompt, policy: Policy, max_tokens: usize) -> Self {
        Self { prompt, policy, max_tokens, sampling: Sampling::Greedy, n_candidates: 1 }
    }

    /// The same request for several texts, the further ones drawn by `sampling`.
    #[must_use]
    pub fn with_candidates(self, n_candidates: usize, sampling: Sampling) -> Self {
        Self { n_candidates, sampling, ..self }
    }
}

/// Why a draft is at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FinishReason {
    /// A rule of the policy stopped it.
    Stopped(StopRule),
    /// The model said that the text ends here.
    EndOfText,
    /// It reached [`Request::max_tokens`].
    MaxTokens,
    /// The KV buffers are full.
    ContextFull,
    /// The model wrote bytes that are no text.
    NotText,
    /// It was written before and is only shown again.
    Recalled,
    /// The prompt is read, which is all that a prewarm does.
    PromptRead,
    /// Nobody reads it any more, or a prewarm made room for a request.
    Cancelled,
    /// The model can't be used; the message says why.
    Failed(String),
}

impl FinishReason {
    /// The reason in one word, as it stands in logs and in JSON.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Stopped(stop) => stop.name(),
            Self::EndOfText => "end_of_text",
            Self::MaxTokens => "max_tokens",
            Self::ContextFull => "context_full",
            Self::NotText => "not_text",
            Self::Recalled => "recalled",
            Self::PromptRead => "prompt_read",
            Self::Cancelled => "cancelled",
            Self::Failed(_) => "failed",
        }
    }
}

/// What a draft cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct GenerationMetrics {
    /// Tokens of the prompt that the KV cache held already.
    pub reused: usize,
    /// Tokens of the prompt that were read.
    pub read: usize,
    /// Tokens that say what is not in the document yet, those of all candidates included.
    pub generated: usize,
    /// Tokens that only write the user's last word again (token healing).
    pub healed: usize,
    /// Tokens that were drafted, from the user's last word or by the lookup, and that the model
    /// read.
    pub drafted: usize,
    /// Drafted tokens that the model would have chosen.
    pub accepted: usize,
    /// From the request until the engine took it up, in milliseconds.
    pub queued_ms: f64,
    /// Reading the prompt, in milliseconds.
    pub prefill_ms: f64,
    /// From the request to the first new text, in milliseconds.
    pub first_token_ms: Option<f64>,
    /// From the end of the prompt to the end, in milliseconds.
    pub decode_ms: f64,
    /// From the request to the end, in milliseconds.
    pub total_ms: f64,
}

/// A draft at one moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Progress {
    /// The text so far, as the policy lets it through: it only ever grows.
    pub text: String,
    /// The further candidates, each one whole and unlike the others; they come one by one after
    /// `text` is complete.
    pub alternatives: Vec<String>,
    /// How sure the model was of `text`: the mean of the logarithms of its tokens' probabilities.
    /// `None` while there is no text of its own.
    pub mean_log_probability: Option<f32>,
    /// Set once, with the last text.
    pub finish: Option<FinishReason>,
    /// Complete once `finish` is set.
    pub figures: GenerationMetrics,
}

/// The reading end of a text that is being generated. Dropping it (and its clones) is the cancel.
#[derive(Debug, Clone)]
pub struct Generation {
    // In this order: the receiver is gone when the notice is given.
    progress: watch::Receiver<Progress>,
    _notice: Option<Arc<CancelOnDrop>>,
}

/// Tells the queue when the last reader is gone.
#[derive(Debug)]
struct CancelOnDrop(Arc<Queue>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.reader_is_gone();
    }
}

impl Generation {
    /// A draft that is at its end already, with a text that was there before.
    #[must_use]
    pub fn of_text(text: String) -> Self {
        let finish = Some(FinishReason::Recalled);
        let (_, progress) = watch::channel(Progress { text, finish, ..Progress::default() });
        Self { progress, _notice: None }
    }

    /// The draft as it is now.
    #[must_use]
    pub fn now(&self) -> Progress {
        self.progress.borrow().clone()
    }

    /// Waits until there is more than what was last seen. Returns `false` once the writer is gone,
    /// after which nothing can change.
    pub async fn changed(&mut self) -> bool {
        self.progress.changed().await.is_ok()
    }
}

/// What the engine can do at the moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EngineState {
    /// The model is being loaded.
    Loading,
    /// The model takes requests.
    Ready,
    /// The model takes requests, in a slower way than was set; the message says why.
    Slower(String),
    /// The model can't be used; the message says why and what to do.
    Failed(String),
}

/// Held by the engine that loads its model. Settings that are typed change several times before the
/// first is loaded, and those in between are of no use to anybody.
static LOADING: Mutex<()> = Mutex::new(());

/// A handle on the engine's thread, which ends when the last handle is dropped.
#[derive(Debug, Clone)]
pub struct Engine {
    asking: Arc<EngineHandle>,
    state: watch::Receiver<EngineState>,
    rate: Arc<PrefillRate>,
}

/// Closes the queue when nobody can ask any more.
#[derive(Debug)]
struct EngineHandle(Arc<Queue>);

impl Drop for EngineHandle {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl Engine {
    /// Starts the thread, which loads the model first. Requests may be made at once; they wait.
    pub fn start<M: Model + 'static>(
        load: impl FnOnce() -> anyhow::Result<Decoder<M>> + Send + 'static,
    ) -> Self {
        Self::start_with(Some(&LOADING), load)
    }

    /// Starts the thread for a server that computes.
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
        let work = move || {
            let queue = &worker.0;
            // One after the other: two models at once would need twice the memory.
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
                        tell_other(&state_tx, backend.state());
                    }
                }
                Err(error) => {
                    let message = format!("{error:#}");
                    tracing::error!("{message}");
                    state_tx.send_replace(EngineState::Failed(message.clone()));
                    while let Some(job) = queue.next() {
                        job.fail(&message);
                    }
                }
            }
        };
        let thread = thread::Builder::new().name("engine".into()).spawn(work);
        if let Err(error) = thread {
            // The worker is gone with the closure, and has told the queue.
            tracing::error!("the engine's thread could not be started: {error}");
        }
        Self { asking: Arc::new(EngineHandle(queue)), state, rate }
    }

    /// Asks for a text. The engine takes requests in order and passes over those whose draft was
    /// dropped.
    #[must_use]
    pub fn generate(&self, request: Request) -> Generation {
        self.push(Kind::Generate, request)
    }

    /// Reads a prompt that will be asked for soon, when nothing else is to do. Its draft never has
    /// a text; it ends with [`FinishReason::PromptRead`], or with [`FinishReason::Cancelled`] as soon as a
    /// request comes. What was read until then stays in the KV cache. A prewarm that has not begun
    /// is given up for a newer one.
    #[must_use]
    pub fn prewarm(&self, prompt: Prompt) -> Generation {
        self.push(Kind::Prewarm, Request::new(prompt, Policy::default(), 0))
    }

    fn push(&self, kind: Kind, request: Request) -> Generation {
        let queue = &self.asking.0;
        let (progress, reader) = watch::channel(Progress::default());
        queue.push(Job { kind, request, progress, asked: Instant::now() });
        Generation { progress: reader, _notice: Some(Arc::new(CancelOnDrop(Arc::clone(queue)))) }
    }

    /// Drops this handle and waits until the thread has ended: within one read, if it was the last
    /// one and all drafts are dropped. Leaving the process while the runtime computes is not safe.
    pub async fn end(self) {
        let Self { asking, mut state, .. } = self;
        drop(asking);
        while state.changed().await.is_ok() {}
    }

    /// How fast the model reads prompts, in tokens a second. `None` until it was measured.
    #[must_use]
    pub fn prefill_tokens_per_s(&self) -> Option<f64> {
        self.rate.tokens_per_s()
    }

    /// What the engine can do now.
    #[must_use]
    pub fn state(&self) -> EngineState {
        if self.state.has_changed().is_err() && *self.state.borrow() == EngineState::Loading {
            return EngineState::Failed("the engine's thread has ended".into());
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

    /// What the engine can do, now and whenever that changes. It does not keep the engine alive.
    #[must_use]
    pub fn states(&self) -> watch::Receiver<EngineState> {
        self.state.clone()
    }
}

fn tell_other(states: &watch::Sender<EngineState>, state: EngineState) {
    states.send_if_modified(|now| {
        let is_other = *now != state;
        if is_other {
            *now = state;
        }
        is_other
    });
}

/// Runs a job and returns what it cost. A panic in it (a broken model, a bug of ours) costs the job,
/// not the server.
fn run(backend: &mut impl Backend, job: Job, queue: &Queue) -> GenerationMetrics {
    let progress = job.progress.clone();
    let run = AssertUnwindSafe(|| backend.run(job, queue));
    if catch_unwind(run).is_err() {
        backend.forget();
        let message = "the engine had an internal error, see the log".to_owned();
        progress.send_modify(|now| now.finish = Some(FinishReason::Failed(message)));
    }
    progress.borrow().figures
}

#[cfg(test)]
mod tests;

//! One thread, one model: from a prompt to text as it is decoded.
//!
//! The engine knows token ids, text and logits; no documents and no protocol. A [`Request`] goes
//! in, a [`Draft`] comes back at once and fills while the user reads. The draft's channel has one
//! writer and any number of readers:
//!
//! **Architecture Invariant:** dropping the last reader of a draft is the cancel, and the only
//! one. The engine looks at it between two chunks of the prefill and between two decode steps, so
//! it is free within one of them; what it had read stays in the KV cache.

pub mod decoder;
pub mod kv_cache;
pub mod onnx;
pub mod sampler;
pub mod scripted;
pub mod vocabulary;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, mpsc},
    thread,
};

use serde::Serialize;
use tokio::sync::watch;

use crate::{
    policy::{Policy, Stop},
    prompt::Prompt,
};
use decoder::Decoder;

/// Why a run of the model failed.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The runtime or the bundle is at fault; the message says how.
    #[error("{0}")]
    Failed(String),
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

    /// Reads `tokens` after the first `n_past` tokens in the buffers of a slot. Returns the logits
    /// that follow each of the last `n_logits` tokens: `n_logits` rows of `n_vocab` floats.
    ///
    /// # Errors
    /// If the runtime fails; what the slot's buffers hold is then undefined.
    fn read(
        &mut self,
        slot: usize,
        n_past: usize,
        tokens: &[u32],
        n_logits: usize,
    ) -> Result<&[f32], ModelError>;
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
}

impl Request {
    /// A request for the most likely text.
    #[must_use]
    pub fn new(prompt: Prompt, policy: Policy, max_tokens: usize) -> Self {
        Self { prompt, policy, max_tokens }
    }
}

/// Why a draft is at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finish {
    /// A rule of the policy stopped it.
    Stopped(Stop),
    /// The model said that the text ends here.
    EndOfText,
    /// It reached [`Request::max_tokens`].
    MaxTokens,
    /// The KV buffers are full.
    ContextFull,
    /// The model wrote bytes that are no text.
    NotText,
    /// Nobody reads it any more.
    Cancelled,
    /// The model can't be used; the message says why.
    Failed(String),
}

impl Finish {
    /// The reason in one word, as it stands in logs and in JSON.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Stopped(stop) => stop.name(),
            Self::EndOfText => "end_of_text",
            Self::MaxTokens => "max_tokens",
            Self::ContextFull => "context_full",
            Self::NotText => "not_text",
            Self::Cancelled => "cancelled",
            Self::Failed(_) => "failed",
        }
    }
}

/// What a draft cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Figures {
    /// Tokens of the prompt that the KV cache held already.
    pub reused: usize,
    /// Tokens of the prompt that were read.
    pub read: usize,
    /// Tokens that were generated, the healed ones included.
    pub generated: usize,
    /// From the request to the first new text, in milliseconds.
    pub first_token_ms: Option<f64>,
    /// From the request to the end, in milliseconds.
    pub total_ms: f64,
}

/// A draft at one moment.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    /// The text so far, as the policy lets it through: it only ever grows.
    pub text: String,
    /// Set once, with the last text.
    pub finish: Option<Finish>,
    /// Complete once `finish` is set.
    pub figures: Figures,
}

/// The reading end of a text that is being generated. Dropping it (and its clones) is the cancel.
#[derive(Debug, Clone)]
pub struct Draft(watch::Receiver<Progress>);

impl Draft {
    /// The draft as it is now.
    #[must_use]
    pub fn now(&self) -> Progress {
        self.0.borrow().clone()
    }

    /// Waits until there is more than what was last seen. Returns `false` once the writer is gone,
    /// after which nothing can change.
    pub async fn changed(&mut self) -> bool {
        self.0.changed().await.is_ok()
    }
}

/// What the engine can do at the moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// The model is being loaded.
    Loading,
    /// The model takes requests.
    Ready,
    /// The model can't be used; the message says why and what to do.
    Failed(String),
}

struct Job {
    request: Request,
    progress: watch::Sender<Progress>,
    asked: std::time::Instant,
}

/// A handle on the engine's thread, which ends when the last handle is dropped.
#[derive(Debug, Clone)]
pub struct Engine {
    jobs: mpsc::Sender<Job>,
    state: watch::Receiver<State>,
}

impl Engine {
    /// Starts the thread, which loads the model first. Requests may be made at once; they wait.
    pub fn start<M: Model + 'static>(
        load: impl FnOnce() -> anyhow::Result<Decoder<M>> + Send + 'static,
    ) -> Self {
        let (jobs, inbox) = mpsc::channel::<Job>();
        let (state_tx, state) = watch::channel(State::Loading);
        let work = move || match load() {
            Ok(mut decoder) => {
                state_tx.send_replace(State::Ready);
                for job in inbox {
                    run(&mut decoder, job);
                }
            }
            Err(error) => {
                let message = format!("{error:#}");
                tracing::error!("{message}");
                state_tx.send_replace(State::Failed(message.clone()));
                for job in inbox {
                    finish(&job.progress, Finish::Failed(message.clone()));
                }
            }
        };
        let thread = thread::Builder::new().name("engine".into()).spawn(work);
        if let Err(error) = thread {
            // The closure is gone, and with it the inbox: every request fails by itself.
            tracing::error!("the engine's thread could not be started: {error}");
        }
        Self { jobs, state }
    }

    /// Asks for a text. The engine takes requests in order and passes over those whose draft was
    /// dropped.
    #[must_use]
    pub fn generate(&self, request: Request) -> Draft {
        let (progress, draft) = watch::channel(Progress::default());
        let job = Job { request, progress, asked: std::time::Instant::now() };
        if let Err(mpsc::SendError(job)) = self.jobs.send(job) {
            finish(&job.progress, Finish::Failed("the engine's thread has ended".into()));
        }
        Draft(draft)
    }

    /// Waits until the thread has ended, which it does within one read after the last draft and
    /// the last handle are dropped: leaving the process while the runtime computes is not safe.
    pub async fn ended(mut state: watch::Receiver<State>) {
        while state.changed().await.is_ok() {}
    }

    /// The engine's state as a channel, which closes when the thread ends.
    #[must_use]
    pub fn states(&self) -> watch::Receiver<State> {
        self.state.clone()
    }

    /// What the engine can do now.
    #[must_use]
    pub fn state(&self) -> State {
        if self.state.has_changed().is_err() && *self.state.borrow() == State::Loading {
            return State::Failed("the engine's thread has ended".into());
        }
        self.state.borrow().clone()
    }

    /// Waits until the model is loaded or has failed to load.
    pub async fn loaded(&self) -> State {
        let mut state = self.state.clone();
        let loaded = state.wait_for(|state| *state != State::Loading).await.map(|s| s.clone());
        loaded.unwrap_or_else(|_| self.state())
    }
}

/// A panic in the decoder (a broken model, a bug of ours) costs the job, not the server.
fn run<M: Model>(decoder: &mut Decoder<M>, job: Job) {
    let progress = Arc::new(job.progress);
    let run = AssertUnwindSafe(|| decoder.run(job.request, &progress, job.asked));
    if catch_unwind(run).is_err() {
        decoder.forget();
        finish(&progress, Finish::Failed("the engine had an internal error, see the log".into()));
    }
}

fn finish(progress: &watch::Sender<Progress>, finish: Finish) {
    progress.send_modify(|now| now.finish = Some(finish));
}

//! The engine of a team: a server with streaming on OpenAI's `/v1/completions` (vLLM, llama.cpp,
//! Text Generation Inference, Ray Serve) in place of a model on this machine.
//!
//! It replaces the [`Decoder`](super::decoder::Decoder) behind the same queue and produces the same
//! generations: the policy stops and cuts them here, and dropping the last reader is the cancel,
//! which closes the connection.
//!
//! **Architecture Invariant:** `remote/client.rs` is the only file that opens a socket, and it is
//! reached only with `engine.kind = "remote"`.
//!
//! There is no tokenizer: the same code builds prompts over bytes ([`byte_vocabulary`]), which are
//! sent as text, and a token in the settings counts as [`BYTES_PER_TOKEN`] bytes. Without logits,
//! the last word cannot be healed, so the prompt is split at the cursor, where models are trained
//! to continue a word.

mod bearer_token;
mod client;
mod excerpt;
mod prompt_format;
mod sse;

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use tokio::runtime::Runtime;

use super::{
    Backend, Failure, FinishReason, Request,
    generation_state::{GenerationState, ms_since},
    queue::{Job, Kind, Queue},
    sampler::Sampling,
    vocabulary::VocabularyError,
};
use client::{Client, CompletionRequest};
pub use prompt_format::{Format, PromptFormat, UnknownFormat, WireParts};

/// About how many bytes of code a token is. Prompts for a server are built over bytes.
pub const BYTES_PER_TOKEN: usize = 4;
/// The largest size of a token in bytes, for instance of an indentation: it limits a server that
/// streams without end.
const MAX_BYTES_PER_TOKEN: usize = 32;

/// Why a remote engine cannot be used, or a request to it failed.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    /// A setting is invalid; the message names it and says what to do.
    #[error("{0}")]
    Setting(String),
    /// The server failed to answer.
    #[error("the remote engine at {at} {what}")]
    Answer {
        /// Its address.
        at: String,
        /// The failure, and what to do.
        what: String,
    },
    /// A failure on this machine.
    #[error("cannot start the remote engine")]
    Start(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<VocabularyError> for RemoteError {
    fn from(error: VocabularyError) -> Self {
        Self::Start(error.into())
    }
}

/// How to reach a server, and how to write its prompts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Its address; `/v1/completions` is added unless the path ends with it.
    pub url: String,
    /// The model's name on that server; empty sends none.
    pub model: String,
    /// How a prompt is written as text.
    pub format: Format,
    /// The environment variable that holds the bearer token.
    pub token_env: Option<String>,
    /// The file that holds the bearer token.
    pub token_file: Option<PathBuf>,
    /// How long the server may stay silent before a request fails.
    pub timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            url: String::new(),
            model: String::new(),
            format: Format::default(),
            token_env: None,
            token_file: None,
            timeout: Duration::from_secs(10),
        }
    }
}

/// A server that generates text over HTTP.
#[derive(Debug)]
pub struct Remote {
    client: Client,
    format: PromptFormat,
    model: String,
    timeout: Duration,
    /// Its thread keeps idle connections alive.
    runtime: Runtime,
}

impl Remote {
    /// Prepares a remote engine. Nothing is sent yet.
    ///
    /// # Errors
    /// If an option is invalid.
    pub fn new(options: &Options) -> Result<Self, RemoteError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("remote")
            .enable_all()
            .build()
            .map_err(|error| RemoteError::Start(error.into()))?;
        let client = Client::new(options)?;
        let format = PromptFormat::of(options.format);
        Ok(Self { client, format, model: options.model.clone(), timeout: options.timeout, runtime })
    }

    /// Requests candidate `n` and writes it as it arrives.
    async fn write(
        &self,
        request: &Request,
        n: usize,
        run: &mut GenerationState<'_>,
    ) -> FinishReason {
        let written = self.format.written(&request.prompt.ids);
        let sampling = request.sampling.of_candidate(n, request.n_candidates);
        let ask = CompletionRequest {
            model: &self.model,
            prompt: &written.prompt,
            suffix: written.suffix.as_deref(),
            max_tokens: request.max_tokens,
            stream: true,
            logprobs: request.min_probability.map(|_| 1),
            temperature: match sampling {
                Sampling::Greedy => 0.0,
                Sampling::Random { temperature, .. } => temperature,
            },
            top_p: match sampling {
                Sampling::Greedy => None,
                Sampling::Random { top_p, .. } => Some(top_p),
            },
            seed: match sampling {
                Sampling::Greedy => None,
                Sampling::Random { seed, .. } => Some(seed),
            },
        };
        let (asked, mut decode_start) = (Instant::now(), None);
        // Leaving this block drops the answer, which closes the connection.
        let finish = async {
            let mut answer = self.within(run, self.client.ask(&ask)).await?;
            let mut finish = FinishReason::EndOfText;
            let mut n_bytes_left = request.max_tokens.saturating_mul(MAX_BYTES_PER_TOKEN);
            while let Some(piece) = self.within(run, answer.next()).await? {
                decode_start.get_or_insert_with(Instant::now);
                run.figures.generated += 1;
                if piece.is_cut_short {
                    finish = FinishReason::MaxTokens;
                }
                let (text, left) = cut(&piece.text, n_bytes_left);
                if let std::ops::ControlFlow::Break(stopped) =
                    run.write(text.as_bytes(), piece.log_probability, request.min_probability)
                {
                    return Err(stopped);
                }
                let Some(left) = left else { return Ok(FinishReason::MaxTokens) };
                n_bytes_left = left;
            }
            Ok(finish)
        };
        let finish = finish.await.unwrap_or_else(|finish| finish);
        let first = decode_start.unwrap_or_else(Instant::now);
        run.figures.prefill_ms += (first - asked).as_secs_f64() * 1e3;
        run.figures.decode_ms += ms_since(first);
        run.end_candidate(finish)
    }

    /// Waits for the server until the timeout, or until the generation is dropped.
    async fn within<T>(
        &self,
        run: &GenerationState<'_>,
        answer: impl Future<Output = Result<T, RemoteError>>,
    ) -> Result<T, FinishReason> {
        tokio::select! {
            biased;
            () = run.reader_is_gone() => Err(FinishReason::Cancelled),
            it = tokio::time::timeout(self.timeout, answer) => match it {
                Ok(Ok(it)) => Ok(it),
                Ok(Err(error)) => Err(FinishReason::Failed(Failure::new(error))),
                Err(_) => Err(FinishReason::Failed(Failure::new(self.client.is_silent(self.timeout)))),
            },
        }
    }
}

impl Backend for Remote {
    fn run(&mut self, job: Job, queue: &Queue) {
        let Job { kind, request, progress, asked } = job;
        let mut run = GenerationState::new(&request, Vec::new(), &progress, queue, asked);
        let finish = if kind.is_prefill() || kind == Kind::Score {
            // The server manages its own cache, so there is nothing to prefill. It scores no texts.
            FinishReason::PromptRead
        } else {
            run.candidates(&request, |n, run| self.runtime.block_on(self.write(&request, n, run)))
        };
        run.end(finish);
    }

    fn forget(&mut self) {}
}

/// The accepted part of a chunk, and the number of bytes that may follow; `None` if it was too much. A
/// server may send megabytes in one chunk, and the rules scan everything.
fn cut(piece: &str, n_bytes_left: usize) -> (&str, Option<usize>) {
    let taken = &piece[..piece.floor_char_boundary(n_bytes_left)];
    // A chunk without text counts too: they could arrive forever.
    (taken, n_bytes_left.checked_sub(piece.len().max(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_to_the_byte_budget() {
        assert_eq!(cut("abc", 5), ("abc", Some(2)));
        assert_eq!(cut("abc", 3), ("abc", Some(0)));
        assert_eq!(cut("aäc", 2), ("a", None), "whole characters");
        assert_eq!(cut("", 1), ("", Some(0)));
        assert_eq!(cut("", 0), ("", None));
    }
}

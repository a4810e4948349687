//! One job from its prompt to its last token.

use std::{ops::ControlFlow, sync::Arc, time::Instant};

use tokio::sync::watch;

use super::{
    Figures, Finish, Model, ModelError, Progress, Request, kv_cache::KvCache, sampler::Healing,
    vocabulary::Vocabulary,
};
use crate::policy::Policy;

/// How many tokens of a prompt are read between two looks at the cancel. 64 costs nothing
/// measurable against one run of all tokens; 32 costs about a tenth.
pub const PREFILL_CHUNK: usize = 64;

/// A model with what it has read, and its vocabulary.
#[derive(Debug)]
pub struct Decoder<M> {
    model: M,
    cache: KvCache,
    vocabulary: Arc<Vocabulary>,
    eos_ids: Vec<u32>,
}

impl<M: Model> Decoder<M> {
    /// A decoder that has read nothing yet.
    pub fn new(model: M, vocabulary: Arc<Vocabulary>, eos_ids: Vec<u32>) -> Self {
        Self { model, cache: KvCache::default(), vocabulary, eos_ids }
    }

    /// Drops what the model has read: after a failure nobody knows what the buffers hold.
    pub(super) fn forget(&mut self) {
        self.cache.truncate(0);
    }

    /// Generates into `progress` until the policy, the model or the reader ends it.
    pub(super) fn run(
        &mut self,
        request: Request,
        progress: &watch::Sender<Progress>,
        asked: Instant,
    ) {
        let Request { prompt, policy, max_tokens } = request;
        let mut run = Run {
            text: Text::default(),
            shown: 0,
            figures: Figures::default(),
            healing: Healing::new(prompt.healed),
            policy,
            progress,
            asked,
        };
        let finish = self
            .prefill(&prompt.ids, &mut run)
            .and_then(|first| self.decode(first, max_tokens, &mut run));
        let finish = match finish {
            Ok(ControlFlow::Break(finish)) => finish,
            Ok(ControlFlow::Continue(())) => Finish::MaxTokens,
            Err(error) => {
                self.forget();
                Finish::Failed(error.to_string())
            }
        };
        run.end(finish);
    }

    /// Reads what the cache does not hold of the prompt. Returns the token that follows it.
    fn prefill(
        &mut self,
        ids: &[u32],
        run: &mut Run<'_>,
    ) -> Result<ControlFlow<Finish, u32>, ModelError> {
        if ids.is_empty() {
            return Err(ModelError::Failed("the prompt is empty".into()));
        }
        if ids.len() > self.model.capacity() {
            return Ok(ControlFlow::Break(Finish::ContextFull));
        }
        // The last token is read in any case: its logits are not kept.
        let n_reused = self.cache.common_prefix(ids).min(ids.len() - 1);
        self.cache.truncate(n_reused);
        run.figures.reused = n_reused;
        let mut next = None;
        for chunk in ids[n_reused..].chunks(PREFILL_CHUNK) {
            if run.is_cancelled() {
                return Ok(ControlFlow::Break(Finish::Cancelled));
            }
            let logits = self.model.read(0, self.cache.len(), chunk, 1)?;
            self.cache.push(chunk);
            run.figures.read += chunk.len();
            if self.cache.len() == ids.len() {
                next = run.healing.pick(logits, &self.vocabulary);
            }
        }
        Ok(next.map_or(ControlFlow::Break(Finish::NotText), ControlFlow::Continue))
    }

    fn decode(
        &mut self,
        first: ControlFlow<Finish, u32>,
        max_tokens: usize,
        run: &mut Run<'_>,
    ) -> Result<ControlFlow<Finish>, ModelError> {
        let mut token = match first {
            ControlFlow::Continue(token) => token,
            ControlFlow::Break(finish) => return Ok(ControlFlow::Break(finish)),
        };
        for n_generated in 1..=max_tokens {
            run.figures.generated = n_generated;
            let bytes = self.vocabulary.bytes(token);
            if self.eos_ids.contains(&token) || bytes.is_empty() {
                return Ok(ControlFlow::Break(Finish::EndOfText));
            }
            if let ControlFlow::Break(finish) = run.take(bytes) {
                return Ok(ControlFlow::Break(finish));
            }
            if n_generated == max_tokens {
                break;
            }
            if self.cache.len() == self.model.capacity() {
                return Ok(ControlFlow::Break(Finish::ContextFull));
            }
            let logits = self.model.read(0, self.cache.len(), &[token], 1)?;
            self.cache.push(&[token]);
            match run.healing.pick(logits, &self.vocabulary) {
                Some(next) => token = next,
                None => return Ok(ControlFlow::Break(Finish::NotText)),
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}

/// The part of a job that changes with every token.
struct Run<'a> {
    text: Text,
    /// How much of the text the policy has let through, in bytes.
    shown: usize,
    figures: Figures,
    healing: Healing,
    policy: Policy,
    progress: &'a watch::Sender<Progress>,
    asked: Instant,
}

impl Run<'_> {
    fn is_cancelled(&self) -> bool {
        self.progress.is_closed()
    }

    fn elapsed_ms(&self) -> f64 {
        self.asked.elapsed().as_secs_f64() * 1e3
    }

    /// Takes in a token's bytes and shows what they add.
    fn take(&mut self, bytes: &[u8]) -> ControlFlow<Finish> {
        if self.is_cancelled() {
            return ControlFlow::Break(Finish::Cancelled);
        }
        if !self.text.push(self.healing.pay(bytes)) {
            return ControlFlow::Break(Finish::NotText);
        }
        if !self.text.as_str().is_empty() && self.figures.first_token_ms.is_none() {
            self.figures.first_token_ms = Some(self.elapsed_ms());
        }
        let look = self.policy.look(self.text.as_str(), false);
        self.show(look.keep_bytes);
        match look.stop {
            Some(stop) => ControlFlow::Break(Finish::Stopped(stop)),
            None => ControlFlow::Continue(()),
        }
    }

    fn show(&mut self, keep_bytes: usize) {
        if keep_bytes > self.shown {
            self.shown = keep_bytes;
            let text = &self.text.as_str()[..keep_bytes];
            self.progress.send_modify(|now| text.clone_into(&mut now.text));
        }
    }

    fn end(mut self, finish: Finish) {
        let look = self.policy.look(self.text.as_str(), true);
        let complete = !matches!(finish, Finish::Cancelled | Finish::Failed(_));
        if complete && self.healing.is_done() {
            self.show(look.keep_bytes);
        }
        // The rules may only see at the very end that the text stops by one of them.
        let finish = match (finish, look.stop) {
            (Finish::EndOfText | Finish::MaxTokens, Some(stop)) => Finish::Stopped(stop),
            (finish, _) => finish,
        };
        self.figures.total_ms = self.elapsed_ms();
        self.progress.send_modify(|now| {
            now.figures = self.figures;
            now.finish = Some(finish);
        });
    }
}

/// Bytes that become text as soon as they are whole characters.
#[derive(Debug, Default)]
struct Text {
    text: String,
    /// The beginning of a character whose end has not come yet.
    partial: Vec<u8>,
}

impl Text {
    fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns `false` if the bytes can't become text whatever follows.
    fn push(&mut self, bytes: &[u8]) -> bool {
        self.partial.extend_from_slice(bytes);
        match std::str::from_utf8(&self.partial) {
            Ok(text) => {
                self.text.push_str(text);
                self.partial.clear();
                true
            }
            Err(error) => {
                let whole: Vec<u8> = self.partial.drain(..error.valid_up_to()).collect();
                self.text.push_str(&String::from_utf8_lossy(&whole));
                error.error_len().is_none()
            }
        }
    }
}

#[cfg(test)]
mod tests;

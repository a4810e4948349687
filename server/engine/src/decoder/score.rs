//! Log-probabilities of given texts: prefill only.

use std::ops::ControlFlow;

use super::{Decoder, Step, Work};
use crate::{
    FinishReason, Model, ModelError, Request,
    generation_state::GenerationState,
    logprobs::log_probability,
    queue::{Job, Queue},
};

/// How many tokens of a text are evaluated at once: each needs a row of logits.
const CHUNK: usize = 32;

impl<M: Model> Decoder<M> {
    /// Scores the texts of a request in a slot that the user's current place does not need.
    pub(super) fn score(&mut self, job: &Job, queue: &Queue) {
        let Job { request, progress, asked, kind } = job;
        let mut run = GenerationState::new(request, Vec::new(), progress, queue, *asked);
        let Some(slot) = self.spare_slot(request, None) else {
            return run.end(FinishReason::ContextFull);
        };
        let n_longest = n_longest(request);
        let mut work = Work { decoder: self, slot, queue, kind: *kind };
        let scored = work.log_probabilities(request, n_longest, &mut run);
        let finish = work.finish(scored.map(|it| match it {
            ControlFlow::Continue(sums) => {
                run.set_log_probabilities(sums);
                FinishReason::Scored
            }
            ControlFlow::Break(finish) => finish,
        }));
        run.end(finish);
    }

    fn spare_slot(&self, request: &Request, in_use: Option<usize>) -> Option<usize> {
        let n_longest = n_longest(request);
        self.slots.spare(n_longest, in_use).filter(|_| n_longest <= self.model.capacity())
    }
}

/// The tokens of the prompt with the longest text.
fn n_longest(request: &Request) -> usize {
    request.prompt.ids.len() + request.scored.iter().map(Vec::len).max().unwrap_or(0)
}

impl<M: Model> Work<'_, M> {
    /// Runs waiting scoring before the next chunk of a background prefill: the user sees its result,
    /// and the prefill may take seconds. `false` if the model has failed, which empties the caches.
    pub(super) fn score_between_chunks(&mut self, n_needed: usize) -> Result<bool, ModelError> {
        if !self.kind.is_prefill() {
            return Ok(true);
        }
        let has_slot = |it: &Request| self.decoder.spare_slot(it, Some(self.slot)).is_some();
        let Some(job) = self.queue.take_scoring(has_slot) else { return Ok(true) };
        let n_held = self.decoder.slots.cache(self.slot).len();
        self.decoder.score(&job, self.queue);
        let Decoder { model, slots, .. } = &mut *self.decoder;
        if slots.cache(self.slot).len() != n_held {
            return Ok(false);
        }
        // Unused rows may be gone.
        slots.reserve(self.slot, n_needed, model)?;
        Ok(true)
    }

    /// The sum of the log-probabilities of each text's tokens. The last text stays in the cache.
    fn log_probabilities(
        &mut self,
        request: &Request,
        n_longest: usize,
        run: &mut GenerationState<'_>,
    ) -> Step<Vec<f64>> {
        let Some((last, head)) = request.prompt.ids.split_last() else {
            return Ok(ControlFlow::Break(FinishReason::EndOfText));
        };
        let Decoder { model, slots, .. } = &mut *self.decoder;
        let n_held = slots.cache(self.slot).common_prefix(head);
        slots.cache_mut(self.slot).truncate(n_held);
        run.figures.reused += n_held;
        if run.is_cancelled() {
            // Before other places make room for this one.
            return Ok(ControlFlow::Break(FinishReason::Cancelled));
        }
        slots.reserve(self.slot, n_longest, model)?;
        let chunk = model.prefill_chunk();
        for tokens in head[n_held..].chunks(chunk) {
            if self.evaluate(tokens, 0, run)?.is_none() {
                return Ok(ControlFlow::Break(FinishReason::Cancelled));
            }
        }
        let mut sums = Vec::with_capacity(request.scored.len());
        for text in &request.scored {
            self.decoder.slots.cache_mut(self.slot).truncate(head.len());
            // The logits after the prompt's last token are those of the first token of the text.
            let tokens = [std::slice::from_ref(last), text].concat();
            let (mut sum, mut n_read) = (0.0, 0);
            for read in tokens[..text.len()].chunks(CHUNK) {
                let Some(logits) = self.evaluate(read, read.len(), run)? else {
                    return Ok(ControlFlow::Break(FinishReason::Cancelled));
                };
                for row in logits.chunks_exact(logits.len() / read.len()) {
                    n_read += 1;
                    let known = log_probability(row, tokens[n_read]);
                    // A token whose log-probability is not a number counts as impossible.
                    sum += f64::from(known.unwrap_or(f32::NEG_INFINITY));
                }
            }
            sums.push(sum);
        }
        Ok(ControlFlow::Continue(sums))
    }

    /// Evaluates tokens after those in the cache, and returns the logits after the last `n_rows` of
    /// them. `None` if the job was cancelled before.
    fn evaluate(
        &mut self,
        tokens: &[u32],
        n_rows: usize,
        run: &mut GenerationState<'_>,
    ) -> Result<Option<&[f32]>, ModelError> {
        if run.is_cancelled() {
            return Ok(None);
        }
        let Decoder { model, slots, .. } = &mut *self.decoder;
        let cache = slots.cache_mut(self.slot);
        if let Some(abort) = model.arm() {
            self.queue.begin_read(cache.tokens(), tokens, abort);
        }
        let logits = model.read(self.slot, cache.len(), tokens, n_rows);
        self.queue.end_read();
        let logits = logits?;
        // The rows are used once; keeping them would take megabytes.
        cache.push(tokens, &[], 0);
        run.figures.read += tokens.len();
        Ok(Some(logits))
    }
}

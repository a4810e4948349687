//! One job from its prompt to its last token.

use std::{ops::ControlFlow, sync::Arc, time::Instant};

use super::{
    Finish, Model, ModelError, Request,
    lookup::{Lookup, Mode},
    queue::{Job, Kind, Queue},
    run::{Candidate, Run, ms_since},
    sampler::{Sampler, Sampling},
    slots::Slots,
    vocabulary::Vocabulary,
};

/// How many tokens of a prompt are read between two looks at the cancel. 64 costs nothing
/// measurable against one run of all tokens; 32 costs about a tenth.
pub const PREFILL_CHUNK: usize = 64;

/// A model with what it has read, and its vocabulary.
#[derive(Debug)]
pub struct Decoder<M> {
    model: M,
    slots: Slots,
    lookup: Lookup,
    vocabulary: Arc<Vocabulary>,
    eos_ids: Vec<u32>,
}

impl<M: Model> Decoder<M> {
    /// A decoder that has read nothing yet, without lookup.
    pub fn new(model: M, vocabulary: Arc<Vocabulary>, eos_ids: Vec<u32>) -> Self {
        let slots = Slots::new(model.n_slots());
        Self { model, slots, lookup: Lookup::new(Mode::Off), vocabulary, eos_ids }
    }

    /// The same decoder with drafts from a lookup. The text does not change by it, only the time.
    #[must_use]
    pub fn with_lookup(self, mode: Mode) -> Self {
        Self { lookup: Lookup::new(mode), ..self }
    }

    /// Drops what the model has read: after a panic nobody knows what the buffers hold.
    pub(super) fn forget(&mut self) {
        self.slots.forget();
    }

    /// Does a job until the policy, the model or the reader ends it.
    pub(super) fn run(&mut self, job: Job, queue: &Queue) {
        let Job { kind, request, progress, asked } = job;
        let slot = self.slots.choose(&request.prompt.ids);
        let n_tokens = request.prompt.ids.len();
        let _span = tracing::debug_span!("job", ?kind, n_tokens, slot).entered();
        tracing::debug!(queued_ms = ms_since(asked), "taken from the queue");
        let candidate = |is_first| {
            Candidate::new(request.prompt.healed.clone(), request.policy.clone(), is_first)
        };
        let mut run = Run::new(candidate(true), &progress, queue, asked);
        let mut work = Work { decoder: self, slot, queue };
        let finish = match kind {
            Kind::Prewarm => work.prewarm(&request, &mut run),
            Kind::Generate => {
                let sampler =
                    |n| Sampler::new(request.sampling.of_candidate(n, request.n_candidates));
                let mut finish = work.generate(&request, sampler(0), &mut run);
                for n in 1..request.n_candidates {
                    if matches!(finish, Finish::Cancelled | Finish::Failed(_)) {
                        break;
                    }
                    run.candidate = candidate(false);
                    // The reason is the first candidate's, unless something went wrong since.
                    let other = work.generate(&request, sampler(n), &mut run);
                    if matches!(other, Finish::Cancelled | Finish::Failed(_)) {
                        finish = other;
                    }
                }
                finish
            }
        };
        run.end(finish);
    }
}

/// A decoder at work for one job.
struct Work<'a, M> {
    decoder: &'a mut Decoder<M>,
    slot: usize,
    queue: &'a Queue,
}

type Step<T> = Result<ControlFlow<Finish, T>, ModelError>;

impl<M: Model> Work<'_, M> {
    fn prewarm(&mut self, request: &Request, run: &mut Run<'_>) -> Finish {
        let read = self.prefill(&request.prompt.ids, &mut Sampler::new(Sampling::Greedy), run);
        self.finish(read.map(|read| match read {
            ControlFlow::Continue(_) => Finish::PromptRead,
            ControlFlow::Break(finish) => finish,
        }))
    }

    fn generate(&mut self, request: &Request, mut sampler: Sampler, run: &mut Run<'_>) -> Finish {
        let prefill_start = Instant::now();
        let first = self.prefill(&request.prompt.ids, &mut sampler, run);
        run.figures.prefill_ms += ms_since(prefill_start);
        let decode_start = Instant::now();
        let finish = first.and_then(|first| match first {
            ControlFlow::Continue(first) => {
                self.decode(first, request.max_tokens, &mut sampler, run)
            }
            ControlFlow::Break(finish) => Ok(finish),
        });
        run.figures.decode_ms += ms_since(decode_start);
        let finish = self.finish(finish);
        run.end_candidate(finish)
    }

    fn finish(&mut self, finish: Result<Finish, ModelError>) -> Finish {
        finish.unwrap_or_else(|error| match error {
            ModelError::Aborted => Finish::Cancelled,
            ModelError::Failed(message) => {
                self.decoder.slots.cache_mut(self.slot).truncate(0);
                Finish::Failed(message)
            }
        })
    }

    /// Reads what the cache does not hold of the prompt. Returns the token that follows it.
    fn prefill(&mut self, ids: &[u32], sampler: &mut Sampler, run: &mut Run<'_>) -> Step<u32> {
        if ids.is_empty() {
            return Err(ModelError::Failed("the prompt is empty".into()));
        }
        let Decoder { model, slots, vocabulary, .. } = &mut *self.decoder;
        if ids.len() > model.capacity() {
            return Ok(ControlFlow::Break(Finish::ContextFull));
        }
        let cache = slots.cache_mut(self.slot);
        let _span = tracing::debug_span!("prefill").entered();
        // The last token is read in any case: its logits are not kept.
        let n_reused = cache.common_prefix(ids).min(ids.len() - 1);
        cache.truncate(n_reused);
        run.figures.reused += n_reused;
        let mut next = None;
        for chunk in ids[n_reused..].chunks(PREFILL_CHUNK) {
            if run.is_cancelled() {
                return Ok(ControlFlow::Break(Finish::Cancelled));
            }
            if let Some(abort) = model.arm() {
                self.queue.begin_read(cache.tokens(), chunk, abort);
            }
            let span = tracing::trace_span!("chunk", n_past = cache.len(), n_tokens = chunk.len());
            let logits = span.in_scope(|| model.read(self.slot, cache.len(), chunk, 1));
            self.queue.end_read();
            let logits = logits?;
            cache.push(chunk);
            run.figures.read += chunk.len();
            run.tell_cost();
            if cache.len() == ids.len() {
                next = run.candidate.healing.pick(sampler, logits, vocabulary);
            }
        }
        Ok(next.map_or(ControlFlow::Break(Finish::NotText), ControlFlow::Continue))
    }

    /// Goes on from a token that is chosen and not read yet.
    fn decode(
        &mut self,
        first: u32,
        max_tokens: usize,
        sampler: &mut Sampler,
        run: &mut Run<'_>,
    ) -> Result<Finish, ModelError> {
        let Decoder { model, slots, lookup, vocabulary, eos_ids } = &mut *self.decoder;
        let cache = slots.cache_mut(self.slot);
        let _span = tracing::debug_span!("decode").entered();
        let take = |token: u32, run: &mut Run<'_>| {
            if run.candidate.n_generated == max_tokens {
                return ControlFlow::Break(Finish::MaxTokens);
            }
            run.candidate.n_generated += 1;
            run.figures.generated += 1;
            let bytes = vocabulary.bytes(token);
            if eos_ids.contains(&token) || bytes.is_empty() {
                return ControlFlow::Break(Finish::EndOfText);
            }
            run.take(bytes)?;
            if run.candidate.n_generated == max_tokens {
                return ControlFlow::Break(Finish::MaxTokens);
            }
            ControlFlow::Continue(())
        };
        let mut token = first;
        let mut history = cache.tokens().to_vec();
        loop {
            if let ControlFlow::Break(finish) = take(token, run) {
                return Ok(finish);
            }
            if cache.len() == model.capacity() {
                return Ok(Finish::ContextFull);
            }
            let n_room = model.capacity() - cache.len() - 1;
            let n_wanted = max_tokens - run.candidate.n_generated - 1;
            history.push(token);
            let draft = lookup.draft(&history, n_room.min(n_wanted)).to_vec();
            let batch = [&[token], draft.as_slice()].concat();
            if !draft.is_empty()
                && let Some(abort) = model.arm()
            {
                self.queue.begin_read(cache.tokens(), &batch, abort);
            }
            let read_start = Instant::now();
            let logits = model.read(self.slot, cache.len(), &batch, batch.len());
            self.queue.end_read();
            let logits = logits?;
            lookup.measure(draft.len(), ms_since(read_start));
            run.figures.drafted += draft.len();
            cache.push(&[token]);
            for (row, drafted) in
                rows(logits, batch.len()).zip(draft.iter().map(Some).chain([None]))
            {
                let Some(next) = run.candidate.healing.pick(sampler, row, vocabulary) else {
                    return Ok(Finish::NotText);
                };
                lookup.observe(next);
                if drafted != Some(&next) {
                    token = next;
                    break;
                }
                // It is read already.
                run.figures.accepted += 1;
                cache.push(&[next]);
                history.push(next);
                if let ControlFlow::Break(finish) = take(next, run) {
                    return Ok(finish);
                }
            }
        }
    }
}

/// The logits of each token of a read.
fn rows(logits: &[f32], n_rows: usize) -> impl Iterator<Item = &[f32]> {
    logits.chunks_exact((logits.len() / n_rows).max(1))
}

#[cfg(test)]
mod tests;

//! One job, from its prompt to its last token.

mod score;

use std::{ops::ControlFlow, sync::Arc, time::Instant};

use super::{
    Backend, EngineState, Failure, FinishReason, Model, ModelError, Request,
    generation_state::{GenerationState, ms_since},
    lookup::{Lookup, Mode},
    queue::{Job, Kind, Queue},
    sampler::Sampler,
    slots::Slots,
    vocabulary::Vocabulary,
};
use crate::Prompt;

/// How many prompt tokens are evaluated between two checks for a cancel. 64 costs nothing
/// measurable compared with one evaluation of all tokens; 32 costs about a tenth.
pub const PREFILL_CHUNK: usize = 64;

/// A model, its KV caches and its vocabulary.
#[derive(Debug)]
pub struct Decoder<M> {
    model: M,
    slots: Slots,
    lookup: Lookup,
    vocabulary: Arc<Vocabulary>,
    eos_ids: Vec<u32>,
}

impl<M: Model> Decoder<M> {
    /// A decoder with empty caches and without lookup.
    pub fn new(model: M, vocabulary: Arc<Vocabulary>, eos_ids: Vec<u32>) -> Self {
        let slots = Slots::new(model.memory());
        Self { model, slots, lookup: Lookup::new(Mode::Off), vocabulary, eos_ids }
    }

    /// The same decoder with draft tokens from a lookup. They change only the time, not the text.
    #[must_use]
    pub fn with_lookup(self, mode: Mode) -> Self {
        Self { lookup: Lookup::new(mode), ..self }
    }
}

impl<M: Model> Backend for Decoder<M> {
    /// Empties the caches: after a panic or a failure the content of the buffers is unknown.
    fn forget(&mut self) {
        self.slots.forget(&mut self.model);
    }

    fn state(&self) -> EngineState {
        self.model.state()
    }

    fn cached(&self) -> Vec<Vec<u32>> {
        self.slots.all()
    }

    fn run(&mut self, job: Job, queue: &Queue) {
        if job.kind == Kind::Score {
            return self.score(&job, queue);
        }
        let Job { kind, request, progress, asked } = job;
        let slot = self.slots.choose(&request.prompt.ids, kind != Kind::Generate);
        let n_tokens = request.prompt.ids.len();
        let _span = tracing::debug_span!("job", ?kind, n_tokens, slot).entered();
        tracing::debug!(queued_ms = ms_since(asked), "taken from the queue");
        let healed = self.vocabulary.bytes_of(&request.prompt.healed);
        let mut run = GenerationState::new(&request, healed, &progress, queue, asked);
        let mut work = Work { decoder: self, slot, queue, kind };
        let finish = if kind.is_prefill() {
            work.prefill_only(&request, &mut run)
        } else {
            run.candidates(&request, |n, run| {
                let sampling = request.sampling.of_candidate(n, request.n_candidates);
                work.generate(&request, Sampler::new(sampling), run)
            })
        };
        run.end(finish);
    }
}

/// A decoder that runs a job.
struct Work<'a, M> {
    decoder: &'a mut Decoder<M>,
    slot: usize,
    queue: &'a Queue,
    kind: Kind,
}

type Step<T> = Result<ControlFlow<FinishReason, T>, ModelError>;

impl<M: Model> Work<'_, M> {
    fn prefill_only(&mut self, request: &Request, run: &mut GenerationState<'_>) -> FinishReason {
        let read = self.prefill(&request.prompt, &[], run);
        self.finish(read.map(|read| match read {
            ControlFlow::Continue(_) => FinishReason::PromptRead,
            ControlFlow::Break(finish) => finish,
        }))
    }

    fn generate(
        &mut self,
        request: &Request,
        mut sampler: Sampler,
        run: &mut GenerationState<'_>,
    ) -> FinishReason {
        let prefill_start = Instant::now();
        let read = self.prefill(&request.prompt, healing_draft(request, 0), run);
        run.figures.prefill_ms += ms_since(prefill_start);
        let decode_start = Instant::now();
        let finish = read.and_then(|read| match read {
            ControlFlow::Continue(n_drafted) => self.decode(request, n_drafted, &mut sampler, run),
            ControlFlow::Break(finish) => Ok(finish),
        });
        run.figures.decode_ms += ms_since(decode_start);
        let finish = self.finish(finish);
        run.end_candidate(finish)
    }

    fn finish(&mut self, finish: Result<FinishReason, ModelError>) -> FinishReason {
        finish.unwrap_or_else(|error| match error {
            ModelError::Aborted => FinishReason::Cancelled,
            ModelError::Failed(failure) => {
                self.decoder.forget();
                FinishReason::Failed(failure)
            }
        })
    }

    /// Evaluates the part of the prompt that is not cached, together with draft tokens of what
    /// follows. Afterwards the logits after the prompt are known. Returns how many draft tokens
    /// were evaluated.
    fn prefill(
        &mut self,
        prompt: &Prompt,
        draft: &[u32],
        run: &mut GenerationState<'_>,
    ) -> Step<usize> {
        let ids = prompt.ids.as_slice();
        if ids.is_empty() {
            // Without a FIM form, a file's first word is healed and nothing precedes it.
            return Ok(ControlFlow::Break(FinishReason::EndOfText));
        }
        let Decoder { model, slots, .. } = &mut *self.decoder;
        if ids.len() > model.capacity() {
            return Ok(ControlFlow::Break(FinishReason::ContextFull));
        }
        let cache = slots.cache_mut(self.slot);
        let _span = tracing::debug_span!("prefill").entered();
        let n_held = cache.common_prefix(ids);
        if n_held == ids.len() && cache.logits(n_held).is_some() {
            run.figures.reused += n_held;
            return Ok(ControlFlow::Continue(0));
        }
        // The logits after a prompt require evaluating its last token.
        let n_reused = n_held.min(ids.len() - 1);
        cache.truncate(n_reused);
        run.figures.reused += n_reused;
        if run.is_cancelled() {
            // Before other places make room for this one.
            return Ok(ControlFlow::Break(FinishReason::Cancelled));
        }
        let n_needed = (ids.len() + draft.len()).min(model.capacity());
        slots.reserve(self.slot, n_needed, model)?;
        let n_chunk = model.prefill_chunk();
        let mut n_drafted = 0;
        for chunk in ids[n_reused..].chunks(n_chunk) {
            if run.is_cancelled() || !self.score_between_chunks(n_needed)? {
                return Ok(ControlFlow::Break(FinishReason::Cancelled));
            }
            let Decoder { model, slots, .. } = &mut *self.decoder;
            let cache = slots.cache_mut(self.slot);
            let is_last = cache.len() + chunk.len() == ids.len();
            let n_room = model.capacity() - cache.len() - chunk.len();
            let draft = if is_last { &draft[..draft.len().min(n_room)] } else { &[] };
            let batch = [chunk, draft].concat();
            if let Some(abort) = model.arm() {
                self.queue.begin_read(cache.tokens(), &batch, abort);
            }
            let span = tracing::trace_span!("chunk", n_past = cache.len(), n_tokens = batch.len());
            let n_rows = if is_last { 1 + draft.len() } else { 0 };
            let logits = span.in_scope(|| model.read(self.slot, cache.len(), &batch, n_rows));
            self.queue.end_read();
            cache.push(&batch, logits?, n_rows);
            n_drafted = draft.len();
            run.figures.read += chunk.len();
            run.figures.drafted += n_drafted;
            run.publish_metrics();
        }
        Ok(ControlFlow::Continue(n_drafted))
    }

    /// Decodes what follows the prompt: chooses a token, and evaluates it with draft tokens unless
    /// the cache contains it already. Evaluated draft tokens stay in the cache; whether one is
    /// right shows when its turn comes.
    fn decode(
        &mut self,
        request: &Request,
        n_drafted: usize,
        sampler: &mut Sampler,
        run: &mut GenerationState<'_>,
    ) -> Result<FinishReason, ModelError> {
        let Decoder { model, slots, lookup, vocabulary, eos_ids } = &mut *self.decoder;
        slots.forget_other_logits(self.slot);
        let elsewhere = slots.others(self.slot);
        let _span = tracing::debug_span!("decode").entered();
        lookup.begin();
        // The tokens so far, including the prompt.
        let mut history = request.prompt.ids.clone();
        // The end of this generation's draft tokens in the cache.
        let mut drafted_end = history.len() + n_drafted;
        loop {
            let cache = slots.cache_mut(self.slot);
            let Some(logits) = cache.logits(history.len()) else {
                return Err(ModelError::Failed(Failure::message(
                    "the logits after the text are missing",
                )));
            };
            let Some(token) = run.candidate.healing.pick(sampler, logits, vocabulary) else {
                return Ok(FinishReason::NotText);
            };
            let healing = &run.candidate.healing;
            run.candidate.log_probability = healing.log_probability(token, logits, vocabulary);
            lookup.observe(token);
            let is_end = eos_ids.contains(&token);
            if let ControlFlow::Break(finish) = run.take(token, is_end, vocabulary, request) {
                return Ok(finish);
            }
            if history.len() == model.capacity() {
                return Ok(FinishReason::ContextFull);
            }
            history.push(token);
            let n_past = history.len() - 1;
            if cache.tokens().get(n_past) == Some(&token) && cache.logits(n_past + 1).is_some() {
                run.figures.accepted += usize::from(n_past < drafted_end);
                continue;
            }
            cache.truncate(n_past);
            let n_room = model.capacity() - history.len();
            let n_wanted = request.max_tokens - run.candidate.n_generated - 1;
            let n_most = n_room.min(n_wanted);
            let draft = match lookup.draft(&history, &elsewhere, n_most) {
                looked_up if run.candidate.healing.is_done() => looked_up,
                _ => {
                    let n_written = history.len() - request.prompt.ids.len();
                    let same =
                        request.prompt.healed.starts_with(&history[history.len() - n_written..]);
                    let rest = if same { healing_draft(request, n_written) } else { &[] };
                    rest[..rest.len().min(n_most)].to_vec()
                }
            };
            let batch = [&[token], draft.as_slice()].concat();
            slots.reserve(self.slot, n_past + batch.len(), model)?;
            let cache = slots.cache_mut(self.slot);
            if !draft.is_empty()
                && let Some(abort) = model.arm()
            {
                self.queue.begin_read(cache.tokens(), &batch, abort);
            }
            let read_start = Instant::now();
            let logits = model.read(self.slot, n_past, &batch, batch.len());
            self.queue.end_read();
            cache.push(&batch, logits?, batch.len());
            lookup.measure(draft.len(), ms_since(read_start));
            run.figures.drafted += draft.len();
            drafted_end = cache.len();
        }
    }
}

/// The healed word as the user's tokens, after `n_written` of them: the best guess at how the model
/// writes it. The last token may be the beginning of a word, which the model completes.
fn healing_draft(request: &Request, n_written: usize) -> &[u32] {
    match request.prompt.healed.split_last() {
        Some((_, whole)) => whole.get(n_written..).unwrap_or_default(),
        None => &[],
    }
}

#[cfg(test)]
mod tests;

//! A model without weights, for tests: it continues a text it knows.
//!
//! A [`Script`] searches for the longest suffix of the evaluated tokens that occurs in its text,
//! and makes the tokens that follow there the most likely. In a fill-in-the-middle prompt, the text
//! before the anchor and the text after the middle token count, joined.
//!
//! Its buffers behave like real ones: what is beyond `n_past` is overwritten, and the result
//! depends on everything before it. An engine that wrongly believes to have evaluated something
//! gets another result.
//!
//! [`Controls`] pause the model at any evaluation, so that a test can look at an engine in the
//! middle of its work without a sleep:
//!
//! ```
//! use foretell_engine::{Engine, Prompt, Request, scripted::Script};
//!
//! let script = Script::new("let answer = 42;\n")?;
//! let (vocabulary, controls) = (script.vocabulary(), script.controls());
//! controls.hold();
//! let engine = Engine::start(move || Ok(script.into_decoder()));
//! let prompt = Prompt { ids: vocabulary.encode("let answer"), healed: Vec::new() };
//! let generation = engine.generate(Request::new(prompt, Default::default(), 64));
//! controls.wait_until_held(); // the engine is about to evaluate the prompt
//! controls.permit(3); // the prompt and two tokens; the last one may continue
//! controls.wait_until_held();
//! assert_eq!(generation.progress().text, " =");
//! controls.release(); // from now on it runs freely
//! # Ok::<(), foretell_engine::vocabulary::VocabularyError>(())
//! ```

use parking_lot::{Condvar, Mutex, MutexGuard};
use std::{collections::VecDeque, sync::Arc, time::Duration};

pub use super::vocabulary::byte_vocabulary;
use super::{
    Abort, EngineState, Failure, KvMemory, Model, ModelError,
    decoder::Decoder,
    vocabulary::{Vocabulary, VocabularyError},
};
use crate::bundle::{Fim, FimOrder};

/// The special tokens of a [`Script`], in the order of their ids, which follow the words'.
const SPECIAL: [&str; 4] = ["<|prefix|>", "<|suffix|>", "<|middle|>", "<|end|>"];

/// How long a test waits for the model.
const PATIENCE: Duration = Duration::from_secs(20);

/// One evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Read {
    /// The slot.
    pub slot: usize,
    /// The number of valid tokens before it.
    pub n_past: usize,
    /// The number of tokens.
    pub n_tokens: usize,
}

/// A failure in an evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The runtime reports an error, and the buffer contains garbage.
    Error,
    /// The thread panics, and the buffer contains garbage.
    Panic,
    /// The runtime reports an error and continues more slowly, with empty buffers.
    FallsBack,
    /// The runtime reports an error at every evaluation from now on.
    Breaks,
}

#[derive(Debug, Default)]
struct Shared {
    /// How many evaluations are permitted; `None` is any number.
    permits: Option<usize>,
    is_held: bool,
    was_ended: bool,
    reads: Vec<Read>,
    /// The failure in coming evaluations, if any.
    faults: VecDeque<Option<Fault>>,
    /// The number of the last evaluation that was armed, and of the last one that was aborted.
    armed: usize,
    aborted: usize,
}

/// A handle on a script that an engine owns. Clones control the same script.
#[derive(Debug, Clone, Default)]
pub struct Controls(Arc<(Mutex<Shared>, Condvar)>);

impl Controls {
    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.0.0.lock()
    }

    fn change(&self, change: impl FnOnce(&mut Shared)) {
        change(&mut self.shared());
        self.0.1.notify_all();
    }

    fn wait_while(&self, condition: impl FnMut(&mut Shared) -> bool) -> MutexGuard<'_, Shared> {
        let (_, changed) = &*self.0;
        let mut shared = self.shared();
        changed.wait_while(&mut shared, condition);
        shared
    }

    /// Waits as [`Self::wait_while`] does, but not forever: a test that waits in vain fails.
    #[track_caller]
    fn expect(
        &self,
        what: &str,
        mut has_come: impl FnMut(&Shared) -> bool,
    ) -> MutexGuard<'_, Shared> {
        let (_, changed) = &*self.0;
        let mut shared = self.shared();
        let time = changed.wait_while_for(&mut shared, |shared| !has_come(shared), PATIENCE);
        assert!(!time.timed_out(), "for {PATIENCE:?} the model has not {what}");
        shared
    }

    /// Pauses the model before its next evaluation.
    pub fn hold(&self) {
        self.change(|shared| shared.permits = Some(0));
    }

    /// Permits `n_reads` more evaluations, then pauses the model.
    pub fn permit(&self, n_reads: usize) {
        self.change(|shared| {
            let left = shared.permits.unwrap_or(0) + n_reads;
            shared.permits = Some(left);
            shared.is_held &= left == 0;
        });
    }

    /// Lets the model run freely.
    pub fn release(&self) {
        self.change(|shared| shared.permits = None);
    }

    /// Waits until the model is paused before an evaluation without a permit.
    pub fn wait_until_held(&self) {
        drop(self.expect("come to a read that it has no permit for", |shared| shared.is_held));
    }

    /// Waits until an evaluation was aborted since the last call.
    pub fn wait_until_read_is_ended(&self) {
        self.expect("had a read ended early", |shared| shared.was_ended).was_ended = false;
    }

    /// Waits until the model has started evaluation number `n_reads`.
    pub fn wait_until_reads(&self, n_reads: usize) {
        drop(self.expect("begun that many reads", |shared| shared.reads.len() >= n_reads));
    }

    /// The evaluations so far, oldest first, without aborted ones.
    #[must_use]
    pub fn reads(&self) -> Vec<Read> {
        self.shared().reads.clone()
    }

    /// Makes the evaluation after the next `n_reads` go wrong.
    pub fn fail_after(&self, n_reads: usize, fault: Fault) {
        self.change(|shared| {
            let n_planned = shared.faults.len().max(n_reads + 1);
            shared.faults.resize(n_planned, None);
            shared.faults[n_reads] = Some(fault);
        });
    }

    /// Called by the model: waits for a permit, and returns what goes wrong.
    fn enter(&self, read: Read, armed: Option<usize>) -> Result<Option<Fault>, ModelError> {
        let is_aborted = |shared: &Shared| armed.is_some_and(|number| number == shared.aborted);
        self.change(|shared| shared.is_held = shared.permits == Some(0) && !is_aborted(shared));
        let mut shared = self.wait_while(|shared| shared.permits == Some(0) && !is_aborted(shared));
        shared.is_held = false;
        if is_aborted(&shared) {
            shared.was_ended = true;
            self.0.1.notify_all();
            return Err(ModelError::Aborted);
        }
        if let Some(permits) = &mut shared.permits {
            *permits -= 1;
        }
        shared.reads.push(read);
        self.0.1.notify_all();
        Ok(shared.faults.pop_front().flatten())
    }
}

/// A model that continues its text. See the module's documentation.
#[derive(Debug)]
pub struct Script {
    text: Vec<u8>,
    vocabulary: Arc<Vocabulary>,
    fim: Fim,
    end: u32,
    memory: KvMemory,
    buffers: Vec<Buffer>,
    state: EngineState,
    controls: Controls,
    armed: Option<usize>,
    logits: Vec<f32>,
    certainty: f32,
    doubts: Vec<(usize, f32)>,
}

/// A slot's buffer.
#[derive(Debug, Default, Clone)]
struct Buffer {
    n_rows: usize,
    tokens: Vec<u32>,
}

/// How far a token's logit exceeds the noise, per byte: enough that even long texts are almost
/// certain.
const CERTAINTY: f32 = 16.0;

impl Script {
    /// A script whose tokens are single bytes.
    ///
    /// # Errors
    /// See [`byte_vocabulary`].
    pub fn new(text: &str) -> Result<Self, VocabularyError> {
        Self::with_words(text, &[])
    }

    /// A script that prefers `words`, the longest first, to single bytes.
    ///
    /// # Errors
    /// See [`byte_vocabulary`].
    pub fn with_words(text: &str, words: &[&str]) -> Result<Self, VocabularyError> {
        let vocabulary = Arc::new(byte_vocabulary(words, &SPECIAL)?);
        let special = |i| u32::try_from(256 + words.len() + i).unwrap_or(u32::MAX);
        let fim = Fim {
            family: "scripted".into(),
            order: FimOrder::PrefixSuffixMiddle,
            prefix: special(0),
            suffix: special(1),
            middle: Some(special(2)),
            ..Fim::default()
        };
        Ok(Self {
            text: text.as_bytes().to_vec(),
            vocabulary,
            fim,
            end: special(3),
            memory: memory_of(1, 4096),
            buffers: vec![Buffer::default()],
            controls: Controls::default(),
            armed: None,
            logits: Vec::new(),
            certainty: CERTAINTY,
            doubts: Vec::new(),
            state: EngineState::Ready,
        })
    }

    /// The same script with less certainty: at 1, a token of one byte is about as likely as all
    /// other tokens together.
    #[must_use]
    pub fn with_certainty(self, certainty: f32) -> Self {
        Self { certainty, ..self }
    }

    /// The same script, with the given probabilities for the tokens at some byte_idx of its text.
    #[must_use]
    pub fn with_doubts(self, doubts: &[(usize, f32)]) -> Self {
        Self { doubts: doubts.to_vec(), ..self }
    }

    /// The same script with buffers for `capacity` tokens.
    #[must_use]
    pub fn with_capacity(self, capacity: usize) -> Self {
        let memory = memory_of(self.memory.n_slots, capacity);
        self.with_memory(memory)
    }

    /// The same script with `n_slots` slots of the full capacity.
    #[must_use]
    pub fn with_slots(self, n_slots: usize) -> Self {
        let memory = memory_of(n_slots, self.memory.capacity());
        self.with_memory(memory)
    }

    /// The same script with this memory for its buffers.
    #[must_use]
    pub fn with_memory(self, memory: KvMemory) -> Self {
        Self { memory, buffers: vec![Buffer::default(); memory.n_slots], ..self }
    }

    /// The handle on this script.
    #[must_use]
    pub fn controls(&self) -> Controls {
        self.controls.clone()
    }

    /// Its vocabulary.
    #[must_use]
    pub fn vocabulary(&self) -> Arc<Vocabulary> {
        Arc::clone(&self.vocabulary)
    }

    /// Its fill-in-the-middle form.
    #[must_use]
    pub fn fim(&self) -> Fim {
        self.fim.clone()
    }

    /// A decoder over this script.
    #[must_use]
    pub fn into_decoder(self) -> Decoder<Self> {
        let (vocabulary, end) = (self.vocabulary(), self.end);
        Decoder::new(self, vocabulary, vec![end])
    }

    /// The part of the evaluated text that counts.
    fn context(&self, ids: &[u32]) -> Vec<u8> {
        let position = |wanted| ids.iter().position(|id| *id == wanted);
        let Fim { prefix, suffix, middle, .. } = self.fim;
        let bytes = |ids: &[u32]| -> Vec<u8> {
            ids.iter().flat_map(|id| self.vocabulary.bytes(*id)).copied().collect()
        };
        match (position(prefix), position(suffix), middle.and_then(position)) {
            (Some(p), Some(s), Some(m)) if p < s && s < m => {
                [bytes(&ids[p + 1..s]), bytes(&ids[m + 1..])].concat()
            }
            _ => bytes(ids),
        }
    }

    /// The continuation of the text after the longest suffix of `context` that occurs in it, at the
    /// first of several places. `None` if not even its last byte occurs.
    fn what_follows(&self, context: &[u8]) -> Option<&[u8]> {
        let common_end = |end: usize| {
            self.text[..end].iter().rev().zip(context.iter().rev()).take_while(|(a, b)| a == b)
        };
        let (n_common, end) = (1..=self.text.len())
            .map(|end| (common_end(end).count(), end))
            .max_by_key(|(n_common, end)| (*n_common, usize::MAX - end))?;
        (n_common > 0).then(|| &self.text[end..])
    }

    /// Appends the logits that follow `ids`.
    fn say(&mut self, ids: &[u32]) {
        let context = self.context(ids);
        let follows = self.what_follows(&context);
        // Where the text says nothing, everything evaluated decides.
        let seed = ids.iter().fold(17u64, |seed, id| mix(seed ^ u64::from(*id)));
        let logits: Vec<f32> = (0u32..)
            .take(self.vocabulary.len())
            .map(|id| {
                let bytes = self.vocabulary.bytes(id);
                let said = match follows {
                    Some(text) if !text.is_empty() => !bytes.is_empty() && text.starts_with(bytes),
                    _ => id == self.end,
                };
                let noise = (mix(seed ^ u64::from(id)) >> 48) as f32 / 65536.0;
                if said { 1.0 + self.certainty * bytes.len() as f32 } else { noise }
            })
            .collect();
        let at = follows.map(|it| self.text.len() - it.len());
        let doubt = self.doubts.iter().find(|(byte_idx, _)| Some(*byte_idx) == at);
        let logits = match doubt {
            Some((_, probability)) => doubtful(logits, *probability),
            None => logits,
        };
        self.logits.extend(logits);
    }
}

/// Memory for slots of one size.
fn memory_of(n_slots: usize, capacity: usize) -> KvMemory {
    let slot_rows = capacity + 1;
    KvMemory { n_slots, n_rows: n_slots * slot_rows, slot_rows, step_rows: slot_rows }
}

/// Lowers the probability of the most likely token to the given one.
fn doubtful(mut logits: Vec<f32>, probability: f32) -> Vec<f32> {
    let Some(best) = super::sampler::argmax(&logits) else { return logits };
    logits.iter_mut().for_each(|it| *it = it.min(1.0));
    let others = (0u32..).zip(&logits).filter(|(id, _)| *id != best);
    let sum: f32 = others.map(|(_, logit)| logit.exp()).sum();
    logits[best as usize] = (sum * probability / (1.0 - probability)).ln();
    logits
}

/// The finalizer of splitmix64.
fn mix(x: u64) -> u64 {
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

impl Model for Script {
    fn memory(&self) -> KvMemory {
        self.memory
    }

    fn resize(&mut self, slot: usize, n_rows: usize, n_kept: usize) -> Result<(), ModelError> {
        let buffer = &mut self.buffers[slot];
        assert!(n_kept <= buffer.tokens.len() && n_kept < n_rows, "{n_kept} tokens are not there");
        buffer.tokens.truncate(n_kept);
        buffer.n_rows = n_rows;
        let n_total: usize = self.buffers.iter().map(|it| it.n_rows).sum();
        assert!(n_total <= self.memory.n_rows && n_rows <= self.memory.slot_rows, "{n_total} rows");
        Ok(())
    }

    fn free(&mut self, slot: usize) {
        self.buffers[slot] = Buffer::default();
    }

    fn state(&self) -> EngineState {
        self.state.clone()
    }

    fn arm(&mut self) -> Option<Abort> {
        let controls = self.controls();
        let number = {
            let mut shared = controls.shared();
            shared.armed += 1;
            shared.armed
        };
        self.armed = Some(number);
        Some(Abort::new(move || controls.change(|shared| shared.aborted = number)))
    }

    fn read(
        &mut self,
        slot: usize,
        n_past: usize,
        tokens: &[u32],
        n_logits: usize,
    ) -> Result<&[f32], ModelError> {
        let read = Read { slot, n_past, n_tokens: tokens.len() };
        let fault = self.controls.enter(read, self.armed.take())?;
        let n_total = n_past + tokens.len();
        let buffers = &mut self.buffers;
        let Buffer { n_rows, tokens: buffer } = &mut buffers[slot];
        assert!(n_total < *n_rows, "{n_total} tokens do not fit into {n_rows} rows");
        assert!(n_past <= buffer.len(), "only {} of {n_past} tokens were read", buffer.len());
        buffer.truncate(n_past);
        if let Some(fault) = fault {
            buffer.fill(0);
            assert!(fault != Fault::Panic, "a scripted panic");
            match fault {
                Fault::Error | Fault::Panic => {}
                Fault::FallsBack => {
                    buffers.iter_mut().for_each(|it| *it = Buffer::default());
                    self.state = EngineState::Slower {
                        provider: "cpu",
                        message: "a scripted way that is slower".into(),
                    };
                }
                Fault::Breaks => {
                    self.state = EngineState::Failed(Failure::message("a scripted end"));
                }
            }
        }
        if fault.is_some() || matches!(self.state, EngineState::Failed(_)) {
            return Err(ModelError::Failed(Failure::message("a scripted error")));
        }
        let buffer = &mut self.buffers[slot].tokens;
        buffer.extend_from_slice(tokens);
        let read = std::mem::take(buffer);
        self.logits.clear();
        for n_known in n_total + 1 - n_logits..=n_total {
            self.say(&read[..n_known]);
        }
        self.buffers[slot].tokens = read;
        Ok(&self.logits)
    }
}

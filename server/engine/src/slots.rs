//! Several KV caches, so that returning to a place does not prefill everything again.
//!
//! Slots have different sizes and share one memory limit: each takes about as much as its tokens
//! need. Where memory is missing, the places visited longest ago lose their caches, large ones first.

use super::{KvMemory, Model, ModelError, kv_cache::KvCache};

/// The caches of a model's slots, in the order of use.
///
/// **Architecture Invariant:** the buffers of all slots together never exceed the limit in
/// [`KvMemory`]: a slot grows only after others have made room.
#[derive(Debug, Clone)]
pub struct Slots {
    memory: KvMemory,
    slots: Vec<Slot>,
    /// The slots' numbers, most recently used first.
    recent: Vec<usize>,
}

#[derive(Debug, Default, Clone)]
struct Slot {
    cache: KvCache,
    /// The length of its buffers.
    n_rows: usize,
}

/// A slot that loses its cache to make room for another one.
struct Evicted {
    slot: usize,
    /// The cost of losing it, in tokens.
    cost: f64,
}

impl Slots {
    /// Empty caches without buffers; at least one.
    #[must_use]
    pub fn new(memory: KvMemory) -> Self {
        let n_slots = memory.n_slots.max(1);
        Self { memory, slots: vec![Slot::default(); n_slots], recent: (0..n_slots).collect() }
    }

    /// Chooses the slot for a prompt, which becomes the most recently used one.
    ///
    /// It is the slot with the greatest gain: every cached token saves an evaluation now, and every
    /// lost token costs one if the user goes back. A slot that has to grow may also cost tokens of
    /// other slots.
    ///
    /// The most recently used slot is the current place. A background prefill of another place does
    /// not use that slot, and becomes the second in the order, because the user may continue typing
    /// at the current place before the prefill completes.
    pub fn choose(&mut self, prompt: &[u32], in_background: bool) -> usize {
        let is_elsewhere = 2 * self.cache(self.recent[0]).common_prefix(prompt) < prompt.len();
        let first_rank = usize::from(in_background && is_elsewhere && self.recent.len() > 1);
        let gain = |rank: usize| {
            let slot = self.recent[rank];
            let cache = self.cache(slot);
            let n_held = cache.common_prefix(prompt);
            let n_lost = cache.len() - n_held;
            let evicted = self.evicted_for(slot, prompt.len());
            let cost_elsewhere: f64 = evicted.iter().map(|it| it.cost).sum();
            n_held as f64 - n_lost as f64 * token_worth(rank, cache.len()) - cost_elsewhere
        };
        // Among equals, the least recently used.
        let gains = (first_rank..self.recent.len()).map(|rank| (rank, gain(rank)));
        let best = gains.max_by(|(_, a), (_, b)| a.total_cmp(b)).map_or(0, |(rank, _)| rank);
        let slot = self.recent.remove(best);
        self.recent.insert(first_rank, slot);
        slot
    }

    /// The slot for `n_tokens` at no place of the user: the least recently used one, which it stays,
    /// so its tokens are the first to go. `None` if the current place or the slot `in_use` would lose
    /// its cache.
    #[must_use]
    pub fn spare(&self, n_tokens: usize, in_use: Option<usize>) -> Option<usize> {
        let (current, others) = self.recent.split_first()?;
        let slot = *others.last()?;
        let is_kept = |it: usize| it == *current || Some(it) == in_use;
        let evicted = self.evicted_for(slot, n_tokens);
        (!is_kept(slot) && !evicted.iter().any(|it| is_kept(it.slot))).then_some(slot)
    }

    /// The slots that lose their caches if `slot` grows to `n_tokens`: those worth least for the
    /// memory that they take.
    fn evicted_for(&self, slot: usize, n_tokens: usize) -> Vec<Evicted> {
        let n_rows = self.memory.rows_for(n_tokens);
        if n_rows <= self.slots[slot].n_rows {
            return Vec::new();
        }
        let mut others = Vec::new();
        for (rank, other) in self.recent.iter().copied().enumerate() {
            let n_tokens = self.cache(other).len();
            if other != slot && n_tokens > 0 {
                let n_rows = self.memory.rows_for(n_tokens);
                let worth = n_tokens as f64 * token_worth(rank, n_tokens);
                others.push((rank == 0, worth / n_rows as f64, other, n_rows));
            }
        }
        let n_used: usize = others.iter().map(|(.., n_rows)| n_rows).sum();
        let mut n_missing = (n_rows + n_used).saturating_sub(self.memory.n_rows);
        // The current place comes last.
        others.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
        let mut evicted = Vec::new();
        for (_, worth_per_row, slot, n_rows) in others {
            if n_missing == 0 {
                break;
            }
            // Rows freed beyond the need are room for another place.
            let cost = worth_per_row * n_missing.min(n_rows) as f64;
            evicted.push(Evicted { slot, cost });
            n_missing = n_missing.saturating_sub(n_rows);
        }
        evicted
    }

    /// Makes room for `n_tokens` in a slot. Other slots first lose rows without tokens, then their
    /// caches.
    ///
    /// # Errors
    /// If there is less memory than the limit allows.
    pub fn reserve(
        &mut self,
        slot: usize,
        n_tokens: usize,
        model: &mut impl Model,
    ) -> Result<(), ModelError> {
        let n_rows = self.memory.rows_for(n_tokens);
        if n_rows <= self.slots[slot].n_rows {
            return Ok(());
        }
        for Evicted { slot, .. } in self.evicted_for(slot, n_tokens) {
            self.free(slot, model);
        }
        for other in (0..self.slots.len()).filter(|it| *it != slot) {
            if self.n_rows() - self.slots[slot].n_rows + n_rows <= self.memory.n_rows {
                break;
            }
            let n_kept = self.cache(other).len();
            match self.memory.rows_for(n_kept) {
                0 => self.free(other, model),
                fewer => self.resize(other, fewer, model)?,
            }
        }
        self.resize(slot, n_rows, model)
    }

    fn resize(
        &mut self,
        slot: usize,
        n_rows: usize,
        model: &mut impl Model,
    ) -> Result<(), ModelError> {
        let it = &mut self.slots[slot];
        if n_rows != it.n_rows {
            model.resize(slot, n_rows, it.cache.len())?;
            it.n_rows = n_rows;
        }
        Ok(())
    }

    fn free(&mut self, slot: usize, model: &mut impl Model) {
        model.free(slot);
        self.slots[slot] = Slot::default();
    }

    /// The length of all buffers together.
    fn n_rows(&self) -> usize {
        self.slots.iter().map(|it| it.n_rows).sum()
    }

    /// Drops the logits of all slots but one: they are for the place where the user types, and
    /// would need as much memory for each.
    pub fn forget_other_logits(&mut self, slot: usize) {
        for (other, it) in self.slots.iter_mut().enumerate() {
            if other != slot {
                it.cache.forget_logits();
            }
        }
    }

    /// The tokens in the other slots. With their rows, the memory limit bounds their number.
    #[must_use]
    pub fn others(&self, slot: usize) -> Vec<Vec<u32>> {
        let others = self.slots.iter().enumerate().filter(|(other, _)| *other != slot);
        others.map(|(_, it)| it.cache.tokens().to_vec()).collect()
    }

    /// The tokens of each non-empty slot.
    #[must_use]
    pub fn all(&self) -> Vec<Vec<u32>> {
        let used = self.slots.iter().filter(|it| !it.cache.is_empty());
        used.map(|it| it.cache.tokens().to_vec()).collect()
    }

    /// A slot's cache.
    #[must_use]
    pub fn cache(&self, slot: usize) -> &KvCache {
        &self.slots[slot].cache
    }

    /// A slot's cache, to record an evaluation.
    pub fn cache_mut(&mut self, slot: usize) -> &mut KvCache {
        &mut self.slots[slot].cache
    }

    /// Empties all caches and frees their buffers.
    pub fn forget(&mut self, model: &mut impl Model) {
        for slot in 0..self.slots.len() {
            self.free(slot, model);
        }
    }
}

/// The wait at an uncached place, as a number of tokens prefilled in the background.
const WAIT_TOKENS: f64 = 256.0;

/// The number of tokens in a narrow window.
const NARROW_TOKENS: usize = 96;

/// How much losing one of a slot's tokens costs, compared with evaluating one now. The user is
/// likelier to return to a place visited later. Without any cached window the user waits for the
/// first suggestion there, so a narrow window is worth more than its tokens.
fn token_worth(rank: usize, n_tokens: usize) -> f64 {
    let odds_of_return = 0.5 / (rank + 1) as f64;
    odds_of_return * (1.0 + WAIT_TOKENS / n_tokens.max(NARROW_TOKENS) as f64)
}

#[cfg(test)]
mod tests;

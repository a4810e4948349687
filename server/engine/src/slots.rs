//! Several KV caches, so that switching to another file and back does not prefill everything again.

use super::kv_cache::KvCache;

/// The caches of a model's slots, in the order of use.
#[derive(Debug, Clone)]
pub struct Slots {
    caches: Vec<KvCache>,
    /// The slots' numbers, most recently used first.
    recent: Vec<usize>,
}

impl Slots {
    /// `n_slots` empty caches, at least one.
    #[must_use]
    pub fn new(n_slots: usize) -> Self {
        let n_slots = n_slots.max(1);
        Self { caches: vec![KvCache::default(); n_slots], recent: (0..n_slots).collect() }
    }

    /// Chooses the slot for a prompt, which becomes the most recently used one.
    ///
    /// It is the slot with the greatest gain: every cached token saves an evaluation now, and every
    /// lost token costs one if the user goes back. Going back to a recent place is likelier than to
    /// an older one.
    ///
    /// A background prefill of another place does not use the most recently used slot, because the
    /// user may continue typing there before it completes.
    pub fn choose(&mut self, prompt: &[u32], in_background: bool) -> usize {
        let is_elsewhere = 2 * self.caches[self.recent[0]].common_prefix(prompt) < prompt.len();
        let first_rank = usize::from(in_background && is_elsewhere && self.recent.len() > 1);
        let gain = |rank: usize, slot: usize| {
            let cache = &self.caches[slot];
            let n_held = cache.common_prefix(prompt);
            let n_lost = cache.len() - n_held;
            let odds_of_return = if rank == 0 { 2 } else { 8 };
            (8 * n_held).cast_signed() - (8 * n_lost / odds_of_return).cast_signed()
        };
        // Among equals, the least recently used.
        let best = (first_rank..self.recent.len())
            .max_by_key(|rank| (gain(*rank, self.recent[*rank]), *rank));
        let slot = self.recent.remove(best.unwrap_or(0));
        self.recent.insert(0, slot);
        slot
    }

    /// Drops the logits of all slots but one: they are for the place where the user types, and
    /// would need as much memory for each.
    pub fn forget_other_logits(&mut self, slot: usize) {
        for (other, cache) in self.caches.iter_mut().enumerate() {
            if other != slot {
                cache.forget_logits();
            }
        }
    }

    /// The tokens in the other slots.
    #[must_use]
    pub fn others(&self, slot: usize) -> Vec<Vec<u32>> {
        let others = self.caches.iter().enumerate().filter(|(other, _)| *other != slot);
        others.map(|(_, cache)| cache.tokens().to_vec()).collect()
    }

    /// The tokens of each non-empty slot.
    #[must_use]
    pub fn all(&self) -> Vec<Vec<u32>> {
        let used = self.caches.iter().filter(|it| !it.is_empty());
        used.map(|it| it.tokens().to_vec()).collect()
    }

    /// A slot's cache.
    #[must_use]
    pub fn cache(&self, slot: usize) -> &KvCache {
        &self.caches[slot]
    }

    /// A slot's cache, to record an evaluation.
    pub fn cache_mut(&mut self, slot: usize) -> &mut KvCache {
        &mut self.caches[slot]
    }

    /// Empties all caches.
    pub fn forget(&mut self) {
        for cache in &mut self.caches {
            cache.truncate(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(slots: &mut Slots, prompt: &[u32]) -> (usize, usize) {
        let slot = slots.choose(prompt, false);
        let cache = slots.cache_mut(slot);
        let n_reused = cache.common_prefix(prompt);
        cache.truncate(n_reused);
        cache.push(&prompt[n_reused..], &[], 0);
        (slot, n_reused)
    }

    #[test]
    fn switching_files_reuses_both_slots() {
        let (a, b): (Vec<u32>, Vec<u32>) = ((0..100).collect(), (1000..1100).collect());
        let mut slots = Slots::new(2);
        let first = read(&mut slots, &a).0;
        let other = read(&mut slots, &b).0;
        assert_ne!(first, other);
        assert_eq!(read(&mut slots, &a), (first, 100));
        assert_eq!(read(&mut slots, &b), (other, 100));
    }

    #[test]
    fn typing_stays_in_its_slot() {
        let mut slots = Slots::new(3);
        let mut prompt: Vec<u32> = (0..100).collect();
        let slot = read(&mut slots, &prompt).0;
        for id in 200..210 {
            prompt.truncate(99);
            prompt.extend([id, id + 1]);
            assert_eq!(read(&mut slots, &prompt), (slot, 99));
        }
    }

    #[test]
    fn least_recently_used_slot_is_evicted() {
        let file = |n: u32| (n * 1000..n * 1000 + 50).collect::<Vec<u32>>();
        let mut slots = Slots::new(2);
        for n in 1..=3 {
            read(&mut slots, &file(n));
        }
        assert_eq!(read(&mut slots, &file(2)).1, 50);
        assert_eq!(read(&mut slots, &file(3)).1, 50);
        assert_eq!(read(&mut slots, &file(1)).1, 0);
    }

    #[test]
    fn background_prefill_spares_the_current_place() {
        let (old, now): (Vec<u32>, Vec<u32>) = ((0..700).collect(), (1000..1090).collect());
        let wider: Vec<u32> = (900..1090).collect();
        let mut slots = Slots::new(2);
        let first = read(&mut slots, &old).0;
        let current = read(&mut slots, &now).0;
        assert_eq!(slots.clone().choose(&wider, false), current, "it loses the fewest tokens");
        assert_eq!(slots.clone().choose(&wider, true), first);
        let longer: Vec<u32> = (1000..1100).collect();
        assert_eq!(slots.choose(&longer, true), current, "the same place");
    }

    #[test]
    fn zero_slots_means_one() {
        let mut slots = Slots::new(0);
        assert_eq!(read(&mut slots, &[1, 2, 3]), (0, 0));
        assert_eq!(read(&mut slots, &[1, 2, 9]), (0, 2));
        slots.forget();
        assert_eq!(slots.cache(0).len(), 0);
    }
}

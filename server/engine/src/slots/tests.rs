use proptest::prelude::*;

use super::*;

/// A model that only has buffers, and checks that they stay within the limit.
struct Buffers {
    memory: KvMemory,
    rows: Vec<usize>,
}

impl Model for Buffers {
    fn memory(&self) -> KvMemory {
        self.memory
    }

    fn resize(&mut self, slot: usize, n_rows: usize, n_kept: usize) -> Result<(), ModelError> {
        assert!(n_kept < n_rows && n_rows <= self.memory.slot_rows);
        self.rows[slot] = n_rows;
        let n_total: usize = self.rows.iter().sum();
        assert!(n_total <= self.memory.n_rows, "{:?}", self.rows);
        Ok(())
    }

    fn free(&mut self, slot: usize) {
        self.rows[slot] = 0;
    }

    fn read(&mut self, _: usize, _: usize, _: &[u32], _: usize) -> Result<&[f32], ModelError> {
        unreachable!("only the buffers are tested")
    }
}

/// Slots with a model.
struct Fixture {
    slots: Slots,
    model: Buffers,
}

impl Fixture {
    fn new(memory: KvMemory) -> Self {
        let rows = vec![0; memory.n_slots.max(1)];
        Self { slots: Slots::new(memory), model: Buffers { memory, rows } }
    }

    /// Slots of one size.
    fn of_slots(n_slots: usize) -> Self {
        Self::new(KvMemory { n_slots, n_rows: n_slots * 1001, slot_rows: 1001, step_rows: 1001 })
    }

    /// Slots that share `n_rows`.
    fn of_rows(n_rows: usize) -> Self {
        Self::new(KvMemory { n_slots: 8, n_rows, slot_rows: 1001, step_rows: 100 })
    }

    /// Prefills the first `n_tokens` of a prompt, with room for all of it. Returns the slot and the
    /// number of cached tokens.
    fn read_part(&mut self, prompt: &[u32], n_tokens: usize, background: bool) -> (usize, usize) {
        let slot = self.slots.choose(prompt, background);
        let n_reused = self.slots.cache(slot).common_prefix(prompt);
        self.slots.cache_mut(slot).truncate(n_reused);
        self.slots.reserve(slot, prompt.len(), &mut self.model).unwrap();
        let new = &prompt[n_reused..n_tokens.max(n_reused)];
        self.slots.cache_mut(slot).push(new, &[], 0);
        assert!(self.slots.cache(slot).len() < self.model.rows[slot]);
        (slot, n_reused)
    }

    fn read(&mut self, prompt: &[u32]) -> (usize, usize) {
        self.read_part(prompt, prompt.len(), false)
    }

    fn prefill(&mut self, prompt: &[u32]) -> (usize, usize) {
        self.read_part(prompt, prompt.len(), true)
    }

    fn holds(&self, prompt: &[u32]) -> bool {
        self.slots.all().iter().any(|it| it == prompt)
    }
}

/// The prompt of a place, which shares no token with any other place.
fn place(number: usize, n_tokens: usize) -> Vec<u32> {
    let first = u32::try_from(10_000 * number).unwrap();
    (first..).take(n_tokens).collect()
}

#[test]
fn switching_files_reuses_both_slots() {
    let (a, b) = (place(0, 100), place(1, 100));
    let mut it = Fixture::of_slots(2);
    let first = it.read(&a).0;
    let other = it.read(&b).0;
    assert_ne!(first, other);
    assert_eq!(it.read(&a), (first, 100));
    assert_eq!(it.read(&b), (other, 100));
}

#[test]
fn typing_stays_in_its_slot() {
    let mut it = Fixture::of_slots(3);
    let mut prompt = place(0, 100);
    let slot = it.read(&prompt).0;
    for id in 200..210 {
        prompt.truncate(99);
        prompt.extend([id, id + 1]);
        assert_eq!(it.read(&prompt), (slot, 99));
    }
}

#[test]
fn least_recently_used_slot_is_evicted() {
    let mut it = Fixture::of_slots(2);
    for n in 1..=3 {
        it.read(&place(n, 50));
    }
    assert_eq!([2, 3, 1].map(|n| it.read(&place(n, 50)).1), [50, 50, 0]);
}

#[test]
fn small_places_need_little_memory() {
    let mut it = Fixture::of_rows(1001);
    for n in [1, 2, 3, 4, 5, 6, 1, 2] {
        it.read(&place(n, 140));
    }
    // Five times 200 rows; place 3 was visited longest ago.
    assert_eq!(
        [1, 2, 3, 4, 5, 6].map(|n| it.holds(&place(n, 140))),
        [true, true, false, true, true, true]
    );
}

#[test]
fn old_large_place_makes_room_for_several() {
    let mut it = Fixture::of_rows(1200);
    it.read(&place(1, 690));
    for n in 2..=8 {
        it.read(&place(n, 90));
    }
    assert_eq!((1..=8).filter(|n| it.holds(&place(*n, 90))).count(), 7);
    assert!(!it.holds(&place(1, 690)), "the oldest place is evicted, not the smallest");
    assert_eq!(it.model.rows.iter().sum::<usize>(), 700);
}

#[test]
fn narrow_windows_outlive_whole_ones() {
    let mut it = Fixture::of_rows(2000);
    for n in 1..=4 {
        it.read(&place(n, 90));
        it.read(&place(10 + n, 700));
    }
    assert_eq!([1, 2, 3, 4].map(|n| it.holds(&place(n, 90))), [true; 4]);
    assert_eq!([11, 12, 13, 14].map(|n| it.holds(&place(n, 700))), [false, false, true, true]);
}

#[test]
fn slot_grows_and_keeps_its_tokens() {
    let mut it = Fixture::of_rows(1001);
    let slot = it.read(&place(1, 90)).0;
    it.read(&place(2, 90));
    assert_eq!(it.model.rows[slot], 100);
    assert_eq!(it.read(&place(1, 400)), (slot, 90));
    assert_eq!(it.model.rows[slot], 500);
    assert!(it.holds(&place(2, 90)));
}

#[test]
fn unused_rows_are_freed_before_caches() {
    let mut it = Fixture::of_rows(1001);
    it.read(&place(1, 250));
    let slot = it.read_part(&place(2, 600), 64, true).0;
    assert_eq!(it.model.rows[slot], 700, "an unfinished prefill");
    it.read(&place(3, 550));
    assert!(it.holds(&place(1, 250)));
    assert_eq!((it.model.rows[slot], it.slots.cache(slot).len()), (100, 64));
}

#[test]
fn background_prefill_spares_the_current_place() {
    let (old, now) = (place(0, 700), place(1, 90));
    let wider: Vec<u32> = [9].into_iter().chain(now.iter().copied()).collect();
    let mut it = Fixture::of_slots(2);
    let first = it.read(&old).0;
    let current = it.read(&now).0;
    assert_eq!(it.slots.clone().choose(&wider, false), current, "it loses the fewest tokens");
    assert_eq!(it.slots.clone().choose(&wider, true), first);
    assert_eq!(it.slots.choose(&place(1, 100), true), current, "the same place");
}

#[test]
fn current_place_survives_several_prefills() {
    let mut it = Fixture::of_rows(1001);
    let now = place(1, 190);
    it.read(&now);
    for n in 2..9 {
        it.prefill(&place(n, 100 * (n % 4) + 350));
        assert!(it.holds(&now), "{n}");
    }
    it.prefill(&place(9, 950));
    assert!(!it.holds(&now), "there is no memory for both");
}

/// Although it takes more memory for what it is worth than a narrow window.
#[test]
fn current_place_is_evicted_last() {
    let mut it = Fixture::of_rows(1200);
    let now = place(1, 901);
    it.read(&now);
    for (n, n_tokens) in [(2, 96), (3, 96), (4, 190)] {
        it.prefill(&place(n, n_tokens));
    }
    assert!(it.holds(&now) && it.holds(&place(4, 190)));
}

#[test]
fn zero_slots_means_one() {
    let mut it = Fixture::of_slots(0);
    it.slots = Slots::new(KvMemory { n_rows: 1001, ..it.model.memory });
    it.model.memory.n_rows = 1001;
    assert_eq!(it.read(&[1, 2, 3]), (0, 0));
    assert_eq!(it.read(&[1, 2, 9]), (0, 2));
    it.slots.forget(&mut it.model);
    assert_eq!((it.slots.cache(0).len(), it.model.rows[0]), (0, 0));
}

proptest! {
    /// The model checks the limit at every change.
    #[test]
    fn limit_is_never_exceeded(
        reads in proptest::collection::vec((0..12usize, 1..1000usize, any::<bool>()), 1..40),
        n_rows in 1001..4000usize,
    ) {
        let mut it = Fixture::of_rows(n_rows);
        let mut current = Vec::new();
        for (number, n_tokens, background) in reads {
            // A background prefill is for another place.
            let prompt = place(if background { 100 + number } else { number }, n_tokens);
            let rows = |prompt: &[u32]| it.model.memory.rows_for(prompt.len());
            let both_fit = rows(&prompt) + rows(&current) <= n_rows && it.holds(&current);
            it.read_part(&prompt, n_tokens, background);
            prop_assert!(it.holds(&prompt));
            if !background {
                current = prompt;
            } else if both_fit {
                prop_assert!(it.holds(&current));
            }
        }
    }
}

#[test]
fn spare_slot_costs_the_current_place_nothing() {
    assert_eq!(Fixture::of_slots(1).slots.spare(10, None), None);
    let mut it = Fixture::of_slots(3);
    let (a, b) = (it.read(&place(1, 50)).0, it.read(&place(2, 50)).0);
    let spare = it.slots.spare(10, None).unwrap();
    assert!(![a, b].contains(&spare));
    assert_eq!(it.slots.spare(10, None), Some(spare), "it stays the same");
    assert_eq!(it.slots.spare(10, Some(spare)), None);
    // There is room for the current place and 200 rows more.
    let mut it = Fixture::of_rows(501);
    it.read(&place(1, 250));
    assert!(it.slots.spare(150, None).is_some());
    assert_eq!(it.slots.spare(250, None), None);
}

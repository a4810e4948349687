//! Lookup decoding: drafts what followed the same tokens before.
//!
//! The last tokens are searched for in the prompt and the generated text, then in the other slots;
//! what followed them there are the draft tokens. The model evaluates them together with the token
//! before them, and they are accepted as far as the model would have chosen the same. So the text
//! equals that without draft tokens by construction, and only the time differs. (Saxena, "Prompt
//! Lookup Decoding", 2023; speculative decoding with an n-gram model.)
//!
//! Two measurements decide whether drafting pays: how often drafts of this kind were right, and
//! what an additional row costs. How often they *would have been* right is measured without
//! evaluating them, so a lookup that has turned itself off knows when to come back.

/// The largest number of draft tokens.
pub const MAX_DRAFT: usize = 15;

/// Drafts after fewer matching tokens than this are mostly wrong.
const MIN_MATCH: usize = 2;

/// More matching tokens than this say nothing more about the next one.
const MAX_MATCH: usize = 12;

/// The smallest expected speedup for drafting: measurements vary.
const MIN_GAIN: f64 = 1.05;

/// How a decoder uses draft tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Not at all.
    Off,
    /// As many as pay according to the measurements.
    Adaptive,
    /// Always this many, if there is something to draft from: for tests and measurements.
    Fixed(usize),
}

/// How often drafts after a match of about one length are right, token by token.
#[derive(Debug, Clone, Copy)]
struct Acceptance {
    n_right: f64,
    n_wrong: f64,
}

impl Acceptance {
    fn rate(self) -> f64 {
        self.n_right / (self.n_right + self.n_wrong)
    }

    fn observe(&mut self, is_right: bool) {
        // An observation 50 tokens ago counts about a third.
        self.n_right = self.n_right * 0.98 + f64::from(u8::from(is_right));
        self.n_wrong = self.n_wrong * 0.98 + f64::from(u8::from(!is_right));
    }
}

/// Draft tokens, and what is known about their worth.
#[derive(Debug)]
pub struct Lookup {
    mode: Mode,
    /// By the length of the match, see [`class`].
    acceptance: [Acceptance; 5],
    /// The time of one row, in milliseconds; 0 until it was measured.
    step_ms: f64,
    /// The cost of an additional row, as a share of `step_ms`.
    extra_cost: f64,
    /// The draft that is compared with the chosen tokens, in reverse, and its class.
    pending: Vec<u32>,
    pending_class: usize,
}

fn class(n_match: usize) -> usize {
    match n_match {
        0..=2 => 0,
        3 => 1,
        4..=5 => 2,
        6..=9 => 3,
        _ => 4,
    }
}

impl Lookup {
    /// A lookup without measurements.
    #[must_use]
    pub fn new(mode: Mode) -> Self {
        let prior = |rate: f64| Acceptance { n_right: 6.0 * rate, n_wrong: 6.0 * (1.0 - rate) };
        Self {
            mode,
            acceptance: [0.4, 0.55, 0.7, 0.8, 0.9].map(prior),
            step_ms: 0.0,
            // Five rows take about 2.2 single steps with the default model on a laptop's CPU.
            extra_cost: 0.3,
            pending: Vec::new(),
            pending_class: 0,
        }
    }

    /// A generation starts: expectations for another one do not apply.
    pub fn begin(&mut self) {
        self.pending.clear();
    }

    /// Tokens that may follow `history`, at most `n_most`; as many as are worth evaluating. They
    /// come from the history, or from `elsewhere` if more tokens match there. O(tokens of all
    /// these).
    pub fn draft<'h>(
        &mut self,
        history: &'h [u32],
        elsewhere: &'h [Vec<u32>],
        n_most: usize,
    ) -> &'h [u32] {
        if self.mode == Mode::Off {
            return &[];
        }
        let others = elsewhere.iter().filter_map(|text| find(text, text.len(), history));
        // Among equals, the last: the history's own.
        let found = others
            .chain(find(history, history.len().saturating_sub(1), history))
            .max_by_key(|it| it.0);
        let Some((n_match, follows)) = found else {
            self.pending.clear();
            return &[];
        };
        let n_most = n_most.min(follows.len()).min(MAX_DRAFT);
        self.pending_class = class(n_match);
        self.pending = follows[..follows.len().min(MAX_DRAFT)].iter().rev().copied().collect();
        let n_drafted = match self.mode {
            Mode::Off => 0,
            Mode::Fixed(n_tokens) => n_tokens.min(n_most),
            Mode::Adaptive => self.best_length(n_most),
        };
        &follows[..n_drafted]
    }

    /// The number of draft tokens with the most accepted tokens per time.
    fn best_length(&self, n_most: usize) -> usize {
        let rate = self.acceptance[self.pending_class].rate();
        let (mut best, mut best_speed) = (0, MIN_GAIN);
        let (mut expected, mut all_right) = (1.0, 1.0);
        for n_drafted in 1..=n_most {
            all_right *= rate;
            expected += all_right;
            let speed = expected / (1.0 + self.extra_cost * n_drafted as f64);
            if speed > best_speed {
                (best, best_speed) = (n_drafted, speed);
            }
        }
        best
    }

    /// Observes a chosen token, drafted or not.
    pub fn observe(&mut self, chosen: u32) {
        if let Some(drafted) = self.pending.pop() {
            let is_right = drafted == chosen;
            self.acceptance[self.pending_class].observe(is_right);
            if !is_right {
                self.pending.clear();
            }
        }
    }

    /// Observes the time of an evaluation of one token and `n_drafted` draft tokens.
    pub fn measure(&mut self, n_drafted: usize, ms: f64) {
        let towards = |old: f64, new: f64| old + 0.1 * (new - old);
        if n_drafted == 0 {
            self.step_ms = if self.step_ms == 0.0 { ms } else { towards(self.step_ms, ms) };
        } else if self.step_ms > 0.0 {
            let extra = (ms / self.step_ms - 1.0) / n_drafted as f64;
            // Other work on the machine may slow down one evaluation; that is not the draft's cost.
            self.extra_cost = towards(self.extra_cost, extra.clamp(0.0, 1.5));
        }
    }

    /// The measured cost of a draft token, as a share of a step without drafts.
    #[must_use]
    pub fn extra_cost(&self) -> f64 {
        self.extra_cost
    }
}

/// The longest match of the end of `history` that ends within the first `n_ends` tokens of `text`,
/// the latest of several: its length, up to [`MAX_MATCH`], and what follows it.
fn find<'t>(text: &'t [u32], n_ends: usize, history: &[u32]) -> Option<(usize, &'t [u32])> {
    let (&last, _) = history.split_last()?;
    let mut best: Option<(usize, usize)> = None;
    for end in (1..=n_ends).rev() {
        if text[end - 1] != last {
            continue;
        }
        let n_match = text[..end]
            .iter()
            .rev()
            .zip(history.iter().rev())
            .take(MAX_MATCH)
            .take_while(|(a, b)| a == b)
            .count();
        if best.is_none_or(|(best, _)| n_match > best) {
            best = Some((n_match, end));
            if n_match == MAX_MATCH {
                break;
            }
        }
    }
    best.filter(|(n_match, end)| *n_match >= MIN_MATCH && *end < text.len())
        .map(|(n_match, end)| (n_match, &text[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_itself(history: &[u32]) -> Option<(usize, &[u32])> {
        find(history, history.len().saturating_sub(1), history)
    }

    #[test]
    fn other_texts_are_used_for_longer_matches() {
        let elsewhere = [vec![1, 2, 3, 4, 5, 6], vec![9, 2, 3]];
        let draft =
            |history: &[u32]| Lookup::new(Mode::Fixed(2)).draft(history, &elsewhere, 9).to_vec();
        assert_eq!(draft(&[7, 2, 3, 8, 7, 1, 2, 3]), [4, 5]);
        assert_eq!(draft(&[7, 2, 3, 8, 7, 2, 3]), [8, 7], "the history's own match is longer");
        assert_eq!(draft(&[7, 2, 3, 8, 6, 2, 3]), [8, 6], "on a tie, the history comes first");
        assert_eq!(draft(&[9, 2, 3]), [4, 5], "nothing follows the longer match");
    }

    #[test]
    fn longest_then_latest_match_wins() {
        assert_eq!(
            in_itself(&[1, 2, 3, 9, 5, 2, 3, 7, 1, 2, 3]),
            Some((3, &[9, 5, 2, 3, 7, 1, 2, 3][..]))
        );
        assert_eq!(in_itself(&[1, 2, 8, 1, 2, 9, 1, 2]), Some((2, &[9, 1, 2][..])));
        assert_eq!(in_itself(&[1, 2, 3]), None);
        assert_eq!(in_itself(&[1, 5, 1]), None, "one token is no match");
        assert_eq!(in_itself(&[]), None);
    }

    /// A lookup after `n_tokens` tokens, with drafts that are right where `is_right`.
    fn after(n_tokens: u32, is_right: impl Fn(u32) -> bool) -> Lookup {
        let mut lookup = Lookup::new(Mode::Adaptive);
        let history = [1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4];
        lookup.measure(0, 30.0);
        for n in 0..n_tokens {
            lookup.draft(&history, &[], MAX_DRAFT);
            lookup.observe(if is_right(n) { 5 } else { 99 });
        }
        lookup
    }

    fn n_drafted(lookup: &mut Lookup) -> usize {
        lookup.draft(&[1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4], &[], MAX_DRAFT).len()
    }

    #[test]
    fn drafts_grow_with_accuracy() {
        let mut right = after(100, |_| true);
        let mut half = after(100, |n| n % 4 != 0);
        let mut wrong = after(100, |_| false);
        let [right, half, wrong] = [&mut right, &mut half, &mut wrong].map(n_drafted);
        assert!(right > half && half > wrong && wrong == 0, "{right} {half} {wrong}");
    }

    #[test]
    fn drafting_turns_off_and_on_again() {
        let mut lookup = after(100, |_| false);
        assert_eq!(n_drafted(&mut lookup), 0);
        // Nothing is drafted, but each draft would have been right.
        for _ in 0..100 {
            lookup.draft(&[1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4], &[], MAX_DRAFT);
            lookup.observe(5);
        }
        assert!(n_drafted(&mut lookup) > 0);
    }

    #[test]
    fn expensive_reads_shorten_drafts() {
        let mut lookup = after(100, |_| true);
        let cheap = n_drafted(&mut lookup);
        for _ in 0..100 {
            lookup.measure(4, 30.0 * 5.4);
        }
        assert!(cheap > 0);
        assert_eq!(n_drafted(&mut lookup), 0, "a draft token costs more than a step");
    }

    #[test]
    fn draft_never_exceeds_the_limit() {
        let history = [1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3];
        assert_eq!(Lookup::new(Mode::Fixed(4)).draft(&history, &[], 2), [4, 5]);
        assert_eq!(Lookup::new(Mode::Fixed(2)).draft(&history, &[], 9), [4, 5]);
        assert!(Lookup::new(Mode::Off).draft(&history, &[], 9).is_empty());
    }
}

//! Chooses the next token: the most likely one or a sampled one, among all tokens or among those
//! that a constraint allows.

use fastrand::Rng;

use super::{
    logprobs::{log_probability, log_probability_among},
    vocabulary::Vocabulary,
};

/// How a token is chosen.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub enum Sampling {
    /// The most likely one.
    #[default]
    Greedy,
    /// Sampled by probability.
    Random {
        /// Divides the logits: below 1, likely tokens become likelier. Above 0.
        temperature: f32,
        /// Only this many of the likeliest tokens; 0 means no limit.
        top_k: usize,
        /// Only the likeliest tokens that make up this share of the probability (Holtzman et al.,
        /// "The Curious Case of Neural Text Degeneration", 2020); 1 means no limit.
        top_p: f32,
        /// The same seed samples the same text.
        seed: u64,
    },
}

impl Sampling {
    /// How candidate `n` of `n_candidates` is chosen: the first of several is greedy.
    #[must_use]
    pub fn of_candidate(self, n: usize, n_candidates: usize) -> Self {
        match self {
            Self::Random { .. } if n == 0 && n_candidates > 1 => Self::Greedy,
            Self::Random { temperature, top_k, top_p, seed } => {
                Self::Random { temperature, top_k, top_p, seed: seed.wrapping_add(n as u64) }
            }
            Self::Greedy => Self::Greedy,
        }
    }
}

/// Chooses one token after another.
#[derive(Debug, Clone)]
pub struct Sampler {
    sampling: Sampling,
    rng: Rng,
}

impl Sampler {
    /// A sampler at the start of its random numbers.
    #[must_use]
    pub fn new(sampling: Sampling) -> Self {
        let seed = if let Sampling::Random { seed, .. } = sampling { seed } else { 0 };
        Self { sampling, rng: Rng::with_seed(seed) }
    }

    /// One of `ids` by their logits. `None` if none of them has a logit that is a number.
    pub fn pick(&mut self, logits: &[f32], ids: impl Iterator<Item = u32>) -> Option<u32> {
        let Sampling::Random { temperature, top_k, top_p, .. } = self.sampling else {
            return argmax_of(logits, ids);
        };
        // Exactly one random number per token: draft tokens do not change the result.
        let drawn = self.rng.f64();
        let mut likely: Vec<(f32, u32)> = ids
            .filter_map(|id| Some((*logits.get(id as usize)?, id)))
            .filter(|(logit, _)| !logit.is_nan())
            .collect();
        let by_logit = |a: &(f32, u32), b: &(f32, u32)| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1));
        // Sorting all of a big vocabulary takes longer than everything else, and the tail is never
        // sampled.
        let n_kept = if top_k == 0 { 1_000 } else { top_k };
        if n_kept < likely.len() {
            likely.select_nth_unstable_by(n_kept, by_logit);
            likely.truncate(n_kept);
        }
        likely.sort_unstable_by(by_logit);
        let most = f64::from(likely.first()?.0);
        let temperature = f64::from(temperature.max(1e-3));
        let weights: Vec<f64> = likely
            .iter()
            .map(|(logit, _)| ((f64::from(*logit) - most) / temperature).exp())
            .collect();
        let all: f64 = weights.iter().sum();
        let mut share = 0.0;
        let n_top = weights.iter().take_while(|weight| {
            let is_in = share < f64::from(top_p) * all;
            share += **weight;
            is_in
        });
        let n_top = n_top.count().max(1);
        let mut left = drawn * weights[..n_top].iter().sum::<f64>();
        let chosen = weights[..n_top].iter().position(|weight| {
            left -= weight;
            left < 0.0
        });
        likely.get(chosen.unwrap_or(n_top - 1)).map(|(_, id)| *id)
    }
}

/// The id with the highest logit, the lowest of several equal ones. `None` if no logit is a number.
#[must_use]
pub fn argmax(logits: &[f32]) -> Option<u32> {
    argmax_of(logits, 0..u32::try_from(logits.len()).unwrap_or(u32::MAX))
}

fn argmax_of(logits: &[f32], ids: impl Iterator<Item = u32>) -> Option<u32> {
    let mut best: Option<(u32, f32)> = None;
    for id in ids {
        let Some(&logit) = logits.get(id as usize) else {
            continue;
        };
        let better =
            best.is_none_or(|(best_id, best)| logit > best || (logit == best && id < best_id));
        if better && !logit.is_nan() {
            best = Some((id, logit));
        }
    }
    best.map(|(id, _)| id)
}

/// The bytes that the model must still repeat of the user's last word (token healing, as in
/// `guidance`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Healing {
    owed: Vec<u8>,
}

impl Healing {
    /// A constraint to start with `owed`.
    #[must_use]
    pub fn new(owed: Vec<u8>) -> Self {
        Self { owed }
    }

    /// Whether the constraint is fulfilled.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.owed.is_empty()
    }

    /// The sampler's choice among the tokens that satisfy the constraint; `None` if there is none.
    pub fn pick(
        &self,
        sampler: &mut Sampler,
        logits: &[f32],
        vocabulary: &Vocabulary,
    ) -> Option<u32> {
        if self.is_done() {
            sampler.pick(logits, 0..u32::try_from(logits.len()).unwrap_or(u32::MAX))
        } else {
            sampler.pick(logits, vocabulary.beginning(&self.owed))
        }
    }

    /// The log-probability of a token among all that satisfy the constraint: the model's own
    /// distribution at temperature 1, regardless of the sampler. `None` if it is not a number.
    pub(super) fn log_probability(
        &self,
        token: u32,
        logits: &[f32],
        vocabulary: &Vocabulary,
    ) -> Option<f32> {
        if self.is_done() {
            log_probability(logits, token)
        } else {
            log_probability_among(logits, token, vocabulary.beginning(&self.owed))
        }
    }

    /// Removes a chosen token's bytes from what is owed; returns the bytes beyond it, which are new
    /// text.
    pub fn pay<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let paid = self.owed.len().min(bytes.len());
        debug_assert_eq!(
            self.owed[..paid],
            bytes[..paid],
            "the picked token breaks the constraint"
        );
        self.owed.drain(..paid);
        &bytes[paid..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scripted::byte_vocabulary;

    fn greedy() -> Sampler {
        Sampler::new(Sampling::Greedy)
    }

    fn random(temperature: f32, top_k: usize, top_p: f32, seed: u64) -> Sampler {
        Sampler::new(Sampling::Random { temperature, top_k, top_p, seed })
    }

    /// How often each id is sampled in 4,000 draws, in thousandths.
    fn shares(mut sampler: Sampler, logits: &[f32]) -> Vec<u32> {
        let mut counts = vec![0; logits.len()];
        for _ in 0..4_000 {
            counts[sampler.pick(logits, 0..logits.len() as u32).unwrap() as usize] += 1;
        }
        counts.iter().map(|n| n / 4).collect()
    }

    #[test]
    fn tokens_are_sampled_by_probability() {
        // 0.5, 0.3, 0.2
        let logits = [0.5f32.ln(), 0.3f32.ln(), 0.2f32.ln(), f32::NAN];
        let close = |shares: Vec<u32>, expected: [u32; 4]| {
            let off = shares.iter().zip(expected).map(|(a, b)| a.abs_diff(b)).max().unwrap();
            assert!(off < 30, "{shares:?} is not about {expected:?}");
        };
        close(shares(random(1.0, 0, 1.0, 7), &logits), [500, 300, 200, 0]);
        close(shares(random(1.0, 2, 1.0, 7), &logits), [625, 375, 0, 0]);
        close(shares(random(1.0, 0, 0.75, 7), &logits), [625, 375, 0, 0]);
        close(shares(random(0.5, 0, 1.0, 7), &logits), [658, 237, 105, 0]);
        close(shares(random(0.01, 0, 1.0, 7), &logits), [1000, 0, 0, 0]);
        close(shares(random(1.0, 0, 0.0, 7), &logits), [1000, 0, 0, 0]);
    }

    #[test]
    fn same_seed_gives_the_same_tokens() {
        let logits = [0.0; 50];
        let draw = |seed| {
            let mut sampler = random(1.0, 0, 1.0, seed);
            (0..20).map(|_| sampler.pick(&logits, 0..50).unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }

    #[test]
    fn first_of_several_candidates_is_greedy() {
        let sampling = Sampling::Random { temperature: 1.0, top_k: 0, top_p: 1.0, seed: 1 };
        assert_eq!(sampling.of_candidate(0, 3), Sampling::Greedy);
        assert_ne!(sampling.of_candidate(1, 3), sampling.of_candidate(2, 3));
        assert_eq!(sampling.of_candidate(0, 1), sampling);
    }

    #[test]
    fn argmax_ignores_nan() {
        assert_eq!(argmax(&[0.5, f32::NAN, 2.0, 2.0]), Some(2));
        assert_eq!(argmax(&[f32::NAN]), None);
        assert_eq!(argmax(&[]), None);
    }

    #[test]
    fn healing_keeps_to_the_users_word() {
        let vocabulary = byte_vocabulary(&["re", "return", "reset"], &[]).unwrap();
        let mut logits = vec![0.0; vocabulary.len()];
        logits[usize::from(b'x')] = 9.0; // the best token without healing
        logits[258] = 5.0; // "reset" contradicts "ret"
        logits[257] = 4.0; // "return"
        logits[256] = 3.0; // "re"
        let mut healing = Healing::new(b"ret".to_vec());
        assert_eq!(healing.pick(&mut greedy(), &logits, &vocabulary), Some(257));
        assert_eq!(healing.pay(vocabulary.bytes(257)), b"urn");
        assert!(healing.is_done());
        assert_eq!(healing.pick(&mut greedy(), &logits, &vocabulary), Some(u32::from(b'x')));
    }

    #[test]
    fn healing_spans_several_tokens() {
        let vocabulary = byte_vocabulary(&["re"], &[]).unwrap();
        let mut logits = vec![0.0; vocabulary.len()];
        logits[256] = 3.0;
        let mut healing = Healing::new(b"ret".to_vec());
        let first = healing.pick(&mut greedy(), &logits, &vocabulary).unwrap();
        assert_eq!(healing.pay(vocabulary.bytes(first)), b"");
        assert_eq!(healing.pick(&mut greedy(), &logits, &vocabulary), Some(u32::from(b't')));
    }
}

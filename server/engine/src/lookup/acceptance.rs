//! How often draft tokens of each class were accepted.

use super::matches::Support;

/// What is known about a draft token before it is verified.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Class {
    /// From a match of this many tokens with this support.
    Match(usize, Support),
    /// From the successor table, with this probability.
    Recycled(f32),
}

const N_LENGTHS: usize = 6;
const N_SUPPORTS: usize = 4;
const N_PROBABILITIES: usize = 4;

impl Class {
    fn index(self) -> usize {
        match self {
            Self::Match(n_tokens, support) => {
                let length = match n_tokens {
                    0..=1 => 0,
                    2 => 1,
                    3 => 2,
                    4..=5 => 3,
                    6..=9 => 4,
                    _ => 5,
                };
                let support = match support {
                    Support::Single => 0,
                    Support::All => 1,
                    Support::Most => 2,
                    Support::Few => 3,
                };
                length * N_SUPPORTS + support
            }
            Self::Recycled(probability) => {
                let above = [0.25, 0.5, 0.75].iter().filter(|least| probability >= **least);
                N_LENGTHS * N_SUPPORTS + above.count()
            }
        }
    }
}

/// The rate of one class.
#[derive(Debug, Clone, Copy)]
struct Rate {
    n_right: f64,
    n_wrong: f64,
}

/// The rates of all classes. Their initial values count as six observations.
#[derive(Debug)]
pub(super) struct Acceptance([Rate; N_LENGTHS * N_SUPPORTS + N_PROBABILITIES]);

impl Default for Acceptance {
    fn default() -> Self {
        // Measured with greedy texts of the default model, rounded.
        const LENGTHS: [f64; N_LENGTHS] = [0.3, 0.45, 0.6, 0.7, 0.8, 0.9];
        const SUPPORTS: [f64; N_SUPPORTS] = [0.95, 1.05, 0.8, 0.45];
        const PROBABILITIES: [f64; N_PROBABILITIES] = [0.1, 0.15, 0.2, 0.3];
        let mut at = 0;
        Self([(); N_LENGTHS * N_SUPPORTS + N_PROBABILITIES].map(|()| {
            let guess = match at {
                _ if at < N_LENGTHS * N_SUPPORTS => {
                    LENGTHS[at / N_SUPPORTS] * SUPPORTS[at % N_SUPPORTS]
                }
                _ => PROBABILITIES[at - N_LENGTHS * N_SUPPORTS],
            };
            at += 1;
            Rate { n_right: 6.0 * guess, n_wrong: 6.0 * (1.0 - guess) }
        }))
    }
}

impl Acceptance {
    /// The share of accepted draft tokens in a class.
    pub(super) fn rate(&self, class: Class) -> f64 {
        let Rate { n_right, n_wrong } = self.0[class.index()];
        n_right / (n_right + n_wrong)
    }

    /// Counts a draft token whose predecessors were accepted.
    pub(super) fn observe(&mut self, class: Class, is_right: bool) {
        let rate = &mut self.0[class.index()];
        // An observation 50 tokens ago counts about a third.
        rate.n_right = rate.n_right * 0.98 + f64::from(u8::from(is_right));
        rate.n_wrong = rate.n_wrong * 0.98 + f64::from(u8::from(!is_right));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_counted_separately() {
        let mut acceptance = Acceptance::default();
        let classes = [
            Class::Match(1, Support::Single),
            Class::Match(1, Support::Few),
            Class::Match(12, Support::Few),
            Class::Recycled(0.1),
            Class::Recycled(1.0),
        ];
        for (n, class) in classes.into_iter().enumerate() {
            let before = classes.map(|class| acceptance.rate(class));
            acceptance.observe(class, true);
            let after = classes.map(|class| acceptance.rate(class));
            let risen: Vec<_> = (0..classes.len()).filter(|i| after[*i] != before[*i]).collect();
            assert_eq!(risen, [n]);
            assert!(after[n] > before[n] && after[n] < 1.0, "{before:?} {after:?}");
        }
    }
}

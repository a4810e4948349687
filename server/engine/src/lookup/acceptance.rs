//! How often draft tokens of each class were right.

use super::matches::Support;

/// The features of a draft token by which its acceptance is counted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Class {
    /// How many tokens before it match.
    pub(super) n_match: usize,
    pub(super) support: Support,
}

const N_LENGTHS: usize = 6;
const N_SUPPORTS: usize = 4;

impl Class {
    fn index(self) -> usize {
        let length = match self.n_match {
            0..=1 => 0,
            2 => 1,
            3 => 2,
            4..=5 => 3,
            6..=9 => 4,
            _ => 5,
        };
        let support = match self.support {
            Support::Single => 0,
            Support::All => 1,
            Support::Most => 2,
            Support::Few => 3,
        };
        length * N_SUPPORTS + support
    }
}

/// The rate of one class.
#[derive(Debug, Clone, Copy)]
struct Rate {
    n_right: f64,
    n_wrong: f64,
}

/// The rates of all classes. They start at guesses that count as six observations.
#[derive(Debug)]
pub(super) struct Acceptance([Rate; N_LENGTHS * N_SUPPORTS]);

impl Default for Acceptance {
    fn default() -> Self {
        // Measured in greedy texts of the default model, rounded.
        const LENGTHS: [f64; N_LENGTHS] = [0.3, 0.45, 0.6, 0.7, 0.8, 0.9];
        const SUPPORTS: [f64; N_SUPPORTS] = [0.95, 1.05, 0.8, 0.45];
        Self(std::array::from_fn(|at| {
            let guess = LENGTHS[at / N_SUPPORTS] * SUPPORTS[at % N_SUPPORTS];
            Rate { n_right: 6.0 * guess, n_wrong: 6.0 * (1.0 - guess) }
        }))
    }
}

impl Acceptance {
    /// The share of draft tokens of a class that were right.
    pub(super) fn rate(&self, class: Class) -> f64 {
        let Rate { n_right, n_wrong } = self.0[class.index()];
        n_right / (n_right + n_wrong)
    }

    /// Counts a draft token whose predecessors were right.
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
        let classes = [(1, Support::Single), (1, Support::Few), (12, Support::Few)]
            .map(|(n_match, support)| Class { n_match, support });
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

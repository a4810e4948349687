//! The probability that a text is correct, up to any point.
//!
//! The probability of a text, given the context, is the product of its tokens' probabilities: the
//! model's own at temperature 1, regardless of the sampler. With token healing, a token's
//! probability is renormalized over the tokens that are compatible with the typed text. The product
//! only falls, so a text that is too unlikely cannot recover.

use super::calibration::{Calibrator, Curve};

/// A part of a text and its probability: a token, or several tokens that make up whole characters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Piece {
    /// Where the part ends, as a byte_idx of the text. It starts where the previous one ends.
    pub end: usize,
    /// The log-probability of the part, given the text before it. At most 0.
    pub log_probability: f32,
}

/// The probability of a text, cumulative along the text.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Confidence {
    pieces: Vec<Piece>,
    /// The log-probability of tokens that have not added a whole character yet: the beginning of a
    /// character, or a repetition of the user's last word.
    pending: f32,
}

impl Confidence {
    /// Adds a token after which the text has `n_bytes`.
    pub fn push(&mut self, n_bytes: usize, log_probability: f32) {
        self.pending += log_probability.min(0.0);
        if n_bytes > self.end() {
            let log_probability = std::mem::take(&mut self.pending);
            self.pieces.push(Piece { end: n_bytes, log_probability });
        }
    }

    /// The parts of the text in order.
    #[must_use]
    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// Byte length of the covered text.
    #[must_use]
    pub fn end(&self) -> usize {
        self.pieces.last().map_or(0, |it| it.end)
    }

    /// Whether the probability of everything generated so far is below a threshold.
    #[must_use]
    pub fn is_below(&self, min_probability: f32) -> bool {
        let log_probability = self.log_probability(0, self.end()) + f64::from(self.pending);
        log_probability < least(min_probability)
    }

    /// The log-probability of the text between two byte_idx, given the text before `start`. A part
    /// that overlaps the range counts completely, so inside a part this is a lower bound.
    #[must_use]
    pub fn log_probability(&self, start: usize, end: usize) -> f64 {
        let starts = [0].into_iter().chain(self.pieces.iter().map(|it| it.end));
        let within = self.pieces.iter().zip(starts);
        let within = within.filter(|(it, piece_start)| it.end > start && *piece_start < end);
        within.map(|(it, _)| f64::from(it.log_probability)).sum()
    }

    /// The byte_idx up to which the text is likely: the end of the longest text with at least this
    /// probability, given the text before `start`. At least `start`, and monotonic in it.
    #[must_use]
    pub fn likely_end(&self, start: usize, min_probability: f32) -> usize {
        let least = least(min_probability);
        let mut sum = 0.0;
        let ahead = self.pieces.iter().filter(|it| it.end > start);
        let likely = ahead.take_while(|it| {
            sum += f64::from(it.log_probability);
            sum >= least
        });
        likely.last().map_or(start, |it| it.end)
    }

    /// Whether a part starts at a byte_idx, so that the probability of the text from there on is
    /// exact.
    #[must_use]
    pub fn is_boundary(&self, byte_idx: usize) -> bool {
        byte_idx == 0 || self.pieces.iter().any(|it| it.end == byte_idx)
    }

    /// The mean log-probability per part in the first `n_bytes` of the text.
    #[must_use]
    pub fn mean(&self, n_bytes: usize) -> Option<f32> {
        let starts = [0].into_iter().chain(self.pieces.iter().map(|it| it.end));
        let n = self.pieces.iter().zip(starts).filter(|(_, start)| *start < n_bytes).count();
        (n > 0).then(|| (self.log_probability(0, n_bytes) / n as f64) as f32)
    }

    /// The calibrated confidence of the whole text.
    #[must_use]
    pub fn calibrated(&self, curve: Curve) -> Self {
        let mut calibrator = Calibrator::new(Some(curve));
        let mut calibrated = Self::default();
        for it in &self.pieces {
            calibrated.push(it.end, calibrator.next(it.log_probability));
        }
        calibrated.push(self.end(), calibrator.next(self.pending));
        calibrated
    }

    /// The confidence of the text after its first `n_bytes`, which are now certain.
    #[must_use]
    pub fn after(&self, n_bytes: usize) -> Self {
        let ahead = self.pieces.iter().filter(|it| it.end > n_bytes);
        let pieces = ahead.map(|it| Piece { end: it.end - n_bytes, ..*it }).collect();
        Self { pieces, pending: self.pending }
    }

    /// The confidence of the text after `n_bytes` of certain text were inserted before it.
    #[must_use]
    pub fn behind(&self, n_bytes: usize) -> Self {
        let mut behind = Self::default();
        behind.push(n_bytes, 0.0);
        behind.pieces.extend(self.pieces.iter().map(|it| Piece { end: it.end + n_bytes, ..*it }));
        behind.pending = self.pending;
        behind
    }
}

/// The smallest log-probability that reaches a threshold, with a margin for rounding errors.
fn least(min_probability: f32) -> f64 {
    f64::from(min_probability).ln() - 1e-6
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(tokens: &[(usize, f32)]) -> Confidence {
        let mut confidence = Confidence::default();
        tokens.iter().for_each(|(n_bytes, p)| confidence.push(*n_bytes, p.ln()));
        confidence
    }

    #[test]
    fn text_is_likely_while_the_product_is_high() {
        let it = of(&[(3, 0.9), (5, 0.8), (9, 0.5)]);
        assert_eq!([0.3, 0.5, 0.8, 0.95].map(|min| it.likely_end(0, min)), [9, 5, 3, 0]);
        assert!(it.is_below(0.37) && !it.is_below(0.35));
    }

    #[test]
    fn one_unlikely_token_ends_it_whatever_the_mean_is() {
        let mut it = of(&[(1, 0.99), (2, 0.99), (3, 0.99), (4, 0.2)]);
        assert!(it.mean(4).unwrap().exp() > 0.6);
        assert_eq!(it.likely_end(0, 0.5), 3);
        it.push(5, 0.0);
        assert_eq!(it.likely_end(0, 0.5), 3);
    }

    #[test]
    fn typed_text_is_certain() {
        let it = of(&[(3, 0.5), (5, 0.8), (9, 0.8)]);
        assert_eq!(it.likely_end(0, 0.5), 3);
        assert_eq!(it.likely_end(3, 0.5), 9);
        assert_eq!(it.likely_end(2, 0.5), 3, "a partly typed part counts completely");
        assert_eq!(it.likely_end(9, 0.5), 9);
        assert_eq!(it.after(3), of(&[(2, 0.8), (6, 0.8)]));
        assert_eq!(it.after(3).behind(3).likely_end(0, 0.5), 9);
    }

    #[test]
    fn part_of_a_character_belongs_to_the_whole() {
        let it = of(&[(0, 0.9), (1, 0.9), (1, 0.5), (1, 0.9), (4, 1.0)]);
        let ends: Vec<usize> = it.pieces().iter().map(|it| it.end).collect();
        assert_eq!(ends, [1, 4]);
        assert_eq!(it.likely_end(0, 0.5), 1);
        assert_eq!(it.likely_end(1, 0.44), 4);
    }

    #[test]
    fn mean_covers_the_shown_tokens() {
        let mut it = Confidence::default();
        for (n_bytes, log_probability) in [(3, -1.0), (5, -2.0), (9, -6.0)] {
            it.push(n_bytes, log_probability);
        }
        assert_eq!([9, 5, 4, 3].map(|n| it.mean(n)), [-3.0, -1.5, -1.5, -1.0].map(Some));
        assert_eq!(it.mean(0), None);
    }

    proptest! {
        #[test]
        fn likely_end_grows_with_start_and_text(
            tokens in proptest::collection::vec((0..4usize, 0.0f32..=1.0), 0..20),
            start in 0..40usize,
            further in 0..10usize,
            min in 0.05f32..1.0,
        ) {
            let (mut it, mut end, mut last) = (Confidence::default(), 0, 0);
            for (n_bytes, p) in tokens {
                end += n_bytes;
                it.push(end, p.ln());
                let certain = it.likely_end(0, min);
                prop_assert!(certain >= last);
                last = certain;
                prop_assert!(it.log_probability(0, certain) >= f64::from(min).ln() - 1e-5);
            }
            let now = it.likely_end(start, min);
            prop_assert!(now >= start);
            prop_assert!(it.likely_end(start + further, min) >= now);
            prop_assert!(it.likely_end(start, min) >= it.likely_end(start, (min + 1.0) / 2.0));
        }
    }
}

//! How certain the model was of its text: the mean log-probability of its tokens.

/// Logits this far below the highest one add less than a hundredth to the sum, all 150,000
/// together.
const NEGLIGIBLE: f32 = 17.0;
const LANES: usize = 16;

/// The log-probability that the softmax of `logits` assigns to `id`, at temperature 1. `None` if it
/// is not a number.
pub(super) fn log_probability(logits: &[f32], id: u32) -> Option<f32> {
    let chosen = *logits.get(id as usize)?;
    // In lanes, which the compiler vectorizes. NaNs are skipped.
    let larger = |a: f32, b: f32| if b > a { b } else { a };
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let (chunks, rest) = logits.as_chunks::<LANES>();
    for chunk in chunks {
        for (lane, logit) in lanes.iter_mut().zip(chunk) {
            *lane = larger(*lane, *logit);
        }
    }
    let highest = lanes.iter().chain(rest).fold(f32::NEG_INFINITY, |a, b| larger(a, *b));
    let least = highest - NEGLIGIBLE;
    let of = |logits: &[f32]| -> f32 {
        let near = logits.iter().filter(|logit| **logit > least);
        near.map(|logit| (logit - highest).exp()).sum()
    };
    let has_near = |chunk: &&[f32; LANES]| chunk.iter().fold(false, |any, it| any | (*it > least));
    let sum = chunks.iter().filter(has_near).map(|chunk| of(chunk)).sum::<f32>() + of(rest);
    Some(chosen - highest - sum.ln()).filter(|it| it.is_finite())
}

/// The tokens of a text, each with the end of the text after it and its log-probability.
#[derive(Debug, Clone, Default)]
pub(super) struct Certainty(Vec<(usize, f32)>);

impl Certainty {
    /// Adds a token after which the text has `n_bytes`.
    pub(super) fn push(&mut self, n_bytes: usize, log_probability: f32) {
        self.0.push((n_bytes, log_probability));
    }

    /// The mean over the tokens of the first `n_bytes` of the text.
    pub(super) fn mean(&self, n_bytes: usize) -> Option<f32> {
        let starts = [0].into_iter().chain(self.0.iter().map(|(end, _)| *end));
        let of_text = self.0.iter().zip(starts).filter(|((_, _), start)| *start < n_bytes);
        let (n, sum) = of_text.fold((0.0, 0.0), |(n, sum), ((_, it), _)| (n + 1.0, sum + it));
        (n > 0.0).then(|| sum / n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_probability_is_log_softmax() {
        let logits: Vec<f32> = (0..1000u32).map(|i| ((i * 7919) % 613) as f32 / 20.0).collect();
        let sum: f64 = logits.iter().map(|it| f64::from(*it).exp()).sum();
        for id in [0, 1, 77, 999] {
            let exact = f64::from(logits[id as usize]) - sum.ln();
            let found = f64::from(log_probability(&logits, id).unwrap());
            assert!((found - exact).abs() < 1e-3, "{found} for {exact}");
        }
        assert_eq!(log_probability(&[3.0], 0), Some(0.0));
    }

    #[test]
    fn non_finite_logits_have_none() {
        assert_eq!(log_probability(&[1.0, f32::NAN], 1), None);
        assert_eq!(log_probability(&[1.0, f32::NEG_INFINITY], 1), None);
        assert_eq!(log_probability(&[1.0], 7), None);
        assert_eq!(log_probability(&[1.0, f32::NAN], 0), Some(0.0));
    }

    #[test]
    fn mean_covers_the_shown_tokens() {
        let mut certainty = Certainty::default();
        for (n_bytes, log_probability) in [(3, -1.0), (5, -2.0), (9, -6.0)] {
            certainty.push(n_bytes, log_probability);
        }
        assert_eq!(certainty.mean(9), Some(-3.0));
        assert_eq!(certainty.mean(5), Some(-1.5));
        assert_eq!(certainty.mean(4), Some(-1.5));
        assert_eq!(certainty.mean(3), Some(-1.0));
        assert_eq!(certainty.mean(0), None);
    }
}

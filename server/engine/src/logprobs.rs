//! Computes log-probabilities of tokens from logits.

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

/// The log-probability of `id`, renormalized over `ids`. `None` if it is not a number.
pub(super) fn log_probability_among(
    logits: &[f32],
    id: u32,
    ids: impl Iterator<Item = u32>,
) -> Option<f32> {
    let among = ids.filter_map(|id| logits.get(id as usize)).filter(|it| !it.is_nan());
    let among: Vec<f32> = among.copied().collect();
    let highest = among.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f32 = among.iter().map(|logit| (logit - highest).exp()).sum();
    Some(logits.get(id as usize)? - highest - sum.ln()).filter(|it| it.is_finite())
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
    fn log_probability_is_renormalized() {
        let logits = [0.5f32, 0.3, 0.1, 0.1].map(f32::ln);
        let among = |id, ids: &[u32]| log_probability_among(&logits, id, ids.iter().copied());
        assert!((among(1, &[1, 2]).unwrap().exp() - 0.75).abs() < 1e-6);
        assert!((among(1, &[0, 1, 2, 3]).unwrap().exp() - 0.3).abs() < 1e-6);
        assert_eq!(among(2, &[2]), Some(0.0));
        assert_eq!(among(9, &[2]), None);
        assert_eq!(log_probability_among(&[1.0, f32::NAN], 0, 0..2), Some(0.0));
    }
}

//! Measures whether texts are correct as often as their probability predicts.
//!
//! A sample is a position in the first generated line: the probability of the text up to there, and
//! whether that text is a prefix of the original.

use std::collections::BTreeMap;

use foretell_engine::{Confidence, calibration::Place};
use serde::Serialize;

use super::{answers::Outcome, cases::truth};

/// The number of bins of a reliability table.
const N_BINS: usize = 10;

/// A prediction, and whether it was right.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Sample {
    pub(super) probability: f64,
    pub(super) is_right: bool,
    pub(super) place: Place,
}

/// The samples of a case: one for each token of its first line.
pub(super) fn samples(outcome: &Outcome) -> Vec<Sample> {
    samples_with(outcome, outcome.confidence())
}

/// The samples of a case with another confidence.
pub(super) fn samples_with(outcome: &Outcome, confidence: Option<&Confidence>) -> Vec<Sample> {
    let answer = &outcome.answer;
    let Some(confidence) = confidence else { return vec![] };
    let text = answer.text.as_str();
    let blank = text.len() - text.trim_start().len();
    let line_end = text[blank..].find('\n').map_or(text.len(), |at| blank + at);
    let truth = truth(&outcome.case, text);
    let place = outcome.place();
    let ends = confidence.pieces().iter().map(|it| it.end);
    ends.filter(|end| *end > blank && *end <= line_end)
        .map(|end| Sample {
            probability: confidence.log_probability(0, end).exp(),
            is_right: truth.starts_with(text[..end].trim_end()),
            place,
        })
        .collect()
}

/// Samples with similar probabilities.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub(super) struct Bin {
    pub(super) samples: usize,
    /// The mean probability.
    pub(super) probability: f64,
    /// The share of right samples.
    pub(super) right: f64,
}

/// How well probabilities predict correct text.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Reliability {
    pub(super) samples: usize,
    /// The expected calibration error: the mean distance between a bin's probability and its share
    /// of right samples, weighted by its samples.
    pub(super) calibration_error: f64,
    /// The probability that a right sample is more probable than a wrong one.
    pub(super) auc: Option<f64>,
    /// Bins by probability; the first one covers 0 to 0.1.
    pub(super) bins: Vec<Bin>,
}

impl Reliability {
    /// The reliability of samples. O(n log n).
    pub(super) fn of(samples: &[Sample]) -> Self {
        let mut bins = vec![Bin::default(); N_BINS];
        for it in samples {
            let i = ((it.probability * N_BINS as f64) as usize).min(N_BINS - 1);
            let bin = &mut bins[i];
            bin.samples += 1;
            bin.probability += it.probability;
            bin.right += f64::from(u8::from(it.is_right));
        }
        let n = samples.len().max(1) as f64;
        let calibration_error =
            bins.iter().map(|it| (it.probability - it.right).abs()).sum::<f64>() / n;
        for bin in &mut bins {
            let n = bin.samples.max(1) as f64;
            (bin.probability, bin.right) = (bin.probability / n, bin.right / n);
        }
        Self { samples: samples.len(), calibration_error, auc: auc(samples), bins }
    }
}

/// The area under the ROC curve, by ranks; equal probabilities count half.
fn auc(samples: &[Sample]) -> Option<f64> {
    let mut sorted = samples.to_vec();
    sorted.sort_by(|a, b| a.probability.total_cmp(&b.probability));
    let (mut n_wrong, mut n_right, mut n_ordered) = (0.0, 0.0, 0.0);
    for equal in sorted.chunk_by(|a, b| a.probability == b.probability) {
        let right = equal.iter().filter(|it| it.is_right).count() as f64;
        let wrong = equal.len() as f64 - right;
        n_ordered += right * (n_wrong + wrong / 2.0);
        (n_wrong, n_right) = (n_wrong + wrong, n_right + right);
    }
    (n_wrong * n_right > 0.0).then(|| n_ordered / (n_wrong * n_right))
}

/// The reliability of each group of outcomes.
pub(super) fn by(
    outcomes: &[Outcome],
    key: fn(&Outcome) -> &String,
) -> BTreeMap<String, Reliability> {
    let mut groups: BTreeMap<String, Vec<Sample>> = BTreeMap::new();
    for it in outcomes {
        groups.entry(key(it).clone()).or_default().extend(samples(it));
    }
    groups.into_iter().map(|(name, samples)| (name, Reliability::of(&samples))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(samples: &[(f64, bool)]) -> Reliability {
        let sample = |(probability, is_right): &(f64, bool)| Sample {
            probability: *probability,
            is_right: *is_right,
            place: Place::default(),
        };
        Reliability::of(&samples.iter().map(sample).collect::<Vec<_>>())
    }

    #[test]
    fn calibrated_samples_have_no_error() {
        let half = [(0.5, true), (0.5, false)];
        assert_eq!(of(&half).calibration_error, 0.0);
        let it = of(&[(0.95, false), (0.05, true)]);
        assert!((it.calibration_error - 0.95).abs() < 1e-12, "{it:?}");
        assert_eq!(it.bins[9], Bin { samples: 1, probability: 0.95, right: 0.0 });
        assert_eq!(of(&[]).calibration_error, 0.0);
        assert_eq!(of(&[(1.0, true)]).bins[9].samples, 1);
    }

    #[test]
    fn auc_is_the_share_of_ordered_pairs() {
        assert_eq!(of(&[(0.9, true), (0.2, false)]).auc, Some(1.0));
        assert_eq!(of(&[(0.9, false), (0.2, true)]).auc, Some(0.0));
        assert_eq!(of(&[(0.5, false), (0.5, true)]).auc, Some(0.5));
        assert_eq!(of(&[(0.9, true), (0.5, false), (0.4, true)]).auc, Some(0.5));
        assert_eq!(of(&[(0.9, true)]).auc, None);
    }
}

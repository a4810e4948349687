//! Fits curves that map the probability of a text to the share of such texts that are correct.

use std::collections::BTreeMap;

use foretell_engine::calibration::{Curve, Place};

use super::reliability::{Reliability, Sample};

/// A way to fit a curve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    /// A logistic function of the log-odds (Platt 1999), with two parameters.
    Platt,
    /// The best monotonic step function (pool adjacent violators), interpolated between the steps'
    /// means.
    Isotonic,
}

impl Method {
    pub(super) const ALL: [Self; 2] = [Self::Platt, Self::Isotonic];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Platt => "Platt",
            Self::Isotonic => "isotonic",
        }
    }

    /// Fits a curve to samples.
    fn fit(self, samples: &[Sample]) -> Option<Curve> {
        let points = match self {
            Self::Platt => platt(samples),
            Self::Isotonic => isotonic(samples),
        };
        Curve::try_from(points).ok()
    }
}

/// The probabilities at which the logistic function is sampled.
const GRID: [f64; 18] = [
    0.001, 0.01, 0.03, 0.06, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.87, 0.93, 0.97, 0.99,
    1.0,
];
/// Larger log-odds carry no information, because 32-bit logits round there.
const MAX_LOG_ODDS: f64 = 7.0;

fn log_odds(probability: f64) -> f64 {
    (probability / (1.0 - probability)).ln().clamp(-MAX_LOG_ODDS, MAX_LOG_ODDS)
}

fn logistic(log_odds: f64) -> f64 {
    1.0 / (1.0 + (-log_odds).exp())
}

/// Maximizes the likelihood of `logistic(slope · log-odds + shift)` by Newton's method. A weak
/// prior on the identity keeps it finite if all samples are right or all are wrong.
fn platt(samples: &[Sample]) -> Vec<[f64; 2]> {
    const PRIOR: f64 = 1.0;
    let (mut slope, mut shift) = (1.0f64, 0.0f64);
    for _ in 0..50 {
        let (mut g0, mut g1) = (PRIOR * (1.0 - slope), -PRIOR * shift);
        let (mut h00, mut h01, mut h11) = (PRIOR, 0.0, PRIOR);
        for it in samples {
            let x = log_odds(it.probability);
            let p = logistic(slope * x + shift);
            let error = f64::from(u8::from(it.is_right)) - p;
            let weight = p * (1.0 - p);
            (g0, g1) = (g0 + error * x, g1 + error);
            (h00, h01, h11) = (h00 + weight * x * x, h01 + weight * x, h11 + weight);
        }
        let determinant = h00 * h11 - h01 * h01;
        let (d0, d1) = (h11 * g0 - h01 * g1, h00 * g1 - h01 * g0);
        // Limited steps keep the iteration from diverging.
        slope += (d0 / determinant).clamp(-1.0, 1.0);
        shift += (d1 / determinant).clamp(-1.0, 1.0);
    }
    // A curve must be ascending.
    let slope = slope.max(0.01);
    let point = |x: f64| [x, logistic(slope * log_odds(x) + shift).clamp(1e-9, 1.0)];
    GRID.map(point).to_vec()
}

/// The minimum number of samples per step.
const MIN_STEP: usize = 25;

/// Fits steps of at least [`MIN_STEP`] samples, merged until they are ascending.
fn isotonic(samples: &[Sample]) -> Vec<[f64; 2]> {
    let mut sorted = samples.to_vec();
    sorted.sort_by(|a, b| a.probability.total_cmp(&b.probability));
    // The sums of the probabilities and of the right samples, and the number of samples.
    let mut steps: Vec<(f64, f64, f64)> = Vec::new();
    let n_steps = (sorted.len() / MIN_STEP).max(1);
    for chunk in sorted.chunks(sorted.len().div_ceil(n_steps)) {
        let sum = chunk.iter().map(|it| it.probability).sum::<f64>();
        let right = chunk.iter().filter(|it| it.is_right).count() as f64;
        let mut step = (sum, right, chunk.len() as f64);
        while let Some(last) = steps.last().copied() {
            let is_rising = last.1 / last.2 < step.1 / step.2 && last.0 / last.2 < step.0 / step.2;
            if is_rising {
                break;
            }
            step = (last.0 + step.0, last.1 + step.1, last.2 + step.2);
            steps.pop();
        }
        steps.push(step);
    }
    // Add half a right and half a wrong sample, so that no step is at 0 or 1.
    let point =
        |(sum, right, n): (f64, f64, f64)| [(sum / n).clamp(1e-9, 1.0), (right + 0.5) / (n + 1.0)];
    let mut points: Vec<[f64; 2]> = steps.into_iter().map(point).collect();
    // Smoothing may reverse the order of steps of different sizes.
    for i in 1..points.len() {
        points[i][1] = points[i][1].max(points[i - 1][1]);
    }
    points
}

/// How well a method predicts samples that it was not fitted to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Quality {
    /// The mean negative log-likelihood, in nats.
    pub(super) log_loss: f64,
    pub(super) calibration_error: f64,
}

impl Quality {
    /// The quality of predictions.
    pub(super) fn of(samples: &[Sample]) -> Self {
        let loss = |it: &Sample| {
            let p = it.probability.clamp(1e-4, 1.0 - 1e-4);
            -(if it.is_right { p } else { 1.0 - p }).ln()
        };
        let log_loss = samples.iter().map(loss).sum::<f64>() / samples.len().max(1) as f64;
        Self { log_loss, calibration_error: Reliability::of(samples).calibration_error }
    }
}

/// The minimum number of right samples, and of wrong ones, for a curve.
pub(super) const MIN_SAMPLES: usize = 30;

/// The fitting method, and whether each kind of place gets a separate curve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) method: Method,
    pub(super) by_place: bool,
}

impl Candidate {
    /// All candidates, from the fewest parameters to the most.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        [false, true].into_iter().flat_map(|by_place| {
            Method::ALL.into_iter().map(move |method| Self { method, by_place })
        })
    }

    /// The name in reports.
    pub(super) fn name(self) -> String {
        let by_place = if self.by_place { ", by kind of place" } else { "" };
        format!("{}{by_place}", self.method.name())
    }

    /// Fits curves to samples. `None` if there are too few.
    pub(super) fn fit(self, samples: &[Sample]) -> Option<Curves> {
        let curve = self.curve(samples)?;
        let mut places = BTreeMap::new();
        for place in Place::ALL.into_iter().filter(|_| self.by_place) {
            let of_place = |it: &&Sample| it.place == place;
            let samples: Vec<Sample> = samples.iter().filter(of_place).copied().collect();
            places.extend(self.curve(&samples).map(|curve| (place, curve)));
        }
        Some(Curves { curve, places })
    }

    fn curve(self, samples: &[Sample]) -> Option<Curve> {
        let n_right = samples.iter().filter(|it| it.is_right).count();
        let n_fewest = n_right.min(samples.len() - n_right);
        if n_fewest < MIN_SAMPLES { None } else { self.method.fit(samples) }
    }
}

/// The curves of a calibration.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Curves {
    pub(super) curve: Curve,
    pub(super) places: BTreeMap<Place, Curve>,
}

impl Curves {
    /// The samples with calibrated probabilities.
    fn apply(&self, samples: &[Sample]) -> Vec<Sample> {
        let share = |it: &Sample| {
            let curve = self.places.get(&it.place).unwrap_or(&self.curve);
            Sample { probability: curve.share(it.probability), ..*it }
        };
        samples.iter().map(share).collect()
    }
}

const N_FOLDS: usize = 5;

/// How well a fit predicts samples that it was not fitted to. `cases` contains the samples of each
/// case, which stay in one fold.
pub(super) fn cross_validate(cases: &[Vec<Sample>], candidate: Candidate) -> Option<Quality> {
    let mut predicted = Vec::new();
    for fold in 0..N_FOLDS {
        let part = |is_test: bool| -> Vec<Sample> {
            let of_fold = |(i, _): &(usize, &Vec<Sample>)| (i % N_FOLDS == fold) == is_test;
            cases.iter().enumerate().filter(of_fold).flat_map(|(_, it)| it).copied().collect()
        };
        predicted.extend(candidate.fit(&part(false))?.apply(&part(true)));
    }
    Some(Quality::of(&predicted))
}

#[cfg(test)]
mod tests;

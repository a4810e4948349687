//! Statistics of a session, without code or file names.

pub mod draw;
mod markdown;
mod page;
mod store;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use markdown::markdown;
pub use page::page;
pub use store::{Store, read_all};

use foretell_engine::GenerationMetrics;

/// The statistics of one session, or the sum of several.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counts {
    /// Requests.
    pub requests: u64,
    /// Requests that were superseded by an edit or a later request.
    pub superseded: u64,
    /// Responses with a text, by its source.
    pub shown: BTreeMap<String, u64>,
    /// Empty responses, by reason.
    pub nothing: BTreeMap<String, u64>,
    /// Suggestions that were shown, each counted once.
    pub offers: u64,
    /// What the user accepted.
    pub accepted: Accepted,
    /// Offered edits.
    pub edits: Edits,
    /// The probabilities of accepted and dismissed suggestions.
    pub probability: ByProbability,
    /// What the model did.
    pub model: Work,
    /// From a request to its first text if the model was needed.
    pub first_text_ms: Millis,
    /// From a request to its text if the model was not needed.
    pub other_text_ms: Millis,
    /// How long a generation waited for the engine, including the end of the previous one.
    pub queued_ms: Millis,
}

/// What the user accepted.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Accepted {
    /// Suggestions accepted completely.
    pub whole: u64,
    /// Accepted words and lines.
    pub partly: u64,
    /// Accepted characters.
    pub chars: u64,
}

/// Edits that were offered after the user's own, as the client reports them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Edits {
    /// Shown edits.
    pub shown: u64,
    /// Accepted edits.
    pub accepted: u64,
    /// Rejected edits.
    pub rejected: u64,
}

/// Suggestions by the probability of the text shown first, in tenths: 9 counts those from 0.9 to 1.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ByProbability {
    /// Suggestions that the user accepted in part or whole, or typed completely.
    pub accepted: BTreeMap<u8, u64>,
    /// The other shown suggestions.
    pub dismissed: BTreeMap<u8, u64>,
}

impl ByProbability {
    /// Adds a suggestion.
    pub fn add(&mut self, probability: f64, is_accepted: bool) {
        let tenth = (probability * 10.0).clamp(0.0, 9.0) as u8;
        let counts = if is_accepted { &mut self.accepted } else { &mut self.dismissed };
        *counts.entry(tenth).or_default() += 1;
    }

    fn merge(&mut self, other: &Self) {
        for (mine, theirs) in
            [(&mut self.accepted, &other.accepted), (&mut self.dismissed, &other.dismissed)]
        {
            for (tenth, n) in theirs {
                *mine.entry(*tenth).or_default() += n;
            }
        }
    }

    /// Each tenth with suggestions, the most probable first: the tenth, accepted, dismissed.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (u8, u64, u64)> {
        let of = |counts: &BTreeMap<u8, u64>, tenth| counts.get(&tenth).copied().unwrap_or(0);
        let rows =
            (0..=9).rev().map(move |it| (it, of(&self.accepted, it), of(&self.dismissed, it)));
        rows.filter(|(_, accepted, dismissed)| accepted + dismissed > 0)
    }
}

/// What the model did.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Work {
    /// Generations, including prefetches.
    pub runs: u64,
    /// Prompt tokens found in the KV cache.
    pub reused: u64,
    /// Prompt tokens that were prefilled.
    pub read: u64,
    /// Generated tokens.
    pub generated: u64,
    /// Generated tokens that were never shown.
    pub wasted: u64,
    /// Draft tokens.
    pub drafted: u64,
    /// Accepted draft tokens.
    pub accepted: u64,
}

impl Work {
    /// Adds a generation that has ended; `seen` if its text was shown.
    pub fn add(&mut self, figures: &GenerationMetrics, seen: bool) {
        let n = |n: usize| n as u64;
        self.runs += 1;
        self.reused += n(figures.reused);
        self.read += n(figures.read);
        self.generated += n(figures.generated);
        self.wasted += if seen { 0 } else { n(figures.generated) };
        self.drafted += n(figures.drafted);
        self.accepted += n(figures.accepted);
    }
}

/// Buckets of a [`Millis`] per factor of two.
const BUCKETS_PER_OCTAVE: f64 = 8.0;

/// A histogram of times with an error below 5 %: bucket `i` counts times around `2^(i / 8)`
/// milliseconds. This is the format of the files in the data folder.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Millis(BTreeMap<i32, u64>);

/// The quantile `q` of some values by the nearest-rank method: the smallest value that at least a
/// share `q` of them does not exceed. `None` without values. O(n log n).
///
/// Every quantile that Foretell prints uses this rule.
#[must_use]
pub fn quantile(values: &[f64], q: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(nearest_rank(sorted.len(), q) - 1).copied()
}

/// The rank of the quantile `q` among `n` values, counted from 1.
fn nearest_rank(n: usize, q: f64) -> usize {
    ((q * n as f64).ceil() as usize).max(1)
}

impl Millis {
    /// Adds a time.
    pub fn add(&mut self, ms: f64) {
        // A NaN and times below a microsecond count as a microsecond.
        let bucket = (ms.max(1e-3).log2() * BUCKETS_PER_OCTAVE).round() as i32;
        *self.0.entry(bucket).or_default() += 1;
    }

    /// The number of times.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.values().sum()
    }

    /// The quantile `q` in milliseconds, by the rule of [`quantile`]. `None` without times.
    #[must_use]
    pub fn quantile(&self, q: f64) -> Option<f64> {
        let rank = nearest_rank(self.count() as usize, q) as u64;
        let mut n_below = 0;
        let bucket = self.0.iter().find(|(_, n)| {
            n_below += **n;
            n_below >= rank
        });
        bucket.map(|(bucket, _)| (f64::from(*bucket) / BUCKETS_PER_OCTAVE).exp2())
    }

    /// The median, the 95th and 99th percentile, and the longest time.
    #[must_use]
    pub fn quantiles(&self) -> [Option<f64>; 4] {
        [0.5, 0.95, 0.99, 1.0].map(|q| self.quantile(q))
    }

    /// The distribution of the times.
    #[must_use]
    pub fn spread(&self) -> draw::Spread {
        let mut spread = draw::Spread::default();
        for (bucket, n) in &self.0 {
            spread.add((f64::from(*bucket) / BUCKETS_PER_OCTAVE).exp2(), *n);
        }
        spread
    }

    fn merge(&mut self, other: &Self) {
        for (bucket, n) in &other.0 {
            *self.0.entry(*bucket).or_default() += n;
        }
    }
}

impl Counts {
    /// Adds the statistics of another session.
    pub fn merge(&mut self, other: &Self) {
        self.requests += other.requests;
        self.superseded += other.superseded;
        self.offers += other.offers;
        for (mine, theirs) in [(&mut self.shown, &other.shown), (&mut self.nothing, &other.nothing)]
        {
            for (name, n) in theirs {
                *mine.entry(name.clone()).or_default() += n;
            }
        }
        let (mine, theirs) = (&mut self.accepted, &other.accepted);
        mine.whole += theirs.whole;
        mine.partly += theirs.partly;
        mine.chars += theirs.chars;
        let (mine, theirs) = (&mut self.edits, &other.edits);
        mine.shown += theirs.shown;
        mine.accepted += theirs.accepted;
        mine.rejected += theirs.rejected;
        self.probability.merge(&other.probability);
        let (mine, theirs) = (&mut self.model, &other.model);
        mine.runs += theirs.runs;
        mine.reused += theirs.reused;
        mine.read += theirs.read;
        mine.generated += theirs.generated;
        mine.wasted += theirs.wasted;
        mine.drafted += theirs.drafted;
        mine.accepted += theirs.accepted;
        self.first_text_ms.merge(&other.first_text_ms);
        self.other_text_ms.merge(&other.other_text_ms);
        self.queued_ms.merge(&other.queued_ms);
    }

    /// Responses with a text.
    #[must_use]
    pub fn n_shown(&self) -> u64 {
        self.shown.values().sum()
    }
}

/// Adds one to a name's count.
pub fn tally(names: &mut BTreeMap<String, u64>, name: &str) {
    match names.get_mut(name) {
        Some(n) => *n += 1,
        None => {
            names.insert(name.to_owned(), 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(times: impl IntoIterator<Item = f64>) -> Millis {
        let mut millis = Millis::default();
        times.into_iter().for_each(|ms| millis.add(ms));
        millis
    }

    #[test]
    fn quantiles_use_the_nearest_rank() {
        let values = [5.0, 1.0, 3.0, 2.0, 4.0];
        let found = [0.0, 0.2, 0.5, 0.6, 0.61, 0.99, 1.0].map(|q| quantile(&values, q));
        assert_eq!(found, [1.0, 1.0, 3.0, 3.0, 4.0, 5.0, 5.0].map(Some));
        assert_eq!(quantile(&[2.0, 1.0], 0.5), Some(1.0));
        assert_eq!(quantile(&[], 0.5), None);
    }

    #[test]
    fn quantiles_are_within_ten_percent() {
        let times = millis((1..=1000).map(f64::from));
        for (q, ms) in [(0.5, 500.0), (0.95, 950.0), (0.99, 990.0), (1.0, 1000.0)] {
            let found = times.quantile(q).unwrap();
            assert!((found / ms - 1.0).abs() < 0.1, "{q}: {found} for {ms}");
        }
        assert_eq!(Millis::default().quantile(0.5), None);
    }

    #[test]
    fn invalid_times_are_counted() {
        let times = millis([0.0, -1.0, f64::NAN, f64::INFINITY]);
        assert_eq!(times.count(), 4);
    }

    #[test]
    fn sessions_are_merged() {
        let mut one = Counts { requests: 2, offers: 1, ..Counts::default() };
        tally(&mut one.shown, "model");
        one.first_text_ms.add(100.0);
        one.probability.add(0.95, true);
        one.model.add(&GenerationMetrics { generated: 5, ..GenerationMetrics::default() }, false);
        let mut both = one.clone();
        both.merge(&one);
        assert_eq!((both.requests, both.offers, both.n_shown()), (4, 2, 2));
        assert_eq!(both.probability.accepted, BTreeMap::from([(9, 2)]));
        assert_eq!((both.model.wasted, both.model.runs, both.first_text_ms.count()), (10, 2, 2));
        let there_and_back: Counts =
            serde_json::from_str(&serde_json::to_string(&both).unwrap()).unwrap();
        assert_eq!(there_and_back, both);
    }
}

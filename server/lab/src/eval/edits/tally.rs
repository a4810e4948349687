//! Counts of the offers in replays.

use std::{collections::BTreeMap, fmt::Write};

use foretell_session::stats::{draw::rounded, quantile};
use serde::Serialize;

/// Counts of offers and changes.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct Tally {
    pub(super) cases: usize,
    /// Offers that were shown, and those that lead to the new version.
    pub(super) shown: usize,
    pub(super) correct: usize,
    /// Changes that are like an earlier one, and those that were offered.
    pub(super) alike: usize,
    pub(super) alike_offered: usize,
    /// Cases without an offer after the last change, and without any wrong offer.
    pub(super) quiet: usize,
    pub(super) never_wrong: usize,
    /// Lines between an edit and a correct offer.
    #[serde(skip)]
    pub(super) lines: Vec<f64>,
    /// The time of each search.
    #[serde(skip)]
    pub(super) ms: Vec<f64>,
    /// The judged candidates: kind, preference in nats, and whether it leads to the new version.
    pub(super) judged: Vec<(String, f32, bool)>,
    /// Shown and correct offers by kind of candidate.
    pub(super) kinds: BTreeMap<String, [usize; 2]>,
}

impl Tally {
    pub(super) fn add(&mut self, it: &Self) {
        self.cases += it.cases;
        self.shown += it.shown;
        self.correct += it.correct;
        self.alike += it.alike;
        self.alike_offered += it.alike_offered;
        self.quiet += it.quiet;
        self.never_wrong += it.never_wrong;
        self.lines.extend(&it.lines);
        self.ms.extend(&it.ms);
        self.judged.extend_from_slice(&it.judged);
        for (kind, [shown, correct]) in &it.kinds {
            let own = self.kinds.entry(kind.clone()).or_default();
            *own = [own[0] + shown, own[1] + correct];
        }
    }

    /// Percentages: correct offers, changes that were offered, quiet cases.
    pub(super) fn percents(&self) -> [f64; 3] {
        let percent = |n: usize, of: usize| 100.0 * n as f64 / of.max(1) as f64;
        [
            percent(self.correct, self.shown),
            percent(self.alike_offered, self.alike),
            percent(self.quiet, self.cases),
        ]
    }

    pub(super) fn header() -> String {
        format!(
            "{:<28}{:>6}{:>7}{:>10}{:>7}{:>10}{:>9}{:>9}{:>7}{:>8}{:>8}",
            "",
            "cases",
            "shown",
            "correct",
            "alike",
            "offered",
            "quiet",
            "no wrong",
            "lines",
            "p50 ms",
            "p95 ms"
        )
    }

    pub(super) fn row(&self, name: &str) -> String {
        let at = |of: &[f64], q, n_decimals| rounded(quantile(of, q), n_decimals);
        let [correct, offered, quiet] = self.percents();
        let never_wrong = 100.0 * self.never_wrong as f64 / self.cases.max(1) as f64;
        format!(
            "{name:<28}{:>6}{:>7}{correct:>8.1} %{:>7}{offered:>8.1} %{quiet:>7.1} %{never_wrong:>7.1} %{:>7}{:>8}{:>8}",
            self.cases,
            self.shown,
            self.alike,
            at(&self.lines, 0.5, 0),
            at(&self.ms, 0.5, 2),
            at(&self.ms, 0.95, 2),
        )
    }

    /// The offers by kind of candidate.
    pub(super) fn by_kind(&self) -> String {
        let mut printed = String::new();
        for (kind, [shown, correct]) in &self.kinds {
            let _ = writeln!(printed, "{kind:<28}{shown:>6} shown, {correct} correct");
        }
        printed
    }
}

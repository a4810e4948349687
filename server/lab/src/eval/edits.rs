//! `foretell eval --edits`: replays of real edits. Each case has the changes between two versions
//! of a file; after each of them, the next edit is accepted if it leads to the new version.
//!
//! Some changes are alike, so one of them can be offered after another. A case of the kind
//! `one_hunk` has nothing to offer once its hunk is complete.

mod play;
mod tally;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context;
use foretell_config::next_edit::EditEagerness;
use foretell_edits::{Candidate, Kind, Query};
use foretell_session::session::is_offered_unjudged;
use serde::Deserialize;

use super::print_progress;
use tally::Tally;

/// By how many nats a candidate makes the file more likely; `None` if it cannot be judged.
pub(super) type Judge<'a> = dyn Fn(&Query, &Candidate) -> Option<f32> + 'a;

/// The row of all cases.
const ALL: &str = "all";
/// The kind of a case whose diff has one hunk.
const ONE_HUNK: &str = "one_hunk";

/// Two versions of a text: a line of the file.
#[derive(Debug, Clone, Deserialize)]
struct Case {
    path: String,
    /// The editor's name for its language.
    language: String,
    /// How its changes that are alike change the text, or [`ONE_HUNK`].
    kind: String,
    /// The old text.
    text: String,
    /// In their order.
    changes: Vec<Change>,
}

/// A change of the old text.
#[derive(Debug, Clone, Deserialize)]
#[serde(from = "(usize, usize, String, Option<usize>)")]
struct Change {
    /// Where it starts, and how much it deletes, in bytes.
    at: usize,
    delete: usize,
    insert: String,
    /// The changes with the same number are alike.
    group: Option<usize>,
}

impl From<(usize, usize, String, Option<usize>)> for Change {
    fn from((at, delete, insert, group): (usize, usize, String, Option<usize>)) -> Self {
        Self { at, delete, insert, group }
    }
}

/// Which candidates are offered.
#[derive(Clone, Copy)]
pub(super) struct Offers<'a> {
    pub(super) eagerness: EditEagerness,
    /// Whether guesses ([`Kind::Similar`]) are offered.
    pub(super) has_guesses: bool,
    /// Offers only the candidates that gain more than this, if a judge is given.
    pub(super) judge: Option<(&'a Judge<'a>, f32)>,
}

/// All candidates unjudged, and those that a judge accepts with each of the margins.
pub(super) fn judged<'a>(judge: &'a Judge<'a>, used: f32) -> Vec<(String, Offers<'a>)> {
    let unjudged = offers(EditEagerness::Eager, true);
    let mut ways = vec![("unjudged".to_owned(), unjudged)];
    for margin in MARGINS {
        let is_used = margin.to_bits() == used.to_bits();
        let name = format!("judged, {margin} nats{}", if is_used { ", used" } else { "" });
        ways.push((name, Offers { judge: Some((judge, margin)), ..unjudged }));
    }
    ways
}

impl Offers<'_> {
    fn has(&self, kind: Kind) -> bool {
        kind == Kind::Similar && self.has_guesses || is_offered_unjudged(kind, self.eagerness)
    }
}

/// The margins to choose from, in nats.
const MARGINS: [f32; 8] = [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0];

/// The ways to offer edits without a model.
pub(super) const WITHOUT_MODEL: [(&str, Offers<'_>); 3] = [
    ("balanced", offers(EditEagerness::Balanced, false)),
    ("eager", offers(EditEagerness::Eager, false)),
    ("all candidates", offers(EditEagerness::Eager, true)),
];

const fn offers(eagerness: EditEagerness, has_guesses: bool) -> Offers<'static> {
    Offers { eagerness, has_guesses, judge: None }
}

/// What to print.
#[derive(Debug, Clone, Copy)]
pub(super) struct Output {
    pub(super) json: bool,
    /// Whether to print the missed changes and the wrong offers.
    pub(super) missed: bool,
}

/// The tallies of the cases: by the number of hunks, and by language or kind of change.
#[derive(Debug, Default)]
struct Tallies(BTreeMap<(&'static str, String), Tally>);

impl Tallies {
    fn add(&mut self, case: &Case, tally: &Tally) {
        let group = if case.kind == ONE_HUNK { "one hunk" } else { "several hunks" };
        let mut names = vec![ALL.to_owned(), case.language.clone()];
        names.extend((case.kind != ONE_HUNK).then(|| format!("kind: {}", case.kind)));
        for name in names {
            self.0.entry((group, name)).or_default().add(tally);
        }
    }
}

/// Plays all cases of the files and returns the tables: one for each of `ways` to offer edits.
///
/// # Errors
/// If a file cannot be read.
pub(super) fn run<N: AsRef<str>>(
    files: &[PathBuf],
    ways: &[(N, Offers<'_>)],
    output: Output,
) -> anyhow::Result<String> {
    let mut printed = String::new();
    let mut objects = Vec::new();
    for (name, offers) in ways {
        let name = name.as_ref();
        let (mut tallies, mut kinds, mut log) =
            (Tallies::default(), Tally::default(), String::new());
        for file in files {
            let cases = cases(file)?;
            let n_cases = cases.len();
            for (n, case) in cases.into_iter().enumerate() {
                if offers.judge.is_some() {
                    print_progress(&format!("{name}: case {} of {n_cases}", n + 1));
                }
                let tally = play::play(&case, *offers, output.missed.then_some(&mut log));
                tallies.add(&case, &tally);
                kinds.add(&tally);
            }
        }
        printed += &log;
        if output.json {
            for ((group, of), it) in &tallies.0 {
                objects.push(serde_json::json!({"offers": name, "hunks": group, "of": of,
                    "tally": it}));
            }
            continue;
        }
        printed += &format!("{name}\n{}\n", Tally::header());
        for ((group, of), it) in &tallies.0 {
            printed += &format!("{}\n", it.row(&format!("{group}, {of}")));
        }
        printed += &format!("{}\n", kinds.by_kind());
    }
    Ok(if output.json { serde_json::to_string(&objects)? + "\n" } else { printed })
}

fn cases(file: &Path) -> anyhow::Result<Vec<Case>> {
    let lines = fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let read = lines.lines().map(serde_json::from_str).collect::<Result<_, _>>();
    read.with_context(|| file.display().to_string())
}

#[cfg(test)]
mod floors;

//! `foretell eval --renames`: scripted renames. The first place is renamed as by a user, and each
//! offered place is accepted or rejected as the known places say. Needs no model.

pub(super) mod judge;

use std::{
    collections::BTreeMap,
    fs,
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

use anyhow::Context;
use foretell_edits::{Candidate, Finder, History, Query};
use foretell_session::stats::{draw::rounded, quantile};
use serde::{Deserialize, Serialize};

/// A rename: a line of the file.
#[derive(Debug, Clone, Deserialize)]
struct Case {
    /// The source file, relative to the file of cases.
    path: PathBuf,
    /// The editor's name for its language.
    language: String,
    /// `parameter`, `local`, `field` or `function`.
    kind: String,
    old: String,
    new: String,
    /// Where the user starts, a byte_idx.
    first: usize,
    /// The other places, and their new texts.
    others: Vec<(usize, String)>,
}

/// The result of a rename, or of several.
#[derive(Debug, Clone, Default, Serialize)]
struct Tally {
    renames: usize,
    places: usize,
    /// Places that were offered.
    offered: usize,
    /// Offers that are none of the places.
    wrong: usize,
    /// The time of each search.
    #[serde(skip)]
    ms: Vec<f64>,
}

impl Tally {
    fn add(&mut self, it: &Self) {
        self.renames += it.renames;
        self.places += it.places;
        self.offered += it.offered;
        self.wrong += it.wrong;
        self.ms.extend(&it.ms);
    }

    fn row(&self, name: &str) -> String {
        let at = |q| rounded(quantile(&self.ms, q), 2);
        let percent = |n: usize, of: usize| 100.0 * n as f64 / of.max(1) as f64;
        format!(
            "{name:<32}{:>8}{:>8}{:>9.1} %{:>8.1} %{:>9}{:>8}",
            self.renames,
            self.places,
            percent(self.offered, self.places),
            percent(self.wrong, self.offered + self.wrong),
            at(0.5),
            at(0.95),
        )
    }
}

/// Plays all renames and prints the shares of offered places and of wrong offers.
///
/// # Errors
/// If a file cannot be read.
pub(super) fn run(files: &[PathBuf], json: bool, shows_failures: bool) -> anyhow::Result<()> {
    let mut tallies: BTreeMap<(&str, String), Tally> = BTreeMap::new();
    for file in files {
        let folder = file.parent().unwrap_or(Path::new(""));
        for case in cases(file)? {
            let path = folder.join(&case.path);
            let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
            let played = play(&case, &text, shows_failures);
            let group = match case.kind.as_str() {
                "parameter" | "local" => "parameters and locals",
                _ => "fields and functions",
            };
            tallies.entry((group, case.language)).or_default().add(&played);
        }
    }
    if json {
        let named = |((group, language), it): (&(&str, String), &Tally)| serde_json::json!({"group": group, "language": language, "tally": it});
        let all: Vec<_> = tallies.iter().map(named).collect();
        println_out(&serde_json::to_string(&all)?);
        return Ok(());
    }
    println_out(&format!(
        "{:<32}{:>8}{:>8}{:>11}{:>10}{:>9}{:>8}",
        "", "renames", "places", "offered", "wrong", "p50 ms", "p95 ms"
    ));
    let mut sums: BTreeMap<&str, Tally> = BTreeMap::new();
    for ((group, language), it) in &tallies {
        println_out(&it.row(&format!("{group}, {language}")));
        sums.entry(group).or_default().add(it);
    }
    for (group, it) in &sums {
        println_out(&it.row(&format!("{group}, all")));
    }
    Ok(())
}

/// Reads a file of renames.
fn cases(file: &Path) -> anyhow::Result<Vec<Case>> {
    let lines = fs::read_to_string(file).with_context(|| file.display().to_string())?;
    lines.lines().map(|it| Ok(serde_json::from_str(it)?)).collect()
}

#[expect(clippy::print_stdout, reason = "the result of the command")]
fn println_out(line: &str) {
    println!("{line}");
}

/// A place that was not offered yet, in the current text.
struct Left<'a> {
    at: usize,
    new: &'a str,
}

/// Plays one rename.
fn play(case: &Case, text: &str, shows_failures: bool) -> Tally {
    let uri: Arc<str> = case.path.to_string_lossy().into();
    let mut tally = Tally { renames: 1, places: case.others.len(), ..Tally::default() };
    let (finder, mut history) = (Finder::default(), History::default());
    let mut text = text.to_owned();
    let others = case.others.iter();
    let mut left: Vec<Left<'_>> = others.map(|(at, new)| Left { at: *at, new }).collect();
    let mut rejected: Vec<Range<usize>> = Vec::new();
    let mut change = (case.first..case.first + case.old.len(), case.new.as_str());
    loop {
        let (range, new) = change;
        let removed = text[range.clone()].to_owned();
        text.replace_range(range.clone(), new);
        let start = Instant::now();
        history.record(&uri, range.start, &removed, new);
        let shift = |at: usize| if at > range.start { at + new.len() - removed.len() } else { at };
        left.iter_mut().for_each(|it| it.at = shift(it.at));
        rejected.iter_mut().for_each(|it| *it = shift(it.start)..shift(it.end));
        let query = Query {
            uri: Arc::clone(&uri),
            language: case.language.as_str().into(),
            text: text.as_str().into(),
            placed: history.placed(&uri),
            others: None,
        };
        let mut found = finder.find(&query);
        found.retain(|it| it.kind.is_name());
        tally.ms.push(start.elapsed().as_secs_f64() * 1e3);
        let is_right = |it: &Candidate| {
            let same = |place: &Left<'_>| place.at == it.range.start && place.new == it.new;
            left.iter().position(same).filter(|_| it.old == case.old)
        };
        let mut next = None;
        for it in &found {
            if rejected.contains(&it.range) {
                continue;
            }
            if let Some(i) = is_right(it) {
                next = Some((it.range.clone(), left.remove(i).new));
                tally.offered += 1;
                break;
            }
            tally.wrong += 1;
            rejected.push(it.range.clone());
            if shows_failures {
                println_out(&failure("wrong", case, &text, &it.range));
            }
        }
        let Some(it) = next else { break };
        change = it;
    }
    if shows_failures {
        for it in left {
            println_out(&failure("missed", case, &text, &(it.at..it.at + case.old.len())));
        }
    }
    tally
}

fn failure(what: &str, case: &Case, text: &str, range: &Range<usize>) -> String {
    let line = text[..range.start].matches('\n').count() + 1;
    let start = text[..range.start].rfind('\n').map_or(0, |at| at + 1);
    let shown = text[start..].lines().next().unwrap_or_default().trim();
    let Case { path, kind, old, new, .. } = case;
    format!("{what}: {kind} {old} -> {new}, {}:{line}: {shown}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The goals for the committed renames.
    #[test]
    fn places_of_renames_are_offered() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/eval");
        let lines = fs::read_to_string(folder.join("renames.jsonl")).unwrap();
        let (mut locals, mut members) = (Tally::default(), Tally::default());
        for line in lines.lines() {
            let case: Case = serde_json::from_str(line).unwrap();
            let text = fs::read_to_string(folder.join(&case.path)).unwrap();
            let is_local = ["parameter", "local"].contains(&case.kind.as_str());
            let group = if is_local { &mut locals } else { &mut members };
            group.add(&play(&case, &text, false));
        }
        assert!(locals.renames + members.renames >= 200);
        for (it, least, most_wrong) in [(locals, 0.95, 0.02), (members, 0.8, 0.05)] {
            let (places, offers) = (it.places as f64, (it.offered + it.wrong) as f64);
            assert!(it.offered as f64 >= least * places, "{} of {}", it.offered, it.places);
            assert!(it.wrong as f64 <= most_wrong * offers, "{} wrong", it.wrong);
        }
    }

    #[test]
    fn offers_are_counted() {
        let case = Case {
            path: "a.py".into(),
            language: "python".into(),
            kind: "parameter".into(),
            old: "a".into(),
            new: "size".into(),
            first: 6,
            // The last one is not a place of this name.
            others: vec![(14, "size".into()), (18, "size".into()), (99, "size".into())],
        };
        let text = "def f(a):\n    a = a + a\n";
        let played = play(&case, text, false);
        assert_eq!((played.places, played.offered, played.wrong), (3, 2, 1));
    }
}

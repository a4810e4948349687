//! `foretell eval --renames FILE… --judge`: the model as the judge of the next edit. It sees the
//! other places of each rename, and as many other places of the same name, which must stay.

use std::{collections::BTreeMap, fs, path::PathBuf, sync::Arc};

use anyhow::Context;
use foretell_policy::{Grammar, Trees};
use foretell_session::{
    completer::{Completer, preference},
    document::Snapshot,
    prompt::judged::JudgedEdit,
    session::judge::MARGIN_NATS,
    stats::{draw::rounded, quantile},
};
use serde::Serialize;

use super::{Case, println_out};
use crate::eval::{judged::judge, print_progress};

/// The most judged places of a rename.
const MAX_PLACES: usize = 3;
/// The margins to choose from, in nats.
const MARGINS: [f64; 11] = [-2.0, -1.0, 0.0, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0];

/// The kind of a judged place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
enum What {
    /// A place of the rename.
    Place,
    /// A place where the name means something else.
    OtherMeaning,
    /// The name in a string or in a comment.
    Text,
}

/// A decision.
#[derive(Debug, Clone, Serialize)]
struct Judgement {
    path: PathBuf,
    language: String,
    old: String,
    new: String,
    /// Where the place is in the file, a byte_idx.
    at: usize,
    what: What,
    /// Whether the margin is chosen on it.
    in_dev: bool,
    /// How much the model prefers the edit, in nats.
    preference: f64,
    ms: f64,
    tokens_read: usize,
}

impl Judgement {
    fn is_accepted(&self, margin: f64) -> bool {
        self.preference >= margin
    }
}

/// Judges the places of all renames, or of about `limit` of them, and prints the result; as JSON, each
/// decision as it is made.
///
/// # Errors
/// If a file cannot be read, or the model fails.
pub(crate) async fn run(
    files: &[PathBuf],
    completer: &Completer,
    limit: usize,
    json: bool,
) -> anyhow::Result<()> {
    let mut judgements = Vec::new();
    for file in files {
        let cases = super::cases(file)?;
        let step = cases.len().div_ceil(limit.max(1)).max(1);
        let n_cases = cases.len().div_ceil(step);
        for (n, case) in cases.iter().step_by(step).enumerate() {
            print_progress(&format!("rename {} of {n_cases}", n + 1));
            let path = file.with_file_name("").join(&case.path);
            let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
            let judged = judge_all(case, &text, completer).await?;
            for it in judged.iter().filter(|_| json) {
                println_out(&serde_json::to_string(it)?);
            }
            judgements.extend(judged);
        }
    }
    if !json {
        print(&judgements);
    }
    Ok(())
}

/// A place to judge, in the file's text.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place<'a> {
    at: usize,
    new: &'a str,
    what: What,
}

/// The places to judge, in the order in which they are offered: below the first one, then from the
/// start of the text. Of those that must stay, the nearest ones.
fn places<'a>(case: &'a Case, text: &str) -> Vec<Place<'a>> {
    let is_word = |c: char| c == '_' || c == '$' || c.is_alphanumeric();
    let is_name = |at: &usize| {
        let (before, after) = (&text[..*at], &text[at + case.old.len()..]);
        !before.ends_with(is_word) && !after.starts_with(is_word)
    };
    let others = case.others.iter().map(|(at, new)| Place { at: *at, new, what: What::Place });
    let mut places: Vec<_> = others.take(MAX_PLACES).collect();
    let is_other = |at: &usize| *at != case.first && case.others.iter().all(|it| it.0 != *at);
    let names = text.match_indices(&case.old).map(|(at, _)| at).filter(is_name);
    let mut staying: Vec<usize> = names.filter(is_other).collect();
    staying.sort_by_key(|at| at.abs_diff(case.first));
    let uri: Arc<str> = case.path.to_string_lossy().into();
    let parsed = Grammar::of_document(&uri, &case.language)
        .and_then(|it| Trees::default().parsed(&uri, it, &text.into()));
    for at in staying.into_iter().take(MAX_PLACES) {
        let mut node = parsed
            .as_ref()
            .and_then(|it| it.tree.root_node().descendant_for_byte_range(at, at + case.old.len()));
        let mut what = What::OtherMeaning;
        while let Some(it) = node {
            let kind = it.kind();
            if kind.contains("comment") || kind.contains("string") && !kind.contains("template") {
                what = What::Text;
            }
            node = it.parent();
        }
        places.push(Place { at, new: &case.new, what });
    }
    places.sort_by_key(|it| order(case, it.at));
    places
}

fn order(case: &Case, at: usize) -> (bool, usize) {
    (at < case.first, at)
}

/// Judges the places of a rename, each in a text in which those offered before it are renamed.
async fn judge_all(
    case: &Case,
    text: &str,
    completer: &Completer,
) -> anyhow::Result<Vec<Judgement>> {
    let mut judgements = Vec::new();
    for Place { at, new, what } in places(case, text) {
        let (text, edit) = with_renamed(case, text, at, new);
        let uri = case.path.to_string_lossy();
        let snapshot = Snapshot::of_text(&uri, &case.language, &text);
        let Some(progress) = judge(completer, &snapshot, &edit).await? else { continue };
        let Some(preference) = preference(&progress) else { continue };
        judgements.push(Judgement {
            path: case.path.clone(),
            language: case.language.clone(),
            old: case.old.clone(),
            new: new.to_owned(),
            at,
            what,
            in_dev: is_in_dev(case),
            preference,
            ms: progress.figures.total_ms,
            tokens_read: progress.figures.read,
        });
    }
    Ok(judgements)
}

/// The text in which the first place and those offered before `at` are renamed, and the edit there.
fn with_renamed(case: &Case, text: &str, at: usize, new: &str) -> (String, JudgedEdit) {
    let mut renamed = vec![(case.first, case.new.as_str())];
    let before = case.others.iter().filter(|it| order(case, it.0) < order(case, at));
    renamed.extend(before.map(|(at, new)| (*at, new.as_str())));
    // The last edit first; the edits in the order of the text.
    let mut by_time: Vec<usize> = renamed.iter().map(|it| it.0).collect();
    by_time.sort_by_key(|at| std::cmp::Reverse(order(case, *at)));
    renamed.sort_unstable();
    let (mut out, mut done, mut ranges) = (String::new(), 0, BTreeMap::new());
    let n_chars = |text: &str| text.chars().count();
    let mut start = None;
    for (place, new) in renamed {
        if start.is_none() && place > at {
            start = Some(n_chars(&out) + n_chars(&text[done..at]));
        }
        out += &text[done..place];
        let from = n_chars(&out);
        out += new;
        ranges.insert(place, from..n_chars(&out));
        done = place + case.old.len();
    }
    let start = start.unwrap_or_else(|| n_chars(&out) + n_chars(&text[done..at]));
    out += &text[done..];
    let edits = by_time.iter().filter_map(|at| ranges.get(at).cloned()).collect();
    let range = start..start + n_chars(&case.old);
    (out, JudgedEdit { range, new: new.to_owned(), edits })
}

/// The half of a rename, by its package: the third and fourth part of the path.
fn is_in_dev(case: &Case) -> bool {
    let parts = case.path.iter().filter_map(|it| it.to_str()).filter(|it| *it != "..");
    let package: Vec<&str> = parts.skip(2).take(2).collect();
    // FNV-1a.
    let hash = package.join("/").bytes().fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    (hash >> 32).is_multiple_of(2)
}

/// The share of accepted judgements, in percent.
fn accepted<'a>(of: impl Iterator<Item = &'a Judgement>, margin: f64) -> f64 {
    let (n, n_accepted) =
        of.fold((0, 0), |(n, k), it| (n + 1, k + usize::from(it.is_accepted(margin))));
    100.0 * f64::from(n_accepted as u32) / f64::from(n.max(1))
}

fn print(judgements: &[Judgement]) {
    println_out(&format!(
        "{:<24}{:>8}{:>12}{:>8}{:>8}{:>8}{:>8}{:>9}{:>9}",
        "", "judged", "accepted", "p10", "p50", "p90", "nats", "p50 ms", "p95 ms"
    ));
    for (name, in_dev) in [("dev", true), ("held out", false)] {
        for what in [What::Place, What::OtherMeaning, What::Text] {
            let of: Vec<_> =
                judgements.iter().filter(|it| it.in_dev == in_dev && it.what == what).collect();
            let label = match what {
                What::Place => "places",
                What::OtherMeaning => "other meanings",
                What::Text => "strings, comments",
            };
            let nats: Vec<f64> = of.iter().map(|it| it.preference).collect();
            let ms: Vec<f64> = of.iter().map(|it| it.ms).collect();
            let at = |values: &[f64], q, n_decimals| rounded(quantile(values, q), n_decimals);
            println_out(&format!(
                "{:<24}{:>8}{:>10.1} %{:>8}{:>8}{:>8}{:>8}{:>9}{:>9}",
                format!("{name}: {label}"),
                of.len(),
                accepted(of.iter().copied(), MARGIN_NATS),
                at(&nats, 0.1, 1),
                at(&nats, 0.5, 1),
                at(&nats, 0.9, 1),
                "",
                at(&ms, 0.5, 0),
                at(&ms, 0.95, 0),
            ));
        }
    }
    println_out(&format!(
        "\n{:<10}{:>22}{:>22}{:>22}{:>22}",
        "margin", "dev: places", "dev: others", "held out: places", "held out: others"
    ));
    for margin in MARGINS {
        let share = |in_dev: bool, is_place: bool| {
            let of = judgements.iter().filter(move |it| it.in_dev == in_dev);
            accepted(of.filter(move |it| (it.what == What::Place) == is_place), margin)
        };
        println_out(&format!(
            "{margin:<10}{:>20.1} %{:>20.1} %{:>20.1} %{:>20.1} %{}",
            share(true, true),
            share(true, false),
            share(false, true),
            share(false, false),
            if margin.to_bits() == MARGIN_NATS.to_bits() { "  used" } else { "" },
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case() -> Case {
        Case {
            path: "../oracle/files/python/p/a.py".into(),
            language: "python".into(),
            kind: "parameter".into(),
            old: "a".into(),
            new: "size".into(),
            first: 6,
            others: vec![(16, "size".into()), (19, "size".into())],
        }
    }

    const TEXT: &str = "def f(a):\n    b(a, a)\n\"a\"\ndef é(a): a\n";

    #[test]
    fn places_are_judged_in_the_order_of_offers() {
        let case = case();
        let found: Vec<_> = places(&case, TEXT).iter().map(|it| (it.at, it.what)).collect();
        let (place, other) = (What::Place, What::OtherMeaning);
        assert_eq!(found, [(16, place), (19, place), (23, What::Text), (33, other), (37, other)]);
    }

    #[test]
    fn text_has_the_earlier_places_renamed() {
        let case = case();
        let at = TEXT.rfind('a').unwrap();
        let (text, edit) = with_renamed(&case, TEXT, at, "size");
        assert!(text.starts_with("def f(size):\n    b(size"), "{text}");
        let slice = |range: &std::ops::Range<usize>| -> String {
            text.chars().skip(range.start).take(range.len()).collect()
        };
        assert_eq!(slice(&edit.range), "a");
        assert_eq!(edit.range.end, text.chars().count() - 1);
        assert!(edit.edits.iter().all(|it| slice(it) == "size"), "{text}");
        assert_eq!(edit.edits.len(), 3);
        assert!(edit.edits[0].start > edit.edits[2].start, "the last edit first");
    }
}

//! The shares of correct offers, of offered changes and of quiet cases must not fall. After an
//! improvement of the search, raise the floors with
//!
//! ```text
//! UPDATE_EXPECT=1 cargo test --release -p foretell-lab edits::floors
//! ```
//!
//! which never lowers one. A floor that is too high is lowered by hand, with the reason in the
//! commit.

use std::env;

use super::*;

/// Percentages rounded down, by name; see [`Tally::percents`].
type Floors = BTreeMap<String, [u8; 3]>;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/eval")
}

fn measured() -> Floors {
    let mut floors = Floors::new();
    for (set, file) in [
        ("", "edits-dev.jsonl"),
        ("arguments: ", "edits-arguments.jsonl"),
        ("lines: ", "edits-lines-dev.jsonl"),
        ("typical: ", "edits-typical.jsonl"),
    ] {
        let cases = cases(&folder().join(file)).unwrap();
        for (name, offers) in WITHOUT_MODEL {
            let mut tallies = Tallies::default();
            for case in &cases {
                tallies.add(case, &play::play(case, offers, None));
            }
            for ((hunks, _), it) in tallies.0.into_iter().filter(|((_, of), _)| of == ALL) {
                floors.insert(format!("{set}{name}, {hunks}"), it.percents().map(|it| it as u8));
            }
        }
    }
    floors
}

/// A line for each figure that is below its floor.
fn below(now: &Floors, floors: &Floors) -> Vec<String> {
    let mut below = Vec::new();
    for (name, floors) in floors {
        let now = now.get(name).copied().unwrap_or_default();
        for ((what, floor), now) in ["correct", "offered", "quiet"].iter().zip(floors).zip(now) {
            if now < *floor {
                below.push(format!("{name}, {what}: {now} % < {floor} %"));
            }
        }
    }
    below
}

#[test]
fn real_edits_reach_their_floors() {
    let path = folder().join("edits-floors.json");
    let now = measured();
    let read = || serde_json::from_str::<Floors>(&fs::read_to_string(&path).unwrap()).unwrap();
    if env::var_os("UPDATE_EXPECT").is_some() {
        let mut floors = if path.exists() { read() } else { Floors::new() };
        for (name, percents) in &now {
            let own = floors.entry(name.clone()).or_default();
            own.iter_mut().zip(percents).for_each(|(own, it)| *own = (*own).max(*it));
        }
        let line = |(name, it): (&String, &[u8; 3])| format!("\"{name}\": {it:?}");
        let lines: Vec<String> = floors.iter().map(line).collect();
        fs::write(&path, format!("{{\n{}\n}}\n", lines.join(",\n"))).unwrap();
    }
    let below = below(&now, &read());
    assert!(
        below.is_empty(),
        "The next edit got worse on real edits. `foretell eval --edits \
         tests/eval/edits-dev.jsonl tests/eval/edits-typical.jsonl --missed` prints the \
         failures.\n{}",
        below.join("\n")
    );
}

#[test]
fn missing_and_lower_figures_are_below_their_floors() {
    let floors = Floors::from([("a".into(), [90, 80, 70])]);
    let now = Floors::from([("a".into(), [95, 79, 70])]);
    assert_eq!(below(&now, &floors), ["a, offered: 79 % < 80 %"]);
    assert_eq!(below(&Floors::new(), &floors).len(), 3);
}

#[test]
fn median_of_nothing_is_a_dash() {
    let row = Tally::default().row("nothing");
    let times: Vec<&str> = row.split_whitespace().rev().take(3).collect();
    assert_eq!(times, ["-"; 3], "{row}");
}

const BALANCED: Offers<'_> = WITHOUT_MODEL[0].1;

/// A parameter is renamed: the user renames it at its declaration, accepts the use, and makes the
/// change of a string by hand.
#[test]
fn offers_are_judged_by_the_new_version() {
    let change = |at, group| Change { at, delete: 1, insert: "size".into(), group };
    let mut case = Case {
        path: "a.py".into(),
        language: "python".into(),
        kind: "word".into(),
        text: "def f(a):\n    g(a)\n    g('a')\n".into(),
        changes: vec![change(6, Some(0)), change(16, Some(0)), change(26, Some(0))],
    };
    let tally = play::play(&case, BALANCED, None);
    assert_eq!((tally.shown, tally.correct, tally.alike, tally.alike_offered), (1, 1, 2, 1));
    assert_eq!((tally.quiet, tally.never_wrong), (1, 1));
    case.changes.truncate(1);
    let tally = play::play(&case, BALANCED, None);
    assert_eq!((tally.shown, tally.correct), (1, 0), "the new version keeps the use");
    assert_eq!((tally.quiet, tally.never_wrong), (0, 0));
    let unlikely: &Judge<'_> = &|_, _| Some(-1.0);
    let judged = Offers { judge: Some((unlikely, 0.0)), ..BALANCED };
    assert_eq!(play::play(&case, judged, None).shown, 0);
}

//! The share of intact texts in the committed files must not fall. After an improvement of the
//! policy, raise the floors with
//!
//! ```text
//! UPDATE_EXPECT=1 cargo test --release -p foretell-lab floors
//! ```
//!
//! which never lowers one. A floor that is too high is lowered by hand, with the reason in the
//! commit.

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fmt, fs,
    path::{Path, PathBuf},
};

use super::{measure, places::Kind, report::Report, trial::Output};

/// Places of each kind in a file: a few seconds for all files in a release build.
const LIMIT: usize = 1;

/// The percentage of intact texts, rounded down, by language and group of kinds; one for each of
/// `Output::ALL`.
#[derive(Debug, Default, PartialEq, Eq)]
struct Floors(BTreeMap<String, BTreeMap<String, [u8; 3]>>);

impl Floors {
    fn of(report: &Report) -> Self {
        let mut floors = Self::default();
        for language in report.languages() {
            for group in BTreeSet::from(Kind::ALL.map(Kind::group)) {
                let is_wanted = |of: &str, kind: Kind| of == language && kind.group() == group;
                let counts = Output::ALL.map(|it| report.sum(it, is_wanted));
                if counts[0].n() > 0 {
                    let percents = counts.map(|it| it.percent_intact() as u8);
                    let groups = floors.0.entry(language.to_owned()).or_default();
                    groups.insert(group.to_owned(), percents);
                }
            }
        }
        floors
    }

    fn read(path: &Path) -> Self {
        Self(serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap())
    }

    /// The higher of both floors.
    fn raise(&mut self, other: &Self) {
        for (language, groups) in &other.0 {
            for (group, percents) in groups {
                let own = self.0.entry(language.clone()).or_default();
                let own = own.entry(group.clone()).or_default();
                own.iter_mut().zip(percents).for_each(|(own, it)| *own = (*own).max(*it));
            }
        }
    }

    /// A line for each figure that is below its floor.
    fn below(&self, floors: &Self) -> Vec<String> {
        let mut below = vec![];
        for (language, groups) in &floors.0 {
            for (group, percents) in groups {
                let now = self.0.get(language).and_then(|it| it.get(group)).copied();
                for ((output, floor), now) in
                    Output::ALL.iter().zip(percents).zip(now.unwrap_or_default())
                {
                    if now < *floor {
                        let output = output.name();
                        below.push(format!("{language}, {group}, {output}: {now} % < {floor} %"));
                    }
                }
            }
        }
        below
    }
}

/// One line for each language.
impl fmt::Display for Floors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = |(language, groups)| format!("\"{language}\": {}", serde_json::json!(groups));
        let lines: Vec<String> = self.0.iter().map(line).collect();
        writeln!(f, "{{\n{}\n}}", lines.join(",\n"))
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/oracle")
}

#[test]
fn intact_shares_reach_their_floors() {
    let path = folder().join("floors.json");
    let now = Floors::of(&measure(&[folder().join("files")], LIMIT).unwrap());
    assert!(now.0.len() >= 22, "{} languages", now.0.len());
    if env::var_os("UPDATE_EXPECT").is_some() {
        let mut floors = if path.exists() { Floors::read(&path) } else { Floors::default() };
        floors.raise(&now);
        fs::write(&path, floors.to_string()).unwrap();
    }
    let below = now.below(&Floors::read(&path));
    assert!(
        below.is_empty(),
        "The policy damages more correct texts than before. `foretell eval --oracle \
         tests/oracle/files/LANGUAGE --limit {LIMIT}` prints them.\n{}",
        below.join("\n")
    );
}

#[test]
fn floors_are_only_raised() {
    let floors = |percents| {
        Floors(BTreeMap::from([("c".into(), BTreeMap::from([("lines".into(), percents)]))]))
    };
    let mut it = floors([90, 80, 70]);
    it.raise(&floors([95, 75, 70]));
    assert_eq!(it, floors([95, 80, 70]));
    assert_eq!(floors([95, 79, 70]).below(&it), ["c, lines, continued: 79 % < 80 %"]);
    assert_eq!(Floors::default().below(&it).len(), 3, "a language is missing");
}

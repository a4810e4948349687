//! The counts of an oracle run, as tables and JSON.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, Write},
};

use foretell_policy::StopRule;
use serde_json::{Map, Value, json};

use super::{
    places::Kind,
    trial::{Outcome, Output, Trial},
};

/// A text that the policy did not leave intact.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) file: String,
    /// From 1.
    pub(super) line: usize,
    pub(super) language: &'static str,
    pub(super) kind: Kind,
    pub(super) expected: String,
    pub(super) trial: Trial,
}

/// How many texts had each outcome.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts([usize; Outcome::ALL.len()]);

impl Counts {
    fn add(&mut self, outcome: Outcome, n: usize) {
        self.0[outcome as usize] += n;
    }

    pub(super) fn get(&self, outcome: Outcome) -> usize {
        self.0[outcome as usize]
    }

    pub(super) fn n(&self) -> usize {
        self.0.iter().sum()
    }

    /// The percentage of intact texts; 100 if there are none.
    pub(super) fn percent_intact(&self) -> f64 {
        match self.n() {
            0 => 100.0,
            n => 100.0 * self.get(Outcome::Intact) as f64 / n as f64,
        }
    }

    fn json(&self) -> Value {
        let counts = Outcome::ALL.map(|it| (it.name().to_owned(), json!(self.get(it))));
        Value::Object(counts.into_iter().collect())
    }
}

/// The result of a run.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) n_files: usize,
    pub(super) n_places: usize,
    counts: BTreeMap<(&'static str, Kind, Output), Counts>,
    pub(super) failures: Vec<Failure>,
    pub(super) seconds: f64,
}

impl Report {
    pub(super) fn count(&mut self, language: &'static str, kind: Kind, trial: &Trial) {
        self.counts.entry((language, kind, trial.output)).or_default().add(trial.outcome, 1);
    }

    /// Adds a report on other files.
    pub(super) fn add(&mut self, other: Self) {
        self.n_files += other.n_files;
        self.n_places += other.n_places;
        self.failures.extend(other.failures);
        for (key, counts) in other.counts {
            let sum = self.counts.entry(key).or_default();
            Outcome::ALL.into_iter().for_each(|it| sum.add(it, counts.get(it)));
        }
    }

    /// The counts of an output over all languages and kinds that `is_wanted` selects.
    pub(super) fn sum(
        &self,
        output: Output,
        is_wanted: impl Fn(&'static str, Kind) -> bool,
    ) -> Counts {
        let mut sum = Counts::default();
        for ((language, kind, of), counts) in &self.counts {
            if *of == output && is_wanted(language, *kind) {
                Outcome::ALL.into_iter().for_each(|it| sum.add(it, counts.get(it)));
            }
        }
        sum
    }

    pub(super) fn languages(&self) -> BTreeSet<&'static str> {
        self.counts.keys().map(|(language, _, _)| *language).collect()
    }

    /// The report as one JSON object: counts by language, kind and output, and all failures.
    pub(super) fn json(&self) -> Value {
        let mut languages = Map::new();
        for ((language, kind, output), counts) in &self.counts {
            let language = languages.entry(*language).or_insert_with(|| json!({}));
            language[kind.name()][output.name()] = counts.json();
        }
        json!({
            "files": self.n_files,
            "places": self.n_places,
            "seconds": self.seconds,
            "languages": languages,
            "failures": self.failures.iter().map(Failure::json).collect::<Vec<_>>(),
        })
    }

    /// Prints the tables, and at most `max_failures` failures of each language, kind and output.
    pub(super) fn print(&self, max_failures: usize) -> io::Result<()> {
        let mut out = io::stdout().lock();
        let per_second = self.n_places as f64 / self.seconds.max(1e-9);
        writeln!(
            out,
            "{} places in {} files, {:.1} s, {per_second:.0} places per second",
            self.n_places, self.n_files, self.seconds
        )?;
        writeln!(
            out,
            "\nintact in percent, and how many: nothing/truncated/extended/altered\n\n{:<36}{:>6}  \
             {:<24}{:<24}{:<24}",
            "", "n", "exact", "continued", "unrelated"
        )?;
        let mut row = |name: &str, is_wanted: &dyn Fn(&str, Kind) -> bool| {
            let counts = Output::ALL.map(|output| self.sum(output, is_wanted));
            if counts[0].n() == 0 {
                return Ok(());
            }
            let line = format!("{name:<36}{:>6}{}", counts[0].n(), counts.map(cell).concat());
            writeln!(out, "{}", line.trim_end())
        };
        row("all", &|_, _| true)?;
        for kind in Kind::ALL {
            row(&format!("  {}", kind.name()), &|_, it| it == kind)?;
        }
        for language in self.languages() {
            row(language, &|it, _| it == language)?;
            for kind in Kind::ALL {
                row(&format!("  {}", kind.name()), &|it, of| it == language && of == kind)?;
            }
        }
        self.print_failures(&mut out, max_failures)
    }

    fn print_failures(&self, out: &mut impl Write, max_failures: usize) -> io::Result<()> {
        let mut n_printed: BTreeMap<_, usize> = BTreeMap::new();
        for it in &self.failures {
            let n = n_printed.entry((it.language, it.kind, it.trial.output)).or_default();
            *n += 1;
            if *n <= max_failures {
                it.print(out)?;
            }
        }
        Ok(())
    }
}

fn cell(counts: Counts) -> String {
    let rest: Vec<String> =
        Outcome::ALL[1..].iter().map(|it| counts.get(*it).to_string()).collect();
    format!("  {:>5.1} {:<16}", counts.percent_intact(), rest.join("/"))
}

impl Failure {
    fn stop(&self) -> &'static str {
        self.trial.stop.map_or("-", StopRule::name)
    }

    fn json(&self) -> Value {
        json!({
            "file": self.file,
            "line": self.line,
            "language": self.language,
            "kind": self.kind.name(),
            "output": self.trial.output.name(),
            "outcome": self.trial.outcome.name(),
            "stop": self.trial.stop.map(StopRule::name),
            "expected": self.expected,
            "shown": self.trial.shown,
        })
    }

    fn print(&self, out: &mut impl Write) -> io::Result<()> {
        let Self { file, line, kind, trial, .. } = self;
        let (output, outcome) = (trial.output.name(), trial.outcome.name());
        writeln!(out, "\n{file}:{line}: {}, {output}: {outcome} ({})", kind.name(), self.stop())?;
        for (name, text) in [("expected", &self.expected), ("shown", &trial.shown)] {
            writeln!(out, "  {name}")?;
            for line in text.split('\n').filter(|_| !text.is_empty()) {
                writeln!(out, "    |{line}")?;
            }
        }
        Ok(())
    }
}

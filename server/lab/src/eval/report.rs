//! The results as one JSON object and as tables.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, Write},
};

use foretell_engine::{Confidence, FinishReason};
use foretell_policy::{READING_COST_KEYS, StopRule};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{
    answers::Outcome,
    measures::{Difference, Measures, Verdict},
    page::charts,
    reliability::{Bin, Reliability, Sample, by, samples, samples_with},
    replay::Count,
    shown::{Curve, curve, curve_with, curves, levels},
};
use crate::bench::report::Chart;
use foretell_session::stats::quantile;

/// A variant's name, and how to get its verdict on a case, if the variant was run.
type Variant = (&'static str, fn(&Outcome) -> Option<Verdict>);

const VARIANTS: [Variant; 5] = [
    ("raw", |it| it.raw),
    ("processed", |it| Some(it.processed)),
    ("plain", |it| it.plain),
    ("unhealed", |it| it.unhealed),
    ("alone", |it| it.alone),
];

/// The measures of each variant that was run.
type ByVariant = BTreeMap<&'static str, Measures>;

/// The effect of leaving out a rule.
#[derive(Debug, Serialize)]
pub(super) struct Rule {
    without: &'static str,
    /// Cases whose text changes.
    changes: usize,
    #[serde(flatten)]
    measures: Measures,
}

/// The results of a run.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) model: String,
    #[serde(flatten)]
    variants: ByVariant,
    /// The difference between `processed` and each other variant.
    better_than: BTreeMap<&'static str, Difference>,
    sets: BTreeMap<String, ByVariant>,
    kinds: BTreeMap<String, ByVariant>,
    languages: BTreeMap<String, ByVariant>,
    /// The number of cases in which nothing was shown, by reason.
    nothing: BTreeMap<&'static str, usize>,
    ms: Value,
    tokens: Value,
    /// The shown text at each threshold.
    thresholds: BTreeMap<String, Curve>,
    /// The reliability over all cases, and by kind and language.
    reliability: BTreeMap<String, Reliability>,
    ablation: Vec<Rule>,
    /// Cases where the rules cut the recorded text differently than the server did. A correct
    /// ablation has none.
    ablation_differs: usize,
    replays: Map<String, Value>,
    pub(super) seconds: f64,
}

impl Report {
    pub(super) fn new(model: &str, outcomes: &[Outcome], replays: &[(&str, Count)]) -> Self {
        let pairs = |other: fn(&Outcome) -> Option<Verdict>| {
            let pair = |it: &Outcome| Some((it.processed, other(it)?));
            Difference::of(&outcomes.iter().filter_map(pair).collect::<Vec<_>>())
        };
        let others = VARIANTS.into_iter().filter(|(name, _)| *name != "processed");
        let (mut thresholds, mut reliability) = further_groups(outcomes);
        let differences = others.map(|(name, verdict)| (name, pairs(verdict)));
        Self {
            model: model.to_owned(),
            variants: by_variant(outcomes.iter()),
            better_than: differences.filter(|(_, it)| it.cases > 0).collect(),
            sets: grouped(outcomes, |it| &it.set),
            kinds: grouped(outcomes, |it| &it.case.kind),
            languages: grouped(outcomes, |it| &it.case.language),
            nothing: nothing(outcomes),
            ms: times(outcomes),
            tokens: tokens(outcomes),
            thresholds: {
                thresholds.extend(curves(outcomes, |it| &it.set));
                thresholds.extend(curves(outcomes, |it| &it.case.kind));
                thresholds.extend(curves(outcomes, |it| &it.case.language));
                thresholds
            },
            reliability: {
                reliability.extend(by(outcomes, |it| &it.set));
                reliability.extend(by(outcomes, |it| &it.case.kind));
                reliability.extend(by(outcomes, |it| &it.case.language));
                reliability
            },
            ablation: ablation(outcomes),
            ablation_differs: outcomes
                .iter()
                .filter(|it| it.ablated.as_ref().is_some_and(|it| !it.is_as_served))
                .count(),
            replays: replays.iter().map(|(name, it)| ((*name).to_owned(), typed(it))).collect(),
            seconds: 0.0,
        }
    }

    /// Prints the tables.
    pub(super) fn print(&self, mut out: impl Write) -> io::Result<()> {
        writeln!(out, "{}, {:.0} s\n", self.model, self.seconds)?;
        if !self.variants.is_empty() {
            writeln!(out, "{HEAD}")?;
            self.variants.iter().try_for_each(|(name, it)| row(&mut out, name, it))?;
        }
        for (name, groups) in
            [("set", &self.sets), ("kind", &self.kinds), ("language", &self.languages)]
        {
            writeln!(out, "\nprocessed, by {name}\n{HEAD}")?;
            for (group, variants) in groups {
                row(&mut out, group, &variants["processed"])?;
                if let Some(raw) = variants.get("raw") {
                    row(&mut out, "  raw", raw)?;
                }
            }
        }
        for (name, it) in &self.better_than {
            writeln!(
                out,
                "\nexact first lines: processed {:+.1} ± {:.1} points over {name}, {} cases ({} only \
                 processed, {} only {name})",
                100.0 * it.mean,
                100.0 * it.standard_error,
                it.cases,
                it.better,
                it.worse
            )?;
        }
        self.print_confidence(&mut out)?;
        writeln!(out, "\nnothing shown, by reason: {:?}", self.nothing)?;
        writeln!(out, "time per case, ms: {}", self.ms)?;
        writeln!(out, "tokens per case: {}", self.tokens)?;
        if !self.ablation.is_empty() {
            writeln!(out, "\nwithout one rule, on the same texts\n{HEAD}  changes")?;
            for it in &self.ablation {
                write_row(&mut out, it.without, &it.measures)?;
                writeln!(out, "{:>9}", it.changes)?;
            }
        }
        for (layout, it) in &self.replays {
            writeln!(out, "\nreplays, {layout}: {it}")?;
        }
        Ok(())
    }
}

/// The name of the group of all cases.
const ALL: &str = "all";
/// All cases except starts of lines, which are the hardest.
const BUT_LINE_STARTS: &str = "all but line_start";
/// All cases with the model's own probabilities, if there is a calibration.
const UNCALIBRATED: &str = "all, uncalibrated";

/// The shown text and the reliability, for groups other than sets, kinds and languages.
fn further_groups(
    outcomes: &[Outcome],
) -> (BTreeMap<String, Curve>, BTreeMap<String, Reliability>) {
    let but_line_starts = || outcomes.iter().filter(|it| it.case.kind != "line_start");
    let of = |samples: Vec<Sample>| Reliability::of(&samples);
    let mut thresholds = BTreeMap::from([
        (ALL.to_owned(), curve(outcomes.iter())),
        (BUT_LINE_STARTS.to_owned(), curve(but_line_starts())),
    ]);
    let mut reliability = BTreeMap::from([
        (ALL.to_owned(), of(outcomes.iter().flat_map(samples).collect())),
        (BUT_LINE_STARTS.to_owned(), of(but_line_starts().flat_map(samples).collect())),
    ]);
    if outcomes.iter().any(|it| it.calibrated.is_some()) {
        fn own(it: &Outcome) -> Option<&Confidence> {
            it.answer.confidence.as_ref()
        }
        thresholds.insert(UNCALIBRATED.to_owned(), curve_with(outcomes.iter(), own));
        let samples = outcomes.iter().flat_map(|it| samples_with(it, own(it)));
        reliability.insert(UNCALIBRATED.to_owned(), of(samples.collect()));
    }
    (thresholds, reliability)
}

impl Report {
    /// The charts of the HTML report.
    pub(super) fn charts(&self) -> Vec<Chart> {
        charts([ALL, UNCALIBRATED], &self.thresholds, &self.reliability)
    }

    /// Prints what is shown at each threshold, and the reliability of probabilities.
    fn print_confidence(&self, out: &mut impl Write) -> io::Result<()> {
        let Some(all) = self.thresholds.get(ALL).filter(|it| it.iter().any(|(_, n)| n.cases > 0))
        else {
            return Ok(());
        };
        writeln!(
            out,
            "\nthreshold      shown    right   right chars   wrong chars   keys saved, if reading a \
             wrong text costs {READING_COST_KEYS}"
        )?;
        for (threshold, it) in all {
            let [shown, right, right_chars, wrong_chars] = it.figures();
            writeln!(
                out,
                "{threshold:>9} {:>9.1}% {:>7.1}% {right_chars:>13.2} {wrong_chars:>13.2} {:>12.2}",
                100.0 * shown,
                100.0 * right,
                it.net_saved(),
            )?;
        }
        let served = levels();
        writeln!(
            out,
            "\nright / wrong characters per case and right when shown at {served:?}, and reliability"
        )?;
        for (name, curve) in &self.thresholds {
            write!(out, "{name:<20}")?;
            for (_, it) in curve.iter().filter(|(threshold, _)| served.contains(threshold)) {
                let [_, precision, right, wrong] = it.figures();
                write!(out, " {right:>6.2} /{wrong:>6.2} {:>3.0}%", 100.0 * precision)?;
            }
            if let Some(it) = self.reliability.get(name) {
                let auc = it.auc.map_or("-".to_owned(), |auc| format!("{auc:.2}"));
                write!(out, "  error {:.2}, AUC {auc}, n {}", it.calibration_error, it.samples)?;
            }
            writeln!(out)?;
        }
        let Some(it) = self.reliability.get(ALL) else { return Ok(()) };
        writeln!(out, "\nprobability    right   samples")?;
        for bin in it.bins.iter().filter(|it| it.samples > 0) {
            let Bin { samples, probability, right } = bin;
            writeln!(out, "{probability:>11.2} {right:>8.2} {samples:>9}")?;
        }
        Ok(())
    }
}

const HEAD: &str =
    "                           n   line ± se    exact  similar  precise    wrong    shown";

fn row(out: &mut impl Write, name: &str, it: &Measures) -> io::Result<()> {
    write_row(out, name, it)?;
    writeln!(out)
}

fn write_row(out: &mut impl Write, name: &str, it: &Measures) -> io::Result<()> {
    write!(out, "{name:<22}{:>6}", it.cases)?;
    write!(out, "  {:>5.1} ± {:<3.1}", 100.0 * it.exact_first_line, 100.0 * it.standard_error)?;
    for share in
        [it.exact, it.edit_similarity, it.precision_when_shown, it.wrong_show_rate, it.share_shown]
    {
        write!(out, " {:>7.1}%", 100.0 * share)?;
    }
    Ok(())
}

fn by_variant<'a>(outcomes: impl Iterator<Item = &'a Outcome> + Clone) -> ByVariant {
    let of = |verdict: fn(&Outcome) -> Option<Verdict>| {
        Measures::of(&outcomes.clone().filter_map(verdict).collect::<Vec<_>>())
    };
    VARIANTS
        .into_iter()
        .map(|(name, verdict)| (name, of(verdict)))
        .filter(|(_, it)| it.cases > 0)
        .collect()
}

fn grouped(outcomes: &[Outcome], key: fn(&Outcome) -> &String) -> BTreeMap<String, ByVariant> {
    let groups: BTreeSet<&String> = outcomes.iter().map(key).collect();
    let of = |group: &String| by_variant(outcomes.iter().filter(|it| key(it) == group));
    groups
        .into_iter()
        .map(|it| (if it.is_empty() { "-".into() } else { it.clone() }, of(it)))
        .collect()
}

fn nothing(outcomes: &[Outcome]) -> BTreeMap<&'static str, usize> {
    let mut reasons = BTreeMap::new();
    for it in outcomes.iter().filter(|it| !it.processed.is_shown) {
        let reason = it.answer.finish.as_ref().map_or("cancelled", FinishReason::name);
        *reasons.entry(reason).or_default() += 1;
    }
    reasons
}

fn times(outcomes: &[Outcome]) -> Value {
    let of = |value: fn(&Outcome) -> Option<f64>| {
        let values: Vec<f64> = outcomes.iter().filter_map(value).collect();
        if values.is_empty() {
            Value::Null
        } else {
            json!({"p50": quantile(&values, 0.5), "p95": quantile(&values, 0.95)})
        }
    };
    json!({
        "total": of(|it| Some(it.answer.figures.total_ms)),
        "first_token": of(|it| it.answer.figures.first_token_ms),
    })
}

fn tokens(outcomes: &[Outcome]) -> Value {
    let mean = |value: fn(&Outcome) -> usize| {
        let n = outcomes.len();
        (n > 0).then(|| outcomes.iter().map(value).sum::<usize>() as f64 / n as f64)
    };
    json!({
        "read_per_case": mean(|it| it.answer.figures.read),
        "generated_per_case": mean(|it| it.answer.figures.generated),
    })
}

fn ablation(outcomes: &[Outcome]) -> Vec<Rule> {
    let recorded = || outcomes.iter().filter_map(|it| Some((it, it.ablated.as_ref()?)));
    let Some((_, first)) = recorded().next() else { return vec![] };
    let whole: Vec<Verdict> = recorded().map(|(it, _)| it.processed).collect();
    let mut rules = vec![Rule { without: "-", changes: 0, measures: Measures::of(&whole) }];
    for (i, (stop, _)) in first.without.iter().enumerate() {
        let verdicts: Vec<Verdict> = recorded().map(|(_, it)| it.without[i].1).collect();
        let changes = verdicts.iter().zip(&whole).filter(|(a, b)| a != b).count();
        let measures = Measures::of(&verdicts);
        rules.push(Rule { without: StopRule::name(*stop), changes, measures });
    }
    rules
}

fn typed(it: &Count) -> Value {
    let per_key = |n: usize| n as f64 / it.keys.max(1) as f64;
    let mut value = json!(it);
    value["share_foretold"] = json!(per_key(it.matched));
    value["share_saved"] = json!(it.chars_saved as f64 / it.chars.max(1) as f64);
    value["tokens_read_per_key"] = json!(per_key(it.tokens_read));
    value["tokens_read_per_key_without_first"] =
        json!(per_key(it.tokens_read - it.tokens_read_first));
    value
}

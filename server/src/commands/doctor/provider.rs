//! Checks the execution provider, and shows what was measured if there is a choice.

use std::{
    io::{self, Write},
    path::Path,
};

use foretell_config::Config;
use foretell_engine::{
    bundle::Bundle,
    onnx::{self, Options},
    provider::{Graph, Provider, Setting},
    selection::Record,
};

use super::check::{Check, Mark};
use crate::commands::{
    providers::{
        Candidates, Priority, passed_over,
        table::{self, Row},
    },
    rates::Rates,
    terminal::printable,
};

const RETRY: &str = "`foretell doctor --retry-providers` measures again";

/// When to measure the providers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Measure {
    Never,
    /// If there is no measurement, or something has changed since.
    IfChanged,
    Again,
}

/// The result of the check.
pub(super) struct Checked {
    pub(super) check: Check,
    /// The measurements, if there is a choice.
    pub(super) rows: Option<Vec<Row>>,
    /// The rates of the selected provider, if it is not the CPU.
    pub(super) rates: Option<Rates>,
}

impl From<Check> for Checked {
    fn from(check: Check) -> Self {
        Self { check, rows: None, rates: None }
    }
}

/// Checks which provider runs the model, or a model for the CPU if there is none.
pub(super) fn check(
    config: &Config,
    library: &Path,
    bundle: Option<&Bundle>,
    measure: Measure,
) -> Checked {
    let graph = Graph { target: "cpu", recipe: "mixed" };
    let graph = bundle.map_or(graph, |it| it.manifest.graph());
    let choice = match onnx::provider(library, config.model.provider, graph) {
        Ok(it) => it,
        Err(error) => return Check::bad("provider", error).into(),
    };
    let candidates = bundle.map(|bundle| {
        let options = Options { library: library.to_owned(), ..config.model.options()? };
        Candidates::of(bundle, &options)
    });
    let candidates = match candidates.transpose() {
        Ok(candidates) => candidates.flatten(),
        Err(error) => return Check::bad("provider", format!("{error:#}")).into(),
    };
    let n_threads = config.model.n_threads();
    let Some(candidates) = candidates else {
        let has_gpu =
            cfg!(target_os = "macos") || Path::new("/proc/driver/nvidia/version").exists();
        let by_library = choice.passed_over.iter().filter(|_| has_gpu);
        let mut details: Vec<String> = by_library.map(|it| format!("not {it}")).collect();
        let bundle = bundle.filter(|_| config.model.provider == Setting::Auto);
        for it in bundle.map(|it| passed_over(library, it)).unwrap_or_default() {
            let line = format!("not {it}");
            if !details.contains(&line) {
                details.push(line);
            }
        }
        if measure == Measure::Again {
            details.push("nothing to measure: there is no choice".to_owned());
        }
        let text = format!("{}, {n_threads} threads", choice.provider.name());
        return Check::good("provider", text).with_details(details).into();
    };
    match record(&candidates, measure) {
        Ok(None) => {
            let name = choice.provider.name();
            let text = format!("{name}, {n_threads} threads, until the providers are measured");
            Check::good("provider", text).into()
        }
        Ok(Some((record, changed))) => of_record(&record, &changed, n_threads),
        Err(error) => {
            let text = format!("the providers were not measured: {error:#}");
            Check::new("provider", Mark::Attention, text).into()
        }
    }
}

/// The measurement, and what has changed since then.
fn record(
    candidates: &Candidates,
    measure: Measure,
) -> anyhow::Result<Option<(Record, Vec<&str>)>> {
    let known = candidates.record();
    let is_current = known.as_ref().is_some_and(|(_, changed)| changed.is_empty());
    if measure == Measure::Never || (measure == Measure::IfChanged && is_current) {
        return Ok(known);
    }
    // This takes a while. Standard output may be JSON.
    let mut on_start = |it: Provider| {
        let line = format!("measuring {}", it.name());
        writeln!(io::stderr().lock(), "{}", printable(&line))
    };
    let record = candidates.measure(Priority::Normal, &mut on_start)?;
    Ok(Some((record, vec![])))
}

fn of_record(record: &Record, changed: &[&str], n_threads: usize) -> Checked {
    let selected = record.selected();
    let name = selected.map_or(Provider::Cpu.name(), |it| it.provider.as_str());
    let is_cpu = name == Provider::Cpu.name();
    let text = if is_cpu {
        format!("cpu, {n_threads} threads")
    } else {
        format!("{name}, {}", selected.map_or("", |it| it.device.as_str()))
    };
    let rows = table::rows(record);
    let mut details = table::lines(&rows);
    if !changed.is_empty() {
        let changed = changed.join(", ");
        details.push(format!("changed since then: {changed}; the next server measures again"));
    }
    let has_failed = record.outcomes.iter().any(|it| it.figures.is_none());
    if has_failed && record.failed_in_use.is_empty() {
        details.push(format!("once the cause is fixed, {RETRY}"));
    }
    let check = if record.failed_in_use.is_empty() {
        Check::good("provider", text)
    } else {
        Check::new("provider", Mark::Attention, text).with_to_do(RETRY)
    };
    let figures = selected.filter(|_| !is_cpu).and_then(|it| it.figures.as_ref());
    let rates = figures.map(Rates::from);
    Checked { check: check.with_details(details), rows: Some(rows), rates }
}

#[cfg(test)]
mod tests {
    use foretell_engine::selection::{Figures, Outcome};

    use super::*;

    fn record() -> Record {
        let outcome = |provider: &str, first_text_ms: f64| Outcome {
            provider: provider.into(),
            device: "a device".into(),
            figures: Some(Figures {
                load_ms: 1.0,
                first_text_ms,
                prefill_tokens_per_s: 1e3,
                decode_tokens_per_s: 50.0,
            }),
            agreement: None,
            left_to_cpu: None,
            why_not: None,
        };
        let outcomes = vec![outcome("cpu", 800.0), outcome("webgpu", 90.0)];
        Record { outcomes, ..Record::default() }
    }

    #[test]
    fn selected_provider_and_its_rates_are_shown() {
        let checked = of_record(&record(), &["the drivers"], 2);
        assert_eq!((checked.check.mark, &*checked.check.text), (Mark::Good, "webgpu, a device"));
        assert_eq!(checked.rates.map(|it| it.prefill_tokens_per_s), Some(1e3));
        let last = checked.check.details.last().unwrap();
        assert_eq!(last, "changed since then: the drivers; the next server measures again");
    }

    #[test]
    fn provider_without_a_result_can_be_tried_again() {
        let mut record = record();
        record.outcomes[1].figures = None;
        record.outcomes[1].why_not = Some("no result after 20 s".into());
        let Checked { check, .. } = of_record(&record, &[], 2);
        assert_eq!(check.mark, Mark::Good);
        assert!(check.details.last().unwrap().ends_with(RETRY), "{check:?}");
    }

    #[test]
    fn provider_that_failed_in_use_is_worth_a_look() {
        let mut record = record();
        record.failed_in_use.insert("webgpu".into(), "the device was lost".into());
        let Checked { check, rates, .. } = of_record(&record, &[], 2);
        assert_eq!((check.mark, &*check.text), (Mark::Attention, "cpu, 2 threads"));
        assert!(check.details.join("\n").contains("the device was lost"), "{check:?}");
        assert_eq!(rates, None, "the CPU is measured now");
    }
}

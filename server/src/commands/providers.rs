//! Measures the providers that can run a model, each in a process of its own, and records which one
//! `auto` selects.

pub(crate) mod table;
mod trial_process;

use std::{io, path::Path, process::Command, time::Duration};

use anyhow::{Context, bail};
use foretell_config::Config;
use foretell_engine::{
    bundle::{Bundle, Manifest},
    onnx::{self, Options},
    paths::model_path,
    provider::{PassedOver, Provider, Setting},
    selection::{Outcome, Record, Records, Versions, is_choice},
    trial::Trial,
};

/// The command of a provider's trial, given the CPU's tokens.
type TrialCommand<'a> = &'a dyn Fn(Provider, &[u32]) -> Command;

/// Called before each trial.
pub(crate) type OnStart<'a> = &'a mut dyn FnMut(Provider) -> io::Result<()>;

/// Whether something else has priority over a measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Priority {
    /// The user waits for it.
    Normal,
    /// The user types.
    Background,
}

/// The providers that `auto` can select for a model.
#[derive(Debug)]
pub(crate) struct Candidates {
    bundle: Bundle,
    options: Options,
    providers: Vec<Provider>,
    versions: Versions,
    records: Records,
}

impl Candidates {
    /// Those for a bundle. `None` if the settings name a provider, or the CPU is the only one. Their
    /// plugins are not loaded.
    ///
    /// # Errors
    /// If the library cannot be loaded.
    pub(crate) fn of(bundle: &Bundle, options: &Options) -> anyhow::Result<Option<Self>> {
        if options.provider != Setting::Auto {
            return Ok(None);
        }
        let installed = onnx::installed_providers(&options.library, &bundle.manifest)?;
        let providers: Vec<Provider> = installed.into_iter().flatten().collect();
        if !is_choice(&providers) {
            return Ok(None);
        }
        let versions = Versions::now(&options.library, &providers);
        let (bundle, options) = (bundle.clone(), options.clone());
        let records = Records::of_user();
        Ok(Some(Self { bundle, options, providers, versions, records }))
    }

    /// The last measurement, and what has changed since then.
    pub(crate) fn record(&self) -> Option<(Record, Vec<&str>)> {
        let record = self.records.read(&self.bundle)?;
        let changed = self.versions.changed(&record.versions);
        Some((record, changed))
    }

    /// The last measurement, if nothing has changed since then.
    pub(crate) fn current(&self) -> Option<Record> {
        self.record().filter(|(_, changed)| changed.is_empty()).map(|(record, _)| record)
    }

    /// Why the providers should be measured, if they should.
    fn why_measure(&self) -> Option<String> {
        match self.record() {
            Some((record, _)) if record.outcomes.is_empty() => {
                Some("a failure before the first measurement".to_owned())
            }
            Some((_, changed)) if changed.is_empty() => None,
            Some((_, changed)) => Some(format!("a change of {}", changed.join(", "))),
            None => Some("the first start with this model".to_owned()),
        }
    }

    /// Measures all providers and records the result.
    ///
    /// # Errors
    /// If another process measures, the CPU fails, or the result cannot be recorded.
    pub(crate) fn measure(
        &self,
        priority: Priority,
        on_start: OnStart<'_>,
    ) -> anyhow::Result<Record> {
        let program = std::env::current_exe()?;
        let command = |provider, reference: &[u32]| {
            trial_command(&program, &self.bundle, &self.options, provider, reference, priority)
        };
        self.measure_with(&command, limit(&self.bundle.manifest), on_start)
    }

    /// Measures them if there is no current record; called in the background.
    fn measure_if_changed(
        &self,
        measure: impl FnOnce() -> anyhow::Result<Record>,
    ) -> anyhow::Result<()> {
        let Some(why) = self.why_measure() else { return Ok(()) };
        tracing::info!("measuring the providers after {why}");
        let record = measure()?;
        tracing::info!("measured, for the next start: {}", table::summary(&record));
        Ok(())
    }

    fn measure_with(
        &self,
        command: TrialCommand<'_>,
        limit: Duration,
        on_start: OnStart<'_>,
    ) -> anyhow::Result<Record> {
        let Some(_lock) = self.records.lock().context("the measurement cannot be recorded")? else {
            bail!("another Foretell process is measuring the providers; try again in a minute");
        };
        let outcomes = measure(&self.providers, command, limit, on_start)?;
        // The last record is kept: without the CPU's results, this one says nothing.
        if let Some(why) = outcomes.first().and_then(|it| it.why_not.as_deref()) {
            bail!("the CPU, which the others are compared with, failed: {why}");
        }
        let record = Record {
            model: self.bundle.manifest.name.clone(),
            versions: self.versions.clone(),
            outcomes,
            ..Record::default()
        };
        self.records.write(&self.bundle, &record).context("the measurement cannot be recorded")?;
        Ok(record)
    }
}

/// Tries one provider.
///
/// # Errors
/// Why it cannot be used.
pub(crate) fn try_one(
    bundle: &Bundle,
    options: &Options,
    provider: Provider,
) -> anyhow::Result<()> {
    let program = std::env::current_exe()?;
    let mut command = trial_command(&program, bundle, options, provider, &[], Priority::Normal);
    let tried = trial_process::run(&mut command, limit(&bundle.manifest));
    tried.map(|_| ()).map_err(anyhow::Error::msg)
}

/// Measures the providers of the model in the settings, in the background, if there is no current
/// measurement.
///
/// # Errors
/// If the model cannot be opened, or the result cannot be recorded.
pub(crate) fn measure_if_changed(config: &Config) -> anyhow::Result<()> {
    let options = config.model.options()?;
    if options.provider != Setting::Auto {
        return Ok(());
    }
    let bundle = Bundle::open(&model_path(&config.model.name))?;
    let Some(candidates) = Candidates::of(&bundle, &options)? else { return Ok(()) };
    candidates.measure_if_changed(|| candidates.measure(Priority::Background, &mut |_| Ok(())))
}

/// The installed providers that cannot run a bundle, with the reasons.
pub(crate) fn passed_over(library: &Path, bundle: &Bundle) -> Vec<PassedOver> {
    let installed = onnx::installed_providers(library, &bundle.manifest).unwrap_or_default();
    installed.into_iter().filter_map(Result::err).collect()
}

/// How long a trial may take. A model is read at 100 MB per second at least.
fn limit(manifest: &Manifest) -> Duration {
    Duration::from_secs(20 + manifest.n_bytes() / 100_000_000)
}

fn trial_command(
    program: &Path,
    bundle: &Bundle,
    options: &Options,
    provider: Provider,
    reference: &[u32],
    priority: Priority,
) -> Command {
    let mut command = Command::new(program);
    command.args(["try-provider", "--provider", provider.name(), "--model"]).arg(&bundle.path);
    command.arg("--library").arg(&options.library);
    command.args(["--threads", &options.n_threads.to_string()]);
    if !reference.is_empty() {
        let ids: Vec<String> = reference.iter().map(ToString::to_string).collect();
        command.args(["--reference", &ids.join(",")]);
    }
    if priority == Priority::Background {
        command.arg("--background");
    }
    command
}

/// Tries the CPU, whose results are the reference, and then the other providers.
fn measure(
    providers: &[Provider],
    command: TrialCommand<'_>,
    limit: Duration,
    on_start: OnStart<'_>,
) -> io::Result<Vec<Outcome>> {
    let mut outcomes = Vec::new();
    let mut cpu: Option<Trial> = None;
    let (first, others): (Vec<_>, Vec<_>) = providers.iter().partition(|it| **it == Provider::Cpu);
    for provider in first.into_iter().chain(others).copied() {
        let is_cpu = provider == Provider::Cpu;
        let reference = cpu.as_ref().map(Trial::tokens).unwrap_or_default();
        let tried = if is_cpu || cpu.is_some() {
            on_start(provider)?;
            // Nothing is selected before the CPU has a result, so it gets more time.
            let limit = if is_cpu { 2 * limit } else { limit };
            trial_process::run(&mut command(provider, &reference), limit)
        } else {
            Err("not measured, because there is no result of the CPU to compare with".to_owned())
        };
        outcomes.push(outcome(provider, &tried, cpu.as_ref()));
        if is_cpu {
            cpu = tried.ok();
        }
    }
    Ok(outcomes)
}

fn outcome(provider: Provider, tried: &Result<Trial, String>, cpu: Option<&Trial>) -> Outcome {
    let agreed = tried.as_ref().map_err(Clone::clone);
    let agreed = agreed.and_then(|it| cpu.map(|cpu| it.agreement(cpu)).transpose());
    let (agreement, why_not) = match agreed {
        Ok(agreement) => (agreement, None),
        Err(why_not) => (None, Some(why_not)),
    };
    let trial = tried.as_ref().ok();
    Outcome {
        provider: provider.name().to_owned(),
        device: trial.map(|it| it.device.clone()).unwrap_or_default(),
        figures: trial.map(|it| it.figures.clone()),
        left_to_cpu: trial.and_then(|it| it.left_to_cpu.clone()),
        agreement,
        why_not,
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests;

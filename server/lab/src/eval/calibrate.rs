//! `--calibrate`: fits a calibration to the texts of a run, and writes it.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use foretell_config::Config;
use foretell_engine::{
    bundle::Bundle,
    calibration::{Calibration, Key},
    paths::model_path,
};

use super::{
    answers::Outcome,
    fit::{Candidate, MIN_SAMPLES, Quality, cross_validate},
    reliability::{Sample, samples},
};

/// The calibration that a run applies: the file that `--calibration` names, or the bundle's.
///
/// # Errors
/// If the named file cannot be used. An invalid calibration in the bundle is reported and ignored.
pub(super) fn selected(
    named: Option<&Path>,
    bundle: Option<&Bundle>,
    model: &Key,
) -> anyhow::Result<Option<Calibration>> {
    match named {
        Some(path) if path == Path::new("none") => Ok(None),
        Some(path) => {
            let read = Calibration::read(path, model)?;
            read.map(Some).with_context(|| format!("{}: no such file", path.display()))
        }
        None => match bundle.filter(|it| it.calibration_key() == *model) {
            Some(bundle) => Ok(bundle.calibration()),
            None => Ok(None),
        },
    }
}

/// The configured bundle. `None` for a remote server, or if the bundle cannot be opened, which
/// loading the model reports.
pub(super) fn bundle(config: &Config) -> Option<Bundle> {
    Bundle::open(&model_path(&config.model.name)).ok()
}

/// Where `--calibrate` writes.
///
/// # Errors
/// If it names no file and the model's bundle is not installed.
pub(super) fn target(
    file: Option<&PathBuf>,
    bundle: Option<&Bundle>,
    model: &Key,
) -> anyhow::Result<PathBuf> {
    if let Some(file) = file {
        return Ok(file.clone());
    }
    let Some(bundle) = bundle.filter(|it| it.calibration_key() == *model) else {
        bail!("the model's bundle is not installed: name an output file with --calibrate FILE");
    };
    Ok(bundle.calibration_path())
}

/// Fits a calibration to texts with the method that wins the cross-validation. Writes the
/// comparison to `out`.
///
/// # Errors
/// If there are too few texts, or `out` fails.
pub(super) fn fitted(
    outcomes: &[Outcome],
    model: &Key,
    mut out: impl Write,
) -> anyhow::Result<Calibration> {
    let cases: Vec<Vec<Sample>> = outcomes.iter().map(samples).collect();
    let all = cases.concat();
    writeln!(out, "calibration: {} cases, {} places; cross-validated", cases.len(), all.len())?;
    let mut row = |name: &str, Quality { log_loss, calibration_error }| {
        writeln!(out, "  {name:<28} log loss {log_loss:.4}, error {calibration_error:.3}")
    };
    row("uncalibrated", Quality::of(&all))?;
    let mut best: Option<(f64, Candidate)> = None;
    for candidate in Candidate::all() {
        let Some(quality) = cross_validate(&cases, candidate) else { continue };
        row(&candidate.name(), quality)?;
        if best.is_none_or(|(log_loss, _)| quality.log_loss < log_loss) {
            best = Some((quality.log_loss, candidate));
        }
    }
    let curves = best.and_then(|(_, it)| it.fit(&all)).with_context(|| {
        format!(
            "a calibration needs {MIN_SAMPLES} right and {MIN_SAMPLES} wrong places in each fold \
             of the cross-validation: use more cases"
        )
    })?;
    Ok(Calibration::new(model.clone(), curves.curve, curves.places))
}

/// Writes a calibration, replacing the file atomically.
///
/// # Errors
/// If the file cannot be written.
pub(super) fn write(calibration: &Calibration, path: &Path) -> anyhow::Result<()> {
    let new = path.with_added_extension("new");
    fs::write(&new, calibration.to_json()?).with_context(|| format!("{}", new.display()))?;
    fs::rename(&new, path).with_context(|| format!("{}", path.display()))
}

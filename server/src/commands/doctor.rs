//! `foretell doctor`.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use foretell::{
    bundle::{Bundle, data_folder, model_path},
    config::Config,
    engine::{library, onnx},
};

/// Checks what a completion needs, a line each; fails if something is missing.
pub(crate) fn run(config: &Config) -> anyhow::Result<ExitCode> {
    let library = library::find_library(config.model.library.as_deref())
        .and_then(|path| Ok((onnx::runtime_info(&path)?, path)));
    let bundle = Bundle::open(&model_path(&config.model.name))
        .and_then(|bundle| bundle.verify().map(|()| bundle));
    let mut all_well = true;
    let mut out = io::stdout().lock();
    let mut line = |name: &str, well: bool, what: String| {
        all_well &= well;
        writeln!(out, "{} {name:<9} {what}", if well { "✓" } else { "✗" })
    };
    line("data", true, data_folder().display().to_string())?;
    match library {
        Ok((info, path)) => {
            let version = info.split("build info:").next().unwrap_or_default();
            line(
                "library",
                true,
                format!("{} ({})", path.display(), version.trim().trim_end_matches(',')),
            )?;
            let target = bundle.as_ref().map_or("cpu", |it| it.manifest.target.as_str());
            match onnx::provider(&path, config.model.provider, target) {
                Ok(it) => {
                    let threads =
                        format!("{}, {} threads", it.provider.name(), config.model.n_threads());
                    line("provider", true, threads)?;
                    for other in it.passed_over {
                        line("", true, format!("not {other}"))?;
                    }
                }
                Err(error) => line("provider", false, error.to_string())?,
            }
        }
        Err(error) => line("library", false, error.to_string())?,
    }
    match bundle {
        Ok(bundle) => {
            let it = &bundle.manifest;
            line("model", true, format!("{} ({})", it.name, bundle.path.display()))?;
            let n_bytes: u64 = it.files.values().map(|file| file.size).sum();
            let fim = it.fim.as_ref().map_or("none", |fim| fim.family.as_str());
            line(
                "",
                true,
                format!(
                    "{}, {}, {} MB, fill-in-the-middle: {fim}, licence {}, every hash is right",
                    it.architecture,
                    it.quantization,
                    n_bytes / 1_000_000,
                    it.licence
                ),
            )?;
        }
        Err(error) => line("model", false, error.to_string())?,
    }
    Ok(if all_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

//! `foretell doctor`: checks the installation, and prints each check with a mark and what to do.

mod check;
mod eagerness;
mod editors;
mod provider;
mod remote;

use std::{
    io::{self, Write},
    path::Path,
    process::ExitCode,
};

use foretell_config::{Config, layers::user_file};
use foretell_engine::{
    EngineState,
    bundle::{Bundle, verified::Verified},
    calibration::Key,
    library,
    library::RUNTIME_VERSION,
    onnx,
    paths::{data_folder, model_path},
};
use foretell_lsp::Startup;
use serde_json::json;

use super::{
    model::catalogue::is_free,
    providers::table::Row,
    rates::{Rates, choice, seconds},
};
use check::{Check, Mark};
use editors::Places;
use provider::{Checked, Measure};

const HASHES_MATCH: &str = "all hashes match";

/// How `foretell doctor` checks and prints.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Options {
    /// Whether to print JSON.
    pub(crate) json: bool,
    /// Whether to skip checks that take seconds, so that an editor can wait for the result.
    pub(crate) quick: bool,
    /// Whether to hash the model's files even if they have not changed.
    pub(crate) verify: bool,
    /// Whether to measure the providers even if nothing has changed.
    pub(crate) retry_providers: bool,
}

/// Checks what suggestions need, measures the model's speed, and looks for editors. The exit code
/// is a failure if a check fails.
///
/// # Errors
/// If standard output fails, or a check cannot run.
pub(crate) fn run(startup: &Startup, options: Options) -> anyhow::Result<ExitCode> {
    let Options { json: is_json, quick: is_quick, .. } = options;
    let mut page = Page { checks: vec![], is_json };
    let (config, invalid) = startup.config();
    page.add(check_settings(invalid))?;
    page.add(Check::good("data", data_folder().display().to_string()))?;
    let Local { rates, calibration, providers } = match config.engine.remote_url() {
        Some(url) if is_quick => {
            page.add(Check::new("remote", Mark::Skipped, format!("{url}: not contacted")))?;
            Local::default()
        }
        Some(url) => {
            remote::check(&config, url)?.into_iter().try_for_each(|check| page.add(check))?;
            Local::default()
        }
        None => check_local(&mut page, &config, options)?,
    };
    let places = Places::of_user();
    let editors = places.as_ref().map(Places::editors).unwrap_or_default();
    if let Some(places) = &places {
        page.add(check_command(places))?;
        check_editors(&editors).into_iter().try_for_each(|check| page.add(check))?;
    }
    let is_ok = page.checks.iter().all(|it| it.mark != Mark::Bad);
    if is_json {
        let value = json!({
            "ok": is_ok,
            "checks": page.checks,
            "providers": providers,
            "calibration": calibration,
            "rates": rates,
            "latency": rates.map(Rates::latency),
            "advice": rates.map(|it| it.advice(&config, choice::memory_bytes())),
            "editors": editors,
        });
        writeln!(io::stdout(), "{value}")?;
    }
    Ok(if is_ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The results of the checks of a local model.
#[derive(Debug, Default)]
struct Local {
    rates: Option<Rates>,
    /// The model that its calibration was measured for.
    calibration: Option<Key>,
    /// The measured providers, if there is a choice.
    providers: Option<Vec<Row>>,
}

/// The checks so far. Without `--json`, each is printed immediately, because measuring takes
/// seconds.
struct Page {
    checks: Vec<Check>,
    is_json: bool,
}

impl Page {
    fn add(&mut self, check: Check) -> io::Result<()> {
        if !self.is_json {
            check.write(&mut io::stdout().lock())?;
        }
        self.checks.push(check);
        Ok(())
    }
}

fn check_settings(invalid: Vec<String>) -> Check {
    let file = user_file().map_or("the defaults".to_owned(), |file| {
        let note = if file.exists() { "" } else { " (does not exist; the defaults apply)" };
        format!("{}{note}", file.display())
    });
    if invalid.is_empty() {
        return Check::good("settings", file);
    }
    Check::bad("settings", file)
        .with_details(invalid)
        .with_to_do("correct them; `foretell config --schema` documents all settings")
}

/// Checks the library, the provider, the model and its speed.
fn check_local(page: &mut Page, config: &Config, options: Options) -> anyhow::Result<Local> {
    let is_quick = options.quick;
    let bundle = Bundle::open(&model_path(&config.model.name));
    let Runtime { can_run, providers, rates } =
        check_runtime(page, config, bundle.as_ref().ok(), options)?;
    let bundle = bundle.and_then(|bundle| {
        let hashes = match options {
            Options { quick: true, .. } => "hashes not verified",
            Options { verify: true, .. } => bundle.verify().map(|()| HASHES_MATCH)?,
            _ => match bundle.verify_if_changed()? {
                Verified::Hashed => HASHES_MATCH,
                Verified::Unchanged => "unchanged since all hashes matched",
            },
        };
        Ok((bundle, hashes))
    });
    let bundle = match bundle {
        Ok((bundle, hashes)) => {
            page.add(check_model(&bundle, hashes))?;
            page.add(check_licence(&bundle.manifest.licence))?;
            bundle
        }
        Err(error) => {
            page.add(Check::bad("model", error))?;
            let missing = if can_run { "model" } else { "library" };
            page.add(Check::skipped("speed", missing))?;
            return Ok(Local { providers, ..Local::default() });
        }
    };
    let (eagerness, calibration) = eagerness::check_local(config, &bundle);
    page.add(eagerness)?;
    let rates = match (can_run, is_quick) {
        (false, _) => page.add(Check::skipped("speed", "library")).map(|()| None)?,
        (true, true) => {
            page.add(Check::new("speed", Mark::Skipped, "not measured")).map(|()| None)?
        }
        (true, false) => check_speed(page, config, &bundle, rates)?,
    };
    Ok(Local { rates, calibration, providers })
}

/// The state of the library and the provider.
#[derive(Default)]
struct Runtime {
    /// Whether both can be used.
    can_run: bool,
    /// The measured providers, if there is a choice.
    providers: Option<Vec<Row>>,
    /// The measured rates of the selected provider, unless it is the CPU.
    rates: Option<Rates>,
}

/// Checks the library and the provider.
fn check_runtime(
    page: &mut Page,
    config: &Config,
    bundle: Option<&Bundle>,
    options: Options,
) -> io::Result<Runtime> {
    let library = library::find_library(config.model.library.as_deref())
        .and_then(|path| onnx::load_library(&path).map(|()| path));
    let path = match library {
        Ok(path) => path,
        Err(error) => {
            return page.add(Check::bad("library", error)).map(|()| Runtime::default());
        }
    };
    let text = path.display().to_string();
    page.add(match version_in_name(&path) {
        Some(version) if version != RUNTIME_VERSION => {
            let to_do =
                format!("the tested version is {RUNTIME_VERSION}; `foretell setup` installs it");
            Check::new("library", Mark::Attention, text).with_to_do(to_do)
        }
        _ => Check::good("library", text),
    })?;
    let measure = match options {
        Options { quick: true, .. } => Measure::Never,
        Options { retry_providers: true, .. } => Measure::Again,
        _ => Measure::IfChanged,
    };
    let Checked { check, rows, rates } = provider::check(config, &path, bundle, measure);
    let can_run = check.mark != Mark::Bad;
    page.add(check)?;
    Ok(Runtime { can_run, providers: rows, rates })
}

/// The version in a library's file name: the runtime does not report it.
fn version_in_name(library: &Path) -> Option<String> {
    let library = library.canonicalize().ok()?;
    let name = library.file_name()?.to_str()?;
    let from = &name[name.find(|c: char| c.is_ascii_digit())?..];
    let is_inner = |c: char| c.is_ascii_digit() || c == '.';
    let version = from[..from.find(|c| !is_inner(c)).unwrap_or(from.len())].trim_end_matches('.');
    (version.matches('.').count() == 2).then(|| version.to_owned())
}

fn check_model(bundle: &Bundle, hashes: &str) -> Check {
    let it = &bundle.manifest;
    let text = format!("{} ({})", it.name, bundle.path.display());
    let fim = it.fim.as_ref().map_or("none", |fim| fim.family.as_str());
    let n_mb = it.n_bytes() / 1_000_000;
    let details = vec![format!(
        "{}, {}, {n_mb} MB, fill-in-the-middle: {fim}, {hashes}",
        it.architecture, it.quantization
    )];
    if it.fim.is_some() {
        return Check::good("model", text).with_details(details);
    }
    Check::new("model", Mark::Attention, text).with_details(details).with_to_do(
        "it ignores the text after the cursor; `foretell model list` shows other models",
    )
}

fn check_licence(licence: &str) -> Check {
    if is_free(licence) {
        return Check::good("licence", format!("{licence} (model): free for any use"));
    }
    let text = format!("{licence} (model): not known to be free for any use");
    Check::new("licence", Mark::Attention, text)
        .with_to_do("read it before you use the model's output at work")
}

/// Measures the model's rates, unless they are known, and checks what latency and advice follow from
/// them.
fn check_speed(
    page: &mut Page,
    config: &Config,
    bundle: &Bundle,
    known: Option<Rates>,
) -> anyhow::Result<Option<Rates>> {
    let measured = match known {
        Some(rates) => Ok((rates, EngineState::Ready)),
        None => Rates::measure(bundle, &config.model.options()?),
    };
    let (rates, state) = match measured {
        Ok(measured) => measured,
        Err(error) => {
            page.add(Check::bad("speed", format!("{error:#}")))?;
            return Ok(None);
        }
    };
    slower(state).map_or(Ok(()), |check| page.add(check))?;
    page.add(Check::good(
        "speed",
        format!(
            "prefill {:.0} tokens/s, decode {:.1} tokens/s, loaded in {}",
            rates.prefill_tokens_per_s,
            rates.decode_tokens_per_s,
            seconds(rates.load_ms)
        ),
    ))?;
    let latency = rates.latency();
    let text = format!(
        "about {} to the first suggestion in a new file, {} to the next, {} per line",
        seconds(latency.first_text_ms),
        seconds(latency.next_text_ms),
        seconds(latency.line_ms)
    );
    let advice: Vec<String> =
        rates.advice(config, choice::memory_bytes()).iter().map(ToString::to_string).collect();
    let adapts = "the window adapts to the measured speed".to_owned();
    page.add(if advice.is_empty() {
        Check::good("latency", text).with_details(vec![adapts])
    } else {
        Check::new("latency", Mark::Attention, text)
            .with_details([vec![adapts], advice].concat())
            .with_to_do("`foretell model add NAME`, then `foretell model use NAME`")
    })?;
    Ok(Some(rates))
}

/// A warning if the selected provider failed and a slower one is used, or if it leaves work to the
/// CPU.
fn slower(state: EngineState) -> Option<Check> {
    let (message, to_do) = match state {
        EngineState::Slower { message, .. } => (
            message,
            "run `foretell setup` to detect the hardware again, or with `--provider cpu` for the CPU only",
        ),
        EngineState::Partial(message) => (message, "compare it with `--provider cpu`"),
        _ => return None,
    };
    Some(Check::new("provider", Mark::Attention, message).with_to_do(to_do))
}

/// Checks that editors find the program in PATH.
fn check_command(places: &Places) -> Check {
    match places.program("foretell") {
        Some(path) => Check::good("command", path.display().to_string()),
        None => Check::new("command", Mark::Attention, "`foretell` is not in PATH").with_to_do(
            "add the folder of this program to PATH, or set the program's path in your editor",
        ),
    }
}

fn check_editors(editors: &[editors::Found]) -> Vec<Check> {
    if editors.is_empty() {
        return vec![
            Check::new("editors", Mark::Attention, "no supported editor is in PATH").with_to_do(
                format!("see {} for the supported editors", guide("editors/README.md")),
            ),
        ];
    }
    let check = |it: &editors::Found| match &it.set_up_in {
        Some(path) => Check::good("editor", format!("{}: set up in {}", it.name, path.display())),
        None => Check::new("editor", Mark::Attention, format!("{}: not set up", it.name))
            .with_to_do(format!("see {}", guide(it.page))),
    };
    editors.iter().map(check).collect()
}

/// The path of an installed documentation page, or a reference to the source.
fn guide(page: &str) -> String {
    let installed = std::env::current_exe().ok().and_then(|program| {
        // `bin/foretell` next to `share/foretell` in packages, below the source in a build.
        let folders = program.ancestors().skip(1).take(4);
        let below = folders.flat_map(|it| [it.join("share/foretell"), it.to_owned()]);
        below.map(|it| it.join(page)).find(|it| it.is_file())
    });
    installed.map_or_else(|| format!("{page} in the source"), |it| it.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_that_did_not_work_is_worth_a_look() {
        let check =
            slower(EngineState::Slower { provider: "cpu", message: "cuda failed".into() }).unwrap();
        assert_eq!((check.mark, &*check.text), (Mark::Attention, "cuda failed"));
        let check = slower(EngineState::Partial("coreml leaves a part".into())).unwrap();
        assert_eq!((check.mark, &*check.text), (Mark::Attention, "coreml leaves a part"));
        assert_eq!(slower(EngineState::Ready), None);
    }

    #[test]
    fn a_librarys_version_stands_in_its_name() {
        let folder = tempfile::tempdir().unwrap();
        for (name, version) in [
            ("libonnxruntime.so.1.31.1", Some("1.31.1")),
            ("libonnxruntime.1.30.0.dylib", Some("1.30.0")),
            ("onnxruntime-1.31.1.dll", Some("1.31.1")),
            ("libonnxruntime.so", None),
            ("libonnxruntime.so.1", None),
        ] {
            let path = folder.path().join(name);
            std::fs::write(&path, "").unwrap();
            assert_eq!(version_in_name(&path).as_deref(), version, "{name}");
        }
    }
}

//! `foretell setup`: fetches the runtime library and a model.

use std::{path::PathBuf, process::ExitCode};

use anyhow::{Context, ensure};
use foretell_config::Config;
use foretell_engine::{
    bundle::{Bundle, DEFAULT_MODEL},
    library::RUNTIME_VERSION,
    paths::{data_folder, model_path},
    plugins::Plugin,
    provider::{Provider, Setting},
};

use super::{
    model::{self, catalogue},
    progress::{Format, Stage},
    providers::{self, Candidates, Priority, table},
    python_env::Scripts,
    rates::{Rates, choice, is_free, seconds},
};

/// The arguments of `foretell setup`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// A model from `foretell model list`. By default, setup chooses one by this machine's memory
    /// and by the speed of the smallest good model, measured for a few seconds.
    // Not `model`: an argument of that name would share its value with the global `--model`.
    #[arg(value_name = "MODEL")]
    name: Option<String>,
    /// Install from this folder instead of the network.
    #[arg(long, value_name = "DIR")]
    from: Option<PathBuf>,
    /// Only download to this folder, for `--from` on a similar machine without network.
    #[arg(long, value_name = "DIR", conflicts_with = "from")]
    save: Option<PathBuf>,
    /// The format of progress on standard output.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    progress: Format,
}

/// Installs what is missing, and leaves alone what is installed.
///
/// # Errors
/// If the catalogue does not have the model, or an installation step fails.
pub(crate) fn run(config: &Config, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let Arguments { name, from, save, progress } = arguments;
    let first = name.as_deref().unwrap_or(DEFAULT_MODEL);
    // An unknown name is reported before anything is fetched.
    let mut packages = catalogue::packages(first)?;
    ensure!(
        save.is_none() || !packages.is_empty(),
        "{first} is only on a model hub, which `--save` does not support; `foretell model list` shows other models"
    );
    progress
        .print(Stage::Packages, &format!("Setting up Foretell in {}.", data_folder().display()))?;
    let scripts = Scripts::set_up(from.as_deref(), *progress)?;
    let library = library_option(config.model.provider);
    if let Some(folder) = save {
        packages.extend(library_package(config.model.provider));
        scripts.save(folder, &packages)?;
        let model = name.as_deref().map_or(String::new(), |it| format!(" {it}"));
        let next = format!(
            "Next, on the other machine: foretell setup{model} --from {}",
            folder.display()
        );
        progress.print(Stage::Done, &next)?;
        return Ok(ExitCode::SUCCESS);
    }
    scripts.run(Stage::Library, &["runtime", "--library", library])?;
    // After the library: a model is prepared for the provider that the library supports.
    scripts.run(Stage::Model, &["add", first])?;
    if let Err(error) = try_gpu(config, first) {
        if config.model.provider != Setting::Auto {
            return Err(error);
        }
        let note = format!("{error:#}\nUsing the CPU instead. `--provider cpu` skips the GPU.");
        progress.print(Stage::Library, &note)?;
        scripts.run(Stage::Library, &["runtime", "--library", "cpu"])?;
        scripts.run(Stage::Model, &["add", first])?;
    }
    let measured = measure_providers(config, first, *progress)?;
    let mut selected = first;
    if name.is_none() {
        selected = choose_model(config, measured, &scripts, from.is_none(), *progress)?;
    }
    if config.model.name != selected {
        progress.print(Stage::Done, &model::select(selected)?)?;
    }
    let done = "Done. `foretell doctor` shows what to expect and which editors are set up.";
    progress.print(Stage::Done, done)?;
    Ok(ExitCode::SUCCESS)
}

/// The library to fetch, with a plugin if the provider is one. `auto` selects the GPU build if there
/// is a GPU with CUDA. The CPU build for Macs includes Core ML.
fn library_option(provider: Setting) -> &'static str {
    match provider {
        Setting::Auto => "auto",
        Setting::Only(Provider::Cpu | Provider::CoreMl) => "cpu",
        Setting::Only(provider) => provider.name(),
    }
}

/// The package that contains the library, unless it is that of the CPU.
fn library_package(provider: Setting) -> Option<String> {
    match provider {
        Setting::Auto => None,
        Setting::Only(Provider::Cuda) => Some(format!("onnxruntime-gpu=={RUNTIME_VERSION}")),
        Setting::Only(provider) => Plugin::of(provider).map(Plugin::requirement),
    }
}

/// Runs a model that was prepared for a GPU there only, in a process of its own. Does nothing for
/// other models.
fn try_gpu(config: &Config, name: &str) -> anyhow::Result<()> {
    let bundle = Bundle::open(&model_path(name))?;
    let of_gpu = [Provider::Cuda, Provider::WebGpu, Provider::Mlx];
    let Some(provider) = of_gpu.into_iter().find(|it| it.name() == bundle.manifest.target) else {
        return Ok(());
    };
    let tried = providers::try_one(&bundle, &config.model.options()?, provider);
    tried.context("the GPU cannot be used")
}

/// Measures the providers of a model and prints the selection, if there is a choice. Returns the
/// rates on the selected one.
fn measure_providers(
    config: &Config,
    name: &str,
    progress: Format,
) -> anyhow::Result<Option<Rates>> {
    let bundle = Bundle::open(&model_path(name))?;
    let Some(candidates) = Candidates::of(&bundle, &config.model.options()?)? else {
        return Ok(None);
    };
    let mut on_start = |provider: Provider| {
        progress.print(Stage::Speed, &format!("Measuring {name} on {}.", provider.name()))
    };
    let measured = match candidates.current() {
        Some(record) => Ok(record),
        None => candidates.measure(Priority::Normal, &mut on_start),
    };
    let record = match measured {
        Ok(record) => record,
        // Nothing is selected, and the first server measures again.
        Err(error) => {
            progress.print(Stage::Speed, &format!("The providers were not measured: {error:#}"))?;
            return Ok(None);
        }
    };
    let table = table::lines(&table::rows(&record)).join("\n");
    progress.print(Stage::Speed, &format!("{table}\nSelected: {}.", table::summary(&record)))?;
    Ok(record.selected().and_then(|it| it.figures.as_ref()).map(Rates::from))
}

/// Adds a better model than the default one if this machine is predicted and then measured to be
/// fast enough for it. Returns the model to use.
fn choose_model(
    config: &Config,
    measured: Option<Rates>,
    scripts: &Scripts,
    may_add: bool,
    progress: Format,
) -> anyhow::Result<&'static str> {
    let rates = |name: &str, measured: Option<Rates>| match measured {
        Some(rates) => Ok(rates),
        None => Rates::measure(&Bundle::open(&model_path(name))?, &config.model.options()?)
            .map(|(rates, _)| rates),
    };
    let default_rates = rates(DEFAULT_MODEL, measured)?;
    let memory_bytes = choice::memory_bytes();
    let latency = default_rates.latency();
    let result = format!(
        "{DEFAULT_MODEL} is installed: {} to the first suggestion in a new file, {} per line; memory: {}.",
        seconds(latency.first_text_ms),
        seconds(latency.line_ms),
        memory_bytes.map_or("unknown".into(), |it| format!("{} GB", it / 1_000_000_000)),
    );
    progress.print(Stage::Speed, &result)?;
    if !may_add {
        return Ok(DEFAULT_MODEL);
    }
    for better in choice::suitable(default_rates, memory_bytes) {
        if better == DEFAULT_MODEL {
            break;
        }
        if !is_free(better) {
            let note = format!(
                "This machine is fast enough for {better}, but its licence does not allow every \
                 use: see `foretell model list`."
            );
            progress.print(Stage::Model, &note)?;
            continue;
        }
        let note = format!("This machine can run a better model: {better}.");
        progress.print(Stage::Model, &note)?;
        scripts.run(Stage::Model, &["add", better])?;
        let measured = measure_providers(config, better, progress);
        let better_rates = match measured.and_then(|it| rates(better, it)) {
            Ok(rates) => rates,
            Err(error) => {
                let note = format!("{better} cannot be used: {error:#}");
                progress.print(Stage::Speed, &note)?;
                continue;
            }
        };
        if choice::is_fast(better_rates) {
            return Ok(better);
        }
        let note = format!(
            "{better} takes {} to the first suggestion, which is too slow; `foretell model remove \
             {better}` removes it.",
            seconds(better_rates.latency().first_text_ms)
        );
        progress.print(Stage::Speed, &note)?;
    }
    Ok(DEFAULT_MODEL)
}

//! `foretell setup`: the runtime library and a model, for those who have only this program.

mod choice;

use std::{path::PathBuf, process::ExitCode};

use anyhow::{Context, ensure};
use foretell_config::Config;
use foretell_engine::{
    bundle::{Bundle, DEFAULT_MODEL},
    library::RUNTIME_VERSION,
    onnx::Options,
    paths::{data_folder, model_path},
    provider::{Provider, Setting},
};

use super::{
    doctor::rates::{Rates, seconds},
    model::{self, catalogue},
    python_env::{Scripts, say},
};

/// What `foretell setup` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// A model of `foretell model list`. Without it one is chosen, by the memory of this machine
    /// and by how fast the smallest good model is here, which is measured for 3 seconds.
    // Not `model`: an argument of that name would be `--model` of all commands too.
    #[arg(value_name = "MODEL")]
    name: Option<String>,
    /// Install from this folder instead of the network.
    #[arg(long, value_name = "DIR")]
    from: Option<PathBuf>,
    /// Only download to this folder, for `--from` on a similar machine without network.
    #[arg(long, value_name = "DIR", conflicts_with = "from")]
    save: Option<PathBuf>,
}

/// Sets up what is missing. What is there already is left alone.
pub(crate) fn run(config: &Config, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let Arguments { name, from, save } = arguments;
    let first = name.as_deref().unwrap_or(DEFAULT_MODEL);
    // A wrong name is told before anything is fetched.
    let mut packages = catalogue::packages(first)?;
    ensure!(
        save.is_none() || !packages.is_empty(),
        "{first} comes from a model hub, which --save does not support"
    );
    say(&format!("Foretell is set up in {}.", data_folder().display()))?;
    let scripts = Scripts::set_up(from.as_deref())?;
    let library = library(config.model.provider);
    if let Some(folder) = save {
        if library == "cuda" {
            packages.push(format!("onnxruntime-gpu=={RUNTIME_VERSION}"));
        }
        scripts.save(folder, &packages)?;
        let model = name.as_deref().map_or(String::new(), |it| format!(" {it}"));
        say(&format!(
            "Next, on the other machine: foretell setup{model} --from {}",
            folder.display()
        ))?;
        return Ok(ExitCode::SUCCESS);
    }
    scripts.run(&["runtime", "--library", library])?;
    // For what the library computes on.
    scripts.run(&["add", first])?;
    if let Err(error) = try_gpu(config, first) {
        if library == "cuda" {
            return Err(error);
        }
        say(&format!("{error:#}\nUsing the CPU instead. `--provider cpu` skips the GPU."))?;
        scripts.run(&["runtime", "--library", "cpu"])?;
        scripts.run(&["add", first])?;
    }
    let mut used = first;
    if name.is_none() {
        let (rates, _) =
            Rates::measure(&Bundle::open(&model_path(first))?, &config.model.options()?)?;
        let memory_bytes = choice::memory_bytes();
        let chosen = choice::choose(rates, memory_bytes);
        let latency = rates.latency();
        say(&format!(
            "{first} is installed: {} to the first suggestion in a new file, {} per line; memory: {}.",
            seconds(latency.first_text_ms),
            seconds(latency.line_ms),
            memory_bytes.map_or("not known".into(), |it| format!("{} GB", it / 1_000_000_000)),
        ))?;
        if chosen != first && from.is_none() {
            say(&format!("This machine can run a better model: {chosen}."))?;
            scripts.run(&["add", chosen])?;
            used = chosen;
        }
    }
    if config.model.name != used {
        model::choose(used)?;
    }
    say("Done. `foretell doctor` shows what to expect and which editors are set up.")?;
    Ok(ExitCode::SUCCESS)
}

/// The library that is fetched; `auto` is for the GPU if there is one with CUDA. The one for the
/// processor of a Mac has Core ML too.
fn library(provider: Setting) -> &'static str {
    match provider {
        Setting::Auto => "auto",
        Setting::Only(Provider::Cuda) => "cuda",
        Setting::Only(Provider::Cpu | Provider::CoreMl) => "cpu",
    }
}

/// Runs a model that was made for the GPU on it, and on nothing else.
fn try_gpu(config: &Config, name: &str) -> anyhow::Result<()> {
    let bundle = Bundle::open(&model_path(name))?;
    if bundle.manifest.target != Provider::Cuda.name() {
        return Ok(());
    }
    let provider = Setting::Only(Provider::Cuda);
    let options = Options { provider, ..config.model.options()? };
    Rates::measure(&bundle, &options).context("the GPU cannot be used")?;
    Ok(())
}

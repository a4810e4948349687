//! `foretell bench`: measures the speed of the engine and the server on this machine.

mod baseline;
mod cancel;
mod decode;
mod engine;
mod equivalence;
mod fixtures;
pub(crate) mod html;
mod machine;
pub(crate) mod report;
mod server;
mod table;

use std::{
    fs::File,
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

use anyhow::Context;
use foretell_config::Config;
use foretell_session::stats::quantile;

use report::Report;

/// How many times `foretell bench server` types its line by default.
const ROUNDS: usize = 10;

/// The arguments of `foretell bench`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    target: Option<Target>,

    /// Write an HTML page with plots of the results (one file, works offline).
    #[arg(long, global = true, value_name = "FILE")]
    html: Option<PathBuf>,
}

#[derive(Debug, clap::Subcommand)]
enum Target {
    /// Measure the model on this machine: prefill, decode, edits, cancellation, and idle CPU time.
    ///
    /// With --llama-python and --gguf, also measures llama.cpp, alternately with the same text and
    /// threads, through each installed package of `xllamacpp` and `llama-cpp-python`.
    Engine(EngineArguments),
    /// Measure the server's own cost per keystroke, with a model that takes no time.
    Server(ServerArguments),
}

/// The arguments of `foretell bench server`.
#[derive(Debug, clap::Args)]
pub struct ServerArguments {
    /// How many times the line is typed.
    #[arg(long, default_value_t = ROUNDS)]
    rounds: usize,
}

/// The arguments of `foretell bench engine`.
#[derive(Debug, clap::Args)]
pub struct EngineArguments {
    /// The Python interpreter with xllamacpp or llama-cpp-python installed.
    #[arg(long, value_name = "PYTHON", requires = "gguf")]
    llama_python: Option<PathBuf>,

    /// The model for llama.cpp.
    #[arg(long, value_name = "FILE")]
    gguf: Option<PathBuf>,

    /// The script that drives llama.cpp.
    #[arg(long, value_name = "FILE", default_value = "tests/bench/llama_driver.py")]
    driver: PathBuf,

    /// Run only these parts.
    #[arg(long, value_enum, value_delimiter = ',', value_name = "PART")]
    only: Vec<Part>,

    /// How many times each measurement is repeated; the median is reported.
    #[arg(long, default_value_t = 3)]
    rounds: usize,

    /// How many generations of each kind are cancelled at random moments.
    #[arg(long, default_value_t = 50)]
    cancels: usize,

    /// How long the idle engine is observed, in seconds.
    #[arg(long, default_value_t = 10)]
    idle_s: u64,

    /// At how many random places generations with and without lookup and reuse are compared.
    #[arg(long, default_value_t = 8)]
    places: usize,
}

/// The parts of `foretell bench engine`, in the order in which they run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Part {
    /// Loading, prefill, decode, edits, verification; next to llama.cpp with --llama-python.
    Table,
    /// Prefill speed by chunk size.
    Chunks,
    /// Decode with and without draft tokens.
    Lookup,
    /// Whether lookup and reuse leave generated text unchanged.
    Sameness,
    /// How soon the engine is free after a cancel.
    Cancels,
    /// CPU time while idle.
    Idle,
}

impl EngineArguments {
    fn wants(&self, part: Part) -> bool {
        self.only.is_empty() || self.only.contains(&part)
    }
}

/// Parses [`EngineArguments`] from an empty command line, for their defaults.
#[derive(Debug, clap::Parser)]
struct DefaultArguments {
    #[command(flatten)]
    engine: EngineArguments,
}

/// Runs one benchmark, or both if none is named, and prints the results.
///
/// # Errors
/// If the HTML file cannot be written or a benchmark fails.
pub fn run(config: &Config, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let mut report = Report::new(io::stdout().lock());
    // An unwritable path is reported now rather than after minutes of measuring.
    let file = arguments.html.as_ref().map(|path| {
        File::create(path)
            .with_context(|| format!("--html {}", path.display()))
            .map(|it| (path, it))
    });
    let file = file.transpose()?;
    match &arguments.target {
        Some(Target::Engine(arguments)) => engine::run(&mut report, config, arguments)?,
        Some(Target::Server(arguments)) => server::run(&mut report, arguments.rounds)?,
        None => {
            let DefaultArguments { engine } = clap::Parser::try_parse_from(["bench"])?;
            engine::run(&mut report, config, &engine)?;
            server::run(&mut report, ROUNDS)?;
        }
    }
    if let Some((path, mut file)) = file {
        let printed = String::from_utf8_lossy(&report.printed);
        let page = html::page("foretell bench", &facts(config), &report.charts, &printed)?;
        file.write_all(page.as_bytes()).with_context(|| format!("{}", path.display()))?;
        eprintln!("wrote {}", path.display());
    }
    Ok(ExitCode::SUCCESS)
}

/// The configuration that the figures were measured with.
pub(crate) fn facts(config: &Config) -> [(&'static str, String); 4] {
    [
        ("foretell", env!("CARGO_PKG_VERSION").to_owned()),
        ("model", config.model.name.clone()),
        ("threads", config.model.n_threads().to_string()),
        ("processor", machine::processor().unwrap_or_else(|| std::env::consts::ARCH.to_owned())),
    ]
}

/// The median; NaN without values.
fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5).unwrap_or(f64::NAN)
}

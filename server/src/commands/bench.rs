//! `foretell bench`.

mod cancel;
mod contender;
mod decode;
mod engine;
mod machine;
mod sameness;
mod server;
mod table;

use std::{path::PathBuf, process::ExitCode};

use foretell::config::Config;

/// What `foretell bench` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Measure the engine: prefill, decode, edits, lookup, cancel, idle; beside llama.cpp if it is
    /// named, turn by turn on the same text and threads.
    Engine(EngineArguments),
    /// Measure what the server itself costs a key, with a model that takes no time.
    Server {
        /// How often the line is typed.
        #[arg(long, default_value_t = 10)]
        rounds: usize,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct EngineArguments {
    /// The Python in which llama-cpp-python is installed.
    #[arg(long, value_name = "PYTHON", requires = "gguf")]
    llama_python: Option<PathBuf>,

    /// The model for llama.cpp.
    #[arg(long, value_name = "FILE")]
    gguf: Option<PathBuf>,

    /// The script that drives llama.cpp.
    #[arg(long, value_name = "FILE", default_value = "tests/bench/llama_driver.py")]
    driver: PathBuf,

    /// Only these parts.
    #[arg(long, value_enum, value_delimiter = ',', value_name = "PART")]
    only: Vec<Part>,

    /// How often each measurement is made; the median counts.
    #[arg(long, default_value_t = 3)]
    rounds: usize,

    /// How many runs are cancelled at random moments, of each kind.
    #[arg(long, default_value_t = 50)]
    cancels: usize,

    /// For how long an idle engine is watched, in seconds.
    #[arg(long, default_value_t = 10)]
    idle_s: u64,

    /// At how many random places texts with and without lookup and reuse are compared.
    #[arg(long, default_value_t = 8)]
    places: usize,
}

/// What `foretell bench engine` measures, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Part {
    /// Loading, prefill, decode, edits, verification; beside llama.cpp if it is named.
    Table,
    /// Prefill by the size of its chunks.
    Chunks,
    /// Decode with and without lookup.
    Lookup,
    /// Whether lookup and reuse change a text.
    Sameness,
    /// How soon the engine is free after a cancel.
    Cancels,
    /// The CPU time that it takes when it has nothing to do.
    Idle,
}

impl EngineArguments {
    fn wants(&self, part: Part) -> bool {
        self.only.is_empty() || self.only.contains(&part)
    }
}

/// Measures and prints.
pub(crate) fn run(config: &Config, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    match &arguments.what {
        What::Engine(arguments) => engine::run(config, arguments),
        What::Server { rounds } => server::run(*rounds),
    }
}

/// The value in the middle; of an even number the upper one. `NaN` of none.
fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

/// The value that `share` of the values are not above, at least.
pub(crate) fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (sorted.len() as f64 * share) as usize;
    sorted.get(rank.min(sorted.len().saturating_sub(1))).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_values_that_occurred() {
        let values = [5.0, 1.0, 3.0, 2.0, 4.0];
        assert_eq!(median(&values), 3.0);
        assert_eq!(quantile(&values, 0.99), 5.0);
        assert_eq!(quantile(&values, 0.0), 1.0);
        assert!(median(&[]).is_nan());
    }
}

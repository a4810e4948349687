//! The `foretell` command: the language server, and the same completion in a terminal.

mod commands;

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Mutex,
};

use anyhow::Context;
use clap::{Parser, Subcommand};
use foretell::{bundle, config::Config};
use tracing_subscriber::{
    EnvFilter,
    fmt::{format::FmtSpan, writer::BoxMakeWriter},
};

/// The next lines of code as ghost text, on your own machine.
#[derive(Debug, Parser)]
#[command(version, about, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,

    /// The model: a name in the data folder, or a bundle's folder.
    #[arg(long, global = true, env = "FORETELL_MODEL", default_value = bundle::DEFAULT_MODEL)]
    model: String,

    /// The ONNX Runtime library; without it ORT_DYLIB_PATH, then beside this program, then the
    /// data folder are looked at.
    #[arg(long, global = true, value_name = "FILE")]
    library: Option<PathBuf>,

    /// Write the log to this file instead of the standard error output, with the times of each job.
    /// FORETELL_LOG chooses what is logged, `foretell=trace` is everything.
    #[arg(long, global = true, value_name = "FILE")]
    log: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Speak LSP on standard input and output: what an editor starts. The default.
    Serve {
        /// Accepted for clients that name the way to speak; it is the only one.
        #[arg(long)]
        stdio: bool,
    },
    /// Complete a file at a place and show the text as it is made.
    Complete(commands::complete::Arguments),
    /// Measure how fast things are on this machine.
    Bench(commands::bench::Arguments),
    /// Say which library, which model and which provider are used, and what is missing.
    Doctor,
}

fn start_log(file: Option<&Path>, level: &str) -> anyhow::Result<()> {
    let filter = EnvFilter::try_from_env("FORETELL_LOG")
        .unwrap_or_else(|_| EnvFilter::new(format!("off,foretell={level}")));
    let (writer, spans) = match file {
        Some(path) => {
            let file = File::create(path).with_context(|| format!("{}", path.display()))?;
            (BoxMakeWriter::new(Mutex::new(file)), FmtSpan::CLOSE)
        }
        None => (BoxMakeWriter::new(std::io::stderr), FmtSpan::NONE),
    };
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(writer)
        .with_span_events(spans)
        .with_ansi(false)
        .init();
    Ok(())
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let command = arguments.command.unwrap_or(Command::Serve { stdio: true });
    // stdout belongs to the protocol; what a command prints to people must not drown in a log.
    let level = match (&arguments.log, &command) {
        (Some(_), _) => "debug",
        (None, Command::Serve { .. }) => "info",
        (None, _) => "off",
    };
    if let Err(error) = start_log(arguments.log.as_deref(), level) {
        eprintln!("foretell: {error:#}");
        return ExitCode::FAILURE;
    }
    let config = Config { model: arguments.model, library: arguments.library, ..Config::default() };
    let done = match command {
        Command::Serve { .. } => commands::serve::run(&config),
        Command::Complete(arguments) => commands::complete::run(&config, &arguments),
        Command::Bench(arguments) => commands::bench::run(&config, &arguments),
        Command::Doctor => commands::doctor::run(&config),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            eprintln!("foretell: {error:#}");
            ExitCode::FAILURE
        }
    }
}

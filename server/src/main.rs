//! The `foretell` command: the language server, and the same completion in a terminal.

mod commands;

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};
use foretell::{bundle, config::Config};
use tracing_subscriber::EnvFilter;

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

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let command = arguments.command.unwrap_or(Command::Serve { stdio: true });
    // stdout belongs to the protocol; what a command prints to people must not drown in a log.
    let level = if matches!(command, Command::Serve { .. }) { "info" } else { "off" };
    let filter = EnvFilter::try_from_env("FORETELL_LOG")
        .unwrap_or_else(|_| EnvFilter::new(format!("off,foretell={level}")));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .init();
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

//! The `foretell` command: the language server, and commands for setup, diagnosis and measurement.

mod commands;

use std::{
    fs::File,
    io::{self, IsTerminal},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Mutex,
};

use anyhow::Context;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use commands::terminal::printable;
use foretell_config::Config;
use foretell_engine::library;
use foretell_lsp::Startup;
use serde_json::{Map, Value, json};
use tracing_subscriber::{
    EnvFilter,
    fmt::{format::FmtSpan, writer::BoxMakeWriter},
};

const FIRST_STEPS: &str = "\
First steps:
  foretell setup                   fetch the library and a model (once)
  foretell doctor                  check them, and measure the speed
  foretell complete src/main.rs:8  complete a line in the terminal
Editors start `foretell serve` themselves; `foretell doctor` shows which are set up.";

/// Inline code completion by a model on your own machine.
#[derive(Debug, Parser)]
#[command(version, about, max_term_width = 100, after_help = FIRST_STEPS)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,

    #[command(flatten)]
    engine: EngineOptions,
}

/// Options of the commands that run the model or print its settings.
#[derive(Debug, Clone, Default, clap::Args)]
struct EngineOptions {
    /// The model: the name of an installed model, or a bundle's folder.
    #[arg(long, global = true, env = "FORETELL_MODEL")]
    model: Option<String>,

    /// The ONNX Runtime library. By default: ORT_DYLIB_PATH, then next to this program, then where
    /// pip installed it with this program, then the data folder.
    #[arg(long, global = true, value_name = "FILE")]
    library: Option<PathBuf>,

    /// The execution provider: auto, cpu, webgpu, cuda, coreml or mlx.
    #[arg(long, global = true)]
    provider: Option<String>,

    /// The number of compute threads.
    #[arg(long, global = true, value_parser = whole_number)]
    threads: Option<usize>,

    /// Write the log to this file instead of standard error, with timings. FORETELL_LOG sets the
    /// filter; `foretell=trace` logs everything, including your code.
    #[arg(long, global = true, value_name = "FILE")]
    log: Option<PathBuf>,
}

/// A command with the engine options.
#[derive(Debug, clap::Args)]
struct WithEngine<A: clap::Args> {
    #[command(flatten)]
    own: A,
    #[command(flatten)]
    engine: EngineOptions,
}

fn whole_number(text: &str) -> Result<usize, &'static str> {
    text.parse().map_err(|_| "expected a whole number")
}

impl EngineOptions {
    /// These options; unset ones are taken from those before the subcommand.
    fn or(self, before: Self) -> Self {
        Self {
            model: self.model.or(before.model),
            library: self.library.or(before.library),
            provider: self.provider.or(before.provider),
            threads: self.threads.or(before.threads),
            log: self.log.or(before.log),
        }
    }

    /// The settings given on the command line.
    fn settings(&self) -> Value {
        let Self { model, library, provider, threads, .. } = self;
        let given = [
            ("name", model.as_ref().map(|it| json!(commands::model::resolve_name(it)))),
            ("library", library.as_ref().map(|it| json!(absolute(it).to_string_lossy()))),
            ("provider", provider.as_ref().map(|it| json!(it))),
            ("threads", threads.map(|it| json!(it))),
        ];
        let given = given.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
        json!({"model": given.collect::<Map<_, _>>()})
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the language server on standard input and output (the default).
    ///
    /// With `--http`, it also answers programs on this machine that speak llama.cpp's or OpenAI's
    /// protocol. Without it, no socket is opened.
    Serve {
        /// Accepted for clients that name the transport; there is no other.
        #[arg(long)]
        stdio: bool,
        #[command(flatten)]
        http: commands::serve::Http,
        #[command(flatten)]
        engine: EngineOptions,
    },
    /// Complete a file at a position and print the suggestion as it is generated.
    ///
    /// For example, `foretell complete src/main.rs:8` completes the end of line 8. The file is not
    /// changed. Ctrl+C stops.
    Complete(WithEngine<commands::complete::Arguments>),
    /// Measure the speed of the server and the engine on this machine.
    Bench(WithEngine<foretell_lab::bench::Arguments>),
    /// Measure the quality of suggestions on cases with known answers.
    Eval(WithEngine<foretell_lab::eval::Arguments>),
    /// Fetch the runtime library and a model (once).
    ///
    /// On a machine with an NVIDIA GPU and CUDA 13, setup fetches the GPU build and falls back to
    /// the CPU if it does not work. `--provider cpu` skips the GPU; `--provider cuda` fails without
    /// it. `--provider webgpu` installs the WebGPU plugin and a model for it.
    ///
    /// Setup creates a Python environment in the data folder for the packages that fetch and import
    /// models; it changes nothing else on this machine. An interrupted setup resumes where it
    /// stopped. It needs Python 3.11 or later, and the network unless `--from` names a folder.
    Setup(WithEngine<commands::setup::Arguments>),
    /// List, add, select and remove models.
    #[command(subcommand)]
    Model(commands::model::Arguments),
    /// Print the effective settings and the path of the settings file, and report errors in it.
    ///
    /// An editor's own settings override these and are not included.
    Config {
        /// Print the JSON schema of all settings instead.
        #[arg(long)]
        schema: bool,
        #[command(flatten)]
        engine: EngineOptions,
    },
    /// Show how many suggestions were shown and accepted on this machine, and how fast they were.
    Stats {
        /// Print JSON.
        #[arg(long, conflicts_with = "markdown")]
        json: bool,
        /// Print a page in Markdown.
        #[arg(long)]
        markdown: bool,
    },
    /// Check the installation, measure its speed, and recommend what to change.
    ///
    /// Marks: ✓ good, ! worth a look, ✗ suggestions fail, - not checked. The exit code is 1 if a
    /// check fails.
    Doctor {
        /// Print JSON, for programs.
        #[arg(long)]
        json: bool,
        /// Skip slow checks: the model's hashes and speed, and requests to a remote server.
        #[arg(long)]
        quick: bool,
        /// Verify the model's hashes even if its files have not changed since the last time.
        #[arg(long, conflicts_with = "quick")]
        verify: bool,
        /// Measure the providers again, those that failed included, and select the fastest one.
        #[arg(long, conflicts_with = "quick")]
        retry_providers: bool,
        #[command(flatten)]
        engine: EngineOptions,
    },
    /// Print a completion script for a shell.
    ///
    /// For bash: foretell completions bash > ~/.local/share/bash-completion/completions/foretell
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Try one provider and print the result as one line of JSON.
    #[command(hide = true)]
    TryProvider(WithEngine<commands::try_provider::Arguments>),
    /// Write the manual pages to a folder.
    #[command(hide = true)]
    Man {
        /// The folder.
        folder: PathBuf,
    },
}

impl Command {
    /// The engine options of the command; the defaults if it has none.
    fn engine(&self) -> EngineOptions {
        let engine = match self {
            Self::Serve { engine, .. }
            | Self::Config { engine, .. }
            | Self::Doctor { engine, .. } => engine,
            Self::Complete(it) => &it.engine,
            Self::Bench(it) => &it.engine,
            Self::Eval(it) => &it.engine,
            Self::Setup(it) => &it.engine,
            Self::TryProvider(it) => &it.engine,
            Self::Model(_) | Self::Stats { .. } | Self::Completions { .. } | Self::Man { .. } => {
                return EngineOptions::default();
            }
        };
        engine.clone()
    }
}

/// The command line. Engine options are also accepted before the subcommand. The top-level options
/// are not global: subcommands that use them define their own.
fn command_line() -> clap::Command {
    Arguments::command().mut_args(|it| it.global(false))
}

/// Opens a log file that only this user can read, and empties it. On Unix, it is not emptied while
/// another server writes to it.
fn create_private(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.read(true).append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    // An existing file may be readable for others. Anything but a regular file keeps its
    // permissions: everyone uses `/dev/null`.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let metadata = file.metadata()?;
        if metadata.is_file() && metadata.permissions().mode() & 0o077 != 0 {
            file.set_permissions(PermissionsExt::from_mode(0o600))?;
        }
    }
    if file.metadata()?.is_file() {
        if cfg!(windows) || file.try_lock().is_ok() {
            file.set_len(0)?;
        }
        // Locked as long as this process writes to it. On Windows, a lock would prevent all writes.
        #[cfg(unix)]
        file.lock_shared()?;
    }
    Ok(file)
}

fn start_log(file: Option<&Path>, level: &str) -> anyhow::Result<()> {
    let filter = EnvFilter::try_from_env("FORETELL_LOG")
        .unwrap_or_else(|_| EnvFilter::new(format!("off,foretell={level}")));
    let (writer, spans) = match file {
        Some(path) => {
            let file = create_private(path).with_context(|| format!("{}", path.display()))?;
            (BoxMakeWriter::new(Mutex::new(file)), FmtSpan::CLOSE)
        }
        None => (BoxMakeWriter::new(std::io::stderr), FmtSpan::NONE),
    };
    tracing_subscriber::fmt()
        // Lost records are not reported: reporting them on a full standard error would end the
        // server.
        .log_internal_errors(false)
        .with_env_filter(filter)
        .with_writer(writer)
        .with_span_events(spans)
        .with_ansi(false)
        .init();
    Ok(())
}

/// Executes this program again in the same process, with the environment variable that disables
/// ONNX Runtime's telemetry: changing the environment of a running process is not safe. If this
/// fails, the library is not loaded: see [`library::is_silent`].
#[cfg(unix)]
fn silence_runtime() {
    use std::os::unix::process::CommandExt;
    if library::is_silent() {
        return;
    }
    let mut arguments = std::env::args_os();
    if let (Ok(program), Some(name)) = (std::env::current_exe(), arguments.next()) {
        let (silence, on) = library::SILENCE;
        let mut again = std::process::Command::new(program);
        let error = again.arg0(name).args(arguments).env(silence, on).exec();
        print_message(&format!("cannot restart with {silence}={on}: {error}"));
    }
}

/// Prints a message to standard error, and ignores write errors.
fn print_message(text: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "foretell: {}", printable(&without_codes(text)));
}

/// Removes the system's error numbers from a message, because they do not help users.
fn without_codes(message: &str) -> String {
    let mut parts = message.split(" (os error ");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_once(')') {
            Some((_, rest)) => text.push_str(rest),
            None => text.extend([" (os error ", part]),
        }
    }
    text
}

/// Logs the location of panics without their message: it may quote the user's code, and editors
/// keep a server's log.
fn keep_panics_to_places() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map_or_else(String::new, ToString::to_string);
        tracing::error!("this is a bug in Foretell, please report it: panicked at {place}");
    }));
}

/// Resolves a path against the working folder.
pub(crate) fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// Whether the reader of standard output has closed it, as in `foretell doctor | head -n 3`.
fn is_output_closed(error: &anyhow::Error) -> bool {
    // Errors of other pipes have a context around them.
    let outermost = error.chain().next().and_then(|it| it.downcast_ref::<io::Error>());
    outermost.is_some_and(|it| it.kind() == io::ErrorKind::BrokenPipe)
}

fn parse_arguments() -> Result<Arguments, ExitCode> {
    let parsed = command_line().try_get_matches();
    parsed.and_then(|it| Arguments::from_arg_matches(&it)).map_err(|error| {
        if !error.use_stderr() {
            let _ = error.print();
            return ExitCode::SUCCESS;
        }
        // The message quotes the arguments, which may contain control characters.
        use std::io::Write;
        let _ = write!(std::io::stderr(), "{}", printable(&error.render().to_string()));
        ExitCode::from(2)
    })
}

fn main() -> ExitCode {
    #[cfg(unix)]
    silence_runtime();
    let arguments = match parse_arguments() {
        Ok(arguments) => arguments,
        Err(code) => return code,
    };
    let command = arguments.command;
    let command = command.unwrap_or(Command::Serve {
        stdio: true,
        http: commands::serve::Http::default(),
        engine: EngineOptions::default(),
    });
    let engine = command.engine().or(arguments.engine);
    let settings = engine.settings();
    // The log goes to standard error, because stdout carries the protocol; other commands log
    // nothing by default, so that their output stays readable.
    let level = match (&engine.log, &command) {
        (Some(_), _) => "debug",
        (None, Command::Serve { .. }) => "info",
        (None, _) => "off",
    };
    if matches!(&command, Command::Serve { http, .. } if !http.is_alone())
        && std::io::stdin().is_terminal()
    {
        print_message(
            "this is a language server, waiting for an editor; `foretell help` lists the other commands, \
 Ctrl+C ends it",
        );
    }
    if let Err(error) = start_log(engine.log.as_deref(), level) {
        print_message(&format!("{error:#}"));
        return ExitCode::FAILURE;
    }
    if matches!(command, Command::Serve { .. }) {
        keep_panics_to_places();
    }
    match run(command, Startup::new(settings)) {
        Ok(code) => code,
        Err(error) if is_output_closed(&error) => ExitCode::FAILURE,
        Err(error) => {
            print_message(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command, startup: Startup) -> anyhow::Result<ExitCode> {
    match command {
        Command::Serve { http, .. } => commands::serve::run(startup, &http),
        Command::Complete(arguments) => {
            commands::complete::run(&settings(&startup), &arguments.own)
        }
        Command::Bench(arguments) => foretell_lab::bench::run(&settings(&startup), &arguments.own),
        Command::Eval(arguments) => foretell_lab::eval::run(&settings(&startup), &arguments.own),
        Command::Setup(arguments) => commands::setup::run(&settings(&startup), &arguments.own),
        Command::TryProvider(arguments) => {
            commands::try_provider::run(&settings(&startup), &arguments.own)
        }
        Command::Model(arguments) => {
            commands::model::run(&settings(&startup).model.name, &arguments)
        }
        Command::Config { schema, .. } => commands::config::run(&startup, schema),
        Command::Stats { json, markdown } => commands::stats::run(json, markdown),
        Command::Doctor { json, quick, verify, retry_providers, .. } => {
            let options = commands::doctor::Options { json, quick, verify, retry_providers };
            commands::doctor::run(&startup, options)
        }
        Command::Completions { shell } => {
            commands::shell_assets::completions(command_line(), shell)
        }
        Command::Man { folder } => commands::shell_assets::man(command_line(), &folder),
    }
}

/// The effective settings. Prints the errors in them to standard error.
fn settings(startup: &Startup) -> Config {
    let (config, invalid) = startup.config();
    invalid.iter().for_each(|it| print_message(it));
    config
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_numbers_are_removed() {
        let message = "a.rs: No such file or directory (os error 2); b (os error";
        assert_eq!(without_codes(message), "a.rs: No such file or directory; b (os error");
        assert_eq!(without_codes("a (os error 13): b"), "a: b");
    }

    #[test]
    fn engine_options_belong_to_commands_that_use_them() {
        let has_model = |name: &str| {
            let mut all = command_line();
            all.build();
            let command = all.find_subcommand(name).unwrap();
            command.get_arguments().any(|it| it.get_id() == "model")
        };
        assert!(
            ["serve", "complete", "bench", "eval", "setup", "config", "doctor"]
                .iter()
                .all(|it| has_model(it))
        );
        assert!(!["stats", "model", "completions", "man"].iter().any(|it| has_model(it)));
        let threads = |arguments: &[&str]| {
            let matches = command_line().try_get_matches_from(arguments).ok()?;
            let it = Arguments::from_arg_matches(&matches).ok()?;
            it.command?.engine().or(it.engine).threads
        };
        assert_eq!(threads(&["foretell", "--threads", "3", "doctor"]), Some(3));
        assert_eq!(
            threads(&["foretell", "--threads", "3", "bench", "engine", "--threads", "4"]),
            Some(4)
        );
        assert_eq!(threads(&["foretell", "doctor", "--threads", "four"]), None);
    }

    #[test]
    #[cfg(unix)]
    fn several_servers_can_write_into_one_log() {
        use std::io::Write;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        std::fs::write(&path, "of yesterday").unwrap();
        let mut one = create_private(&path).unwrap();
        one.write_all(b"one ").unwrap();
        let mut other = create_private(&path).unwrap();
        other.write_all(b"other ").unwrap();
        drop(one);
        let mut third = create_private(&path).unwrap();
        third.write_all(b"third").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "one other third");
    }

    #[test]
    #[cfg(unix)]
    fn a_log_that_is_no_file_keeps_its_rights() {
        use std::os::unix::fs::PermissionsExt;
        let mode = || std::fs::metadata("/dev/null").unwrap().permissions().mode();
        let before = mode();
        create_private(Path::new("/dev/null")).unwrap();
        assert_eq!(mode(), before);
    }

    #[test]
    fn a_panic_tells_its_place_and_not_what_it_says() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let writer = Mutex::new(create_private(&path).unwrap());
        let log = tracing_subscriber::fmt().with_writer(writer).with_ansi(false).finish();
        tracing::subscriber::with_default(log, || {
            let before = std::panic::take_hook();
            keep_panics_to_places();
            let panicked = std::panic::catch_unwind(|| panic!("at `let password`"));
            std::panic::set_hook(before);
            assert!(panicked.is_err());
        });
        let message = std::fs::read_to_string(&path).unwrap();
        assert!(message.contains("main.rs:"), "{message}");
        assert!(message.contains("please report it: panicked at "), "{message}");
        assert!(!message.contains("password"), "{message}");
    }
}

//! `foretell try-provider`: tries one provider in a process of its own and prints one line of JSON.
//! Hidden, since it only makes sense next to other trials.

use std::{
    io::{self, Read, Write},
    process::ExitCode,
    thread,
};

use anyhow::Context;
use foretell_config::Config;
use foretell_engine::{
    bundle::Bundle,
    paths::model_path,
    provider::{Provider, Setting},
    trial::{self, Report, Trial},
};

/// The arguments of `foretell try-provider`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The tokens that the CPU generated. Without them, the provider's own tokens are used.
    #[arg(long, value_name = "IDS", value_delimiter = ',')]
    reference: Option<Vec<u32>>,
    /// Leave the processor to other programs.
    #[arg(long)]
    background: bool,
}

/// Tries the provider in the settings. Ends when standard input is closed: then, the process that
/// waits for the result has ended.
///
/// # Errors
/// If standard output fails.
pub(crate) fn run(config: &Config, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    platform::restrict(arguments.background);
    thread::spawn(|| {
        // Nothing is sent: this waits for the end or an error.
        let _ = io::copy(&mut io::stdin().lock().by_ref(), &mut io::sink());
        platform::end_at_once();
    });
    let report = match try_provider(config, arguments.reference.as_deref()) {
        Ok(trial) => Report::Ran(trial),
        Err(error) => Report::Failed(format!("{error:#}")),
    };
    writeln!(io::stdout().lock(), "{}", serde_json::to_string(&report)?)?;
    Ok(match report {
        Report::Ran(_) => ExitCode::SUCCESS,
        Report::Failed(_) => ExitCode::FAILURE,
    })
}

fn try_provider(config: &Config, reference: Option<&[u32]>) -> anyhow::Result<Trial> {
    let provider = match config.model.provider {
        Setting::Only(provider) => Some(provider),
        Setting::Auto => None,
    };
    let provider: Provider = provider.context("`--provider` must name a provider")?;
    let bundle = Bundle::open(&model_path(&config.model.name))?;
    trial::run(provider, &bundle, &config.model.options()?, reference)
}

#[cfg(unix)]
mod platform {
    use rustix::process::{
        Resource, Rlimit, Signal, getpgrp, getpid, kill_current_process_group, kill_process, nice,
        setrlimit,
    };

    /// A crash must not leave a core file in the user's workspace.
    pub(super) fn restrict(is_background: bool) {
        let no_core = Rlimit { current: Some(0), maximum: Some(0) };
        if let Err(error) = setrlimit(Resource::Core, no_core) {
            tracing::debug!("core files stay possible: {error}");
        }
        if is_background && let Err(error) = nice(19) {
            tracing::debug!("the priority stays: {error}");
        }
    }

    /// Ends the process and what it started, whatever its threads do. A normal exit would wait for
    /// a driver that hangs.
    pub(super) fn end_at_once() {
        let pid = getpid();
        let _ = if getpgrp() == pid {
            kill_current_process_group(Signal::KILL)
        } else {
            kill_process(pid, Signal::KILL)
        };
    }
}

#[cfg(not(unix))]
mod platform {
    pub(super) fn restrict(_is_background: bool) {}

    pub(super) fn end_at_once() {
        std::process::abort();
    }
}

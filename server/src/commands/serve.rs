//! `foretell serve`.

use std::{process::ExitCode, sync::Arc};

use foretell::{completer::Completer, config::Config, server, session::Session};

/// Serves one client on standard input and output.
pub(crate) fn run(config: &Config) -> anyhow::Result<ExitCode> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_time().build()?;
    let session = Arc::new(Session::new(Completer::start(config), config));
    runtime.block_on(server::serve(session, tokio::io::stdin(), tokio::io::stdout()));
    // A thread may wait in a read of stdin that never returns, and the engine may be in a run.
    runtime.shutdown_background();
    std::process::exit(0)
}

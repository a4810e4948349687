//! `foretell serve`.

use std::{process::ExitCode, sync::Arc, time::Duration};

use foretell::{completer::Completer, config::Config, server, session::Session};

/// Serves one client on standard input and output.
pub(crate) fn run(config: &Config) -> anyhow::Result<ExitCode> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_time().build()?;
    let session = Arc::new(Session::new(Completer::start(config), config));
    runtime.block_on(async {
        let (input, output) = (Box::new(tokio::io::stdin()), Box::new(tokio::io::stdout()));
        server::serve(Arc::clone(&session), input, output).await;
        if let Some(session) = Arc::into_inner(session) {
            // A run of the model ends within one read; a load that hangs must not keep us.
            let _ = tokio::time::timeout(Duration::from_millis(900), session.close()).await;
        }
    });
    // A thread may wait in a read of stdin that never returns.
    runtime.shutdown_background();
    std::process::exit(0)
}

//! `foretell serve`: runs the language server.

use std::{process::ExitCode, sync::Arc, time::Duration};

use foretell_engine::paths::data_folder;
use foretell_lsp as server;
use foretell_lsp::Startup;
use foretell_session::{completer::Completer, session::Session, stats::Store};

/// The time between two saves of the session's counts.
const SAVE_INTERVAL: Duration = Duration::from_secs(60);

/// One thread each for reading messages, writing messages and reading workspace files, and a spare.
const MAX_BLOCKING_THREADS: usize = 4;

/// Serves one client on standard input and output, then exits the process.
///
/// # Errors
/// If the runtime cannot be created.
pub(crate) fn run(startup: Startup) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .max_blocking_threads(MAX_BLOCKING_THREADS)
        .enable_time()
        .build()?;
    let session = Arc::new(Session::new(Box::new(Completer::start)));
    let store = Store::new(&data_folder());
    let save_counts = |session: &Session| {
        if session.keeps_counts()
            && let Err(error) = store.write(&session.counts())
        {
            tracing::warn!("cannot save the counts: {error}");
        }
    };
    runtime.block_on(async {
        let (input, output) = (Box::new(tokio::io::stdin()), Box::new(tokio::io::stdout()));
        let serve = server::serve(Arc::clone(&session), startup, input, output);
        tokio::pin!(serve);
        loop {
            tokio::select! {
                () = &mut serve => break,
                () = tokio::time::sleep(SAVE_INTERVAL) => save_counts(&session),
            }
        }
        // A cancelled generation ends after the current model run; a load that hangs must not keep
        // the process alive.
        let _ = tokio::time::timeout(Duration::from_millis(900), session.shut_down()).await;
    });
    save_counts(&session);
    // A thread may be blocked in a read of stdin that never returns.
    runtime.shutdown_background();
    std::process::exit(0)
}

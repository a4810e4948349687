//! `foretell serve`: runs the language server.

use std::{process::ExitCode, sync::Arc, thread, time::Duration};

use foretell_config::{Config, engine::Kind};
use foretell_engine::{EngineState, paths::data_folder};
use foretell_lsp as server;
use foretell_lsp::Startup;
use foretell_session::{completer::Completer, session::Session, stats::Store};
use tokio::runtime::Handle;

use super::providers;

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
    let handle = runtime.handle().clone();
    let session = Arc::new(Session::new(Box::new(move |config| start(config, &handle))));
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

/// Starts the engine. Once it has loaded its model, the providers are measured in the background if
/// something has changed. The result applies when the model is loaded next: a provider is not
/// exchanged while the user types.
fn start(config: &Config, runtime: &Handle) -> Completer {
    let completer = Completer::start(config);
    if config.engine.kind == Kind::Local {
        let (mut states, config) = (completer.states(), config.clone());
        runtime.spawn(async move {
            let loaded = states.wait_for(|it| *it != EngineState::Loading).await;
            if !loaded.is_ok_and(|it| *it == EngineState::Ready) {
                return;
            }
            // Not a thread of the runtime: it may take a minute.
            thread::spawn(move || {
                if let Err(error) = providers::measure_if_changed(&config) {
                    tracing::warn!("the providers were not measured: {error:#}");
                }
            });
        });
    }
    completer
}

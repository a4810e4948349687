//! `foretell serve`: runs the language server, and the HTTP server if the user asks for it.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    process::ExitCode,
    sync::Arc,
    thread,
    time::Duration,
};

use anyhow::{Context, ensure};
use foretell_config::{Config, engine::Kind};
use foretell_engine::{EngineState, paths::data_folder};
use foretell_http::{HttpError, Options, SEND_TIME};
use foretell_lsp as server;
use foretell_lsp::Startup;
use foretell_session::{completer::Completer, session::Session, stats::Store};
use tokio::{runtime::Handle, sync::watch};

use super::providers;

/// The time between two saves of the session's counts.
const SAVE_INTERVAL: Duration = Duration::from_secs(60);

/// One thread each for reading messages, writing messages and reading workspace files, and a spare.
const MAX_BLOCKING_THREADS: usize = 4;

/// The port that llama.cpp's editor plugins expect.
const HTTP_PORT: u16 = 8012;

/// The environment variable with the token, instead of a file.
const HTTP_TOKEN: &str = "FORETELL_HTTP_TOKEN";

/// Options of the HTTP server.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Http {
    /// Also answer HTTP requests at this address, for example 127.0.0.1:8012.
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    http: Option<SocketAddr>,

    /// Answer HTTP requests only, without an editor on standard input; at 127.0.0.1:8012 unless
    /// `--http` names another address.
    #[arg(long)]
    http_only: bool,

    /// Permit an address that other machines can reach. Requires a token.
    #[arg(long)]
    http_any: bool,

    /// Require the token in this file from HTTP clients, as a bearer token (an API key). Without a
    /// file, FORETELL_HTTP_TOKEN may contain it.
    #[arg(long, value_name = "FILE")]
    http_token_file: Option<PathBuf>,

    /// Return texts as the model writes them, without confidence and policy, unless a request has
    /// `"raw": false`.
    #[arg(long)]
    http_raw: bool,
}

fn address(text: &str) -> Result<SocketAddr, &'static str> {
    let text = text.replace("localhost:", "127.0.0.1:");
    text.parse().map_err(|_| "expected an IP address and a port, for example 127.0.0.1:8012")
}

impl Http {
    /// Whether there is no editor.
    pub(crate) fn is_alone(&self) -> bool {
        self.http_only
    }

    /// The options; `None` if the HTTP server is off.
    fn options(&self) -> anyhow::Result<Option<Options>> {
        let default = (Ipv4Addr::LOCALHOST, HTTP_PORT).into();
        let Some(address) = self.http.or(self.http_only.then_some(default)) else {
            let is_off = !self.http_any && !self.http_raw && self.http_token_file.is_none();
            ensure!(is_off, "the options of the HTTP server require `--http`");
            return Ok(None);
        };
        let token = match &self.http_token_file {
            Some(path) => {
                let text = std::fs::read_to_string(path);
                Some(text.with_context(|| path.display().to_string())?.trim().to_owned())
            }
            None => std::env::var(HTTP_TOKEN).ok().filter(|it| !it.is_empty()),
        };
        let options = Options {
            address,
            is_any: self.http_any,
            token,
            is_raw: self.http_raw,
            send_time: SEND_TIME,
        };
        options.check()?;
        Ok(Some(options))
    }
}

/// Serves one client on standard input and output, guests with `http`, then exits the process.
///
/// # Errors
/// If the runtime cannot be created, or guests cannot be served as the options say.
pub(crate) fn run(startup: Startup, http: &Http) -> anyhow::Result<ExitCode> {
    let options = http.options()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .max_blocking_threads(MAX_BLOCKING_THREADS)
        .enable_time()
        .build()?;
    let handle = runtime.handle().clone();
    let session = Arc::new(Session::new(Box::new(move |config| start(config, &handle))));
    if let Some(options) = options {
        match foretell_http::serve(Arc::clone(&session), options) {
            Ok(_) => {}
            // Another editor may have started a server at this address.
            Err(HttpError::Listen(address, error)) if !http.http_only => {
                tracing::error!("cannot listen on {address}: {error}; the editor is served");
            }
            Err(error) => return Err(error.into()),
        }
    }
    if http.http_only {
        let (config, invalid) = startup.config();
        invalid.iter().for_each(|it| tracing::warn!("{it}"));
        session.configure(config);
        runtime.block_on(session.ended());
        return Ok(ExitCode::SUCCESS);
    }
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

/// Starts the engine, and measures the providers in the background if something has changed.
fn start(config: &Config, runtime: &Handle) -> Completer {
    let completer = Completer::start(config);
    if config.engine.kind == Kind::Local {
        let config = config.clone();
        let measure = move || providers::measure_if_changed(&config);
        measure_once_loaded(completer.states(), runtime, measure);
    }
    completer
}

/// Measures the providers once the model is loaded and takes requests. The result applies when the
/// model is loaded next: a provider is not exchanged while the user types.
pub(super) fn measure_once_loaded(
    mut states: watch::Receiver<EngineState>,
    runtime: &Handle,
    measure: impl FnOnce() -> anyhow::Result<()> + Send + 'static,
) {
    runtime.spawn(async move {
        let loaded = states.wait_for(|it| *it != EngineState::Loading).await;
        if !loaded.is_ok_and(|it| matches!(*it, EngineState::Ready | EngineState::Partial(_))) {
            return;
        }
        // Not a thread of the runtime: it may take a minute.
        thread::spawn(move || {
            if let Err(error) = measure() {
                tracing::warn!("the providers were not measured: {error:#}");
            }
        });
    });
}

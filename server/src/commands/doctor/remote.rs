//! Checks a remote server that runs the model.

use foretell_config::Config;
use foretell_engine::{EngineState, Failure, FinishReason, Progress};
use foretell_session::{
    completer::{Completer, GenerationOptions},
    document::Snapshot,
};

use crate::commands::rates::seconds;

use super::{check::Check, eagerness};

/// The document to complete: a fixed text, so that none of the user's code is sent.
const TEXT: &str = "def add(a, b):\n    return \n\n\nprint(add(1, 2))\n";
/// The cursor in [`TEXT`], a char_idx.
const CURSOR: usize = 26;

/// Requests a suggestion from the server. Returns one failed check, or the server's and its
/// latency.
///
/// # Errors
/// If the runtime cannot be created.
pub(super) fn check(config: &Config, url: &str) -> anyhow::Result<Vec<Check>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let completer = Completer::start(config);
    let progress = runtime.block_on(async {
        if let EngineState::Failed(failure) = completer.loaded().await {
            return Err(failure);
        }
        let snapshot = Snapshot::of_text("file:///doctor.py", "python", TEXT);
        let options = GenerationOptions::one(&config.suggest);
        let Some(mut generation) = completer.generate(&snapshot, CURSOR, &options) else {
            return Err(Failure::message("the engine is not ready"));
        };
        while generation.progress().finish.is_none() && generation.changed().await {}
        match generation.progress() {
            Progress { finish: Some(FinishReason::Failed(failure)), .. } => Err(failure),
            progress => Ok(progress),
        }
    });
    Ok(match progress {
        Err(failure) => vec![Check::bad("remote", failure.to_string())],
        Ok(Progress { text, figures, confidence, .. }) => {
            let summary = format!("{url}: the text around the cursor is sent to it");
            let remote = Check::good("remote", summary)
                .with_details(vec![format!("after `return ` in a function add(a, b): {text:?}")]);
            let first = figures.first_token_ms.map_or("-".to_owned(), seconds);
            let latency = format!(
                "{first} to the first text, {} until the suggestion is complete",
                seconds(figures.total_ms)
            );
            let latency = Check::good("latency", latency);
            let sends_them = confidence.is_some().then_some(true);
            let sends_them = sends_them.or((!text.is_empty()).then_some(false));
            let eagerness = eagerness::check_remote(config, sends_them);
            [remote, latency].into_iter().chain(eagerness).collect()
        }
    })
}

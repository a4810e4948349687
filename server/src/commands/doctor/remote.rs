//! The checks of a server that computes in the place of a model here.

use foretell_config::Config;
use foretell_engine::{EngineState, Failure, FinishReason, Progress};
use foretell_session::{
    completer::{Completer, GenerationOptions},
    document::Snapshot,
};

use super::{check::Check, rates::seconds};

/// What the server is asked: no text of the user's.
const TEXT: &str = "def add(a, b):\n    return \n\n\nprint(add(1, 2))\n";
/// The cursor in it, a char_idx.
const CURSOR: usize = 26;

/// Asks the server for a line.
pub(super) fn checks(config: &Config, url: &str) -> anyhow::Result<Vec<Check>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let completer = Completer::start(config);
    let progress = runtime.block_on(async {
        if let EngineState::Failed(failure) = completer.loaded().await {
            return Err(failure);
        }
        let snapshot = Snapshot::of_text("file:///doctor.py", "python", TEXT);
        let wanted = GenerationOptions::one(&config.suggest);
        let Some(mut draft) = completer.generate(&snapshot, CURSOR, &wanted) else {
            return Err(Failure::message("the engine is not ready"));
        };
        while draft.progress().finish.is_none() && draft.changed().await {}
        match draft.progress() {
            Progress { finish: Some(FinishReason::Failed(failure)), .. } => Err(failure),
            progress => Ok(progress),
        }
    });
    Ok(match progress {
        Err(failure) => vec![Check::bad("remote", failure.to_string())],
        Ok(Progress { text, figures, .. }) => {
            let what = format!("{url}: the text around the cursor is sent there");
            let remote = Check::good("remote", what)
                .with_details(vec![format!("after `return ` in a function add(a, b): {text:?}")]);
            let first = figures.first_token_ms.map_or("-".to_owned(), seconds);
            let latency =
                format!("{first} to the first text, {} to its end", seconds(figures.total_ms));
            vec![remote, Check::good("latency", latency)]
        }
    })
}

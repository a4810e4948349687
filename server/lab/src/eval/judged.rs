//! The model as the judge of the next edit.

use std::{cell::RefCell, collections::HashMap};

use foretell_edits::{Candidate, Query};
use foretell_engine::{FinishReason, Progress};
use foretell_session::{
    completer::{Completer, preference},
    document::Snapshot,
    prompt::judged::JudgedEdit,
};
use tokio::runtime::Runtime;

/// Has the model judge an edit. `None` if it changes no tokens.
///
/// # Errors
/// If the model fails.
pub(super) async fn judge(
    completer: &Completer,
    snapshot: &Snapshot,
    edit: &JudgedEdit,
) -> anyhow::Result<Option<Progress>> {
    let Some(mut generation) = completer.judge(snapshot, edit) else { return Ok(None) };
    while generation.progress().finish.is_none() && generation.changed().await {}
    let progress = generation.progress();
    match progress.finish {
        Some(FinishReason::Failed(failure)) => anyhow::bail!("{failure}"),
        _ => Ok(Some(progress)),
    }
}

/// How much the model prefers a candidate, in nats. `None` for one that is offered without the model.
/// A failure counts as a rejection. A candidate that was judged before is not judged again, so that
/// several margins cost little more than one.
pub(super) fn judge_candidates<'a>(
    completer: &'a Completer,
    runtime: &'a Runtime,
) -> impl Fn(&Query, &Candidate) -> Option<f32> + 'a {
    let known: RefCell<HashMap<String, f32>> = RefCell::default();
    move |query, candidate| {
        if candidate.kind.is_proved() {
            return None;
        }
        let key = format!("{query:?}{candidate:?}");
        if let Some(preference) = known.borrow().get(&key) {
            return Some(*preference);
        }
        let snapshot = Snapshot::of_text(&query.uri, &query.language, &query.text);
        let edit = JudgedEdit::new(&snapshot, candidate, &query.placed);
        let judged = runtime.block_on(judge(completer, &snapshot, &edit));
        let preference = judged.ok().flatten().and_then(|it| preference(&it));
        let preference = preference.map_or(f32::NEG_INFINITY, |it| it as f32);
        known.borrow_mut().insert(key, preference);
        Some(preference)
    }
}

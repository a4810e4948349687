//! Applies the rules to a recorded text of the model, as the engine applies them while it decodes.

use std::sync::Arc;

use foretell_engine::{Confidence, FinishReason};
use foretell_policy::{Phase, Policy, Scans, Style, Trees};
use foretell_session::{document::Snapshot, prompt};

use super::answers::Answer;

/// The rules at a cursor (a char_idx), without a model.
pub(super) fn policy(
    trees: &Arc<Trees>,
    snapshot: &Snapshot,
    cursor: usize,
    style: Style,
) -> Policy {
    let policy = Policy::new(prompt::cursor_context(snapshot, cursor));
    let policy = match prompt::document(snapshot, cursor) {
        Some((before, after)) => {
            let scans = Arc::<Scans>::default();
            policy.with_document(&scans, &snapshot.uri, before, after)
        }
        None => policy,
    };
    policy.with_syntax(prompt::syntax(trees, snapshot, cursor)).with_style(style)
}

/// The served part of a text that was generated without rules.
pub(super) fn served(policy: &Policy, uncut: &Answer) -> Answer {
    let pieces = uncut.confidence.iter().flat_map(Confidence::pieces);
    let mut confidence = Confidence::default();
    let mut shown_bytes = 0;
    for piece in pieces {
        let text = &uncut.text[..piece.end];
        confidence.push(policy.written(text).len(), piece.log_probability);
        let cut = policy.cut(text, Phase::Partial);
        shown_bytes = shown_bytes.max(cut.keep_bytes);
        if let Some(stop) = cut.stop {
            return Answer {
                text: policy.written(&text[..shown_bytes]).into_owned(),
                finish: Some(FinishReason::Stopped(stop)),
                confidence: Some(confidence),
                ..uncut.clone()
            };
        }
    }
    let cut =
        policy.cut(&uncut.text, uncut.finish.as_ref().map_or(Phase::Partial, FinishReason::phase));
    shown_bytes = shown_bytes.max(cut.keep_bytes);
    let finish = cut.stop.map(FinishReason::Stopped).or_else(|| uncut.finish.clone());
    let text = policy.written(&uncut.text[..shown_bytes]).into_owned();
    Answer { text, finish, confidence: Some(confidence), ..uncut.clone() }
}

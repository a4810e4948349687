//! The rows of the `--texts` file.

use foretell_engine::FinishReason;
use serde_json::{Value, json};

use super::{
    answers::Outcome,
    shown::{THRESHOLDS, shown_at},
};

/// A case with its texts.
pub(super) fn row(outcome: &Outcome) -> Value {
    let Outcome { case, answer, ablated, .. } = outcome;
    let pieces = answer.confidence.iter().flat_map(|it| it.pieces());
    let shown = |at: f32| (at.to_string(), json!(shown_at(case, answer, at)));
    json!({
        "path": case.path,
        "kind": case.kind,
        "language": case.language,
        "line_before": case.prefix.rsplit('\n').next(),
        "line_after": case.suffix.split('\n').next(),
        "expected": case.expected,
        "processed": answer.text,
        "beside": outcome.other_texts,
        "set": outcome.set,
        // Where each part of the text ends, and its log-probability.
        "pieces": pieces.map(|it| json!([it.end, it.log_probability])).collect::<Value>(),
        "shown": Value::Object(THRESHOLDS.map(shown).into_iter().collect()),
        "finish": answer.finish.as_ref().map(FinishReason::name),
        "read": answer.figures.read,
        "total_ms": answer.figures.total_ms,
        "generated": answer.figures.generated,
        "as_served": ablated.as_ref().map(|it| it.is_as_served),
        "without": ablated.as_ref().map(|it| &it.texts),
    })
}

//! The rows of the `--texts` file.

use foretell_engine::{FinishReason, calibration::Key};
use serde_json::{Value, json};

use super::{
    answers::Outcome,
    shown::{THRESHOLDS, shown_at},
};

/// A case with its texts, by a model. `recorded` reads it again.
pub(super) fn row(outcome: &Outcome, model: &Key) -> Value {
    let Outcome { case, answer, ablated, .. } = outcome;
    let pieces = answer.confidence.iter().flat_map(|it| it.pieces());
    let shown = |at: f32| (at.to_string(), json!(shown_at(outcome, at)));
    json!({
        "path": case.path,
        "kind": case.kind,
        "language": case.language,
        "prefix": case.prefix,
        "suffix": case.suffix,
        "expected": case.expected,
        "processed": answer.text,
        "beside": outcome.other_texts,
        "set": outcome.set,
        "model": model,
        // Where each part of the text ends, and its log-probability as the model says it.
        "pieces": pieces.map(|it| json!([it.end, it.log_probability])).collect::<Value>(),
        // What is shown at each threshold, with the calibration.
        "shown": Value::Object(THRESHOLDS.map(shown).into_iter().collect()),
        "finish": answer.finish.as_ref().map(FinishReason::name),
        "read": answer.figures.read,
        "total_ms": answer.figures.total_ms,
        "generated": answer.figures.generated,
        "as_served": ablated.as_ref().map(|it| it.is_as_served),
        "without": ablated.as_ref().map(|it| &it.texts),
    })
}

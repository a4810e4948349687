//! Reads the output of `--texts`, so that thresholds and calibrations can be judged without a
//! model.

use std::{fs, path::Path};

use anyhow::{Context, ensure};
use foretell_engine::{Confidence, FinishReason, GenerationMetrics, calibration::Key};
use foretell_policy::StopRule;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{
    answers::{Answer, Outcome, verdict_of},
    cases::Case,
    measures::Verdict,
};

/// The fields of a row that are read; the others can be derived.
#[derive(Deserialize)]
struct Row {
    #[serde(flatten)]
    case: Case,
    set: String,
    model: Key,
    processed: String,
    #[serde(default)]
    beside: Map<String, Value>,
    pieces: Vec<(usize, Option<f32>)>,
    finish: Option<String>,
    #[serde(default)]
    read: usize,
    #[serde(default)]
    generated: usize,
    #[serde(default)]
    total_ms: f64,
}

/// Reads the first `limit` rows of a file, and the model that generated them.
///
/// # Errors
/// If the file cannot be read, a line is not a valid row, the rows are of several models, or there
/// is none.
pub(super) fn read(path: &Path, limit: usize) -> anyhow::Result<(Key, Vec<Outcome>)> {
    let text = fs::read_to_string(path).with_context(|| format!("{}", path.display()))?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let mut model: Option<Key> = None;
    let mut outcomes = Vec::new();
    for (i, line) in lines.take(limit) {
        let at = || format!("{}:{}", path.display(), i + 1);
        let row: Row = serde_json::from_str(line).with_context(at)?;
        let first = model.get_or_insert_with(|| row.model.clone());
        ensure!(*first == row.model, "{}: text from another model", at());
        outcomes.push(outcome(row).with_context(at)?);
    }
    let model = model.with_context(|| format!("{}: no texts", path.display()))?;
    Ok((model, outcomes))
}

fn outcome(row: Row) -> anyhow::Result<Outcome> {
    let mut confidence = Confidence::default();
    let mut last = 0;
    for (end, log_probability) in &row.pieces {
        ensure!(*end > last, "pieces must be in ascending order");
        last = *end;
        confidence.push(*end, log_probability.unwrap_or(f32::NEG_INFINITY));
    }
    let finish = row.finish.as_deref().map(finish).transpose()?;
    let beside = |name: &str| row.beside.get(name).and_then(Value::as_str);
    let verdict = |name: &str| -> Option<Verdict> { Some(verdict_of(beside(name)?, &row.case)) };
    Ok(Outcome {
        set: row.set.clone(),
        processed: verdict_of(&row.processed, &row.case),
        raw: verdict("raw"),
        plain: verdict("plain"),
        unhealed: verdict("unhealed"),
        alone: verdict("alone"),
        answer: Answer {
            text: row.processed.clone(),
            finish,
            figures: GenerationMetrics {
                read: row.read,
                generated: row.generated,
                total_ms: row.total_ms,
                ..GenerationMetrics::default()
            },
            confidence: Some(confidence),
        },
        calibrated: None,
        other_texts: row.beside,
        case: row.case,
        ablated: None,
    })
}

/// Returns the reason with this name.
fn finish(name: &str) -> anyhow::Result<FinishReason> {
    use FinishReason::{
        Cancelled, ContextFull, EndOfText, MaxTokens, NotText, PromptRead, Recalled, Stopped,
    };
    let ends =
        [EndOfText, MaxTokens, ContextFull, NotText, Recalled, PromptRead, Cancelled].into_iter();
    let mut all = ends.chain(StopRule::ALL.into_iter().map(Stopped));
    all.find(|it| it.name() == name).with_context(|| format!("unknown reason {name:?}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read_rows(rows: &[Value]) -> anyhow::Result<(Key, Vec<Outcome>)> {
        let file = tempfile::NamedTempFile::new().unwrap();
        let lines: String = rows.iter().map(|it| format!("{it}\n")).collect();
        fs::write(file.path(), lines).unwrap();
        read(file.path(), usize::MAX)
    }

    fn row(processed: &str, finish: &str) -> Value {
        json!({
            "path": "a.py", "language": "python", "kind": "mid_line", "set": "dev",
            "prefix": "x = ", "suffix": "\n", "expected": "load(path)",
            "model": {"model": "m", "quantization": "mixed", "source_sha256": "00"},
            "processed": processed, "beside": {"raw": "load(path)\n"},
            "pieces": [[4, -0.1], [5, -0.2], [processed.len(), null]], "finish": finish,
        })
    }

    #[test]
    fn recorded_text_is_judged_like_a_generated_one() {
        let (model, outcomes) = read_rows(&[row("load(name)", "line_end")]).unwrap();
        let [it] = &outcomes[..] else { panic!("one outcome") };
        assert_eq!(model.quantization, "mixed");
        assert!(!it.processed.is_line_exact && it.raw.unwrap().is_line_exact);
        assert_eq!(it.answer.finish, Some(FinishReason::Stopped(StopRule::LineEnd)));
        let confidence = it.answer.confidence.as_ref().unwrap();
        assert!((confidence.log_probability(0, 5) + 0.3).abs() < 1e-6);
        assert_eq!(confidence.log_probability(0, 10), f64::NEG_INFINITY);
        // Writing it again does not change the row.
        let written = super::super::rows::row(it, &model);
        let (_, again) = read_rows(&[written]).unwrap();
        assert_eq!(again[0].answer.confidence, it.answer.confidence);
    }

    #[test]
    fn invalid_rows_are_reported() {
        let mut other = row("load(x)", "line_end");
        other["model"]["quantization"] = json!("int8");
        let mut reversed = row("load(x)", "line_end");
        reversed["pieces"] = json!([[4, -1.0], [2, -1.0]]);
        for (rows, expected) in [
            (vec![row("load(x)", "line_end"), other], ":2: text from another model"),
            (vec![row("load(x)", "boredom")], "unknown reason \"boredom\""),
            (vec![reversed], "pieces must be in"),
            (vec![json!({})], ":1: "),
            (vec![], "no texts"),
        ] {
            let error = format!("{:#}", read_rows(&rows).err().unwrap());
            assert!(error.contains(expected), "{error}");
        }
    }
}

//! Reads the output of `--texts`, so that thresholds and calibrations can be judged without a
//! model.

use std::{fs, path::Path, sync::Arc};

use anyhow::{Context, ensure};
use foretell_engine::{Confidence, FinishReason, GenerationMetrics, calibration::Key};
use foretell_policy::{StopRule, Style, Trees};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{
    answers::{Answer, Outcome, verdict_of},
    cases::{Case, open_case},
    measures::Verdict,
    rules,
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
    uncut: Option<Uncut>,
    #[serde(default)]
    read: usize,
    #[serde(default)]
    generated: usize,
    #[serde(default)]
    total_ms: f64,
}

/// A text before any rule.
#[derive(Deserialize)]
struct Uncut {
    text: String,
    pieces: Vec<(usize, Option<f32>)>,
    finish: Option<String>,
}

/// Reads the first `limit` rows of a file, and the model that generated them. If a row contains
/// the text before any rule, the rules are applied to it with this style.
///
/// # Errors
/// If the file cannot be read, a line is not a valid row, the rows are of several models, or there
/// is none.
pub(super) fn read(path: &Path, limit: usize, style: Style) -> anyhow::Result<(Key, Vec<Outcome>)> {
    let text = fs::read_to_string(path).with_context(|| format!("{}", path.display()))?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let mut model: Option<Key> = None;
    let (mut outcomes, trees) = (Vec::new(), Arc::default());
    for (i, line) in lines.take(limit) {
        let at = || format!("{}:{}", path.display(), i + 1);
        let row: Row = serde_json::from_str(line).with_context(at)?;
        let first = model.get_or_insert_with(|| row.model.clone());
        ensure!(*first == row.model, "{}: text from another model", at());
        outcomes.push(outcome(row, &trees, style).with_context(at)?);
    }
    let model = model.with_context(|| format!("{}: no texts", path.display()))?;
    Ok((model, outcomes))
}

fn outcome(row: Row, trees: &Arc<Trees>, style: Style) -> anyhow::Result<Outcome> {
    let figures = GenerationMetrics {
        read: row.read,
        generated: row.generated,
        total_ms: row.total_ms,
        ..GenerationMetrics::default()
    };
    let (answer, uncut) = match row.uncut {
        Some(Uncut { text, pieces, finish }) => {
            let uncut = answer(text, &pieces, finish.as_deref(), figures)?;
            let (snapshot, cursor) = open_case(&row.case);
            let policy = rules::policy(trees, &snapshot, cursor, style);
            (rules::served(&policy, &uncut), Some(uncut))
        }
        None => (answer(row.processed, &row.pieces, row.finish.as_deref(), figures)?, None),
    };
    let beside = |name: &str| row.beside.get(name).and_then(Value::as_str);
    let verdict = |name: &str| -> Option<Verdict> { Some(verdict_of(beside(name)?, &row.case)) };
    Ok(Outcome {
        set: row.set.clone(),
        processed: verdict_of(&answer.text, &row.case),
        raw: verdict("raw"),
        plain: verdict("plain"),
        unhealed: verdict("unhealed"),
        alone: verdict("alone"),
        answer,
        uncut,
        calibrated: None,
        other_texts: row.beside,
        case: row.case,
        ablated: None,
    })
}

fn answer(
    text: String,
    pieces: &[(usize, Option<f32>)],
    finish: Option<&str>,
    figures: GenerationMetrics,
) -> anyhow::Result<Answer> {
    let mut confidence = Confidence::default();
    let mut last = 0;
    for (end, log_probability) in pieces {
        ensure!(*end > last, "pieces must be in ascending order");
        last = *end;
        confidence.push(*end, log_probability.unwrap_or(f32::NEG_INFINITY));
    }
    let finish = finish.map(reason).transpose()?;
    Ok(Answer { text, finish, figures, confidence: Some(confidence) })
}

/// Returns the reason with this name.
fn reason(name: &str) -> anyhow::Result<FinishReason> {
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
        read(file.path(), usize::MAX, Style::default())
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
    fn rules_are_applied_to_an_uncut_text() {
        let mut uncut = row("anything", "line_end");
        uncut["uncut"] = json!({
            "text": "load(path)\nx = 2\n", "finish": "max_tokens",
            "pieces": [[4, -0.1], [10, -0.2], [11, -0.3], [17, -0.4]],
        });
        let (_, outcomes) = read_rows(&[uncut]).unwrap();
        let it = &outcomes[0];
        assert_eq!(it.answer.text, "load(path)");
        assert_eq!(it.answer.finish, Some(FinishReason::Stopped(StopRule::LineEnd)));
        assert!(it.processed.is_exact);
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

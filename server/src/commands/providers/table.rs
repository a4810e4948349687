//! The measured providers as a table.

use foretell_engine::selection::{Outcome, Record};
use serde::Serialize;

use crate::commands::rates::seconds;

/// A provider in the table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Row {
    provider: String,
    device: String,
    /// Whether its results agree with the CPU's; `None` if it has none.
    is_correct: Option<bool>,
    first_text_ms: Option<f64>,
    decode_tokens_per_s: Option<f64>,
    /// Why it does not qualify, or how its results agree.
    reason: String,
    is_selected: bool,
}

/// The rows of a record.
pub(crate) fn rows(record: &Record) -> Vec<Row> {
    let selected = record.selected().map(|it| it.provider.clone());
    let row = |outcome: &Outcome| {
        let Outcome { provider, device, figures, agreement, left_to_cpu, why_not } = outcome;
        let reason = match (record.why_not(outcome), agreement) {
            (Some(why_not), _) => why_not.lines().collect::<Vec<_>>().join(" "),
            (None, None) => "the reference".to_owned(),
            (None, Some(it)) if it.n_equal == it.n_steps => "the same tokens".to_owned(),
            (None, Some(it)) => {
                format!(
                    "{} of {} tokens, logits within {:.2}",
                    it.n_equal, it.n_steps, it.difference
                )
            }
        };
        let reason = match left_to_cpu {
            Some(part) => format!("{reason}; {part}"),
            None => reason,
        };
        Row {
            provider: provider.clone(),
            device: device.clone(),
            is_correct: figures.as_ref().map(|_| why_not.is_none()),
            first_text_ms: figures.as_ref().map(|it| it.first_text_ms),
            decode_tokens_per_s: figures.as_ref().map(|it| it.decode_tokens_per_s),
            reason,
            is_selected: selected.as_ref() == Some(provider),
        }
    };
    record.outcomes.iter().map(row).collect()
}

/// The lines of a table with a heading.
pub(crate) fn lines(rows: &[Row]) -> Vec<String> {
    let heading =
        ["provider", "device", "correct", "first text", "tokens/s", "reason"].map(str::to_owned);
    let cells = |row: &Row| {
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        [
            row.provider.clone(),
            or_dash(Some(row.device.clone()).filter(|it| !it.is_empty())),
            or_dash(row.is_correct.map(|it| if it { "yes" } else { "no" }.to_owned())),
            or_dash(row.first_text_ms.map(seconds)),
            or_dash(row.decode_tokens_per_s.map(|it| format!("{it:.1}"))),
            row.reason.clone(),
        ]
    };
    let table: Vec<_> = std::iter::once(heading).chain(rows.iter().map(cells)).collect();
    let width = |i: usize| table.iter().map(|it| it[i].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..6).map(width).collect();
    let line = |cells: &[String; 6]| {
        let padded = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    table.iter().map(line).collect()
}

/// The selection in one sentence.
pub(crate) fn summary(record: &Record) -> String {
    let Some(selected) = record.selected() else {
        return "no provider qualifies; the CPU is used".to_owned();
    };
    let time = |it: &Outcome| it.figures.as_ref().map(|it| seconds(it.first_text_ms));
    let own = time(selected).unwrap_or_default();
    let others = record.outcomes.iter().filter(|it| it.provider != selected.provider);
    let others: Vec<String> = others
        .map(|it| match (record.why_not(it), time(it)) {
            (None, Some(time)) => format!("{}: {time}", it.provider),
            _ => format!("{} does not qualify", it.provider),
        })
        .collect();
    format!(
        "{} ({}), {own} to the first suggestion; {}",
        selected.provider,
        selected.device,
        others.join(", ")
    )
}

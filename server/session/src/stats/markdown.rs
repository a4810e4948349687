//! The statistics as a page in Markdown: what suggestions were worth, then why nothing was shown.

use std::{cmp::Reverse, fmt::Write};

use super::Counts;
use crate::empty_reason::EmptyReason;

/// The statistics as Markdown.
#[must_use]
pub fn markdown(counts: &Counts) -> String {
    let mut page = String::new();
    // Writing to a string cannot fail.
    let _ = write(&mut page, counts);
    page
}

fn write(out: &mut String, it: &Counts) -> std::fmt::Result {
    writeln!(out, "# Foretell\n")?;
    if it.requests == 0 {
        return writeln!(out, "No suggestions yet.");
    }
    let accepted = &it.accepted;
    writeln!(out, "| | |\n|---|---|")?;
    writeln!(out, "| Suggestions shown | {} |", it.offers)?;
    let share = percent(accepted.whole, it.offers).map_or(String::new(), |it| format!(" ({it})"));
    writeln!(out, "| Accepted | {}{share} |", accepted.whole)?;
    if accepted.partly > 0 {
        writeln!(out, "| Words and lines accepted | {} |", accepted.partly)?;
    }
    writeln!(out, "| Characters saved | {} |", accepted.chars)?;
    if let Some(ms) = it.first_text_ms.quantile(0.5) {
        writeln!(out, "| Typical wait for a suggestion | {ms:.0} ms |")?;
    }
    if let (Some(ms), Some(share)) =
        (it.other_text_ms.quantile(0.5), percent(it.other_text_ms.count(), it.n_shown()))
    {
        writeln!(out, "| Shown without waiting for the model | {share}, in {ms:.0} ms |")?;
    }
    let mut rows = it.probability.rows().peekable();
    if rows.peek().is_some() {
        writeln!(out, "\n## How often the model was right\n")?;
        writeln!(out, "| How sure it was | Suggestions | Accepted |\n|---|---|---|")?;
    }
    for (tenth, accepted, dismissed) in rows {
        let (low, all) = (u64::from(tenth) * 10, accepted + dismissed);
        let share = percent(accepted, all).unwrap_or_default();
        writeln!(out, "| {low} to {} % | {all} | {share} |", low + 10)?;
    }
    let mut reasons: Vec<_> = it.nothing.iter().collect();
    reasons.sort_by_key(|(name, n)| (Reverse(**n), *name));
    if !reasons.is_empty() {
        writeln!(out, "\n## Why nothing was shown\n")?;
        writeln!(out, "| Reason | Times |\n|---|---|")?;
    }
    for (name, n) in reasons {
        // The statistics file is untrusted, so unknown names are not printed.
        let reason = EmptyReason::sentence_of(name).unwrap_or("Another reason.");
        writeln!(out, "| {reason} | {n} |")?;
    }
    Ok(())
}

fn percent(part: u64, all: u64) -> Option<String> {
    (all > 0).then(|| format!("{:.0} %", part as f64 * 100.0 / all as f64))
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::stats::tally;

    #[test]
    fn page_lists_counts_and_reasons() {
        let mut counts = Counts { requests: 9, superseded: 2, offers: 4, ..Counts::default() };
        for name in ["type_through", "type_through", "model", "running_draft"] {
            tally(&mut counts.shown, name);
        }
        for name in ["unsure", "unsure", "line_end", "<b>"] {
            tally(&mut counts.nothing, name);
        }
        (counts.accepted.whole, counts.accepted.chars) = (1, 24);
        counts.probability.add(0.93, true);
        counts.probability.add(0.55, false);
        counts.first_text_ms.add(100.0);
        counts.other_text_ms.add(1.0);
        counts.other_text_ms.add(1.0);
        expect![[r#"
            # Foretell

            | | |
            |---|---|
            | Suggestions shown | 4 |
            | Accepted | 1 (25 %) |
            | Characters saved | 24 |
            | Typical wait for a suggestion | 99 ms |
            | Shown without waiting for the model | 50 %, in 1 ms |

            ## How often the model was right

            | How sure it was | Suggestions | Accepted |
            |---|---|---|
            | 90 to 100 % | 1 | 100 % |
            | 50 to 60 % | 1 | 0 % |

            ## Why nothing was shown

            | Reason | Times |
            |---|---|
            | The model is not sure how this line continues. | 2 |
            | Another reason. | 1 |
            | The line is complete. | 1 |
        "#]]
        .assert_eq(&markdown(&counts));
        assert_eq!(markdown(&Counts::default()), "# Foretell\n\nNo suggestions yet.\n");
    }
}

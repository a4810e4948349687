//! The counts as a page for people.

use std::{collections::BTreeMap, fmt::Write};

use super::{Counts, Millis};

/// How wide the longest bar is, in characters.
const BAR_CHARS: u64 = 30;

/// The counts as text: a line each, bars where shares are to be seen.
#[must_use]
pub fn page(counts: &Counts) -> String {
    let mut page = String::new();
    // Writing to a string does not fail.
    let _ = write(&mut page, counts);
    page
}

fn write(out: &mut String, it: &Counts) -> std::fmt::Result {
    let n_answers = it.n_shown() + it.nothing.values().sum::<u64>();
    writeln!(out, "requests    {}, {} of them superseded", it.requests, it.superseded)?;
    writeln!(out, "shown       {} ({})", it.n_shown(), percent(it.n_shown(), n_answers))?;
    bars(out, &it.shown)?;
    writeln!(out, "nothing     {}", it.nothing.values().sum::<u64>())?;
    bars(out, &it.nothing)?;
    let accepted = &it.accepted;
    writeln!(
        out,
        "accepted    {} whole ({} of {} texts), {} in part, {} characters not typed",
        accepted.whole,
        percent(accepted.whole, it.offers),
        it.offers,
        accepted.partly,
        accepted.chars
    )?;
    let model = &it.model;
    writeln!(
        out,
        "model       {} runs; prompt tokens: {} reused, {} read; generated: {}, {} never seen",
        model.runs,
        model.reused,
        model.read,
        model.generated,
        percent(model.wasted, model.generated)
    )?;
    writeln!(
        out,
        "drafts      {} tokens, {} accepted",
        model.drafted,
        percent(model.accepted, model.drafted)
    )?;
    times(out, "first text", &it.first_text_ms)?;
    times(out, "other text", &it.other_text_ms)?;
    times(out, "queued", &it.queued_ms)
}

fn times(out: &mut String, name: &str, times: &Millis) -> std::fmt::Result {
    let quantile = |q| times.quantile(q).map_or("-".to_owned(), |ms| format!("{ms:.1}"));
    let [p50, p95, p99] = [0.5, 0.95, 0.99].map(quantile);
    writeln!(
        out,
        "{name:<11} {p50} ms (median), {p95} (p95), {p99} (p99) of {} times",
        times.count()
    )
}

fn bars(out: &mut String, names: &BTreeMap<String, u64>) -> std::fmt::Result {
    let most = names.values().copied().max().unwrap_or(1).max(1);
    for (name, n) in names {
        let bar = "█".repeat(usize::try_from((n * BAR_CHARS).div_ceil(most)).unwrap_or(0));
        writeln!(out, "  {name:<18} {n:>6} {bar}")?;
    }
    Ok(())
}

fn percent(part: u64, all: u64) -> String {
    if all == 0 { "-".to_owned() } else { format!("{:.0} %", part as f64 * 100.0 / all as f64) }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::{engine::Figures, stats::tally};

    #[test]
    fn a_page_says_it_all() {
        let mut counts = Counts { requests: 9, superseded: 2, offers: 2, ..Counts::default() };
        for name in ["type_through", "type_through", "type_through", "model"] {
            tally(&mut counts.shown, name);
        }
        tally(&mut counts.nothing, "model_loading");
        counts.accepted.whole = 1;
        counts.accepted.chars = 24;
        let figures = Figures { reused: 90, read: 10, generated: 8, ..Figures::default() };
        counts.model.add(&figures, true);
        counts.first_text_ms.add(100.0);
        expect![[r#"
            requests    9, 2 of them superseded
            shown       4 (80 %)
              model                   1 ██████████
              type_through            3 ██████████████████████████████
            nothing     1
              model_loading           1 ██████████████████████████████
            accepted    1 whole (50 % of 2 texts), 0 in part, 24 characters not typed
            model       1 runs; prompt tokens: 90 reused, 10 read; generated: 8, 0 % never seen
            drafts      0 tokens, - accepted
            first text  98.7 ms (median), 98.7 (p95), 98.7 (p99) of 1 times
            other text  - ms (median), - (p95), - (p99) of 0 times
            queued      - ms (median), - (p95), - (p99) of 0 times
        "#]]
        .assert_eq(&page(&counts));
    }
}

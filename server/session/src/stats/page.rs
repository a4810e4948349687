//! The statistics as a page of text.

use std::{cmp::Reverse, collections::BTreeMap, fmt::Write};

use foretell_engine::unicode::is_unprintable;

use super::{
    Counts,
    draw::{bar, times_head, times_row},
};

/// The width of the longest bar, in characters.
const BAR_CHARS: usize = 30;
/// The width of the first column of the table of times, in characters.
const NAME_CHARS: usize = 11;

/// The statistics as text, with bars for shares.
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
    if it.probability.rows().next().is_some() {
        writeln!(out, "sure        accepted of all shown, by probability")?;
    }
    for (tenth, accepted, dismissed) in it.probability.rows() {
        let (low, all) = (f64::from(tenth) / 10.0, accepted + dismissed);
        let name = format!("{low:.1} to {:.1}", low + 0.1);
        let share = bar(accepted as f64, all as f64, BAR_CHARS);
        writeln!(out, "  {name:<18} {:>6} {share}", percent(accepted, all))?;
    }
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
    writeln!(out, "\n{}", times_head("times, ms", NAME_CHARS))?;
    for (name, times) in [
        ("first text", &it.first_text_ms),
        ("other text", &it.other_text_ms),
        ("queued", &it.queued_ms),
    ] {
        let row = times_row(name, NAME_CHARS, times.quantiles(), &times.spread());
        writeln!(out, "{row}")?;
    }
    Ok(())
}

fn bars(out: &mut String, names: &BTreeMap<String, u64>) -> std::fmt::Result {
    let most = names.values().copied().max().unwrap_or_default();
    // Most frequent first.
    let mut names: Vec<_> = names.iter().collect();
    names.sort_by_key(|(name, n)| (Reverse(**n), *name));
    for (name, n) in names {
        // The name comes from a file, which is untrusted.
        let name = name.replace(is_unprintable, "\u{fffd}");
        writeln!(out, "  {name:<18} {n:>6} {}", bar(*n as f64, most as f64, BAR_CHARS))?;
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
    use crate::stats::tally;
    use foretell_engine::GenerationMetrics;

    #[test]
    fn page_shows_all_counts() {
        let mut counts = Counts { requests: 9, superseded: 2, offers: 2, ..Counts::default() };
        for name in ["type_through", "type_through", "type_through", "model"] {
            tally(&mut counts.shown, name);
        }
        tally(&mut counts.nothing, "model\u{1b}loading");
        counts.accepted.whole = 1;
        counts.accepted.chars = 24;
        let figures = GenerationMetrics {
            reused: 90,
            read: 10,
            generated: 8,
            ..GenerationMetrics::default()
        };
        counts.probability.add(0.93, true);
        counts.probability.add(0.55, true);
        counts.probability.add(0.56, false);
        counts.model.add(&figures, true);
        counts.first_text_ms.add(100.0);
        expect![[r#"
            requests    9, 2 of them superseded
            shown       4 (80 %)
              type_through            3 ██████████████████████████████
              model                   1 ██████████
            nothing     1
              model�loading           1 ██████████████████████████████
            accepted    1 whole (50 % of 2 texts), 0 in part, 24 characters not typed
            sure        accepted of all shown, by probability
              0.9 to 1.0          100 % ██████████████████████████████
              0.5 to 0.6           50 % ███████████████
            model       1 runs; prompt tokens: 90 reused, 10 read; generated: 8, 0 % never seen
            drafts      0 tokens, - accepted

            times, ms     median      p95      p99     most   times  .01 .1  1   10  100 1 s
            first text      98.7     98.7     98.7     98.7       1                 █
            other text         -        -        -        -       0
            queued             -        -        -        -       0
        "#]]
        .assert_eq(&page(&counts));
    }
}

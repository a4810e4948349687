//! Prints, for each file, the time of the policy's syntax checks.
//!
//! Usage: `sessions syntax-times FILE...`. At each of up to 40 places, takes a line out of FILE and
//! lets the policy cut it, as if a model had written it.

use std::{error::Error, process::ExitCode, sync::Arc, time::Instant};

use foretell_policy::{CursorContext, Phase, Policy, StopRule, Style, Syntax, Trees};
use foretell_session::stats::quantile;

const N_PLACES: usize = 40;

pub fn run(arguments: &[String]) -> Result<ExitCode, Box<dyn Error>> {
    println!("milliseconds: median, 95th percentile, maximum");
    for path in arguments {
        let text = std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?;
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        let trees = Arc::new(Trees::default());
        let (mut first_ms, mut begins, mut looks, mut n_wrong) = (0.0, vec![], vec![], 0);
        for n in 0..N_PLACES.min(lines.len()) {
            let i = n * lines.len() / N_PLACES.min(lines.len());
            let (before, line) = (lines[..i].concat(), lines[i].trim_end_matches('\n'));
            let after = text[before.len() + line.len()..].to_owned();
            let uri = Arc::from(path.as_str());
            let document = format!("{before}{after}");
            let at = |text: &str| {
                let syntax = Syntax::new(&trees, &uri, "", &document, before.len());
                let style = Style { whole_lines: true, ..Style::default() };
                let policy = Policy::new(CursorContext::new(&before, &after))
                    .with_style(style)
                    .with_syntax(syntax);
                let start = Instant::now();
                let _ = policy.cut(text, Phase::Final);
                (policy, start.elapsed().as_secs_f64() * 1e3)
            };
            // The first cut at a place includes parsing the document.
            let (policy, ms) = at("x");
            if n == 0 {
                first_ms = ms;
            } else {
                begins.push(ms);
            }
            let start = Instant::now();
            let cut = policy.cut(line, Phase::Final);
            looks.push(start.elapsed().as_secs_f64() * 1e3);
            n_wrong += usize::from(cut.stop == Some(StopRule::SyntaxErrors));
        }
        println!(
            "{path}: {} bytes; first of all {first_ms:.2}; first at a place {}; a line {}; \
             {n_wrong} of {} valid lines are rejected",
            text.len(),
            quantiles(&begins),
            quantiles(&looks),
            looks.len(),
        );
    }
    Ok(ExitCode::SUCCESS)
}

fn quantiles(times: &[f64]) -> String {
    let figure = |q| quantile(times, q).map_or("-".into(), |ms| format!("{ms:.2}"));
    [0.5, 0.95, 1.0].map(figure).join(", ")
}

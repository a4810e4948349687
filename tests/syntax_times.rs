//! Prints, for each file, the time of the policy.
//!
//! Usage: `sessions syntax-times FILE...`. At each of up to 40 places, takes 2 kB out of FILE and
//! lets the policy cut them, as if a model had written them.

use std::{error::Error, process::ExitCode, sync::Arc, time::Instant};

use foretell_policy::{CursorContext, Cut, Phase, Policy, Scans, StopRule, Syntax, Trees};
use foretell_session::stats::quantile;

const N_PLACES: usize = 40;
/// The length of a text.
const N_BYTES: usize = 2_000;
/// The length of a token.
const N_TOKEN_BYTES: usize = 4;

pub fn run(arguments: &[String]) -> Result<ExitCode, Box<dyn Error>> {
    println!("milliseconds: median, 99th percentile, maximum");
    for path in arguments {
        let text = std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?;
        let mut times = Times::default();
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        let (trees, scans) = (Arc::default(), Arc::default());
        let n_places = N_PLACES.min(lines.len());
        for n in 0..n_places {
            let i = n * lines.len() / n_places;
            let line = lines[i].trim_end_matches('\n');
            let indent = line.len() - line.trim_start().len();
            let cursor = lines[..i].concat().len() + indent;
            let line_end = cursor - indent + line.len();
            times.place(path, &text, cursor..line_end, &trees, &scans);
        }
        let Times { structure, tree, text: whole, token, n_wrong } = &times;
        println!("{path}: {} bytes", text.len());
        println!("  structure {}", quantiles(structure));
        println!("  tree {}", quantiles(tree));
        println!("  a text {}", quantiles(whole));
        println!("  a token {}", quantiles(token));
        println!("  {n_wrong} of {n_places} texts add syntax errors");
    }
    Ok(ExitCode::SUCCESS)
}

#[derive(Default)]
struct Times {
    /// The document around the cursor.
    structure: Vec<f64>,
    /// The document's syntax tree.
    tree: Vec<f64>,
    /// A whole text, cut at once.
    text: Vec<f64>,
    /// A token that is appended to a text.
    token: Vec<f64>,
    n_wrong: usize,
}

impl Times {
    /// Measures the policy where `removed` is missing in a document.
    fn place(
        &mut self,
        path: &str,
        text: &str,
        removed: std::ops::Range<usize>,
        trees: &Arc<Trees>,
        scans: &Arc<Scans>,
    ) {
        let (before, after) = (&text[..removed.start], &text[removed.end..]);
        let end = text.floor_char_boundary(text.len().min(removed.start + N_BYTES));
        let says = &text[removed.start..end];
        let document = format!("{before}{after}");
        let new = || {
            let syntax = Syntax::new(trees, &path.into(), "", &document, before.len());
            Policy::new(CursorContext::new(before, after))
                .with_document(scans, path, before.to_owned(), after.to_owned())
                .with_syntax(syntax)
        };
        let timed = |times: &mut Vec<f64>, run: &dyn Fn() -> Cut| {
            let start = Instant::now();
            let _ = run();
            times.push(start.elapsed().as_secs_f64() * 1e3);
        };
        let policy = new();
        timed(&mut self.structure, &|| policy.cut("x", Phase::Partial));
        let word = policy.cut("x", Phase::Final);
        timed(&mut self.tree, &|| policy.settle("x", word));
        timed(&mut self.text, &|| policy.settle(says, policy.cut(says, Phase::Final)));
        self.n_wrong +=
            usize::from(policy.cut(says, Phase::Final).stop == Some(StopRule::SyntaxErrors));
        let streamed = new();
        let _ = streamed.settle("x", streamed.cut("x", Phase::Final));
        let mut end = 0;
        while end < says.len() {
            end = says.ceil_char_boundary((end + N_TOKEN_BYTES).min(says.len()));
            timed(&mut self.token, &|| streamed.cut(&says[..end], Phase::Partial));
            if streamed.cut(&says[..end], Phase::Partial).stop.is_some() {
                break;
            }
        }
    }
}

fn quantiles(times: &[f64]) -> String {
    let figure = |q| quantile(times, q).map_or("-".into(), |ms| format!("{ms:.2}"));
    [0.5, 0.99, 1.0].map(figure).join(", ")
}

//! Measures the gain of draft tokens, on code that repeats itself and on code that does not.

use std::{
    fmt::{self, Display, Formatter},
    io::Write,
};

use foretell_engine::{
    Engine, Failure, FinishReason, Generation, Progress, Prompt, Request, lookup::Mode,
    vocabulary::Vocabulary,
};
use foretell_policy::{CursorContext, Policy, StopRule};
use foretell_session::stats::draw::rounded;

use super::{
    fixtures::{EDITING, NEW_CODE, OTHER_CODE},
    median,
    report::{Bars, Report},
};

/// The number of tokens of a text from which prompts are made.
const TEXT_TOKENS: usize = 1_200;

/// A name, and the places at which the model continues: a text, and how much of it precedes the
/// place, in percent of its tokens.
type Workload = (&'static str, [(&'static str, usize); 4]);

const WORKLOADS: [Workload; 3] = [
    ("editing", [(EDITING, 40), (EDITING, 55), (EDITING, 70), (EDITING, 85)]),
    ("new code", [(NEW_CODE, 20), (NEW_CODE, 30), (NEW_CODE, 45), (NEW_CODE, 60)]),
    (
        "languages",
        [(OTHER_CODE[0], 50), (OTHER_CODE[1], 50), (OTHER_CODE[2], 50), (OTHER_CODE[3], 50)],
    ),
];

/// The compared modes, the first without draft tokens.
const MODES: [(&str, Mode); 3] = [
    ("without", Mode::Off),
    ("from the prompt", Mode::OnlyPrompt),
    ("from all sources", Mode::Adaptive),
];

/// Reports the decode speed with and without draft tokens, alternating between engines. Each round
/// starts new ones: drafts come from everything an engine has generated, so a second round would
/// find the first one's text.
///
/// # Errors
/// If a model does not load.
pub(super) fn run(
    out: &mut Report<impl Write>,
    start: impl Fn(Mode) -> anyhow::Result<Engine>,
    vocabulary: &Vocabulary,
    rounds: usize,
) -> anyhow::Result<()> {
    let mut rows = Vec::new();
    for (name, places) in WORKLOADS {
        let mut columns = MODES.map(|_| Column::default());
        for _ in 0..rounds {
            let mut engines = Vec::new();
            for (_, mode) in MODES {
                engines.push(start(mode)?);
            }
            let mut totals = MODES.map(|_| Total::default());
            for (text, percent) in places {
                let ids = vocabulary.encode(text);
                let prompt = &ids[..ids.len().min(TEXT_TOKENS) * percent / 100];
                let mut texts = Vec::new();
                for ((engine, total), column) in engines.iter().zip(&mut totals).zip(&mut columns) {
                    let done = wait(engine.generate(unjudged(prompt)));
                    total.n_tokens += done.figures.generated.saturating_sub(1) as f64;
                    total.s += done.figures.decode_ms / 1e3;
                    column.n_drafted += done.figures.drafted;
                    column.n_accepted += done.figures.accepted;
                    texts.push(done.text);
                }
                for (column, text) in columns.iter_mut().zip(&texts) {
                    column.has_other_text |= *text != texts[0];
                }
            }
            let without = totals[0].speed();
            for (column, total) in columns.iter_mut().zip(totals) {
                column.speeds.push(total.speed());
                column.ratios.push(total.speed() / without);
            }
        }
        for ((mode, _), column) in MODES.iter().zip(&columns) {
            writeln!(out, "drafts, {name:<9} {mode:<16} {column}")?;
        }
        rows.push((name.to_owned(), columns.iter().map(|it| median(&it.speeds)).collect()));
    }
    out.keep_bars(Bars {
        title: "Decode with and without draft tokens",
        unit: "tokens per second",
        is_more_better: true,
        series: MODES.map(|(name, _)| name).to_vec(),
        rows,
    });
    Ok(())
}

/// What one engine generated in one round.
#[derive(Clone, Copy, Default)]
struct Total {
    n_tokens: f64,
    s: f64,
}

impl Total {
    fn speed(self) -> f64 {
        self.n_tokens / self.s
    }
}

/// The totals of one mode over all rounds.
#[derive(Default)]
struct Column {
    /// Tokens per second, and their ratio to those without draft tokens, of each round.
    speeds: Vec<f64>,
    ratios: Vec<f64>,
    n_drafted: usize,
    n_accepted: usize,
    /// Whether a text differs from the one without draft tokens.
    has_other_text: bool,
}

impl Display for Column {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:>6} tok/s ({} times); {} of {} draft tokens accepted; identical text: {}",
            rounded(Some(median(&self.speeds)), 1),
            rounded(Some(median(&self.ratios)), 2),
            self.n_accepted,
            self.n_drafted,
            if self.has_other_text { "NO" } else { "yes" },
        )
    }
}

/// A request for 96 tokens after a text, which no rule of the policy ends earlier.
fn unjudged(ids: &[u32]) -> Request {
    Request { policy: Policy::none(), ..request(ids) }
}

/// A request for 96 tokens after a text.
pub(super) fn request(ids: &[u32]) -> Request {
    let prompt = Prompt { ids: ids.to_vec(), healed: Vec::new() };
    // At the start of an indented line, the policy lets several lines through; without the rules
    // against repetition, generations reach their full length.
    let policy =
        Policy::new(CursorContext { line_before: "    ".into(), ..CursorContext::default() })
            .without(vec![StopRule::Copy, StopRule::Repetition]);
    Request::new(prompt, policy, 96)
}

/// Blocks until a generation ends, and returns its progress.
pub(super) fn wait(mut generation: Generation) -> Progress {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    match runtime {
        Ok(runtime) => {
            runtime.block_on(async {
                while generation.progress().finish.is_none() && generation.changed().await {}
            });
        }
        Err(error) => {
            return Progress {
                finish: Some(FinishReason::Failed(Failure::new(error))),
                ..generation.progress()
            };
        }
    }
    generation.progress()
}

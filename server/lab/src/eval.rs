//! `foretell eval`: how good the texts are, by cases whose answer is known. docs/eval.md says what
//! is asked, what is measured, and what came out.

mod answers;
mod cases;
mod measures;
mod replay;
mod report;

use std::{
    fs::File,
    io::{self, IsTerminal, Write},
    path::PathBuf,
    process::ExitCode,
    time::Instant,
};

use anyhow::{Context, bail};
use foretell_config::{
    Config,
    prompt::{OtherFiles, Split, Window},
};
use foretell_engine::EngineState;
use foretell_session::completer::{Ablation, Completer, GenerationOptions};

use answers::{AnswerOptions, Outcome, Variants};
use cases::Set;
use replay::Count;
use report::Report;

/// What `foretell eval` takes.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {
    /// Files of cases, a JSON object a line: `path`, `language`, `kind`, `prefix`, `suffix`,
    /// `expected`; or HumanEval's `prompt`, `suffix`, `canonical_solution`.
    #[arg(long, required = true, num_args = 1.., value_name = "FILE")]
    cases: Vec<PathBuf>,

    /// Only the first N of each file.
    #[arg(long, value_name = "N", default_value_t = usize::MAX, hide_default_value = true)]
    limit: usize,

    /// A few cases of each file with little text: under a minute on two cores.
    #[arg(long)]
    quick: bool,

    /// Where the prompt of `processed` is split.
    #[arg(long, value_parser = layout, default_value = "auto", value_name = "auto|anchored|plain")]
    layout: Split,

    /// Ask for the plain layout and for the text without healing too.
    #[arg(long)]
    compare: bool,

    /// Look at the texts without each rule of the policy in turn.
    #[arg(long)]
    ablate: bool,

    /// The most tokens before the anchor.
    #[arg(long, value_name = "N", default_value_t = 256)]
    before_tokens: usize,

    /// The most tokens after the cursor.
    #[arg(long, value_name = "N", default_value_t = 96)]
    after_tokens: usize,

    /// How many lines above the cursor the anchor is; the setting's value by default.
    #[arg(long, value_name = "N")]
    anchor_lines: Option<usize>,

    /// How many lines the middle may grow to; the setting's value by default.
    #[arg(long, value_name = "N")]
    middle_lines: Option<usize>,

    /// Show pieces of the other files that a case has, and ask for the text without them too.
    #[arg(long)]
    others: bool,

    /// The most tokens of other files.
    #[arg(long, value_name = "N", default_value_t = 384)]
    other_tokens: usize,

    /// Tell the model the file's path.
    #[arg(long)]
    path: bool,

    /// The most keys that are typed of each replay.
    #[arg(long, value_name = "N", default_value_t = 400)]
    keys: usize,

    /// Print one JSON object instead of tables.
    #[arg(long)]
    json: bool,

    /// Write each case with its texts to this file, a JSON object a line.
    #[arg(long, value_name = "FILE")]
    texts: Option<PathBuf>,
}

fn layout(name: &str) -> Result<Split, String> {
    match name {
        "auto" => Ok(Split::Auto),
        "anchored" => Ok(Split::Anchored),
        "plain" => Ok(Split::Plain),
        _ => Err("expected auto, anchored or plain".into()),
    }
}

impl Arguments {
    /// With what `--quick` stands for.
    fn settled(&self) -> Self {
        let mut it = self.clone();
        if it.quick {
            it.limit = it.limit.min(6);
            it.before_tokens = it.before_tokens.min(96);
            it.after_tokens = it.after_tokens.min(32);
            it.keys = it.keys.min(24);
        }
        it
    }
}

/// Asks for every case and prints what came out.
pub fn run(config: &Config, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let start = Instant::now();
    let arguments = &arguments.settled();
    let read = |path: &PathBuf| Set::read(path, arguments.limit);
    let sets = arguments.cases.iter().map(read).collect::<anyhow::Result<Vec<_>>>()?;
    let window = Window {
        layout: arguments.layout,
        before_tokens: arguments.before_tokens,
        after_tokens: arguments.after_tokens,
        anchor_lines: arguments.anchor_lines.unwrap_or(config.prompt.anchor_lines),
        middle_lines: arguments.middle_lines.unwrap_or(config.prompt.middle_lines),
        // Each place is asked for once, and no later request could be read for; and the same is
        // read on every machine.
        first_ms: None,
        whole_ms: None,
        path: arguments.path || config.prompt.path,
        other_files: if arguments.others { OtherFiles::Open } else { OtherFiles::None },
        other_tokens: arguments.other_tokens,
        ..config.prompt
    };
    let config = Config { prompt: window, ..config.clone() };
    let wanted = GenerationOptions::one(&config.suggest);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let (outcomes, replays) = runtime.block_on(async {
        let outcomes = all_cases(&loaded(&config).await?, &sets, arguments, wanted).await?;
        let replays = all_replays(&config, &sets, arguments, wanted).await?;
        anyhow::Ok((outcomes, replays))
    })?;
    let mut report = Report::new(&config.model.name, &outcomes, &replays);
    report.seconds = start.elapsed().as_secs_f64();
    if arguments.json {
        writeln!(io::stdout().lock(), "{}", serde_json::to_string(&report)?)?;
    } else {
        report.print()?;
    }
    Ok(ExitCode::SUCCESS)
}

/// A model that has read nothing yet.
async fn loaded(config: &Config) -> anyhow::Result<Completer> {
    let completer = Completer::start(config);
    match completer.loaded().await {
        EngineState::Failed(message) => bail!("{message}"),
        _ => Ok(completer),
    }
}

async fn all_cases(
    completer: &Completer,
    sets: &[Set],
    arguments: &Arguments,
    wanted: GenerationOptions,
) -> anyhow::Result<Vec<Outcome>> {
    let Arguments { layout, compare, ablate, others, .. } = *arguments;
    let ways = Variants::new(completer, AnswerOptions { layout, compare, ablate, others }, wanted)?;
    let n_all: usize = sets.iter().map(|set| set.cases.len()).sum();
    let mut outcomes = Vec::with_capacity(n_all);
    let create = |path: &PathBuf| File::create(path).with_context(|| format!("{}", path.display()));
    let mut texts = arguments.texts.as_ref().map(create).transpose()?;
    for set in sets {
        for case in &set.cases {
            tell(&format!("case {} of {n_all}", outcomes.len() + 1));
            let outcome = ways.ask(case, &set.name).await?;
            if let Some(texts) = &mut texts {
                writeln!(texts, "{}", outcome.row())?;
            }
            outcomes.push(outcome);
        }
    }
    Ok(outcomes)
}

/// Types every replay, by the layout that was asked for and by the plain one, each with a model
/// that has read nothing yet.
async fn all_replays(
    config: &Config,
    sets: &[Set],
    arguments: &Arguments,
    wanted: GenerationOptions,
) -> anyhow::Result<Vec<(&'static str, Count)>> {
    let Arguments { layout, keys, quick, .. } = *arguments;
    let n_most = if quick { 1 } else { usize::MAX };
    let replays: Vec<_> = sets.iter().flat_map(|set| set.replays.iter().take(n_most)).collect();
    let mut counts = Vec::new();
    if replays.is_empty() {
        return Ok(counts);
    }
    for (name, layout) in [("processed", layout), ("plain", Split::Plain)] {
        let parts = Ablation { layout, healing: true, policy: true, other_files: OtherFiles::None };
        let completer = loaded(config).await?;
        let way = completer.with_ablation(parts).context("no model is loaded")?;
        let mut count = Count::default();
        for (i, it) in replays.iter().enumerate() {
            tell(&format!("replay {} of {}, {name}", i + 1, replays.len()));
            count.add(replay::replay(&way, wanted, it, keys).await?);
        }
        counts.push((name, count));
    }
    Ok(counts)
}

/// Says how far it is, to somebody who looks.
fn tell(what: &str) {
    if io::stderr().is_terminal() {
        eprint!("\r{what}\x1b[K\r");
    }
}

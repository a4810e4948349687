//! `foretell eval`: measures the quality of suggestions on cases with known answers. docs/eval.md
//! describes the cases, the measures and the results.

mod answers;
mod calibrate;
mod cases;
mod edits;
mod fit;
mod judged;
mod measures;
mod oracle;
mod page;
mod recorded;
mod reliability;
mod renames;
mod replay;
mod report;
mod rows;
mod rules;
mod shown;

use std::{
    fs::File,
    io::{self, IsTerminal, Write},
    path::PathBuf,
    process::ExitCode,
    time::Instant,
};

use anyhow::{Context, bail, ensure};
use foretell_config::{
    Config,
    prompt::{OtherFiles, Split, Window},
};
use foretell_engine::{
    EngineState,
    bundle::Bundle,
    calibration::{Calibration, Key},
};
use foretell_session::{
    completer::{Ablation, Completer, GenerationOptions},
    session::judge::MARGIN_NATS,
};

use crate::bench::{facts, html::page as page_of};
use answers::{AnswerOptions, Outcome, Variants};
use cases::Set;
use replay::Count;
use report::Report;

/// The arguments of `foretell eval`.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {
    /// Files of cases, one JSON object per line: `path`, `language`, `kind`, `prefix`, `suffix`,
    /// `expected`; or HumanEval's `prompt`, `suffix`, `canonical_solution`.
    #[arg(
        long, required_unless_present_any = ["oracle", "recorded", "renames", "edits"], num_args = 1..,
        value_name = "FILE"
    )]
    cases: Vec<PathBuf>,

    /// Judge the texts that `--texts` recorded in these files, without a model.
    #[arg(long, conflicts_with_all = ["cases", "oracle"], num_args = 1.., value_name = "FILE")]
    recorded: Vec<PathBuf>,

    /// Fit a calibration to the cases and write it to this file, or without a file to the model's
    /// bundle, where it applies from the next start.
    #[arg(long, num_args = 0..=1, value_name = "FILE", conflicts_with = "calibration")]
    calibrate: Option<Option<PathBuf>>,

    /// Use this calibration instead of the bundle's; `none` for the model's own probabilities.
    #[arg(long, value_name = "FILE|none")]
    calibration: Option<PathBuf>,

    /// Measure without a model how often the policy damages a correct text: cut places out of source
    /// files (of a folder, all files in a known language) and use the files' own text as the
    /// model's.
    #[arg(long, conflicts_with = "cases", num_args = 1.., value_name = "FILE")]
    oracle: Vec<PathBuf>,

    /// Play scripted renames without a model: how many of the other places the next edit offers, one
    /// after the other, and how many offers are wrong.
    #[arg(
        long, conflicts_with_all = ["cases", "oracle", "recorded"], num_args = 1..,
        value_name = "FILE"
    )]
    renames: Vec<PathBuf>,

    /// Replay real edits without a model: how many offers of the next edit lead to the new version of
    /// the file, how many of the changes that are alike are offered, and in how many files nothing is
    /// offered once the last change is made.
    #[arg(
        long, conflicts_with_all = ["cases", "oracle", "recorded", "renames"], num_args = 1..,
        value_name = "FILE"
    )]
    edits: Vec<PathBuf>,

    /// With `--renames` or `--edits`, also print the missed places and the wrong offers.
    #[arg(long, conflicts_with_all = ["cases", "oracle", "recorded"])]
    missed: bool,

    /// With `--renames`, have the model judge the places, and as many others of the same names; with
    /// `--edits`, have it judge the edits that the syntax tree does not prove.
    #[arg(long)]
    judge: bool,

    /// With `--oracle`, print at most N failures of each language, kind of place and model output.
    #[arg(long, value_name = "N", default_value_t = 2)]
    failures: usize,

    /// Use only the first N cases of each file; with `--oracle`, N places of each kind, spread over
    /// the file; with `--judge`, about N renames, spread over the file.
    #[arg(long, value_name = "N", default_value_t = usize::MAX, hide_default_value = true)]
    limit: usize,

    /// Run a few cases of each file with short prompts: under a minute on two cores.
    #[arg(long)]
    quick: bool,

    /// Where to split the prompt of the variant `processed`.
    #[arg(long, value_parser = layout, default_value = "auto", value_name = "auto|anchored|plain")]
    layout: Split,

    /// Also run the variants `plain` (plain layout) and `unhealed` (no token healing).
    #[arg(long)]
    compare: bool,

    /// Run only the variant `processed`, without raw model output.
    #[arg(long, conflicts_with = "compare")]
    alone: bool,

    /// Also apply the policy without each of its rules in turn.
    #[arg(long)]
    ablate: bool,

    /// Also record the model's text before any rule with `--texts`; `--recorded` then applies the
    /// current rules to it.
    #[arg(long)]
    uncut: bool,

    /// The maximum number of tokens before the anchor.
    #[arg(long, value_name = "N", default_value_t = 256)]
    before_tokens: usize,

    /// The maximum number of tokens after the cursor.
    #[arg(long, value_name = "N", default_value_t = 96)]
    after_tokens: usize,

    /// How many lines above the cursor the anchor is placed; by default, the setting's value.
    #[arg(long, value_name = "N")]
    anchor_lines: Option<usize>,

    /// The maximum number of lines between anchor and cursor; by default, the setting's value.
    #[arg(long, value_name = "N")]
    middle_lines: Option<usize>,

    /// Include excerpts of a case's other files in the prompt, and also run the variant `alone`,
    /// without them.
    #[arg(long)]
    others: bool,

    /// The maximum number of tokens from other files.
    #[arg(long, value_name = "N", default_value_t = 384)]
    other_tokens: usize,

    /// Include the file's path in the prompt.
    #[arg(long)]
    path: bool,

    /// The maximum number of keystrokes typed in each replay.
    #[arg(long, value_name = "N", default_value_t = 400)]
    keys: usize,

    /// Print one JSON object instead of tables.
    #[arg(long)]
    json: bool,

    /// Also write an HTML page with charts to this file.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,

    /// Write each case with its texts to this file, one JSON object per line.
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
    /// The arguments with the limits that `--quick` implies.
    fn resolve(&self) -> Self {
        let mut resolved = self.clone();
        if resolved.quick {
            resolved.limit = resolved.limit.min(6);
            resolved.before_tokens = resolved.before_tokens.min(96);
            resolved.after_tokens = resolved.after_tokens.min(32);
            resolved.keys = resolved.keys.min(24);
        }
        resolved
    }
}

/// Runs all cases and replays, and prints the measures as tables or JSON.
///
/// # Errors
/// If a file cannot be read, the model does not load, or a generation fails.
pub fn run(config: &Config, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    if !arguments.oracle.is_empty() {
        let &Arguments { limit, failures: max_failures, json, .. } = arguments;
        oracle::run(&arguments.oracle, oracle::Options { limit, max_failures, json })?;
        return Ok(ExitCode::SUCCESS);
    }
    if arguments.judge {
        judge(config, arguments)?;
        return Ok(ExitCode::SUCCESS);
    }
    if !arguments.renames.is_empty() {
        renames::run(&arguments.renames, arguments.json, arguments.missed)?;
        return Ok(ExitCode::SUCCESS);
    }
    if !arguments.edits.is_empty() {
        let &Arguments { json, missed, .. } = arguments;
        let printed =
            edits::run(&arguments.edits, &edits::WITHOUT_MODEL, edits::Output { json, missed })?;
        io::stdout().lock().write_all(printed.as_bytes())?;
        return Ok(ExitCode::SUCCESS);
    }
    let start = Instant::now();
    let arguments = &arguments.resolve();
    // Report an unwritable path now, not after minutes of measuring.
    let html = arguments.html.as_ref().map(create).transpose()?;
    let config = &with_window(config, arguments);
    let Texts { model, mut outcomes, replays } = if arguments.recorded.is_empty() {
        generated(config, arguments)?
    } else {
        recorded(config, arguments)?
    };
    let mut printed = Vec::new();
    if let Some(file) = &arguments.calibrate {
        let target = calibrate::target(file.as_ref(), calibrate::bundle(config).as_ref(), &model)?;
        let calibration = calibrate::fitted(&outcomes, &model, &mut printed)?;
        calibrate::write(&calibration, &target)?;
        writeln!(printed, "written to {}\n", target.display())?;
        outcomes.iter_mut().for_each(|it| it.calibrate(Some(&calibration)));
    }
    let mut report = Report::new(&model.model, &outcomes, &replays);
    report.seconds = start.elapsed().as_secs_f64();
    report.print(&mut printed)?;
    if arguments.json {
        writeln!(io::stdout().lock(), "{}", serde_json::to_string(&report)?)?;
    } else {
        io::stdout().lock().write_all(&printed)?;
    }
    if let Some(mut html) = html {
        let printed = String::from_utf8_lossy(&printed);
        let page = page_of("foretell eval", &facts(config), &report.charts(), &printed)?;
        html.write_all(page.as_bytes())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Has the model judge renames or replays of edits.
fn judge(config: &Config, arguments: &Arguments) -> anyhow::Result<()> {
    let Arguments { renames, edits, limit, json, missed, .. } = arguments;
    ensure!(renames.is_empty() != edits.is_empty(), "--judge needs either --renames or --edits");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let completer = runtime.block_on(load_completer(config))?;
    if edits.is_empty() {
        return runtime.block_on(renames::judge::run(renames, &completer, *limit, *json));
    }
    let judge = judged::judge_candidates(&completer, &runtime);
    let output = edits::Output { json: *json, missed: *missed };
    let ways = edits::judged(&judge, MARGIN_NATS as f32);
    io::stdout().lock().write_all(edits::run(edits, &ways, output)?.as_bytes())?;
    Ok(())
}

/// The settings with the window size from the arguments.
fn with_window(config: &Config, arguments: &Arguments) -> Config {
    let window = Window {
        layout: arguments.layout,
        before_tokens: arguments.before_tokens,
        after_tokens: arguments.after_tokens,
        anchor_lines: arguments.anchor_lines.unwrap_or(config.prompt.anchor_lines),
        middle_lines: arguments.middle_lines.unwrap_or(config.prompt.middle_lines),
        // With one request per cursor, no later request could prefill what a time budget leaves
        // out; and without budgets, the prompts are the same on every machine.
        first_ms: None,
        whole_ms: None,
        path: arguments.path || config.prompt.path,
        other_files: if arguments.others { OtherFiles::Open } else { OtherFiles::None },
        other_tokens: arguments.other_tokens,
        ..config.prompt
    };
    Config { prompt: window, ..config.clone() }
}

/// The texts of a run, by one model.
struct Texts {
    model: Key,
    outcomes: Vec<Outcome>,
    replays: Vec<(&'static str, Count)>,
}

/// Generates the texts of all cases, and runs all replays.
fn generated(config: &Config, arguments: &Arguments) -> anyhow::Result<Texts> {
    let read = |path: &PathBuf| Set::read(path, arguments.limit);
    let sets = arguments.cases.iter().map(read).collect::<anyhow::Result<Vec<_>>>()?;
    let bundle = calibrate::bundle(config);
    let model = bundle.as_ref().map(Bundle::calibration_key);
    // A remote server's model has no bundle.
    let model = model.unwrap_or_else(|| Key { model: config.model.name.clone(), ..Key::default() });
    let calibration = calibration(arguments, bundle.as_ref(), &model)?;
    let options = GenerationOptions::one(&config.suggest);
    // Texts are recorded once without a threshold; each threshold is applied to the recording.
    let recorded = options.showing_everything();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let (outcomes, replays) = runtime.block_on(async {
        let completer = load_completer(config).await?;
        let judged = (&model, calibration.as_ref());
        let outcomes = run_cases(&completer, &sets, arguments, recorded, judged).await?;
        drop(completer);
        let replays = run_replays(config, &sets, arguments, options).await?;
        anyhow::Ok((outcomes, replays))
    })?;
    Ok(Texts { model, outcomes, replays })
}

/// Reads recorded texts.
fn recorded(config: &Config, arguments: &Arguments) -> anyhow::Result<Texts> {
    let mut all: Option<Texts> = None;
    let style = GenerationOptions::one(&config.suggest).style;
    for path in &arguments.recorded {
        let (model, outcomes) = recorded::read(path, arguments.limit, style)?;
        let all = all.get_or_insert_with(|| Texts {
            model: model.clone(),
            outcomes: Vec::new(),
            replays: Vec::new(),
        });
        ensure!(all.model == model, "{}: the texts are from another model", path.display());
        all.outcomes.extend(outcomes);
    }
    let mut all = all.context("no file of recorded texts was given")?;
    let calibration = calibration(arguments, calibrate::bundle(config).as_ref(), &all.model)?;
    let mut texts = arguments.texts.as_ref().map(create).transpose()?;
    for it in &mut all.outcomes {
        it.calibrate(calibration.as_ref());
        if let Some(texts) = &mut texts {
            writeln!(texts, "{}", rows::row(it, &all.model))?;
        }
    }
    Ok(all)
}

/// The calibration to judge. `None` if a new one is fitted, from the model's own probabilities.
fn calibration(
    arguments: &Arguments,
    bundle: Option<&Bundle>,
    model: &Key,
) -> anyhow::Result<Option<Calibration>> {
    if arguments.calibrate.is_some() {
        return Ok(None);
    }
    calibrate::selected(arguments.calibration.as_deref(), bundle, model)
}

fn create(path: &PathBuf) -> anyhow::Result<File> {
    File::create(path).with_context(|| format!("{}", path.display()))
}

/// Loads the model, with an empty KV cache.
async fn load_completer(config: &Config) -> anyhow::Result<Completer> {
    let completer = Completer::start(config);
    match completer.loaded().await {
        EngineState::Failed(message) => bail!("{message}"),
        _ => Ok(completer),
    }
}

async fn run_cases(
    completer: &Completer,
    sets: &[Set],
    arguments: &Arguments,
    options: GenerationOptions,
    (model, calibration): (&Key, Option<&Calibration>),
) -> anyhow::Result<Vec<Outcome>> {
    let Arguments { layout, compare, ablate, uncut, others, alone: is_alone, .. } = *arguments;
    let answer_options = AnswerOptions { layout, compare, ablate, uncut, others, is_alone };
    let variants = Variants::new(completer, answer_options, options)?;
    let n_cases: usize = sets.iter().map(|set| set.cases.len()).sum();
    let mut outcomes = Vec::with_capacity(n_cases);
    let mut texts = arguments.texts.as_ref().map(create).transpose()?;
    for set in sets {
        for case in &set.cases {
            print_progress(&format!("case {} of {n_cases}", outcomes.len() + 1));
            let mut outcome = variants.ask(case, &set.name).await?;
            outcome.calibrate(calibration);
            if let Some(texts) = &mut texts {
                writeln!(texts, "{}", rows::row(&outcome, model))?;
            }
            outcomes.push(outcome);
        }
    }
    Ok(outcomes)
}

/// Types every replay in the requested layout and in the plain one, each starting with an empty KV
/// cache.
async fn run_replays(
    config: &Config,
    sets: &[Set],
    arguments: &Arguments,
    options: GenerationOptions,
) -> anyhow::Result<Vec<(&'static str, Count)>> {
    let Arguments { layout, keys, quick, .. } = *arguments;
    let max_replays = if quick { 1 } else { usize::MAX };
    let replays: Vec<_> =
        sets.iter().flat_map(|set| set.replays.iter().take(max_replays)).collect();
    let mut counts = Vec::new();
    if replays.is_empty() {
        return Ok(counts);
    }
    for (name, layout) in [("processed", layout), ("plain", Split::Plain)] {
        let parts = Ablation {
            layout,
            healing: true,
            policy: true,
            other_files: OtherFiles::None,
            calibration: true,
        };
        let completer = load_completer(config).await?;
        let variant = completer.with_ablation(parts).context("no model is loaded")?;
        let mut count = Count::default();
        for (i, it) in replays.iter().enumerate() {
            print_progress(&format!("replay {} of {}, {name}", i + 1, replays.len()));
            count.add(replay::replay(&variant, options, it, keys).await?);
        }
        counts.push((name, count));
    }
    Ok(counts)
}

/// Overwrites the progress line on standard error, if that is a terminal.
fn print_progress(progress: &str) {
    if io::stderr().is_terminal() {
        eprint!("\r{progress}\x1b[K\r");
    }
}

//! `foretell complete FILE:LINE:COL`: completes a file at a position.

use std::{
    io::{self, IsTerminal, Read, Write},
    path::PathBuf,
    process::ExitCode,
    str::FromStr,
};

use super::terminal::printable;
use anyhow::{Context, bail, ensure};
use foretell_config::{Config, exclude::Exclusions, prompt::Window};
use foretell_engine::{EngineState, FinishReason, Generation, Progress};
use foretell_session::{
    completer::{Completer, GenerationOptions},
    document::Snapshot,
};

/// The arguments of `foretell complete`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The cursor's position, counted from 1: before the character at the column, or at the end of
    /// the line without a column.
    #[arg(value_name = "FILE:LINE[:COL]")]
    place: FilePlace,

    /// Read the text from standard input. The position is then LINE[:COL], optionally preceded by a
    /// file name.
    #[arg(long)]
    stdin: bool,

    /// Print one JSON object at the end instead of the text as it is generated.
    #[arg(long)]
    json: bool,
}

/// A position in a file. Line and column are counted from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
struct FilePlace {
    path: PathBuf,
    line: usize,
    col: Option<usize>,
}

impl FromStr for FilePlace {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| text.parse().ok().filter(|n: &usize| *n > 0);
        let split = |text: &str| {
            let (head, tail) = text.rsplit_once(':')?;
            Some((head.to_owned(), number(tail)?))
        };
        let (head, last) =
            split(text).ok_or("expected FILE:LINE or FILE:LINE:COL, counted from 1")?;
        let (path, line, col) = match split(&head) {
            Some((path, line)) => (path, line, Some(last)),
            None => (head, last, None),
        };
        Ok(Self { path: path.into(), line, col })
    }
}

impl FilePlace {
    /// Reinterprets the place for text from standard input: `3:7`, parsed as line 7 of a file `3`,
    /// is line 3, column 7.
    fn of_stdin(&self) -> Self {
        match (self.path.to_string_lossy().parse(), self.col) {
            (Ok(line), None) => Self { path: "stdin".into(), line, col: Some(self.line) },
            _ => self.clone(),
        }
    }
}

/// Reads a file or standard input. Returns its snapshot and the cursor, a char_idx.
///
/// # Errors
/// If the text cannot be read, is not UTF-8, or does not have the line and column.
fn open(place: &FilePlace, is_stdin: bool) -> anyhow::Result<(Snapshot, usize)> {
    let FilePlace { path, line, col } = place;
    let mut bytes = Vec::new();
    let read = if is_stdin {
        io::stdin().lock().read_to_end(&mut bytes)
    } else {
        std::fs::File::open(path).and_then(|mut file| file.read_to_end(&mut bytes))
    };
    read.with_context(|| format!("{}", path.display()))?;
    let text = String::from_utf8(bytes)
        .map_err(|_| anyhow::anyhow!("{}: not UTF-8 text", path.display()))?;
    let snapshot = Snapshot::of_text(&path.to_string_lossy(), "", &text);
    let n_lines = snapshot.rope.len_lines();
    ensure!(*line <= n_lines, "{}: line {line} of {n_lines} does not exist", path.display());
    let range = snapshot.line_range(line - 1);
    let Some(col) = col else {
        return Ok((snapshot, range.end));
    };
    ensure!(
        *col <= range.len() + 1,
        "{}: line {line} ends at column {}, column {col} does not exist",
        path.display(),
        range.len() + 1
    );
    Ok((snapshot, range.start + col - 1))
}

/// Completes and prints the suggestion.
///
/// # Errors
/// If the file is excluded or cannot be read, the model does not load, or the generation fails.
pub(crate) fn run(config: &Config, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let (place, is_stdin) = (&arguments.place, arguments.stdin);
    let place = if is_stdin { place.of_stdin() } else { place.clone() };
    let (exclusions, _) = Exclusions::new(&config.suggest.exclude);
    ensure!(
        !exclusions.contain_file(&place.path),
        "{}: excluded by `suggest.exclude` (`foretell config` prints the list)",
        place.path.display()
    );
    let (snapshot, cursor) = open(&place, is_stdin)?;
    // The only request: no later one could prefill what a shorter first prompt leaves out.
    let window = Window { first_ms: None, ..config.prompt };
    let completer = Completer::start(&Config { prompt: window, ..config.clone() });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    // JSON is printed at the end, so a line can be held back until its syntax is known.
    let mut options = GenerationOptions::one(&config.suggest).showing_everything();
    options.style.whole_lines = arguments.json;
    let progress = runtime.block_on(async {
        if let EngineState::Failed(message) = completer.loaded().await {
            bail!("{message}");
        }
        let generation =
            completer.generate(&snapshot, cursor, &options).context("the model is not ready")?;
        if arguments.json {
            collect(generation).await
        } else {
            let line_start = snapshot.rope.line_to_char(snapshot.rope.char_to_line(cursor));
            let out = io::stdout();
            let colours = if out.is_terminal() { GREY } else { ["", ""] };
            streamed(generation, &snapshot.slice(line_start..cursor), colours, out).await
        }
    })?;
    if let Some(FinishReason::Failed(message)) = &progress.finish {
        bail!("{message}");
    }
    let mut out = io::stdout().lock();
    if arguments.json {
        let figures = progress.figures;
        let confidence = progress.confidence.as_ref();
        let n_bytes = progress.text.len();
        let json = serde_json::json!({
            "text": progress.text_after(0),
            "reused": figures.reused,
            "read": figures.read,
            "generated": figures.generated,
            "drafted": figures.drafted,
            "accepted": figures.accepted,
            "prefill_ms": figures.prefill_ms,
            "decode_ms": figures.decode_ms,
            "first_token_ms": figures.first_token_ms,
            "total_ms": figures.total_ms,
            "mean_log_probability": confidence.and_then(|it| it.mean(n_bytes)),
            "probability": confidence.map(|it| it.log_probability(0, n_bytes).exp()),
            "finish": progress.finish.as_ref().map(FinishReason::name),
        });
        writeln!(out, "{json}")?;
    } else {
        writeln!(out, "{}", summary(&progress))?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn collect(mut generation: Generation) -> anyhow::Result<Progress> {
    loop {
        let now = generation.progress();
        if now.finish.is_some() || !generation.changed().await {
            return Ok(generation.progress());
        }
    }
}

/// The ANSI escape sequences that start and end grey text.
const GREY: [&str; 2] = ["\x1b[90m", "\x1b[0m"];

/// Prints the line before the cursor, then the text between `grey` and `plain` as it is generated.
async fn streamed(
    mut generation: Generation,
    line_before: &str,
    [grey, plain]: [&str; 2],
    mut out: impl Write,
) -> anyhow::Result<Progress> {
    write!(out, "{}{grey}", printable(line_before))?;
    out.flush()?;
    let mut shown_bytes = 0;
    loop {
        let now = generation.progress();
        write!(out, "{}", printable(&now.text[shown_bytes..]))?;
        out.flush()?;
        shown_bytes = now.text.len();
        if now.finish.is_some() || !generation.changed().await {
            writeln!(out, "{plain}")?;
            return Ok(generation.progress());
        }
    }
}

fn summary(progress: &Progress) -> String {
    let figures = progress.figures;
    let first = figures.first_token_ms.map_or("no text".to_owned(), |ms| format!("{ms:.0} ms"));
    let finish = progress.finish.as_ref().map_or("", FinishReason::name);
    format!(
        "-- first token {first}, total {:.0} ms; tokens: {} reused, {} prefilled, {} generated; {}",
        figures.total_ms,
        figures.reused,
        figures.read,
        figures.generated,
        finish.replace('_', " "),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_split_from_the_right() {
        let place = |path: &str, line, col| Ok(FilePlace { path: path.into(), line, col });
        assert_eq!("a.rs:3:7".parse(), place("a.rs", 3, Some(7)));
        assert_eq!("a.rs:3".parse(), place("a.rs", 3, None));
        assert_eq!("C:\\a.rs:3:7".parse(), place("C:\\a.rs", 3, Some(7)));
        for wrong in ["a.rs", "a.rs:0", "a.rs:x", ""] {
            assert!(wrong.parse::<FilePlace>().is_err(), "{wrong}");
        }
    }

    #[tokio::test]
    async fn neither_the_file_nor_the_model_steers_the_terminal() {
        let (mut out, generation) =
            (Vec::new(), Generation::of_text("b\x1b]0;owned\x07\u{9b}2J".into()));
        streamed(generation, "a\x1b[2J\u{202e}", GREY, &mut out).await.unwrap();
        let expected = "a\u{241b}[2J\u{fffd}\x1b[90mb\u{241b}]0;owned\u{2407}\u{fffd}2J\x1b[0m\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn a_place_in_the_standard_input_may_go_without_a_name() {
        let place = |text: &str| text.parse::<FilePlace>().unwrap().of_stdin();
        let expected = |path: &str, line, col| FilePlace { path: path.into(), line, col };
        assert_eq!(place("3:7"), expected("stdin", 3, Some(7)));
        assert_eq!(place("a.rs:3"), expected("a.rs", 3, None));
        assert_eq!(place("a.rs:3:7"), expected("a.rs", 3, Some(7)));
    }
}

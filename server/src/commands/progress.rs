//! Progress of long commands: text for a terminal, or JSON lines for programs (docs/protocol.md).

use std::io::{self, Write};

use serde::{Deserialize, Serialize};

use super::terminal::printable;

/// The format of progress on standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(crate) enum Format {
    /// Text for a terminal; the programs that setup runs print to standard error.
    #[default]
    Text,
    /// One JSON object per line, for editors.
    Json,
}

/// A part of the installation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Stage {
    /// The Python packages that fetch and import models.
    Packages,
    /// The runtime library.
    Library,
    /// Download, import and verification of a model.
    Model,
    /// Measuring the model's speed.
    Speed,
    /// The installation is complete.
    Done,
}

/// A line of JSON. Progress without a known size has no bytes.
#[derive(Debug, Serialize)]
struct Event<'a> {
    stage: Stage,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    done_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    total_bytes: Option<u64>,
}

/// A line that the model scripts print while `FORETELL_PROGRESS` is `json`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct OfScripts {
    message: String,
    done_bytes: u64,
    total_bytes: u64,
}

impl Format {
    /// Prints a line and flushes it, so that it precedes the output of the next program.
    pub(crate) fn print(self, stage: Stage, message: &str) -> io::Result<()> {
        match self {
            Self::Text => print_line(&printable(message)),
            Self::Json => {
                print_event(&Event { stage, message, done_bytes: None, total_bytes: None })
            }
        }
    }
}

/// Prints a program's line of output as JSON: its progress in bytes, or the line as a message.
pub(crate) fn relay(stage: Stage, line: &str) -> io::Result<()> {
    match serde_json::from_str::<OfScripts>(line) {
        Ok(OfScripts { message, done_bytes, total_bytes }) => print_event(&Event {
            stage,
            message: &message,
            done_bytes: Some(done_bytes),
            total_bytes: Some(total_bytes),
        }),
        Err(_) => Format::Json.print(stage, line),
    }
}

fn print_event(event: &Event) -> io::Result<()> {
    // An editor may show the message in a terminal.
    let message = printable(event.message);
    let event = Event { message: &message, ..*event };
    print_line(&serde_json::to_string(&event)?)
}

fn print_line(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

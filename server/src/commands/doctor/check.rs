//! The result of a check, as lines of text and as JSON.

use std::io::{self, Write};

use serde::Serialize;

use crate::commands::terminal::printable;

/// The outcome of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Mark {
    /// Nothing to do.
    Good,
    /// Worth a look; suggestions work.
    Attention,
    /// Suggestions fail.
    Bad,
    /// Not checked, because another check failed.
    Skipped,
}

/// The result of one check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Check {
    /// The subject of the check, in one word.
    pub(super) name: &'static str,
    pub(super) mark: Mark,
    /// The finding. An error message also says what to do.
    pub(super) text: String,
    /// Further lines.
    pub(super) details: Vec<String>,
    /// What to do, unless the text says it.
    pub(super) to_do: Option<String>,
}

impl Check {
    pub(super) fn new(name: &'static str, mark: Mark, text: impl Into<String>) -> Self {
        Self { name, mark, text: text.into(), details: vec![], to_do: None }
    }

    pub(super) fn good(name: &'static str, text: impl Into<String>) -> Self {
        Self::new(name, Mark::Good, text)
    }

    pub(super) fn bad(name: &'static str, error: impl ToString) -> Self {
        Self::new(name, Mark::Bad, error.to_string())
    }

    /// A check that cannot run because `missing` is not available.
    pub(super) fn skipped(name: &'static str, missing: &str) -> Self {
        Self::new(name, Mark::Skipped, format!("not measured: no {missing}"))
    }

    pub(super) fn with_details(self, details: Vec<String>) -> Self {
        Self { details, ..self }
    }

    pub(super) fn with_to_do(self, to_do: impl Into<String>) -> Self {
        Self { to_do: Some(to_do.into()), ..self }
    }

    /// Writes the check as lines of text, with control characters replaced.
    pub(super) fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let mark = match self.mark {
            Mark::Good => '✓',
            Mark::Attention => '!',
            Mark::Bad => '✗',
            Mark::Skipped => '-',
        };
        writeln!(out, "{mark} {:<9} {}", self.name, printable(&self.text))?;
        for line in &self.details {
            writeln!(out, "{:12}{}", "", printable(line))?;
        }
        self.to_do.iter().try_for_each(|it| writeln!(out, "{:12}→ {it}", ""))
    }
}

//! What a check says, as a line for people and as JSON.

use std::io::{self, Write};

use serde::Serialize;

use crate::commands::terminal::printable;

/// What came of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Mark {
    /// As it should be.
    Good,
    /// Completions are made all the same.
    Attention,
    /// Without it there are no completions.
    Bad,
    /// Not checked, since something else is missing.
    Skipped,
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Check {
    /// What was checked, in a word.
    pub(super) name: &'static str,
    /// What came of it.
    pub(super) mark: Mark,
    /// What was found. An error's own message says what to do.
    pub(super) text: String,
    /// More of it, a line each.
    pub(super) details: Vec<String>,
    /// What to do, where the text does not say it.
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

    /// A check that needs another one, which failed.
    pub(super) fn skipped(name: &'static str, missing: &str) -> Self {
        Self::new(name, Mark::Skipped, format!("not measured: no {missing}"))
    }

    pub(super) fn with_details(self, details: Vec<String>) -> Self {
        Self { details, ..self }
    }

    pub(super) fn and_do(self, to_do: impl Into<String>) -> Self {
        Self { to_do: Some(to_do.into()), ..self }
    }

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

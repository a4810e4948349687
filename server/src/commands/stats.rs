//! `foretell stats`: prints the recorded counts.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use anyhow::Context;
use foretell_engine::paths::data_folder;
use foretell_session::stats::{Counts, markdown, page, read_all};

/// Prints the counts of the last session and of all recorded sessions.
///
/// # Errors
/// If the recorded sessions cannot be read.
pub(crate) fn run(json: bool, as_markdown: bool) -> anyhow::Result<ExitCode> {
    let folder = data_folder();
    let sessions = read_all(&folder).with_context(|| format!("{}", folder.display()))?;
    let mut all = Counts::default();
    sessions.iter().for_each(|it| all.merge(it));
    let mut out = io::stdout().lock();
    if json {
        let value =
            serde_json::json!({"sessions": sessions.len(), "last": sessions.last(), "all": all});
        writeln!(out, "{value}")?;
    } else if as_markdown {
        write!(out, "{}", markdown(&all))?;
    } else if let Some(last) = sessions.last() {
        writeln!(out, "The last session\n\n{}", page(last))?;
        writeln!(out, "All {} recorded sessions\n\n{}", sessions.len(), page(&all))?;
    } else {
        writeln!(
            out,
            "No sessions yet. A session is recorded once an editor has requested suggestions."
        )?;
    }
    Ok(ExitCode::SUCCESS)
}

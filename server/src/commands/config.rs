//! `foretell config`: prints the effective settings or their schema.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use foretell_config::{Config, layers::user_file};
use foretell_lsp::Startup;

use super::terminal::printable;

/// Prints the effective settings, without an editor's own, or the schema of all settings. Fails if
/// settings are invalid.
pub(crate) fn run(startup: &Startup, schema: bool) -> anyhow::Result<ExitCode> {
    let mut out = io::stdout().lock();
    if schema {
        writeln!(out, "{}", serde_json::to_string_pretty(&Config::schema())?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let (config, invalid) = startup.config();
    if let Some(file) = user_file() {
        let note = if file.exists() { "" } else { " (does not exist)" };
        writeln!(out, "# {}{note}", printable(&file.display().to_string()))?;
    }
    write!(out, "{}", printable(&toml::to_string_pretty(&config)?))?;
    for it in &invalid {
        eprintln!("foretell: {}", printable(it));
    }
    Ok(if invalid.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

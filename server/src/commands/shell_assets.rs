//! `foretell completions` and `foretell man`: generated from the same definition of the command
//! line as `--help`.

use std::{
    io::{self, Write},
    path::Path,
    process::ExitCode,
};

use anyhow::Context;
use clap::Command;
use clap_complete::Shell;

/// Prints a shell's completion script.
pub(crate) fn completions(mut command: Command, shell: Shell) -> anyhow::Result<ExitCode> {
    let name = command.get_name().to_owned();
    // Generated in memory: the generator panics if it cannot write, for example to `head`.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, name, &mut script);
    io::stdout().write_all(&script)?;
    Ok(ExitCode::SUCCESS)
}

/// Writes a manual page for each command to a folder, and creates the folder if necessary.
pub(crate) fn man(command: Command, folder: &Path) -> anyhow::Result<ExitCode> {
    std::fs::create_dir_all(folder)
        .and_then(|()| clap_mangen::generate_to(command, folder))
        .with_context(|| format!("{}", folder.display()))?;
    Ok(ExitCode::SUCCESS)
}

//! `foretell completions` and `foretell man`: made from the same description of the command line
//! as `--help`.

use std::{
    io::{self, Write},
    path::Path,
    process::ExitCode,
};

use anyhow::Context;
use clap::Command;
use clap_complete::Shell;

/// Prints what a shell needs to complete the command line.
pub(crate) fn completions(mut command: Command, shell: Shell) -> anyhow::Result<ExitCode> {
    let name = command.get_name().to_owned();
    // Made in memory first: the generator panics where it can't write, into `head` for instance.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, name, &mut script);
    io::stdout().write_all(&script)?;
    Ok(ExitCode::SUCCESS)
}

/// Writes a manual page for each command into a folder.
pub(crate) fn man(command: Command, folder: &Path) -> anyhow::Result<ExitCode> {
    std::fs::create_dir_all(folder)
        .and_then(|()| clap_mangen::generate_to(command, folder))
        .with_context(|| format!("{}", folder.display()))?;
    Ok(ExitCode::SUCCESS)
}

//! `foretell completions` and `foretell man`: generated from the same definition of the command
//! line as `--help`.

use std::{
    io::{self, Write},
    path::Path,
    process::ExitCode,
};

use anyhow::Context;
use clap::{Command, builder::PossibleValuesParser};
use clap_complete::Shell;

use super::model::catalogue;

/// Prints a shell's completion script.
pub(crate) fn completions(command: Command, shell: Shell) -> anyhow::Result<ExitCode> {
    let mut command = with_model_names(command)?;
    let name = command.get_name().to_owned();
    // Generated in memory: the generator panics if it cannot write, for example to `head`.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, name, &mut script);
    io::stdout().write_all(&script)?;
    Ok(ExitCode::SUCCESS)
}

/// Completes model names from the catalogue, because a static script cannot know which models are
/// installed.
fn with_model_names(command: Command) -> anyhow::Result<Command> {
    let names: Vec<&'static str> =
        catalogue::entries()?.into_keys().map(|it| &*it.leak()).collect();
    let complete = |command: Command, arg: &'static str| {
        let parser = PossibleValuesParser::new(names.clone());
        command.mut_arg(arg, |it| it.value_parser(parser))
    };
    let command = complete(command, "model").mut_subcommand("model", |model| {
        ["add", "use", "remove"].into_iter().fold(model, |model, subcommand| {
            model.mut_subcommand(subcommand, |it| complete(it, "name"))
        })
    });
    let with_model = ["serve", "complete", "bench", "eval", "setup", "config", "doctor"];
    let command = with_model.into_iter().fold(command, |command, subcommand| {
        command.mut_subcommand(subcommand, |it| complete(it, "model"))
    });
    Ok(command.mut_subcommand("setup", |it| complete(it, "name")))
}

/// Writes a manual page for each command to a folder, and creates the folder if necessary.
pub(crate) fn man(command: Command, folder: &Path) -> anyhow::Result<ExitCode> {
    // The generator joins lines unless a blank line separates them.
    let first_steps = command.get_after_help().map(|it| it.to_string().replace('\n', "\n\n"));
    let command = first_steps.map_or_else(|| command.clone(), |it| command.clone().after_help(it));
    std::fs::create_dir_all(folder)
        .and_then(|()| clap_mangen::generate_to(command, folder))
        .with_context(|| format!("{}", folder.display()))?;
    Ok(ExitCode::SUCCESS)
}

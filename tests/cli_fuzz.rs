//! Calls every command with wrong arguments: none panics, the exit code is 0 (success), 1 (failure)
//! or 2 (wrong usage), and `--help` explains each argument.
//!
//! The commands and options come from `--help`, so new ones are covered automatically.

use std::{
    ffi::OsString,
    process::{Command, Stdio},
};

use crate::command::{foretell, run};

/// An empty home: no model, no settings, no other program in `PATH`.
struct Machine(tempfile::TempDir);

impl Machine {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // Deep enough that `..` stays inside.
        std::fs::create_dir_all(folder.path().join("here/and/there")).unwrap();
        Self(folder)
    }

    fn command(&self, arguments: &[String]) -> Command {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let mut command = foretell(&arguments);
        command.current_dir(self.0.path().join("here/and/there")).stdin(Stdio::null());
        for name in ["HOME", "XDG_CONFIG_HOME", "FORETELL_HOME", "PATH"] {
            command.env(name, self.0.path());
        }
        command
    }

    /// The exit code, stdout and stderr of a call that must not panic.
    fn call(&self, command: &mut Command) -> (i32, String, String) {
        let (output, out, err) = run(command);
        let code = output.status.code().unwrap_or(-1);
        assert!((0..=2).contains(&code) && !err.contains("panicked"), "{command:?}: {code}\n{err}");
        assert!(code == 0 || !err.is_empty() || !out.is_empty(), "{command:?} prints nothing");
        (code, out, err)
    }

    fn help(&self, path: &[String]) -> String {
        let (code, out, err) = self.call(&mut self.command(&with(path, &["--help"])));
        assert_eq!((code, err.as_str()), (0, ""), "{path:?}");
        out
    }

    /// This command and all its subcommands, each as the arguments that call it.
    fn commands(&self, path: &[String]) -> Vec<Vec<String>> {
        let help = self.help(path);
        let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1);
        let mut names: Vec<&str> = lines
            .take_while(|line| line.starts_with("  "))
            .filter_map(|line| line.strip_prefix("  ")?.split("  ").next())
            .filter(|name| !name.is_empty() && *name != "help")
            .collect();
        if path.is_empty() {
            names.push("man");
        }
        let inner = names.iter().flat_map(|name| self.commands(&with(path, &[*name])));
        std::iter::once(path.to_vec()).chain(inner).collect()
    }
}

fn with(path: &[String], more: &[&str]) -> Vec<String> {
    path.iter().cloned().chain(more.iter().map(|&it| it.to_owned())).collect()
}

/// The options and arguments in a help text, each with its explanation.
fn explained(help: &str) -> Vec<(String, String)> {
    let lines: Vec<&str> = help.lines().collect();
    let is_name = |line: &str| {
        let text = line.trim_start();
        let n_spaces = line.len() - text.len();
        (1..=6).contains(&n_spaces) && text.starts_with(['-', '<', '['])
    };
    let names = lines.iter().enumerate().filter(|(_, line)| is_name(line));
    names
        .map(|(i, line)| {
            let (name, beside) = line.trim().split_once("  ").unwrap_or((line.trim(), ""));
            let below = lines[i + 1..].iter().take_while(|it| it.starts_with("          "));
            let below: Vec<&str> = below.map(|it| it.trim()).collect();
            (name.to_owned(), format!("{} {}", beside.trim(), below.join(" ")).trim().to_owned())
        })
        .collect()
}

/// The options of a command that take a value.
fn options(help: &str) -> Vec<String> {
    let names = explained(help).into_iter().map(|(name, _)| name);
    names
        .filter(|name| name.contains('<') && name.contains("--"))
        .filter_map(|name| {
            name.split([' ', ',']).find(|it| it.starts_with("--")).map(str::to_owned)
        })
        .collect()
}

#[test]
fn help_explains_every_argument() {
    let machine = Machine::new();
    let commands = machine.commands(&[]);
    let names: Vec<String> = commands.iter().map(|it| it.join(" ")).collect();
    println!("{names:?}");
    for name in ["serve", "complete", "bench engine", "doctor", "setup", "model add", "man"] {
        assert!(names.iter().any(|it| it == name), "{name} in {names:?}");
    }
    for path in commands {
        let help = machine.help(&path);
        let about = help.lines().next().unwrap();
        assert!(about.split_whitespace().count() >= 4, "{path:?}: {about:?}");
        assert!(help.contains("Usage: foretell"), "{path:?}");
        let arguments = explained(&help);
        assert!(arguments.iter().any(|(name, _)| name.starts_with("-h")), "{help}");
        for (name, explanation) in arguments {
            assert!(
                explanation.split_whitespace().count() >= 2,
                "{path:?} {name}: {explanation:?}"
            );
        }
    }
}

#[test]
fn wrong_arguments_do_not_panic() {
    let machine = Machine::new();
    let long = "x".repeat(5_000);
    let values =
        ["", "no/such", "..", "-1", "0", "1e400", "18446744073709551616", "ä\u{1b}[0m", &long];
    let of_all = options(&machine.help(&[]));
    for path in machine.commands(&[]) {
        let usage = |more: &[&str]| {
            let (code, out, err) = machine.call(&mut machine.command(&with(&path, more)));
            assert_eq!((code, out.as_str()), (2, ""), "{path:?} {more:?}\n{err}");
            assert!(err.contains("--help"), "no hint in: {err}");
        };
        usage(&["--no-such-option"]);
        usage(&["--threads", "many"]);
        machine.call(&mut machine.command(&path));
        // Global options are tried with one command only.
        let mut its_options = options(&machine.help(&path));
        its_options.retain(|it| path == ["complete"] || !of_all.contains(it));
        for value in values {
            // One argument, and more than any command takes.
            for values in [&[value][..], &[value, value, value]] {
                machine.call(&mut machine.command(&with(&path, values)));
            }
            for option in &its_options {
                machine.call(&mut machine.command(&with(&path, &[option, value])));
            }
        }
        #[cfg(unix)]
        {
            let bytes: OsString = std::os::unix::ffi::OsStringExt::from_vec(b"\xff\xfe".to_vec());
            machine.call(machine.command(&path).arg(bytes));
        }
    }
}

/// `foretell config | true` and the like.
#[test]
#[cfg(unix)]
fn closed_stdout_does_not_panic() {
    let machine = Machine::new();
    for path in machine.commands(&[]) {
        for more in [&[][..], &["--help"][..], &["--json"][..], &["bash"][..], &["--schema"][..]] {
            let mut command = machine.command(&with(&path, more));
            let (reader, writer) = std::io::pipe().unwrap();
            drop(reader);
            let output = command.stdout(writer).stderr(Stdio::piped()).output().unwrap();
            let err = String::from_utf8_lossy(&output.stderr);
            assert!(
                output.status.code().is_some() && !err.contains("panicked"),
                "{command:?}: {err}"
            );
        }
    }
}

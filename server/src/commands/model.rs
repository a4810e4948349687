//! `foretell model`: lists, adds, imports, selects and removes models.

pub(crate) mod catalogue;

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, bail, ensure};
use foretell_config::{edit::with_setting, layers::user_file};
use foretell_engine::{
    bundle::{Bundle, verified},
    paths::{create_private_folder, data_folder, model_path},
};
use serde::Serialize;
use serde_json::json;

use super::{
    progress::{Format, Stage},
    python_env::Scripts,
    terminal::printable,
};

/// The subcommands of `foretell model`.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Arguments {
    /// List the installed models and those that can be fetched.
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Fetch a model from the list, import it and verify it.
    Add {
        /// A name from `foretell model list`.
        #[arg(value_name = "NAME")]
        name: String,
        /// Install from this folder, written by `foretell setup --save`, instead of the network.
        #[arg(long, value_name = "DIR")]
        from: Option<PathBuf>,
        /// The format of progress on standard output.
        #[arg(long, value_name = "FORMAT", default_value = "text")]
        progress: Format,
    },
    /// Import a model from a GGUF file or a folder with safetensors files.
    Import {
        /// A .gguf file, or a folder with config.json, tokenizer.json and safetensors files.
        #[arg(value_name = "PATH")]
        source: PathBuf,
        /// Its name in the data folder; by default, that of the file or folder.
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
        /// Its licence, for `foretell model list`: an SPDX expression.
        #[arg(long, value_name = "LICENCE")]
        licence: Option<String>,
        /// The quantization recipe (docs/models.md); by default, the faster of two 8-bit recipes.
        #[arg(long, value_name = "NAME")]
        quantization: Option<String>,
        /// The format of progress on standard output.
        #[arg(long, value_name = "FORMAT", default_value = "text")]
        progress: Format,
    },
    /// Select a model: writes model.name to foretell.toml.
    Use {
        /// The name of an installed model, or a bundle's folder.
        #[arg(value_name = "NAME")]
        name: String,
    },
    /// Remove a model and its downloads from the data folder.
    Remove {
        /// The name of an installed model.
        #[arg(value_name = "NAME")]
        name: String,
    },
}

/// Runs a subcommand; `used` is the model in the settings.
///
/// # Errors
/// If there is no such model, or a step fails.
pub(crate) fn run(used: &str, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    match arguments {
        Arguments::List { json } => list(used, *json)?,
        Arguments::Add { name, from, progress } => {
            catalogue::packages(name)?;
            let scripts = Scripts::set_up(from.as_deref(), *progress)?;
            scripts.run(Stage::Model, &["add", name])?;
            // In text, the scripts have printed it.
            if *progress == Format::Json {
                progress.print(Stage::Done, &format!("{name} is ready"))?;
            }
        }
        Arguments::Import { source, name, licence, quantization, progress } => {
            let options = [("--licence", licence), ("--quantization", quantization)];
            import(source, name.as_deref(), options, *progress)?;
        }
        Arguments::Use { name } => {
            writeln!(io::stdout().lock(), "{}", select(&resolve_name(name))?)?;
        }
        Arguments::Remove { name } => remove(name, used)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Resolves a model from the command line: a path is relative to the working folder, and a name
/// stays a name.
pub(crate) fn resolve_name(name: &str) -> String {
    let is_path = name.contains(std::path::is_separator) || name.starts_with('.');
    if is_path {
        crate::absolute(Path::new(name)).to_string_lossy().into_owned()
    } else {
        name.to_owned()
    }
}

/// A model in the list.
#[derive(Debug, Serialize)]
struct ListedModel {
    name: String,
    title: String,
    licence: String,
    /// The size on disk, or of the download.
    bytes: Option<u64>,
    is_here: bool,
    is_used: bool,
    /// The quantization and target, or why it cannot be used.
    note: String,
}

/// The installed models, then the other models in the catalogue.
fn listed_models(used: &str) -> anyhow::Result<Vec<ListedModel>> {
    let mut models: Vec<ListedModel> =
        installed_names()?.into_iter().map(|name| installed(name, used)).collect();
    let used = Path::new(used);
    if used.components().count() > 1 {
        models.push(installed(used.display().to_string(), &used.to_string_lossy()));
    }
    for (name, entry) in catalogue::entries()? {
        if models.iter().any(|it| it.name == name) {
            continue;
        }
        models.push(ListedModel {
            is_used: used == Path::new(&name),
            name,
            bytes: entry.n_bytes(),
            title: entry.title,
            licence: entry.licence,
            is_here: false,
            note: if entry.tried { "" } else { "untested" }.to_owned(),
        });
    }
    Ok(models)
}

/// The names of the models in the data folder, sorted.
fn installed_names() -> anyhow::Result<Vec<String>> {
    let folder = data_folder().join("models");
    let entries = match fs::read_dir(&folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(vec![]),
        other => other.with_context(|| format!("{}", folder.display()))?,
    };
    let name = |entry: io::Result<fs::DirEntry>| entry.ok()?.file_name().into_string().ok();
    let mut names: Vec<String> = entries.filter_map(name).filter(|it| is_name(it)).collect();
    names.sort();
    Ok(names)
}

fn installed(name: String, used: &str) -> ListedModel {
    let is_used = name == used;
    match Bundle::open(&model_path(&name)) {
        Ok(Bundle { manifest: it, .. }) => ListedModel {
            name,
            is_used,
            bytes: Some(it.n_bytes()),
            title: it.title,
            licence: it.licence,
            is_here: true,
            note: format!("{}, {}", it.quantization, it.target),
        },
        Err(error) => ListedModel {
            name,
            is_used,
            bytes: None,
            title: String::new(),
            licence: "-".to_owned(),
            is_here: true,
            note: error.to_string(),
        },
    }
}

fn list(used: &str, is_json: bool) -> anyhow::Result<()> {
    let models = listed_models(used)?;
    let folder = data_folder().join("models");
    let mut out = io::stdout().lock();
    if is_json {
        writeln!(out, "{}", json!({"folder": folder, "models": models}))?;
        return Ok(());
    }
    let width = models.iter().map(|it| it.name.chars().count()).max().unwrap_or(0);
    let mut write = |it: &ListedModel| {
        let mark = if it.is_used { '*' } else { ' ' };
        let size = it.bytes.map_or("-".to_owned(), |it| format!("{} MB", it / 1_000_000));
        let about: Vec<&str> =
            [it.title.as_str(), it.note.as_str()].into_iter().filter(|it| !it.is_empty()).collect();
        let about = about.join(", ");
        let line = format!("{mark} {:<width$}  {size:>8}  {:<13}  {about}", it.name, it.licence);
        writeln!(out, "{}", printable(&line))
    };
    let (installed, others): (Vec<&ListedModel>, Vec<&ListedModel>) =
        models.iter().partition(|it| it.is_here);
    installed.iter().try_for_each(|it| write(it))?;
    others.iter().try_for_each(|it| write(it))?;
    if installed.is_empty() {
        writeln!(out, "\nNo models in {}; `foretell setup` fetches one.", folder.display())?;
    } else {
        let n_installed = installed.len();
        let folder = folder.display();
        writeln!(
            out,
            "\n* marks the model in use. The first {n_installed} are in {folder}; `foretell model add NAME`"
        )?;
        writeln!(out, "fetches another.")?;
    }
    Ok(())
}

/// Writes `model.name` to the user's settings file; `name` is a model's name or an absolute path.
/// Returns what to tell the user.
///
/// # Errors
/// If the model is not installed or unusable, or the settings file cannot be written.
pub(crate) fn select(name: &str) -> anyhow::Result<String> {
    let path = model_path(name);
    let is_path = Path::new(name).is_absolute();
    if !is_path && !path.exists() {
        bail!("{}", not_installed(name)?);
    }
    let bundle = Bundle::open(&path)?;
    let value = if is_path { path.canonicalize()? } else { name.into() };
    let value = value.to_str().context("the folder's name is not UTF-8")?;
    let file = user_file().context("no configuration folder: set HOME")?;
    write_setting(&file, value).with_context(|| format!("{}", file.display()))?;
    let it = &bundle.manifest;
    let mut lines =
        vec![format!("{}: model.name = {value:?} ({}, {})", file.display(), it.title, it.licence)];
    if std::env::var_os("FORETELL_MODEL").is_some() {
        lines.push("FORETELL_MODEL is set and overrides it.".to_owned());
    }
    lines.push("Running servers use it after a restart.".to_owned());
    Ok(lines.join("\n"))
}

/// Imports a user's own model. An existing model is not overwritten.
fn import(
    source: &Path,
    name: Option<&str>,
    options: [(&str, &Option<String>); 2],
    progress: Format,
) -> anyhow::Result<()> {
    let given = source;
    let source = given.canonicalize().with_context(|| format!("{}", given.display()))?;
    // A link's own name is used: its target may be named by a hash.
    let named = if given.file_name().is_some() { given } else { &source };
    let name = name.map_or_else(|| name_of(named), str::to_owned);
    ensure!(
        is_name(&name),
        "{name:?} is not a valid model name: use `--name` with up to 64 lower-case letters, digits and `._-`"
    );
    ensure!(
        !catalogue::entries()?.contains_key(&name),
        "{name} is in the catalogue: use `--name` for another name"
    );
    let folder = data_folder().join("models").join(&name);
    ensure!(
        folder.symlink_metadata().is_err(),
        "the model {name} exists: use `--name` for another name, or remove it with `foretell model remove {name}`"
    );
    let [source, out] = [&source, &folder].map(|it| it.to_str().context("not UTF-8"));
    let mut arguments = vec!["import", source?, "--out", out?, "--name", &name, "--new"];
    for (option, value) in options {
        arguments.extend(value.iter().flat_map(|value| [option, value.as_str()]));
    }
    Scripts::set_up(None, progress)?.run(Stage::Model, &arguments)?;
    let note = format!("{name} is ready; `foretell model use {name}` selects it");
    Ok(progress.print(Stage::Done, &note)?)
}

/// Derives a model's name from its file or folder.
fn name_of(source: &Path) -> String {
    let is_file = source.extension().is_some_and(|it| it == "gguf");
    let name = if is_file { source.file_stem() } else { source.file_name() };
    let name = name.unwrap_or_default().to_string_lossy().to_lowercase();
    name.replace(|c: char| !is_inner(c), "-")
}

/// The error message for a model that is in the catalogue but not installed.
///
/// # Errors
/// If the catalogue does not have the model.
fn not_installed(name: &str) -> anyhow::Result<String> {
    catalogue::packages(name)?;
    Ok(format!("the model {name} is not installed; `foretell model add {name}` fetches it"))
}

/// Writes `model.name` to a settings file. A symbolic link to a file is kept, and the file is
/// replaced atomically.
fn write_setting(file: &Path, value: &str) -> anyhow::Result<()> {
    let file = file.canonicalize().unwrap_or_else(|_| file.to_owned());
    let text = match fs::read_to_string(&file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        other => other?,
    };
    let text = with_setting(&text, "model", "name", value)?;
    let folder = file.parent().context("no folder")?;
    fs::create_dir_all(folder)?;
    let temporary = folder.join(format!(".foretell.toml.{}", std::process::id()));
    let written = fs::write(&temporary, text).and_then(|()| {
        if let Ok(metadata) = file.metadata() {
            fs::set_permissions(&temporary, metadata.permissions())?;
        }
        fs::rename(&temporary, &file)
    });
    if written.is_err() {
        // The error of the write is the one to report.
        let _ = fs::remove_file(&temporary);
    }
    Ok(written?)
}

fn remove(name: &str, used: &str) -> anyhow::Result<()> {
    ensure!(
        is_name(name),
        "{name:?} is not a model name; `foretell model list` shows the installed models"
    );
    let targets = ["models", "sources"].map(|it| data_folder().join(it).join(name));
    let is_there = |it: &&PathBuf| it.symlink_metadata().is_ok();
    ensure!(
        targets.iter().any(|it| is_there(&it) || leftovers(it).next().is_some()),
        "there is no model {name:?} in {}; `foretell model list` shows the installed models",
        data_folder().display()
    );
    let lock = lock(name)?;
    for left in targets.iter().flat_map(|it| leftovers(it)) {
        remove_all(&left).with_context(|| format!("{}", left.display()))?;
    }
    for target in targets.iter().filter(is_there) {
        // Renamed first, so that an interrupted removal leaves no partial bundle under the name.
        let gone = target.with_file_name(format!(".partial-{name}~removed"));
        let removed = remove_all(&gone)
            .and_then(|()| fs::rename(target, &gone))
            .and_then(|()| remove_all(&gone));
        removed.with_context(|| format!("{}", target.display()))?;
    }
    verified::remove_outdated();
    // Remove the file while holding the lock: a process that opened it earlier still finds it
    // locked.
    let _ = fs::remove_file(lock_path(name));
    drop(lock);
    let mut out = io::stdout().lock();
    writeln!(out, "removed {name}")?;
    if name == used {
        writeln!(out, "Your settings still name it; `foretell model use` selects another.")?;
    }
    Ok(())
}

/// The files and folders that interrupted commands have left next to a model's folder.
fn leftovers(target: &Path) -> impl Iterator<Item = PathBuf> {
    let name = target.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let (partial, old) = (format!(".partial-{name}~"), format!(".old-{name}"));
    let entries = target.parent().map(fs::read_dir).into_iter().flatten().flatten().flatten();
    entries.map(|it| it.path()).filter(move |path| {
        let found = path.file_name().unwrap_or_default().to_string_lossy();
        found.starts_with(&partial) || found == old
    })
}

/// Removes a folder, a file or a link, if it exists.
fn remove_all(path: &Path) -> io::Result<()> {
    match path.symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
    }
}

fn lock_path(name: &str) -> PathBuf {
    data_folder().join("locks").join(format!("{name}.lock"))
}

/// Takes the lock that the model scripts hold while they change a model.
fn lock(name: &str) -> anyhow::Result<File> {
    let path = lock_path(name);
    let acquire = || -> io::Result<File> {
        create_private_folder(&data_folder().join("locks"))?;
        let file = File::options().create(true).append(true).open(&path)?;
        file.try_lock()?;
        Ok(file)
    };
    acquire().with_context(|| {
        format!("{}: another command may be adding or importing the model", path.display())
    })
}

/// Whether the model scripts accept a name. Such a name cannot lead out of the models folder.
fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.chars().all(is_inner)
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
}

fn is_inner(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_named_after_its_source() {
        for (source, name) in [
            ("/x/Qwen2.5-Coder-3B-Q4_K_M.gguf", "qwen2.5-coder-3b-q4_k_m"),
            ("/x/My Model v1.5", "my-model-v1.5"),
        ] {
            assert_eq!(name_of(Path::new(source)), name);
        }
    }

    #[test]
    fn a_name_stays_in_its_folder() {
        for name in ["qwen2.5-coder-0.5b", "a", "0_x"] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", ".", "..", "../x", "a/b", "A", "-x", ".partial-x", &"a".repeat(65)] {
            assert!(!is_name(name), "{name}");
        }
    }
}

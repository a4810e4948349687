//! From what the user wrote in several places to one [`Config`].
//!
//! A layer may say anything: what it says that is no setting, or not a value of one, is told and
//! left out, and everything else in it holds.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::LazyLock,
};

use serde::Deserialize;
use serde_json::{Map, Value};

use super::Config;

/// The name of a settings file, in the user's configuration folder and in a workspace.
pub const FILE_NAME: &str = "foretell.toml";
/// The longest settings file that is read, in bytes.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// What one place says; a later layer holds over an earlier one.
#[derive(Debug, Clone, PartialEq)]
pub struct Layer {
    /// Where it is from, for messages.
    pub origin: String,
    values: Value,
    /// Whether it came with a workspace, which others may have written.
    is_of_workspace: bool,
}

/// What a workspace's file may not say, however trusted it is: where the user's code is sent, which
/// code is loaded, and whom else to trust.
const NOT_FROM_A_WORKSPACE: [&str; 3] = ["engine", "model.library", "workspace"];

/// A setting that does not hold, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidSetting {
    origin: String,
    key: String,
    why: String,
}

impl fmt::Display for InvalidSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { origin, key, why } = self;
        write!(f, "{origin}: {key:?} {why}")
    }
}

/// Why a settings file could not be read.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The file is there and can't be read.
    #[error("{path}: {error}; the settings in this file are ignored")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: std::io::Error,
    },
    /// It is not TOML.
    #[error(
        "{path}:{line}: {message}; the settings in this file are ignored until it is corrected"
    )]
    NotToml {
        /// The file.
        path: PathBuf,
        /// Where, counted from 1.
        line: usize,
        /// What is wrong with it. Not what stands there: that may be anything.
        message: String,
    },
}

impl Layer {
    /// A layer from a client's settings or from the command line.
    #[must_use]
    pub fn new(origin: &str, values: Value) -> Self {
        Self { origin: origin.to_owned(), values, is_of_workspace: false }
    }

    /// The user's own file, if there is one.
    ///
    /// # Errors
    /// If it is there and can't be read.
    pub fn of_user() -> Result<Option<Self>, FileError> {
        user_file().map_or(Ok(None), |path| Self::of_file(&path))
    }

    /// A workspace's file, if there is one. The caller knows that the workspace is trusted.
    ///
    /// # Errors
    /// If it is there and can't be read, or is a link, which may lead anywhere.
    pub fn of_workspace(folder: &Path) -> Result<Option<Self>, FileError> {
        let path = folder.join(FILE_NAME);
        if path.is_symlink() {
            let error =
                std::io::Error::other("a symbolic link, which is not followed in a workspace");
            return Err(FileError::Unreadable { path, error });
        }
        let layer = Self::of_file(&path)?;
        Ok(layer.map(|it| Self { is_of_workspace: true, ..it }))
    }

    fn forbids(&self, key: &str) -> bool {
        let is_in = |group: &str| key.strip_prefix(group).is_some_and(|it| it.starts_with('.'));
        self.is_of_workspace && NOT_FROM_A_WORKSPACE.iter().any(|it| key == *it || is_in(it))
    }

    /// What a value becomes of what holds, or why it can't be.
    fn value(&self, key: &str, value: &Value, holds: &Config) -> Result<Value, &'static str> {
        match (key, value) {
            // A path would lead to a model that the workspace brings along.
            ("model.name", Value::String(name)) if self.is_of_workspace && !is_plain_name(name) => {
                Err("is a path; a workspace may only name an installed model")
            }
            // It may keep more from the model, not less.
            ("suggest.exclude", Value::Array(globs)) if self.is_of_workspace => {
                let own = holds.suggest.exclude.iter().cloned().map(Value::from);
                Ok(own.chain(globs.iter().cloned()).collect())
            }
            _ => Ok(value.clone()),
        }
    }

    fn of_file(path: &Path) -> Result<Option<Self>, FileError> {
        use std::io::Read;
        let read = || -> std::io::Result<String> {
            let mut text = String::new();
            // Opening a pipe would wait for somebody who writes into it.
            if !std::fs::metadata(path)?.is_file() {
                return Err(std::io::Error::other("not a file"));
            }
            let mut file = std::fs::File::open(path)?.take(MAX_FILE_BYTES + 1);
            if file.read_to_string(&mut text)? as u64 > MAX_FILE_BYTES {
                return Err(std::io::Error::other("longer than 1 MB"));
            }
            Ok(text)
        };
        let unreadable = |error| FileError::Unreadable { path: path.to_owned(), error };
        let text = match read() {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            other => other.map_err(unreadable)?,
        };
        let values = toml::from_str(&text).map_err(|error: toml::de::Error| {
            let before = error.span().and_then(|it| text.get(..it.start)).unwrap_or_default();
            FileError::NotToml {
                path: path.to_owned(),
                line: before.matches('\n').count() + 1,
                message: error.message().to_owned(),
            }
        })?;
        Ok(Some(Self::new(&path.display().to_string(), values)))
    }
}

/// The user's settings file, whether it is there or not.
#[must_use]
pub fn user_file() -> Option<PathBuf> {
    use etcetera::BaseStrategy;
    let folder = etcetera::choose_base_strategy().ok()?.config_dir();
    Some(folder.join("foretell").join(FILE_NAME))
}

/// Lays the layers over the defaults, the first one lowest.
#[must_use]
pub fn merge(layers: &[Layer]) -> (Config, Vec<InvalidSetting>) {
    let mut merged = Merged::default();
    for layer in layers {
        match &layer.values {
            Value::Object(values) => merged.lay(layer, "", values),
            Value::Null => {}
            // Lua has one empty table for both.
            Value::Array(values) if values.is_empty() => {}
            _ => merged.report(layer, "", "is not a group of settings"),
        }
    }
    (merged.config, merged.invalid)
}

static SCHEMA: LazyLock<Value> = LazyLock::new(|| Config::schema().to_value());

/// What the schema says of a setting or a group; `None` if there is none of that name.
fn schema_of(key: &str) -> Option<&'static Value> {
    let mut names = key.split('.').filter(|name| !name.is_empty());
    names.try_fold(&*SCHEMA, |schema, name| schema["properties"].get(name))
}

/// The names of all settings, groups left out.
fn settings() -> Vec<String> {
    fn collect(schema: &Value, key: &str, into: &mut Vec<String>) {
        match schema.get("properties").and_then(Value::as_object) {
            None => into.push(key.to_owned()),
            Some(properties) => {
                for (name, schema) in properties {
                    collect(schema, &joined(key, name), into);
                }
            }
        }
    }
    let mut settings = Vec::new();
    collect(&SCHEMA, "", &mut settings);
    settings
}

fn joined(key: &str, name: &str) -> String {
    if key.is_empty() { name.to_owned() } else { format!("{key}.{name}") }
}

#[derive(Default)]
struct Merged {
    config: Config,
    invalid: Vec<InvalidSetting>,
}

impl Merged {
    fn report(&mut self, layer: &Layer, key: &str, why: impl Into<String>) {
        let (origin, key) = (layer.origin.clone(), key.to_owned());
        self.invalid.push(InvalidSetting { origin, key, why: why.into() });
    }

    /// Lays a group's values over what holds.
    fn lay(&mut self, layer: &Layer, group: &str, values: &Map<String, Value>) {
        for (name, value) in values {
            // `suggest.delay_ms` is as good as a group of that name with a setting in it.
            let key = joined(group, name);
            match (schema_of(&key), value) {
                (None, _) => self.report(layer, &key, no_such_setting(&key)),
                _ if layer.forbids(&key) => {
                    self.report(layer, &key, "cannot be set by a workspace");
                }
                (Some(schema), Value::Array(values))
                    if values.is_empty() && schema.get("properties").is_some() => {}
                (Some(schema), Value::Object(values)) if schema.get("properties").is_some() => {
                    self.lay(layer, &key, values);
                }
                (Some(schema), value) => {
                    let value = layer.value(&key, value, &self.config).map_err(str::to_owned);
                    match value.and_then(|value| self.with(schema, &key, &value)) {
                        Ok(config) => self.config = config,
                        Err(why) => self.report(layer, &key, why),
                    }
                }
            }
        }
    }

    /// The settings that hold, with one more.
    fn with(&self, schema: &Value, key: &str, value: &Value) -> Result<Config, String> {
        for (bound, is_beyond) in [
            ("minimum", (|n, bound| n < bound) as fn(f64, f64) -> bool),
            ("maximum", |n, bound| n > bound),
        ] {
            let limit = schema.get(bound).and_then(Value::as_f64);
            if let (Some(n), Some(limit)) = (value.as_f64(), limit)
                && is_beyond(n, limit)
            {
                return Err(format!("is {value}; the {bound} is {limit}"));
            }
        }
        let mut all = serde_json::to_value(&self.config).map_err(|error| error.to_string())?;
        let slot = all.pointer_mut(&format!("/{}", key.replace('.', "/")));
        *slot.ok_or("has no place")? = value.clone();
        Config::deserialize(all).map_err(|error| format!("is {value}: {error}"))
    }
}

/// Whether a model's name leads nowhere out of the models' folder.
fn is_plain_name(name: &str) -> bool {
    !name.contains(['/', '\\', ':']) && !matches!(name, "." | "..")
}

fn no_such_setting(key: &str) -> String {
    let settings = settings();
    let near = settings.iter().map(|it| (strsim::damerau_levenshtein(it, key), it)).min();
    match near {
        Some((distance, nearest)) if distance <= 2 + key.len() / 4 => {
            format!("is not a setting; did you mean {nearest:?}?")
        }
        _ => "is not a setting".to_owned(),
    }
}

#[cfg(test)]
mod tests;

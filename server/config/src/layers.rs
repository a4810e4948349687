//! Merges settings from several sources into one [`Config`].
//!
//! Unknown settings and invalid values are reported and ignored; the other settings of their layer
//! apply.

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
/// The longest settings file to read, in bytes.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// The settings from one source. A later layer overrides an earlier one.
#[derive(Debug, Clone, PartialEq)]
pub struct Layer {
    /// The source, for messages.
    pub origin: String,
    values: Value,
    /// Whether it came with a workspace, which somebody else may have written.
    is_of_workspace: bool,
}

/// Settings that a workspace cannot change, even if it is trusted: where the user's code is sent,
/// which library is loaded, and which workspaces are trusted.
const FORBIDDEN_IN_WORKSPACE: [&str; 3] = ["engine", "model.library", "workspace"];

/// An ignored setting, and why.
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
    /// The file exists but cannot be read.
    #[error("{path}: {error}; the settings in this file are ignored")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        error: std::io::Error,
    },
    /// The file is not TOML.
    #[error(
        "{path}:{line}: {message}; the settings in this file are ignored until it is corrected"
    )]
    NotToml {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// The parser's message, without a quote from the file, which may contain anything.
        message: String,
    },
}

impl Layer {
    /// A layer from the client or the command line.
    #[must_use]
    pub fn new(origin: &str, values: Value) -> Self {
        Self { origin: origin.to_owned(), values, is_of_workspace: false }
    }

    /// The user's settings file; `None` if it does not exist.
    ///
    /// # Errors
    /// If the file exists but cannot be read.
    pub fn of_user() -> Result<Option<Self>, FileError> {
        user_file().map_or(Ok(None), |path| Self::of_file(&path))
    }

    /// A workspace's settings file; `None` if it does not exist. The caller has checked that the
    /// workspace is trusted.
    ///
    /// # Errors
    /// If the file exists but cannot be read, or is a symbolic link, which may lead anywhere.
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
        self.is_of_workspace && FORBIDDEN_IN_WORKSPACE.iter().any(|it| key == *it || is_in(it))
    }

    /// The value to set, given the settings so far; an error says why it is not allowed.
    fn value(&self, key: &str, value: &Value, config: &Config) -> Result<Value, &'static str> {
        match (key, value) {
            // A path could lead to a model inside the workspace.
            ("model.name", Value::String(name)) if self.is_of_workspace && !is_plain_name(name) => {
                Err("is a path; a workspace may only name an installed model")
            }
            // A workspace may exclude more files, never fewer.
            ("suggest.exclude", Value::Array(globs)) if self.is_of_workspace => {
                let own = config.suggest.exclude.iter().cloned().map(Value::from);
                Ok(own.chain(globs.iter().cloned()).collect())
            }
            _ => Ok(value.clone()),
        }
    }

    fn of_file(path: &Path) -> Result<Option<Self>, FileError> {
        use std::io::Read;
        let read = || -> std::io::Result<String> {
            let mut text = String::new();
            // Opening a pipe would block until somebody writes to it.
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

/// The path of the user's settings file, which need not exist. `None` without a home folder.
#[must_use]
pub fn user_file() -> Option<PathBuf> {
    use etcetera::BaseStrategy;
    let folder = etcetera::choose_base_strategy().ok()?.config_dir();
    Some(folder.join("foretell").join(FILE_NAME))
}

/// Applies the layers to the defaults in order; later layers override earlier ones.
#[must_use]
pub fn merge(layers: &[Layer]) -> (Config, Vec<InvalidSetting>) {
    let mut merged = Merged::default();
    for layer in layers {
        match &layer.values {
            Value::Object(values) => merged.apply(layer, "", values),
            Value::Null => {}
            // An empty Lua table arrives as an array.
            Value::Array(values) if values.is_empty() => {}
            _ => merged.report(layer, "", "is not a group of settings"),
        }
    }
    (merged.config, merged.invalid)
}

static SCHEMA: LazyLock<Value> = LazyLock::new(|| Config::schema().to_value());

/// The schema of a setting or a group; `None` if it does not exist.
fn schema_of(key: &str) -> Option<&'static Value> {
    let mut names = key.split('.').filter(|name| !name.is_empty());
    names.try_fold(&*SCHEMA, |schema, name| schema["properties"].get(name))
}

/// Whether a key, nested or with dots, is one of the groups of settings or inside one.
#[must_use]
pub fn is_in_group(key: &str) -> bool {
    let group = key.split('.').next().unwrap_or_default();
    !group.is_empty() && schema_of(group).is_some()
}

/// The names of all settings, without groups.
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

    /// Applies the values of a group.
    fn apply(&mut self, layer: &Layer, group: &str, values: &Map<String, Value>) {
        for (name, value) in values {
            // `suggest.delay_ms` may also be written as a key with a dot.
            let key = joined(group, name);
            match (schema_of(&key), value) {
                (None, _) => self.report(layer, &key, no_such_setting(&key)),
                _ if layer.forbids(&key) => {
                    self.report(layer, &key, "cannot be set by a workspace");
                }
                (Some(schema), Value::Array(values))
                    if values.is_empty() && schema.get("properties").is_some() => {}
                (Some(schema), Value::Object(values)) if schema.get("properties").is_some() => {
                    self.apply(layer, &key, values);
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

    /// The settings so far with one more value. An error says why the value is invalid.
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
        *slot.ok_or("is not a setting")? = value.clone();
        Config::deserialize(all).map_err(|error| match expected(schema, value) {
            Some(kind) => format!("is {value}; expected {kind}"),
            None => format!("is {value}: {error}"),
        })
    }
}

/// The expected kind of value, if this value has the wrong type.
fn expected(schema: &Value, value: &Value) -> Option<&'static str> {
    match schema["type"].as_str()? {
        "integer" if !value.is_u64() => Some("a whole number"),
        "number" if !value.is_number() => Some("a number"),
        "boolean" if !value.is_boolean() => Some("true or false"),
        "string" if !value.is_string() => Some("text"),
        "array" if !value.is_array() => Some("a list"),
        "object" if !value.is_object() => Some("a table"),
        _ => None,
    }
}

/// Whether a model's name cannot lead out of the folder of models.
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

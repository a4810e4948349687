//! The settings of all sources: files, client, command line.

use parking_lot::{Mutex, MutexGuard};
use std::path::{Path, PathBuf};

use serde_json::Value;

use foretell_config::{
    Config,
    exclude::path_of,
    layers::{FileError, Layer, is_in_group, merge},
};

/// The settings known before the client sends any.
#[derive(Debug, Clone, Default)]
pub struct Startup {
    /// The user's file, with the lowest precedence.
    pub user: Option<Layer>,
    /// The command line, with the highest precedence.
    pub command_line: Option<Layer>,
    /// What is wrong with them.
    pub invalid: Vec<String>,
}

/// The name under which clients nest our settings.
const NAME: &str = "foretell";

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Layers(Mutex<Inner>);

#[derive(Debug)]
struct Inner {
    startup: Startup,
    workspaces: Vec<Layer>,
    client: Option<Layer>,
    changed: Option<Layer>,
    invalid: Vec<String>,
}

impl Layers {
    pub(super) fn new(mut startup: Startup) -> Self {
        let invalid = std::mem::take(&mut startup.invalid);
        Self(Mutex::new(Inner {
            startup,
            workspaces: Vec::new(),
            client: None,
            changed: None,
            invalid,
        }))
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock()
    }

    /// Takes the client's settings at startup, and the files of its open folders if the user trusts
    /// them.
    pub(super) fn client(&self, settings: Option<Value>, folders: &[PathBuf], trusts_all: bool) {
        let client = settings.map(|it| Layer::new("initializationOptions.settings", section(it)));
        let mut inner = self.inner();
        inner.client = client;
        let (own, _) = merge(&inner.all());
        let trusts = |folder: &Path| trusts_all || is_in_one(folder, &own.workspace.trusted);
        for folder in folders.iter().filter(|folder| trusts(folder)) {
            match Layer::of_workspace(folder) {
                Ok(layer) => inner.workspaces.extend(layer),
                Err(error) => inner.invalid.push(error.to_string()),
            }
        }
    }

    /// Replaces the client's settings.
    pub(super) fn changed(&self, settings: Changed) {
        let ours = match settings {
            Changed::Pushed(settings) => own_section(settings),
            Changed::Requested(settings) => section(settings),
        };
        self.inner().changed = Some(Layer::new("settings", ours));
    }

    pub(super) fn merge(&self) -> Config {
        let mut inner = self.inner();
        let (config, invalid) = merge(&inner.all());
        inner.invalid.extend(invalid.iter().map(ToString::to_string));
        config
    }

    pub(super) fn add_invalid(&self, invalid: Vec<String>) {
        self.inner().invalid.extend(invalid);
    }

    pub(super) fn take_invalid(&self) -> Vec<String> {
        std::mem::take(&mut self.inner().invalid)
    }
}

impl Inner {
    /// The lowest precedence first.
    fn all(&self) -> Vec<Layer> {
        let Self { startup, workspaces, client, changed, .. } = self;
        let layers = startup.user.iter().chain(workspaces).chain(client).chain(changed);
        layers.chain(&startup.command_line).cloned().collect()
    }
}

/// Whether a folder is inside one of others, with `..` and links resolved.
fn is_in_one(folder: &Path, others: &[PathBuf]) -> bool {
    let others =
        others.iter().filter(|it| it.is_absolute()).filter_map(|it| it.canonicalize().ok());
    folder.canonicalize().is_ok_and(|it| others.into_iter().any(|other| it.starts_with(other)))
}

/// Changed settings of a client.
#[derive(Debug)]
pub(super) enum Changed {
    /// In a notification. Some clients send the settings of all servers.
    Pushed(Value),
    /// In answer to a request for ours.
    Requested(Value),
}

impl Changed {
    /// Whether there are none.
    pub(super) fn is_null(&self) -> bool {
        let (Self::Pushed(settings) | Self::Requested(settings)) = self;
        settings.is_null()
    }
}

/// Our settings in a client's notification: what is nested under our name, or the groups that are
/// ours. Anything else belongs to another server.
fn own_section(settings: Value) -> Value {
    match settings {
        Value::Object(all) if !all.contains_key(NAME) => {
            let ours = all.into_iter().filter_map(|(key, value)| {
                let key = match key.split_once('.') {
                    Some((NAME, key)) => key.to_owned(),
                    _ => key,
                };
                is_in_group(&key).then_some((key, value))
            });
            Value::Object(ours.collect())
        }
        settings => section(settings),
    }
}

/// Our settings among everything a client sends: some clients nest them under our name.
fn section(mut settings: Value) -> Value {
    match settings.get_mut(NAME) {
        Some(ours) => ours.take(),
        None => settings,
    }
}

impl Startup {
    /// The user's file and the command line.
    #[must_use]
    pub fn new(command_line: Value) -> Self {
        let (user, invalid) = match Layer::of_user() {
            Ok(user) => (user, vec![]),
            Err(error @ (FileError::Unreadable { .. } | FileError::NotToml { .. })) => {
                (None, vec![error.to_string()])
            }
        };
        Self { user, command_line: Some(Layer::new("command line", command_line)), invalid }
    }

    /// The effective settings without a client's.
    #[must_use]
    pub fn config(&self) -> (Config, Vec<String>) {
        let layers: Vec<_> = self.user.iter().chain(&self.command_line).cloned().collect();
        let (config, invalid) = merge(&layers);
        let invalid = self.invalid.iter().cloned().chain(invalid.iter().map(ToString::to_string));
        (config, invalid.collect())
    }
}

/// The folders that are open in the client, from the parameters of `initialize`.
pub(super) fn folders(params: &Value) -> Vec<PathBuf> {
    // Some clients still use the older name.
    let uris = params["workspaceFolders"].as_array().into_iter().flatten().map(|it| &it["uri"]);
    let uris = uris.chain([&params["rootUri"]]).filter_map(Value::as_str);
    uris.filter(|uri| uri.starts_with("file:")).map(path_of).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    #[cfg(unix)]
    fn only_trusted_folders_are_read() {
        let home = tempfile::tempdir().unwrap();
        let folder = |name: &str| {
            let folder = home.path().join(name);
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join("foretell.toml"), "suggest.enabled = false\n").unwrap();
            folder
        };
        let (trusted, inside) = (folder("trusted"), folder("trusted/inside"));
        let (beside, evil) = (folder("trusted-not"), folder("evil"));
        let link = trusted.join("link");
        std::os::unix::fs::symlink(&evil, &link).unwrap();
        let around = trusted.join("../evil");
        let is_read = |folder: &Path| {
            let values = json!({"workspace": {"trusted": [trusted]}});
            let user = Some(Layer::new("user", values));
            let layers = Layers::new(Startup { user, ..Startup::default() });
            layers.client(None, &[folder.to_owned()], false);
            !layers.merge().suggest.enabled
        };
        assert!(is_read(&trusted) && is_read(&inside));
        for folder in [beside, evil, link, around] {
            assert!(!is_read(&folder), "{}", folder.display());
        }
    }
}

//! Execution providers that are libraries of their own: which versions are known to work, and
//! whether the one on this machine is one of them.
//!
//! The versions are in `model-scripts/foretell_models/plugins.toml`, which `foretell setup` reads
//! too. A plugin runs inside this process, so only a file with a known hash is loaded.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::LazyLock,
};

use serde::Deserialize;

use crate::{bundle::sha256, library::RUNTIME_VERSION, paths::data_folder, provider::Provider};

const DATA: &str = include_str!("../../../model-scripts/foretell_models/plugins.toml");

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    #[allow(clippy::expect_used, reason = "the data is part of the program, and a test parses it")]
    toml::from_str(DATA).expect("plugins.toml is valid")
});

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    plugin: Vec<Plugin>,
}

/// A version of a plugin. The table documents the fields.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plugin {
    provider: String,
    package: String,
    version: String,
    onnxruntime: Vec<String>,
    #[serde(rename = "folder")]
    _folder: String,
    /// The name under which it announces its devices.
    pub ep: String,
    files: BTreeMap<String, Vec<Library>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Library {
    name: String,
    size: u64,
    sha256: String,
}

/// Why a plugin is not loaded.
#[derive(Debug, thiserror::Error)]
pub enum PluginError {
    /// It does not exist for this system.
    #[error("its plugin does not exist for {0}")]
    NoSuchSystem(String),
    /// It is not installed.
    #[error("its plugin is not installed; `foretell setup --provider {0}` installs it")]
    Missing(&'static str),
    /// Another version, or a damaged file.
    #[error(
        "{path} is not version {version} of {package}; \
         `foretell setup --provider {provider}` installs that version",
        path = .path.display()
    )]
    OtherVersion {
        /// The file.
        path: PathBuf,
        /// The package.
        package: &'static str,
        /// The known version.
        version: &'static str,
        /// The provider.
        provider: &'static str,
    },
    /// It was never run with this version of ONNX Runtime.
    #[error(
        "its plugin works with ONNX Runtime {}, the library is {found}; version \
         {RUNTIME_VERSION} fits: `foretell setup` installs it",
        .known.join(" or ")
    )]
    OtherRuntime {
        /// The version of the library, without the patch level.
        found: String,
        /// The versions it is known to work with.
        known: &'static [String],
    },
    /// A file that cannot be read.
    #[error("{path}: {source}", path = .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
}

impl Plugin {
    /// The plugin of a provider, if it is one.
    #[must_use]
    pub fn of(provider: Provider) -> Option<&'static Self> {
        TABLE.plugin.iter().find(|it| it.provider == provider.name())
    }

    /// The package on PyPI that contains it, with its version.
    #[must_use]
    pub fn requirement(&self) -> String {
        format!("{}=={}", self.package, self.version)
    }

    /// Its library for a runtime library of a version: next to it, or in the data folder. If both
    /// folders have one, the first with the known hash.
    ///
    /// # Errors
    /// If it is missing, or not the known version.
    pub fn library(&'static self, runtime: &Path, version: &str) -> Result<PathBuf, PluginError> {
        self.library_in(&folders(runtime), version)
    }

    /// Whether any version of it is installed for a runtime library.
    #[must_use]
    pub fn is_installed(&self, runtime: &Path) -> bool {
        let [plugin, ..] = self.files() else { return false };
        folders(runtime).iter().any(|it| it.join(&plugin.name).is_file())
    }

    /// The files for this system.
    fn files(&self) -> &[Library] {
        self.files.get(&system()).map(Vec::as_slice).unwrap_or_default()
    }

    fn library_in(
        &'static self,
        folders: &[PathBuf],
        version: &str,
    ) -> Result<PathBuf, PluginError> {
        let files = self.files();
        let [plugin, ..] = files else { return Err(PluginError::NoSuchSystem(system())) };
        let mut first_error = None;
        for folder in folders.iter().filter(|it| it.join(&plugin.name).is_file()) {
            if !self.onnxruntime.iter().any(|it| it == version) {
                let (found, known) = (version.to_owned(), self.onnxruntime.as_slice());
                return Err(PluginError::OtherRuntime { found, known });
            }
            match files.iter().try_for_each(|it| self.check(&folder.join(&it.name), it)) {
                Ok(()) => return Ok(folder.join(&plugin.name)),
                Err(error) => first_error = first_error.or(Some(error)),
            }
        }
        Err(first_error.unwrap_or(PluginError::Missing(&self.provider)))
    }

    fn check(&'static self, path: &Path, known: &Library) -> Result<(), PluginError> {
        let unreadable = |source| PluginError::Unreadable { path: path.to_owned(), source };
        let n_bytes = path.metadata().map_err(unreadable)?.len();
        let is_known = n_bytes == known.size && sha256(path).map_err(unreadable)? == known.sha256;
        if is_known {
            return Ok(());
        }
        Err(PluginError::OtherVersion {
            path: path.to_owned(),
            package: &self.package,
            version: &self.version,
            provider: &self.provider,
        })
    }
}

fn folders(runtime: &Path) -> Vec<PathBuf> {
    let beside = runtime.parent().map(Path::to_owned);
    beside.into_iter().chain([data_folder().join("lib")]).collect()
}

fn system() -> String {
    format!("{}-{}", std::env::consts::OS, std::env::consts::ARCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version() -> String {
        let (minor, _) = RUNTIME_VERSION.rsplit_once('.').unwrap();
        minor.to_owned()
    }

    #[test]
    fn plugins_of_the_table_fit_the_runtime() {
        for plugin in &TABLE.plugin {
            assert!(plugin.onnxruntime.contains(&version()), "{plugin:?}");
            assert!(Provider::ALL.iter().any(|it| it.name() == plugin.provider), "{plugin:?}");
            for file in plugin.files.values().flatten() {
                assert_eq!(file.sha256.len(), 64, "{file:?}");
                assert!(!file.name.contains(['/', '\\']), "{file:?}");
            }
        }
        assert!(Plugin::of(Provider::WebGpu).is_some() && Plugin::of(Provider::Cpu).is_none());
    }

    #[test]
    fn plugin_of_another_version_is_refused_with_the_reason() {
        let plugin = Plugin::of(Provider::WebGpu).unwrap();
        let file = plugin.files().first().expect("the table has this system");
        let folder = tempfile::tempdir().unwrap();
        let reason = |version: &str| {
            let folders = [PathBuf::from("/no-such-folder"), folder.path().to_owned()];
            plugin.library_in(&folders, version).unwrap_err().to_string()
        };
        assert_eq!(
            reason(&version()),
            "its plugin is not installed; `foretell setup --provider webgpu` installs it"
        );
        let path = folder.path().join(&file.name);
        std::fs::write(&path, "another version").unwrap();
        assert!(reason(&version()).contains("is not version 0.4.0 of onnxruntime-ep-webgpu"));
        // The right length is not enough.
        std::fs::File::options().write(true).open(&path).unwrap().set_len(file.size).unwrap();
        assert!(reason(&version()).contains("is not version 0.4.0 of onnxruntime-ep-webgpu"));
        assert!(reason("1.17").contains("works with ONNX Runtime 1.31, the library is 1.17"));
    }

    /// A plugin whose known file contains `content`.
    fn plugin_of(content: &str) -> &'static Plugin {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("known");
        std::fs::write(&file, content).unwrap();
        let library = Library {
            name: "plugin.so".into(),
            size: content.len() as u64,
            sha256: sha256(&file).unwrap(),
        };
        Box::leak(Box::new(Plugin {
            provider: "webgpu".into(),
            package: "a-package".into(),
            version: "1.0".into(),
            onnxruntime: vec!["1.31".into()],
            _folder: String::new(),
            ep: String::new(),
            files: [(system(), vec![library])].into(),
        }))
    }

    #[test]
    fn first_folder_with_the_known_version_is_used() {
        let plugin = plugin_of("known");
        let [beside, data] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let folders = [beside.path().to_owned(), data.path().to_owned()];
        let write = |folder: usize, content: &str| {
            std::fs::write(folders[folder].join("plugin.so"), content).unwrap();
        };
        let found = || {
            let found = plugin.library_in(&folders, "1.31").map_err(|it| it.to_string())?;
            Ok(folders.iter().position(|it| found.starts_with(it)))
        };
        write(1, "known");
        assert_eq!(found(), Ok(Some(1)));
        write(0, "older");
        assert_eq!(found(), Ok(Some(1)), "the version decides");
        write(0, "known");
        assert_eq!(found(), Ok(Some(0)), "then the order");
        write(0, "older");
        write(1, "newer");
        let error: String = found().unwrap_err();
        assert!(error.starts_with(&*folders[0].join("plugin.so").to_string_lossy()), "{error}");
    }
}

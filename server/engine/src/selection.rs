//! Which provider `auto` selects: the fastest one whose results agree with the CPU's, as measured on
//! this machine.
//!
//! The measurements of a bundle are a file in the data folder, together with the versions of
//! everything that can change them. Without such a record, `auto` is the CPU, unless the graph was
//! made for CUDA, Core ML or MLX. After a change, the previous selection applies until the providers
//! have been measured again.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{
    bundle::Bundle,
    paths::{create_private_folder, data_folder},
    provider::Provider,
};

/// The longest record, in bytes.
const MAX_BYTES: u64 = 1 << 16;

/// Versions and states by subject: of Foretell, the library, its plugins and the drivers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Versions(BTreeMap<String, String>);

impl Versions {
    /// Those of this program and machine, for a library and the providers to measure. No plugin or
    /// driver is loaded.
    #[must_use]
    pub fn now(library: &Path, providers: &[Provider]) -> Self {
        let mut versions = BTreeMap::new();
        let mut add = |subject: &str, state: String| {
            versions.insert(subject.to_owned(), state);
        };
        add("Foretell", env!("CARGO_PKG_VERSION").to_owned());
        add("the ONNX Runtime library", stamp(library));
        add("the providers' libraries", provider_libraries(library));
        let names: Vec<&str> = providers.iter().map(|it| it.name()).collect();
        add("the installed providers", names.join(", "));
        let named = ["VK_DRIVER_FILES", "VK_ICD_FILENAMES"].map(std::env::var_os);
        let named: Vec<OsString> = named.into_iter().flatten().collect();
        add("the drivers", drivers(Path::new("/"), &named));
        add("the graphics devices", graphics_devices(Path::new("/sys/class/drm")));
        Self(versions)
    }

    /// The subjects that differ in another record.
    #[must_use]
    pub fn changed<'a>(&'a self, before: &Self) -> Vec<&'a str> {
        let is_changed = |it: &(&String, &String)| before.0.get(it.0) != Some(it.1);
        self.0.iter().filter(is_changed).map(|(subject, _)| subject.as_str()).collect()
    }
}

/// The path, size and modification time of a file. Links are followed, since a package manager
/// replaces what they refer to.
fn stamp(path: &Path) -> String {
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let Ok(metadata) = fs::metadata(&path) else { return format!("{}: missing", path.display()) };
    let modified = metadata.modified().ok().and_then(|it| it.duration_since(UNIX_EPOCH).ok());
    let ms = modified.map_or(0, |it| it.as_millis());
    format!("{}: {} bytes, {ms}", path.display(), metadata.len())
}

/// The libraries of providers, next to the library and in the data folder.
fn provider_libraries(library: &Path) -> String {
    let folders =
        library.parent().map(Path::to_owned).into_iter().chain([data_folder().join("lib")]);
    let entries = folders.flat_map(|it| fs::read_dir(it).into_iter().flatten().flatten());
    let named = entries.filter(|it| it.file_name().to_string_lossy().contains("onnxruntime"));
    let mut paths: Vec<PathBuf> = named.map(|it| it.path()).filter(|it| it != library).collect();
    paths.sort();
    paths.dedup();
    paths.iter().map(|it| stamp(it)).collect::<Vec<_>>().join("\n")
}

/// The state of the graphics drivers below `root`, as far as it is visible without loading them, and
/// of the Vulkan drivers in these lists of paths; empty on Windows.
fn drivers(root: &Path, lists: &[OsString]) -> String {
    // The kernel contains the drivers of most GPUs, and macOS all of them.
    let files = [
        "proc/sys/kernel/osrelease",
        "proc/driver/nvidia/version",
        "System/Library/CoreServices/SystemVersion.plist",
    ];
    let texts = files.iter().filter_map(|it| fs::read_to_string(root.join(it)).ok());
    let mut states: Vec<String> = texts.map(|it| it.trim().to_owned()).collect();
    let named = lists.iter().flat_map(std::env::split_paths);
    let folders = ["usr/share/vulkan/icd.d", "usr/local/share/vulkan/icd.d", "etc/vulkan/icd.d"];
    let folders = folders.iter().flat_map(|it| fs::read_dir(root.join(it)));
    let entries = folders.flat_map(|it| it.flatten().map(|it| it.path()));
    let mut manifests: Vec<PathBuf> = named.chain(entries).collect();
    manifests.sort();
    states.extend(manifests.iter().map(|it| stamp(it)));
    states.join("\n")
}

/// The vendors and models of the graphics devices, and their drivers; empty except on Linux.
fn graphics_devices(folder: &Path) -> String {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut devices: Vec<String> = entries
        .filter(|it| it.file_name().to_string_lossy().starts_with("renderD"))
        .map(|it| {
            let device = it.path().join("device");
            let part = |name: &str| fs::read_to_string(device.join(name)).unwrap_or_default();
            let driver = fs::read_link(device.join("driver")).unwrap_or_default();
            let driver = driver.file_name().unwrap_or_default().to_string_lossy().into_owned();
            format!("{} {} {driver}", part("vendor").trim(), part("device").trim())
        })
        .collect();
    devices.sort();
    devices.join("\n")
}

/// The speed of a provider.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// The time to load the model.
    pub load_ms: f64,
    /// The time to prefill the prompt and evaluate two more tokens.
    pub first_text_ms: f64,
    /// Without draft tokens.
    pub prefill_tokens_per_s: f64,
    /// Without draft tokens.
    pub decode_tokens_per_s: f64,
}

/// How a provider's results agree with the CPU's.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Agreement {
    /// The steps with the same most likely token.
    pub n_equal: usize,
    /// All steps.
    pub n_steps: usize,
    /// The largest difference of a logit.
    pub difference: f32,
}

/// The result of one provider's trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The provider's name.
    pub provider: String,
    /// Its device's name.
    pub device: String,
    /// Its speed, if it ran.
    pub figures: Option<Figures>,
    /// How its results agree with the CPU's. `None` for the CPU, and if they do not agree.
    pub agreement: Option<Agreement>,
    /// The part of the work that it leaves to the CPU, if there is one.
    #[serde(default)]
    pub left_to_cpu: Option<String>,
    /// Why it does not qualify.
    pub why_not: Option<String>,
}

/// The measurements of a bundle's providers.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The model's name, for readers of the file.
    pub model: String,
    /// The versions at the time of the measurements.
    pub versions: Versions,
    /// The trials, the CPU's first.
    pub outcomes: Vec<Outcome>,
    /// The providers that failed in use since then, with the reasons.
    #[serde(default)]
    pub failed_in_use: BTreeMap<String, String>,
}

impl Record {
    /// Why a provider does not qualify, if it does not.
    #[must_use]
    pub fn why_not<'a>(&'a self, outcome: &'a Outcome) -> Option<&'a str> {
        let failed_in_use = self.failed_in_use.get(&outcome.provider);
        outcome.why_not.as_ref().or(failed_in_use).map(String::as_str)
    }

    /// The qualifying provider with the shortest time to the first text.
    #[must_use]
    pub fn selected(&self) -> Option<&Outcome> {
        let is_suitable = |it: &&Outcome| self.why_not(it).is_none();
        let timed = self.outcomes.iter().filter(is_suitable).filter_map(|it| {
            let figures = it.figures.as_ref()?;
            Some((figures.first_text_ms, it))
        });
        timed.min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, it)| it)
    }
}

/// The records in a data folder.
#[derive(Debug, Clone)]
pub struct Records(PathBuf);

impl Records {
    /// Those in a folder.
    #[must_use]
    pub fn new(folder: PathBuf) -> Self {
        Self(folder)
    }

    /// Those of this user.
    #[must_use]
    pub fn of_user() -> Self {
        Self::new(data_folder().join("providers"))
    }

    /// Copies of a bundle have the same record.
    fn path(&self, bundle: &Bundle) -> PathBuf {
        let mut digest = Sha256::new();
        for (name, info) in &bundle.manifest.files {
            digest.update(format!("{name} {}\n", info.sha256));
        }
        let digest: String = digest.finalize().iter().map(|it| format!("{it:02x}")).collect();
        self.0.join(format!("{digest}.json"))
    }

    /// The record of a bundle. An unreadable one is reported and counts as missing.
    #[must_use]
    pub fn read(&self, bundle: &Bundle) -> Option<Record> {
        let path = self.path(bundle);
        let read = fs::metadata(&path).and_then(|metadata| {
            if metadata.len() > MAX_BYTES {
                return Err(io::Error::other("too long"));
            }
            Ok(serde_json::from_slice(&fs::read(&path)?)?)
        });
        match read {
            Ok(record) => Some(record),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                tracing::warn!("{}: {error}", path.display());
                None
            }
        }
    }

    /// Replaces the record of a bundle.
    ///
    /// # Errors
    /// If the folder cannot be written to.
    pub fn write(&self, bundle: &Bundle, record: &Record) -> io::Result<()> {
        create_private_folder(&self.0)?;
        let path = self.path(bundle);
        let partial = path.with_extension(format!("{}.partial", std::process::id()));
        let written = fs::write(&partial, serde_json::to_vec_pretty(record)?)
            .and_then(|()| fs::rename(&partial, &path));
        if written.is_err() {
            // It may not exist.
            let _ = fs::remove_file(partial);
        }
        written
    }

    /// Records that a provider failed in use, so that `auto` does not select it again until it has
    /// been measured again. Whether the record could be written.
    #[must_use]
    pub fn remember_failure(&self, bundle: &Bundle, provider: Provider, why: &str) -> bool {
        let mut record = self.read(bundle).unwrap_or_default();
        record.model.clone_from(&bundle.manifest.name);
        record.failed_in_use.insert(provider.name().to_owned(), why.to_owned());
        let written = self.write(bundle, &record);
        if let Err(error) = &written {
            tracing::warn!("cannot record that {} failed: {error}", provider.name());
        }
        written.is_ok()
    }

    /// Locks the records for a measurement until the result is dropped. `None` if another process
    /// measures.
    ///
    /// # Errors
    /// If the folder cannot be written to.
    pub fn lock(&self) -> io::Result<Option<File>> {
        create_private_folder(&self.0)?;
        let lock = File::create(self.0.join("lock"))?;
        match lock.try_lock() {
            Ok(()) => Ok(Some(lock)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// The provider that the last measurement of a bundle selects, also before a change of versions;
    /// the CPU if none qualifies. `None` without a record.
    #[must_use]
    pub fn selected(&self, bundle: &Bundle) -> Option<Provider> {
        let record = self.read(bundle)?;
        let named = |name: &str| Provider::ALL.into_iter().find(|it| it.name() == name);
        Some(record.selected().and_then(|it| named(&it.provider)).unwrap_or(Provider::Cpu))
    }
}

/// Whether there is a provider other than the CPU. Otherwise, there is nothing to measure.
#[must_use]
pub fn is_choice(providers: &[Provider]) -> bool {
    providers.iter().any(|it| *it != Provider::Cpu)
}

#[cfg(test)]
mod tests;

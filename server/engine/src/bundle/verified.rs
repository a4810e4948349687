//! The record of a bundle's last verification, so that its files are hashed again only after a
//! change. It is a file in the data folder, named after the bundle's path, with that path and the size
//! and the modification time of every file.

use std::{
    fmt::Write,
    fs, io,
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use sha2::{Digest, Sha256};

use super::{Bundle, BundleError, MANIFEST, hex, read_small};
use crate::paths::data_folder;

/// How a bundle was verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verified {
    /// All files were hashed.
    Hashed,
    /// No file has changed since all were hashed.
    Unchanged,
}

impl Bundle {
    /// Checks the hash of every file, unless none has changed since they were last checked.
    ///
    /// # Errors
    /// As for [`Bundle::verify`].
    pub fn verify_if_changed(&self) -> Result<Verified, BundleError> {
        self.verify_unless_in(&folder())
    }

    pub(super) fn verify_unless_in(&self, records: &Path) -> Result<Verified, BundleError> {
        // Taken before the files are hashed, so that a later change differs from it.
        let (record, state) = match (self.record_in(records), self.state()) {
            (Ok(record), Ok(state)) => (record, state),
            (Err(error), _) | (_, Err(error)) => {
                tracing::debug!("the state of the bundle is unknown: {error}");
                return self.verify().map(|()| Verified::Hashed);
            }
        };
        if read_small(&record).is_ok_and(|it| it == state) {
            return Ok(Verified::Unchanged);
        }
        self.verify()?;
        remove_outdated_in(records);
        if let Err(error) = fs::create_dir_all(records).and_then(|()| fs::write(&record, &state)) {
            tracing::debug!("{}: {error}", record.display());
        }
        Ok(Verified::Hashed)
    }

    /// The path of the record.
    fn record_in(&self, records: &Path) -> io::Result<PathBuf> {
        let path = self.path.canonicalize()?;
        Ok(records.join(hex(&Sha256::digest(path.as_os_str().as_encoded_bytes()))))
    }

    /// The path of the bundle, and a line for each file: its name, size, modification time and
    /// expected hash.
    fn state(&self) -> io::Result<String> {
        let mut state = format!("{}\n", self.path.canonicalize()?.display());
        for (name, info) in &self.manifest.files {
            let metadata = fs::metadata(self.path.join(name))?;
            let modified = metadata.modified()?.duration_since(UNIX_EPOCH);
            let ns = modified.map_err(io::Error::other)?.as_nanos();
            let _ = writeln!(state, "{name} {} {ns} {}", metadata.len(), info.sha256);
        }
        Ok(state)
    }
}

fn folder() -> PathBuf {
    data_folder().join("verified")
}

/// Removes the records of bundles that no longer exist.
pub fn remove_outdated() {
    remove_outdated_in(&folder());
}

pub(super) fn remove_outdated_in(records: &Path) {
    for record in fs::read_dir(records).into_iter().flatten().flatten().map(|it| it.path()) {
        let text = read_small(&record).unwrap_or_default();
        // One without a path is from an earlier version.
        let bundle = Path::new(text.lines().next().unwrap_or_default());
        if bundle.is_absolute() && bundle.join(MANIFEST).is_file() {
            continue;
        }
        if let Err(error) = fs::remove_file(&record) {
            tracing::debug!("{}: {error}", record.display());
        }
    }
}

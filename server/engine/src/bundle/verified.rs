//! The record of a bundle's last verification, so that its files are hashed again only after a
//! change. It is a file in the data folder, named after the bundle's path, with the size and the
//! modification time of every file.

use std::{
    fmt::Write,
    fs, io,
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use sha2::{Digest, Sha256};

use super::{Bundle, BundleError, hex, read_small};
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
        self.verify_unless_in(&data_folder().join("verified"))
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
        if let Err(error) = fs::create_dir_all(records).and_then(|()| fs::write(&record, &state)) {
            tracing::debug!("{}: {error}", record.display());
        }
        Ok(Verified::Hashed)
    }

    fn record_in(&self, records: &Path) -> io::Result<PathBuf> {
        let path = self.path.canonicalize()?;
        Ok(records.join(hex(&Sha256::digest(path.as_os_str().as_encoded_bytes()))))
    }

    /// A line for each file: its name, size, modification time and expected hash.
    fn state(&self) -> io::Result<String> {
        let mut state = String::new();
        for (name, info) in &self.manifest.files {
            let metadata = fs::metadata(self.path.join(name))?;
            let modified = metadata.modified()?.duration_since(UNIX_EPOCH);
            let ns = modified.map_err(io::Error::other)?.as_nanos();
            let _ = writeln!(state, "{name} {} {ns} {}", metadata.len(), info.sha256);
        }
        Ok(state)
    }
}

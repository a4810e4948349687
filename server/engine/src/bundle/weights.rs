//! The weights, as they were when the runtime mapped them.
//!
//! The runtime reads what it has mapped when it needs it. A file that was deleted, or replaced by
//! another of its name, stays as it was for those who have it open. One that is written into does
//! not; and where a file was cut off, the system ends the process that reads on (SIGBUS). So the
//! files are looked at before each read of the model: what they hold is not known to be the model
//! any more.

use std::{fs::File, io, path::PathBuf, time::SystemTime};

use super::{Bundle, BundleError, MODEL, SHARED, TOKENIZER};

/// The files that a model's weights are mapped from.
#[derive(Debug)]
pub struct Weights(Vec<Mapped>);

#[derive(Debug)]
struct Mapped {
    path: PathBuf,
    file: File,
    before: Stamp,
}

#[derive(Debug, PartialEq, Eq)]
struct Stamp {
    n_bytes: u64,
    modified: Option<SystemTime>,
}

impl Stamp {
    fn of(file: &File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        Ok(Self { n_bytes: metadata.len(), modified: metadata.modified().ok() })
    }
}

impl Weights {
    /// Opens the files of a bundle that are not read as a whole when it is loaded.
    ///
    /// # Errors
    /// If one can't be opened.
    pub fn of(bundle: &Bundle) -> Result<Self, BundleError> {
        let is_mapped = |name: &&String| ![MODEL, SHARED, TOKENIZER].contains(&name.as_str());
        let names = bundle.manifest.files.keys().filter(is_mapped);
        let open = |name: &String| {
            let path = bundle.path.join(name);
            let opened = File::open(&path).and_then(|file| Ok((Stamp::of(&file)?, file)));
            match opened {
                Ok((before, file)) => Ok(Mapped { path, file, before }),
                Err(source) => Err(BundleError::Unreadable { path, source }),
            }
        };
        names.map(open).collect::<Result<_, _>>().map(Self)
    }

    /// Looks whether they are what they were. It costs about a microsecond.
    ///
    /// # Errors
    /// [`BundleError::Changed`] for the first that is not.
    pub fn check(&self) -> Result<(), BundleError> {
        let is_changed = |it: &&Mapped| Stamp::of(&it.file).ok().as_ref() != Some(&it.before);
        match self.0.iter().find(is_changed) {
            Some(Mapped { path, .. }) => Err(BundleError::Changed(path.clone())),
            None => Ok(()),
        }
    }
}

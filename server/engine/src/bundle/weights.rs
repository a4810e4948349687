//! The weights, as they were when the runtime mapped them.
//!
//! The runtime reads mapped files when it needs them. A deleted or replaced file remains unchanged
//! for processes that have it open. An overwritten file does not, and if a file is truncated, the
//! system kills the process that reads on (SIGBUS). So the files are checked before each
//! evaluation: after a change, they may not contain the model any more.

use std::{fs::File, io, path::PathBuf, time::SystemTime};

use super::{Bundle, BundleError, TOKENIZER};

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
    /// Opens the files of a bundle that are not read completely while loading.
    ///
    /// # Errors
    /// If one cannot be opened.
    pub fn of(bundle: &Bundle) -> Result<Self, BundleError> {
        let is_mapped = |name: &&String| !name.ends_with(".onnx") && *name != TOKENIZER;
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

    /// Checks that they are unchanged. This costs about a microsecond.
    ///
    /// # Errors
    /// [`BundleError::Changed`] for the first changed file.
    pub fn check(&self) -> Result<(), BundleError> {
        let is_changed = |it: &&Mapped| Stamp::of(&it.file).ok().as_ref() != Some(&it.before);
        match self.0.iter().find(is_changed) {
            Some(Mapped { path, .. }) => Err(BundleError::Changed(path.clone())),
            None => Ok(()),
        }
    }
}

//! The counts of past sessions, a small file each in the data folder.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use super::Counts;

/// How many sessions are kept.
const CAPACITY: usize = 100;
/// The longest file that is read, in bytes.
const MAX_BYTES: u64 = 1 << 20;

/// Where a session keeps its counts.
#[derive(Debug, Clone)]
pub struct Store {
    folder: PathBuf,
    file: PathBuf,
}

impl Store {
    /// A place for a session that begins now, in the `stats` folder of a data folder.
    #[must_use]
    pub fn new(data_folder: &Path) -> Self {
        let folder = data_folder.join("stats");
        let ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |it| it.as_millis());
        let file = folder.join(format!("{ms:014}-{}.json", std::process::id()));
        Self { folder, file }
    }

    /// Keeps the counts in place of those that the session kept before, and forgets the oldest
    /// sessions. A session without a request is not kept.
    ///
    /// # Errors
    /// If the folder can't be written to.
    pub fn keep(&self, counts: &Counts) -> io::Result<()> {
        if counts.requests == 0 {
            return Ok(());
        }
        create_private_folder(&self.folder)?;
        let partial = self.file.with_extension("partial");
        fs::write(&partial, serde_json::to_vec(counts)?)?;
        fs::rename(&partial, &self.file)?;
        let sessions = sessions(&self.folder)?;
        for old in &sessions[..sessions.len().saturating_sub(CAPACITY)] {
            fs::remove_file(old)?;
        }
        Ok(())
    }
}

/// Creates a folder, and those above it that are missing, for this user only. One that is there
/// already is closed to others.
fn create_private_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
        builder.mode(0o700).create(folder)?;
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700))
    }
    #[cfg(not(unix))]
    builder.create(folder)
}

/// The counts that sessions have kept, the oldest first. Files that are no counts are passed over.
///
/// # Errors
/// If the folder is there and can't be read.
pub fn read_all(data_folder: &Path) -> io::Result<Vec<Counts>> {
    let sessions = match sessions(&data_folder.join("stats")) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        other => other?,
    };
    let read = |path: &PathBuf| {
        let is_small = fs::metadata(path).is_ok_and(|it| it.len() <= MAX_BYTES);
        let bytes = is_small.then(|| fs::read(path).ok()).flatten()?;
        serde_json::from_slice(&bytes).ok()
    };
    Ok(sessions.iter().filter_map(read).collect())
}

fn sessions(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let paths = fs::read_dir(folder)?.map(|entry| entry.map(|it| it.path()));
    let mut paths: Vec<_> = paths.collect::<Result<_, _>>()?;
    paths.retain(|path| path.extension().is_some_and(|it| it == "json"));
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counts_of_the_latest_sessions_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        assert!(read_all(folder.path()).unwrap().is_empty());
        let store = Store::new(folder.path());
        store.keep(&Counts::default()).unwrap();
        assert!(read_all(folder.path()).unwrap().is_empty(), "nothing happened in it");
        for requests in [1, 2] {
            store.keep(&Counts { requests, ..Counts::default() }).unwrap();
        }
        let stats = folder.path().join("stats");
        fs::write(stats.join("0.json"), "{").unwrap();
        let kept = read_all(folder.path()).unwrap();
        assert_eq!(kept.iter().map(|it| it.requests).collect::<Vec<_>>(), [2]);
        for i in 0..CAPACITY {
            fs::write(stats.join(format!("{i:014}.json")), "{}").unwrap();
        }
        store.keep(&Counts { requests: 3, ..Counts::default() }).unwrap();
        assert_eq!(sessions(&stats).unwrap().len(), CAPACITY);
        assert_eq!(read_all(folder.path()).unwrap().last().unwrap().requests, 3);
    }
}

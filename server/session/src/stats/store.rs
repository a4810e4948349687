//! The counts of past sessions, a small file each in the data folder.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use super::Counts;
use foretell_engine::paths::create_private_folder;

/// How many sessions are kept.
const CAPACITY: usize = 100;
/// The longest file that is read, in bytes.
const MAX_BYTES: u64 = 1 << 20;

/// Longer than it takes to write one.
const WRITTEN_WITHIN: Duration = Duration::from_secs(60);

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
        #[cfg(unix)]
        fs::set_permissions(&self.folder, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
        let partial = self.file.with_extension("partial");
        fs::write(&partial, serde_json::to_vec(counts)?)?;
        fs::rename(&partial, &self.file)?;
        self.tidy();
        let sessions = sessions(&self.folder)?;
        for old in &sessions[..sessions.len().saturating_sub(CAPACITY)] {
            // Another server may have removed it. What is counted here stays, however old it is.
            if *old != self.file {
                let _ = fs::remove_file(old);
            }
        }
        Ok(())
    }

    /// Removes what servers left that were killed while they wrote.
    fn tidy(&self) {
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let is_partial = path.extension().is_some_and(|it| it == "partial");
            let modified = entry.metadata().and_then(|it| it.modified()).ok();
            let age = modified.and_then(|it| it.elapsed().ok());
            if is_partial && age.is_some_and(|it| it > WRITTEN_WITHIN) {
                // Another server may do the same.
                let _ = fs::remove_file(path);
            }
        }
    }
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
        let [killed, at_work] = ["1.partial", "2.partial"].map(|it| stats.join(it));
        for path in [&killed, &at_work] {
            fs::write(path, "{").unwrap();
        }
        let long_ago = SystemTime::now() - 2 * WRITTEN_WITHIN;
        fs::File::options().write(true).open(&killed).unwrap().set_modified(long_ago).unwrap();
        store.keep(&Counts { requests: 2, ..Counts::default() }).unwrap();
        assert!(!killed.exists() && at_work.exists());
        for i in 0..CAPACITY {
            fs::write(stats.join(format!("{i:014}.json")), "{}").unwrap();
        }
        store.keep(&Counts { requests: 3, ..Counts::default() }).unwrap();
        assert_eq!(sessions(&stats).unwrap().len(), CAPACITY);
        assert_eq!(read_all(folder.path()).unwrap().last().unwrap().requests, 3);
    }
}

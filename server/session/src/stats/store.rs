//! The statistics of past sessions: one small file per session in the data folder.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use super::Counts;
use foretell_engine::paths::create_private_folder;

/// The number of sessions to keep.
const CAPACITY: usize = 100;
/// The longest file to read, in bytes.
const MAX_BYTES: u64 = 1 << 20;

/// A partial file older than this was left behind by a server that was killed.
const MAX_PARTIAL_AGE: Duration = Duration::from_secs(60);

/// The file of one session's statistics.
#[derive(Debug, Clone)]
pub struct Store {
    folder: PathBuf,
    file: PathBuf,
}

impl Store {
    /// The file of a session that starts now, in the folder `stats` of a data folder.
    #[must_use]
    pub fn new(data_folder: &Path) -> Self {
        let folder = data_folder.join("stats");
        let ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |it| it.as_millis());
        let file = folder.join(format!("{ms:014}-{}.json", std::process::id()));
        Self { folder, file }
    }

    /// Writes the statistics, replacing the session's earlier ones, and removes the oldest sessions.
    /// Writes nothing for a session without a request.
    ///
    /// # Errors
    /// If the folder cannot be written to.
    pub fn write(&self, counts: &Counts) -> io::Result<()> {
        if counts.requests == 0 {
            return Ok(());
        }
        create_private_folder(&self.folder)?;
        #[cfg(unix)]
        fs::set_permissions(&self.folder, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
        let partial = self.file.with_extension("partial");
        fs::write(&partial, serde_json::to_vec(counts)?)?;
        fs::rename(&partial, &self.file)?;
        self.remove_stale_partials();
        let sessions = sessions(&self.folder)?;
        for old in &sessions[..sessions.len().saturating_sub(CAPACITY)] {
            // Another server may have removed it already. This session's file stays, however old.
            if *old != self.file {
                let _ = fs::remove_file(old);
            }
        }
        Ok(())
    }

    /// Removes partial files of servers that were killed while writing.
    fn remove_stale_partials(&self) {
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let is_partial = path.extension().is_some_and(|it| it == "partial");
            let modified = entry.metadata().and_then(|it| it.modified()).ok();
            let age = modified.and_then(|it| it.elapsed().ok());
            if is_partial && age.is_some_and(|it| it > MAX_PARTIAL_AGE) {
                // Another server may remove it at the same time.
                let _ = fs::remove_file(path);
            }
        }
    }
}

/// The statistics of past sessions, oldest first. Invalid files are skipped.
///
/// # Errors
/// If the folder exists but cannot be read.
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
    fn latest_sessions_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        assert!(read_all(folder.path()).unwrap().is_empty());
        let store = Store::new(folder.path());
        store.write(&Counts::default()).unwrap();
        assert!(read_all(folder.path()).unwrap().is_empty(), "an empty session is not saved");
        for requests in [1, 2] {
            store.write(&Counts { requests, ..Counts::default() }).unwrap();
        }
        let stats = folder.path().join("stats");
        fs::write(stats.join("0.json"), "{").unwrap();
        let kept = read_all(folder.path()).unwrap();
        assert_eq!(kept.iter().map(|it| it.requests).collect::<Vec<_>>(), [2]);
        let [killed, at_work] = ["1.partial", "2.partial"].map(|it| stats.join(it));
        for path in [&killed, &at_work] {
            fs::write(path, "{").unwrap();
        }
        let long_ago = SystemTime::now() - 2 * MAX_PARTIAL_AGE;
        fs::File::options().write(true).open(&killed).unwrap().set_modified(long_ago).unwrap();
        store.write(&Counts { requests: 2, ..Counts::default() }).unwrap();
        assert!(!killed.exists() && at_work.exists());
        for i in 0..CAPACITY {
            fs::write(stats.join(format!("{i:014}.json")), "{}").unwrap();
        }
        store.write(&Counts { requests: 3, ..Counts::default() }).unwrap();
        assert_eq!(sessions(&stats).unwrap().len(), CAPACITY);
        assert_eq!(read_all(folder.path()).unwrap().last().unwrap().requests, 3);
    }
}

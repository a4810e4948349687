//! Files of the workspace that the prompt may quote (`prompt.other_files = "workspace"`), read in
//! the background.
//!
//! A disk may not answer for minutes, so one thread of its own reads, always for the document that
//! was requested last. Nobody waits for it longer than [`PATIENCE`].

use parking_lot::{Mutex, MutexGuard};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use tokio_util::sync::{CancellationToken, DropGuard};

use super::event::Settings;
use crate::document::{Snapshot, workspace::files_beside};
use foretell_config::exclude::path_of;

/// How long a workspace scan stays fresh.
const FRESH: Duration = Duration::from_secs(60);
/// How long a background prefill waits for the workspace scan.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);

/// Files of the workspace near one document.
#[derive(Debug, Clone, Default)]
pub(super) struct WorkspaceContext {
    folders: Vec<PathBuf>,
    found: Arc<Mutex<Found>>,
}

#[derive(Debug, Default)]
struct Found {
    last: Option<Last>,
    files: Vec<Snapshot>,
    /// What is read next.
    wish: Option<Wish>,
    is_being_read: bool,
}

#[derive(Debug)]
struct Last {
    of: Arc<str>,
    begun: Instant,
    done: CancellationToken,
}

/// The files near a document are wanted.
#[derive(Debug)]
struct Wish {
    snapshot: Snapshot,
    settings: Arc<Settings>,
    /// Cancelled when it is done: it was read, or replaced by another wish.
    _done: DropGuard,
}

impl WorkspaceContext {
    /// The context of the folders that are open in the client.
    pub(super) fn of_folders(folders: Vec<PathBuf>) -> Self {
        Self { folders, ..Self::default() }
    }
}

impl WorkspaceContext {
    fn found(&self) -> MutexGuard<'_, Found> {
        self.found.lock()
    }

    /// A token that is cancelled when a document's files have been read; requests them unless they
    /// are fresh.
    pub(super) fn reading(
        &self,
        snapshot: &Snapshot,
        settings: Arc<Settings>,
    ) -> CancellationToken {
        let mut found = self.found();
        let last = found.last.as_ref().filter(|it| it.of == snapshot.uri);
        if let Some(last) = last.filter(|it| it.begun.elapsed() < FRESH) {
            return last.done.clone();
        }
        if last.is_none() {
            found.files.clear();
        }
        let (of, done) = (Arc::clone(&snapshot.uri), CancellationToken::new());
        found.last = Some(Last { of, begun: Instant::now(), done: done.clone() });
        // A starting editor opens many documents at once; the last one counts.
        let _done = done.clone().drop_guard();
        found.wish = Some(Wish { snapshot: snapshot.clone(), settings, _done });
        if !std::mem::replace(&mut found.is_being_read, true) {
            let beside = self.clone();
            let reader = thread::Builder::new().name("workspace".into());
            if let Err(error) = reader.spawn(move || beside.read_all()) {
                tracing::warn!("no files of the workspace are read: {error}");
                (found.wish, found.is_being_read) = (None, false);
            }
        }
        done
    }

    /// Reads until nothing is wanted.
    fn read_all(&self) {
        while let Some(wish) = self.next() {
            // A panic costs only the files.
            let _ = catch_unwind(AssertUnwindSafe(|| self.read(&wish)));
        }
    }

    fn next(&self) -> Option<Wish> {
        let mut found = self.found();
        let wish = found.wish.take();
        found.is_being_read = wish.is_some();
        wish
    }

    fn read(&self, Wish { snapshot, settings, .. }: &Wish) {
        let may_read = |path: &Path| !settings.exclusions.contain(&path.to_string_lossy());
        let files = files_beside(&path_of(&snapshot.uri), snapshot, &self.folders, may_read);
        tracing::debug!(n_files = files.len(), "files of the workspace were read");
        let mut found = self.found();
        if found.is_of(&snapshot.uri) {
            found.files = files;
        }
    }

    /// The files near a document.
    pub(super) fn files(&self, uri: &str) -> Vec<Snapshot> {
        let found = self.found();
        if found.is_of(uri) { found.files.clone() } else { Vec::new() }
    }
}

impl Found {
    fn is_of(&self, uri: &str) -> bool {
        self.last.as_ref().is_some_and(|it| *it.of == *uri)
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::fs;

    use super::*;
    use crate::{completer::Completer, session::Session};
    use foretell_config::{Config, prompt::OtherFiles};
    use foretell_engine::scripted::Script;

    /// A session with a folder that contains `a.rs`.
    fn session(config: &Config) -> (Session, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.rs"), "// a").unwrap();
        let load = |_: &Config| Completer::start_with::<Script>(|| anyhow::bail!("no model"));
        let session = Session::new(Box::new(load));
        let mut config = config.clone();
        config.prompt.other_files = OtherFiles::Workspace;
        session.configure(config);
        session.set_folders(vec![folder.path().to_owned()]);
        (session, folder)
    }

    fn document(folder: &tempfile::TempDir, name: &str) -> Snapshot {
        let uri = format!("file://{}", folder.path().join(name).display());
        Snapshot::of_text(&uri, "rust", "")
    }

    fn is_done(reading: impl Future<Output = ()>) -> bool {
        futures_util::FutureExt::now_or_never(reading).is_some()
    }

    #[tokio::test]
    async fn one_reader_serves_the_last_request() {
        let (session, folder) = session(&Config::default());
        let (own, other) = (document(&folder, "own.rs"), document(&folder, "other.rs"));
        let beside = session.driver.workspace.lock().clone();
        // As if another read were hanging.
        beside.found().is_being_read = true;
        let (first, last) = (session.gather_workspace(&other), session.gather_workspace(&own));
        assert!(is_done(first), "a newer request replaced it");
        assert!(!is_done(session.gather_workspace(&own)));
        beside.read_all();
        last.await;
        assert_eq!(beside.files(&own.uri).len(), 1);
        assert!(!beside.found().is_being_read);
        // If no read is running, one starts.
        session.gather_workspace(&other).await;
        assert_eq!(beside.files(&other.uri).len(), 1);
    }

    #[tokio::test]
    async fn files_are_not_read_if_suggestions_are_off() {
        for suggest in [r#"{"enabled": false}"#, r#"{"languages": {"rust": false}}"#] {
            let suggest = serde_json::from_str(suggest).unwrap();
            let (session, folder) = session(&Config { suggest, ..Config::default() });
            assert!(is_done(session.gather_workspace(&document(&folder, "own.rs"))));
            assert!(session.driver.workspace.lock().found().last.is_none());
        }
    }
}

//! The other files that the prompt may show pieces of: open documents, and by a setting files of
//! the workspace, which are read while nobody waits for them.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared},
};

use super::{Session, Settings};
use crate::{
    completer::Completer,
    config::exclude::path_of,
    document::{Snapshot, workspace::files_beside},
    prompt::OtherFiles,
};

/// How long what was read of the workspace is taken for what stands there.
const FRESH: Duration = Duration::from_secs(60);

/// Files of the workspace beside one document.
#[derive(Debug, Clone, Default)]
pub(super) struct Beside {
    folders: Vec<PathBuf>,
    found: Arc<Mutex<Found>>,
    /// Held by the one who reads.
    turn: Arc<Mutex<()>>,
}

type Reading = Shared<BoxFuture<'static, ()>>;

#[derive(Debug, Default)]
struct Found {
    last: Option<Last>,
    files: Vec<Snapshot>,
}

#[derive(Debug)]
struct Last {
    of: Arc<str>,
    begun: Instant,
    reading: Reading,
}

impl Session {
    /// Takes the folders that are open in the client.
    pub fn set_folders(&self, folders: Vec<PathBuf>) {
        self.now().beside = Beside { folders, ..Beside::default() };
    }

    /// Reads the files of the workspace beside a document, if the settings say so and it was not
    /// done just now. May be awaited or left to itself.
    pub fn read_beside(&self, snapshot: &Snapshot) -> impl Future<Output = ()> + use<> {
        let now = self.now();
        let (settings, beside) = (Arc::clone(&now.settings), now.beside.clone());
        drop(now);
        // A path of another machine, or of an older version, is not a path here.
        let is_wanted = settings.config.prompt.other_files == OtherFiles::Workspace
            && snapshot.uri.starts_with("file:")
            && !settings.exclusions.contain(&snapshot.uri);
        let reading = is_wanted.then(|| beside.reading(snapshot, settings));
        async {
            if let Some(reading) = reading {
                reading.await;
            }
        }
    }

    /// Tells of the other documents that pieces may be shown of: none that is excluded. Those that
    /// are open come first.
    pub(super) fn tell_others(&self, completer: &Completer, snapshot: &Snapshot) {
        completer.set_others(|| {
            let now = self.now();
            let (settings, beside) = (Arc::clone(&now.settings), now.beside.clone());
            drop(now);
            let mut others = self.documents.others(&snapshot.uri, snapshot.encoding);
            let open: Vec<PathBuf> = others.iter().map(|it| path_of(&it.uri)).collect();
            let files = beside.files(&snapshot.uri).into_iter();
            others.extend(files.filter(|it| !open.iter().any(|open| **open == *path_of(&it.uri))));
            others.retain(|it| !settings.exclusions.contain(&it.uri));
            others
        });
    }
}

impl Beside {
    fn found(&self) -> MutexGuard<'_, Found> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The reading of a document's files, begun now if there is none that is fresh.
    fn reading(&self, snapshot: &Snapshot, settings: Arc<Settings>) -> Reading {
        let mut found = self.found();
        let last = found.last.as_ref().filter(|it| it.of == snapshot.uri);
        if let Some(last) = last.filter(|it| it.begun.elapsed() < FRESH) {
            return last.reading.clone();
        }
        if last.is_none() {
            found.files.clear();
        }
        let (beside, document) = (self.clone(), snapshot.clone());
        let task = tokio::task::spawn_blocking(move || beside.read(&document, &settings));
        // A panic in there has been told of, and costs the files.
        let reading = task.map(drop).boxed().shared();
        let of = Arc::clone(&snapshot.uri);
        found.last = Some(Last { of, begun: Instant::now(), reading: reading.clone() });
        reading
    }

    fn read(&self, snapshot: &Snapshot, settings: &Settings) {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.found().is_of(&snapshot.uri) {
            // An editor that starts opens many documents at once; the last one counts.
            return;
        }
        let may_read = |path: &Path| !settings.exclusions.contain(&path.to_string_lossy());
        let files = files_beside(&path_of(&snapshot.uri), snapshot, &self.folders, may_read);
        tracing::debug!(n_files = files.len(), "files of the workspace were read");
        let mut found = self.found();
        if found.is_of(&snapshot.uri) {
            found.files = files;
        }
    }

    /// What was read beside a document.
    fn files(&self, uri: &str) -> Vec<Snapshot> {
        let found = self.found();
        if found.is_of(uri) { found.files.clone() } else { Vec::new() }
    }
}

impl Found {
    fn is_of(&self, uri: &str) -> bool {
        self.last.as_ref().is_some_and(|it| *it.of == *uri)
    }
}

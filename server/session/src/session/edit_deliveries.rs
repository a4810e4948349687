//! Runs the searches for edits, and delivers what is offered.

use std::{
    collections::HashMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use foretell_edits::{Candidate, Finder, Placed, Query};
use foretell_policy::MAX_SYNTAX_BYTES;
use parking_lot::Mutex;
use tokio::{
    runtime::Handle,
    sync::{mpsc, oneshot},
};
use tokio_util::sync::CancellationToken;

use super::{
    edit_offer::{EditOffer, EditRequestId},
    open_imports::Imports,
};
use crate::document::Snapshot;

/// Where a request's answer goes.
struct Delivery {
    superseded: CancellationToken,
    answer: oneshot::Sender<Option<EditOffer>>,
}

/// The thread of the searches: the next one, which replaces an earlier one that has not started,
/// and whether the thread runs.
#[derive(Default)]
struct Searches {
    next: Option<Box<dyn FnOnce() + Send>>,
    is_running: bool,
}

/// See the module's documentation.
#[derive(Default)]
pub(super) struct EditDeliveries {
    finder: Arc<Finder>,
    searches: Arc<Mutex<Searches>>,
    n_requests: AtomicU64,
    waiting: Mutex<HashMap<EditRequestId, Delivery>>,
    pushed: Mutex<Option<mpsc::UnboundedSender<EditOffer>>>,
}

impl EditDeliveries {
    /// Adds a request.
    pub(super) fn add(
        &self,
        superseded: CancellationToken,
        answer: oneshot::Sender<Option<EditOffer>>,
    ) -> EditRequestId {
        let id = EditRequestId(self.n_requests.fetch_add(1, Ordering::Relaxed) + 1);
        self.waiting.lock().insert(id, Delivery { superseded, answer });
        id
    }

    /// Searches in a thread of its own, because the first parse of a long document takes 100 ms.
    /// While one search runs, only the latest one waits. `others` are the imports of other documents.
    pub(super) fn find(
        &self,
        snapshot: Snapshot,
        placed: Vec<Placed>,
        others: impl FnOnce() -> Option<Imports> + Send + 'static,
        then: impl FnOnce(Vec<Candidate>) + Send + 'static,
    ) {
        let (finder, runtime) = (Arc::clone(&self.finder), Handle::try_current());
        let job = move || {
            let _guard = runtime.as_ref().map(Handle::enter);
            let Snapshot { uri, language, rope, .. } = snapshot;
            let find = || {
                // A longer text is not parsed, so it need not be copied.
                let text = (rope.len_bytes() <= MAX_SYNTAX_BYTES).then(|| rope.to_string().into());
                text.map(|text| {
                    let others = others();
                    finder.find(&Query { uri, language, text, placed, others })
                })
            };
            // A panic costs one search.
            then(catch_unwind(AssertUnwindSafe(find)).ok().flatten().unwrap_or_default());
        };
        let mut searches = self.searches.lock();
        searches.next = Some(Box::new(job));
        if searches.is_running {
            return;
        }
        let queue = Arc::clone(&self.searches);
        let run = move || {
            loop {
                let job = {
                    let mut searches = queue.lock();
                    searches.is_running = searches.next.is_some();
                    searches.next.take()
                };
                let Some(job) = job else { return };
                job();
            }
        };
        match thread::Builder::new().name("edits".into()).spawn(run) {
            Ok(_) => searches.is_running = true,
            Err(error) => tracing::warn!("edits cannot be searched for: {error}"),
        }
    }

    pub(super) fn answer(&self, id: EditRequestId, offer: Option<EditOffer>) {
        if let Some(it) = self.waiting.lock().remove(&id) {
            // A handler that was cancelled by the client does not wait any more.
            let _ = it.answer.send(offer);
        }
    }

    pub(super) fn supersede(&self, id: EditRequestId) {
        let superseded = self.waiting.lock().remove(&id);
        superseded.iter().for_each(|it| it.superseded.cancel());
    }

    pub(super) fn push_to(&self, to: mpsc::UnboundedSender<EditOffer>) {
        *self.pushed.lock() = Some(to);
    }

    pub(super) fn push(&self, offer: EditOffer) {
        if let Some(to) = &*self.pushed.lock() {
            let _ = to.send(offer);
        }
    }
}

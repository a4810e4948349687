//! Runs the searches for edits, and delivers what is offered.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use foretell_edits::{Candidate, Finder, Placed, Query};
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::edit_offer::{EditOffer, EditRequestId};
use crate::document::Snapshot;

/// Where a request's answer goes.
struct Delivery {
    superseded: CancellationToken,
    answer: oneshot::Sender<Option<EditOffer>>,
}

/// See the module's documentation.
#[derive(Default)]
pub(super) struct EditDeliveries {
    finder: Arc<Finder>,
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

    /// Searches in a thread of its own: the first parse of a long document takes 100 ms.
    pub(super) fn find(
        &self,
        snapshot: Snapshot,
        placed: Vec<Placed>,
        then: impl FnOnce(Vec<Candidate>) + Send + 'static,
    ) {
        let finder = Arc::clone(&self.finder);
        tokio::task::spawn_blocking(move || {
            let Snapshot { uri, language, rope, .. } = snapshot;
            let text = rope.to_string().into();
            then(finder.find(&Query { uri, language, text, placed }));
        });
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

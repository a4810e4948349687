//! Requests for the next edit.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

pub use super::edit_offer::{EditOffer, EditRequest, EditRequestId, OfferId, SearchId};
use super::{Session, event::Event};
use crate::document::PositionEncoding;

/// A request for the next edit that waits for its answer.
#[derive(Debug, Clone)]
pub struct PendingEdit {
    /// Cancelled when a change or a later request supersedes this one.
    pub superseded: CancellationToken,
    answer: Arc<Mutex<Option<oneshot::Receiver<Option<EditOffer>>>>>,
}

impl PendingEdit {
    /// Waits for the answer. Never completes for a superseded request, or when called again.
    pub async fn answer(&self) -> Option<EditOffer> {
        let answer = self.answer.lock().take();
        if let Some(answer) = answer
            && let Ok(offer) = answer.await
        {
            return offer;
        }
        std::future::pending().await
    }
}

impl Session {
    /// Registers a request for the next edit, which supersedes the one before it.
    #[must_use]
    pub fn begin_edit(
        &self,
        uri: &str,
        version: Option<i32>,
        encoding: PositionEncoding,
    ) -> PendingEdit {
        let superseded = self.driver.ended.child_token();
        let (sender, answer) = oneshot::channel();
        let uri = uri.into();
        self.driver.begin_edit(superseded.clone(), sender, |id| {
            Event::EditRequest(EditRequest { id, uri, version, encoding })
        });
        PendingEdit { superseded, answer: Arc::new(Mutex::new(Some(answer))) }
    }

    /// The edits that are found from now on, each as soon as it is found.
    #[must_use]
    pub fn pushed_edits(&self) -> mpsc::UnboundedReceiver<EditOffer> {
        let (sender, edits) = mpsc::unbounded_channel();
        self.driver.push_edits_to(sender);
        self.driver.handle(Event::PushEdits);
        edits
    }

    /// Records that the client showed an offered edit.
    pub fn edit_shown(&self, id: OfferId) {
        self.driver.handle(Event::EditShown(id));
    }

    /// Records that the user accepted an offered edit. The client has applied it.
    pub fn edit_accepted(&self, id: OfferId) {
        self.driver.handle(Event::EditAccepted(id));
    }

    /// Records that the user rejected an offered edit: it is not offered again.
    pub fn edit_rejected(&self, id: OfferId) {
        self.driver.handle(Event::EditRejected(id));
    }
}

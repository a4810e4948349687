//! The next edit: Copilot's dialect, our notification, and a code action for other clients.

use serde_json::Value;
use tower_lsp::{
    Client,
    jsonrpc::{Error, Result},
};

use super::{
    Foretell, document_sync as front,
    lsp_ext::{InlineEdits, NextEdit},
    params::{self, ShownEdit},
    to_proto,
};
use foretell_session::{
    document::PositionEncoding,
    session::next_edit::{EditOffer, OfferId, PendingEdit},
};
use tokio::sync::mpsc::UnboundedReceiver;

impl Foretell {
    /// `textDocument/copilotInlineEdit`.
    pub(crate) async fn inline_edit(&self, _: params::InlineEdit) -> Result<InlineEdits> {
        let offer = match front::pending_edit() {
            Some(pending) => answer(&pending).await?,
            None => None,
        };
        let edits = offer.iter().map(|it| to_proto::inline_edit(it, self.shared.encoding()));
        Ok(InlineEdits { edits: edits.collect() })
    }

    /// `textDocument/codeAction`, for clients that cannot show edits.
    pub(crate) async fn code_action(&self, _: params::CodeAction) -> Result<Vec<Value>> {
        // An unwanted request has none.
        let Some(pending) = front::pending_edit() else { return Ok(Vec::new()) };
        // The client shows an error to the user; it does not ask again.
        let offer = answer(&pending).await.unwrap_or_default();
        let with_changes = self.options.get().is_some_and(|it| it.has_document_changes);
        let action = |it: &EditOffer| {
            let edit = to_proto::inline_edit(it, self.shared.encoding());
            to_proto::code_action(it, edit, with_changes)
        };
        Ok(offer.iter().map(action).collect())
    }

    /// `textDocument/didShowInlineEdit`.
    pub(crate) async fn shown_edit(&self, params: ShownEdit) {
        if let Some(id) = params.item.command.offer() {
            self.shared.session.edit_shown(OfferId(id));
        }
    }

    /// Sends edits as soon as they are found.
    pub(crate) fn push_edits(&self) {
        let edits = self.shared.session.pushed_edits();
        tokio::spawn(send_edits(self.client.clone(), edits, self.shared.encoding()));
    }
}

async fn answer(pending: &PendingEdit) -> Result<Option<EditOffer>> {
    tokio::select! {
        biased;
        () = pending.superseded.cancelled() => Err(Error::request_cancelled()),
        offer = pending.answer() => Ok(offer),
    }
}

async fn send_edits(
    client: Client,
    mut edits: UnboundedReceiver<EditOffer>,
    encoding: PositionEncoding,
) {
    while let Some(offer) = edits.recv().await {
        let edits = vec![to_proto::inline_edit(&offer, encoding)];
        client.send_notification::<NextEdit>(InlineEdits { edits }).await;
    }
}

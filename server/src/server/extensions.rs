//! What goes over the wire beyond LSP (docs/protocol.md), all of it for clients that ask for it.

use serde::{Deserialize, Serialize};
use tower_lsp::gen_lsp_types as lsp;

/// What a client may say in `initializationOptions`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Options {
    /// Whether to send `foretell/status`.
    pub(crate) status: bool,
    /// Whether to send `foretell/inlineCompletion/update`.
    pub(crate) streaming: bool,
}

/// `foretell/status`: sent when the model is ready or has failed, to clients that ask for it.
#[derive(Debug)]
pub(crate) enum Status {}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct StatusParams {
    /// `ready` or `failed`.
    pub(crate) state: String,
    /// What was wrong and what to do, if it has failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) message: Option<String>,
}

impl lsp::Notification for Status {
    type Params = StatusParams;
    const METHOD: lsp::LspNotificationMethod<'static> =
        lsp::LspNotificationMethod::new("foretell/status");
    const MESSAGE_DIRECTION: lsp::MessageDirection = lsp::MessageDirection::ServerToClient;
}

/// `foretell/inlineCompletion/update`: the text of an item that was answered before its draft was
/// at its end, each time it has grown, to clients that ask for it.
#[derive(Debug)]
pub(crate) enum Update {}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UpdateParams {
    /// The document and its version at the request.
    pub(crate) text_document: lsp::VersionedTextDocumentIdentifier,
    /// The request's cursor.
    pub(crate) position: lsp::Position,
    /// The item as it is now, in place of the one before.
    pub(crate) item: lsp::InlineCompletionItem,
    /// Whether it will not grow any more.
    pub(crate) done: bool,
}

impl lsp::Notification for Update {
    type Params = UpdateParams;
    const METHOD: lsp::LspNotificationMethod<'static> =
        lsp::LspNotificationMethod::new("foretell/inlineCompletion/update");
    const MESSAGE_DIRECTION: lsp::MessageDirection = lsp::MessageDirection::ServerToClient;
}

//! What goes over the wire beyond LSP (docs/protocol.md), all of it for clients that ask for it.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tower_lsp::gen_lsp_types as lsp;

/// The command of each item: the client runs it when the user takes the item.
pub(crate) const ACCEPT: &str = "foretell.accept";
/// The command that returns the session's counts.
pub(crate) const STATS: &str = "foretell.stats";
/// All our commands.
pub(crate) const COMMANDS: [&str; 2] = [ACCEPT, STATS];

/// What a client may say in `initializationOptions`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Options {
    /// Whether to send `foretell/status`.
    pub(crate) status: bool,
    /// Whether to send `foretell/inlineCompletion/update`.
    pub(crate) streaming: bool,
    /// Whether the user trusts the folders that are open, and so their `foretell.toml`.
    pub(crate) workspace_trusted: bool,
    /// The client's settings.
    pub(crate) settings: Option<Value>,
    /// The client's capability `window.workDoneProgress`.
    #[serde(skip)]
    pub(crate) has_progress: bool,
    /// The client's capability `workspace.configuration`.
    #[serde(skip)]
    pub(crate) has_configuration: bool,
}

/// `textDocument/didShowCompletion`, of Copilot's dialect.
#[derive(Debug, Deserialize)]
pub(crate) struct Shown {}

/// `textDocument/didPartiallyAcceptCompletion`, of Copilot's dialect.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AcceptedPart {
    /// How much of the item's text was taken, in UTF-16 code units from its start.
    pub(crate) accepted_length: usize,
}

/// `foretell/status`: how things are, each time that changes, to clients that ask for it.
#[derive(Debug)]
pub(crate) enum Status {}

/// What the engine does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum StatusState {
    /// The model is loading.
    Loading,
    /// The model takes requests.
    Ready,
    /// A request takes noticeable time.
    Thinking,
    /// `suggest.enabled` is off.
    Off,
    /// The model cannot be used, or a request failed.
    Failed,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StatusParams {
    /// What the engine does.
    pub(crate) state: StatusState,
    /// What was wrong and what to do, if it has failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) message: Option<String>,
    /// The address of the server that computes, where that is not this machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) remote: Option<String>,
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
pub(crate) enum InlineCompletionUpdate {}

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

impl lsp::Notification for InlineCompletionUpdate {
    type Params = UpdateParams;
    const METHOD: lsp::LspNotificationMethod<'static> =
        lsp::LspNotificationMethod::new("foretell/inlineCompletion/update");
    const MESSAGE_DIRECTION: lsp::MessageDirection = lsp::MessageDirection::ServerToClient;
}

//! The messages beyond LSP (docs/protocol.md), for clients that ask for them.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tower_lsp::gen_lsp_types as lsp;

use crate::params::lenient;

/// The command of every item: the client runs it when the user accepts the item.
pub(crate) const ACCEPT: &str = "foretell.accept";
/// The command that returns the session's statistics.
pub(crate) const STATS: &str = "foretell.stats";
/// The command of every offered edit: the client runs it when the user accepts the edit.
pub(crate) const ACCEPT_EDIT: &str = "foretell.acceptEdit";
/// The command for an offered edit that the user rejects.
pub(crate) const REJECT_EDIT: &str = "foretell.rejectEdit";
/// All commands.
pub(crate) const COMMANDS: [&str; 4] = [ACCEPT, STATS, ACCEPT_EDIT, REJECT_EDIT];

/// What a client may send in `initializationOptions`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Options {
    /// Whether to send `foretell/status`.
    #[serde(deserialize_with = "lenient")]
    pub(crate) status: bool,
    /// Whether to send `foretell/inlineCompletion/update`.
    #[serde(deserialize_with = "lenient")]
    pub(crate) streaming: bool,
    /// Whether to send `foretell/nextEdit`.
    #[serde(deserialize_with = "lenient")]
    pub(crate) next_edit: bool,
    /// Whether the user trusts the folders that are open, and so their `foretell.toml`.
    #[serde(deserialize_with = "lenient")]
    pub(crate) workspace_trusted: bool,
    /// The client's settings.
    pub(crate) settings: Option<Value>,
    /// The client's capability `window.workDoneProgress`.
    #[serde(skip)]
    pub(crate) has_progress: bool,
    /// The client's capability `workspace.configuration`.
    #[serde(skip)]
    pub(crate) has_configuration: bool,
    /// The client's capability `workspace.workspaceEdit.documentChanges`.
    #[serde(skip)]
    pub(crate) has_document_changes: bool,
}

/// `textDocument/didPartiallyAcceptCompletion`, of Copilot's dialect.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AcceptedPart {
    /// How much of the item's text was accepted, in UTF-16 code units from its start.
    pub(crate) accepted_length: usize,
}

/// `foretell/status`: the state of the engine whenever it changes, for clients that ask for it.
#[derive(Debug)]
pub(crate) enum Status {}

/// What the engine does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum StatusState {
    /// The model is loading.
    #[default]
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

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StatusParams {
    /// What the engine does.
    pub(crate) state: StatusState,
    /// A stable code for why the last response was empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    /// What went wrong and what to do, if the engine failed; otherwise the reason as a sentence, if
    /// there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) message: Option<String>,
    /// The address of the remote server, if the engine is remote.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) remote: Option<String>,
}

impl lsp::Notification for Status {
    type Params = StatusParams;
    const METHOD: lsp::LspNotificationMethod<'static> =
        lsp::LspNotificationMethod::new("foretell/status");
    const MESSAGE_DIRECTION: lsp::MessageDirection = lsp::MessageDirection::ServerToClient;
}

/// `foretell/inlineCompletion/update`: a longer text for an answered item, for clients that ask for
/// it.
#[derive(Debug)]
pub(crate) enum InlineCompletionUpdate {}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UpdateParams {
    /// The document and its version at the request.
    pub(crate) text_document: lsp::VersionedTextDocumentIdentifier,
    /// The request's cursor.
    pub(crate) position: lsp::Position,
    /// The item, replacing the previous one.
    pub(crate) item: lsp::InlineCompletionItem,
    /// Whether this is the last update.
    pub(crate) done: bool,
    /// The model's probability of the item's text, with the last update.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) probability: Option<f64>,
}

impl lsp::Notification for InlineCompletionUpdate {
    type Params = UpdateParams;
    const METHOD: lsp::LspNotificationMethod<'static> =
        lsp::LspNotificationMethod::new("foretell/inlineCompletion/update");
    const MESSAGE_DIRECTION: lsp::MessageDirection = lsp::MessageDirection::ServerToClient;
}

/// `foretell/nextEdit`: an edit as soon as it is found, for clients that ask for it.
#[derive(Debug)]
pub(crate) enum NextEdit {}

/// An offered edit, in the form of Copilot's dialect.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct InlineEdit {
    /// The document and its version; the edit applies to no other version.
    pub(crate) text_document: lsp::VersionedTextDocumentIdentifier,
    /// What it replaces.
    pub(crate) range: lsp::Range,
    /// The new text.
    pub(crate) text: String,
    /// The text that it replaces.
    pub(crate) old_text: String,
    /// Run when the user accepts it.
    pub(crate) command: lsp::Command,
}

/// The edits of an answer: one, or none.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct InlineEdits {
    pub(crate) edits: Vec<InlineEdit>,
}

impl lsp::Notification for NextEdit {
    type Params = InlineEdits;
    const METHOD: lsp::LspNotificationMethod<'static> =
        lsp::LspNotificationMethod::new("foretell/nextEdit");
    const MESSAGE_DIRECTION: lsp::MessageDirection = lsp::MessageDirection::ServerToClient;
}

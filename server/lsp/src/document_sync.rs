//! What must happen in the order of arrival, before tower-lsp.
//!
//! tower-lsp runs handlers concurrently. [`DocumentSync::call`] runs synchronously for every
//! message in the order of arrival, so it applies text changes and turns a request into a
//! [`RequestSnapshot`], which supersedes the request before it. The handler finds its snapshot with
//! [`request_snapshot`].
//!
//! **Architecture Invariant:** no handler reads or changes a document; it has a request snapshot.

use std::{
    sync::{Arc, OnceLock},
    task::{Context, Poll},
};

use futures_util::future::BoxFuture;
use serde::{Deserialize, de::DeserializeOwned};
use tower::Service;
use tower_lsp::{
    gen_lsp_types as lsp,
    jsonrpc::{Request, Response},
};

use crate::from_proto;
use foretell_policy::Indent;
use foretell_session::{
    document::{Change, PositionEncoding, Snapshot},
    session::{RequestParams, RequestSnapshot, Selected, Session},
};

/// The limit of concurrent handlers. Superseded ones end immediately, so only a client that floods
/// the server with other requests reaches it.
pub const CONCURRENCY: usize = 64;

/// The notifications about documents, applied in [`DocumentSync::call`].
pub const TEXT_SYNC: [&str; 3] =
    ["textDocument/didOpen", "textDocument/didChange", "textDocument/didClose"];

tokio::task_local! {
    static REQUEST_SNAPSHOT: RequestSnapshot;
}

/// The snapshot of the request whose handler is running; `None` if its document is not open.
#[must_use]
pub fn request_snapshot() -> Option<RequestSnapshot> {
    REQUEST_SNAPSHOT.try_with(Clone::clone).ok()
}

/// What [`DocumentSync`] shares with the server behind it.
#[derive(Debug, Clone)]
pub struct Shared {
    /// The session.
    pub session: Arc<Session>,
    /// The position encoding, set by `initialize`.
    pub encoding: Arc<OnceLock<PositionEncoding>>,
}

impl Shared {
    fn encoding(&self) -> PositionEncoding {
        self.encoding.get().copied().unwrap_or_default()
    }
}

/// The service that handles every message first.
#[derive(Debug)]
pub struct DocumentSync<S> {
    inner: S,
    shared: Shared,
}

impl<S> DocumentSync<S> {
    /// Wraps a service.
    pub fn new(inner: S, shared: Shared) -> Self {
        Self { inner, shared }
    }

    /// Applies a notification about documents, or `exit`.
    fn sync_text(&self, request: &Request) {
        let Shared { session, .. } = &self.shared;
        match request.method() {
            "textDocument/didOpen" => {
                if let Some(lsp::DidOpenTextDocumentParams { text_document: it }) = params(request)
                {
                    let uri = it.uri.0.as_str();
                    session.open(uri, &String::from(it.language_id), it.version, &it.text);
                    if let Some(snapshot) = session.snapshot(uri, self.shared.encoding()) {
                        drop(session.gather_workspace(&snapshot));
                    }
                }
            }
            "textDocument/didChange" => {
                let Some(it) = change(request) else {
                    // It missed a change: later ones would apply to a different text.
                    let uri = request.params().and_then(|it| it["textDocument"]["uri"].as_str());
                    if let Some(uri) = uri {
                        session.close_document(uri);
                    }
                    return;
                };
                let uri = it.text_document.text_document_identifier.uri.0.as_str();
                let version = it.text_document.version;
                let changes: Vec<Change> =
                    it.content_changes.into_iter().map(from_proto::change).collect();
                session.change(uri, version, changes, self.shared.encoding());
            }
            // Some clients send it without `shutdown`, and keep our input open.
            "exit" => session.end(),
            "textDocument/didClose" => {
                if let Some(it) = params::<lsp::DidCloseTextDocumentParams>(request) {
                    session.close_document(it.text_document.uri.0.as_str());
                }
            }
            _ => {}
        }
    }

    /// The snapshot for a message about a cursor in an open document.
    fn snapshot_request(&self, request: &Request) -> Option<RequestSnapshot> {
        let session = &self.shared.session;
        match request.method() {
            "textDocument/inlineCompletion" => {
                let it = params::<lsp::InlineCompletionParams>(request)?;
                let at = &it.text_document_position_params;
                let snapshot = self.snapshot(&at.text_document)?;
                let beyond = request.params().and_then(|it| CopilotParams::deserialize(it).ok());
                let CopilotParams { text_document, formatting_options } =
                    beyond.unwrap_or_default();
                let ask = RequestParams {
                    lives_on: false,
                    cursor: snapshot.char_idx(from_proto::position(at.position)),
                    invoked: it.context.trigger_kind == lsp::InlineCompletionTriggerKind::Invoked,
                    selected: it.context.selected_completion_info.map(|it| {
                        let idx = |it| snapshot.char_idx(from_proto::position(it));
                        let (start, end) = (idx(it.range.start), idx(it.range.end));
                        Selected { range: start.min(end)..start.max(end), text: it.text }
                    }),
                    version: text_document.version,
                    indent: formatting_options.map(|it| Indent {
                        with_spaces: it.insert_spaces,
                        tab_columns: it.tab_size.min(64) as usize,
                    }),
                };
                Some(session.begin(snapshot, ask))
            }
            "textDocument/completion" => {
                let it = params::<lsp::CompletionParams>(request)?.text_document_position_params;
                let snapshot = self.snapshot(&it.text_document)?;
                let cursor = snapshot.char_idx(from_proto::position(it.position));
                Some(session.begin(
                    snapshot,
                    RequestParams { cursor, lives_on: true, ..RequestParams::default() },
                ))
            }
            DID_FOCUS => {
                let it = params::<DidFocusParams>(request)?;
                let snapshot = self.snapshot(&it.text_document)?;
                Some(session.focus_request(snapshot))
            }
            _ => None,
        }
    }

    fn snapshot(&self, document: &lsp::TextDocumentIdentifier) -> Option<Snapshot> {
        let Shared { session, .. } = &self.shared;
        session.snapshot(document.uri.0.as_str(), self.shared.encoding())
    }
}

/// The user focused another document: a notification of Copilot's dialect.
pub const DID_FOCUS: &str = "textDocument/didFocus";

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct DidFocusParams {
    text_document: lsp::TextDocumentIdentifier,
}

/// What Copilot's dialect adds to a request.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct CopilotParams {
    text_document: Versioned,
    formatting_options: Option<lsp::FormattingOptions>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Versioned {
    version: Option<i32>,
}

/// The parameters of a change. LSP before 3.16 allowed a `null` version.
fn change(request: &Request) -> Option<lsp::DidChangeTextDocumentParams> {
    let version = &request.params()?["textDocument"]["version"];
    if !version.is_null() {
        return params(request);
    }
    let mut with_a_version = request.params()?.clone();
    with_a_version.get_mut("textDocument")?.as_object_mut()?.insert("version".into(), 0.into());
    serde_json::from_value(with_a_version).ok()
}

/// The parameters of a message; `None` if they are invalid, which the handler behind answers.
fn params<P: DeserializeOwned>(request: &Request) -> Option<P> {
    P::deserialize(request.params()?)
        .inspect_err(|error| {
            tracing::warn!("{}: invalid parameters", request.method());
            // It may quote the user's text.
            tracing::trace!("{error}");
        })
        .ok()
}

impl<S> Service<Request> for DocumentSync<S>
where
    S: Service<Request, Response = Option<Response>>,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Option<Response>, S::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        self.sync_text(&request);
        let snapshot = self.snapshot_request(&request);
        let handler = self.inner.call(request);
        match snapshot {
            Some(snapshot) => Box::pin(REQUEST_SNAPSHOT.scope(snapshot, handler)),
            None => Box::pin(handler),
        }
    }
}

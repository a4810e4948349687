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
use serde::de::DeserializeOwned;
use tower::Service;
use tower_lsp::jsonrpc::{Request, Response};

use crate::{
    from_proto,
    lsp_ext::{ACCEPT_EDIT, REJECT_EDIT},
    notebook_sync,
    params::{
        Change, ChangedDocument, CodeAction, Completion, DocumentItem, ExecuteCommand, Focus,
        InlineCompletion, InlineEdit, OfDocument, Open, for_tower_lsp,
    },
};
use foretell_policy::Indent;
use foretell_session::{
    document::{PositionEncoding, Snapshot},
    session::{
        RequestParams, RequestSnapshot, Selected, Session,
        next_edit::{OfferId, PendingEdit},
    },
};

/// The limit of concurrent handlers. Superseded ones end immediately, so only a client that floods
/// the server with other requests reaches it.
pub const CONCURRENCY: usize = 64;

/// The notifications about documents, applied in [`DocumentSync::call`].
pub const TEXT_SYNC: [&str; 3] =
    ["textDocument/didOpen", "textDocument/didChange", "textDocument/didClose"];

tokio::task_local! {
    static REQUEST_SNAPSHOT: RequestSnapshot;
    static PENDING_EDIT: PendingEdit;
}

/// The request for the next edit whose handler is running; `None` if its document is not open.
#[must_use]
pub fn pending_edit() -> Option<PendingEdit> {
    PENDING_EDIT.try_with(Clone::clone).ok()
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
    pub(crate) fn encoding(&self) -> PositionEncoding {
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

    /// Applies a document notification, `textDocument/didFocus` or `exit`.
    fn sync_text(&self, request: &Request) {
        let Shared { session, .. } = &self.shared;
        match request.method() {
            "textDocument/didOpen" => match params(request) {
                Some(Open { text_document }) => self.open(&text_document),
                None => self.close_unreadable(request),
            },
            "textDocument/didChange" => match params(request) {
                Some(it) => self.change(it),
                // It missed a change: later ones would apply to a different text.
                None => self.close_unreadable(request),
            },
            DID_FOCUS => {
                if let Some(Focus { text_document, position }) = params(request) {
                    let position = position.map(from_proto::position);
                    session.focus(&text_document.uri, position, self.shared.encoding());
                }
            }
            // Some clients send it as a notification.
            "workspace/executeCommand" => {
                if let Some(it) = params(request) {
                    self.execute(&it);
                }
            }
            // Some clients send it without `shutdown`, and keep our input open.
            "exit" => session.end(),
            "textDocument/didClose" => {
                if let Some(OfDocument { text_document }) = params(request) {
                    session.close_document(&text_document.uri);
                }
            }
            "notebookDocument/didOpen" => match params(request) {
                Some(it) => notebook_sync::open(session, it),
                None => self.close_unreadable(request),
            },
            "notebookDocument/didChange" => match params(request) {
                Some(it) => notebook_sync::change(session, it, self.shared.encoding()),
                None => self.close_unreadable(request),
            },
            "notebookDocument/didClose" => {
                if let Some(it) = params(request) {
                    notebook_sync::close(session, &it);
                }
            }
            _ => {}
        }
    }

    /// Executes a command about an offered edit.
    fn execute(&self, it: &ExecuteCommand) {
        let Shared { session, .. } = &self.shared;
        match (it.command.as_str(), it.offer().map(OfferId)) {
            (ACCEPT_EDIT, Some(id)) => session.edit_accepted(id),
            (REJECT_EDIT, Some(id)) => session.edit_rejected(id),
            _ => {}
        }
    }

    fn open(&self, it: &DocumentItem) {
        let Shared { session, .. } = &self.shared;
        session.open(&it.uri, &it.language_id, it.version, &it.text);
        if let Some(snapshot) = session.snapshot(&it.uri, self.shared.encoding()) {
            drop(session.gather_workspace(&snapshot));
        }
    }

    fn change(&self, Change { text_document, content_changes }: Change) {
        let ChangedDocument { uri, version } = text_document;
        let changes = content_changes.into_iter().map(from_proto::change).collect();
        let encoding = self.shared.encoding();
        self.shared.session.change(&uri, version.unwrap_or_default(), changes, encoding);
    }

    /// Closes the document or notebook of an unreadable message, if at least its URI can be read.
    fn close_unreadable(&self, request: &Request) {
        let uri = |kind: &str| request.params().and_then(|it| it[kind]["uri"].as_str());
        if let Some(uri) = uri("textDocument") {
            self.shared.session.close_document(uri);
        }
        if let Some(uri) = uri("notebookDocument") {
            notebook_sync::close_all(&self.shared.session, uri);
        }
    }

    /// The snapshot for a message about a cursor in an open document.
    fn snapshot_request(&self, request: &Request) -> Option<RequestSnapshot> {
        let session = &self.shared.session;
        match request.method() {
            "textDocument/inlineCompletion" => {
                let InlineCompletion { text_document, position, context, formatting_options } =
                    params(request)?;
                let snapshot = self.snapshot(&text_document.uri)?;
                let char_idx = |it| snapshot.char_idx(from_proto::position(it));
                let cursor = char_idx(position);
                let invoked = context.is_invoked();
                let selected = context.selected_completion_info.map(|it| {
                    let (start, end) = (char_idx(it.range.start), char_idx(it.range.end));
                    Selected { range: start.min(end)..start.max(end), text: it.text }
                });
                let ask = RequestParams {
                    lives_on: false,
                    cursor,
                    invoked,
                    // coc.nvim still sends an item after its menu has closed.
                    selected: selected
                        .filter(|it| (it.range.start..=it.range.end).contains(&cursor)),
                    version: text_document.version,
                    indent: formatting_options.map(|it| Indent {
                        with_spaces: it.insert_spaces,
                        tab_columns: it.tab_size.clamp(0.0, 64.0) as usize,
                    }),
                };
                Some(session.begin(snapshot, ask))
            }
            "textDocument/completion" => {
                let Completion { text_document, position } = params(request)?;
                let snapshot = self.snapshot(&text_document.uri)?;
                let cursor = snapshot.char_idx(from_proto::position(position));
                Some(session.begin(
                    snapshot,
                    RequestParams { cursor, lives_on: true, ..RequestParams::default() },
                ))
            }
            _ => None,
        }
    }

    /// Registers a request for the next edit in an open document.
    fn begin_edit(&self, request: &Request) -> Option<PendingEdit> {
        let document = match request.method() {
            "textDocument/copilotInlineEdit" => params::<InlineEdit>(request)?.text_document,
            "textDocument/codeAction" => {
                params::<CodeAction>(request).filter(CodeAction::is_wanted)?.text_document
            }
            _ => return None,
        };
        self.snapshot(&document.uri)?;
        let Shared { session, .. } = &self.shared;
        Some(session.begin_edit(&document.uri, document.version, self.shared.encoding()))
    }

    fn snapshot(&self, uri: &str) -> Option<Snapshot> {
        self.shared.session.snapshot(uri, self.shared.encoding())
    }
}

/// The user focused a document: a notification of Copilot's dialect, extended by the cursor's
/// position.
pub const DID_FOCUS: &str = "textDocument/didFocus";

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
        let request = for_tower_lsp(request);
        self.sync_text(&request);
        let snapshot = self.snapshot_request(&request);
        let pending = self.begin_edit(&request);
        let handler = self.inner.call(request);
        match (snapshot, pending) {
            (Some(snapshot), _) => Box::pin(REQUEST_SNAPSHOT.scope(snapshot, handler)),
            (None, Some(pending)) => Box::pin(PENDING_EDIT.scope(pending, handler)),
            (None, None) => Box::pin(handler),
        }
    }
}

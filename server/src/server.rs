//! LSP in, LSP out.

mod extensions;

use std::{
    io,
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll},
};

use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tower_lsp::{
    Client, LanguageServer, LspService, Server, gen_lsp_types as lsp, jsonrpc::Result,
};

use crate::{
    document::PositionEncoding,
    engine::State,
    front::{self, Front, Shared},
    session::{Answer, Session, Ticket},
};
use extensions::{Options, Status, StatusParams, Update, UpdateParams};

#[derive(Debug)]
struct Foretell {
    shared: Shared,
    client: Client,
    options: OnceLock<Options>,
}

impl LanguageServer for Foretell {
    async fn initialize(&self, params: lsp::InitializeParams) -> Result<lsp::InitializeResult> {
        let kinds =
            params.capabilities.general.as_ref().and_then(|it| it.position_encodings.as_deref());
        let encoding = *self.shared.encoding.get_or_init(|| PositionEncoding::negotiate(kinds));
        if let Some(client) = &params.client_info {
            let version = client.version.as_deref().unwrap_or("of unknown version");
            tracing::info!("client: {:?} {version:?}, positions in {encoding:?}", client.name);
        }
        let options = params.initialization_options.map(Options::deserialize);
        let options = options.transpose().unwrap_or_else(|error| {
            tracing::warn!("unreadable initializationOptions: {error}");
            None
        });
        self.options.get_or_init(|| options.unwrap_or_default());
        let sync = lsp::TextDocumentSyncOptions {
            open_close: Some(true),
            change: Some(lsp::TextDocumentSyncKind::Incremental),
            ..Default::default()
        };
        Ok(lsp::InitializeResult {
            capabilities: lsp::ServerCapabilities {
                position_encoding: Some(encoding.kind()),
                text_document_sync: Some(sync.into()),
                inline_completion_provider: Some(true.into()),
                ..Default::default()
            },
            server_info: Some(lsp::ServerInfo {
                name: "foretell".to_owned(),
                version: Some(env!("CARGO_PKG_VERSION").to_owned()),
            }),
        })
    }

    async fn initialized(&self, _: lsp::InitializedParams) {
        if self.options.get().is_some_and(|options| options.status) {
            let (session, client) = (Arc::clone(&self.shared.session), self.client.clone());
            tokio::spawn(async move {
                let params = match session.loaded().await {
                    State::Failed(message) => {
                        StatusParams { state: "failed".into(), message: Some(message) }
                    }
                    State::Ready | State::Loading => {
                        StatusParams { state: "ready".into(), message: None }
                    }
                };
                client.send_notification::<Status>(params).await;
            });
        }
    }

    async fn shutdown(&self) -> Result<()> {
        self.shared.session.end();
        Ok(())
    }
}

impl Foretell {
    /// The front has applied what the client says of its documents.
    async fn applied(&self, _: serde_json::Value) {}

    async fn inline_completion(
        &self,
        _: lsp::InlineCompletionParams,
    ) -> Result<lsp::InlineCompletionList> {
        let items = match front::ticket() {
            Some(ticket) => self.items(&ticket).await,
            None => {
                tracing::info!("nothing: the document is not open");
                Vec::new()
            }
        };
        Ok(lsp::InlineCompletionList { items })
    }

    async fn items(&self, ticket: &Ticket) -> Vec<lsp::InlineCompletionItem> {
        let started = std::time::Instant::now();
        let streams = self.options.get().is_some_and(|options| options.streaming);
        let answer = self.shared.session.answer(ticket, streams).await;
        let ms = started.elapsed().as_secs_f64() * 1e3;
        match answer {
            Answer::Shows { text, source, done } => {
                tracing::info!("shown: {} chars, {source:?}, {ms:.1} ms", text.chars().count());
                if streams && !done {
                    self.follow(ticket, text.clone());
                }
                vec![item(ticket, text)]
            }
            Answer::Nothing(why) => {
                tracing::info!("nothing: {why:?}, {ms:.1} ms");
                Vec::new()
            }
        }
    }
}

impl Foretell {
    /// Sends what a draft says beyond `shown`, until the request is superseded.
    fn follow(&self, ticket: &Ticket, shown: String) {
        let (session, client) = (Arc::clone(&self.shared.session), self.client.clone());
        let ticket = ticket.clone();
        tokio::spawn(async move {
            let send = |text, done| {
                let Ticket { snapshot, cursor, .. } = &ticket;
                let params = UpdateParams {
                    text_document: lsp::VersionedTextDocumentIdentifier {
                        version: snapshot.version,
                        text_document_identifier: lsp::TextDocumentIdentifier {
                            uri: lsp::Uri(snapshot.uri.to_string()),
                        },
                    },
                    position: snapshot.position(*cursor),
                    item: item(&ticket, text),
                    done,
                };
                client.send_notification::<Update>(params)
            };
            session.follow(&ticket, shown, send).await;
        });
    }
}

/// The item for a text at the request's cursor.
fn item(ticket: &Ticket, text: String) -> lsp::InlineCompletionItem {
    let Ticket { snapshot, cursor, .. } = ticket;
    let at = snapshot.position(*cursor);
    // The text goes into a file whose line breaks may not be ours.
    let crlf = text.contains('\n')
        && snapshot.rope.lines().next().is_some_and(|line| line.chars().any(|c| c == '\r'));
    let text = if crlf { text.replace('\n', "\r\n") } else { text };
    lsp::InlineCompletionItem {
        insert_text: text.into(),
        filter_text: None,
        range: Some(lsp::Range::new(at, at)),
        command: None,
    }
}

/// Where the client's messages come from.
pub type Input = Box<dyn AsyncRead + Send + Unpin>;
/// Where ours go.
pub type Output = Box<dyn AsyncWrite + Send + Unpin>;

/// Speaks LSP until the client says `exit` or its end is closed.
pub async fn serve(session: Arc<Session>, input: Input, output: Output) {
    let shared = Shared { session: Arc::clone(&session), encoding: Arc::new(OnceLock::new()) };
    let server = |client| Foretell { shared: shared.clone(), client, options: OnceLock::new() };
    // All the methods of LSP would be four fifths of the binary.
    let mut service = LspService::build_with_lifecycle_methods(server)
        .custom_method("textDocument/inlineCompletion", Foretell::inline_completion);
    for method in front::TEXT_SYNC {
        service = service.custom_method(method, Foretell::applied);
    }
    let (service, socket) = service.finish();
    let input = UntilClosed { input, session: Arc::clone(&session) };
    Server::new(input, output, socket)
        .concurrency_level(front::CONCURRENCY)
        .serve(Front::new(service, shared))
        .await;
    session.end();
}

/// The client's messages. When they end without `exit`, the request that runs is given up, or the
/// server would wait for it.
struct UntilClosed {
    input: Input,
    session: Arc<Session>,
}

impl AsyncRead for UntilClosed {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let n_before = buf.filled().len();
        let read = Pin::new(&mut self.input).poll_read(cx, buf);
        let ended = match &read {
            Poll::Ready(Ok(())) => buf.filled().len() == n_before,
            Poll::Ready(Err(_)) => true,
            Poll::Pending => false,
        };
        if ended {
            self.session.end();
        }
        read
    }
}

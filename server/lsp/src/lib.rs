//! LSP in, LSP out.

pub mod document_sync;
mod framing;
mod from_proto;
mod lsp_ext;
mod next_edit;
mod notebook_sync;
mod params;
mod settings;
mod status;
mod to_proto;
mod transport;

use std::{
    pin::Pin,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use serde::Deserialize;
use serde_json::{Value, json};
use tower_lsp::{
    Client, LanguageServer, LspService, Server, gen_lsp_types as lsp,
    jsonrpc::{Error, Result},
};

use crate::{
    document_sync as front,
    document_sync::{DocumentSync, Shared},
};
use foretell_config::{Config, MenuMode};
use foretell_engine::GenerationMetrics;
use foretell_session::{
    session::{
        Answer, Configured, EmptyReason, Part, Request, RequestSnapshot, Session, Source, Update,
    },
    stats,
};
use lsp_ext::{
    ACCEPT, AcceptedPart, COMMANDS, InlineCompletionUpdate, Options, STATS, StatusState,
    UpdateParams,
};
use params::{announces, client_of};
pub use settings::Startup;
use settings::{Changed, Layers, folders};
use status::{LastStatus, StatusReporter};
use tokio::sync::mpsc::UnboundedReceiver;
pub use transport::{Input, Output};

/// How long a request may take before the status becomes `thinking`.
const THINKING_AFTER: Duration = Duration::from_millis(100);
/// The token of the progress while the model loads.
const LOADING: &str = "foretell/loading";
/// How long the end waits for a client that does not read.
const LAST_WORDS: Duration = Duration::from_millis(300);
/// The capacity of the pipe between framing and tower-lsp, in bytes.
const MESSAGES_BYTES: usize = 1 << 16;
/// How long to wait for a response of the client.
const CLIENT_PATIENCE: Duration = Duration::from_secs(2);

#[derive(Debug)]
struct Foretell {
    shared: Shared,
    client: Client,
    options: OnceLock<Options>,
    layers: Layers,
    last_status: LastStatus,
    gone: tokio_util::sync::CancellationToken,
}

impl LanguageServer for Foretell {
    /// The client's parameters are in `initialization_options`; see [`params::for_tower_lsp`].
    async fn initialize(&self, params: lsp::InitializeParams) -> Result<lsp::InitializeResult> {
        let params = params.initialization_options.unwrap_or_default();
        let kinds = params.pointer("/capabilities/general/positionEncodings");
        let kinds: Vec<&str> = kinds
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let encoding = *self.shared.encoding.get_or_init(|| from_proto::position_encoding(&kinds));
        if let Some((name, version)) = client_of(&params) {
            self.shared.session.set_of_editor();
            tracing::info!("client: {name:?} {version:?}, positions in {encoding:?}");
        }
        let process_id = params["processId"].as_i64().and_then(|it| i32::try_from(it).ok());
        if let Some(process_id) = process_id {
            transport::watch(process_id, self.gone.clone());
        }
        let folders = folders(&params);
        let mut options =
            Options::deserialize(&params["initializationOptions"]).unwrap_or_default();
        options.has_progress = announces(&params, "window/workDoneProgress");
        options.has_configuration = announces(&params, "workspace/configuration");
        options.has_document_changes =
            announces(&params, "workspace/workspaceEdit/documentChanges");
        // A client that shows edits itself needs no code action.
        let acts = announces(&params, "textDocument/codeAction") && !options.next_edit;
        // lsp-mode sends null for an empty object.
        let inline = params.pointer("/capabilities/textDocument/inlineCompletion");
        let speaks_inline = inline.is_some_and(|it| *it != false) || options.streaming;
        self.layers.client(options.settings.take(), &folders, options.workspace_trusted);
        self.shared.session.set_folders(folders);
        let options = self.options.get_or_init(|| options);
        self.configure();
        let config = self.shared.session.config();
        let completes = match config.completion.enabled {
            MenuMode::Auto => !speaks_inline,
            MenuMode::On => true,
            MenuMode::Off => false,
        };
        tracing::debug!(?options, completes, "options");
        if options.next_edit {
            self.push_edits();
        }
        let sync = lsp::TextDocumentSyncOptions {
            open_close: Some(true),
            change: Some(lsp::TextDocumentSyncKind::Incremental),
            ..Default::default()
        };
        Ok(lsp::InitializeResult {
            capabilities: lsp::ServerCapabilities {
                position_encoding: Some(to_proto::position_encoding(encoding)),
                text_document_sync: Some(sync.into()),
                notebook_document_sync: Some(notebook_sync::options().into()),
                inline_completion_provider: Some(true.into()),
                completion_provider: completes.then(to_proto::completion_options),
                code_action_provider: acts.then_some(true.into()),
                execute_command_provider: Some(lsp::ExecuteCommandOptions {
                    commands: COMMANDS.map(str::to_owned).to_vec(),
                    ..Default::default()
                }),
                ..Default::default()
            },
            server_info: Some(lsp::ServerInfo {
                name: "foretell".to_owned(),
                version: Some(env!("CARGO_PKG_VERSION").to_owned()),
            }),
        })
    }

    async fn initialized(&self, _: lsp::InitializedParams) {
        self.report_invalid_settings().await;
        self.report_loading();
    }

    async fn shutdown(&self) -> Result<()> {
        self.shared.session.end();
        Ok(())
    }
}

impl Foretell {
    /// [`DocumentSync`] has applied the notification already.
    async fn applied(&self, _: Value) {}

    async fn inline_completion(
        &self,
        _: params::InlineCompletion,
    ) -> Result<lsp::InlineCompletionList> {
        let items = match front::request_snapshot() {
            Some(snapshot) => {
                let streams = self.options.get().is_some_and(|options| options.streaming);
                match self.answer(&snapshot, streams).await? {
                    (Answer::Shows { text, others, .. }, updates) => {
                        self.send_updates(&snapshot, updates);
                        let texts = std::iter::once(text).chain(others);
                        texts.map(|text| to_proto::inline(&snapshot.request, &text)).collect()
                    }
                    (Answer::Empty(_), _) => Vec::new(),
                }
            }
            None => {
                self.not_open().await;
                Vec::new()
            }
        };
        Ok(lsp::InlineCompletionList { items })
    }

    /// The completion menu, for clients without inline completion.
    async fn completion(&self, _: params::Completion) -> Result<lsp::CompletionList> {
        let items = match front::request_snapshot() {
            Some(snapshot) => match self.answer(&snapshot, false).await? {
                (Answer::Shows { text, .. }, _) => {
                    vec![to_proto::in_menu(&snapshot.request, &text)]
                }
                (Answer::Empty(_), _) => Vec::new(),
            },
            None => {
                self.not_open().await;
                Vec::new()
            }
        };
        Ok(lsp::CompletionList { is_incomplete: true, items, ..Default::default() })
    }

    async fn not_open(&self) {
        self.shared.session.count_not_open();
        let reason = EmptyReason::NotOpen;
        tracing::info!("nothing: {}: {reason}", reason.name());
        self.report_reason(&reason).await;
    }

    async fn report_reason(&self, reason: &EmptyReason) {
        self.status_reporter().send_reason(&self.shared.session, reason).await;
    }

    /// Answers a request unless it is superseded. The future must complete: tower-lsp never forgets
    /// a request whose future is dropped.
    async fn answer(
        &self,
        snapshot: &RequestSnapshot,
        streams: bool,
    ) -> Result<(Answer, UnboundedReceiver<Update>)> {
        tokio::select! {
            biased;
            () = snapshot.superseded.cancelled() => {
                self.shared.session.count_superseded();
                Err(Error::request_cancelled())
            }
            answer = self.whole_answer(snapshot, streams) => Ok(answer),
        }
    }

    async fn whole_answer(
        &self,
        snapshot: &RequestSnapshot,
        streams: bool,
    ) -> (Answer, UnboundedReceiver<Update>) {
        let started = Instant::now();
        let answer = self.shared.session.answer(snapshot, streams);
        tokio::pin!(answer);
        let answer = tokio::select! {
            biased;
            answer = &mut answer => answer,
            () = tokio::time::sleep(THINKING_AFTER) => {
                self.report(StatusState::Thinking, None).await;
                answer.await
            }
        };
        match &answer.0 {
            Answer::Empty(EmptyReason::ModelFailed(failure)) => {
                self.report(StatusState::Failed, Some(&failure.to_string())).await;
            }
            Answer::Empty(reason) => self.report_reason(reason).await,
            Answer::Shows { .. } if self.last_status.is_transient() => {
                self.report_engine_state().await;
            }
            Answer::Shows { .. } => {}
        }
        log(&answer.0, started);
        answer
    }

    /// Sends the updates of an answer until the request is superseded.
    fn send_updates(&self, request: &RequestSnapshot, mut updates: UnboundedReceiver<Update>) {
        let (client, request) = (self.client.clone(), request.clone());
        tokio::spawn(async move {
            loop {
                let update = tokio::select! {
                    biased;
                    () = request.superseded.cancelled() => return,
                    update = updates.recv() => update,
                };
                let Some(Update { text, done, probability }) = update else { return };
                let Request { original, params, .. } = &request.request;
                let params = UpdateParams {
                    text_document: lsp::VersionedTextDocumentIdentifier {
                        version: original.version,
                        text_document_identifier: lsp::TextDocumentIdentifier {
                            uri: lsp::Uri(original.uri.to_string()),
                        },
                    },
                    position: to_proto::position(original.position(params.cursor)),
                    item: to_proto::inline(&request.request, &text),
                    done,
                    probability,
                };
                client.send_notification::<InlineCompletionUpdate>(params).await;
            }
        });
    }

    /// Ignored: the server knows what is shown.
    async fn shown(&self, _: Value) {}

    async fn accepted_part(&self, it: AcceptedPart) {
        self.shared.session.accepted(Part::Some, it.accepted_length);
    }

    async fn execute_command(&self, params: params::ExecuteCommand) -> Result<Value> {
        let session = &self.shared.session;
        if params.command == STATS {
            let counts = session.counts();
            return Ok(json!({
                "page": stats::page(&counts),
                "markdown": stats::markdown(&counts),
                "counts": counts,
                "engine": session.about(),
            }));
        }
        if params.command != ACCEPT {
            // `DocumentSync` has executed it already.
            return Ok(Value::Null);
        }
        let n_chars = params.arguments.first().and_then(Value::as_u64).unwrap_or(0);
        session.accepted(Part::Whole, usize::try_from(n_chars).unwrap_or(usize::MAX));
        Ok(Value::Null)
    }

    async fn change_configuration(&self, params: params::ChangeConfiguration) {
        let mut settings = Changed::Pushed(params.settings);
        if settings.is_null() && self.options.get().is_some_and(|it| it.has_configuration) {
            let item = lsp::ConfigurationItem { section: Some("foretell".into()), scope_uri: None };
            let asked =
                tokio::time::timeout(CLIENT_PATIENCE, self.client.configuration(vec![item]));
            let answer = tokio::select! {
                biased;
                () = self.shared.session.ended() => return,
                answer = asked => answer,
            };
            let Ok(Ok(answer)) = answer else {
                tracing::warn!("the client did not send its settings; keeping the previous ones");
                return;
            };
            settings = Changed::Requested(answer.into_iter().next().unwrap_or_default());
        }
        self.layers.changed(settings);
        let reloads_engine = self.configure();
        self.report_invalid_settings().await;
        if reloads_engine {
            self.report_loading();
        } else {
            self.report_engine_state().await;
        }
    }

    /// Merges and applies the settings; returns whether another engine is loaded for them.
    fn configure(&self) -> bool {
        let config: Config = self.layers.merge();
        let Configured { invalid, reloads_engine } = self.shared.session.configure(config);
        self.layers.add_invalid(invalid);
        reloads_engine
    }

    /// Shows which settings are invalid.
    async fn report_invalid_settings(&self) {
        for message in self.layers.take_invalid() {
            tracing::warn!("{message}");
            let message = format!("foretell: {message}");
            self.client.show_message(lsp::MessageType::Warning, message).await;
        }
    }

    /// Reports the engine's state from now on.
    fn report_loading(&self) {
        tokio::spawn(self.status_reporter().follow_engine(Arc::clone(&self.shared.session)));
    }

    async fn report_engine_state(&self) {
        let session = &self.shared.session;
        self.status_reporter().send_engine_state(session, &session.state()).await;
    }

    async fn report(&self, state: StatusState, message: Option<&str>) {
        self.status_reporter().send(&self.shared.session, state, message).await;
    }

    fn status_reporter(&self) -> StatusReporter {
        let options = self.options.get().cloned().unwrap_or_default();
        StatusReporter { client: self.client.clone(), options, last: self.last_status.clone() }
    }
}

/// Logs one line per request.
fn log(answer: &Answer, started: Instant) {
    let ms = started.elapsed().as_secs_f64() * 1e3;
    match answer {
        Answer::Shows { text, source, progress, .. } => {
            let n_chars = text.chars().count();
            let GenerationMetrics {
                reused,
                read,
                generated,
                drafted,
                accepted,
                first_token_ms,
                ..
            } = progress.figures;
            if *source == Source::Model || *source == Source::RunningDraft {
                let first = first_token_ms.map_or("-".into(), |ms| format!("{ms:.0} ms"));
                tracing::info!(
                    "shown: {n_chars} chars, {} | prompt: {reused} reused, {read} read | \
                     {generated} generated, {accepted}/{drafted} drafts | first {first}, {ms:.1} ms",
                    source.name(),
                );
            } else {
                tracing::info!("shown: {n_chars} chars, {} | {ms:.1} ms", source.name());
            }
        }
        Answer::Empty(why @ EmptyReason::ModelFailed(failure)) => {
            // A remote server may repeat the user's text in it.
            tracing::info!("nothing: model_failed: {why} | {ms:.1} ms");
            tracing::trace!("{failure}");
        }
        Answer::Empty(why) => tracing::info!("nothing: {}: {why} | {ms:.1} ms", why.name()),
    }
}

/// Serves LSP until the client sends `exit`, closes its end, or its process ends.
///
/// Boxed, because a future is compiled where it is polled: here once, and not in every test.
pub fn serve(
    session: Arc<Session>,
    startup: Startup,
    input: Input,
    output: Output,
) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(serve_to_the_end(session, startup, input, output))
}

async fn serve_to_the_end(session: Arc<Session>, startup: Startup, input: Input, output: Output) {
    let shared = Shared { session: Arc::clone(&session), encoding: Arc::new(OnceLock::new()) };
    let gone = tokio_util::sync::CancellationToken::new();
    let server = |client| Foretell {
        shared: shared.clone(),
        client,
        options: OnceLock::new(),
        layers: Layers::new(startup),
        last_status: LastStatus::default(),
        gone: gone.clone(),
    };
    // All methods of LSP would be four fifths of the binary.
    let mut service = LspService::build_with_lifecycle_methods(server)
        .custom_method("textDocument/inlineCompletion", Foretell::inline_completion)
        .custom_method("textDocument/completion", Foretell::completion)
        .custom_method("workspace/executeCommand", Foretell::execute_command)
        .custom_method("workspace/didChangeConfiguration", Foretell::change_configuration)
        .custom_method(front::DID_FOCUS, Foretell::applied)
        .custom_method("textDocument/copilotInlineEdit", Foretell::inline_edit)
        .custom_method("textDocument/codeAction", Foretell::code_action)
        .custom_method("textDocument/didShowInlineEdit", Foretell::shown_edit)
        .custom_method("textDocument/didShowCompletion", Foretell::shown)
        .custom_method("textDocument/didPartiallyAcceptCompletion", Foretell::accepted_part);
    for method in front::TEXT_SYNC.into_iter().chain(notebook_sync::NOTEBOOK_SYNC) {
        service = service.custom_method(method, Foretell::applied);
    }
    let (service, socket) = service.finish();
    let input = transport::InputUntilClosed::new(input, Arc::clone(&session), gone.clone());
    let (output, pump) = transport::NonBlockingWriter::new(output, gone.clone());
    let answers = output.clone();
    let pump = tokio::spawn(async move {
        let done = pump.await;
        // If nobody reads our output, the session is over too.
        gone.cancel();
        done
    });
    let (to_server, from_client) = tokio::io::duplex(MESSAGES_BYTES);
    let pass_on = async {
        let input = tokio::io::BufReader::new(input);
        if let Err(error) = framing::pass_on(input, to_server, answers).await {
            tracing::error!("the session ends: {error}");
        }
        session.end();
        std::future::pending::<()>().await;
    };
    let serve = Server::new(from_client, output, socket)
        .concurrency_level(front::CONCURRENCY)
        .serve(DocumentSync::new(service, shared));
    tokio::select! {
        () = serve => {}
        () = pass_on => {}
    }
    session.end();
    // The last messages still go out, if somebody reads them.
    let _ = tokio::time::timeout(LAST_WORDS, pump).await;
}

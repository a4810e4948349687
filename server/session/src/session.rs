//! One client's session: a state machine, and the driver that executes its effects.
//!
//! [`state::State`] decides; this module and `driver` connect it to the engine, the clock and the
//! client. Events are handled one at a time, in the order of their arrival.

mod driver;
pub mod event;
pub mod request;
pub mod state;
mod workspace_context;

use std::{
    fmt,
    path::PathBuf,
    sync::{Arc, atomic::Ordering},
};

use foretell_config::{
    Config,
    exclude::{Exclusions, real_path},
    prompt::OtherFiles,
};
use foretell_engine::{EngineState, FinishReason};
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use crate::{
    completer::Completer,
    document::{Change, PositionEncoding, Snapshot},
    stats::Counts,
};
use driver::{Delivery, Driver};
use event::{Event, Settings};
pub use request::{Answer, EmptyReason, Part, Request, RequestId, RequestParams, Selected, Source};
pub use state::UPDATE_INTERVAL;

/// Loads a model for the settings.
pub type Load = Box<dyn Fn(&Config) -> Completer + Send + Sync>;

/// A longer text for an answered request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Update {
    /// The text, in place of the one before.
    pub text: String,
    /// Whether it is the last one.
    pub done: bool,
}

/// What a request's handler waits for.
#[derive(Debug)]
struct Deliveries {
    answer: oneshot::Receiver<Answer>,
    updates: mpsc::UnboundedReceiver<Update>,
}

/// A request as of its arrival, with the token that an edit or a later request cancels.
#[derive(Debug, Clone)]
pub struct RequestSnapshot {
    /// The request.
    pub request: Request,
    /// Cancelled when the request is superseded.
    pub superseded: CancellationToken,
    deliveries: Arc<Mutex<Option<Deliveries>>>,
}

/// What came of new settings.
#[derive(Debug)]
pub struct Configured {
    /// What is wrong with them.
    pub invalid: Vec<String>,
    /// Whether another engine is loaded for them.
    pub is_other_engine: bool,
}

/// See the module's documentation.
pub struct Session {
    driver: Arc<Driver>,
    load: Load,
    /// Cancelled to supersede the last focus of a document.
    focused: Mutex<CancellationToken>,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").finish_non_exhaustive()
    }
}

impl Session {
    /// A session without documents. It has no model until [`Session::configure`].
    #[must_use]
    pub fn new(load: Load) -> Self {
        Self { driver: Arc::default(), load, focused: Mutex::default() }
    }

    /// Applies the settings. What was generated with other settings is dropped; the model is
    /// reloaded only if it is another one or runs in another way.
    pub fn configure(&self, config: Config) -> Configured {
        let (exclusions, invalid) = Exclusions::new(&config.suggest.exclude);
        let settings = Arc::new(Settings { config, exclusions });
        let before = self.driver.settings();
        let (Config { engine, model, prompt, .. }, after) = (&before.config, &settings.config);
        let is_other = *engine != after.engine || *model != after.model || *prompt != after.prompt;
        let has_other_model = is_other || self.driver.completer().is_none();
        self.driver.set_settings(Arc::clone(&settings));
        self.driver.handle(Event::Configured { settings: Arc::clone(&settings), has_other_model });
        if has_other_model {
            // The old model is freed first: two would need twice the memory.
            self.driver.set_completer(None);
            self.driver.set_completer(Some(Arc::new((self.load)(&settings.config))));
        }
        Configured { invalid, is_other_engine: has_other_model }
    }

    /// The effective settings.
    #[must_use]
    pub fn config(&self) -> Config {
        self.driver.settings().config.clone()
    }

    /// What the model can do now.
    #[must_use]
    pub fn state(&self) -> EngineState {
        self.driver.completer().map_or(EngineState::Loading, |completer| completer.state())
    }

    /// Waits until the model is loaded or has failed to load.
    pub async fn loaded(&self) -> EngineState {
        // Waiting does not keep a model that is not wanted any more.
        let Some(mut states) = self.states() else { return EngineState::Loading };
        let loaded = states.wait_for(|it| *it != EngineState::Loading).await.map(|it| it.clone());
        loaded.unwrap_or_else(|_| self.state())
    }

    /// What the model can do, now and whenever that changes. `None` until the settings are known.
    #[must_use]
    pub fn states(&self) -> Option<watch::Receiver<EngineState>> {
        self.driver.completer().map(|completer| completer.states())
    }

    /// Opens a document, replacing one of the same name.
    ///
    /// Where its file really is is looked up once, here, and not at every keystroke.
    pub fn open(&self, uri: &str, language: &str, version: i32, text: &str) {
        let real_path = real_path(uri).map(|it| it.to_string_lossy().into());
        let (uri, language, text) = (uri.to_owned(), language.to_owned(), text.to_owned());
        self.driver.handle(Event::Open { uri, language, version, text, real_path });
    }

    /// Applies the changes of one notification to a document. They supersede its request, and
    /// dismiss the suggestion if they contradict it.
    pub fn change(
        &self,
        uri: &str,
        version: i32,
        changes: Vec<Change>,
        encoding: PositionEncoding,
    ) {
        self.driver.handle(Event::Change { uri: uri.to_owned(), version, changes, encoding });
    }

    /// Closes a document.
    pub fn close_document(&self, uri: &str) {
        self.driver.handle(Event::Close { uri: uri.to_owned() });
    }

    /// A document's current text; `None` if it is not open. O(1).
    #[must_use]
    pub fn snapshot(&self, uri: &str, encoding: PositionEncoding) -> Option<Snapshot> {
        self.driver.published(uri).map(|it| Snapshot { encoding, ..it })
    }

    /// Accepts a request, which supersedes the one before it.
    #[must_use]
    pub fn begin(&self, snapshot: Snapshot, params: RequestParams) -> RequestSnapshot {
        let id = RequestId(self.driver.n_requests.fetch_add(1, Ordering::Relaxed) + 1);
        let request = Request::new(id, snapshot, params);
        let superseded = self.driver.ended.child_token();
        let (answer_tx, answer) = oneshot::channel();
        let (update_tx, updates) = mpsc::unbounded_channel();
        let delivery = Delivery {
            id,
            superseded: superseded.clone(),
            answer: Some(answer_tx),
            updates: update_tx,
        };
        self.driver.begin(request.clone(), delivery);
        let deliveries = Arc::new(Mutex::new(Some(Deliveries { answer, updates })));
        RequestSnapshot { request, superseded, deliveries }
    }

    /// Waits for the answer to a request, and returns the updates that may follow it. Never
    /// completes for a superseded request, or at a second call.
    ///
    /// With `streams`, the first useful part is the answer, and updates follow; without it, the
    /// answer waits for more until the deadline.
    pub async fn answer(
        &self,
        request: &RequestSnapshot,
        streams: bool,
    ) -> (Answer, mpsc::UnboundedReceiver<Update>) {
        let deliveries = request.deliveries.lock().take();
        self.driver.handle(Event::Start { id: request.request.id, streams });
        if let Some(Deliveries { answer, updates }) = deliveries
            && let Ok(answer) = answer.await
        {
            return (answer, updates);
        }
        std::future::pending().await
    }

    /// A request for the cursor where the user was last. It supersedes no request, but the focus
    /// before it: the user is in one place.
    #[must_use]
    pub fn focus_request(&self, snapshot: Snapshot) -> RequestSnapshot {
        let cursor = self.driver.last_cursor(&snapshot.uri);
        let params = RequestParams { cursor, invoked: true, ..RequestParams::default() };
        let request = Request::new(RequestId(0), snapshot, params);
        let superseded = self.driver.ended.child_token();
        std::mem::replace(&mut *self.focused.lock(), superseded.clone()).cancel();
        RequestSnapshot { request, superseded, deliveries: Arc::default() }
    }

    /// Prefills what a request at a focused place would need: first the narrow window, then the
    /// whole one. Both yield to any request.
    pub async fn focus(&self, request: &RequestSnapshot) {
        tokio::select! {
            biased;
            () = request.superseded.cancelled() => {}
            () = self.prefill_focused(request) => {}
        }
    }

    async fn prefill_focused(&self, request: &RequestSnapshot) {
        let Request { snapshot, cursor, .. } = &request.request;
        let refused = self.driver.refusal(&request.request).is_some();
        let Some(completer) = self.driver.completer().filter(|_| !refused) else { return };
        // A disk that does not answer costs the files of this prompt.
        let gathered = self.gather_workspace(snapshot);
        let _ = tokio::time::timeout(workspace_context::PATIENCE, gathered).await;
        self.driver.set_other_files(&completer, snapshot);
        let Some(mut first) = completer.prewarm_first(snapshot, *cursor) else { return };
        while first.now().finish.is_none() && first.changed().await {}
        let is_prefilled = first.now().finish == Some(FinishReason::PromptRead);
        if is_prefilled && !request.superseded.is_cancelled() {
            let (snapshot, cursor) = (snapshot.clone(), *cursor);
            self.driver.handle(Event::FocusPrefilled { snapshot, cursor });
        }
    }

    /// Sets the folders that are open in the client.
    pub fn set_folders(&self, folders: Vec<PathBuf>) {
        self.driver.set_folders(folders);
    }

    /// Reads the files of the workspace that a document's prompt may quote, if the settings say so
    /// and it was not done just now. May be awaited, for as long as the disk takes, or dropped.
    pub fn gather_workspace(&self, snapshot: &Snapshot) -> impl Future<Output = ()> + use<> {
        self.driver.gather_workspace(snapshot)
    }

    /// The client reports that the user accepted a suggestion, or so many characters of it.
    pub fn accepted(&self, part: Part, n_chars: usize) {
        self.driver.handle(Event::Accepted { part, n_chars });
    }

    /// The statistics so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.driver.counts()
    }

    /// Counts a request that was superseded before it had its answer.
    pub fn count_superseded(&self) {
        self.driver.count(|it| it.superseded += 1);
    }

    /// Counts a request for a document that is not open.
    pub fn count_not_open(&self) {
        let name = EmptyReason::NotOpen.name();
        self.driver.count(|it| crate::stats::tally(&mut it.nothing, name));
    }

    /// Waits until [`Session::end`] was called.
    pub async fn ended(&self) {
        self.driver.ended.cancelled().await;
    }

    /// Cancels everything, for good: the client is gone.
    pub fn end(&self) {
        // First, so that whatever is handled next starts nothing.
        self.driver.ended.cancel();
        self.driver.handle(Event::End);
    }

    /// Ends the session and its engine.
    pub async fn shut_down(&self) {
        self.end();
        if let Some(completer) = self.driver.set_completer(None) {
            let engine = completer.engine();
            drop(completer);
            engine.end().await;
        }
    }
}

/// Whether the prompt quotes files of the workspace.
fn quotes_workspace(config: &Config) -> bool {
    config.prompt.other_files == OtherFiles::Workspace
}

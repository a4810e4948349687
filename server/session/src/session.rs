//! One client's session: a state machine, and the driver that executes its effects.
//!
//! [`state::State`] decides; this module and `driver` connect it to the engine, the clock and the
//! client. Events are handled one at a time, in the order of their arrival.

mod driver;
mod edit_deliveries;
pub mod edit_offer;
pub mod event;
mod guest;
pub mod next_edit;
mod open_imports;
mod power;
pub mod request;
pub mod state;
mod workspace_context;

use std::{
    fmt,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use foretell_config::{
    Config,
    exclude::{Exclusions, path_of, real_path},
    prompt::OtherFiles,
};
use foretell_engine::EngineState;
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

pub use crate::empty_reason::EmptyReason;
use crate::{
    about::About,
    completer::Completer,
    document::{Change, Position, PositionEncoding, Snapshot, notebook::NotebookChange},
    stats::Counts,
};
use driver::{Delivery, Driver};
use event::{Event, Settings};
pub use guest::{GuestAnswer, GuestPart, GuestRequest};
pub use request::{Answer, Part, Request, RequestId, RequestParams, Selected, Source};
pub use state::{UPDATE_INTERVAL, is_offered_unjudged, judge};

/// Starts loading the model that the settings name.
pub type Load = Box<dyn Fn(&Config) -> Completer + Send + Sync>;

/// A longer text for a request that has been answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Update {
    /// Replaces the previous text.
    pub text: String,
    /// Whether this is the last update.
    pub done: bool,
    /// The model's probability of the text, with the last update.
    pub probability: Option<f64>,
}

/// The receiving ends of a request's answer and updates.
#[derive(Debug)]
struct Deliveries {
    answer: oneshot::Receiver<Answer>,
    updates: mpsc::UnboundedReceiver<Update>,
}

/// A request with the document as of its arrival.
#[derive(Debug, Clone)]
pub struct RequestSnapshot {
    /// The request.
    pub request: Request,
    /// Cancelled when an edit or a later request supersedes this one.
    pub superseded: CancellationToken,
    deliveries: Arc<Mutex<Option<Deliveries>>>,
}

/// The result of [`Session::configure`].
#[derive(Debug)]
pub struct Configured {
    /// Messages about invalid settings.
    pub invalid: Vec<String>,
    /// Whether the settings require another engine, which is now loading.
    pub reloads_engine: bool,
}

/// A client's session; see the module documentation.
pub struct Session {
    driver: Arc<Driver>,
    load: Load,
    is_of_editor: AtomicBool,
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
        Self { driver: Arc::default(), load, is_of_editor: AtomicBool::new(false) }
    }

    /// Applies settings and drops everything generated with other settings. Reloads the model only if
    /// the settings of the engine, the model or the prompt changed.
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
        Configured { invalid, reloads_engine: has_other_model }
    }

    /// The effective settings.
    #[must_use]
    pub fn config(&self) -> Config {
        self.driver.settings().config.clone()
    }

    /// The engine's current state.
    #[must_use]
    pub fn state(&self) -> EngineState {
        self.driver.completer().map_or(EngineState::Loading, |completer| completer.state())
    }

    /// The engine's description; see [`Completer::about`].
    #[must_use]
    pub fn about(&self) -> Option<About> {
        self.driver.completer()?.about()
    }

    /// Waits until the model is loaded or has failed to load.
    pub async fn loaded(&self) -> EngineState {
        // The receiver does not keep a replaced engine alive.
        let Some(mut states) = self.states() else { return EngineState::Loading };
        let loaded = states.wait_for(|it| *it != EngineState::Loading).await.map(|it| it.clone());
        loaded.unwrap_or_else(|_| self.state())
    }

    /// A receiver of the engine's states. `None` until the settings are known.
    #[must_use]
    pub fn states(&self) -> Option<watch::Receiver<EngineState>> {
        self.driver.completer().map(|completer| completer.states())
    }

    /// Opens a document, replacing one with the same URI. Resolves links to its file once, here,
    /// instead of at every keystroke.
    pub fn open(&self, uri: &str, language: &str, version: i32, text: &str) {
        let real_path = real_path(uri).map(|it| it.to_string_lossy().into());
        let (uri, language, text) = (uri.to_owned(), language.to_owned(), text.to_owned());
        self.driver.handle(Event::Open { uri, language, version, text, real_path });
    }

    /// Applies the changes of one notification to a document. This supersedes its request, and
    /// dismisses the suggestion unless the user typed into it.
    pub fn change(
        &self,
        uri: &str,
        version: i32,
        changes: Vec<Change>,
        encoding: PositionEncoding,
    ) {
        self.driver.handle(Event::Change { uri: uri.to_owned(), version, changes, encoding });
    }

    /// Opens a cell of a notebook. It is excluded if its notebook is.
    pub fn open_cell(&self, notebook: &str, uri: &str, language: &str, version: i32, text: &str) {
        let file = real_path(notebook).unwrap_or_else(|| path_of(notebook));
        let real_path = Some(file.to_string_lossy().into());
        let (uri, language, text) = (uri.to_owned(), language.to_owned(), text.to_owned());
        self.driver.handle(Event::Open { uri, language, version, text, real_path });
    }

    /// Changes the structure of a notebook. To close it, a cell's URI may stand for its own.
    pub fn change_notebook(&self, uri: &str, change: NotebookChange) {
        self.driver.handle(Event::Notebook { uri: uri.to_owned(), change });
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

    /// Registers a request, which supersedes the one before it.
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

    /// Waits for the answer to a request and returns it with the updates that follow. Never completes
    /// for a superseded request, or when called again.
    ///
    /// With `streams`, the first useful part is the answer, and updates follow. Without it, the answer
    /// is delayed until the text is complete or the deadline has passed.
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

    /// Handles the user focusing a document, with the cursor at `position`, or at its last known
    /// place. Prefills the prompt of the first suggestion there unless the settings forbid it. Any
    /// request takes precedence. Supersedes the previous focus.
    pub fn focus(&self, uri: &str, position: Option<Position>, encoding: PositionEncoding) {
        let on_battery = self.driver.on_battery();
        let uri = uri.to_owned();
        self.driver.handle(Event::Focus { uri, position, encoding, on_battery });
    }

    /// Sets the folders that are open in the client.
    pub fn set_folders(&self, folders: Vec<PathBuf>) {
        self.driver.set_folders(folders);
    }

    /// Reads the files of the workspace that a document's prompt may quote, unless the settings
    /// exclude them or a recent scan is still fresh. The future may be awaited or dropped.
    pub fn gather_workspace(&self, snapshot: &Snapshot) -> impl Future<Output = ()> + use<> {
        self.driver.gather_workspace(snapshot)
    }

    /// Records that the user accepted a suggestion, or `n_chars` of it.
    pub fn accepted(&self, part: Part, n_chars: usize) {
        self.driver.handle(Event::Accepted { part, n_chars });
    }

    /// The statistics of this session so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.driver.counts()
    }

    /// Records that the client sent a name, which identifies it as an editor.
    pub fn set_of_editor(&self) {
        self.is_of_editor.store(true, Ordering::Relaxed);
    }

    /// Whether statistics are kept: the settings allow it and the client is an editor.
    #[must_use]
    pub fn keeps_counts(&self) -> bool {
        self.config().stats.keep && self.is_of_editor.load(Ordering::Relaxed)
    }

    /// Counts a request that was superseded before its answer.
    pub fn count_superseded(&self) {
        self.driver.count(|it| it.superseded += 1);
    }

    /// Counts a request for a document that is not open.
    pub fn count_not_open(&self) {
        let name = EmptyReason::NotOpen.name();
        self.driver.count(|it| crate::stats::tally(&mut it.nothing, name));
    }

    /// Waits until [`Session::end`] is called.
    pub async fn ended(&self) {
        self.driver.ended.cancelled().await;
    }

    /// Cancels everything and starts nothing any more: the client has disconnected.
    pub fn end(&self) {
        // First, so that events handled after this start nothing.
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

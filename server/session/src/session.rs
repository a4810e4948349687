//! One client's session: its documents, the one request that runs, the one offer that stands.
//!
//! [`Session::edit`] and [`Session::begin`] are synchronous and are called in the wire's order;
//! [`Session::answer`] is what a request does while it waits.

pub mod acceptance;
mod candidates;
mod completion;
mod excluded;
mod menu_request;
mod prefetch;
mod throttle;
mod workspace_context;

use parking_lot::{Mutex, MutexGuard};
use std::{fmt, sync::Arc, time::Instant};

use tokio_util::sync::CancellationToken;

use crate::{
    completer::{Completer, GenerationOptions},
    document::{Change, Documents, Edit, PositionEncoding, Snapshot},
    stats::Stats,
    suggestion::{
        DismissReason, Suggestion,
        completion_cache::{CompletionCache, Surroundings},
    },
};
pub use completion::UPDATE_INTERVAL;
use foretell_config::{Config, Trigger, exclude::Exclusions};
use foretell_engine::{EngineState, FinishReason, Generation, GenerationMetrics, Progress};
use foretell_policy::Indent;
use menu_request::RunningRequest;
use throttle::Throttle;
use workspace_context::WorkspaceContext;

/// What a request asks.
#[derive(Debug, Clone, Default)]
pub struct RequestParams {
    /// The cursor, a char_idx.
    pub cursor: usize,
    /// Whether the user asked by a key of their own, and wants a choice.
    pub invoked: bool,
    /// Whether the client makes use of the answer after the user has typed on.
    pub lives_on: bool,
    /// The item that is selected in the editor's completion menu.
    pub selected: Option<Selected>,
    /// The version of the document that the client has, if it says so.
    pub version: Option<i32>,
    /// How the editor indents, if it says so.
    pub indent: Option<Indent>,
}

/// An item of the completion menu, as if it were accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selected {
    /// What it would take the place of, in char_idx.
    pub range: std::ops::Range<usize>,
    /// Its text.
    pub text: String,
}

/// A request as it was when it came: the text, the cursor, and the token that an edit or a later
/// request cancels.
#[derive(Debug, Clone)]
pub struct RequestSnapshot {
    /// The text when the request came; with a selected item, as if that were accepted.
    pub snapshot: Snapshot,
    /// The cursor in it, a char_idx.
    pub cursor: usize,
    /// The text as the client has it.
    pub original: Snapshot,
    /// What was asked.
    pub ask: RequestParams,
    /// Cancelled when the request is superseded.
    pub superseded: CancellationToken,
}

/// Where a text that is shown came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The offer that stood already: no model call.
    TypeThrough,
    /// A draft that ran already when the request came.
    RunningDraft,
    /// A text that the model gave for this place before.
    Recent,
    /// A draft that was started for this place before the user was there.
    Ahead,
    /// A run of the model for this request.
    Model,
}

impl Source {
    /// The source in one word, as it stands in logs and counts.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::TypeThrough => "type_through",
            Self::RunningDraft => "running_draft",
            Self::Recent => "recent",
            Self::Ahead => "ahead",
            Self::Model => "model",
        }
    }
}

/// Why nothing is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EmptyReason {
    /// The client's document is not open.
    NotOpen,
    /// `suggest.enabled` is off.
    TurnedOff,
    /// `suggest.trigger` is `manual`, and the user did not ask.
    ManualOnly,
    /// `suggest.languages` says no.
    LanguageOff,
    /// `suggest.exclude` has the document.
    Excluded,
    /// The client's version is not the one that its changes make.
    StaleVersion,
    /// `suggest.runs_per_minute` were made.
    RateLimited,
    /// The model is still being loaded.
    ModelLoading,
    /// The model can't be used; the message says why.
    ModelFailed(String),
    /// The model was asked and nothing of what it said is worth showing.
    NothingToSay(FinishReason),
}

impl EmptyReason {
    /// The reason in one word, as it stands in logs and counts.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::NotOpen => "not_open",
            Self::TurnedOff => "turned_off",
            Self::ManualOnly => "manual_only",
            Self::LanguageOff => "language_off",
            Self::Excluded => "excluded",
            Self::StaleVersion => "stale_version",
            Self::RateLimited => "rate_limited",
            Self::ModelLoading => "model_loading",
            Self::ModelFailed(_) => "model_failed",
            Self::NothingToSay(finish) => finish.name(),
        }
    }
}

/// The answer to a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// Show this text at the cursor.
    Shows {
        /// The text.
        text: String,
        /// Others to choose from, if the user asked for them.
        others: Vec<String>,
        /// Where it came from.
        source: Source,
        /// Its draft at that moment; where that is not at its end, [`Session::follow`] tells the
        /// rest.
        progress: Progress,
    },
    /// Show nothing, for this reason.
    Empty(EmptyReason),
}

/// What loads a model by the settings.
pub type Load = Box<dyn Fn(&Config) -> Completer + Send + Sync>;

/// The settings, ready for use.
#[derive(Debug, Clone, Default)]
struct Settings {
    config: Config,
    exclusions: Exclusions,
}

#[derive(Default)]
struct State {
    settings: Arc<Settings>,
    /// None until the settings are known.
    completer: Option<Arc<Completer>>,
    running: Option<RunningRequest>,
    suggestion: Option<Suggestion>,
    recent: CompletionCache,
    /// What would follow if the offer were accepted, or a selected item.
    ahead: Option<(Surroundings, Generation)>,
    /// The whole window of the cursor's place, while it is being read.
    prewarm: Option<Generation>,
    pace: Throttle,
    beside: WorkspaceContext,
    /// Cancelled to supersede the last look at a document.
    looked: CancellationToken,
    /// Whether the client says by itself what was accepted.
    tells_accepted: bool,
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
    documents: Documents,
    /// What was counted.
    pub stats: Stats,
    load: Load,
    now: Mutex<State>,
    /// Cancelled when the client is gone.
    ended: CancellationToken,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("documents", &self.documents).finish_non_exhaustive()
    }
}

impl Session {
    /// A session without documents. It has no model until [`Session::configure`] says which.
    #[must_use]
    pub fn new(load: Load) -> Self {
        Self {
            documents: Documents::default(),
            stats: Stats::default(),
            load,
            now: Mutex::default(),
            ended: CancellationToken::new(),
        }
    }

    fn now(&self) -> MutexGuard<'_, State> {
        self.now.lock()
    }

    /// Takes the settings. What stood by other settings is
    /// dropped; the model is loaded anew only if it is another one or runs in another way.
    pub fn configure(&self, config: Config) -> Configured {
        let (exclusions, invalid) = Exclusions::new(&config.suggest.exclude);
        let mut now = self.now();
        let Config { engine, model, prompt, .. } = &now.settings.config;
        let is_other =
            *engine != config.engine || *model != config.model || *prompt != config.prompt;
        let settings = Arc::new(Settings { config, exclusions });
        if now.settings.config != settings.config || now.completer.is_none() {
            self.drop_all(&mut now);
            now.recent = CompletionCache::default();
        }
        let is_other_engine = is_other || now.completer.is_none();
        if is_other_engine {
            // The old model is let go first: two would need twice the memory.
            now.completer = None;
            now.completer = Some(Arc::new((self.load)(&settings.config)));
        }
        now.settings = settings;
        Configured { invalid, is_other_engine }
    }

    /// The settings that hold.
    #[must_use]
    pub fn config(&self) -> Config {
        self.now().settings.config.clone()
    }

    fn completer(&self) -> Option<Arc<Completer>> {
        self.now().completer.clone()
    }

    /// What the model can do now.
    #[must_use]
    pub fn state(&self) -> EngineState {
        self.completer().map_or(EngineState::Loading, |completer| completer.state())
    }

    /// Waits until the model is loaded or has failed to load.
    pub async fn loaded(&self) -> EngineState {
        // Who waits does not keep a model that nobody wants any more.
        let Some(mut states) = self.states() else { return EngineState::Loading };
        let loaded = states.wait_for(|it| *it != EngineState::Loading).await.map(|it| it.clone());
        loaded.unwrap_or_else(|_| self.state())
    }

    /// What the model can do, now and whenever that changes. `None` until the settings are known.
    #[must_use]
    pub fn states(&self) -> Option<tokio::sync::watch::Receiver<EngineState>> {
        self.completer().map(|completer| completer.states())
    }

    /// Applies the changes of one notification to a document. They supersede its request, and
    /// dismiss the suggestion if they contradict it.
    pub fn change(&self, uri: &str, version: i32, changes: &[Change], encoding: PositionEncoding) {
        match self.documents.change(uri, version, changes, encoding) {
            Some(edits) => self.edit(uri, &edits),
            None => tracing::warn!("ignored a change to a document that is not open"),
        }
    }

    /// Closes a document, and forgets what concerns it.
    pub fn close_document(&self, uri: &str) {
        self.documents.close(uri);
        self.forget(uri);
    }

    /// A document's current text; `None` if it is not open. O(1).
    #[must_use]
    pub fn snapshot(&self, uri: &str, encoding: PositionEncoding) -> Option<Snapshot> {
        self.documents.snapshot(uri, encoding)
    }

    fn edit(&self, uri: &str, edits: &[Edit]) {
        let mut now = self.now();
        if !now.running.as_mut().is_some_and(|it| it.lives_on(uri, edits)) {
            now.supersede(Some(uri));
        }
        for edit in edits {
            if let Some(completer) = &now.completer {
                completer.edited(uri, edit);
            }
            self.infer_acceptance(&mut now, uri, edit);
            let gone = now.suggestion.as_mut().and_then(|it| it.apply(uri, edit).err());
            self.drop_gone(&mut now, gone);
        }
        let gone = now.suggestion.as_ref().and_then(|it| it.may_live(uri).err());
        self.drop_gone(&mut now, gone);
    }

    fn drop_gone(&self, now: &mut State, gone: Option<DismissReason>) {
        if let Some(why) = gone {
            tracing::debug!(?why, "offer dropped");
            self.drop_suggestion(now);
            self.drop_ahead(now);
        }
    }

    /// Forgets what concerns a document that was closed, or replaced.
    fn forget(&self, uri: &str) {
        let mut now = self.now();
        now.supersede(Some(uri));
        if now.suggestion.as_ref().is_some_and(|it| it.uri() == uri) {
            self.drop_suggestion(&mut now);
        }
    }

    /// Gives up whatever runs, for good: the client is gone.
    pub fn end(&self) {
        // First, so that who takes the lock after us begins nothing.
        self.ended.cancel();
        self.drop_all(&mut self.now());
    }

    fn drop_all(&self, now: &mut State) {
        now.supersede(None);
        self.drop_suggestion(now);
        self.drop_ahead(now);
        now.prewarm = None;
    }

    /// Ends the session and its engine.
    pub async fn shut_down(&self) {
        self.end();
        let completer = self.now().completer.take();
        if let Some(completer) = completer {
            let engine = completer.engine();
            drop(completer);
            engine.end().await;
        }
    }

    /// Takes in a request, which supersedes the one before. With a selected item, the text is as
    /// if that were accepted: the offer is for what the user would get.
    #[must_use]
    pub fn begin(&self, mut snapshot: Snapshot, ask: RequestParams) -> RequestSnapshot {
        let superseded = self.ended.child_token();
        let mut now = self.now();
        now.supersede(None);
        now.running = Some(RunningRequest {
            uri: Arc::clone(&snapshot.uri),
            superseded: superseded.clone(),
            cursor: ask.cursor,
            typed: ask.lives_on.then(String::new),
        });
        now.pace.request(Instant::now());
        drop(now);
        self.stats.count(|it| it.requests += 1);
        let original = snapshot.clone();
        let mut cursor = ask.cursor;
        self.documents.set_cursor(&snapshot.uri, cursor);
        if let Some(Selected { range, text }) = &ask.selected {
            snapshot.rope.remove(range.clone());
            snapshot.rope.insert(range.start, text);
            cursor = range.start + text.chars().count();
        }
        RequestSnapshot { snapshot, cursor, original, ask, superseded }
    }

    /// Why nothing is to be shown, whatever the model would say.
    fn refusal(&self, ticket: &RequestSnapshot) -> Option<EmptyReason> {
        let settings = Arc::clone(&self.now().settings);
        let RequestSnapshot { snapshot, ask, .. } = ticket;
        let suggest = &settings.config.suggest;
        if !suggest.enabled {
            Some(EmptyReason::TurnedOff)
        } else if suggest.trigger == Trigger::Manual && !ask.invoked {
            Some(EmptyReason::ManualOnly)
        } else if !suggest.language_is_on(&snapshot.language) {
            Some(EmptyReason::LanguageOff)
        } else if self.is_excluded(&settings, snapshot) {
            Some(EmptyReason::Excluded)
        } else if ask.version.is_some_and(|it| it != snapshot.version) {
            Some(EmptyReason::StaleVersion)
        } else {
            None
        }
    }

    /// The options of a request's generation.
    fn options(&self, ticket: &RequestSnapshot) -> GenerationOptions {
        let mut options = GenerationOptions::one(&self.now().settings.config.suggest);
        options.style.indent = ticket.ask.indent;
        options
    }

    /// Waits until [`Session::end`] was called.
    pub async fn ended(&self) {
        self.ended.cancelled().await;
    }

    /// A ticket for the cursor where the user was last. It supersedes no request, but the look
    /// before it: the user is in one place.
    #[must_use]
    pub fn look(&self, snapshot: Snapshot) -> RequestSnapshot {
        let cursor = self.documents.cursor(&snapshot.uri);
        let ask = RequestParams { cursor, invoked: true, ..RequestParams::default() };
        let original = snapshot.clone();
        let superseded = self.ended.child_token();
        std::mem::replace(&mut self.now().looked, superseded.clone()).cancel();
        RequestSnapshot { snapshot, cursor, original, ask, superseded }
    }

    /// Reads what a request for a ticket would read: the user looks there. First the narrow
    /// window, then the whole one; both are given up at once for a request.
    pub async fn focus(&self, ticket: &RequestSnapshot) {
        tokio::select! {
            biased;
            () = ticket.superseded.cancelled() => {}
            () = self.read_there(ticket) => {}
        }
    }

    async fn read_there(&self, ticket: &RequestSnapshot) {
        let RequestSnapshot { snapshot, cursor, superseded, .. } = ticket;
        let Some(completer) = self.completer().filter(|_| self.refusal(ticket).is_none()) else {
            return;
        };
        // A disk that does not answer costs the files of this prompt.
        let _ = tokio::time::timeout(workspace_context::PATIENCE, self.read_beside(snapshot)).await;
        self.tell_others(&completer, snapshot);
        let Some(mut first) = completer.prewarm_first(snapshot, *cursor) else { return };
        while first.now().finish.is_none() && first.changed().await {}
        if first.now().finish == Some(FinishReason::PromptRead) {
            let prewarm = completer.prewarm(snapshot, *cursor);
            let mut now = self.now();
            if !superseded.is_cancelled() {
                now.prewarm = prewarm;
            }
        }
    }

    /// Drops the offer, which is the cancel; a complete one may be recalled.
    fn drop_suggestion(&self, now: &mut State) {
        let Some(it) = now.suggestion.take() else { return };
        self.account(&it.progress(), it.is_seen());
        if let Some((at, text)) = it.complete() {
            now.recent.keep(at, text, 0);
        }
    }

    /// Drops what was started ahead, which is the cancel; a complete text may be recalled.
    fn drop_ahead(&self, now: &mut State) {
        let Some((at, draft)) = now.ahead.take() else { return };
        let progress = draft.now();
        self.account(&progress, false);
        if matches!(progress.finish, Some(FinishReason::Stopped(_) | FinishReason::EndOfText)) {
            now.recent.keep(at, progress.text, progress.figures.generated);
        }
    }

    /// Counts a run that is at its end, or is given up now.
    fn account(&self, progress: &Progress, seen: bool) {
        if progress.figures != GenerationMetrics::default() {
            let GenerationMetrics { generated, healed, .. } = progress.figures;
            tracing::debug!(seen, generated, healed, "run accounted");
            tracing::trace!(text = progress.text, "run accounted");
            self.stats.count(|it| {
                it.model.add(&progress.figures, seen);
                it.queued_ms.add(progress.figures.queued_ms);
            });
        }
    }

    /// Counts a request that was superseded before it had its answer.
    pub fn superseded(&self) {
        self.stats.count(|it| it.superseded += 1);
    }
}

impl State {
    /// Supersedes the request that runs, if it is for this document or `None` is given.
    fn supersede(&mut self, uri: Option<&str>) {
        let concerned = self.running.take_if(|it| uri.is_none_or(|uri| *it.uri == *uri));
        if let Some(it) = concerned {
            it.superseded.cancel();
        }
    }
}

//! Executes the effects of the state machine: publishes documents, delivers answers, sets timers,
//! and runs generations.
//!
//! Effects are executed in order, under the lock of the state. Those that need the model's prompt,
//! which takes milliseconds, are queued in the same order for one task, so that an edit never waits
//! for them. A cancelled generation that is still queued is not started.

use crate::empty_reason::EmptyReason;
use std::{
    collections::{HashMap, HashSet},
    path::PathBuf,
    sync::{Arc, OnceLock, Weak, atomic::AtomicU64},
    time::{Duration, Instant},
};

use dashmap::DashMap;
use foretell_config::exclude::path_of;
use foretell_engine::{EngineState, FinishReason, Generation};
use parking_lot::Mutex;
use tokio::{
    sync::{mpsc, oneshot},
    task::AbortHandle,
};
use tokio_util::sync::CancellationToken;

use super::{
    Update,
    edit_deliveries::EditDeliveries,
    edit_offer::{EditOffer, EditRequestId},
    event::{Effect, Event, Settings, Timer},
    open_imports::{Imports, OpenImports},
    power::Power,
    quotes_workspace,
    request::{Answer, Request, RequestId},
    state::State,
    workspace_context::{PATIENCE, WorkspaceContext},
};
use crate::{
    completer::{Completer, GenerationOptions},
    document::{Edit, Snapshot},
    prompt::judged::JudgedEdit,
    stats::Counts,
    suggestion::GenerationId,
};

/// Where a request's answer and updates go.
pub(super) struct Delivery {
    pub(super) id: RequestId,
    pub(super) superseded: CancellationToken,
    pub(super) answer: Option<oneshot::Sender<Answer>>,
    pub(super) updates: mpsc::UnboundedSender<Update>,
}

/// A document as the state machine has published it.
struct Published {
    snapshot: Snapshot,
    real_path: Option<Arc<str>>,
}

/// A generation that runs or has ended, with the task that reports its progress.
struct Running {
    generation: Generation,
    watcher: AbortHandle,
}

#[derive(Default)]
struct Generations {
    running: HashMap<GenerationId, Running>,
    /// Cancelled before they were started.
    cancelled: HashSet<GenerationId>,
}

/// The most edits that wait for the next job.
const MAX_PENDING_EDITS: usize = 100;

/// A job for the completer.
enum Job {
    Edited(Vec<(Arc<str>, Edit)>),
    GatherContext(Snapshot),
    Generate(GenerationId, Snapshot, usize, GenerationOptions),
    Prefill(GenerationId, Snapshot, usize),
    PrefillFirst(GenerationId, Snapshot, usize),
    PrefillWider(GenerationId, Snapshot, usize, Duration),
    Judge(GenerationId, Snapshot, JudgedEdit),
    Widen,
}

/// See the module's documentation.
#[derive(Default)]
pub(super) struct Driver {
    state: Mutex<State>,
    documents: DashMap<Arc<str>, Published>,
    open_imports: OpenImports,
    settings: Mutex<Arc<Settings>>,
    completer: Mutex<Option<Arc<Completer>>>,
    /// The completer of the same model for guests, once one has asked.
    guests: Mutex<Option<Arc<Completer>>>,
    pub(super) workspace: Mutex<WorkspaceContext>,
    delivery: Mutex<Option<Delivery>>,
    timers: Mutex<HashMap<Timer, AbortHandle>>,
    focus_timer: Mutex<Option<AbortHandle>>,
    judge_timer: Mutex<Option<AbortHandle>>,
    power: Power,
    generations: Mutex<Generations>,
    jobs: OnceLock<mpsc::UnboundedSender<Job>>,
    /// Edits for the prompter. They are queued together with the next job, so that a keystroke that
    /// needs no model does not wake the task.
    pending_edits: Mutex<Vec<(Arc<str>, Edit)>>,
    pub(super) n_requests: AtomicU64,
    edits: EditDeliveries,
    /// Cancelled when the client is gone.
    pub(super) ended: CancellationToken,
}

impl Driver {
    /// Handles one event and executes its effects.
    pub(super) fn handle(self: &Arc<Self>, event: Event) {
        let mut state = self.state.lock();
        for effect in state.handle(event, Instant::now()) {
            self.execute(&mut state, effect);
        }
    }

    /// Handles a request, whose answer goes to `delivery`.
    pub(super) fn begin(self: &Arc<Self>, request: Request, delivery: Delivery) {
        let mut state = self.state.lock();
        let id = request.id;
        let mut delivery = Some(delivery);
        for effect in state.handle(Event::Request(request), Instant::now()) {
            if matches!(effect, Effect::Supersede { id: other } if other == id) {
                // The session has ended.
                delivery.take().iter().for_each(|it| it.superseded.cancel());
                continue;
            }
            self.execute(&mut state, effect);
        }
        *self.delivery.lock() = delivery;
    }

    /// Handles a request for the next edit, whose answer goes to `answer`.
    pub(super) fn begin_edit(
        self: &Arc<Self>,
        superseded: CancellationToken,
        answer: oneshot::Sender<Option<EditOffer>>,
        event: impl FnOnce(EditRequestId) -> Event,
    ) {
        let id = self.edits.add(superseded, answer);
        self.handle(event(id));
    }

    /// Sets where found edits go.
    pub(super) fn push_edits_to(&self, to: mpsc::UnboundedSender<EditOffer>) {
        self.edits.push_to(to);
    }

    fn execute(self: &Arc<Self>, state: &mut State, effect: Effect) {
        match effect {
            Effect::Publish { snapshot, real_path } => {
                let uri = Arc::clone(&snapshot.uri);
                self.documents.insert(uri, Published { snapshot, real_path });
            }
            Effect::Unpublish { uri } => drop(self.documents.remove(uri.as_str())),
            Effect::Respond { id, answer } => {
                if let Some(it) = self.delivery.lock().as_mut().filter(|it| it.id == id)
                    && let Some(to) = it.answer.take()
                {
                    // A handler that was cancelled by the client does not wait any more.
                    let _ = to.send(answer);
                }
            }
            Effect::Supersede { id } => {
                let superseded = self.delivery.lock().take_if(|it| it.id == id);
                superseded.iter().for_each(|it| it.superseded.cancel());
                self.timers.lock().drain().for_each(|(_, timer)| timer.abort());
            }
            Effect::Update { id, text, done, probability } => {
                if let Some(it) = self.delivery.lock().as_ref().filter(|it| it.id == id) {
                    let _ = it.updates.send(Update { text, done, probability });
                }
            }
            Effect::SetTimer { id, timer, at } => {
                let task = self.handle_at(at, move |_| Event::Timer { id, timer });
                if let Some(before) = self.timers.lock().insert(timer, task) {
                    before.abort();
                }
            }
            Effect::SetFocusTimer { at } => {
                let task = self.handle_at(at, |_| Event::FocusTimer);
                if let Some(before) = self.focus_timer.lock().replace(task) {
                    before.abort();
                }
            }
            Effect::SetJudgeTimer { at } => {
                let event = |it: &Self| Event::JudgeTimer { on_battery: it.on_battery() };
                let task = self.handle_at(at, event);
                if let Some(before) = self.judge_timer.lock().replace(task) {
                    before.abort();
                }
            }
            Effect::Judge { id, snapshot, edit } => self.queue(Job::Judge(id, snapshot, edit)),
            Effect::GatherContext { snapshot } => {
                // Nobody waits for this: what is not there yet is for the next prompt.
                drop(self.gather_workspace(&snapshot));
                self.queue(Job::GatherContext(snapshot));
            }
            Effect::Edited { uri, edit } => {
                let mut pending = self.pending_edits.lock();
                pending.push((uri, edit));
                if pending.len() >= MAX_PENDING_EDITS {
                    self.send(Job::Edited(std::mem::take(&mut pending)));
                }
            }
            Effect::Generate { id, snapshot, cursor, options } => {
                self.queue(Job::Generate(id, snapshot, cursor, options));
            }
            Effect::Prefill { id, snapshot, cursor } => {
                self.queue(Job::Prefill(id, snapshot, cursor));
            }
            Effect::PrefillFirst { id, snapshot, cursor } => {
                self.prefill_first(id, snapshot, cursor);
            }
            Effect::PrefillWider { id, snapshot, cursor, within } => {
                self.queue(Job::PrefillWider(id, snapshot, cursor, within));
            }
            Effect::Widen => self.queue(Job::Widen),
            Effect::FindEdits { id, snapshot, placed, is_cell } => {
                let driver = Arc::downgrade(self);
                let (around, of) = (Weak::clone(&driver), (!is_cell).then(|| snapshot.clone()));
                let others = move || Some(around.upgrade()?.imports_around(&of?));
                self.edits.find(snapshot, placed, others, move |found| {
                    let Some(driver) = driver.upgrade() else { return };
                    driver.handle(Event::EditsFound { id, found });
                });
            }
            Effect::AnswerEdit { id, offer } => self.edits.answer(id, offer),
            Effect::SupersedeEdit { id } => self.edits.supersede(id),
            Effect::PushEdit(offer) => self.edits.push(offer),
            Effect::Cancel { id, is_seen } => {
                let mut generations = self.generations.lock();
                let Some(Running { generation, watcher }) = generations.running.remove(&id) else {
                    generations.cancelled.insert(id);
                    return;
                };
                watcher.abort();
                if let Some(is_seen) = is_seen {
                    state.account(&generation.progress(), is_seen);
                }
            }
        }
    }

    /// Handles an event at a time.
    fn handle_at(
        self: &Arc<Self>,
        at: Instant,
        event: impl FnOnce(&Self) -> Event + Send + 'static,
    ) -> AbortHandle {
        let driver = Arc::downgrade(self);
        let task = tokio::spawn(async move {
            tokio::time::sleep_until(at.into()).await;
            if let Some(driver) = driver.upgrade() {
                driver.handle(event(&driver));
            }
        });
        task.abort_handle()
    }

    /// Prefills a place before the user types, including the workspace files that its prompt
    /// quotes. If the disk is slow, the prompt omits them.
    fn prefill_first(self: &Arc<Self>, id: GenerationId, snapshot: Snapshot, cursor: usize) {
        let is_wanted = quotes_workspace(&self.settings().config);
        let gathered = is_wanted.then(|| self.gather_workspace(&snapshot));
        let queue = move |driver: &Arc<Self>| {
            driver.queue(Job::GatherContext(snapshot.clone()));
            driver.queue(Job::PrefillFirst(id, snapshot.clone(), cursor));
        };
        let Some(gathered) = gathered else { return queue(self) };
        let driver = Arc::downgrade(self);
        tokio::spawn(async move {
            let _ = tokio::time::timeout(PATIENCE, gathered).await;
            driver.upgrade().iter().for_each(queue);
        });
    }

    /// Reports that the model is loaded.
    fn report_ready(self: &Arc<Self>, completer: &Completer) {
        let (driver, mut states) = (Arc::downgrade(self), completer.states());
        tokio::spawn(async move {
            let is_loaded = states.wait_for(|it| *it != EngineState::Loading).await.is_ok();
            if let Some(driver) = driver.upgrade().filter(|_| is_loaded) {
                driver.handle(Event::ModelReady);
            }
        });
    }

    /// Queues the pending edits, then a job.
    fn queue(self: &Arc<Self>, job: Job) {
        self.queue_edits();
        self.send(job);
    }

    /// Queues the pending edits.
    pub(super) fn queue_edits(self: &Arc<Self>) {
        let edits = std::mem::take(&mut *self.pending_edits.lock());
        if !edits.is_empty() {
            self.send(Job::Edited(edits));
        }
    }

    fn send(self: &Arc<Self>, job: Job) {
        let jobs = self.jobs.get_or_init(|| {
            let (jobs, queue) = mpsc::unbounded_channel();
            tokio::spawn(run_jobs(Arc::downgrade(self), queue));
            jobs
        });
        let _ = jobs.send(job);
    }

    fn run_job(self: &Arc<Self>, job: Job) {
        let completer = self.completer();
        match (job, completer) {
            (Job::Edited(edits), Some(completer)) => {
                edits.iter().for_each(|(uri, edit)| completer.edited(uri, edit));
            }
            (Job::Widen, Some(completer)) => completer.widen(),
            (Job::GatherContext(snapshot), Some(completer)) => {
                self.set_other_files(&completer, &snapshot);
            }
            (Job::Generate(id, snapshot, cursor, options), completer) => {
                if self.is_cancelled(id) {
                    return;
                }
                let started = completer.and_then(|it| it.generate(&snapshot, cursor, &options));
                self.watch(id, started);
            }
            (Job::Prefill(id, snapshot, cursor), completer) => {
                if self.is_cancelled(id) {
                    return;
                }
                self.watch(id, completer.and_then(|it| it.prefill_whole(&snapshot, cursor)));
            }
            (Job::PrefillFirst(id, snapshot, cursor), completer) => {
                if self.is_cancelled(id) {
                    return;
                }
                let started = completer.as_ref().and_then(|it| it.prefill_first(&snapshot, cursor));
                let is_loading = started.is_none();
                self.watch(id, started);
                completer.iter().filter(|_| is_loading).for_each(|it| self.report_ready(it));
            }
            (Job::PrefillWider(id, snapshot, cursor, within), completer) => {
                if self.is_cancelled(id) {
                    return;
                }
                let wider = completer.and_then(|it| it.prefill_wider(&snapshot, cursor, within));
                self.watch(id, wider);
            }
            (Job::Judge(id, snapshot, edit), completer) => {
                if self.is_cancelled(id) {
                    return;
                }
                self.watch(id, completer.and_then(|it| it.judge(&snapshot, &edit)));
            }
            (Job::Edited(..) | Job::Widen | Job::GatherContext(_), None) => {}
        }
    }

    /// Whether a generation was cancelled before it was started.
    fn is_cancelled(&self, id: GenerationId) -> bool {
        self.generations.lock().cancelled.remove(&id)
    }

    /// Reports the progress of a generation from now on; it was not started if it is `None`.
    fn watch(self: &Arc<Self>, id: GenerationId, started: Option<Generation>) {
        let Some(generation) = started else {
            if !self.is_cancelled(id) {
                let reason = self.why_not_started();
                self.handle(Event::NotStarted { id, reason });
            }
            return;
        };
        let mut generations = self.generations.lock();
        if generations.cancelled.remove(&id) {
            return;
        }
        let watcher = tokio::spawn(report(Arc::downgrade(self), id, generation.clone()));
        let watcher = watcher.abort_handle();
        generations.running.insert(id, Running { generation, watcher });
    }

    pub(super) fn why_not_started(&self) -> EmptyReason {
        match self.completer().map(|it| it.state()) {
            Some(EngineState::Failed(failure)) => EmptyReason::ModelFailed(failure),
            _ => EmptyReason::ModelLoading,
        }
    }

    pub(super) fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.settings.lock())
    }

    pub(super) fn set_settings(&self, settings: Arc<Settings>) {
        *self.settings.lock() = settings;
    }

    pub(super) fn completer(&self) -> Option<Arc<Completer>> {
        self.completer.lock().clone()
    }

    pub(super) fn set_completer(&self, it: Option<Arc<Completer>>) -> Option<Arc<Completer>> {
        let before = std::mem::replace(&mut *self.completer.lock(), it);
        *self.guests.lock() = None;
        before
    }

    /// The completer for guests. `None` until the model is loaded.
    pub(super) fn guests_completer(&self) -> Option<Arc<Completer>> {
        let mut guests = self.guests.lock();
        if guests.is_none() {
            *guests = self.completer()?.for_guests().map(Arc::new);
        }
        guests.clone()
    }

    pub(super) fn published(&self, uri: &str) -> Option<Snapshot> {
        self.documents.get(uri).map(|it| it.snapshot.clone())
    }

    pub(super) fn on_battery(&self) -> bool {
        self.power.on_battery()
    }

    pub(super) fn counts(&self) -> Counts {
        self.state.lock().counts().clone()
    }

    pub(super) fn count(&self, with: impl FnOnce(&mut Counts)) {
        self.state.lock().count(with);
    }

    pub(super) fn set_folders(&self, folders: Vec<PathBuf>) {
        *self.workspace.lock() = WorkspaceContext::of_folders(folders);
    }

    fn imports_around(&self, of: &Snapshot) -> Imports {
        let open = self.documents.iter().map(|it| (it.snapshot.clone(), it.real_path.clone()));
        self.open_imports.around(of, open.collect(), &self.settings())
    }

    fn is_excluded(&self, settings: &Settings, Snapshot { uri, language, .. }: &Snapshot) -> bool {
        let real_path = self.documents.get(uri).and_then(|it| it.real_path.clone());
        settings.exclusions.contain_open(uri, language, real_path.as_deref())
    }

    /// See [`super::Session::gather_workspace`].
    pub(super) fn gather_workspace(&self, snapshot: &Snapshot) -> impl Future<Output = ()> + use<> {
        let settings = self.settings();
        let suggest = &settings.config.suggest;
        // A path of another machine, or of an older version, is not a path here.
        let is_wanted = quotes_workspace(&settings.config)
            && suggest.enabled
            && suggest.language_is_on(&snapshot.language)
            && snapshot.uri.starts_with("file:")
            && !self.is_excluded(&settings, snapshot);
        let workspace = self.workspace.lock().clone();
        let done = is_wanted.then(|| workspace.reading(snapshot, settings));
        async {
            if let Some(done) = done {
                done.cancelled_owned().await;
            }
        }
    }

    /// Sets the other files that the prompt may quote, open documents first; none is excluded.
    pub(super) fn set_other_files(&self, completer: &Completer, snapshot: &Snapshot) {
        completer.set_others(|| {
            let (settings, workspace) = (self.settings(), self.workspace.lock().clone());
            let mut others: Vec<Snapshot> =
                self.documents.iter().map(|it| it.snapshot.clone()).collect();
            let cells = snapshot.cells.as_ref().map_or(&[][..], |it| &it.uris);
            others.retain(|it| it.uri != snapshot.uri && !cells.contains(&it.uri));
            others.sort_unstable_by(|a, b| a.uri.cmp(&b.uri));
            let open: Vec<PathBuf> = others.iter().map(|it| path_of(&it.uri)).collect();
            let files = workspace.files(&snapshot.uri).into_iter();
            others.extend(files.filter(|it| !open.iter().any(|open| **open == *path_of(&it.uri))));
            others.retain(|it| !self.is_excluded(&settings, it));
            others
        });
    }
}

/// Runs the queued jobs until the session is dropped.
async fn run_jobs(driver: Weak<Driver>, mut queue: mpsc::UnboundedReceiver<Job>) {
    while let Some(job) = queue.recv().await {
        let Some(driver) = driver.upgrade() else { return };
        driver.run_job(job);
    }
}

/// Reports a generation's progress until it ends.
async fn report(driver: Weak<Driver>, id: GenerationId, mut generation: Generation) {
    loop {
        let mut progress = generation.progress();
        let has_ended = progress.finish.is_some();
        let Some(it) = driver.upgrade() else { return };
        it.handle(Event::Progress { id, progress: progress.clone() });
        drop(it);
        if has_ended {
            return;
        }
        if !generation.changed().await {
            // The engine's thread has ended.
            progress.finish = Some(FinishReason::Cancelled);
            if let Some(it) = driver.upgrade() {
                it.handle(Event::Progress { id, progress });
            }
            return;
        }
    }
}

//! The state of a session as a state machine: events in, effects out.
//!
//! **Architecture Invariant:** [`State::handle`] is the only way to change the state. It is
//! synchronous, and knows no locks, threads, clocks or channels; the time is a parameter. It owns
//! the documents, so nothing sees a half-applied change. A generation that the state does not refer
//! to any more is cancelled at the end of the step: dropping a suggestion *is* the cancel.

mod acceptance;
mod candidates;
mod completion;
mod edit_search;
pub mod judge;
mod menu_request;
mod next_edit;
mod notebooks;
mod prefetch;
mod prefill;
mod refusal;
mod streaming;
mod throttle;

use crate::empty_reason::EmptyReason;
use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use foretell_engine::{FinishReason, GenerationMetrics, Progress};

use super::{
    event::{Effect, Event, Settings, Timer},
    request::{Answer, Request, RequestId},
};
use crate::{
    completer::GenerationOptions,
    document::{Documents, Edit, PositionEncoding, Snapshot},
    stats::Counts,
    suggestion::{
        DismissReason, GenerationId, Suggestion,
        completion_cache::{CachedText, CompletionCache, Surroundings},
    },
};

use candidates::{Candidates, SelectedItem};
use completion::Wait;
use edit_search::NextEdit;
use menu_request::TypedOn;
pub use next_edit::is_offered_unjudged;
use prefill::Focus;
pub use streaming::UPDATE_INTERVAL;
use streaming::{Follow, Rest};
use throttle::Throttle;

/// A rest of a line that nobody has written by hand, in characters. A text before it is shown only
/// if it leads into it, and is not worth more tokens than these.
const LONG_REST_CHARS: usize = 1_000;
const LONG_REST_TOKENS: usize = 16;

/// A generation that the state refers to.
#[derive(Debug, Default)]
struct Running {
    progress: Progress,
    is_seen: bool,
    is_counted: bool,
}

/// How far the running request is.
#[derive(Debug)]
enum Stage {
    /// Its handler has not started yet.
    Begun,
    /// A generation starts when the user slows down.
    Throttled(Wait),
    /// Waits for something worth showing.
    Waiting(Wait),
    /// Waits for candidates.
    Candidates(Candidates),
    /// Waits for what follows a selected menu item.
    Selected(SelectedItem),
    /// Answered; what is shown may grow.
    Following(Follow),
    /// Answered; a prefetch starts when the suggestion is complete and the user pauses.
    Resting(Rest),
    /// Nothing is left to do.
    Done,
}

/// The request that was not superseded yet.
#[derive(Debug)]
struct Active {
    request: Request,
    streams: bool,
    /// What was typed at its cursor since, for a request that lives on.
    typed: Option<TypedOn>,
    stage: Stage,
}

impl Active {
    /// When its handler started to wait.
    fn asked(&self) -> Option<Instant> {
        match &self.stage {
            Stage::Throttled(it) | Stage::Waiting(it) => Some(it.asked()),
            Stage::Candidates(it) => Some(it.asked()),
            Stage::Selected(it) => Some(it.asked()),
            _ => None,
        }
    }
}

/// See the module's documentation.
#[derive(Debug, Default)]
pub struct State {
    documents: Documents,
    settings: Arc<Settings>,
    has_model: bool,
    generations: HashMap<GenerationId, Running>,
    n_generations: u64,
    active: Option<Active>,
    suggestion: Option<Suggestion>,
    cache: CompletionCache,
    /// What would follow if the suggestion, or a selected item, were accepted.
    prefetch: Option<(Surroundings, GenerationId)>,
    /// The generation that prefills a wider window at the cursor.
    prefill: Option<GenerationId>,
    focus: Option<Focus>,
    throttle: Throttle,
    next_edit: NextEdit,
    reports_acceptance: bool,
    counts: Counts,
    has_ended: bool,
    /// The last checked document, and whether it is excluded.
    last_excluded: Option<(Arc<str>, bool)>,
    effects: Vec<Effect>,
}

impl State {
    /// Handles one event. `now` never goes back.
    pub fn handle(&mut self, event: Event, now: Instant) -> Vec<Effect> {
        match event {
            Event::Open { uri, language, version, text, real_path } => {
                self.documents.open(&uri, &language, version, &text);
                self.documents.set_real_path(&uri, real_path);
                self.last_excluded = None;
                self.forget(&uri);
                self.publish(&uri);
            }
            Event::Change { uri, version, changes, encoding } => {
                let before = self.documents.snapshot(&uri, encoding);
                match self.documents.change(&uri, version, &changes, encoding) {
                    Some(edits) => {
                        self.publish(&uri);
                        self.record_edits(before, &edits, now);
                        self.edit(&uri, edits, now);
                    }
                    None => tracing::warn!("ignored a change to a document that is not open"),
                }
            }
            Event::Close { uri } => self.close(uri),
            Event::Notebook { uri, change } => self.change_notebook(&uri, change),
            Event::Configured { settings, has_other_model } => {
                if self.settings.config != settings.config || !self.has_model {
                    self.drop_all();
                    self.cache = CompletionCache::default();
                }
                self.has_model |= has_other_model;
                self.settings = settings;
                self.last_excluded = None;
                self.forget_edits(None);
            }
            Event::Request(request) => self.begin(request, now),
            Event::Start { id, streams } => self.start(id, streams, now),
            Event::Progress { id, progress } => {
                if let Some(running) = self.generations.get_mut(&id) {
                    running.progress = progress;
                    self.advance(now);
                    self.advance_focus(now);
                    self.advance_judge(id);
                }
            }
            Event::NotStarted { id, reason } => self.not_started(id, reason),
            Event::Timer { id, timer } => {
                if self.active.as_ref().is_some_and(|it| it.request.id == id) {
                    self.elapsed(timer, now);
                }
            }
            Event::FocusTimer => self.focus_timer(now),
            Event::Focus { uri, position, encoding, on_battery } => {
                self.focus(uri, position, encoding, on_battery, now);
            }
            Event::ModelReady => self.prefill_focus(now),
            Event::EditRequest(request) => self.request_edit(request),
            Event::PushEdits => self.next_edit.pushes = true,
            Event::EditsFound { id, found } => self.edits_found(id, found, now),
            Event::JudgeTimer { on_battery } => self.judge_timer(on_battery, now),
            Event::EditShown(_) => self.counts.edits.shown += 1,
            Event::EditAccepted(id) => self.edit_accepted(id, now),
            Event::EditRejected(id) => self.reject_edit(id),
            Event::Accepted { part, n_chars } => self.accepted(part, n_chars),
            Event::End => {
                self.has_ended = true;
                self.drop_all();
                self.forget_edits(None);
            }
        }
        self.cancel_unreferenced();
        std::mem::take(&mut self.effects)
    }

    /// A document's current text.
    #[must_use]
    pub fn snapshot(&self, uri: &str, encoding: PositionEncoding) -> Option<Snapshot> {
        self.documents.snapshot(uri, encoding)
    }

    /// The statistics so far.
    #[must_use]
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Counts.
    pub fn count(&mut self, with: impl FnOnce(&mut Counts)) {
        with(&mut self.counts);
    }

    fn push(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    fn publish(&mut self, uri: &str) {
        if let Some(snapshot) = self.documents.snapshot(uri, PositionEncoding::default()) {
            let real_path = self.documents.real_path(uri);
            self.effects.push(Effect::Publish { snapshot, real_path });
        }
    }

    /// Follows the edits of one notification: they supersede the document's request, and dismiss
    /// the suggestion if they contradict it.
    fn edit(&mut self, uri: &str, edits: Vec<Edit>, now: Instant) {
        let lives_on = self.active.as_mut().is_some_and(|it| it.lives_on(uri, &edits));
        if !lives_on {
            self.supersede(Some(uri));
        }
        self.edit_focus(uri);
        let cells = self.other_cells(uri);
        for edit in edits {
            self.infer_acceptance(uri, &edit);
            let gone = self.suggestion.as_mut().and_then(|it| it.apply(uri, &edit).err());
            self.dismiss(gone);
            let (uri, edit) = notebooks::in_notebook(uri, edit, cells.as_ref());
            self.effects.push(Effect::Edited { uri, edit });
        }
        let gone = self.suggestion.as_ref().and_then(|it| {
            let progress = self.progress(it.generation());
            it.may_live(uri, &progress).err()
        });
        self.dismiss(gone);
        if lives_on {
            self.advance(now);
        }
    }

    fn dismiss(&mut self, gone: Option<DismissReason>) {
        if let Some(why) = gone {
            tracing::debug!(?why, "suggestion dismissed");
            self.drop_suggestion();
            self.drop_prefetch();
        }
    }

    /// Forgets what concerns a document that was closed, or replaced.
    fn forget(&mut self, uri: &str) {
        self.supersede(Some(uri));
        self.forget_edits(Some(uri));
        self.drop_focus(uri);
        if self.suggestion.as_ref().is_some_and(|it| it.uri() == uri) {
            self.drop_suggestion();
        }
    }

    fn close(&mut self, uri: String) {
        self.documents.close(&uri);
        self.forget(&uri);
        self.effects.push(Effect::Unpublish { uri });
    }

    fn begin(&mut self, mut request: Request, now: Instant) {
        request.snapshot.cells = self.other_cells(&request.snapshot.uri).map(Arc::new);
        self.supersede(None);
        self.focus = None;
        self.throttle.request(now);
        self.counts.requests += 1;
        self.documents.set_cursor(&request.snapshot.uri, request.params.cursor);
        if self.has_ended {
            self.effects.push(Effect::Supersede { id: request.id });
            return;
        }
        let typed = request.params.lives_on.then(|| TypedOn::new(request.params.cursor));
        let stage = Stage::Begun;
        self.active = Some(Active { request, streams: false, typed, stage });
    }

    /// Supersedes the active request, if it is for this document or `None` is given.
    fn supersede(&mut self, uri: Option<&str>) {
        let is_concerned = |it: &mut Active| uri.is_none_or(|uri| *it.request.snapshot.uri == *uri);
        if let Some(it) = self.active.take_if(is_concerned) {
            self.effects.push(Effect::Supersede { id: it.request.id });
        }
    }

    fn drop_all(&mut self) {
        self.supersede(None);
        self.drop_suggestion();
        self.drop_prefetch();
        self.prefill = None;
        self.focus = None;
    }

    fn start(&mut self, id: RequestId, streams: bool, now: Instant) {
        let Some(active) = self.active.as_mut().filter(|it| it.request.id == id) else { return };
        active.streams = streams;
        let request = active.request.clone();
        if let Some(reason) = self.refusal(&request) {
            return self.respond(Answer::Empty(reason), now, now);
        }
        if !self.has_model {
            return self.respond(Answer::Empty(EmptyReason::ModelLoading), now, now);
        }
        self.widen_if_prefilled();
        if self.settings.config.prompt.shows_others() {
            self.effects.push(Effect::GatherContext { snapshot: request.snapshot.clone() });
        }
        if request.params.selected.is_some() {
            self.start_selected(&request, now);
        } else if request.params.invoked {
            self.start_candidates(&request, now);
        } else {
            self.start_completion(&request, now);
        }
    }

    /// Continues the active request after something changed.
    fn advance(&mut self, now: Instant) {
        let Some(active) = &self.active else { return };
        match active.stage {
            Stage::Waiting(_) => self.advance_completion(now),
            Stage::Candidates(_) => self.advance_candidates(false, now),
            Stage::Selected(_) => self.advance_selected(now),
            Stage::Following(_) => self.advance_following(now),
            Stage::Resting(_) => self.advance_resting(now),
            Stage::Begun | Stage::Throttled(_) | Stage::Done => {}
        }
    }

    fn elapsed(&mut self, timer: Timer, now: Instant) {
        let Some(active) = &mut self.active else { return };
        match (timer, &mut active.stage) {
            (Timer::Delay | Timer::Deadline, Stage::Waiting(wait) | Stage::Throttled(wait)) => {
                wait.elapsed(timer);
                self.advance(now);
            }
            (Timer::Throttle, Stage::Throttled(_)) => self.start_throttled(now),
            (Timer::Patience, Stage::Candidates(_)) => self.advance_candidates(true, now),
            (Timer::Update, Stage::Following(follow)) => {
                follow.is_due = true;
                self.advance_following(now);
            }
            (Timer::Rest, Stage::Resting(_)) => self.rested(),
            _ => {}
        }
    }

    fn not_started(&mut self, id: GenerationId, reason: EmptyReason) {
        if self.generations.remove(&id).is_none() {
            return;
        }
        self.suggestion.take_if(|it| it.generation() == id);
        self.prefetch.take_if(|(_, it)| *it == id);
        self.prefill.take_if(|it| *it == id);
        self.focus_not_started(id, &reason);
        self.judge_not_started(id);
        let is_awaited = self.active.as_ref().is_some_and(|it| match &it.stage {
            Stage::Waiting(_) => self.suggestion.is_none(),
            Stage::Candidates(it) => it.waits_for(id),
            Stage::Selected(it) => it.generation == id,
            _ => false,
        });
        if is_awaited {
            let now = self.active.as_ref().and_then(|it| it.asked());
            let Some(now) = now else { return };
            self.respond(Answer::Empty(reason), now, now);
        }
    }

    /// The options of a request's generation.
    fn options(&self, request: &Request) -> GenerationOptions {
        let mut options = GenerationOptions::one(&self.settings.config.suggest);
        options.style.indent = request.params.indent;
        let Request { snapshot, cursor, .. } = request;
        let line = snapshot.rope.char_to_line((*cursor).min(snapshot.rope.len_chars()));
        if snapshot.line_range(line).end.saturating_sub(*cursor) > LONG_REST_CHARS {
            options.max_tokens = options.max_tokens.min(LONG_REST_TOKENS);
        }
        if request.params.invoked { options.showing_everything() } else { options }
    }

    /// Starts a generation.
    fn generate(
        &mut self,
        snapshot: Snapshot,
        cursor: usize,
        options: GenerationOptions,
    ) -> GenerationId {
        let id = self.new_generation(Progress::default(), true);
        self.effects.push(Effect::Generate { id, snapshot, cursor, options });
        id
    }

    /// A generation that is complete already, with a text from the cache.
    fn recalled(&mut self, cached: CachedText) -> GenerationId {
        self.new_generation(cached.into_progress(), false)
    }

    fn new_generation(&mut self, progress: Progress, is_counted: bool) -> GenerationId {
        self.n_generations += 1;
        let id = GenerationId(self.n_generations);
        self.generations.insert(id, Running { progress, is_seen: false, is_counted });
        id
    }

    /// Leaves the cost of a generation out of the statistics.
    fn do_not_count(&mut self, id: GenerationId) {
        if let Some(it) = self.generations.get_mut(&id) {
            it.is_counted = false;
        }
    }

    /// The state of a generation.
    fn progress(&self, id: GenerationId) -> Progress {
        self.generations.get(&id).map(|it| it.progress.clone()).unwrap_or_default()
    }

    /// Drops the suggestion; a complete one is cached.
    fn drop_suggestion(&mut self) {
        let Some(it) = self.suggestion.take() else { return };
        let progress = self.progress(it.generation());
        if let Some(running) = self.generations.get_mut(&it.generation()) {
            running.is_seen |= it.is_seen();
        }
        if let Some((probability, is_accepted)) = it.outcome(&progress) {
            self.counts.probability.add(probability, is_accepted);
        }
        if let Some(at) = it.complete(&progress) {
            self.cache.keep(at, CachedText::of(progress), 0);
        }
    }

    /// Drops what was prefetched; a complete text is cached.
    fn drop_prefetch(&mut self) {
        let Some((at, id)) = self.prefetch.take() else { return };
        let progress = self.progress(id);
        if matches!(progress.finish, Some(FinishReason::Stopped(_) | FinishReason::EndOfText)) {
            let n_tokens = progress.figures.generated;
            self.cache.keep(at, CachedText::of(progress), n_tokens);
        }
    }

    /// Counts the cost of a generation that ended, or was cancelled.
    pub fn account(&mut self, progress: &Progress, is_seen: bool) {
        if progress.figures != GenerationMetrics::default() {
            let GenerationMetrics { generated, healed, .. } = progress.figures;
            tracing::debug!(is_seen, generated, healed, "generation counted");
            tracing::trace!(text = progress.text, "generation counted");
            self.counts.model.add(&progress.figures, is_seen);
            self.counts.queued_ms.add(progress.figures.queued_ms);
        }
    }

    /// Cancels every generation that nothing refers to.
    fn cancel_unreferenced(&mut self) {
        let stage = self.active.as_ref().map(|it| &it.stage);
        let of_stage = match stage {
            Some(Stage::Candidates(it)) => [Some(it.first), it.others],
            Some(Stage::Selected(it)) => [Some(it.generation), None],
            _ => [None, None],
        };
        let suggestion = self.suggestion.as_ref().map(Suggestion::generation);
        let prefetch = self.prefetch.as_ref().map(|(_, id)| *id);
        let focus = self.focus.as_ref().and_then(Focus::generation);
        let judge = self.next_edit.judge();
        let referenced =
            [suggestion, prefetch, self.prefill, focus, judge, of_stage[0], of_stage[1]]
                .map(|it| it.unwrap_or(GenerationId(0)));
        let mut cancelled: Vec<GenerationId> =
            self.generations.keys().filter(|it| !referenced.contains(it)).copied().collect();
        cancelled.sort_unstable();
        for id in cancelled {
            if let Some(it) = self.generations.remove(&id) {
                let is_seen = it.is_counted.then_some(it.is_seen);
                self.effects.push(Effect::Cancel { id, is_seen });
            }
        }
    }

    fn set_timer(&mut self, timer: Timer, at: Instant) {
        if let Some(active) = &self.active {
            let id = active.request.id;
            self.effects.push(Effect::SetTimer { id, timer, at });
        }
    }

    fn after(now: Instant, ms: u64) -> Instant {
        now + Duration::from_millis(ms)
    }
}

#[cfg(test)]
mod tests;

//! Background prefills: the place where the cursor rests before the user types (the focus), and the
//! whole window after an answer.
//!
//! A focus is prefilled in two steps, so that a passing cursor costs little: the prompt of the
//! first suggestion at once, and a wider window only if the cursor stays. The prefill ends after
//! [`END_AFTER`]. Requests always take precedence.

use crate::empty_reason::EmptyReason;
use std::time::{Duration, Instant};

use foretell_config::prefetch::OnBattery;
use foretell_engine::{FinishReason, Progress};

use super::{Stage as ActiveStage, State};
use crate::{
    document::{Position, PositionEncoding, Snapshot},
    session::{
        event::Effect,
        request::{Request, RequestId, RequestParams},
    },
    suggestion::GenerationId,
};

/// How long the cursor must rest before a wider window is prefilled.
const WIDEN_AFTER: Duration = Duration::from_millis(1_100);
/// How long after the focus the prefill ends, even if unfinished.
const END_AFTER: Duration = Duration::from_secs(2);
/// The maximum prefill time of the wider window.
const WIDEN_WITHIN: Duration = Duration::from_millis(800);

/// The place where the cursor rests.
#[derive(Debug)]
pub(super) struct Focus {
    uri: String,
    /// A char_idx.
    cursor: usize,
    since: Instant,
    /// Whether a wider window may follow.
    widens: bool,
    stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Waiting for the model to load.
    Pending,
    /// Prefilling the prompt of the first suggestion, or done.
    First(GenerationId),
    /// Prefilling the wider window, or done.
    Wider(GenerationId),
}

impl Focus {
    /// The generation that only the focus refers to.
    pub(super) fn generation(&self) -> Option<GenerationId> {
        match self.stage {
            Stage::First(id) => Some(id),
            Stage::Pending | Stage::Wider(_) => None,
        }
    }

    /// When the timer elapses next.
    fn next_step(&self, now: Instant) -> Instant {
        let widen_at = self.since + WIDEN_AFTER;
        if self.widens && now < widen_at { widen_at } else { self.since + END_AFTER }
    }
}

impl State {
    /// Handles the user focusing a document, with the cursor at `position`, or at its last known
    /// place.
    pub(super) fn focus(
        &mut self,
        uri: String,
        position: Option<Position>,
        encoding: PositionEncoding,
        on_battery: bool,
        now: Instant,
    ) {
        self.focus = None;
        let Some(snapshot) = self.documents.snapshot(&uri, encoding) else { return };
        let cursor = match position {
            Some(position) => snapshot.char_idx(position),
            None => self.documents.cursor(&uri),
        };
        self.documents.set_cursor(&uri, cursor);
        let settings = std::sync::Arc::clone(&self.settings);
        let allowed = settings.config.prefetch.on_battery;
        if on_battery && allowed == OnBattery::Off {
            return;
        }
        let widens = !on_battery || allowed == OnBattery::Whole;
        if !self.may_prefill(&snapshot, cursor)
            || !self.throttle.prefill(now, &settings.config.suggest)
        {
            return;
        }
        self.leave_response();
        self.focus = Some(Focus { uri, cursor, since: now, widens, stage: Stage::Pending });
        self.prefill_focus(now);
    }

    /// Stops what is generated at the place of the last response, which the user has left. It would
    /// delay the prefill.
    fn leave_response(&mut self) {
        let Some(active) = &mut self.active else { return };
        match active.stage {
            ActiveStage::Following(_) => self.drop_suggestion(),
            ActiveStage::Resting(_) | ActiveStage::Done => {}
            _ => return,
        }
        self.set_stage(ActiveStage::Done);
        self.drop_prefetch();
    }

    /// Whether a place may be prefilled, and the active request has not done it already.
    fn may_prefill(&mut self, snapshot: &Snapshot, cursor: usize) -> bool {
        let is_requested = self.active.as_ref().is_some_and(|it| {
            let (moved, _) = it.moved();
            moved.original.uri == snapshot.uri && moved.cursor == cursor
        });
        let params = RequestParams { cursor, ..RequestParams::default() };
        let request = Request::new(RequestId(0), snapshot.clone(), params);
        !self.has_ended && self.has_model && !is_requested && self.refusal(&request).is_none()
    }

    /// Prefills the prompt of the first suggestion at the focus.
    pub(super) fn prefill_focus(&mut self, now: Instant) {
        let Some(Focus { uri, cursor, stage: Stage::Pending, .. }) = &self.focus else { return };
        let cursor = *cursor;
        let Some(snapshot) = self.snapshot_with_cells(uri) else { return };
        self.widen_if_prefilled();
        let id = self.new_generation(Progress::default(), false);
        self.effects.push(Effect::PrefillFirst { id, snapshot, cursor });
        if let Some(focus) = &mut self.focus {
            (focus.since, focus.stage) = (now, Stage::First(id));
            self.effects.push(Effect::SetFocusTimer { at: focus.next_step(now) });
        }
    }

    fn snapshot_with_cells(&self, uri: &str) -> Option<Snapshot> {
        let mut snapshot = self.documents.snapshot(uri, PositionEncoding::default())?;
        snapshot.cells = self.other_cells(uri).map(std::sync::Arc::new);
        Some(snapshot)
    }

    /// Advances the focus after progress of its generation or when its timer elapses.
    pub(super) fn advance_focus(&mut self, now: Instant) {
        let Some(Focus { uri, cursor, since, widens, stage }) = &self.focus else { return };
        let (Stage::First(id) | Stage::Wider(id)) = *stage else { return };
        let rested = now.saturating_duration_since(*since);
        let finish = self.progress(id).finish;
        let is_prefilled = finish == Some(FinishReason::PromptRead);
        if rested >= END_AFTER {
            if finish.is_none() {
                self.prefill.take_if(|it| *it == id);
            }
            self.focus = None;
        } else if *stage == Stage::First(id) && is_prefilled && *widens && rested >= WIDEN_AFTER {
            let cursor = *cursor;
            let Some(snapshot) = self.snapshot_with_cells(uri) else { return };
            let id = self.new_generation(Progress::default(), false);
            let within = WIDEN_WITHIN;
            self.effects.push(Effect::PrefillWider { id, snapshot, cursor, within });
            self.prefill = Some(id);
            if let Some(focus) = &mut self.focus {
                focus.stage = Stage::Wider(id);
            }
        }
    }

    /// Handles the focus timer.
    pub(super) fn focus_timer(&mut self, now: Instant) {
        self.advance_focus(now);
        if let Some(focus) = self.focus.as_ref().filter(|it| it.stage != Stage::Pending) {
            self.effects.push(Effect::SetFocusTimer { at: focus.next_step(now) });
        }
    }

    /// Handles an edit of a document. The running prefill is still useful for the text before the
    /// edit, but no wider one follows.
    pub(super) fn edit_focus(&mut self, uri: &str) {
        let Some(focus) = self.focus.as_mut().filter(|it| it.uri == uri) else { return };
        focus.widens = false;
        if focus.stage == Stage::Pending {
            self.focus = None;
        }
    }

    /// Handles a failure to start the focus's generation.
    pub(super) fn focus_not_started(&mut self, id: GenerationId, reason: &EmptyReason) {
        let Some(focus) = &mut self.focus else { return };
        if focus.stage == Stage::First(id) && *reason == EmptyReason::ModelLoading {
            focus.stage = Stage::Pending;
        } else if let Stage::First(it) | Stage::Wider(it) = focus.stage
            && it == id
        {
            self.focus = None;
        }
    }

    /// Drops the focus if it is in this document.
    pub(super) fn drop_focus(&mut self, uri: &str) {
        self.focus.take_if(|it| it.uri == uri);
    }

    /// Prefills the whole window of a place while the engine is idle.
    pub(super) fn prefill(&mut self, snapshot: Snapshot, cursor: usize) {
        let id = self.new_generation(Progress::default(), false);
        self.effects.push(Effect::Prefill { id, snapshot, cursor });
        self.prefill = Some(id);
    }

    /// Ends the prefill of a wider window, and switches to that window if it is complete.
    pub(super) fn widen_if_prefilled(&mut self) {
        let prefill = self.prefill.take();
        let finish = prefill.and_then(|it| self.progress(it).finish);
        if finish == Some(FinishReason::PromptRead) {
            self.effects.push(Effect::Widen);
        }
    }
}

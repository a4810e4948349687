//! The model as the judge of edits that the syntax tree does not prove.
//!
//! Once the user pauses or has accepted an edit, the model scores the lines around a candidate with
//! and without it. The candidate is offered if the model prefers the text with it. A change drops the
//! search, and with it the judgement; every other job of the engine interrupts it, after which it
//! starts again.
//! Without a model on this machine, on battery power, or if the model takes too long, nothing is
//! judged; then, with `next_edit.eagerness = "eager"`, changes that were made twice are offered.
//! An import is offered without a judgement, but after the pause: a name that was deleted may come
//! back.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use foretell_config::{engine, prefetch::OnBattery};
use foretell_edits::{Candidate, Kind, may_go_on};
use foretell_engine::{FinishReason, Progress};

use super::{
    State,
    edit_search::{Judging, NextEdit, Rejected, Search, Stage},
    next_edit::is_offered_unjudged,
};
use crate::{
    completer::preference, prompt::judged::JudgedEdit, session::event::Effect,
    suggestion::GenerationId,
};

/// How long after the last edit the judge starts.
pub(super) const PAUSE: Duration = Duration::from_millis(300);
/// The same for a guess after a word that occurs nowhere else, because it may be unfinished.
pub(super) const PAUSE_IN_WORD: Duration = Duration::from_millis(700);
/// How long after the start it ends, even if unfinished.
const END_AFTER: Duration = Duration::from_secs(3);
/// How much more likely the text must be with the edit than without it, in nats (docs/eval.md).
pub const MARGIN_NATS: f64 = 0.0;
/// The most candidates that are judged in one search.
pub const MAX_JUDGED: usize = 3;

impl State {
    /// Has candidates judged after a pause, and then offers `import` if none of them is accepted.
    pub(super) fn begin_judging(
        &mut self,
        mut candidates: Vec<Candidate>,
        import: Option<Candidate>,
        now: Instant,
    ) {
        let NextEdit { search: Some(search), refused, last_edit, .. } = &mut self.next_edit else {
            return;
        };
        candidates.retain(|it| !refused.contains(&Rejected::of_candidate(&search.snapshot, it)));
        candidates.truncate(MAX_JUDGED);
        if candidates.is_empty() && import.is_none() {
            return self.end_search(None);
        }
        let can_judge = self.settings.config.engine.kind != engine::Kind::Remote && self.has_model;
        let eagerness = self.settings.config.next_edit.eagerness;
        if !can_judge {
            let is_offered = |it: &&Candidate| is_offered_unjudged(it.kind, eagerness);
            let unjudged = candidates.iter().find(is_offered).cloned();
            if unjudged.is_some() || import.is_none() {
                return self.end_search(unjudged);
            }
            candidates.clear();
        }
        let left = VecDeque::from(candidates);
        search.stage = Stage::Judging(Judging { left, import, generation: None, since: None });
        let at = last_edit.map_or(now, |it| it + PAUSE).max(now);
        self.effects.push(Effect::SetJudgeTimer { at });
    }

    /// Handles the judge's timer: the user pauses, or the judge has taken too long.
    pub(super) fn judge_timer(&mut self, on_battery: bool, now: Instant) {
        let is_pausing = self.next_edit.last_edit.is_none_or(|it| now >= it + PAUSE);
        if let Some(at) = self.end_of_word().filter(|at| is_pausing && now < *at) {
            return self.effects.push(Effect::SetJudgeTimer { at });
        }
        let Some(judging) = self.judging().filter(|_| is_pausing) else { return };
        match judging.since {
            None => {
                judging.since = Some(now);
                let has_left = !judging.left.is_empty();
                let on_battery =
                    on_battery && self.settings.config.prefetch.on_battery != OnBattery::Whole;
                if on_battery && has_left {
                    return self.give_up_judging();
                }
                self.effects.push(Effect::SetJudgeTimer { at: now + END_AFTER });
                self.judge_next();
            }
            Some(since) if now >= since + END_AFTER => self.give_up_judging(),
            Some(_) => {}
        }
    }

    /// Until when a guess waits because the last word of the edit may be unfinished.
    fn end_of_word(&self) -> Option<Instant> {
        let NextEdit { search, last_edit, .. } = &self.next_edit;
        let Search { snapshot, placed, stage: Stage::Judging(judging), .. } = search.as_ref()?
        else {
            return None;
        };
        let last = placed.first()?;
        let is_guess = judging.left.front()?.kind == Kind::Similar;
        let is_in_word = || may_go_on(&snapshot.rope.to_string(), last);
        let end = (*last_edit)? + PAUSE_IN_WORD;
        (is_guess && judging.since.is_none() && is_in_word()).then_some(end)
    }

    /// Ends the pause before the judge starts.
    pub(super) fn judge_at_once(&mut self, now: Instant) {
        if self.judging().is_some_and(|it| it.since.is_none()) {
            self.effects.push(Effect::SetJudgeTimer { at: now });
        }
    }

    fn judging(&mut self) -> Option<&mut Judging> {
        match &mut self.next_edit.search.as_mut()?.stage {
            Stage::Judging(it) => Some(it),
            Stage::Running | Stage::Ended(_) => None,
        }
    }

    /// Scores the current candidate, or ends the search if none is left.
    fn judge_next(&mut self) {
        let Some(Search { snapshot, placed, stage: Stage::Judging(it), .. }) =
            &self.next_edit.search
        else {
            return;
        };
        let Some(candidate) = it.left.front() else { return self.end_search(it.import.clone()) };
        let edit = JudgedEdit::new(snapshot, candidate, placed);
        let snapshot = snapshot.clone();
        let id = self.new_generation(Progress::default(), false);
        self.effects.push(Effect::Judge { id, snapshot, edit });
        if let Some(it) = self.judging() {
            it.generation = Some(id);
        }
    }

    /// Handles progress of a generation.
    pub(super) fn advance_judge(&mut self, id: GenerationId) {
        if self.next_edit.judge() != Some(id) {
            return;
        }
        let progress = self.progress(id);
        match &progress.finish {
            None => {}
            Some(FinishReason::Scored) => self.judged(&progress),
            // A more urgent job has interrupted it.
            Some(FinishReason::Cancelled) => self.judge_next(),
            Some(_) => self.give_up_judging(),
        }
    }

    /// Offers the current candidate if the model prefers it, or continues with the next one.
    fn judged(&mut self, progress: &Progress) {
        let NextEdit { search: Some(search), refused, .. } = &mut self.next_edit else { return };
        let Stage::Judging(judging) = &mut search.stage else { return };
        let Some(candidate) = judging.left.pop_front() else { return };
        let preference = preference(progress);
        tracing::debug!(preference, ms = progress.figures.total_ms, "edit judged");
        if preference.is_some_and(|it| it >= MARGIN_NATS) {
            self.end_search(Some(candidate));
        } else {
            Rejected::of_candidate(&search.snapshot, &candidate).add_to(refused);
            self.judge_next();
        }
    }

    /// Handles a failure to start the judge's generation.
    pub(super) fn judge_not_started(&mut self, id: GenerationId) {
        if self.next_edit.judge() == Some(id) {
            self.give_up_judging();
        }
    }

    /// Ends the search without a judgement.
    fn give_up_judging(&mut self) {
        let eagerness = self.settings.config.next_edit.eagerness;
        let Some(judging) = self.judging() else { return };
        let (left, import) = (std::mem::take(&mut judging.left), judging.import.take());
        let mut left = left.into_iter();
        self.end_search(left.find(|it| is_offered_unjudged(it.kind, eagerness)).or(import));
    }
}

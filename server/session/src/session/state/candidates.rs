//! Requests of another kind than one per keystroke: the user asked for candidates, or has an item
//! of the completion menu selected.

use crate::empty_reason::EmptyReason;
use std::time::{Duration, Instant};

use foretell_config::Suggest;
use foretell_engine::FinishReason;
use foretell_policy::StopRule;

use super::{Stage, State};
use crate::session::event::Timer;
use crate::session::request::{Answer, Request, Source};
use crate::suggestion::{
    GenerationId, Suggestion, Verdict,
    completion_cache::{CachedText, Surroundings},
};

/// How long a user who asked waits for candidates, unless `suggest.deadline_ms` is longer.
const PATIENCE: Duration = Duration::from_secs(4);

/// A request that waits for candidates.
#[derive(Debug, Clone, Copy)]
pub(super) struct Candidates {
    asked: Instant,
    source: Source,
    /// The generation of the suggestion.
    pub(super) first: GenerationId,
    /// That of the further candidates, which may be the same.
    pub(super) others: Option<GenerationId>,
}

impl Candidates {
    pub(super) fn waits_for(&self, id: GenerationId) -> bool {
        self.first == id || self.others == Some(id)
    }

    pub(super) fn asked(&self) -> Instant {
        self.asked
    }
}

/// A request that waits for what follows a selected item.
#[derive(Debug, Clone, Copy)]
pub(super) struct SelectedItem {
    asked: Instant,
    source: Source,
    pub(super) generation: GenerationId,
}

impl SelectedItem {
    pub(super) fn asked(&self) -> Instant {
        self.asked
    }
}

impl State {
    /// Generates candidates: the suggestion on screen first, then others.
    pub(super) fn start_candidates(&mut self, request: &Request, now: Instant) {
        let Suggest { candidates: n_candidates, deadline_ms, .. } = self.settings.config.suggest;
        let mut options = self.options(request);
        options.n_candidates = n_candidates;
        let is_there = self.shows_everything(request)
            || (self.recall(request, options.min_probability).is_some()
                && self.shows_everything(request));
        let first = self.suggestion.as_ref().map(crate::suggestion::Suggestion::generation);
        let (first, others, source) = match first.filter(|_| is_there) {
            Some(first) => {
                let Request { snapshot, cursor, .. } = request;
                let others = (n_candidates > 1).then(|| {
                    let id = self.generate(snapshot.clone(), *cursor, options);
                    self.do_not_count(id);
                    id
                });
                (first, others, Source::TypeThrough)
            }
            None => {
                self.start_generation(request, options);
                let Some(it) = &self.suggestion else { return };
                (it.generation(), Some(it.generation()), Source::Model)
            }
        };
        self.set_stage(Stage::Candidates(Candidates { asked: now, source, first, others }));
        self.set_timer(Timer::Patience, now + PATIENCE.max(Duration::from_millis(deadline_ms)));
        self.advance_candidates(false, now);
    }

    /// Lifts the suggestion's minimum probability. Returns whether it now shows a text that was
    /// not cut because the model was unsure.
    fn shows_everything(&mut self, request: &Request) -> bool {
        let Some(it) = &mut self.suggestion else { return false };
        it.show_everything();
        let generation = it.generation();
        let progress = self.progress(generation);
        let is_whole = progress.finish != Some(FinishReason::Stopped(StopRule::Unsure));
        is_whole && matches!(self.verdict(request), Some(Verdict::Shows(_)))
    }

    /// Answers when all candidates are complete, or the user has waited long enough.
    pub(super) fn advance_candidates(&mut self, is_late: bool, now: Instant) {
        let Some(active) = &self.active else { return };
        let Stage::Candidates(Candidates { asked, source, first, others }) = active.stage else {
            return;
        };
        let request = active.request.clone();
        let progress = self.progress(first);
        let further = others.map(|it| self.progress(it));
        let is_complete =
            progress.finish.is_some() && further.as_ref().is_none_or(|it| it.finish.is_some());
        if !is_complete && !is_late {
            return;
        }
        let Some(Verdict::Shows(text)) = self.verdict(&request) else {
            let finish = progress.finish.unwrap_or(FinishReason::Cancelled);
            return self.respond(Answer::Empty(finish.into()), asked, now);
        };
        self.remember_shown(request.cursor, &text, text.len(), now);
        let mut choice = vec![text];
        if let Some(further) = further {
            for other in std::iter::once(further.text).chain(further.alternatives) {
                if !other.is_empty() && !choice.contains(&other) {
                    choice.push(other);
                }
            }
        }
        choice.truncate(self.settings.config.suggest.candidates);
        let text = choice.remove(0);
        // The one that the user takes is known when they type into it.
        let here = Surroundings::new(&request.snapshot, request.cursor);
        for other in &choice {
            self.cache.keep(here.clone(), CachedText::plain(other.clone()), 0);
        }
        self.respond(
            Answer::Shows { text, others: choice, source, progress: Box::new(progress) },
            asked,
            now,
        );
    }

    /// Generates what follows a selected item. The document does not have the item yet, so there is
    /// no suggestion for it; the generation is kept like a prefetch.
    pub(super) fn start_selected(&mut self, request: &Request, now: Instant) {
        let Request { snapshot, cursor, .. } = request;
        let here = Surroundings::new(snapshot, *cursor);
        let prefetch = self.prefetch.take_if(|(at, _)| *at == here).map(|(_, id)| id);
        self.drop_suggestion();
        self.drop_prefetch();
        let (generation, source) = match prefetch {
            Some(id) => (id, Source::Ahead),
            None => match self.find_cached(&here) {
                Some(cached) if cached.is_exact => (self.recalled(cached), Source::Recent),
                _ => {
                    let options = self.options(request);
                    (self.generate(snapshot.clone(), *cursor, options), Source::Model)
                }
            },
        };
        self.prefetch = Some((here, generation));
        self.set_stage(Stage::Selected(SelectedItem { asked: now, source, generation }));
        self.advance_selected(now);
    }

    /// Answers when the text that follows the selected item is complete.
    pub(super) fn advance_selected(&mut self, now: Instant) {
        let Some(active) = &self.active else { return };
        let Stage::Selected(SelectedItem { asked, source, generation }) = active.stage else {
            return;
        };
        let progress = self.progress(generation);
        let Some(finish) = progress.finish.clone() else { return };
        let request = active.request.clone();
        let min_probability = self.options(&request).min_probability;
        let there = Suggestion::new(&request.snapshot, request.cursor, generation)
            .with_min_probability(min_probability);
        let answer = match there.verdict(&request.snapshot.uri, request.cursor, &progress) {
            Verdict::Shows(text) => {
                Answer::Shows { text, others: vec![], source, progress: Box::new(progress) }
            }
            Verdict::Unsure { .. } => Answer::Empty(EmptyReason::unsure()),
            _ => Answer::Empty(EmptyReason::from(finish)),
        };
        self.respond(answer, asked, now);
    }
}

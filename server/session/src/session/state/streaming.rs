//! After the answer: updates while the text grows, and a prefetch when the user pauses.

use std::time::{Duration, Instant};

use super::completion::worth_growing;
use super::{Stage, State};
use crate::session::event::{Effect, Timer};
use crate::suggestion::{Suggestion, Verdict};

/// The shortest time between two updates of a text: no screen shows more.
pub const UPDATE_INTERVAL: Duration = Duration::from_millis(16);

/// How long the user pauses after a suggestion before a prefetch starts.
const REST: Duration = Duration::from_millis(400);
/// A user who typed this many characters of a suggestion, and has only this many left, soon needs
/// the next one, without a pause. Before that, the suggestion is too likely to be wrong.
const TYPED_CHARS: usize = 4;
const NEAR_END_CHARS: usize = 4;

/// An answered request whose text grows.
#[derive(Debug)]
pub(super) struct Follow {
    shown: String,
    /// Whether an update may be sent now.
    pub(super) is_due: bool,
}

/// An answered request whose suggestion is complete, or will be without updates.
#[derive(Debug, Default)]
pub(super) struct Rest {
    /// The complete suggestion, while the timer runs.
    rest: Option<String>,
}

impl State {
    /// Goes on after an answer with a text.
    pub(super) fn follow(&mut self, grows: bool, shown: String, now: Instant) {
        if grows {
            self.set_stage(Stage::Following(Follow { shown, is_due: false }));
            self.set_timer(Timer::Update, now + UPDATE_INTERVAL);
        } else {
            self.set_stage(Stage::Resting(Rest::default()));
            self.advance_resting(now);
        }
    }

    /// Sends an update if the text has grown.
    pub(super) fn advance_following(&mut self, now: Instant) {
        let Some(active) = &self.active else { return };
        let Stage::Following(Follow { shown, is_due: true }) = &active.stage else { return };
        let (shown, request) = (shown.clone(), active.request.clone());
        let generation = self.suggestion.as_ref().map(Suggestion::generation);
        let done = generation.is_some_and(|it| self.progress(it).finish.is_some());
        let Some(Verdict::Shows(rest)) = self.verdict(&request) else {
            return self.set_stage(Stage::Done);
        };
        let n_bytes = worth_growing(&rest, done).len();
        let n_bytes = self.remember_shown(request.cursor, &rest, n_bytes, now);
        let text = rest[..n_bytes].to_owned();
        if done || (text.len() > shown.len() && text.starts_with(&shown)) {
            let probability = self.suggestion.as_ref().filter(|_| done).and_then(|it| {
                it.probability_of(request.cursor, n_bytes, &self.progress(it.generation()))
            });
            self.push(Effect::Update { id: request.id, text: text.clone(), done, probability });
            self.follow(!done, text, now);
        }
    }

    /// Waits until the suggestion is complete, then for a pause.
    pub(super) fn advance_resting(&mut self, now: Instant) {
        let Some(active) = &self.active else { return };
        let Stage::Resting(Rest { rest: None }) = &active.stage else { return };
        let request = active.request.clone();
        let Some(it) = &self.suggestion else { return self.set_stage(Stage::Done) };
        let n_typed = it.n_typed_chars(request.cursor);
        let is_complete = self.progress(it.generation()).finish.is_some();
        match self.verdict(&request) {
            Some(Verdict::Shows(_)) if !is_complete => {}
            Some(Verdict::Shows(rest)) => {
                let is_near_end = rest.chars().count() <= NEAR_END_CHARS;
                self.set_stage(Stage::Resting(Rest { rest: Some(rest) }));
                if n_typed >= TYPED_CHARS && is_near_end {
                    self.rested();
                } else {
                    self.set_timer(Timer::Rest, now + REST);
                }
            }
            _ => self.set_stage(Stage::Done),
        }
    }

    /// The user pauses, or needs the next suggestion soon.
    pub(super) fn rested(&mut self) {
        let Some(active) = &mut self.active else { return };
        let request = active.request.clone();
        let stage = std::mem::replace(&mut active.stage, Stage::Done);
        if let Stage::Resting(Rest { rest: Some(rest) }) = stage {
            self.start_prefetch(&request, &rest);
        }
    }
}

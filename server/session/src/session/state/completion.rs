//! An automatic request: the cheapest source first.

use crate::empty_reason::EmptyReason;
use std::time::Instant;

use foretell_engine::FinishReason;
use foretell_policy::StopRule;

use super::{Stage, State};
use crate::session::event::{Effect, Timer};
use crate::session::request::{Answer, Request, Source};
use crate::{
    stats,
    suggestion::{Suggestion, Verdict, completion_cache::Surroundings},
};

/// The shortest part of a line that is shown before the line is complete, in characters. A client
/// that can show the rest as it comes gets less.
const MIN_PART_CHARS: usize = 6;
const MIN_GROWING_CHARS: usize = 3;

/// How much of an unfinished text is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Granularity {
    /// Nothing before the end.
    Whole,
    /// Complete lines; of a first line, complete words.
    Words,
    /// Everything: the client can show the rest as it comes.
    Growing,
}

/// A request that waits for something worth showing.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wait {
    asked: Instant,
    source: Source,
    /// The cursor where the generation was started that is waited for.
    started: usize,
    granularity: Granularity,
    may_show: bool,
    /// Whether what was shown before is not enough: the client asks again where nothing was typed.
    wants_more: bool,
}

impl Wait {
    pub(super) fn elapsed(&mut self, timer: Timer) {
        match timer {
            Timer::Delay => self.may_show = true,
            Timer::Deadline => {
                self.wants_more = false;
                if self.granularity == Granularity::Whole {
                    self.granularity = Granularity::Words;
                }
            }
            _ => {}
        }
    }

    pub(super) fn asked(&self) -> Instant {
        self.asked
    }
}

impl State {
    /// Answers from the suggestion on screen, from a running generation, from the cache or a
    /// prefetch, or with a new generation.
    pub(super) fn start_completion(&mut self, request: &Request, now: Instant) {
        let Some(active) = &self.active else { return };
        let (streams, (request, _)) = (active.streams, (active.moved().0, request));
        let suggest = &self.settings.config.suggest;
        let (delay_ms, deadline_ms) = (suggest.delay_ms, suggest.deadline_ms);
        let min_probability = self.options(&request).min_probability;
        let source = match self.verdict(&request) {
            // The prefetch continues where this suggestion ends.
            Some(Verdict::Shows(_)) if self.continues_with_prefetch(&request) => {
                Some(Source::Ahead)
            }
            Some(Verdict::Shows(_)) => Some(Source::TypeThrough),
            Some(Verdict::NotYet) => Some(Source::RunningDraft),
            Some(Verdict::Empty(finish)) => {
                return self.respond(Answer::Empty(finish.into()), now, now);
            }
            Some(Verdict::Unsure { is_exact: true }) if self.takes_prefetch(&request) => {
                Some(Source::Ahead)
            }
            Some(Verdict::Unsure { is_exact: true }) => {
                return self.respond(Answer::Empty(EmptyReason::unsure()), now, now);
            }
            Some(Verdict::Dismissed(_) | Verdict::Unsure { .. }) | None => {
                self.recall(&request, min_probability)
            }
        };
        let delay_ms = if source == Some(Source::TypeThrough) { 0 } else { delay_ms };
        let wait = Wait {
            asked: now,
            source: source.unwrap_or(Source::Model),
            started: request.cursor,
            granularity: if streams { Granularity::Growing } else { Granularity::Whole },
            may_show: delay_ms == 0,
            wants_more: !streams
                && source == Some(Source::TypeThrough)
                && self.suggestion.as_ref().is_some_and(|it| it.was_shown_at(request.cursor)),
        };
        if delay_ms > 0 {
            self.set_timer(Timer::Delay, Self::after(now, delay_ms));
        }
        if source.is_some() {
            self.set_stage(Stage::Waiting(wait));
            self.advance_completion(now);
        } else {
            self.throttle_generation(wait, now);
        }
        // Most answers are there by now.
        let waits = self
            .active
            .as_ref()
            .is_some_and(|it| matches!(it.stage, Stage::Waiting(_) | Stage::Throttled(_)));
        if !streams && waits {
            self.set_timer(Timer::Deadline, Self::after(now, deadline_ms));
        }
    }

    /// Replaces a suggestion that the user has seen completely with the prefetch. Returns whether
    /// it did.
    fn continues_with_prefetch(&mut self, request: &Request) -> bool {
        let Some(it) = &self.suggestion else { return false };
        let progress = self.progress(it.generation());
        it.is_exhausted(request.cursor, &progress) && self.takes_prefetch(request)
    }

    /// Replaces the suggestion with the prefetch, unless the typed text contradicts it or it offers
    /// no text. Returns whether it did.
    fn takes_prefetch(&mut self, request: &Request) -> bool {
        let here = Surroundings::new(&request.snapshot, request.cursor);
        let min_probability = self.options(request).min_probability;
        let Some(ahead) = self.recall_prefetch(request, &here, min_probability) else {
            return false;
        };
        self.drop_suggestion();
        self.suggestion = Some(ahead);
        true
    }

    pub(super) fn set_stage(&mut self, stage: Stage) {
        if let Some(active) = &mut self.active {
            active.stage = stage;
        }
    }

    /// What the suggestion says at a request's cursor; `None` if there is none.
    pub(super) fn verdict(&self, request: &Request) -> Option<Verdict> {
        let it = self.suggestion.as_ref()?;
        let progress = self.progress(it.generation());
        Some(it.verdict(&request.snapshot.uri, request.cursor, &progress))
    }

    /// Starts a generation that follows a keystroke, as soon as the throttle allows it.
    fn throttle_generation(&mut self, wait: Wait, now: Instant) {
        self.drop_suggestion();
        self.drop_prefetch();
        let settings = std::sync::Arc::clone(&self.settings);
        match self.throttle.next(now, &settings.config.suggest) {
            None => self.respond(Answer::Empty(EmptyReason::RateLimited), wait.asked, now),
            Some(pause) => {
                self.set_stage(Stage::Throttled(wait));
                if pause.is_zero() {
                    self.start_throttled(now);
                } else {
                    self.set_timer(Timer::Throttle, now + pause);
                }
            }
        }
    }

    pub(super) fn start_throttled(&mut self, now: Instant) {
        let Some(active) = &mut self.active else { return };
        let Stage::Throttled(mut wait) = active.stage else { return };
        let (request, _) = active.moved();
        (wait.source, wait.started) = (Source::Model, request.cursor);
        active.stage = Stage::Waiting(wait);
        let options = self.options(&request);
        self.start_generation(&request, options);
        self.advance_completion(now);
    }

    /// Starts the generation of a new suggestion.
    pub(super) fn start_generation(
        &mut self,
        request: &Request,
        options: crate::completer::GenerationOptions,
    ) {
        self.drop_suggestion();
        self.drop_prefetch();
        let Request { snapshot, cursor, .. } = request;
        let id = self.generate(snapshot.clone(), *cursor, options);
        let suggestion = Suggestion::new(snapshot, *cursor, id);
        self.suggestion = Some(suggestion.with_min_probability(options.min_probability));
    }

    /// Answers as soon as something is worth showing.
    pub(super) fn advance_completion(&mut self, now: Instant) {
        let Some(active) = &self.active else { return };
        let Stage::Waiting(mut wait) = active.stage else { return };
        let (request, typed) = active.moved();
        let generation = self.suggestion.as_ref().map(Suggestion::generation);
        let progress = generation.map(|it| self.progress(it)).unwrap_or_default();
        let finish = progress.finish.clone();
        match self.verdict(&request) {
            Some(Verdict::Shows(rest)) if wait.may_show => {
                let is_complete = finish.is_some();
                let n_before = self
                    .suggestion
                    .as_ref()
                    .map_or(0, |it| it.n_shown_bytes_of(request.cursor, &rest));
                // What was shown before is shown at once, with the words that have come since.
                let granularity = match wait.granularity {
                    Granularity::Whole if n_before > 0 => Granularity::Words,
                    other => other,
                };
                let n_bytes = worth_showing(&rest, is_complete, granularity).len();
                let is_enough = is_complete || n_bytes > n_before || !wait.wants_more;
                if is_enough && n_bytes.max(n_before) > 0 {
                    let n_bytes = self.remember_shown(request.cursor, &rest, n_bytes, now);
                    let text = format!("{typed}{}", &rest[..n_bytes]);
                    let source = wait.source;
                    let answer = Answer::Shows {
                        text,
                        others: vec![],
                        source,
                        progress: Box::new(progress),
                    };
                    return self.respond(answer, wait.asked, now);
                }
            }
            Some(Verdict::Shows(_) | Verdict::NotYet) => {}
            Some(Verdict::Empty(finish)) => {
                return self.respond(Answer::Empty(finish.into()), wait.asked, now);
            }
            Some(Verdict::Unsure { is_exact: true }) => {
                return self.respond(Answer::Empty(EmptyReason::unsure()), wait.asked, now);
            }
            // The awaited text contradicts the typed text, or no text is worth showing.
            Some(Verdict::Dismissed(_) | Verdict::Unsure { .. }) | None
                if wait.source != Source::Model || wait.started != request.cursor =>
            {
                (wait.source, wait.started) = (Source::Model, request.cursor);
                return self.throttle_generation(wait, now);
            }
            Some(Verdict::Unsure { .. }) => {
                return self.respond(Answer::Empty(EmptyReason::unsure()), wait.asked, now);
            }
            Some(Verdict::Dismissed(_)) | None => {
                let finish = finish.unwrap_or(FinishReason::Cancelled);
                return self.respond(Answer::Empty(finish.into()), wait.asked, now);
            }
        }
        if wait.source == Source::TypeThrough {
            // There is too little of it yet.
            wait.source = Source::RunningDraft;
        }
        self.set_stage(Stage::Waiting(wait));
    }

    /// Records that at least `n_bytes` of what the suggestion says are shown; returns how many are,
    /// including those that were shown before.
    pub(super) fn remember_shown(
        &mut self,
        cursor: usize,
        rest: &str,
        n_bytes: usize,
        now: Instant,
    ) -> usize {
        let generation = self.suggestion.as_ref().map(Suggestion::generation);
        let progress = generation.map(|it| self.progress(it)).unwrap_or_default();
        let Some(it) = &mut self.suggestion else { return n_bytes };
        let n_bytes = n_bytes.max(it.n_shown_bytes_of(cursor, rest));
        if n_bytes > 0 {
            let is_first = !it.is_seen();
            it.rate(cursor, n_bytes, &progress);
            it.shown(cursor, n_bytes);
            self.count(|it| it.offers += u64::from(is_first));
            self.throttle.shown(now);
        }
        n_bytes
    }

    /// Answers the active request, and goes on with what follows an answer.
    pub(super) fn respond(&mut self, answer: Answer, asked: Instant, now: Instant) {
        let Some(active) = &mut self.active else { return };
        let id = active.request.id;
        active.stage = Stage::Done;
        let (request, _) = active.moved();
        let (streams, is_inline) = (active.streams, !active.request.params.lives_on);
        self.count_answer(&answer, now.saturating_duration_since(asked).as_secs_f64() * 1e3);
        self.push(Effect::Respond { id, answer: answer.clone() });
        let is_refused = match &answer {
            Answer::Shows { .. } => false,
            Answer::Empty(reason) => !matches!(
                reason,
                EmptyReason::NothingToSay(_)
                    | EmptyReason::ModelFailed(_)
                    | EmptyReason::RateLimited
            ),
        };
        if is_refused {
            return;
        }
        if let Answer::Empty(EmptyReason::NothingToSay(FinishReason::Stopped(StopRule::LineEnd))) =
            answer
        {
            // The line is complete: the user is about to start the next one.
            self.start_prefetch(&request, "");
        }
        if let Answer::Shows { text, progress, .. } = answer
            && is_inline
        {
            self.follow(streams && progress.finish.is_none(), text, now);
        }
        self.prefill(request.snapshot, request.cursor);
    }

    fn count_answer(&mut self, answer: &Answer, ms: f64) {
        self.count(|it| match answer {
            Answer::Shows { source, .. } => {
                stats::tally(&mut it.shown, source.name());
                match source {
                    Source::Model | Source::RunningDraft => it.first_text_ms.add(ms),
                    Source::TypeThrough | Source::Recent | Source::Ahead => {
                        it.other_text_ms.add(ms);
                    }
                }
            }
            Answer::Empty(reason) => stats::tally(&mut it.nothing, reason.name()),
        });
    }
}

/// How much of a text is worth showing; all of it once it is complete.
fn worth_showing(rest: &str, is_complete: bool, granularity: Granularity) -> &str {
    let part = match (granularity, rest.rfind('\n')) {
        _ if is_complete => return rest,
        (Granularity::Whole, _) => "",
        (Granularity::Growing, _) => rest,
        (Granularity::Words, Some(line_end)) if !rest[..line_end].trim().is_empty() => {
            &rest[..line_end]
        }
        (Granularity::Words, _) => rest.trim_end_matches(|c: char| c.is_alphanumeric() || c == '_'),
    };
    let part = part.trim_end();
    let min_chars = match granularity {
        Granularity::Growing => MIN_GROWING_CHARS,
        Granularity::Whole | Granularity::Words => MIN_PART_CHARS,
    };
    if part.trim_start().chars().count() < min_chars { "" } else { part }
}

/// How much of a growing text is worth showing.
pub(super) fn worth_growing(rest: &str, is_complete: bool) -> &str {
    worth_showing(rest, is_complete, Granularity::Growing)
}

//! What a request does while it waits: the cheapest answer first.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{Answer, EmptyReason, RequestSnapshot, Session, Source, State};
use crate::suggestion::Verdict;
use foretell_engine::{FinishReason, Generation};
use foretell_policy::StopRule;

/// The least time between two updates of one text: a screen shows no more.
pub const UPDATE_INTERVAL: Duration = Duration::from_millis(16);

/// The shortest beginning of a line that is shown before the line is whole, in characters: `let`
/// alone tells nobody anything. Where it grows before the user's eyes, less is enough.
const MIN_PIECE_CHARS: usize = 6;
const MIN_GROWING_CHARS: usize = 3;

/// How long after a text the user rests, or else types on.
const REST: Duration = Duration::from_millis(400);
/// Who has typed so much of a text, and has so little of it left, in characters, will soon need
/// the next one. Before, the text is too likely to be wrong.
const TYPED_CHARS: usize = 4;
const NEAR_END_CHARS: usize = 4;

/// How soon what a draft says is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Granularity {
    /// Not before its end.
    Whole,
    /// Whole lines; of a first line, whole words.
    Words,
    /// All that is there: it grows while the user looks.
    Growing,
}

impl Session {
    /// Answers a request: from the offer that stands, from the draft that runs, or with a new one,
    /// whichever is there first in this order.
    ///
    /// With `streams` the first useful piece is the answer, and the rest is for
    /// [`Session::follow`]; without it, more is waited for until the deadline.
    pub async fn answer(&self, ticket: &RequestSnapshot, streams: bool) -> Answer {
        let asked = Instant::now();
        let answer = match self.refusal(ticket) {
            Some(nothing) => Answer::Empty(nothing),
            None => self.worked_out(ticket, streams, asked).await,
        };
        self.count(&answer, asked);
        answer
    }

    async fn worked_out(&self, ticket: &RequestSnapshot, streams: bool, asked: Instant) -> Answer {
        let Some(completer) = self.completer() else {
            return Answer::Empty(EmptyReason::ModelLoading);
        };
        let prewarm = self.now().prewarm.take();
        if prewarm.is_some_and(|draft| draft.now().finish == Some(FinishReason::PromptRead)) {
            completer.widen();
        }
        // Nobody waits for this: what is not there yet is for the next window.
        drop(self.read_beside(&ticket.snapshot));
        self.tell_others(&completer, &ticket.snapshot);
        let answer = if ticket.ask.selected.is_some() {
            self.selected(ticket).await
        } else if ticket.ask.invoked {
            self.several(ticket).await
        } else {
            self.find(ticket, streams, asked).await
        };
        let (ticket, _) = &self.moved(ticket);
        if let Answer::Empty(EmptyReason::NothingToSay(FinishReason::Stopped(StopRule::LineEnd))) =
            answer
        {
            // The line is complete: the user is about to begin the next one.
            self.look_ahead(ticket, "");
        }
        let prewarm = completer.prewarm(&ticket.snapshot, ticket.cursor);
        let mut now = self.now();
        if !ticket.superseded.is_cancelled() {
            now.prewarm = prewarm;
        }
        drop(now);
        answer
    }

    fn count(&self, answer: &Answer, asked: Instant) {
        let ms = asked.elapsed().as_secs_f64() * 1e3;
        match answer {
            Answer::Shows { source, .. } => self.stats.count(|it| {
                crate::stats::tally(&mut it.shown, source.name());
                match source {
                    Source::Model | Source::RunningDraft => it.first_text_ms.add(ms),
                    Source::TypeThrough | Source::Recent | Source::Ahead => {
                        it.other_text_ms.add(ms);
                    }
                }
            }),
            Answer::Empty(why) => {
                self.stats.count(|it| crate::stats::tally(&mut it.nothing, why.name()));
            }
        }
    }

    async fn find(&self, request: &RequestSnapshot, streams: bool, asked: Instant) -> Answer {
        let mut ticket = self.moved(request).0;
        // Where the run was started that is waited for.
        let mut started = ticket.cursor;
        let settings = Arc::clone(&self.now().settings);
        let suggest = &settings.config.suggest;
        let (mut draft, mut source) = match self.offer(&ticket.snapshot.uri, ticket.cursor) {
            Ok(Verdict::Shows(_, draft)) => (draft, Source::TypeThrough),
            Ok(Verdict::NotYet(draft)) => (draft, Source::RunningDraft),
            Ok(Verdict::Empty(finish)) => return Answer::Empty(nothing_of(finish)),
            Ok(Verdict::Dismissed(_)) | Err(()) => {
                match self.recall(&ticket.snapshot, ticket.cursor) {
                    Some((draft, source)) => (draft, source),
                    None => match self.paced_offer(&ticket).await {
                        Ok(draft) => (draft, Source::Model),
                        Err(nothing) => return Answer::Empty(nothing),
                    },
                }
            }
        };
        let until = |ms: u64| tokio::time::Instant::from_std(asked + Duration::from_millis(ms));
        let deadline = tokio::time::sleep_until(until(suggest.deadline_ms));
        let delay_ms = if source == Source::TypeThrough { 0 } else { suggest.delay_ms };
        let delay = tokio::time::sleep_until(until(delay_ms));
        tokio::pin!(deadline, delay);
        let mut granularity = if streams { Granularity::Growing } else { Granularity::Whole };
        let mut may_show = delay_ms == 0;
        loop {
            let now = draft.now();
            let finished = now.finish.is_some();
            let typed;
            (ticket, typed) = self.moved(request);
            let cursor = ticket.cursor;
            let worth =
                |rest: &str| may_show.then(|| worth_showing(rest, finished, granularity).len());
            match self.show(&ticket.snapshot.uri, cursor, worth) {
                Ok((Verdict::Shows(rest, _), Some(n_bytes))) if n_bytes > 0 => {
                    let text = format!("{typed}{}", &rest[..n_bytes]);
                    return Answer::Shows { text, others: vec![], source, progress: now };
                }
                Ok((Verdict::Shows(..) | Verdict::NotYet(_), _)) => {}
                Ok((Verdict::Empty(finish), _)) => return Answer::Empty(nothing_of(finish)),
                // What was waited for turned out to say something else.
                Ok((Verdict::Dismissed(_), _)) | Err(())
                    if source != Source::Model || started != cursor =>
                {
                    (source, started) = (Source::Model, cursor);
                    match self.paced_offer(&ticket).await {
                        Ok(new) => draft = new,
                        Err(nothing) => return Answer::Empty(nothing),
                    }
                    continue;
                }
                Ok((Verdict::Dismissed(_), _)) | Err(()) => {
                    let finish = draft.now().finish.unwrap_or(FinishReason::Cancelled);
                    return Answer::Empty(nothing_of(finish));
                }
            }
            if source == Source::TypeThrough {
                // There is too little of it yet.
                source = Source::RunningDraft;
            }
            tokio::select! {
                more = draft.changed(), if !finished => if !more {
                    let finish = draft.now().finish.unwrap_or(FinishReason::Cancelled);
                    return Answer::Empty(nothing_of(finish));
                },
                () = &mut deadline, if granularity == Granularity::Whole => granularity = Granularity::Words,
                () = &mut delay, if !may_show => may_show = true,
            }
        }
    }

    /// What the offer that stands says of a cursor; an error if none stands.
    pub(super) fn offer(&self, uri: &str, cursor: usize) -> Result<Verdict<Generation>, ()> {
        self.now().suggestion.as_ref().map(|it| it.verdict(uri, cursor)).ok_or(())
    }

    /// What the offer that stands says of a cursor, and how much of that is shown from now on, in
    /// bytes: as much as `worth` says, and what was shown before. Under one lock, for what is
    /// remembered as shown must be of the offer that was looked at. An error if none stands.
    fn show(
        &self,
        uri: &str,
        cursor: usize,
        worth: impl FnOnce(&str) -> Option<usize>,
    ) -> Result<(Verdict<Generation>, Option<usize>), ()> {
        let mut now = self.now();
        let verdict = now.suggestion.as_ref().ok_or(())?.verdict(uri, cursor);
        let Verdict::Shows(rest, _) = &verdict else { return Ok((verdict, None)) };
        let n_bytes = worth(rest).map(|n_bytes| self.remember(&mut now, cursor, rest, n_bytes));
        Ok((verdict, n_bytes))
    }

    /// Remembers that at least `n_bytes` of what the offer shows are shown; returns how many are,
    /// those included that were shown before.
    pub(super) fn shown(&self, cursor: usize, rest: &str, n_bytes: usize) -> usize {
        self.remember(&mut self.now(), cursor, rest, n_bytes)
    }

    fn remember(&self, now: &mut State, cursor: usize, rest: &str, n_bytes: usize) -> usize {
        let Some(it) = &mut now.suggestion else { return n_bytes };
        let n_bytes = n_bytes.max(it.n_shown_bytes_of(cursor, rest));
        if n_bytes > 0 {
            if !it.is_seen() {
                self.stats.count(|it| it.offers += 1);
            }
            it.shown(cursor, n_bytes);
            now.pace.shown(Instant::now());
        }
        n_bytes
    }

    /// Follows a text that was shown until the request is superseded. For a client that can make
    /// what it shows grow, `update` is called with each longer text, at most once per
    /// [`UPDATE_INTERVAL`], and with whether it is the last one. When the user rests, or is about to
    /// need it, what comes after the text is computed ahead.
    pub async fn follow<F>(
        &self,
        ticket: &RequestSnapshot,
        shown: String,
        update: impl FnMut(String, bool) -> F,
    ) where
        F: Future<Output = ()>,
    {
        let follow = async {
            self.follow_offer(ticket, shown, update).await;
            self.rest(ticket).await;
        };
        tokio::select! {
            biased;
            () = ticket.superseded.cancelled() => {}
            () = follow => {}
        }
    }

    async fn follow_offer<F>(
        &self,
        ticket: &RequestSnapshot,
        mut shown: String,
        mut update: impl FnMut(String, bool) -> F,
    ) where
        F: Future<Output = ()>,
    {
        let RequestSnapshot { snapshot, cursor, superseded, .. } = ticket;
        tokio::time::sleep(UPDATE_INTERVAL).await;
        // One reader for all of it: each new one would find a change that was seen already.
        let Ok(Verdict::Shows(_, mut draft)) = self.offer(&snapshot.uri, *cursor) else { return };
        loop {
            // Looked at before the text, so that what is told as the last one is whole.
            let done = draft.now().finish.is_some();
            // Who supersedes does so under the lock, and before another offer stands.
            let worth = |rest: &str| {
                let worth = || worth_showing(rest, done, Granularity::Growing).len();
                (!superseded.is_cancelled()).then(worth)
            };
            let Ok((Verdict::Shows(rest, _), Some(n_bytes))) =
                self.show(&snapshot.uri, *cursor, worth)
            else {
                return;
            };
            let text = &rest[..n_bytes];
            if (text.len() > shown.len() && text.starts_with(&shown)) || done {
                text.clone_into(&mut shown);
                update(text.to_owned(), done).await;
                if done {
                    return;
                }
                tokio::time::sleep(UPDATE_INTERVAL).await;
            } else if !draft.changed().await {
                return;
            }
        }
    }

    /// What is done for a user who looks at a whole text.
    pub async fn rest(&self, ticket: &RequestSnapshot) {
        let RequestSnapshot { snapshot, cursor, superseded, .. } = ticket;
        let look_ahead = async {
            let offer = || self.offer(&snapshot.uri, *cursor);
            let Ok(Verdict::Shows(_, mut draft)) = offer() else { return };
            while draft.now().finish.is_none() {
                if !draft.changed().await {
                    return;
                }
            }
            let Ok(Verdict::Shows(rest, _)) = offer() else { return };
            let n_typed = self.now().suggestion.as_ref().map(|it| it.n_typed_chars(*cursor));
            let is_likely = n_typed.is_some_and(|n| n >= TYPED_CHARS);
            if !is_likely || rest.chars().count() > NEAR_END_CHARS {
                tokio::time::sleep(REST).await;
            }
            self.look_ahead(ticket, &rest);
        };
        tokio::select! {
            biased;
            () = superseded.cancelled() => {}
            () = look_ahead => {}
        }
    }
}

/// How much of what an offer says is worth showing; all of it once the draft is at its end.
fn worth_showing(rest: &str, finished: bool, granularity: Granularity) -> &str {
    let piece = match (granularity, rest.rfind('\n')) {
        _ if finished => return rest,
        (Granularity::Whole, _) => "",
        (Granularity::Growing, _) => rest,
        (Granularity::Words, Some(line_end)) if !rest[..line_end].trim().is_empty() => {
            &rest[..line_end]
        }
        (Granularity::Words, _) => rest.trim_end_matches(|c: char| c.is_alphanumeric() || c == '_'),
    };
    let piece = piece.trim_end();
    let min_chars =
        if granularity == Granularity::Growing { MIN_GROWING_CHARS } else { MIN_PIECE_CHARS };
    if piece.trim_start().chars().count() < min_chars { "" } else { piece }
}

pub(super) fn nothing_of(finish: FinishReason) -> EmptyReason {
    match finish {
        FinishReason::Failed(message) => EmptyReason::ModelFailed(message),
        finish => EmptyReason::NothingToSay(finish),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{document::Snapshot, session::RequestParams, suggestion::Suggestion};
    use foretell_engine::scripted::Script;

    /// A request for the cursor behind a text, and the offer for it.
    fn offered(session: &Session, text: &str) -> RequestSnapshot {
        let snapshot = Snapshot::of_text("a", "rust", text);
        let cursor = snapshot.rope.len_chars();
        let ticket = session.begin(snapshot, RequestParams { cursor, ..RequestParams::default() });
        let draft = Generation::of_text("an offer".into());
        session.now().suggestion = Some(Suggestion::new(&ticket.snapshot, cursor, draft));
        ticket
    }

    #[tokio::test]
    async fn who_follows_an_offer_sees_no_other_one() {
        let session = Session::new(Box::new(|_| {
            crate::completer::Completer::start_with::<Script>(|| anyhow::bail!("no model"))
        }));
        let before = offered(&session, "let x = ");
        let ticket = offered(&session, "let x = ");
        let mut updates = Vec::new();
        // By itself, as if the supersession came while it looks.
        let follow = session.follow_offer(&before, String::new(), |text, _| {
            updates.push(text);
            std::future::ready(())
        });
        follow.await;
        assert!(updates.is_empty(), "{updates:?}");
        let is_seen = || session.now().suggestion.as_ref().is_some_and(Suggestion::is_seen);
        assert!(!is_seen());
        session.follow_offer(&ticket, String::new(), |_, _| std::future::ready(())).await;
        assert!(is_seen());
    }
}

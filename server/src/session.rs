//! One client's session: its documents, the one request that runs, the one offer that stands.
//!
//! [`Session::edit`] and [`Session::begin`] are synchronous and are called in the wire's order;
//! [`Session::answer`] is what a request does while it waits.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio_util::sync::CancellationToken;

use crate::{
    completer::Completer,
    config::Config,
    document::{Documents, Edit, Snapshot},
    engine::{Draft, Finish, State},
    policy::Place,
    prompt::place,
    suggestion::{
        Suggestion, Verdict,
        recent::{Recent, Surroundings},
    },
};

/// A request as it was when it came: the text, the cursor, and the token that an edit or a later
/// request cancels.
#[derive(Debug, Clone)]
pub struct Ticket {
    /// The text when the request came.
    pub snapshot: Snapshot,
    /// The cursor, a char_idx.
    pub cursor: usize,
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

/// Why nothing is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Nothing {
    /// The model is still being loaded.
    ModelLoading,
    /// The model can't be used; the message says why.
    ModelFailed(String),
    /// The model was asked and nothing of what it said is worth showing.
    NothingToSay(Finish),
}

/// The answer to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Show this text at the cursor.
    Shows {
        /// The text.
        text: String,
        /// Where it came from.
        source: Source,
        /// Whether its draft is at its end; if not, [`Session::follow`] tells the rest.
        done: bool,
    },
    /// Show nothing, for this reason.
    Nothing(Nothing),
}

#[derive(Debug, Default)]
struct Now {
    /// The request that runs: its document, and how to supersede it.
    running: Option<(Arc<str>, CancellationToken)>,
    suggestion: Option<Suggestion>,
    recent: Recent,
    /// What would follow if the offer were accepted.
    ahead: Option<(Surroundings, Draft)>,
    /// The whole window of the cursor's place, while it is being read.
    prewarm: Option<Draft>,
}

/// The least time between two updates of one text: a screen shows no more.
pub const UPDATE_INTERVAL: Duration = Duration::from_millis(16);

/// See the module's documentation.
#[derive(Debug)]
pub struct Session {
    /// The open documents.
    pub documents: Documents,
    completer: Completer,
    deadline: Duration,
    compute_ahead: bool,
    now: Mutex<Now>,
}

impl Session {
    /// A session without documents.
    #[must_use]
    pub fn new(completer: Completer, config: &Config) -> Self {
        Self {
            documents: Documents::default(),
            completer,
            deadline: Duration::from_millis(config.deadline_ms),
            compute_ahead: config.compute_ahead,
            now: Mutex::default(),
        }
    }

    fn now(&self) -> MutexGuard<'_, Now> {
        // Nothing in here is left half done by a panic.
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the model is loaded or has failed to load.
    pub async fn loaded(&self) -> State {
        self.completer.loaded().await
    }

    /// Follows edits that were applied to a document: supersedes its request, and drops the offer
    /// if they contradict it.
    pub fn edit(&self, uri: &str, edits: &[Edit]) {
        let mut now = self.now();
        now.supersede(Some(uri));
        for edit in edits {
            self.completer.edited(uri, edit);
            let gone = now.suggestion.as_mut().and_then(|it| it.apply(uri, edit).err());
            if let Some(why) = gone {
                tracing::debug!(?why, "offer dropped");
                now.drop_suggestion();
                now.ahead = None;
            }
        }
    }

    /// Forgets what concerns a document that was opened anew or closed.
    pub fn forget(&self, uri: &str) {
        let mut now = self.now();
        now.supersede(Some(uri));
        if now.suggestion.as_ref().is_some_and(|it| it.uri() == uri) {
            now.drop_suggestion();
        }
    }

    /// Gives up whatever runs: the client is gone.
    pub fn end(&self) {
        let mut now = self.now();
        now.supersede(None);
        now.suggestion = None;
        now.ahead = None;
        now.prewarm = None;
    }

    /// Ends the engine, at the end of all.
    pub async fn close(self) {
        self.end();
        self.completer.end().await;
    }

    /// Takes in a request for a cursor, which supersedes the one before.
    #[must_use]
    pub fn begin(&self, snapshot: Snapshot, cursor: usize) -> Ticket {
        let superseded = CancellationToken::new();
        let mut now = self.now();
        now.supersede(None);
        now.running = Some((Arc::clone(&snapshot.uri), superseded.clone()));
        Ticket { snapshot, cursor, superseded }
    }

    /// Answers a request: from the offer that stands, from the draft that runs, or with a new one,
    /// whichever is there first in this order.
    ///
    /// With `streams` the first useful piece is the answer, and the rest is for
    /// [`Session::follow`]; without it, more is waited for until the deadline.
    pub async fn answer(&self, ticket: &Ticket, streams: bool) -> Answer {
        let prewarm = self.now().prewarm.take();
        if prewarm.is_some_and(|draft| draft.now().finish == Some(Finish::PromptRead)) {
            self.completer.widen();
        }
        let answer = self.find(ticket, streams).await;
        let prewarm = self.completer.prewarm(&ticket.snapshot, ticket.cursor);
        self.now().prewarm = prewarm;
        answer
    }

    async fn find(&self, ticket: &Ticket, streams: bool) -> Answer {
        let Ticket { snapshot, cursor, .. } = ticket;
        let (mut draft, mut source) = match self.offer(&snapshot.uri, *cursor) {
            Ok(Verdict::Shows(_, draft)) => (draft, Source::TypeThrough),
            Ok(Verdict::NotYet(draft)) => (draft, Source::RunningDraft),
            Ok(Verdict::Nothing(finish)) => return Answer::Nothing(nothing_of(finish)),
            Ok(Verdict::Gone(_)) | Err(()) => match self.recall(snapshot, *cursor) {
                Some((draft, source)) => (draft, source),
                None => match self.new_offer(snapshot, *cursor) {
                    Ok(draft) => (draft, Source::Model),
                    Err(nothing) => return Answer::Nothing(nothing),
                },
            },
        };
        let deadline = tokio::time::sleep(self.deadline);
        tokio::pin!(deadline);
        let mut late = streams;
        loop {
            let finished = draft.now().finish.is_some();
            match self.offer(&snapshot.uri, *cursor) {
                Ok(Verdict::Shows(rest, _)) => {
                    let n_bytes =
                        self.shown(*cursor, &rest, worth_showing(&rest, finished, late).len());
                    if n_bytes > 0 {
                        if finished {
                            self.look_ahead(snapshot, *cursor, &rest);
                        }
                        let text = rest[..n_bytes].to_owned();
                        return Answer::Shows { text, source, done: finished };
                    }
                }
                Ok(Verdict::NotYet(_)) => {}
                Ok(Verdict::Nothing(finish)) => return Answer::Nothing(nothing_of(finish)),
                // What was waited for turned out to say something else.
                Ok(Verdict::Gone(_)) if source != Source::Model => {
                    source = Source::Model;
                    match self.new_offer(snapshot, *cursor) {
                        Ok(new) => draft = new,
                        Err(nothing) => return Answer::Nothing(nothing),
                    }
                    continue;
                }
                Ok(Verdict::Gone(_)) | Err(()) => {
                    let finish = draft.now().finish.unwrap_or(Finish::Cancelled);
                    return Answer::Nothing(nothing_of(finish));
                }
            }
            tokio::select! {
                more = draft.changed(), if !finished => if !more {
                    let finish = draft.now().finish.unwrap_or(Finish::Cancelled);
                    return Answer::Nothing(nothing_of(finish));
                },
                () = &mut deadline, if !late => late = true,
            }
        }
    }

    /// What the offer that stands says of a cursor; an error if none stands.
    fn offer(&self, uri: &str, cursor: usize) -> Result<Verdict<Draft>, ()> {
        self.now().suggestion.as_ref().map(|it| it.verdict(uri, cursor)).ok_or(())
    }

    /// Remembers that at least `n_bytes` of what the offer shows are shown; returns how many are,
    /// those included that were shown before.
    fn shown(&self, cursor: usize, rest: &str, n_bytes: usize) -> usize {
        let mut now = self.now();
        let Some(it) = &mut now.suggestion else { return n_bytes };
        let n_bytes = n_bytes.max(it.n_shown_bytes_of(cursor, rest));
        it.shown(cursor, n_bytes);
        n_bytes
    }

    /// Follows a draft that was shown before its end, for a client that can make what it shows
    /// grow: calls `update` with each longer text, at most one per [`UPDATE_INTERVAL`], and with
    /// whether it is the last one. Ends when the request is superseded.
    pub async fn follow<F>(
        &self,
        ticket: &Ticket,
        mut shown: String,
        mut update: impl FnMut(String, bool) -> F,
    ) where
        F: Future<Output = ()>,
    {
        let Ticket { snapshot, cursor, superseded } = ticket;
        let follow = async {
            tokio::time::sleep(UPDATE_INTERVAL).await;
            while let Ok(Verdict::Shows(rest, mut draft)) = self.offer(&snapshot.uri, *cursor) {
                let done = draft.now().finish.is_some();
                // The draft may have come to its end between the two looks at it.
                let n_bytes = self.shown(*cursor, &rest, worth_showing(&rest, done, true).len());
                let text = &rest[..n_bytes];
                if (text.len() > shown.len() && text.starts_with(&shown)) || done {
                    text.clone_into(&mut shown);
                    update(text.to_owned(), done).await;
                    if done {
                        self.look_ahead(snapshot, *cursor, &rest);
                        return;
                    }
                    tokio::time::sleep(UPDATE_INTERVAL).await;
                } else if !draft.changed().await {
                    return;
                }
            }
        };
        tokio::select! {
            biased;
            () = superseded.cancelled() => {}
            () = follow => {}
        }
    }

    /// Makes an offer of a text that was given before, or of the draft that was started ahead.
    fn recall(&self, snapshot: &Snapshot, cursor: usize) -> Option<(Draft, Source)> {
        let here = Surroundings::new(snapshot, cursor);
        let mut now = self.now();
        now.keep_ahead();
        let (draft, source) = match now.ahead.take_if(|(at, _)| *at == here) {
            Some((_, draft)) => (draft, Source::Ahead),
            None => (Draft::of_text(now.recent.find(&here)?), Source::Recent),
        };
        now.drop_suggestion();
        now.suggestion = Some(Suggestion::new(snapshot, cursor, draft.clone()));
        Some((draft, source))
    }

    /// Starts on what would follow if `rest` were accepted, while the user reads it. After the end
    /// of a line that is the next line: nothing is offered behind a complete one.
    fn look_ahead(&self, snapshot: &Snapshot, cursor: usize, rest: &str) {
        if !self.compute_ahead || self.now().ahead.is_some() {
            return;
        }
        let Place { line_before, line_after, .. } = place(snapshot, cursor);
        let text = if line_after.trim().is_empty() {
            let last_line = format!("{line_before}{rest}");
            let last_line = last_line.rsplit('\n').next().unwrap_or_default();
            let indent = &last_line[..last_line.len() - last_line.trim_start().len()];
            format!("{rest}\n{indent}")
        } else {
            rest.to_owned()
        };
        let mut accepted = snapshot.clone();
        accepted.rope.insert(cursor, &text);
        let cursor = cursor + text.chars().count();
        let at = Surroundings::new(&accepted, cursor);
        if let Some(draft) = self.completer.draft(&accepted, cursor) {
            self.now().ahead = Some((at, draft));
        }
    }

    /// Starts a run. The offer before it is dropped first, so that its run ends first.
    fn new_offer(&self, snapshot: &Snapshot, cursor: usize) -> Result<Draft, Nothing> {
        {
            let mut now = self.now();
            now.drop_suggestion();
            now.ahead = None;
        }
        let Some(draft) = self.completer.draft(snapshot, cursor) else {
            return Err(match self.completer.state() {
                State::Failed(message) => Nothing::ModelFailed(message),
                State::Loading | State::Ready => Nothing::ModelLoading,
            });
        };
        self.now().suggestion = Some(Suggestion::new(snapshot, cursor, draft.clone()));
        Ok(draft)
    }
}

impl Now {
    /// Drops the offer, which is the cancel; a complete one may be recalled.
    fn drop_suggestion(&mut self) {
        if let Some((at, text)) = self.suggestion.take().as_ref().and_then(Suggestion::complete) {
            self.recent.keep(at, text);
        }
    }

    /// Puts what was started ahead with the recent texts once it is complete.
    fn keep_ahead(&mut self) {
        let complete = |it: &(Surroundings, Draft)| {
            matches!(it.1.now().finish, Some(Finish::Stopped(_) | Finish::EndOfText))
        };
        if let Some((at, draft)) = self.ahead.take_if(|it| complete(it)) {
            self.recent.keep(at, draft.now().text);
        }
    }

    /// Supersedes the request that runs, if it is for this document or `None` is given.
    fn supersede(&mut self, uri: Option<&str>) {
        let concerned = self.running.take_if(|(of, _)| uri.is_none_or(|uri| **of == *uri));
        if let Some((_, token)) = concerned {
            token.cancel();
        }
    }
}

/// The shortest beginning of a line that is shown before the line is whole, in characters: `let`
/// alone tells nobody anything.
const MIN_PIECE_CHARS: usize = 6;

/// How much of what an offer says is worth showing: all of it once the draft is at its end; past
/// the deadline the lines that are whole, or the words of a first line that is not.
fn worth_showing(rest: &str, finished: bool, late: bool) -> &str {
    let cut = match (finished, late, rest.rfind('\n')) {
        (true, ..) => return rest,
        (false, false, _) => "",
        (_, _, Some(line_end)) if !rest[..line_end].trim().is_empty() => &rest[..line_end],
        _ => rest.trim_end_matches(|c: char| c.is_alphanumeric() || c == '_'),
    };
    let cut = cut.trim_end();
    if cut.trim_start().chars().count() < MIN_PIECE_CHARS { "" } else { cut }
}

fn nothing_of(finish: Finish) -> Nothing {
    match finish {
        Finish::Failed(message) => Nothing::ModelFailed(message),
        finish => Nothing::NothingToSay(finish),
    }
}

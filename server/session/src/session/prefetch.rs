//! New offers: from texts that were given before, from what was started ahead, from the model.

use super::{EmptyReason, RequestSnapshot, Session, Source, State};
use crate::{
    completer::GenerationOptions,
    document::Snapshot,
    prompt::place,
    suggestion::{Suggestion, Verdict, completion_cache::Surroundings},
};
use foretell_engine::{EngineState, Generation};
use foretell_policy::CursorContext;

impl Session {
    /// Makes an offer of a text that was given before, or of the draft that was started ahead.
    pub(super) fn recall(
        &self,
        snapshot: &Snapshot,
        cursor: usize,
    ) -> Option<(Generation, Source)> {
        let here = Surroundings::new(snapshot, cursor);
        let mut now = self.now();
        if let Some(offer) = self.recall_ahead(&mut now, snapshot, cursor, &here) {
            let draft = offer.draft();
            self.drop_suggestion(&mut now);
            now.suggestion = Some(offer);
            return Some((draft, Source::Ahead));
        }
        let draft = Generation::of_text(self.find_recent(&mut now, &here)?);
        self.drop_suggestion(&mut now);
        now.suggestion = Some(Suggestion::new(snapshot, cursor, draft.clone()));
        Some((draft, Source::Recent))
    }

    /// The draft that was started ahead, if what was typed since does not contradict it.
    fn recall_ahead(
        &self,
        now: &mut State,
        snapshot: &Snapshot,
        cursor: usize,
        here: &Surroundings,
    ) -> Option<Suggestion> {
        let (at, draft) = now.ahead.as_ref()?;
        let n_typed = here.n_typed_since(at)?;
        let offer = Suggestion::typed_into(snapshot, cursor, n_typed, draft.clone());
        match offer.verdict(&snapshot.uri, cursor) {
            Verdict::Shows(..) | Verdict::NotYet(_) => {
                now.ahead = None;
                Some(offer)
            }
            Verdict::Empty(_) | Verdict::Dismissed(_) => None,
        }
    }

    /// Starts on what would follow if `rest` were accepted, while the user reads it. After the end
    /// of a line that is the next line: nothing is offered behind a complete one.
    pub(super) fn look_ahead(&self, ticket: &RequestSnapshot, rest: &str) {
        let RequestSnapshot { snapshot, cursor, .. } = ticket;
        let CursorContext { line_after, .. } = place(snapshot, *cursor);
        // The indentation is the model's to write: an editor's own need not be that of the line
        // before.
        let line_break = if line_after.trim().is_empty() { "\n" } else { "" };
        let mut accepted = snapshot.clone();
        accepted.rope.insert(*cursor, &format!("{rest}{line_break}"));
        let cursor = cursor + rest.chars().count() + line_break.len();
        let at = Surroundings::new(&accepted, cursor);
        {
            let mut now = self.now();
            let is_there = now.ahead.as_ref().is_some_and(|(there, _)| *there == at);
            let is_wanted = now.settings.config.suggest.compute_ahead && !is_there;
            // An edit supersedes under this lock, also while the caller decides to prefetch.
            if !is_wanted || ticket.superseded.is_cancelled() {
                return;
            }
            self.drop_ahead(&mut now);
        }
        let draft =
            self.completer().and_then(|it| it.draft(&accepted, cursor, &self.options(ticket)));
        let mut now = self.now();
        if let Some(draft) = draft.filter(|_| !ticket.superseded.is_cancelled()) {
            now.ahead = Some((at, draft));
        }
    }

    /// Starts a run for a request that follows a key: not before the pace allows it.
    pub(super) async fn paced_offer(
        &self,
        ticket: &RequestSnapshot,
    ) -> Result<Generation, EmptyReason> {
        let wait = {
            let mut now = self.now();
            self.drop_suggestion(&mut now);
            self.drop_ahead(&mut now);
            let settings = std::sync::Arc::clone(&now.settings);
            now.pace.next(std::time::Instant::now(), &settings.config.suggest)
        };
        tokio::time::sleep(wait.ok_or(EmptyReason::RateLimited)?).await;
        self.new_offer(ticket, &self.options(ticket))
    }

    /// Starts a run. The offer before it is dropped first, so that its run ends first.
    pub(super) fn new_offer(
        &self,
        ticket: &RequestSnapshot,
        options: &GenerationOptions,
    ) -> Result<Generation, EmptyReason> {
        let RequestSnapshot { snapshot, cursor, .. } = ticket;
        {
            let mut now = self.now();
            self.drop_suggestion(&mut now);
            self.drop_ahead(&mut now);
        }
        let draft = self.start(snapshot, *cursor, options)?;
        self.now().suggestion = Some(Suggestion::new(snapshot, *cursor, draft.clone()));
        Ok(draft)
    }

    /// Asks the model.
    pub(super) fn start(
        &self,
        snapshot: &Snapshot,
        cursor: usize,
        options: &GenerationOptions,
    ) -> Result<Generation, EmptyReason> {
        let draft = self.completer().and_then(|it| it.draft(snapshot, cursor, options));
        draft.ok_or_else(|| match self.state() {
            EngineState::Failed(message) => EmptyReason::ModelFailed(message),
            EngineState::Loading | EngineState::Ready | EngineState::Slower(_) => {
                EmptyReason::ModelLoading
            }
        })
    }

    /// A text that was given before. If nobody had seen it, its tokens are not wasted after all.
    pub(super) fn find_recent(&self, now: &mut State, here: &Surroundings) -> Option<String> {
        let (text, n_unseen_tokens) = now.recent.find(here)?;
        self.stats.count(|it| {
            it.model.wasted = it.model.wasted.saturating_sub(n_unseen_tokens as u64);
        });
        Some(text)
    }
}

#[cfg(test)]
mod tests {
    use foretell_config::{Config, prompt::Window};
    use foretell_engine::scripted::Script;

    use super::*;
    use crate::{completer::Completer, prompt::Prompter, session::RequestParams};

    #[tokio::test]
    async fn a_superseded_follower_has_no_effect() {
        let session = Session::new(Box::new(|_| {
            Completer::start_with(|| {
                let script = Script::new("let x = 1;\nlet y = 2;\n")?;
                let prompter =
                    Prompter::new(script.vocabulary(), Some(script.fim()), Window::default());
                Ok((script.into_decoder(), prompter))
            })
        }));
        session.configure(Config::default());
        assert_eq!(session.loaded().await, EngineState::Ready);
        let begin = || {
            let snapshot = Snapshot::of_text("a", "rust", "let x");
            session.begin(snapshot, RequestParams { cursor: 5, ..RequestParams::default() })
        };
        let (superseded, current) = (begin(), begin());
        session.look_ahead(&superseded, " = 1;");
        assert!(session.now().ahead.is_none());
        session.look_ahead(&current, " = 1;");
        assert!(session.now().ahead.is_some());
    }
}

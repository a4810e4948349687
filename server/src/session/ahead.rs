//! New offers: from texts that were given before, from what was started ahead, from the model.

use super::{Nothing, Now, Session, Source, Ticket};
use crate::{
    completer::Wanted,
    document::Snapshot,
    engine::{Draft, Finish, State},
    policy::Place,
    prompt::place,
    suggestion::{Suggestion, recent::Surroundings},
};

impl Session {
    /// Makes an offer of a text that was given before, or of the draft that was started ahead.
    pub(super) fn recall(&self, snapshot: &Snapshot, cursor: usize) -> Option<(Draft, Source)> {
        let here = Surroundings::new(snapshot, cursor);
        let mut now = self.now();
        self.keep_ahead(&mut now);
        let (draft, source) = match now.ahead.take_if(|(at, _)| *at == here) {
            Some((_, draft)) => (draft, Source::Ahead),
            None => (Draft::of_text(self.find_recent(&mut now, &here)?), Source::Recent),
        };
        self.drop_suggestion(&mut now);
        now.suggestion = Some(Suggestion::new(snapshot, cursor, draft.clone()));
        Some((draft, source))
    }

    /// Starts on what would follow if `rest` were accepted, while the user reads it. After the end
    /// of a line that is the next line: nothing is offered behind a complete one.
    pub(super) fn look_ahead(&self, ticket: &Ticket, rest: &str) {
        let Ticket { snapshot, cursor, .. } = ticket;
        {
            let now = self.now();
            if !now.settings.config.suggest.compute_ahead || now.ahead.is_some() {
                return;
            }
        }
        let Place { line_before, line_after, .. } = place(snapshot, *cursor);
        let text = if line_after.trim().is_empty() {
            let last_line = format!("{line_before}{rest}");
            let last_line = last_line.rsplit('\n').next().unwrap_or_default();
            let indent = &last_line[..last_line.len() - last_line.trim_start().len()];
            format!("{rest}\n{indent}")
        } else {
            rest.to_owned()
        };
        let mut accepted = snapshot.clone();
        accepted.rope.insert(*cursor, &text);
        let cursor = cursor + text.chars().count();
        let at = Surroundings::new(&accepted, cursor);
        let draft =
            self.completer().and_then(|it| it.draft(&accepted, cursor, &self.wanted(ticket)));
        if let Some(draft) = draft {
            self.now().ahead = Some((at, draft));
        }
    }

    /// Starts a run for a request that follows a key: not before the pace allows it.
    pub(super) async fn paced_offer(&self, ticket: &Ticket) -> Result<Draft, Nothing> {
        let wait = {
            let mut now = self.now();
            self.drop_suggestion(&mut now);
            self.drop_ahead(&mut now);
            let settings = std::sync::Arc::clone(&now.settings);
            now.pace.next(std::time::Instant::now(), &settings.config.suggest)
        };
        tokio::time::sleep(wait.ok_or(Nothing::RateLimited)?).await;
        self.new_offer(ticket, &self.wanted(ticket))
    }

    /// Starts a run. The offer before it is dropped first, so that its run ends first.
    pub(super) fn new_offer(&self, ticket: &Ticket, wanted: &Wanted) -> Result<Draft, Nothing> {
        let Ticket { snapshot, cursor, .. } = ticket;
        {
            let mut now = self.now();
            self.drop_suggestion(&mut now);
            self.drop_ahead(&mut now);
        }
        let draft = self.start(snapshot, *cursor, wanted)?;
        self.now().suggestion = Some(Suggestion::new(snapshot, *cursor, draft.clone()));
        Ok(draft)
    }

    /// Asks the model.
    pub(super) fn start(
        &self,
        snapshot: &Snapshot,
        cursor: usize,
        wanted: &Wanted,
    ) -> Result<Draft, Nothing> {
        let draft = self.completer().and_then(|it| it.draft(snapshot, cursor, wanted));
        draft.ok_or_else(|| match self.state() {
            State::Failed(message) => Nothing::ModelFailed(message),
            State::Loading | State::Ready => Nothing::ModelLoading,
        })
    }

    /// A text that was given before. If nobody had seen it, its tokens are not wasted after all.
    pub(super) fn find_recent(&self, now: &mut Now, here: &Surroundings) -> Option<String> {
        let (text, n_unseen_tokens) = now.recent.find(here)?;
        self.stats.count(|it| {
            it.model.wasted = it.model.wasted.saturating_sub(n_unseen_tokens as u64);
        });
        Some(text)
    }

    /// Puts what was started ahead with the recent texts once it is complete.
    fn keep_ahead(&self, now: &mut Now) {
        let is_complete = |draft: &Draft| {
            matches!(draft.now().finish, Some(Finish::Stopped(_) | Finish::EndOfText))
        };
        if let Some((at, draft)) = now.ahead.take_if(|(_, draft)| is_complete(draft)) {
            let progress = draft.now();
            self.account(&progress, false);
            now.recent.keep(at, progress.text, progress.figures.generated);
        }
    }
}

//! Requests of another kind than one for each key: the user asked for a choice, or has an item of
//! the completion menu selected.

use std::time::Duration;

use super::{Answer, EmptyReason, RequestSnapshot, Session, Source, completion::nothing_of};
use crate::{
    completer::GenerationOptions,
    suggestion::{Verdict, completion_cache::Surroundings},
};
use foretell_config::Suggest;
use foretell_engine::{FinishReason, Generation, Progress};

/// How long the user who asked waits for more than one text, or longer where one may take longer.
const PATIENCE: Duration = Duration::from_secs(4);

impl Session {
    /// Several texts for a user who asked: the one that is shown first, then others.
    pub(super) async fn several(&self, ticket: &RequestSnapshot) -> Answer {
        let RequestSnapshot { snapshot, cursor, .. } = ticket;
        let Suggest { candidates: n_candidates, deadline_ms, .. } =
            self.now().settings.config.suggest;
        let options = GenerationOptions { n_candidates, ..self.options(ticket) };
        let standing = match self.offer(&snapshot.uri, *cursor) {
            Ok(Verdict::Shows(_, draft)) => Some(draft),
            _ => self.recall(snapshot, *cursor).map(|(draft, _)| draft),
        };
        let (first, others, source) = match standing {
            Some(first) => {
                let others = if n_candidates > 1 {
                    match self.start(snapshot, *cursor, &options) {
                        Ok(others) => Some(others),
                        Err(nothing) => return Answer::Empty(nothing),
                    }
                } else {
                    None
                };
                (first, others, Source::TypeThrough)
            }
            None => match self.new_offer(ticket, &options) {
                Ok(draft) => (draft.clone(), Some(draft), Source::Model),
                Err(nothing) => return Answer::Empty(nothing),
            },
        };
        let patience = PATIENCE.max(Duration::from_millis(deadline_ms));
        let patience = tokio::time::timeout(patience, async {
            finished(first.clone()).await;
            if let Some(others) = others.clone() {
                finished(others).await;
            }
        });
        // What is there after it is what there is to choose from.
        let _ = patience.await;
        let progress = first.now();
        let Ok(Verdict::Shows(text, _)) = self.offer(&snapshot.uri, *cursor) else {
            return Answer::Empty(nothing_of(progress.finish.unwrap_or(FinishReason::Cancelled)));
        };
        self.shown(*cursor, &text, text.len());
        let mut choice = vec![text];
        if let Some(others) = others.map(|draft| draft.now()) {
            for other in std::iter::once(others.text).chain(others.alternatives) {
                if !other.is_empty() && !choice.contains(&other) {
                    choice.push(other);
                }
            }
        }
        choice.truncate(n_candidates);
        let text = choice.remove(0);
        // Whichever the user takes is known when they type into it.
        let here = Surroundings::new(snapshot, *cursor);
        let mut now = self.now();
        for other in &choice {
            now.recent.keep(here.clone(), other.clone(), 0);
        }
        Answer::Shows { text, others: choice, source, progress }
    }

    /// What follows a selected item of the completion menu. The document does not have the item
    /// yet, so no offer stands for it; the draft is kept for when it is accepted.
    pub(super) async fn selected(&self, ticket: &RequestSnapshot) -> Answer {
        let RequestSnapshot { snapshot, cursor, .. } = ticket;
        let here = Surroundings::new(snapshot, *cursor);
        let running = {
            let mut now = self.now();
            let running = now.ahead.take_if(|(at, _)| *at == here);
            self.drop_suggestion(&mut now);
            self.drop_ahead(&mut now);
            running.map(|(_, draft)| (draft, Source::Ahead)).or_else(|| {
                let text = self.find_recent(&mut now, &here)?;
                Some((Generation::of_text(text), Source::Recent))
            })
        };
        let (draft, source) = match running {
            Some(running) => running,
            None => match self.start(snapshot, *cursor, &self.options(ticket)) {
                Ok(draft) => (draft, Source::Model),
                Err(nothing) => return Answer::Empty(nothing),
            },
        };
        self.now().ahead = Some((here, draft.clone()));
        let progress = finished(draft).await;
        match &progress.finish {
            _ if !progress.text.is_empty() => {
                let text = progress.text.clone();
                Answer::Shows { text, others: vec![], source, progress }
            }
            Some(finish) => Answer::Empty(nothing_of(finish.clone())),
            None => Answer::Empty(EmptyReason::NothingToSay(FinishReason::Cancelled)),
        }
    }
}

/// Waits for a draft's end.
async fn finished(mut draft: Generation) -> Progress {
    while draft.now().finish.is_none() && draft.changed().await {}
    draft.now()
}

//! What was generated before it was needed: the completion cache, and the prefetch of what follows.

use foretell_policy::CursorContext;

use super::State;
use crate::session::request::{Request, Source};
use crate::{
    prompt::cursor_context,
    suggestion::{Suggestion, Verdict, completion_cache::Surroundings},
};

impl State {
    /// Makes a suggestion of a prefetch or of a cached text.
    pub(super) fn recall(&mut self, request: &Request) -> Option<Source> {
        let Request { snapshot, cursor, .. } = request;
        let here = Surroundings::new(snapshot, *cursor);
        if let Some(suggestion) = self.recall_prefetch(request, &here) {
            self.drop_suggestion();
            self.suggestion = Some(suggestion);
            return Some(Source::Ahead);
        }
        let text = self.find_cached(&here)?;
        let id = self.recalled(text);
        self.drop_suggestion();
        self.suggestion = Some(Suggestion::new(snapshot, *cursor, id));
        Some(Source::Recent)
    }

    /// The prefetch, if what was typed since does not contradict it.
    fn recall_prefetch(&mut self, request: &Request, here: &Surroundings) -> Option<Suggestion> {
        let Request { snapshot, cursor, .. } = request;
        let (at, id) = self.prefetch.as_ref()?;
        let n_typed = here.n_typed_since(at)?;
        let suggestion = Suggestion::typed_into(snapshot, *cursor, n_typed, *id);
        match suggestion.verdict(&snapshot.uri, *cursor, &self.progress(*id)) {
            Verdict::Shows(_) | Verdict::NotYet => {
                self.prefetch = None;
                Some(suggestion)
            }
            Verdict::Empty(_) | Verdict::Dismissed(_) => None,
        }
    }

    /// A cached text. If nobody has seen it before, its tokens are not wasted after all.
    pub(super) fn find_cached(&mut self, here: &Surroundings) -> Option<String> {
        let (text, n_unseen_tokens) = self.cache.find(here)?;
        self.count(|it| {
            it.model.wasted = it.model.wasted.saturating_sub(n_unseen_tokens as u64);
        });
        Some(text)
    }

    /// Starts to generate what would follow if `rest` were accepted. After the end of a line, that
    /// is the next line: nothing is suggested after a complete one.
    pub(super) fn start_prefetch(&mut self, request: &Request, rest: &str) {
        let Request { snapshot, cursor, .. } = request;
        let CursorContext { line_after, .. } = cursor_context(snapshot, *cursor);
        // The model writes the indentation: an editor's own need not be that of the line before.
        let line_break = if line_after.trim().is_empty() { "\n" } else { "" };
        let mut accepted = snapshot.clone();
        accepted.rope.insert(*cursor, &format!("{rest}{line_break}"));
        let cursor = cursor + rest.chars().count() + line_break.len();
        let at = Surroundings::new(&accepted, cursor);
        let is_there = self.prefetch.as_ref().is_some_and(|(there, _)| *there == at);
        if !self.settings.config.suggest.compute_ahead || is_there {
            return;
        }
        self.drop_prefetch();
        let options = self.options(request);
        let id = self.generate(accepted, cursor, options);
        self.prefetch = Some((at, id));
    }
}

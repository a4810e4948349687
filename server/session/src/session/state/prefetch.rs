//! What was generated before it was needed: the completion cache, and the prefetch of what follows.

use foretell_policy::CursorContext;

use super::State;
use crate::session::request::{Request, Source};
use crate::{
    prompt::cursor_context,
    suggestion::{
        Suggestion, Verdict,
        completion_cache::{CachedText, Surroundings},
    },
};

impl State {
    /// Turns a prefetch or cached text into the suggestion, with a minimum probability.
    pub(super) fn recall(
        &mut self,
        request: &Request,
        min_probability: Option<f32>,
    ) -> Option<Source> {
        let Request { snapshot, cursor, .. } = request;
        let here = Surroundings::new(snapshot, *cursor);
        if let Some(suggestion) = self.recall_prefetch(request, &here, min_probability) {
            self.drop_suggestion();
            self.suggestion = Some(suggestion);
            return Some(Source::Ahead);
        }
        let cached = self.find_cached(&here)?;
        let is_exact = cached.is_exact;
        let id = self.recalled(cached);
        let suggestion =
            Suggestion::new(snapshot, *cursor, id).with_min_probability(min_probability);
        let verdict = suggestion.verdict(&snapshot.uri, *cursor, &self.progress(id));
        if !is_exact && matches!(verdict, Verdict::Unsure { .. } | Verdict::Empty(_)) {
            // With the typed part of a word in the prompt, the model may be surer than before.
            return None;
        }
        self.drop_suggestion();
        self.suggestion = Some(suggestion);
        Some(Source::Recent)
    }

    /// The prefetch, if what was typed since does not contradict it.
    pub(super) fn recall_prefetch(
        &mut self,
        request: &Request,
        here: &Surroundings,
        min_probability: Option<f32>,
    ) -> Option<Suggestion> {
        let Request { snapshot, cursor, .. } = request;
        let (at, id) = self.prefetch.as_ref()?;
        let n_typed = here.n_typed_since(at)?;
        let suggestion = Suggestion::typed_into(snapshot, *cursor, n_typed, *id)
            .with_min_probability(min_probability);
        match suggestion.verdict(&snapshot.uri, *cursor, &self.progress(*id)) {
            Verdict::Shows(_) | Verdict::NotYet | Verdict::Unsure { is_exact: true } => {
                self.prefetch = None;
                Some(suggestion)
            }
            Verdict::Empty(_) | Verdict::Dismissed(_) | Verdict::Unsure { .. } => None,
        }
    }

    /// A cached text. If nobody has seen it before, its tokens are not wasted after all.
    pub(super) fn find_cached(&mut self, here: &Surroundings) -> Option<CachedText> {
        let (cached, n_unseen_tokens) = self.cache.find(here)?;
        self.count(|it| {
            it.model.wasted = it.model.wasted.saturating_sub(n_unseen_tokens as u64);
        });
        Some(cached)
    }

    /// Starts to generate the text that follows once `rest` is accepted. After the end of a line,
    /// that is the next line, because nothing is suggested after a complete line. Where the line
    /// was cut because the model was unsure, that is the rest of the line. If the generation has
    /// reached the end of its text, all of the text is known, so what follows it is generated.
    pub(super) fn start_prefetch(&mut self, request: &Request, rest: &str) {
        let Request { snapshot, cursor, .. } = request;
        let CursorContext { line_after, .. } = cursor_context(snapshot, *cursor);
        let is_line_end = line_after.trim().is_empty();
        let suggestion = self.suggestion.as_ref().filter(|_| !rest.is_empty());
        let suggestion = suggestion.map(|it| (it, self.progress(it.generation())));
        let known = suggestion.as_ref().and_then(|(it, progress)| it.known_rest(*cursor, progress));
        let rest = known.filter(|it| is_line_end && it.starts_with(rest)).unwrap_or(rest);
        let is_cut = suggestion
            .as_ref()
            .is_some_and(|(it, progress)| it.is_cut_in_line(*cursor, rest, progress));
        // The model writes the indentation: an editor's own need not be that of the line before.
        let line_break = if is_line_end && !is_cut { "\n" } else { "" };
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

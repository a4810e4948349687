//! What the user accepted.

use foretell_policy as policy;

use super::State;
use crate::session::request::Part;
use crate::{document::Edit, prompt::to_lf, stats::Accepted, suggestion::Verdict};

impl State {
    /// The client reports an acceptance. From then on nothing is inferred, and what was inferred
    /// before is discarded: this client reports acceptances itself.
    pub(super) fn accepted(&mut self, part: Part, n_chars: usize) {
        if !std::mem::replace(&mut self.reports_acceptance, true) {
            self.count(|it| it.accepted = Accepted::default());
        }
        self.count_accepted(part, n_chars);
    }

    fn count_accepted(&mut self, part: Part, n_chars: usize) {
        tracing::info!("accepted: {part:?}, {n_chars} chars");
        self.suggestion.iter_mut().for_each(crate::suggestion::Suggestion::accepted);
        self.count(|it| {
            match part {
                Part::Whole => it.accepted.whole += 1,
                Part::Some => it.accepted.partly += 1,
            }
            it.accepted.chars = it.accepted.chars.saturating_add(n_chars as u64);
        });
    }

    /// Distinguishes accepting from typing: several characters of the suggestion in one change.
    pub(super) fn infer_acceptance(&mut self, uri: &str, edit: &Edit) {
        if self.reports_acceptance || !edit.removed.is_empty() || edit.inserted.chars().count() < 2
        {
            return;
        }
        let Some(it) = self.suggestion.as_ref().filter(|it| it.is_seen()) else { return };
        let cursor = edit.removed.start;
        let progress = self.progress(it.generation());
        let Verdict::Shows(rest) = it.verdict(uri, cursor, &progress) else { return };
        let shown = &rest[..it.n_shown_bytes_of(cursor, &rest)];
        let inserted = to_lf(&edit.inserted);
        if shown.starts_with(&inserted) && !is_of_one_key(&inserted) {
            let part = if inserted == shown { Part::Whole } else { Part::Some };
            self.count_accepted(part, inserted.chars().count());
        }
    }
}

/// Whether an editor may have inserted several characters for one key: a line break with the
/// indentation, or a bracket or quote with its closer.
fn is_of_one_key(inserted: &str) -> bool {
    let closer = inserted.strip_prefix(['(', '[', '{', '<', '"', '\'', '`']);
    inserted.trim().is_empty() || closer.is_some_and(policy::only_closers)
}

#[cfg(test)]
mod tests {
    use super::is_of_one_key;

    #[test]
    fn one_key_is_no_acceptance() {
        assert!(["\n    ", "()", "\"\""].into_iter().all(is_of_one_key));
        assert!(!["\n    a", "(a", "a)", "tln"].into_iter().any(is_of_one_key));
    }
}

//! What the user accepted.

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
        if shown.starts_with(&inserted) {
            let part = if inserted == shown { Part::Whole } else { Part::Some };
            self.count_accepted(part, inserted.chars().count());
        }
    }
}

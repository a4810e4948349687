//! What the user took of what was shown.

use super::{Session, State};
use crate::{document::Edit, prompt::to_lf, stats::Accepted, suggestion::Verdict};

/// How much of a text was accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// All of it.
    Whole,
    /// A word or a line of it.
    Some,
}

impl Session {
    /// The client says that the user took a text, or so many characters of it. From then on
    /// nothing is inferred, and what was inferred before is taken back: this client tells all.
    pub fn accepted(&self, part: Part, n_chars: usize) {
        if !std::mem::replace(&mut self.now().tells_accepted, true) {
            self.stats.count(|it| it.accepted = Accepted::default());
        }
        self.count_accepted(part, n_chars);
    }

    fn count_accepted(&self, part: Part, n_chars: usize) {
        tracing::info!("accepted: {part:?}, {n_chars} chars");
        self.stats.count(|it| {
            match part {
                Part::Whole => it.accepted.whole += 1,
                Part::Some => it.accepted.partly += 1,
            }
            it.accepted.chars += n_chars as u64;
        });
    }

    /// Tells accepting from typing: several characters of what was shown, in one change.
    pub(super) fn infer_acceptance(&self, now: &mut State, uri: &str, edit: &Edit) {
        if now.tells_accepted || !edit.removed.is_empty() || edit.inserted.chars().count() < 2 {
            return;
        }
        let Some(it) = now.suggestion.as_ref().filter(|it| it.is_seen()) else { return };
        let Verdict::Shows(rest, _) = it.verdict(uri, edit.removed.start) else { return };
        let shown = &rest[..it.n_shown_bytes_of(edit.removed.start, &rest)];
        let inserted = to_lf(&edit.inserted);
        if shown.starts_with(&inserted) {
            let part = if inserted == shown { Part::Whole } else { Part::Some };
            self.count_accepted(part, inserted.chars().count());
        }
    }
}

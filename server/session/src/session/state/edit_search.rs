//! The search for the next edit, and what is remembered of earlier ones.

use std::{collections::VecDeque, ops::Range, sync::Arc, time::Instant};

use foretell_edits::{Candidate, History, Placed};

use crate::{
    document::Snapshot,
    session::edit_offer::{EditOffer, EditRequest, SearchId},
    suggestion::GenerationId,
};

/// The maximum number of rejected offers that are remembered.
const MAX_REJECTED: usize = 64;

/// The state of the next edit.
#[derive(Debug, Default)]
pub(super) struct NextEdit {
    pub(super) history: History,
    /// Whether the last change was an undo: nothing is offered.
    pub(super) is_undone: bool,
    /// Whether the client shows edits as soon as they are found.
    pub(super) pushes: bool,
    pub(super) n_searches: u64,
    pub(super) n_offers: u64,
    /// The changes of any document since the last offer.
    pub(super) n_changes_since_offer: usize,
    /// When the last edit was made.
    pub(super) last_edit: Option<Instant>,
    /// The last search, if it is for the current text of its document.
    pub(super) search: Option<Search>,
    pub(super) waiting: Option<EditRequest>,
    pub(super) rejected: Vec<Rejected>,
    /// The candidates that the model rejected.
    pub(super) refused: Vec<Rejected>,
}

#[derive(Debug)]
pub(super) struct Search {
    pub(super) id: SearchId,
    pub(super) snapshot: Snapshot,
    /// The edits that led to the text, the last one first.
    pub(super) placed: Vec<Placed>,
    pub(super) stage: Stage,
}

#[derive(Debug)]
pub(super) enum Stage {
    /// It is running.
    Running,
    /// The model judges what it found.
    Judging(Judging),
    /// It has ended.
    Ended(Option<EditOffer>),
}

/// The candidates that are being judged.
#[derive(Debug)]
pub(super) struct Judging {
    /// Those that are left, the current one first.
    pub(super) left: VecDeque<Candidate>,
    /// An import to offer after the pause, unless the model accepts one of them.
    pub(super) import: Option<Candidate>,
    /// The generation that scores the current one, once the user pauses.
    pub(super) generation: Option<GenerationId>,
    /// When the first one started.
    pub(super) since: Option<Instant>,
}

impl NextEdit {
    /// The generation that judges a candidate.
    pub(super) fn judge(&self) -> Option<GenerationId> {
        match &self.search.as_ref()?.stage {
            Stage::Judging(it) => it.generation,
            Stage::Running | Stage::Ended(_) => None,
        }
    }
}

/// A rejected offer, recognised by its line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Rejected {
    pub(super) uri: Arc<str>,
    line: String,
    /// In characters.
    column: usize,
    new: String,
}

impl Rejected {
    pub(super) fn of(offer: &EditOffer) -> Self {
        Self::at(&offer.snapshot, &offer.range, &offer.new)
    }

    pub(super) fn of_candidate(snapshot: &Snapshot, it: &Candidate) -> Self {
        Self::at(snapshot, &snapshot.chars_of_bytes(&it.range), &it.new)
    }

    fn at(snapshot: &Snapshot, range: &Range<usize>, new: &str) -> Self {
        let line_idx = snapshot.rope.char_to_line(range.start);
        let line = snapshot.line_range(line_idx);
        let column = range.start - line.start;
        let (uri, line) = (Arc::clone(&snapshot.uri), snapshot.slice(line));
        Self { uri, line, column, new: new.to_owned() }
    }

    /// Adds it to a list.
    pub(super) fn add_to(self, rejected: &mut Vec<Self>) {
        if rejected.len() == MAX_REJECTED {
            rejected.remove(0);
        }
        rejected.push(self);
    }
}

//! The places that the user visited last, in all documents; one per neighbourhood.

use std::{collections::VecDeque, sync::Arc};

use super::{Chunk, Source};
use crate::document::{Edit, Snapshot};

/// The number of places to remember.
const CAPACITY: usize = 16;
/// Places closer than this count as one, in characters.
const NEAR_CHARS: usize = 400;
/// Lines to excerpt before and after a place.
const AROUND_LINES: usize = 6;

/// A ring of visited places; see the module documentation.
#[derive(Debug, Default)]
pub(in crate::prompt) struct Visits {
    /// Document and char_idx, newest first.
    places: VecDeque<(Arc<str>, usize)>,
}

impl Visits {
    /// Records that the user is at a place.
    pub(in crate::prompt) fn visit(&mut self, uri: &Arc<str>, char_idx: usize) {
        self.places.retain(|(it, at)| it != uri || at.abs_diff(char_idx) > NEAR_CHARS);
        self.places.push_front((Arc::clone(uri), char_idx));
        self.places.truncate(CAPACITY);
    }

    /// Shifts the places behind an edit.
    pub(in crate::prompt) fn edited(&mut self, uri: &str, edit: &Edit) {
        for (_, at) in self.places.iter_mut().filter(|(it, _)| **it == *uri) {
            if edit.removed.end <= *at {
                *at = *at - edit.removed.len() + edit.inserted.chars().count();
            } else {
                *at = (*at).min(edit.removed.start);
            }
        }
    }

    /// The lines around each place, newest first. Places in documents that are not among the sources
    /// are skipped: they are closed.
    pub(super) fn chunks<'a>(
        &'a self,
        sources: &'a [Source],
        own: &'a Snapshot,
        others: &'a [Snapshot],
    ) -> impl Iterator<Item = Chunk> + 'a {
        self.places.iter().filter_map(move |(uri, at)| {
            let source = sources.iter().position(|it| it.uri == *uri)?;
            let snapshot = std::iter::once(own).chain(others).find(|it| it.uri == *uri)?;
            let rope = &snapshot.rope;
            let line = rope.char_to_line((*at).min(rope.len_chars()));
            let end = (line + AROUND_LINES + 1).min(sources[source].lines.len());
            let start = line.saturating_sub(AROUND_LINES).min(end);
            Some(Chunk { source, lines: start..end })
        })
    }
}

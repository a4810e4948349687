//! Requests that live on while the user types.
//!
//! A client with a menu may not ask again for a key that is typed while it waits: it filters the
//! answer by what was typed since (Helix). Such a request is not superseded by typing on at its
//! cursor. What it waits for moves along, and its answer, in the coordinates of the request, begins
//! with what was typed.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::{Session, Ticket};
use crate::document::Edit;

/// The request that runs.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) uri: Arc<str>,
    /// Cancelled to supersede it.
    pub(super) superseded: CancellationToken,
    /// Its cursor, a char_idx.
    pub(super) cursor: usize,
    /// What was typed at its cursor since, for a request that lives on.
    pub(super) typed: Option<String>,
}

impl Running {
    /// Follows edits; `false` if they are not typing on at the cursor.
    pub(super) fn lives_on(&mut self, uri: &str, edits: &[Edit]) -> bool {
        let Some(typed) = self.typed.as_mut().filter(|_| *self.uri == *uri) else { return false };
        edits.iter().all(|Edit { removed, inserted }| {
            let is_typing = removed.is_empty()
                && removed.start == self.cursor + typed.chars().count()
                && !inserted.contains(['\n', '\r']);
            typed.push_str(inserted);
            is_typing
        })
    }
}

impl Session {
    /// A ticket as if the request had come now, and what was typed since it came.
    pub(super) fn moved(&self, ticket: &Ticket) -> (Ticket, String) {
        let typed = self.now().running.as_ref().and_then(|it| it.typed.clone()).unwrap_or_default();
        let mut moved = ticket.clone();
        if !typed.is_empty() {
            moved.snapshot.rope.insert(ticket.cursor, &typed);
            moved.cursor += typed.chars().count();
        }
        (moved, typed)
    }
}

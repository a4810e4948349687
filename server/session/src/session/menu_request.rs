//! Requests that live on while the user types.
//!
//! A client with a menu may not ask again for a key that is typed while it waits: it filters the
//! answer by what was typed since (Helix). Such a request is not superseded by typing on at its
//! cursor. What it waits for moves along, and its answer, in the coordinates of the request, begins
//! with what was typed.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::{RequestSnapshot, Session};
use crate::document::Edit;

/// The most that is typed on, in bytes: nobody waits so long.
const MAX_TYPED_BYTES: usize = 1 << 12;

/// The request that runs.
#[derive(Debug)]
pub(super) struct RunningRequest {
    pub(super) uri: Arc<str>,
    /// Cancelled to supersede it.
    pub(super) superseded: CancellationToken,
    /// Where the user types on, a char_idx: its cursor, behind what was typed since.
    pub(super) cursor: usize,
    /// What was typed at its cursor since, for a request that lives on.
    pub(super) typed: Option<String>,
}

impl RunningRequest {
    /// Follows edits; `false` if they are not typing on at the cursor.
    pub(super) fn lives_on(&mut self, uri: &str, edits: &[Edit]) -> bool {
        let Some(typed) = self.typed.as_mut().filter(|_| *self.uri == *uri) else { return false };
        edits.iter().all(|Edit { removed, inserted }| {
            let is_typing = removed.is_empty()
                && removed.start == self.cursor
                && !inserted.contains(['\n', '\r']);
            typed.push_str(inserted);
            self.cursor += inserted.chars().count();
            is_typing && typed.len() <= MAX_TYPED_BYTES
        })
    }
}

impl Session {
    /// A ticket as if the request had come now, and what was typed since it came.
    pub(super) fn moved(&self, ticket: &RequestSnapshot) -> (RequestSnapshot, String) {
        let typed = self.now().running.as_ref().and_then(|it| it.typed.clone()).unwrap_or_default();
        let mut moved = ticket.clone();
        if !typed.is_empty() {
            moved.snapshot.rope.insert(ticket.cursor, &typed);
            moved.cursor += typed.chars().count();
        }
        (moved, typed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typing_on_at_the_cursor_is_followed_but_not_for_ever() {
        let n_followed = |to_cursor: usize| {
            let mut running = RunningRequest {
                uri: "a".into(),
                superseded: CancellationToken::new(),
                cursor: 3,
                typed: Some(String::new()),
            };
            (0..MAX_TYPED_BYTES)
                .take_while(|n| {
                    let at = 3 + n * to_cursor;
                    running.lives_on("a", &[Edit { removed: at..at, inserted: "ä".into() }])
                })
                .count()
        };
        assert_eq!(n_followed(0), 1, "the second one is not at the cursor");
        assert_eq!(n_followed(1), MAX_TYPED_BYTES / 2);
    }
}

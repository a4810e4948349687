//! Requests that live on while the user types.
//!
//! A client with a menu may not ask again for a key that is typed while it waits: it filters the
//! answer by what was typed since (Helix). Such a request is not superseded by typing on at its
//! cursor. Its suggestion moves along, and its answer, in the coordinates of the request, starts
//! with what was typed.

use super::Active;
use crate::document::Edit;
use crate::session::request::Request;

/// The longest text that is typed on, in bytes.
const MAX_TYPED_BYTES: usize = 1 << 12;

/// What was typed at a request's cursor since it arrived.
#[derive(Debug)]
pub(super) struct TypedOn {
    /// Where the user types on, a char_idx.
    cursor: usize,
    text: String,
}

impl TypedOn {
    pub(super) fn new(cursor: usize) -> Self {
        Self { cursor, text: String::new() }
    }

    /// Follows edits; `false` if they are not typing on at the cursor.
    fn follow(&mut self, edits: &[Edit]) -> bool {
        edits.iter().all(|Edit { removed, inserted }| {
            let is_typing = removed.is_empty()
                && removed.start == self.cursor
                && !inserted.contains(['\n', '\r']);
            self.text.push_str(inserted);
            self.cursor += inserted.chars().count();
            is_typing && self.text.len() <= MAX_TYPED_BYTES
        })
    }
}

impl Active {
    /// Follows edits; `false` if the request does not live on.
    pub(super) fn lives_on(&mut self, uri: &str, edits: &[Edit]) -> bool {
        let is_same = *self.request.snapshot.uri == *uri;
        is_same && self.typed.as_mut().is_some_and(|it| it.follow(edits))
    }

    /// The request as if it had arrived now, and what was typed since it did.
    pub(super) fn moved(&self) -> (Request, String) {
        let typed = self.typed.as_ref().map(|it| it.text.clone()).unwrap_or_default();
        let mut moved = self.request.clone();
        if !typed.is_empty() {
            moved.snapshot.rope.insert(moved.cursor, &typed);
            moved.cursor += typed.chars().count();
        }
        (moved, typed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typing_is_followed_up_to_a_limit() {
        let n_followed = |to_cursor: usize| {
            let mut typed = TypedOn::new(3);
            (0..MAX_TYPED_BYTES)
                .take_while(|n| {
                    let at = 3 + n * to_cursor;
                    typed.follow(&[Edit { removed: at..at, inserted: "ä".into() }])
                })
                .count()
        };
        assert_eq!(n_followed(0), 1, "the second edit is not at the cursor");
        assert_eq!(n_followed(1), MAX_TYPED_BYTES / 2);
    }
}

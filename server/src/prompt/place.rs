//! What the policy needs to know of a cursor's surroundings.

use std::sync::Arc;

use super::to_lf;
use crate::{
    document::Snapshot,
    policy::{MAX_SYNTAX_BYTES, Place, Syntax, Trees},
};

/// How many lines before and after the cursor the rules look at.
const N_LINES: usize = 60;
/// A minified line of megabytes tells the rules nothing that its nearest part does not.
const N_CHARS: usize = 8_000;

/// The place of a cursor, a char_idx that is clamped to the text's end.
#[must_use]
pub fn place(snapshot: &Snapshot, cursor: usize) -> Place {
    let rope = &snapshot.rope;
    let cursor = cursor.min(rope.len_chars());
    let line = rope.char_to_line(cursor);
    let first_line = rope.line_to_char(line.saturating_sub(N_LINES));
    let start = first_line.max(cursor.saturating_sub(N_CHARS));
    let end = snapshot.line_range(line + N_LINES).end.max(cursor).min(cursor + N_CHARS);
    let (before, after) = (snapshot.slice(start..cursor), snapshot.slice(cursor..end));
    Place::new(&to_lf(&before), &to_lf(&after)).in_language(&snapshot.language)
}

/// The syntax at a cursor, a char_idx that is clamped to the text's end. `None` if nothing is known
/// of the language, or the document is too long to be parsed.
#[must_use]
pub fn syntax(trees: &Arc<Trees>, snapshot: &Snapshot, cursor: usize) -> Option<Syntax> {
    let Snapshot { rope, uri, language, .. } = snapshot;
    if rope.len_bytes() > MAX_SYNTAX_BYTES {
        return None;
    }
    let cursor = rope.char_to_byte(cursor.min(rope.len_chars()));
    Syntax::new(trees, uri, language, &rope.to_string(), cursor)
}

//! The parts of a prompt that stay the same while the user types.

use std::sync::Arc;

use super::{ends::ends_with, formats::Preamble, window::Sizes};
use crate::document::{Edit, Snapshot};
use foretell_policy as policy;

/// A part of the window, with its tokens.
#[derive(Debug, Default)]
pub(super) struct Part {
    /// As in the document.
    pub(super) text: String,
    pub(super) ids: Vec<u32>,
}

/// The parts of a prompt that stay the same while the user types.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) uri: Arc<str>,
    /// Where `before` ends in the document.
    pub(super) anchor_char_idx: usize,
    pub(super) before: Part,
    pub(super) after: Part,
    /// The file's path and excerpts of other files, which precede the file's own text.
    pub(super) preamble: Preamble,
    /// Whether the preamble names the file.
    pub(super) names_file: bool,
    pub(super) sizes: Sizes,
    /// Whether the whole window is larger and has yet to be prefilled.
    pub(super) is_narrow: bool,
}

impl Layout {
    /// Shifts the anchor after an edit above the window.
    pub(super) fn shift(&mut self, uri: &str, edit: &Edit) {
        let anchor = self.anchor_char_idx;
        let is_above = edit.removed.end <= self.start_char_idx() && edit.removed.start < anchor;
        if *self.uri == *uri && is_above {
            self.anchor_char_idx = anchor - edit.removed.len() + edit.inserted.chars().count();
        }
    }

    /// Finds the anchor in a text that was sent as a whole: a client that sends a fixed number of
    /// lines drops one above for each line that the user adds. The text before the anchor is
    /// searched above the cursor.
    pub(super) fn follow(&mut self, snapshot: &Snapshot, cursor: usize) {
        let rope = &snapshot.rope;
        let cursor = cursor.min(rope.len_chars());
        let anchor = self.anchor_char_idx.min(cursor);
        let text = &self.before.text;
        if self.uri != snapshot.uri || text.is_empty() || ends_with(&rope.slice(..anchor), text) {
            return;
        }
        let above = rope.slice(..cursor).to_string();
        if let Some(start_byte_idx) = above.rfind(text.as_str()) {
            self.anchor_char_idx = rope.byte_to_char(start_byte_idx + text.len());
        }
    }

    /// Where the window starts in the document.
    pub(super) fn start_char_idx(&self) -> usize {
        self.anchor_char_idx - self.before.text.chars().count().min(self.anchor_char_idx)
    }
}

/// The char_idx where the suffix starts: the cursor, or the end of the line if only auto-closed
/// text follows the cursor.
pub(super) fn after_start(snapshot: &Snapshot, cursor: usize) -> usize {
    let line_end = snapshot.line_range(snapshot.rope.char_to_line(cursor)).end.max(cursor);
    if line_end - cursor < 64 && policy::only_closers(&snapshot.slice(cursor..line_end)) {
        line_end
    } else {
        cursor
    }
}

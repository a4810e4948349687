//! Chooses the part of a model's calibration that applies at a cursor.

use super::cursor_context::cursor_context;
use crate::document::Snapshot;
use foretell_engine::calibration::Place;

/// The kind of cursor position (`cursor` is a char_idx, clamped to the end of the text).
#[must_use]
pub fn place(snapshot: &Snapshot, cursor: usize) -> Place {
    let context = cursor_context(snapshot, cursor);
    if context.line_before.trim().is_empty() { Place::LineStart } else { Place::MidLine }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_start_follows_only_indentation() {
        let at = |marked: &str| {
            let cursor = marked.chars().position(|c| c == 'ˇ').unwrap();
            place(&Snapshot::of_text("a.rs", "rust", &marked.replace('ˇ', "")), cursor)
        };
        for marked in ["ˇ", "a\n\tˇ", "a\r\n  ˇ\r\n", "  ˇ  b"] {
            assert_eq!(at(marked), Place::LineStart, "{marked:?}");
        }
        for marked in ["aˇ", "a = ˇ\n", "  }ˇ"] {
            assert_eq!(at(marked), Place::MidLine, "{marked:?}");
        }
    }
}

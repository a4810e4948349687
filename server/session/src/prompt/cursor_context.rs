//! Builds what the policy needs to know about the text around the cursor.

use std::sync::Arc;

use super::to_lf;
use crate::document::Snapshot;
use foretell_policy::{CursorContext, MAX_SYNTAX_BYTES, Syntax, Trees};

/// Lines before and after the cursor that the rules look at.
const N_LINES: usize = 60;
/// Characters before and after the cursor that the rules look at: a minified line can have
/// megabytes.
const N_CHARS: usize = 8_000;

/// The text around a cursor (a char_idx, clamped to the end of the text), with `\n` as its only line
/// break. The cells of a notebook are one text.
#[must_use]
pub fn cursor_context(snapshot: &Snapshot, cursor: usize) -> CursorContext {
    if let Some((notebook, cursor)) = snapshot.in_notebook(cursor) {
        return cursor_context(&notebook, cursor);
    }
    let rope = &snapshot.rope;
    let cursor = cursor.min(rope.len_chars());
    let line = rope.char_to_line(cursor);
    let first_line = rope.line_to_char(line.saturating_sub(N_LINES));
    let start = first_line.max(cursor.saturating_sub(N_CHARS));
    let end = snapshot.line_range(line + N_LINES).end.max(cursor).min(cursor + N_CHARS);
    let (before, after) = (snapshot.slice(start..cursor), snapshot.slice(cursor..end));
    CursorContext::new(&to_lf(&before), &to_lf(&after)).in_language(language(snapshot))
}

/// The editor's name for the language, or the file's extension.
pub(super) fn language(snapshot: &Snapshot) -> &str {
    let extension = || snapshot.uri.rsplit(['.', '/']).next().unwrap_or_default();
    if snapshot.language.is_empty() { extension() } else { &snapshot.language }
}

/// The syntax at a cursor (a char_idx, clamped to the end of the text). `None` if there is no
/// grammar for the language or the document is longer than [`MAX_SYNTAX_BYTES`].
#[must_use]
pub fn syntax(trees: &Arc<Trees>, snapshot: &Snapshot, cursor: usize) -> Option<Syntax> {
    let Snapshot { rope, uri, .. } = snapshot;
    if rope.len_bytes() > MAX_SYNTAX_BYTES {
        return None;
    }
    let cursor = rope.char_to_byte(cursor.min(rope.len_chars()));
    Syntax::new(trees, uri, language(snapshot), &rope.to_string(), cursor)
}

/// The document before and after the cursor (a char_idx, clamped to the end of the text), with `\n`
/// as its only line break. `None` if it is longer than [`MAX_SYNTAX_BYTES`].
#[must_use]
pub fn document(snapshot: &Snapshot, cursor: usize) -> Option<(String, String)> {
    let rope = &snapshot.rope;
    if rope.len_bytes() > MAX_SYNTAX_BYTES {
        return None;
    }
    let cursor = cursor.min(rope.len_chars());
    let part = |range| to_lf(&snapshot.slice(range));
    Some((part(0..cursor), part(cursor..rope.len_chars())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str, cursor: usize) -> CursorContext {
        cursor_context(&Snapshot::of_text("a", "rust", text), cursor)
    }

    #[test]
    fn policy_sees_normalized_line_breaks() {
        let place = at("one\r\ntwo\rthree\nfo\r\n\r\nfive\r", 16);
        assert_eq!(place.above, "one\ntwo\nthree");
        let CursorContext { line_before, line_after, next_line, .. } = place;
        assert_eq!(
            [line_before.as_str(), line_after.as_str(), next_line.as_str()],
            ["f", "o", "five"]
        );
    }

    #[test]
    fn whitespace_text_is_an_empty_line() {
        let place = at("  \n\t\n    \n\n  ", 7);
        assert_eq!((place.line_before.as_str(), place.line_after.as_str()), ("  ", "  "));
        assert_eq!((place.next_line.as_str(), place.indent), ("", None));
    }

    #[test]
    fn cursor_is_a_character_index() {
        let place = at("// שלום 你好 😀\nlet 名 = 1;\n", 18);
        assert_eq!((place.line_before.as_str(), place.line_after.as_str()), ("let 名", " = 1;"));
    }

    #[test]
    fn huge_line_is_windowed() {
        let snapshot = Snapshot::of_text("a.js", "javascript", &"x=1;".repeat(1_300_000));
        let place = cursor_context(&snapshot, 2_600_000);
        assert_eq!((place.line_before.len(), place.line_after.len()), (N_CHARS, N_CHARS));
        assert!(syntax(&Arc::default(), &snapshot, 2_600_000).is_none());
    }

    #[test]
    fn cursor_past_the_end_is_clamped() {
        assert_eq!(at("ab", 99).line_before, "ab");
        assert!(syntax(&Arc::default(), &Snapshot::of_text("a", "rust", "ab"), 99).is_some());
    }
}

//! LSP types as types of the session.

use crate::params::ContentChange;
use foretell_session::document::{Change, Position, PositionEncoding};
use tower_lsp::gen_lsp_types as lsp;

/// A position.
pub(crate) fn position(it: lsp::Position) -> Position {
    Position::new(it.line, it.character)
}

/// One change of a `textDocument/didChange`.
pub(crate) fn change(ContentChange { range, text }: ContentChange) -> Change {
    let range = range.map(|it| position(it.start)..position(it.end));
    Change { range, text }
}

/// The encoding for a client that offers `kinds`: UTF-8 if it is among them, since the text is in
/// UTF-8, and UTF-16 for a client that offers none.
pub(crate) fn position_encoding(kinds: &[&str]) -> PositionEncoding {
    let offers = |kind| kinds.contains(&kind);
    if offers("utf-8") {
        PositionEncoding::Utf8
    } else if offers("utf-32") && !offers("utf-16") {
        PositionEncoding::Utf32
    } else {
        PositionEncoding::Utf16
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utf8_is_preferred_and_utf16_is_the_default() {
        assert_eq!(position_encoding(&["utf-16", "utf-8"]), PositionEncoding::Utf8);
        assert_eq!(position_encoding(&["utf-32"]), PositionEncoding::Utf32);
        assert_eq!(position_encoding(&["utf-32", "utf-16"]), PositionEncoding::Utf16);
        assert_eq!(position_encoding(&["utf-7"]), PositionEncoding::Utf16);
        assert_eq!(position_encoding(&[]), PositionEncoding::Utf16);
    }
}

//! LSP types as types of the session.

use foretell_session::document::{Change, Position, PositionEncoding};
use tower_lsp::gen_lsp_types as lsp;

/// A position.
pub(crate) fn position(it: lsp::Position) -> Position {
    Position::new(it.line, it.character)
}

/// One change of a `textDocument/didChange`.
pub(crate) fn change(it: lsp::TextDocumentContentChangeEvent) -> Change {
    use lsp::TextDocumentContentChangeEvent as Event;
    match it {
        Event::TextDocumentContentChangePartial(partial) => {
            let lsp::Range { start, end } = partial.range;
            Change { range: Some(position(start)..position(end)), text: partial.text }
        }
        Event::TextDocumentContentChangeWholeDocument(whole) => {
            Change { range: None, text: whole.text }
        }
    }
}

/// The encoding for a client that offers `kinds`: UTF-8 if it is among them, since the text is in
/// UTF-8, and UTF-16 for a client that offers none.
pub(crate) fn position_encoding(kinds: Option<&[lsp::PositionEncodingKind]>) -> PositionEncoding {
    let offers = |kind| kinds.is_some_and(|kinds| kinds.contains(&kind));
    if offers(lsp::PositionEncodingKind::UTF8) {
        PositionEncoding::Utf8
    } else if offers(lsp::PositionEncodingKind::UTF32) && !offers(lsp::PositionEncodingKind::UTF16)
    {
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
        use lsp::PositionEncodingKind as Kind;
        let negotiate = |kinds: &[Kind]| position_encoding(Some(kinds));
        assert_eq!(negotiate(&[Kind::UTF16, Kind::UTF8]), PositionEncoding::Utf8);
        assert_eq!(negotiate(&[Kind::UTF32]), PositionEncoding::Utf32);
        assert_eq!(negotiate(&[Kind::UTF32, Kind::UTF16]), PositionEncoding::Utf16);
        assert_eq!(negotiate(&[]), PositionEncoding::Utf16);
        assert_eq!(position_encoding(None), PositionEncoding::Utf16);
    }
}

use proptest::prelude::*;

use super::*;

const ENCODINGS: [PositionEncoding; 3] =
    [PositionEncoding::Utf8, PositionEncoding::Utf16, PositionEncoding::Utf32];

fn width(c: char, encoding: PositionEncoding) -> usize {
    match encoding {
        PositionEncoding::Utf8 => c.len_utf8(),
        PositionEncoding::Utf16 => c.len_utf16(),
        PositionEncoding::Utf32 => 1,
    }
}

/// LSP's definition of a position, written as plainly as possible: skips whole lines, then the
/// characters of the line until the column is reached.
fn naive_byte_idx(text: &str, position: Position, encoding: PositionEncoding) -> usize {
    let mut line_start = 0;
    for _ in 0..position.line {
        match text[line_start..].find(['\n', '\r']) {
            Some(i) if text[line_start + i..].starts_with("\r\n") => line_start += i + 2,
            Some(i) => line_start += i + 1,
            None => return text.len(),
        }
    }
    let line = &text[line_start..];
    let line = &line[..line.find(['\n', '\r']).unwrap_or(line.len())];
    let mut col = 0;
    for (i, c) in line.char_indices() {
        col += width(c, encoding);
        if col > position.col as usize {
            return line_start + i;
        }
    }
    line_start + line.len()
}

fn position() -> impl Strategy<Value = Position> {
    (0..6u32, prop_oneof![8 => 0..12u32, 1 => Just(u32::MAX)])
        .prop_map(|(line, col)| Position::new(line, col))
}

/// A change of part of the text; one in eight replaces all of it.
fn change() -> impl Strategy<Value = Change> {
    let text = "[ab\r\né😀\u{301}\u{2028}]{0,6}";
    prop_oneof![
        7 => (position(), position(), text)
            .prop_map(|(start, end, text)| Change { range: Some(start..end), text }),
        1 => text.prop_map(|text| Change { range: None, text }),
    ]
}

proptest! {
    #[test]
    fn edits_match_a_plain_string(
        text in "[ab\r\né😀\u{301}\u{b}\u{85}]{0,30}",
        changes in proptest::collection::vec(change(), 0..12),
        encoding in 0..3usize,
    ) {
        let encoding = ENCODINGS[encoding];
        let mut documents = Documents::default();
        documents.open("file:///a", "rust", 1, &text);
        let mut plain = text;
        for (i, change) in changes.iter().enumerate() {
            let before = plain.clone();
            match &change.range {
                Some(Range { start, end }) => {
                    let a = naive_byte_idx(&plain, *start, encoding);
                    let b = naive_byte_idx(&plain, *end, encoding);
                    plain.replace_range(a.min(b)..a.max(b), &change.text);
                }
                None => plain.clone_from(&change.text),
            }
            let version = i32::try_from(i).unwrap();
            let edits = documents.change("file:///a", version, std::slice::from_ref(change), encoding);
            let snapshot = documents.snapshot("file:///a", encoding).unwrap();
            prop_assert_eq!(snapshot.rope.to_string(), plain.as_str());
            prop_assert_eq!(snapshot.version, version);

            // The returned edit describes the change.
            let Edit { removed, inserted } = &edits.unwrap()[0];
            let mut chars: Vec<char> = before.chars().collect();
            chars.splice(removed.clone(), inserted.chars());
            prop_assert_eq!(chars.into_iter().collect::<String>(), plain.as_str());
        }
    }

    /// For every character of a text, except between `\r` and `\n`.
    #[test]
    fn positions_round_trip(text in "[ab\r\né😀\u{301}]{0,30}") {
        for encoding in ENCODINGS {
            let snapshot = Snapshot { encoding, ..Snapshot::of_text("a", "", &text) };
            for char_idx in 0..=snapshot.rope.len_chars() {
                let in_line_break = char_idx > 0
                    && snapshot.rope.char(char_idx - 1) == '\r'
                    && snapshot.rope.get_char(char_idx) == Some('\n');
                if !in_line_break {
                    prop_assert_eq!(snapshot.char_idx(snapshot.position(char_idx)), char_idx);
                }
            }
        }
    }
}

#[track_caller]
fn check_position(text: &str, encoding: PositionEncoding, line: u32, col: u32, rest: &str) {
    let snapshot = Snapshot { encoding, ..Snapshot::of_text("a", "", text) };
    let char_idx = snapshot.char_idx(Position::new(line, col));
    assert_eq!(snapshot.slice(char_idx..usize::MAX), rest);
}

#[test]
fn columns_use_the_negotiated_encoding() {
    use PositionEncoding::{Utf8, Utf16, Utf32};
    check_position("é😀x", Utf8, 0, 6, "x");
    check_position("é😀x", Utf16, 0, 3, "x");
    check_position("é😀x", Utf32, 0, 2, "x");
    // A column within a character is the character's start.
    check_position("é😀x", Utf16, 0, 2, "😀x");
    check_position("é😀x", Utf8, 0, 1, "é😀x");
    // A position past the end is the end of the line or the text.
    check_position("ab\r\ncd", Utf16, 0, 99, "\r\ncd");
    check_position("ab\rcd", Utf16, 0, 99, "\rcd");
    check_position("ab\ncd", Utf16, 7, 0, "");
}

#[test]
fn only_lsp_line_breaks_split_lines() {
    let snapshot = Snapshot::of_text("a", "", "a\u{b}b\u{c}c\u{85}d\u{2028}e\u{2029}f\r\ng\rh\ni");
    assert_eq!(snapshot.rope.len_lines(), 4);
}

#[test]
fn unopened_document_is_ignored() {
    let mut documents = Documents::default();
    assert_eq!(documents.change("file:///a", 1, &[], PositionEncoding::Utf8), None);
    documents.open("file:///a", "rust", 1, "x");
    documents.close("file:///a");
    assert!(documents.snapshot("file:///a", PositionEncoding::Utf8).is_none());
}

#[test]
fn snapshot_is_immutable() {
    let mut documents = Documents::default();
    documents.open("file:///a", "rust", 1, "old");
    let snapshot = documents.snapshot("file:///a", PositionEncoding::Utf8).unwrap();
    documents.open("file:///a", "rust", 2, "new");
    assert_eq!(snapshot.rope.to_string(), "old");
}

#[test]
fn prose_and_other_languages_are_comments_among_code() {
    use super::notebook::{Cell, NotebookChange};
    let mut documents = Documents::default();
    let mut cells = Vec::new();
    for (uri, language, text) in [
        ("a", "markdown", "# Sales\n\nBy year."),
        ("b", "python", ""),
        ("c", "python", "import a"),
        ("d", "python", "x = "),
        ("e", "sql", "SELECT 1"),
        ("f", "python", "secret"),
    ] {
        documents.open(uri, language, 1, text);
        cells.push(Cell { uri: uri.into(), is_markup: language == "markdown" });
    }
    documents.change_notebook("n", NotebookChange::Open(cells));
    let joined = |uri: &str| {
        let mut cell = documents.snapshot(uri, PositionEncoding::Utf8).unwrap();
        cell.cells = documents.other_cells(uri, |it| it != "f").map(Arc::new);
        let (notebook, start) = cell.in_notebook(0).unwrap();
        (notebook.uri.to_string(), start, notebook.rope.to_string())
    };
    let text = "# # Sales\n# \n# By year.\n\nimport a\n\nx = \n\n# SELECT 1";
    assert_eq!(joined("d"), ("n".to_owned(), 35, text.to_owned()));
    let text = "# Sales\n\nBy year.\n\nimport a\n\nx = \n\nSELECT 1";
    assert_eq!(joined("a"), ("n".to_owned(), 0, text.to_owned()));
    let kinds = vec![Cell { uri: "a".into(), is_markup: false }];
    assert!(documents.change_notebook("n", NotebookChange::Kinds(kinds)).is_empty());
    assert_eq!(documents.change_notebook("d", NotebookChange::Close).len(), 6);
    assert!(documents.other_cells("d", |_| true).is_none());
}

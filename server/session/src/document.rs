//! The text of the open documents, and positions in it.
//!
//! A document is a rope; a [`Snapshot`] is an O(1) clone of it that a request keeps while the user
//! types on.
//!
//! Lines end at `\n`, `\r\n` and `\r`, as in LSP; the rope is built with the feature that splits at
//! exactly those (`ropey`'s `cr_lines` without `unicode_lines`).

pub mod notebook;
pub mod workspace;

use std::{collections::HashMap, ops::Range, sync::Arc};

use ropey::Rope;

use crate::comments;
use notebook::{Cell, MAX_CELLS, NotebookChange, Notebooks, OtherCells, SEPARATOR};

/// The unit in which a client counts the columns of a line (LSP 3.18, `PositionEncodingKind`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PositionEncoding {
    /// Bytes.
    Utf8,
    /// UTF-16 code units, the default of LSP.
    #[default]
    Utf16,
    /// Unicode scalar values.
    Utf32,
}

/// A place in a text as a client counts it, from 0 (LSP 3.18, `Position`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line.
    pub line: u32,
    /// The column, in the units of a [`PositionEncoding`].
    pub col: u32,
}

impl Position {
    /// A position.
    #[must_use]
    pub fn new(line: u32, col: u32) -> Self {
        Self { line, col }
    }
}

/// A change as a client describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// What is replaced; all of the text without one.
    pub range: Option<Range<Position>>,
    /// The new text.
    pub text: String,
}

/// A change as it was applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// The replaced range, in char_idx of the text before the change.
    pub removed: Range<usize>,
    /// The text that replaced it.
    pub inserted: String,
}

/// A text at one version.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The document's URI as the client wrote it, or a file's path.
    pub uri: Arc<str>,
    /// The client's version number.
    pub version: i32,
    /// The client's name for the language, for instance `rust`; may be empty.
    pub language: Arc<str>,
    /// The text.
    pub rope: Rope,
    /// The client's position encoding.
    pub encoding: PositionEncoding,
    /// The other cells, if it is a cell of a notebook and the prompt may contain them.
    pub cells: Option<Arc<OtherCells>>,
}

impl Snapshot {
    /// A snapshot of a text that is not an open document.
    #[must_use]
    pub fn of_text(uri: &str, language: &str, text: &str) -> Self {
        Self {
            uri: uri.into(),
            version: 0,
            language: language.into(),
            rope: Rope::from_str(text),
            encoding: PositionEncoding::Utf32,
            cells: None,
        }
    }

    /// The whole notebook as one document, and a char_idx of the cell in it. `None` if it is not a
    /// cell.
    #[must_use]
    pub fn in_notebook(&self, char_idx: usize) -> Option<(Self, usize)> {
        let OtherCells { notebook, before, after, .. } = &**self.cells.as_ref()?;
        let char_idx = before.len_chars() + char_idx.min(self.rope.len_chars());
        let mut rope = before.clone();
        rope.append(self.rope.clone());
        rope.append(after.clone());
        Some((Self { uri: Arc::clone(notebook), rope, cells: None, ..self.clone() }, char_idx))
    }

    /// The char_idx of a client's position; see [`char_idx`].
    #[must_use]
    pub fn char_idx(&self, position: Position) -> usize {
        char_idx(&self.rope, position, self.encoding)
    }

    /// The client's position of a char_idx, which is clamped to the end of the text. O(log n).
    #[must_use]
    pub fn position(&self, char_idx: usize) -> Position {
        let rope = &self.rope;
        let char_idx = char_idx.min(rope.len_chars());
        let line_idx = rope.char_to_line(char_idx);
        let line_start = rope.line_to_char(line_idx);
        let col = match self.encoding {
            PositionEncoding::Utf8 => rope.char_to_byte(char_idx) - rope.char_to_byte(line_start),
            PositionEncoding::Utf16 => {
                rope.char_to_utf16_cu(char_idx) - rope.char_to_utf16_cu(line_start)
            }
            PositionEncoding::Utf32 => char_idx - line_start,
        };
        Position::new(clamp_u32(line_idx), clamp_u32(col))
    }

    /// The text of a char range, clamped to the text.
    #[must_use]
    pub fn slice(&self, range: Range<usize>) -> String {
        let end = range.end.min(self.rope.len_chars());
        self.rope.slice(range.start.min(end)..end).to_string()
    }

    /// The char range of a byte range, clamped to the text.
    #[must_use]
    pub fn chars_of_bytes(&self, bytes: &Range<usize>) -> Range<usize> {
        let char_idx = |it: usize| self.rope.byte_to_char(it.min(self.rope.len_bytes()));
        char_idx(bytes.start)..char_idx(bytes.end)
    }

    /// The char range of a line without its line break.
    #[must_use]
    pub fn line_range(&self, line_idx: usize) -> Range<usize> {
        line_range(&self.rope, line_idx)
    }
}

fn clamp_u32(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// The char range of line `line_idx` without its line break; empty at the end of the text for a
/// line that does not exist. O(log n).
fn line_range(rope: &Rope, line_idx: usize) -> Range<usize> {
    if line_idx >= rope.len_lines() {
        return rope.len_chars()..rope.len_chars();
    }
    let start = rope.line_to_char(line_idx);
    let mut end = rope.line_to_char(line_idx + 1);
    for line_break in ['\n', '\r'] {
        if end > start && rope.char(end - 1) == line_break {
            end -= 1;
        }
    }
    start..end
}

/// The char_idx of a position. As in LSP, a column past the end of a line is the end of the line,
/// and a line past the last one is the end of the text. A position inside a character (half a
/// surrogate pair, a continuation byte) is its start. O(log n).
#[must_use]
pub fn char_idx(rope: &Rope, position: Position, encoding: PositionEncoding) -> usize {
    let Range { start, end } = line_range(rope, position.line as usize);
    let col = position.col as usize;
    let idx = match encoding {
        PositionEncoding::Utf8 => {
            rope.byte_to_char((rope.char_to_byte(start) + col).min(rope.len_bytes()))
        }
        PositionEncoding::Utf16 => {
            rope.utf16_cu_to_char((rope.char_to_utf16_cu(start) + col).min(rope.len_utf16_cu()))
        }
        PositionEncoding::Utf32 => start.saturating_add(col),
    };
    idx.clamp(start, end)
}

#[derive(Debug)]
struct Document {
    version: i32,
    language: Arc<str>,
    rope: Rope,
    /// Where the user was last, a char_idx of some version.
    cursor: usize,
    real_path: Option<Arc<str>>,
    /// Counts up with each document that is opened.
    opened: u64,
}

/// The open documents.
#[derive(Debug, Default)]
pub struct Documents {
    by_uri: HashMap<Arc<str>, Document>,
    n_opened: u64,
    notebooks: Notebooks,
}

impl Documents {
    /// Opens a document, replacing one of the same name.
    pub fn open(&mut self, uri: &str, language: &str, version: i32, text: &str) {
        let rope = Rope::from_str(text);
        let language = language.into();
        self.n_opened += 1;
        let opened = self.by_uri.get(uri).map_or(self.n_opened, |it| it.opened);
        let document = Document { version, language, rope, cursor: 0, real_path: None, opened };
        self.by_uri.insert(uri.into(), document);
    }

    /// Applies the changes of one notification, each to the result of the one before. Returns them
    /// as applied, or `None` for a document that is not open.
    ///
    /// A range whose end precedes its start is reversed. A version that goes back is accepted: the
    /// order of arrival counts, not the number.
    pub fn change(
        &mut self,
        uri: &str,
        version: i32,
        changes: &[Change],
        encoding: PositionEncoding,
    ) -> Option<Vec<Edit>> {
        let document = self.by_uri.get_mut(uri)?;
        document.version = version;
        Some(changes.iter().map(|change| apply(&mut document.rope, change, encoding)).collect())
    }

    /// Remembers where the user is in a document.
    pub fn set_cursor(&mut self, uri: &str, cursor: usize) {
        if let Some(document) = self.by_uri.get_mut(uri) {
            document.cursor = cursor;
        }
    }

    /// Where the user was last in a document, a char_idx of its current text; 0 if unknown.
    #[must_use]
    pub fn cursor(&self, uri: &str) -> usize {
        self.by_uri.get(uri).map_or(0, |it| it.cursor.min(it.rope.len_chars()))
    }

    /// Sets the real path of a document's file.
    pub fn set_real_path(&mut self, uri: &str, real_path: Option<Arc<str>>) {
        if let Some(document) = self.by_uri.get_mut(uri) {
            document.real_path = real_path;
        }
    }

    /// The real path of a document's file, if known.
    #[must_use]
    pub fn real_path(&self, uri: &str) -> Option<Arc<str>> {
        self.by_uri.get(uri)?.real_path.clone()
    }

    /// Closes a document.
    pub fn close(&mut self, uri: &str) {
        self.by_uri.remove(uri);
    }

    /// The current text of a document, or `None` if it is not open. O(1).
    #[must_use]
    pub fn snapshot(&self, uri: &str, encoding: PositionEncoding) -> Option<Snapshot> {
        let (uri, entry) = self.by_uri.get_key_value(uri)?;
        Some(Snapshot {
            uri: Arc::clone(uri),
            version: entry.version,
            language: Arc::clone(&entry.language),
            rope: entry.rope.clone(),
            encoding,
            cells: None,
        })
    }

    /// Applies a change of a notebook. Returns the cells that were closed with it.
    pub fn change_notebook(&mut self, uri: &str, change: NotebookChange) -> Vec<Cell> {
        self.notebooks.change(uri, change)
    }

    /// Whether a document is a cell of a notebook whose structure the client sends.
    #[must_use]
    pub fn is_cell_of(&self, uri: &str, notebook: &str) -> bool {
        self.notebooks.of_cell(uri).is_some_and(|(it, _)| **it == *notebook)
    }

    /// Whether a document is a cell of a notebook.
    #[must_use]
    pub fn is_cell(&self, uri: &str) -> bool {
        self.notebooks.of_cell(uri).is_some() || notebook::notebook_of(uri).is_some()
    }

    /// The cells of a cell's notebook in order, and the notebook's URI; `None` if the document is
    /// not a cell.
    fn cells(&self, uri: &str) -> Option<(Arc<str>, Vec<Cell>)> {
        if let Some((notebook, cells)) = self.notebooks.of_cell(uri) {
            return Some((Arc::clone(notebook), cells.to_vec()));
        }
        let notebook = notebook::notebook_of(uri)?;
        let is_cell = |it: &str| notebook::notebook_of(it) == Some(notebook);
        let mut found: Vec<_> = self.by_uri.iter().filter(|(uri, _)| is_cell(uri)).collect();
        found.sort_by_key(|(_, it)| it.opened);
        let cell = |(uri, it): (&Arc<str>, &Document)| Cell {
            uri: Arc::clone(uri),
            is_markup: &*it.language == "markdown",
        };
        let mut cells: Vec<Cell> = found.into_iter().map(cell).collect();
        notebook::sort_by_handle(&mut cells);
        Some((notebook.into(), cells))
    }

    /// The other cells of a cell's notebook. Prose and other languages are comments among code.
    /// `may_quote` is asked for each cell by its URI.
    #[must_use]
    pub fn other_cells(&self, uri: &str, may_quote: impl Fn(&str) -> bool) -> Option<OtherCells> {
        let (notebook, cells) = self.cells(uri)?;
        let own = cells.iter().position(|it| *it.uri == *uri)?;
        let own_language = &self.by_uri.get(uri)?.language;
        let comments = comments::of_language(own_language).filter(|_| !cells[own].is_markup);
        let text = |cell: &Cell| -> Option<Rope> {
            let Document { rope, language, .. } = self.by_uri.get(&cell.uri)?;
            if rope.len_chars() == 0 || !may_quote(&cell.uri) {
                return None;
            }
            let is_other = cell.is_markup != cells[own].is_markup || language != own_language;
            match comments.filter(|_| is_other) {
                Some(comments) => Some(notebook::commented(rope, comments)),
                None => Some(rope.clone()),
            }
        };
        let (mut before, mut after) = (Rope::new(), Rope::new());
        for rope in cells[own.saturating_sub(MAX_CELLS)..own].iter().filter_map(text) {
            before.append(rope);
            before.append(Rope::from_str(SEPARATOR));
        }
        for rope in cells[own + 1..].iter().take(MAX_CELLS).filter_map(text) {
            after.append(Rope::from_str(SEPARATOR));
            after.append(rope);
        }
        let uris = cells.into_iter().map(|it| it.uri).collect();
        Some(OtherCells { notebook, before, after, uris })
    }
}

fn apply(rope: &mut Rope, change: &Change, encoding: PositionEncoding) -> Edit {
    let (removed, inserted) = match &change.range {
        Some(Range { start, end }) => {
            let start = char_idx(rope, *start, encoding);
            let end = char_idx(rope, *end, encoding);
            (start.min(end)..start.max(end), change.text.as_str())
        }
        // A client that sends the whole text has changed little of it: the suggestion survives.
        None => difference(rope, &change.text),
    };
    rope.remove(removed.clone());
    rope.insert(removed.start, inserted);
    Edit { removed, inserted: inserted.to_owned() }
}

/// The one edit that turns a rope into `text`: everything between their common prefix and their
/// common suffix. O(n).
fn difference<'a>(rope: &Rope, text: &'a str) -> (Range<usize>, &'a str) {
    let same_head = rope.chars().zip(text.chars()).take_while(|(a, b)| a == b);
    let (n_head_chars, n_head_bytes) =
        same_head.fold((0, 0), |(n_chars, n_bytes), (c, _)| (n_chars + 1, n_bytes + c.len_utf8()));
    let text = &text[n_head_bytes..];
    let n_left = rope.len_chars() - n_head_chars;
    let tail = rope.chars_at(rope.len_chars()).reversed().take(n_left);
    let same_tail = tail.zip(text.chars().rev()).take_while(|(a, b)| a == b);
    let (n_tail_chars, n_tail_bytes) =
        same_tail.fold((0, 0), |(n_chars, n_bytes), (c, _)| (n_chars + 1, n_bytes + c.len_utf8()));
    let removed = n_head_chars..rope.len_chars() - n_tail_chars;
    (removed, &text[..text.len() - n_tail_bytes])
}

#[cfg(test)]
mod tests;

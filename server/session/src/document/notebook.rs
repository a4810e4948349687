//! Notebooks. For the client, each cell is a document; for the model, the cells are one document.
//!
//! A client that synchronizes notebooks sends the order of the cells. For others, the cells of a
//! notebook are the open documents whose URIs differ only in the fragment, in the order of their
//! handles.

use std::{cmp::Ordering, collections::HashMap, sync::Arc};

use ropey::Rope;

use crate::comments::Comments;

/// Separates two cells.
pub const SEPARATOR: &str = "\n\n";

/// The most cells before and after a cell that its prompt may contain.
pub const MAX_CELLS: usize = 200;

/// A cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    /// The URI of its document.
    pub uri: Arc<str>,
    /// Whether it is prose, not code.
    pub is_markup: bool,
}

/// The other cells of a cell's notebook.
#[derive(Debug, Clone)]
pub struct OtherCells {
    /// The notebook's URI.
    pub notebook: Arc<str>,
    /// The text of the cells above, and what separates them from this one.
    pub before: Rope,
    /// The same of the cells below.
    pub after: Rope,
    /// The URIs of all cells.
    pub uris: Vec<Arc<str>>,
}

/// A change of a notebook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotebookChange {
    /// It was opened, with these cells.
    Open(Vec<Cell>),
    /// Cells were removed and inserted.
    Splice {
        /// The index of the first affected cell.
        start: usize,
        /// The number of removed cells.
        n_removed: usize,
        /// The cells inserted at `start`.
        inserted: Vec<Cell>,
    },
    /// Cells became prose or code.
    Kinds(Vec<Cell>),
    /// It was closed, or missed a change. A cell's URI may stand for the notebook's.
    Close,
}

/// The notebooks whose structure the client sends.
#[derive(Debug, Default)]
pub struct Notebooks {
    by_uri: HashMap<Arc<str>, Vec<Cell>>,
}

impl Notebooks {
    /// Applies a change. Returns the cells that were closed with their notebook.
    pub fn change(&mut self, uri: &str, change: NotebookChange) -> Vec<Cell> {
        match change {
            NotebookChange::Open(cells) => {
                self.by_uri.insert(uri.into(), cells);
            }
            NotebookChange::Splice { start, n_removed, inserted } => {
                if let Some(cells) = self.by_uri.get_mut(uri) {
                    let start = start.min(cells.len());
                    let end = start.saturating_add(n_removed).min(cells.len());
                    cells.splice(start..end, inserted);
                }
            }
            NotebookChange::Kinds(changed) => {
                for cell in self.by_uri.get_mut(uri).into_iter().flatten() {
                    if let Some(it) = changed.iter().find(|it| it.uri == cell.uri) {
                        cell.is_markup = it.is_markup;
                    }
                }
            }
            NotebookChange::Close => {
                let of_cell = self.of_cell(uri).map(|(notebook, _)| Arc::clone(notebook));
                let notebook = of_cell.unwrap_or_else(|| uri.into());
                return self.by_uri.remove(&notebook).unwrap_or_default();
            }
        }
        Vec::new()
    }

    /// The notebook of a cell, and its cells in order.
    #[must_use]
    pub fn of_cell(&self, cell: &str) -> Option<(&Arc<str>, &[Cell])> {
        let found = self.by_uri.iter().find(|(_, cells)| cells.iter().any(|it| *it.uri == *cell));
        found.map(|(uri, cells)| (uri, cells.as_slice()))
    }
}

/// The notebook's part of a cell's URI, for instance of `vscode-notebook-cell:/a.ipynb#W0sZmlsZQ`.
#[must_use]
pub fn notebook_of(cell: &str) -> Option<&str> {
    let (notebook, _) = cell.split_once('#')?;
    let scheme = notebook.split_once(':').map_or("", |it| it.0);
    (scheme.contains("notebook") || notebook.ends_with(".ipynb")).then_some(notebook)
}

/// Sorts the cells of one notebook, given in the order in which they were opened, by their handles.
/// VS Code's (`W0s…`, `X10s…`) and plain numbers count up; other names do not say an order.
pub fn sort_by_handle(cells: &mut [Cell]) {
    if cells.iter().all(|it| handle(&it.uri).is_some()) {
        cells.sort_by(|a, b| by_handle(&a.uri, &b.uri));
    }
}

fn by_handle(a: &str, b: &str) -> Ordering {
    handle(a).cmp(&handle(b))
}

/// The letters and the number at the start of a cell's fragment.
fn handle(uri: &str) -> Option<(&str, u64)> {
    let fragment = uri.split_once('#')?.1;
    let digits = fragment.find(|c: char| c.is_ascii_digit())?;
    let (letters, rest) = fragment.split_at(digits);
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let is_handle = letters.len() <= 1 && matches!(rest.as_bytes().get(end), None | Some(b's'))
        || letters.chars().all(|c| c.is_ascii_alphabetic() || "-_".contains(c))
            && end == rest.len();
    is_handle.then_some(())?;
    Some((letters, rest[..end].parse().ok()?))
}

/// A text as comments, line by line: prose among code, or another language.
#[must_use]
pub fn commented(text: &Rope, comments: Comments) -> Rope {
    let lines = text.lines().map(|line| comments.comment(line.to_string().trim_end()));
    let all: String = lines.collect();
    Rope::from_str(all.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(fragments: &[&str]) -> Vec<String> {
        let cell = |it: &&str| Cell {
            uri: format!("vscode-notebook-cell:/a.ipynb#{it}").into(),
            is_markup: false,
        };
        let mut cells: Vec<Cell> = fragments.iter().map(cell).collect();
        sort_by_handle(&mut cells);
        cells.iter().map(|it| it.uri.split_once('#').unwrap().1.to_owned()).collect()
    }

    #[test]
    fn cells_are_in_the_order_of_their_handles() {
        assert_eq!(sorted(&["X10sZm", "W6sZm", "W0sZm"]), ["W0sZm", "W6sZm", "X10sZm"]);
        assert_eq!(sorted(&["W10", "W2", "W1"]), ["W1", "W2", "W10"]);
        assert_eq!(sorted(&["cell-3", "cell-12", "cell-1"]), ["cell-1", "cell-3", "cell-12"]);
        assert_eq!(sorted(&["f3a9", "0b1c", "77e0"]), ["f3a9", "0b1c", "77e0"], "no order");
    }

    #[test]
    fn only_cells_have_a_notebook() {
        assert_eq!(notebook_of("file:///a/x.ipynb#c1"), Some("file:///a/x.ipynb"));
        assert_eq!(
            notebook_of("vscode-notebook-cell:/a.py#W0s"),
            Some("vscode-notebook-cell:/a.py")
        );
        assert_eq!(notebook_of("file:///C#/x.py"), None);
        assert_eq!(notebook_of("file:///a/x.ipynb"), None);
    }

    #[test]
    fn splice_beyond_the_end_is_clamped() {
        let cell = |uri: &str| Cell { uri: uri.into(), is_markup: false };
        let mut notebooks = Notebooks::default();
        notebooks.change("n", NotebookChange::Open(vec![cell("a")]));
        let splice =
            NotebookChange::Splice { start: 9, n_removed: usize::MAX, inserted: vec![cell("b")] };
        notebooks.change("n", splice);
        assert_eq!(notebooks.of_cell("b").map(|it| it.1.len()), Some(2));
        assert_eq!(notebooks.change("b", NotebookChange::Close).len(), 2);
        assert!(notebooks.of_cell("a").is_none());
    }
}

//! Notebooks: a cell's request sees the other cells.

use std::sync::Arc;

use super::State;
use crate::{
    document::{
        Edit,
        notebook::{NotebookChange, OtherCells},
    },
    suggestion::Suggestion,
};

impl State {
    /// Applies a change of a notebook. When it is closed, so are its cells.
    pub(super) fn change_notebook(&mut self, uri: &str, change: NotebookChange) {
        // It was made for other cells above it.
        let is_cell = |it: &Suggestion| self.documents.is_cell_of(it.uri(), uri);
        if self.suggestion.as_ref().is_some_and(is_cell) {
            self.drop_suggestion();
        }
        for cell in self.documents.change_notebook(uri, change) {
            self.close(cell.uri.to_string());
        }
    }

    /// The other cells of a cell's notebook that its prompt may contain; `None` if the document is
    /// not a cell.
    #[must_use]
    pub fn other_cells(&self, uri: &str) -> Option<OtherCells> {
        let exclusions = &self.settings.exclusions;
        self.documents.other_cells(uri, |it| {
            let real_path = self.documents.real_path(it);
            !exclusions.contain_open(it, "", real_path.as_deref())
        })
    }
}

/// An edit of a document for the prompter, for which a notebook is one document.
pub(super) fn in_notebook(uri: &str, edit: Edit, cells: Option<&OtherCells>) -> (Arc<str>, Edit) {
    let Some(OtherCells { notebook, before, .. }) = cells else { return (uri.into(), edit) };
    let n_before = before.len_chars();
    let removed = n_before + edit.removed.start..n_before + edit.removed.end;
    (Arc::clone(notebook), Edit { removed, ..edit })
}

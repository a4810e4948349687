//! Notebooks (LSP 3.17), whose cells are documents with an order.

use serde::Deserialize;
use tower_lsp::gen_lsp_types as lsp;

use crate::{
    from_proto,
    params::{
        Cell, CellChange, CellsChange, ChangeNotebook, CloseNotebook, DocumentItem, OpenNotebook,
        Structure,
    },
};
use foretell_session::{
    document::{
        PositionEncoding,
        notebook::{self, NotebookChange},
    },
    session::Session,
};

/// The notifications about notebooks.
pub(crate) const NOTEBOOK_SYNC: [&str; 4] = [
    "notebookDocument/didOpen",
    "notebookDocument/didChange",
    "notebookDocument/didSave",
    "notebookDocument/didClose",
];

/// The registered capability: all cells of all notebooks.
pub(crate) fn options() -> lsp::NotebookDocumentSyncOptions {
    let all = lsp::NotebookDocumentFilterWithNotebook {
        notebook: lsp::Notebook::String("*".to_owned()),
        cells: None,
    };
    lsp::NotebookDocumentSyncOptions { notebook_selector: vec![all.into()], save: None }
}

/// Opens a notebook and its cells.
pub(crate) fn open(session: &Session, it: OpenNotebook) {
    let uri = &it.notebook_document.uri;
    open_cells(session, uri, &it.cell_text_documents);
    let cells = it.notebook_document.cells.into_iter().map(cell).collect();
    session.change_notebook(uri, NotebookChange::Open(cells));
}

/// Changes a notebook: first its structure, then the text of its cells.
pub(crate) fn change(session: &Session, it: ChangeNotebook, encoding: PositionEncoding) {
    let uri = &it.notebook_document.uri;
    let Some(CellsChange { structure, data, text_content }) = it.change.cells else { return };
    if let Some(Structure { array, did_open, did_close }) = structure {
        let inserted = array.cells.into_iter().flatten().map(cell).collect();
        let (start, n_removed) = (array.start, array.delete_count);
        session.change_notebook(uri, NotebookChange::Splice { start, n_removed, inserted });
        for closed in did_close.into_iter().flatten() {
            session.close_document(&closed.uri);
        }
        open_cells(session, uri, &did_open.unwrap_or_default());
    }
    if let Some(cells) = data {
        let cells = cells.into_iter().map(cell).collect();
        session.change_notebook(uri, NotebookChange::Kinds(cells));
    }
    for text in text_content.into_iter().flatten() {
        let Ok(CellChange { document, changes }) = CellChange::deserialize(&text) else {
            tracing::warn!("a cell counts as closed: it missed an invalid change");
            match text["document"]["uri"].as_str() {
                Some(cell) => session.close_document(cell),
                None => close_all(session, uri),
            }
            continue;
        };
        let changes = changes.into_iter().map(from_proto::change).collect();
        let version = document.version.unwrap_or_default();
        session.change(&document.uri, version, changes, encoding);
    }
}

/// Closes a notebook and its cells.
pub(crate) fn close(session: &Session, it: &CloseNotebook) {
    close_all(session, &it.notebook_document.uri);
    for cell in &it.cell_text_documents {
        session.close_document(&cell.uri);
    }
}

/// Closes a notebook, given by its URI or by that of a cell, and its cells.
pub(crate) fn close_all(session: &Session, uri: &str) {
    session.change_notebook(uri, NotebookChange::Close);
}

fn open_cells(session: &Session, notebook: &str, cells: &[DocumentItem]) {
    for DocumentItem { uri, language_id, version, text } in cells {
        session.open_cell(notebook, uri, language_id, *version, text);
    }
}

fn cell(Cell { kind, document }: Cell) -> notebook::Cell {
    notebook::Cell { uri: document.into(), is_markup: kind == 1 }
}

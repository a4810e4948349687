//! Notebooks: their cells are one document for the model.

use foretell_engine::scripted::Controls;
use foretell_test_support::lsp_client::Client;
use foretell_test_support::scripted_server::{
    connect, connect_with, initialize, on_request_config,
};
use serde_json::{Value, json};

const NOTEBOOK: &str = "file:///a/n.ipynb";
/// The scripted model continues the longest text that it knows: `x = ` alone is followed by
/// `nothing`, after the cell above by `a.load()`.
const SAYS: &str = "x = nothing\nimport a\n\nx = a.load()\n";

fn start() -> (Client, Controls) {
    let (mut client, controls) = connect(SAYS);
    let result = initialize(&mut client);
    let sync = &result["capabilities"]["notebookDocumentSync"];
    assert_eq!(*sync, json!({"notebookSelector": [{"notebook": "*"}]}));
    (client, controls)
}

fn uri(name: &str) -> String {
    format!("vscode-notebook-cell:/a/n.ipynb#{name}")
}

fn item(name: &str, text: &str) -> Value {
    json!({"uri": uri(name), "languageId": "python", "version": 1, "text": text})
}

fn cell(name: &str, kind: u32) -> Value {
    json!({"kind": kind, "document": uri(name)})
}

fn open_notebook(client: &mut Client, cells: &[(&str, &str)]) {
    let list: Vec<Value> = cells.iter().map(|it| cell(it.0, 2)).collect();
    let texts: Vec<Value> = cells.iter().map(|it| item(it.0, it.1)).collect();
    let notebook = json!({"uri": NOTEBOOK, "notebookType": "jupyter-notebook", "version": 1,
        "cells": list});
    let params = json!({"notebookDocument": notebook, "cellTextDocuments": texts});
    client.notify("notebookDocument/didOpen", params);
}

fn change(client: &mut Client, cells: Value) {
    let params = json!({"notebookDocument": {"uri": NOTEBOOK, "version": 2},
        "change": {"metadata": null, "cells": cells}});
    client.notify("notebookDocument/didChange", params);
}

/// What is suggested at the end of a cell with one line.
fn ask(client: &mut Client, name: &str, character: u32) -> Option<String> {
    let params = json!({"textDocument": {"uri": uri(name)}, "context": {"triggerKind": 2},
        "position": {"line": 0, "character": character}});
    let id = client.request("textDocument/inlineCompletion", params);
    let answer = client.answer(id);
    answer["result"]["items"][0]["insertText"].as_str().map(str::to_owned)
}

#[test]
fn cell_sees_the_cells_above_it() {
    let (mut client, _) = start();
    open_notebook(&mut client, &[("c", "import a"), ("b", "x = ")]);
    assert_eq!(ask(&mut client, "b", 4).as_deref(), Some("a.load()"));
    client.notify("notebookDocument/didSave", json!({"notebookDocument": {"uri": NOTEBOOK}}));
    assert_eq!(ask(&mut client, "b", 4).as_deref(), Some("a.load()"));
}

#[test]
fn cell_below_is_not_above() {
    let (mut client, _) = start();
    open_notebook(&mut client, &[("b", "x = "), ("c", "import a")]);
    assert_eq!(ask(&mut client, "b", 4).as_deref(), Some("nothing"));
}

#[test]
fn cells_are_moved_inserted_and_removed() {
    let (mut client, _) = start();
    open_notebook(&mut client, &[("b", "x = "), ("c", "import a")]);
    let moved = json!({"start": 0, "deleteCount": 2, "cells": [cell("c", 2), cell("b", 2)]});
    change(&mut client, json!({"structure": {"array": moved}}));
    assert_eq!(ask(&mut client, "b", 4).as_deref(), Some("a.load()"));
    let removed = json!({"start": 0, "deleteCount": 1});
    let closed = json!([{"uri": uri("c")}]);
    change(&mut client, json!({"structure": {"array": removed, "didClose": closed}}));
    assert_eq!(ask(&mut client, "b", 4).as_deref(), Some("nothing"));
    let inserted = json!({"start": 0, "deleteCount": 0, "cells": [cell("d", 2)]});
    let opened = json!([item("d", "import a")]);
    change(&mut client, json!({"structure": {"array": inserted, "didOpen": opened}}));
    assert_eq!(ask(&mut client, "b", 4).as_deref(), Some("a.load()"));
    change(&mut client, json!({"data": [cell("d", 1)], "metadata": 1}));
    assert!(ask(&mut client, "b", 4).is_some());
}

/// Types into a cell that has the text `x = `, or another one.
fn edit(client: &mut Client, name: &str, range: Value, text: &str) {
    let changes = json!([{"range": range, "text": text}]);
    let document = json!({"uri": uri(name), "version": 2});
    change(client, json!({"textContent": [{"document": document, "changes": changes}]}));
}

fn range(start: u32, end: u32) -> Value {
    json!({"start": {"line": 0, "character": start}, "end": {"line": 0, "character": end}})
}

#[test]
fn edits_of_cells_are_applied_and_keep_the_cache() {
    let (mut client, controls) = start();
    open_notebook(&mut client, &[("c", "import "), ("b", "x = ")]);
    edit(&mut client, "c", range(7, 7), "a");
    assert_eq!(ask(&mut client, "b", 4).as_deref(), Some("a.load()"));
    let n_reads = controls.reads().len();
    edit(&mut client, "b", range(4, 4), "q");
    ask(&mut client, "b", 5);
    let reads = &controls.reads()[n_reads..];
    assert!(reads.iter().all(|it| it.n_tokens <= 8), "only the key is prefilled: {reads:?}");
}

#[test]
fn unreadable_change_of_a_cell_closes_it() {
    let (mut client, _) = start();
    open_notebook(&mut client, &[("c", "import a"), ("b", "x = ")]);
    edit(&mut client, "c", json!({"start": -1}), "zz");
    assert_eq!(ask(&mut client, "c", 0), None);
    assert_eq!(ask(&mut client, "b", 4).as_deref(), Some("nothing"));
}

#[test]
fn unreadable_structure_closes_the_notebook() {
    for array in [json!({"start": -1, "deleteCount": 0}), json!({}), json!([1]), json!(null)] {
        let (mut client, _) = start();
        open_notebook(&mut client, &[("c", "import a"), ("b", "x = ")]);
        change(&mut client, json!({"structure": {"array": array}}));
        assert_eq!(ask(&mut client, "b", 4), None, "{array}");
    }
}

#[test]
fn closing_a_notebook_closes_its_cells() {
    let (mut client, _) = start();
    open_notebook(&mut client, &[("c", "import a"), ("b", "x = ")]);
    let params = json!({"notebookDocument": {"uri": NOTEBOOK}, "cellTextDocuments": []});
    client.notify("notebookDocument/didClose", params);
    assert_eq!(ask(&mut client, "b", 4), None);
}

/// For clients that know no notebooks.
#[test]
fn cells_with_the_same_path_are_one_notebook() {
    let open = |client: &mut Client, name: &str, text: &str| {
        client.notify("textDocument/didOpen", json!({"textDocument": item(name, text)}));
    };
    for (names, says) in [(["W0sZm", "W1sZm"], "a.load()"), (["X10sZm", "W6sZm"], "nothing")] {
        let (mut client, _) = start();
        open(&mut client, names[1], "x = ");
        open(&mut client, names[0], "import a");
        assert_eq!(ask(&mut client, names[1], 4).as_deref(), Some(says), "{names:?}");
    }
    let (mut client, _) = start();
    let other = json!({"uri": "vscode-notebook-cell:/a/other.ipynb#W0sZm", "languageId": "python",
        "version": 1, "text": "import a"});
    client.notify("textDocument/didOpen", json!({"textDocument": other}));
    open(&mut client, "W1sZm", "x = ");
    assert_eq!(ask(&mut client, "W1sZm", 4).as_deref(), Some("nothing"), "another notebook");
}

#[test]
fn cells_of_an_excluded_notebook_are_excluded() {
    let mut config = on_request_config();
    config.suggest.exclude = vec!["**/n.ipynb".to_owned()];
    let (mut client, controls) = connect_with(SAYS, &config);
    initialize(&mut client);
    let cells = json!([{"kind": 2, "document": "cell:1"}]);
    let text = json!({"uri": "cell:1", "languageId": "python", "version": 1, "text": "x = "});
    let params = json!({"notebookDocument": {"uri": NOTEBOOK, "cells": cells},
        "cellTextDocuments": [text]});
    client.notify("notebookDocument/didOpen", params);
    let id = client.request(
        "textDocument/inlineCompletion",
        json!({"textDocument": {"uri": "cell:1"}, "position": {"line": 0, "character": 4},
            "context": {"triggerKind": 2}}),
    );
    assert_eq!(client.answer(id)["result"]["items"], json!([]));
    assert!(controls.reads().is_empty());
}

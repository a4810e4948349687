//! The parameters of the client's messages, as far as the server uses them.
//!
//! Clients send more than the server reads, and not always in the form of the specification. So
//! these types have only the fields that the server uses. A field that it can do without
//! ([`lenient`]) counts as absent if it cannot be read.

use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::{Value, json};
use tower_lsp::{gen_lsp_types as lsp, jsonrpc::Request};

/// A field's value, or the default if it is null or unreadable.
pub(crate) fn lenient<'de, D: Deserializer<'de>, T: DeserializeOwned + Default>(
    from: D,
) -> Result<T, D::Error> {
    Ok(T::deserialize(Value::deserialize(from)?).unwrap_or_default())
}

/// A document that a message names.
#[derive(Debug, Deserialize)]
pub(crate) struct Document {
    pub(crate) uri: String,
    /// The version that the client has, if it sends one.
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) version: Option<i32>,
}

/// A message about a document: `textDocument/didClose`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OfDocument {
    pub(crate) text_document: Document,
}

/// `textDocument/didFocus`: the user focused a document, with the cursor at `position`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Focus {
    pub(crate) text_document: Document,
    #[serde(default)]
    pub(crate) position: Option<lsp::Position>,
}

/// `textDocument/didOpen`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Open {
    pub(crate) text_document: DocumentItem,
}

/// A document with its text.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DocumentItem {
    pub(crate) uri: String,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) language_id: String,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) version: i32,
    pub(crate) text: String,
}

/// `textDocument/didChange`. Nothing in it is lenient: a change that is not applied as the client
/// means it leaves another text.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Change {
    pub(crate) text_document: ChangedDocument,
    pub(crate) content_changes: Vec<ContentChange>,
}

/// A changed document.
#[derive(Debug, Deserialize)]
pub(crate) struct ChangedDocument {
    pub(crate) uri: String,
    /// LSP before 3.16 allowed `null`.
    pub(crate) version: Option<i32>,
}

/// One change. Without a range, the text is the whole document; a range that cannot be read makes
/// the message invalid.
#[derive(Debug, Deserialize)]
pub(crate) struct ContentChange {
    pub(crate) range: Option<lsp::Range>,
    pub(crate) text: String,
}

/// `notebookDocument/didOpen`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OpenNotebook {
    pub(crate) notebook_document: Notebook,
    #[serde(default)]
    pub(crate) cell_text_documents: Vec<DocumentItem>,
}

/// A notebook with the order of its cells.
#[derive(Debug, Deserialize)]
pub(crate) struct Notebook {
    pub(crate) uri: String,
    #[serde(default)]
    pub(crate) cells: Vec<Cell>,
}

/// A cell of a notebook.
#[derive(Debug, Deserialize)]
pub(crate) struct Cell {
    /// 1 for prose, 2 for code.
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) kind: u32,
    /// The URI of its document.
    pub(crate) document: String,
}

/// `notebookDocument/didChange`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ChangeNotebook {
    pub(crate) notebook_document: NamedNotebook,
    pub(crate) change: NotebookChange,
}

/// `notebookDocument/didClose`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CloseNotebook {
    pub(crate) notebook_document: NamedNotebook,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) cell_text_documents: Vec<Document>,
}

/// A notebook that a message names.
#[derive(Debug, Deserialize)]
pub(crate) struct NamedNotebook {
    pub(crate) uri: String,
}

/// What changed in a notebook; null or absent parts did not.
#[derive(Debug, Deserialize)]
pub(crate) struct NotebookChange {
    #[serde(default)]
    pub(crate) cells: Option<CellsChange>,
}

/// What changed in the cells of a notebook.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CellsChange {
    pub(crate) structure: Option<Structure>,
    pub(crate) data: Option<Vec<Cell>>,
    /// Changes of single cells, each a [`CellChange`].
    pub(crate) text_content: Option<Vec<Value>>,
}

/// Cells that were inserted, removed or moved.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Structure {
    pub(crate) array: CellArrayChange,
    pub(crate) did_open: Option<Vec<DocumentItem>>,
    pub(crate) did_close: Option<Vec<Document>>,
}

/// A change of the list of cells.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CellArrayChange {
    pub(crate) start: usize,
    pub(crate) delete_count: usize,
    pub(crate) cells: Option<Vec<Cell>>,
}

/// A change of a cell's text.
#[derive(Debug, Deserialize)]
pub(crate) struct CellChange {
    pub(crate) document: ChangedDocument,
    pub(crate) changes: Vec<ContentChange>,
}

/// `textDocument/completion`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Completion {
    pub(crate) text_document: Document,
    pub(crate) position: lsp::Position,
}

/// `textDocument/inlineCompletion`, with what Copilot's dialect adds.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct InlineCompletion {
    pub(crate) text_document: Document,
    pub(crate) position: lsp::Position,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) context: InlineContext,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) formatting_options: Option<Formatting>,
}

/// Why an inline completion is requested.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct InlineContext {
    /// 1 if the user asked, 2 while typing.
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) trigger_kind: u32,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) selected_completion_info: Option<SelectedItem>,
}

impl InlineContext {
    /// Whether the user asked.
    pub(crate) fn is_invoked(&self) -> bool {
        self.trigger_kind == 1
    }
}

/// `textDocument/copilotInlineEdit`, of Copilot's dialect.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct InlineEdit {
    pub(crate) text_document: Document,
}

/// The kind of the code action "Apply next edit".
pub(crate) const CODE_ACTION_KIND: &str = "refactor.rewrite";

/// `textDocument/codeAction`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CodeAction {
    pub(crate) text_document: Document,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) context: CodeActionContext,
}

impl CodeAction {
    /// Whether the client wants actions of the kind of the next edit: of that kind or one above.
    pub(crate) fn is_wanted(&self) -> bool {
        let is_above = |kind: &String| {
            let rest = CODE_ACTION_KIND.strip_prefix(kind.as_str());
            rest.is_some_and(|it| kind.is_empty() || it.is_empty() || it.starts_with('.'))
        };
        self.context.only.as_ref().is_none_or(|it| it.iter().any(is_above))
    }
}

/// Which code actions are requested.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct CodeActionContext {
    /// The kinds; all if absent.
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) only: Option<Vec<String>>,
}

/// `textDocument/didShowInlineEdit`, of Copilot's dialect.
#[derive(Debug, Deserialize)]
pub(crate) struct ShownEdit {
    pub(crate) item: ShownItem,
}

/// An item that was shown.
#[derive(Debug, Deserialize)]
pub(crate) struct ShownItem {
    pub(crate) command: ExecuteCommand,
}

/// The selected item of the completion menu.
#[derive(Debug, Deserialize)]
pub(crate) struct SelectedItem {
    pub(crate) range: lsp::Range,
    pub(crate) text: String,
}

/// How the editor indents.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Formatting {
    /// Some clients have only one type of number.
    pub(crate) tab_size: f64,
    pub(crate) insert_spaces: bool,
}

/// `workspace/executeCommand`.
#[derive(Debug, Deserialize)]
pub(crate) struct ExecuteCommand {
    pub(crate) command: String,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) arguments: Vec<Value>,
}

impl ExecuteCommand {
    /// The number of the offered edit that the command is about.
    pub(crate) fn offer(&self) -> Option<u64> {
        self.arguments.first().and_then(Value::as_u64)
    }
}

/// `workspace/didChangeConfiguration`.
#[derive(Debug, Deserialize)]
pub(crate) struct ChangeConfiguration {
    #[serde(default)]
    pub(crate) settings: Value,
}

/// The message with parameters that tower-lsp accepts, for the methods whose parameters it reads
/// itself.
///
/// The parameters of `initialize` travel as a whole in `initializationOptions`, which may be
/// anything; tower-lsp would refuse them for any capability that it cannot read.
pub(crate) fn for_tower_lsp(request: Request) -> Request {
    let params = match request.method() {
        "initialize" => {
            let all = request.params().cloned().unwrap_or_default();
            Some(json!({"processId": null, "rootUri": null, "capabilities": {},
                "initializationOptions": all}))
        }
        "initialized" => Some(json!({})),
        "shutdown" | "exit" => None,
        _ => return request,
    };
    let (method, id, _) = request.into_parts();
    let mut builder = Request::build(method);
    if let Some(params) = params {
        builder = builder.params(params);
    }
    if let Some(id) = id {
        builder = builder.id(id);
    }
    builder.finish()
}

/// The client's name and version. In Copilot's dialect, they are among the options.
pub(crate) fn client_of(params: &Value) -> Option<(&str, &str)> {
    let places = ["/clientInfo", "/initializationOptions/editorPluginInfo"];
    places.into_iter().filter_map(|it| params.pointer(it)).find_map(|it| {
        Some((it["name"].as_str()?, it["version"].as_str().unwrap_or("of unknown version")))
    })
}

/// Whether the client announces a capability, by its JSON pointer below `capabilities`: an object,
/// or `true`.
pub(crate) fn announces(params: &Value, capability: &str) -> bool {
    let value = params.pointer(&format!("/capabilities/{capability}"));
    value.is_some_and(|it| it.is_object() || *it == true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(range: &str) -> Option<Option<lsp::Range>> {
        let text = format!(
            r#"{{"textDocument": {{"uri": "a", "version": null}},
                "contentChanges": [{{{range} "rangeLength": "x", "text": "zz"}}]}}"#
        );
        let mut it: Change = serde_json::from_str(&text).ok()?;
        Some(it.content_changes.remove(0).range)
    }

    #[test]
    fn change_without_a_range_is_the_whole_document() {
        assert_eq!(change(""), Some(None));
        assert_eq!(change(r#""range": null,"#), Some(None));
        let range = r#""range": {"start": {"line": 0, "character": 1},
            "end": {"line": 4294967295, "character": 0, "more": 1}},"#;
        assert_eq!(change(range).flatten().map(|it| it.end.line), Some(u32::MAX));
    }

    #[test]
    fn unreadable_range_makes_the_change_invalid() {
        for bound in ["-1", "3.0", "\"0\"", "null", "[]", "9223372036854775807", "1e30"] {
            for (start, end) in [(bound, "0"), ("0", bound)] {
                let range = format!(
                    r#""range": {{"start": {{"line": 0, "character": {start}}},
                        "end": {{"line": {end}, "character": 0}}}},"#
                );
                assert_eq!(change(&range), None, "{range}");
            }
        }
        for range in ["{}", "[]", "1", "\"\"", "true", r#"{"start": {"line": 0, "character": 0}}"#]
        {
            assert_eq!(change(&format!(r#""range": {range},"#)), None, "{range}");
        }
    }

    #[test]
    fn unused_fields_are_not_read() {
        let at = json!({"line": 1, "character": 2});
        let ask = |context: Value, options: Value| -> InlineCompletion {
            serde_json::from_value(json!({
                "textDocument": {"uri": "a", "version": "x"}, "position": at,
                "context": context, "formattingOptions": options, "workDoneToken": {},
            }))
            .unwrap()
        };
        for nonsense in [json!(null), json!(7), json!([]), json!("x"), json!({"triggerKind": "x"})]
        {
            let it = ask(nonsense.clone(), nonsense);
            assert!(!it.context.is_invoked() && it.formatting_options.is_none());
        }
        let it = ask(
            json!({"triggerKind": 1, "selectedCompletionInfo": {"text": 1}}),
            json!({"tabSize": 2.0, "insertSpaces": true, "trimFinalNewlines": {}}),
        );
        assert!(it.context.is_invoked() && it.context.selected_completion_info.is_none());
        assert_eq!(it.formatting_options.map(|it| it.tab_size), Some(2.0));
    }
}

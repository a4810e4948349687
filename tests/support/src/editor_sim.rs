//! Types into a document like a user in an editor, and checks every answer against its own copy of
//! the text.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::lsp_client::Client;

/// An open document, its cursor, and its client. Positions are in UTF-8.
pub struct Typist {
    /// The language client.
    pub client: Client,
    uri: String,
    version: i64,
    /// The editor's text.
    pub text: String,
    /// The cursor, a byte index into the text.
    pub cursor: usize,
}

/// An answer as the user sees it.
#[derive(Debug, Clone, PartialEq)]
pub enum Seen {
    /// The ghost text after the cursor.
    Grey(String),
    /// Nothing is shown.
    Nothing,
    /// The request was superseded.
    Superseded,
}

impl Typist {
    /// Opens a document with the cursor at `ˇ`.
    pub fn open(mut client: Client, uri: &str, marked: &str) -> Self {
        let cursor = marked.find('ˇ').expect("a cursor");
        let text = marked.replace('ˇ', "");
        let document = json!({"uri": uri, "languageId": "rust", "version": 1, "text": text});
        client.notify("textDocument/didOpen", json!({"textDocument": document}));
        Self { client, uri: uri.into(), version: 1, text, cursor }
    }

    /// The LSP position of a byte index.
    pub fn position(&self, byte_idx: usize) -> Value {
        let before = &self.text[..byte_idx];
        let line = before.matches('\n').count();
        let line_start = before.rfind('\n').map_or(0, |i| i + 1);
        json!({"line": line, "character": byte_idx - line_start})
    }

    /// Replaces the `n_bytes` before the cursor with `text`, and notifies the server.
    pub fn replace(&mut self, n_bytes: usize, text: &str) {
        let start = self.cursor - n_bytes;
        let range = json!({"start": self.position(start), "end": self.position(self.cursor)});
        self.text.replace_range(start..self.cursor, text);
        self.cursor = start + text.len();
        self.version += 1;
        let document = json!({"uri": self.uri, "version": self.version});
        let changes = json!([{"range": range, "text": text}]);
        self.client.notify(
            "textDocument/didChange",
            json!({"textDocument": document, "contentChanges": changes}),
        );
    }

    /// Types a text in one change.
    pub fn type_text(&mut self, text: &str) {
        self.replace(0, text);
    }

    /// Requests an inline completion at the cursor; returns the request's id.
    pub fn ask(&mut self) -> i64 {
        let params = json!({
            "textDocument": {"uri": self.uri},
            "position": self.position(self.cursor),
            "context": {"triggerKind": 2},
        });
        self.client.request("textDocument/inlineCompletion", params)
    }

    /// Waits for the answer to a request made at the current cursor.
    pub fn see(&mut self, id: i64) -> Seen {
        let answer = self.client.answer(id);
        if answer["error"]["code"] == -32800 {
            return Seen::Superseded;
        }
        let items = answer["result"]["items"].as_array();
        let items = items.unwrap_or_else(|| panic!("not a list of items: {answer}"));
        let Some(item) = items.first() else { return Seen::Nothing };
        assert_eq!(items.len(), 1, "one item: {answer}");
        let here = self.position(self.cursor);
        assert_eq!(item["range"], json!({"start": here, "end": here}), "at the cursor: {answer}");
        let text = item["insertText"].as_str().expect("a text");
        assert!(!text.is_empty(), "an item is never empty");
        Seen::Grey(text.to_owned())
    }

    /// Requests a suggestion and waits for it; also returns the time it took.
    pub fn ask_and_see(&mut self) -> (Seen, Duration) {
        let started = Instant::now();
        let id = self.ask();
        (self.see(id), started.elapsed())
    }
}

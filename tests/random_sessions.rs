//! Random sessions checked against a simple model: a plain string for each document and the list of
//! open requests. `FORETELL_SESSIONS=10000` runs more of them.

use std::{collections::HashMap, sync::Arc};

use foretell_config::{
    Config, Suggest,
    next_edit::{EditEagerness, NextEdit},
};
use foretell_engine::scripted::Script;
use foretell_session::{document::PositionEncoding, session::Session};
use foretell_test_support::lsp_client::Client;
use foretell_test_support::scripted_server::{initialize, serve};
use proptest::{
    prelude::*,
    test_runner::{Config as Cases, TestRunner},
};
use serde_json::{Value, json};

/// The scripted model's text; users type pieces of it and other things.
const SAYS: &str = "fn f(x: u8) -> u8 {\n    let y = g(x);\n    y + 1\n}\n\nlet s = \"é😀\";\n";
const PIECES: [&str; 10] =
    ["let y = ", "g(x", ");", "\n", "    ", "y", " + 1", "q", "()", "let s = \"é😀"];

#[derive(Debug, Clone)]
enum Act {
    /// Types a piece at the cursor.
    Type(usize),
    /// Accepts the last suggestion, `part + 1` 256ths of it.
    Accept(u8),
    /// Deletes this many bytes before the cursor, at least.
    Backspace(usize),
    /// Moves the cursor to this byte, modulo the length of the text.
    Jump(u16),
    /// Inserts a line at the top.
    EditAbove,
    /// Replaces the word `y` or `x` closest after the cursor, which starts a rename.
    Rename,
    /// Requests the next edit, waits for it, and accepts it.
    NextEdit,
    /// Requests the next edit, and types on.
    AskEdit,
    /// Requests a suggestion at the cursor.
    Ask,
    /// Cancels the last request.
    Cancel,
    /// Goes to another document.
    Switch(usize),
    /// Waits for the answer to the last request.
    Wait,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        6 => (0..PIECES.len()).prop_map(Act::Type),
        4 => any::<u8>().prop_map(Act::Accept),
        3 => (1..5usize).prop_map(Act::Backspace),
        1 => any::<u16>().prop_map(Act::Jump),
        1 => Just(Act::EditAbove),
        2 => Just(Act::Rename),
        3 => Just(Act::NextEdit),
        1 => Just(Act::AskEdit),
        8 => Just(Act::Ask),
        1 => Just(Act::Cancel),
        1 => (0..2usize).prop_map(Act::Switch),
        5 => Just(Act::Wait),
    ]
}

#[derive(Debug)]
struct Document {
    uri: String,
    text: String,
    cursor: usize,
    version: i64,
}

impl Document {
    fn position(&self, byte_idx: usize) -> Value {
        let before = &self.text[..byte_idx];
        let line_start = before.rfind('\n').map_or(0, |i| i + 1);
        json!({"line": before.matches('\n').count(), "character": byte_idx - line_start})
    }

    /// The byte range and the new text of an offered edit, which must be for this text.
    fn range_of(&self, edit: &Value) -> (usize, usize, String) {
        assert_eq!(edit["textDocument"], json!({"uri": self.uri, "version": self.version}));
        let at = |it: &Value| {
            let line = it["line"].as_u64().unwrap() as usize;
            let lines = self.text.split_inclusive('\n').take(line);
            lines.map(str::len).sum::<usize>() + it["character"].as_u64().unwrap() as usize
        };
        let (start, end) = (at(&edit["range"]["start"]), at(&edit["range"]["end"]));
        assert_eq!(self.text[start..end], *edit["oldText"].as_str().unwrap());
        (start, end, edit["text"].as_str().unwrap().to_owned())
    }

    /// The params of a change that replaces a byte range.
    fn change(&mut self, start: usize, end: usize, text: &str) -> Value {
        let range = json!({"start": self.position(start), "end": self.position(end)});
        self.text.replace_range(start..end, text);
        self.version += 1;
        json!({"textDocument": {"uri": self.uri, "version": self.version},
            "contentChanges": [{"range": range, "text": text}]})
    }
}

fn edit_params(it: &Document) -> Value {
    json!({"textDocument": {"uri": it.uri, "version": it.version}})
}

fn play(client: &mut Client, session: &Arc<Session>, n: u64, acts: &[Act]) {
    let mut documents: Vec<Document> = (0..2)
        .map(|i| Document {
            uri: format!("file:///{n}/{i}.rs"),
            text: "fn f(x: u8) -> u8 {\n    \n}\n".into(),
            cursor: 24,
            version: 1,
        })
        .collect();
    for it in &documents {
        client.notify(
            "textDocument/didOpen",
            json!({"textDocument":
            {"uri": it.uri, "languageId": "rust", "version": 1, "text": it.text}}),
        );
    }
    let mut here = 0;
    let mut asked: HashMap<i64, Value> = HashMap::new();
    let mut edits_asked = Vec::new();
    let mut last: Option<(i64, i64)> = None;
    let mut shown = String::new();
    for act in acts {
        let it = &mut documents[here];
        let floor =
            |text: &str, i: usize| (0..=i).rev().find(|i| text.is_char_boundary(*i)).unwrap();
        let change = match act {
            Act::Type(piece) => {
                let (start, piece) = (it.cursor, PIECES[*piece]);
                it.cursor += piece.len();
                Some((start, start, piece.to_owned()))
            }
            Act::Accept(part) => {
                let end = floor(&shown, shown.len() * (usize::from(*part) + 1) / 256);
                let (start, text) = (it.cursor, shown[..end].to_owned());
                it.cursor += text.len();
                shown.clear();
                Some((start, start, text))
            }
            Act::Backspace(n_bytes) => {
                let end = it.cursor;
                it.cursor = floor(&it.text, end.saturating_sub(*n_bytes));
                Some((it.cursor, end, String::new()))
            }
            Act::EditAbove => {
                it.cursor += "use a;\n".len();
                Some((0, 0, "use a;\n".to_owned()))
            }
            Act::Jump(to) => {
                it.cursor = floor(&it.text, usize::from(*to) % (it.text.len() + 1));
                None
            }
            Act::Switch(to) => {
                here = *to;
                None
            }
            Act::Rename => {
                let word = it.text[it.cursor..].find(['x', 'y']).map(|at| it.cursor + at);
                word.map(|start| (start, start + 1, "zz".to_owned()))
            }
            Act::NextEdit => {
                let id = client.request("textDocument/copilotInlineEdit", edit_params(it));
                let answer = client.answer(id);
                let edit = answer["result"]["edits"].get(0).cloned();
                edit.map(|edit| it.range_of(&edit)).inspect(|(start, ..)| it.cursor = *start)
            }
            Act::AskEdit => {
                let id = client.request("textDocument/copilotInlineEdit", edit_params(it));
                edits_asked.push(id);
                None
            }
            Act::Ask => {
                let position = it.position(it.cursor);
                let id = client.request(
                    "textDocument/inlineCompletion",
                    json!({
                    "textDocument": {"uri": it.uri}, "position": position,
                    "context": {"triggerKind": 2}}),
                );
                asked.insert(id, position);
                last = Some((id, it.version));
                None
            }
            Act::Cancel => {
                if let Some((id, _)) = last {
                    client.notify("$/cancelRequest", json!({"id": id}));
                }
                None
            }
            Act::Wait => {
                if let Some((id, version)) = last.take() {
                    let answer = client.answer(id);
                    let text = check(&answer, &asked.remove(&id).expect("asked"));
                    shown = text.filter(|_| version == it.version).unwrap_or_default();
                }
                None
            }
        };
        if let Some((start, end, text)) = change {
            let params = documents[here].change(start, end, &text);
            client.notify("textDocument/didChange", params);
        }
    }
    for id in edits_asked {
        let answer = client.answer(id);
        assert!(answer["result"]["edits"].is_array() || answer["error"]["code"] == -32800);
    }
    for (id, position) in asked {
        check(&client.answer(id), &position);
    }
    for it in &documents {
        // All requests are answered, but later changes may still be in the pipe.
        let id = client.request(
            "textDocument/inlineCompletion",
            json!({
            "textDocument": {"uri": it.uri}, "position": it.position(it.cursor.min(it.text.len())),
            "context": {"triggerKind": 2}}),
        );
        client.answer(id);
        let snapshot = session.snapshot(&it.uri, PositionEncoding::Utf8).unwrap();
        assert_eq!(snapshot.rope.to_string(), it.text);
        client.notify("textDocument/didClose", json!({"textDocument": {"uri": it.uri}}));
    }
}

/// Checks that the answer is an item at the request's cursor, an empty list or a cancellation;
/// returns the item's text.
fn check(answer: &Value, position: &Value) -> Option<String> {
    if let Some(error) = answer.get("error") {
        assert_eq!(error["code"], -32800, "{answer}");
        return None;
    }
    let items = answer["result"]["items"].as_array().expect("a list of items");
    let item = items.first()?;
    assert_eq!(items.len(), 1);
    // The range may cover auto-closed brackets after the cursor.
    assert_eq!(item["range"]["start"], *position);
    assert_eq!(item["range"]["end"]["line"], position["line"]);
    let text = item["insertText"].as_str().expect("a text").to_owned();
    assert!(!text.trim().is_empty(), "{answer}");
    Some(text)
}

#[test]
fn requests_are_answered_once_and_texts_match() {
    let n_sessions = std::env::var("FORETELL_SESSIONS").map_or(500, |n| n.parse().unwrap());
    // These users type faster than any real one; no deadline or debounce may hide the model.
    let suggest = Suggest { deadline_ms: 60_000, debounce_ms: 0, ..Suggest::default() };
    let next_edit = NextEdit { eagerness: EditEagerness::Eager, ..NextEdit::default() };
    let config = Config { suggest, next_edit, ..Config::default() };
    let (client, session) = serve(Script::new(SAYS).unwrap(), &config);
    let client = std::cell::RefCell::new(client);
    initialize(&mut client.borrow_mut());
    let n = std::cell::Cell::new(0);
    let mut runner = TestRunner::new(Cases { cases: n_sessions, ..Cases::default() });
    let sessions = proptest::collection::vec(act(), 1..60);
    let done = runner.run(&sessions, |acts| {
        n.set(n.get() + 1);
        play(&mut client.borrow_mut(), &session, n.get(), &acts);
        Ok(())
    });
    done.unwrap();
    // A second answer, or an answer without a request, would be left over.
    client.borrow_mut().close_output();
    let mut rest = client.borrow_mut().rest();
    rest.retain(|message| message["method"] != "foretell/status");
    assert!(rest.is_empty(), "{rest:?}");
}

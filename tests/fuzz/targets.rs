//! The fuzz targets: functions of bytes that panic if an invariant is violated. The test `fuzz`
//! runs them on the corpus and on random mutations; `make fuzz` runs them with libFuzzer.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "next_edit.rs"]
mod next_edit;

use std::{cell::RefCell, collections::BTreeSet, sync::Arc};

use foretell_engine::{
    bundle::{Bundle, BundleError},
    scripted::Script,
    vocabulary::Vocabulary,
};
use foretell_policy::{CursorContext, Phase, Policy, Syntax};
use foretell_session::{
    document::{Change, Documents, Position, PositionEncoding},
    session::Session,
};
use serde_json::{Value, json};

use foretell_test_support::{lsp_client::Client, scripted_server};

/// Panics if the bytes violate an invariant.
pub type Target = fn(&[u8]);

/// All targets and their names, which are also their folders in `corpus`.
pub const TARGETS: [(&str, Target); 8] = [
    ("wire", wire),
    ("messages", messages),
    ("edits", edits),
    ("next_edit", next_edit::next_edit),
    ("manifest", manifest),
    ("tokenizer", tokenizer),
    ("policy", policy),
    ("scanner", scanner),
];

/// Makes choices from bytes; after the last byte every choice is the first option.
struct Choices<'a>(&'a [u8]);

impl Choices<'_> {
    fn byte(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().map_or((0, self.0), |(it, rest)| (*it, rest));
        self.0 = rest;
        first
    }

    fn below(&mut self, n: usize) -> usize {
        usize::from(self.byte()) % n.max(1)
    }

    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    fn text(&mut self) -> String {
        let n_bytes = self.below(24).min(self.0.len());
        let (text, rest) = self.0.split_at(n_bytes);
        self.0 = rest;
        String::from_utf8_lossy(text).into_owned()
    }
}

/// Arbitrary bytes as the server's input: it exits at their end, and its output is whole messages.
pub fn wire(bytes: &[u8]) {
    thread_local! {
        static RUNTIME: tokio::runtime::Runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    }
    let (input, mut output) = (std::io::Cursor::new(bytes.to_vec()), Vec::new());
    let (to_us, mut from_server) = tokio::io::duplex(1 << 16);
    let load = |_: &foretell_config::Config| {
        foretell_session::completer::Completer::start_with::<Script>(|| anyhow::bail!("no model"))
    };
    let session = Arc::new(Session::new(Box::new(load)));
    let startup = foretell_lsp::Startup::default();
    RUNTIME.with(|runtime| {
        runtime.block_on(async {
            let serve = foretell_lsp::serve(session, startup, Box::new(input), Box::new(to_us));
            let read = tokio::io::AsyncReadExt::read_to_end(&mut from_server, &mut output);
            let ((), read) = tokio::join!(serve, read);
            read.unwrap();
        });
    });
    let mut rest = output.as_slice();
    while !rest.is_empty() {
        let header = rest.strip_prefix(b"Content-Length: ").expect("a header");
        let end = header.windows(4).position(|it| it == b"\r\n\r\n").expect("the header's end");
        let n_bytes: usize = std::str::from_utf8(&header[..end]).unwrap().parse().unwrap();
        let (body, others) = header[end + 4..].split_at(n_bytes);
        serde_json::from_slice::<Value>(body).expect("a message is JSON");
        rest = others;
    }
}

const URIS: [&str; 3] = ["file:///a.rs", "file:///%F0%9F%98%80.py", "untitled:1"];

/// Messages in any order, some with unknown methods or invalid positions: each request gets one
/// answer, and the server's documents match the client's.
pub fn messages(bytes: &[u8]) {
    thread_local! {
        static SERVER: RefCell<Option<(Client, Arc<Session>)>> = const { RefCell::new(None) };
    }
    SERVER.with_borrow_mut(|server| {
        let (client, session) = server.get_or_insert_with(|| {
            let script = Script::new("let x = compute(1);\nif x {\n    y();\n}\n").unwrap();
            let (mut client, session) =
                scripted_server::serve(script, &scripted_server::on_request_config());
            scripted_server::initialize(&mut client);
            (client, session)
        });
        talk(client, session, &mut Choices(bytes));
    });
}

fn talk(client: &mut Client, session: &Session, choices: &mut Choices<'_>) {
    client.forget();
    let mut texts: [Option<String>; URIS.len()] = Default::default();
    let mut asked = BTreeSet::new();
    while !choices.0.is_empty() {
        let n = choices.below(URIS.len());
        let uri = URIS[n];
        let document = json!({"uri": uri, "version": choices.byte()});
        let line = choices.of(&[0, 1, 2, 3, 1000, u32::MAX]);
        let at = json!({"line": line, "character": choices.byte()});
        match choices.below(12) {
            0 | 1 => {
                let text = choices.text();
                client.notify(
                    "textDocument/didOpen",
                    json!({"textDocument":
                    {"uri": uri, "languageId": "rust", "version": 1, "text": text}}),
                );
                texts[n] = Some(text);
            }
            2..=4 => {
                let (text, from) = (choices.text(), position(choices));
                let to = position(choices);
                let range = json!({"start": &from, "end": &to});
                let mut changes = vec![json!({"range": range, "text": text})];
                if let Some(it) = &mut texts[n] {
                    replace(it, &from, &to, &text, PositionEncoding::Utf8);
                }
                if choices.below(8) == 0 {
                    let whole = choices.text();
                    changes.push(json!({"text": whole}));
                    texts[n] = texts[n].as_ref().map(|_| whole);
                }
                client.notify(
                    "textDocument/didChange",
                    json!({"textDocument": document, "contentChanges": changes}),
                );
            }
            5 => {
                client.notify("textDocument/didClose", json!({"textDocument": document}));
                texts[n] = None;
            }
            6 | 7 => {
                let selected = json!({"range": {"start": at, "end": at}, "text": choices.text()});
                let kind = choices.of(&[1, 2, 3]);
                let selected = choices.of(&[None, Some(&selected)]);
                asked.insert(client.request(
                    "textDocument/inlineCompletion",
                    json!({
                    "textDocument": document, "position": at,
                    "context": {"triggerKind": kind, "selectedCompletionInfo": selected}}),
                ));
            }
            8 => {
                let method =
                    choices.of(&["textDocument/completion", "textDocument/copilotInlineEdit"]);
                let params = json!({"textDocument": document, "position": at});
                asked.insert(client.request(method, params));
            }
            9 => {
                let id = asked.last().copied().unwrap_or(7);
                client.notify("$/cancelRequest", json!({"id": id}));
            }
            10 => {
                let method = choices.of(&[
                    "textDocument/didFocus",
                    "textDocument/didShowCompletion",
                    "textDocument/didPartiallyAcceptCompletion",
                    "initialized",
                    "workspace/didChangeWatchedFiles",
                    "no/such",
                ]);
                let params = json!({"textDocument": document, "item": {}, "acceptedLength": 3});
                client.notify(method, params);
            }
            _ => {
                let command = choices.of(&["foretell.stats", "foretell.accept", "no.such"]);
                let params = json!({"command": command, "arguments": [choices.byte()]});
                asked.insert(client.request("workspace/executeCommand", params));
            }
        }
    }
    for id in &asked {
        client.answer(*id);
    }
    let last = client.request("workspace/executeCommand", json!({"command": "foretell.stats"}));
    client.answer(last);
    for (uri, text) in URIS.iter().zip(texts) {
        let snapshot = session.snapshot(uri, PositionEncoding::Utf8);
        assert_eq!(snapshot.map(|it| it.rope.to_string()), text, "{uri}");
        client.notify("textDocument/didClose", json!({"textDocument": {"uri": uri}}));
    }
    let last = client.request("workspace/executeCommand", json!({"command": "foretell.stats"}));
    client.answer(last);
    let second = client.kept().iter().find(|it| it["id"].is_i64() && it.get("method").is_none());
    assert!(second.is_none(), "answered twice: {second:?}");
}

fn position(choices: &mut Choices<'_>) -> Value {
    let line = choices.of(&[0, 0, 1, 2, 3, u32::MAX]);
    json!({"line": line, "character": choices.of(&[0, 1, 2, 3, 4, 5, 9, 200, u32::MAX])})
}

/// The same edit in a plain string, a literal and slow reading of the LSP specification.
fn replace(text: &mut String, from: &Value, to: &Value, by: &str, encoding: PositionEncoding) {
    let (a, b) = (offset(text, from, encoding), offset(text, to, encoding));
    text.replace_range(a.min(b)..a.max(b), by);
}

fn offset(text: &str, position: &Value, encoding: PositionEncoding) -> usize {
    let (mut line, mut start) = (position["line"].as_u64().unwrap(), 0);
    while line > 0 {
        let Some(i) = text[start..].find(['\n', '\r']) else { return text.len() };
        let is_pair = text[start + i..].starts_with("\r\n");
        start += i + if is_pair { 2 } else { 1 };
        line -= 1;
    }
    let this = &text[start..];
    let this = &this[..this.find(['\n', '\r']).unwrap_or(this.len())];
    let mut left = position["character"].as_u64().unwrap();
    for (i, c) in this.char_indices() {
        let width = match encoding {
            PositionEncoding::Utf8 => c.len_utf8(),
            PositionEncoding::Utf16 => c.len_utf16(),
            PositionEncoding::Utf32 => 1,
        } as u64;
        if left < width {
            return start + i;
        }
        left -= width;
    }
    start + this.len()
}

/// Edits at arbitrary positions in each encoding: the rope always equals a plain string.
pub fn edits(bytes: &[u8]) {
    let mut choices = Choices(bytes);
    let encodings = [PositionEncoding::Utf8, PositionEncoding::Utf16, PositionEncoding::Utf32];
    let encoding = choices.of(&encodings);
    let mut documents = Documents::default();
    let mut text = choices.text();
    documents.open("a", "rust", 0, &text);
    let mut version = 0;
    while !choices.0.is_empty() {
        let (from, to, by) = (position(&mut choices), position(&mut choices), choices.text());
        version += 1;
        let at = |it: &Value| {
            let field = |name| u32::try_from(it[name].as_u64().unwrap()).unwrap();
            Position::new(field("line"), field("character"))
        };
        let change = Change { range: Some(at(&from)..at(&to)), text: by.clone() };
        let edits = documents.change("a", version, &[change], encoding).expect("it is open");
        let mut by_edits = ropey::Rope::from_str(&text);
        for edit in edits {
            by_edits.remove(edit.removed.clone());
            by_edits.insert(edit.removed.start, &edit.inserted);
        }
        replace(&mut text, &from, &to, &by, encoding);
        let snapshot = documents.snapshot("a", encoding).expect("it is open");
        assert_eq!(snapshot.rope, text.as_str());
        assert_eq!(by_edits, text.as_str());
        let n_chars = snapshot.rope.len_chars();
        for char_idx in 0..=n_chars {
            // No position exists between `\r` and `\n`.
            let is_inside = char_idx > 0
                && snapshot.rope.get_char(char_idx) == Some('\n')
                && snapshot.rope.char(char_idx - 1) == '\r';
            let back = snapshot.char_idx(snapshot.position(char_idx));
            assert!(back == char_idx || is_inside, "{text:?}: {char_idx} became {back}");
        }
    }
}

/// A manifest of arbitrary bytes is refused with a reason, and only files in its folder are read.
pub fn manifest(bytes: &[u8]) {
    thread_local! {
        static FOLDER: tempfile::TempDir = tempfile::tempdir().unwrap();
    }
    FOLDER.with(|folder| {
        std::fs::write(folder.path().join("foretell.json"), bytes).unwrap();
        // A valid manifest is refused too, since the files it names are missing.
        let error = Bundle::open(folder.path()).expect_err("the model's files are missing");
        assert!(!error.to_string().is_empty());
        if let BundleError::Unreadable { path, .. } | BundleError::Damaged { path, .. } = error {
            assert_eq!(path.parent(), Some(folder.path()));
            assert!(path.file_name().is_some());
        }
    });
}

/// A tokenizer file of arbitrary bytes is refused, or its vocabulary encodes any text to valid ids.
pub fn tokenizer(bytes: &[u8]) {
    let Ok(json) = std::str::from_utf8(bytes) else { return };
    let Ok(vocabulary) = Vocabulary::from_json(json) else { return };
    for text in ["", "ab a<|x|> é😀\n", "\u{202e}\0"] {
        let ids = vocabulary.encode(text);
        assert!(ids.iter().all(|id| (*id as usize) < vocabulary.len()));
        let _ = vocabulary.bytes_of(&ids);
        assert!(vocabulary.beginning(text.as_bytes()).count() <= vocabulary.len());
    }
}

/// The policy on a growing text: shown text never shrinks, and ends like the result of a single
/// cut. The bytes are the model's text, the text before and after the cursor, and the language,
/// separated by NUL.
pub fn policy(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let mut parts = text.splitn(4, '\0');
    let mut part = || parts.next().unwrap_or_default();
    let (says, before, after, language) = (part(), part(), part(), part());
    let document = format!("{before}{after}");
    let syntax = Syntax::new(&Arc::default(), &"a".into(), language, &document, before.len());
    // Every prefix is cut, and with a grammar also parsed, so the length is limited. By default a
    // model writes at most 128 tokens.
    let n_bytes = if syntax.is_some() { 400 } else { 1000 };
    let says = &says[..says.floor_char_boundary(n_bytes)];
    let place = CursorContext::new(before, after).in_language(language);
    let at_once = Policy::new(place.clone())
        .with_syntax(Syntax::new(&Arc::default(), &"a".into(), language, &document, before.len()))
        .cut(says, Phase::Ended);
    let policy = Policy::new(place).with_syntax(syntax);
    let mut kept = String::new();
    let ends = says.char_indices().map(|(i, _)| (i, false)).chain([(says.len(), true)]);
    for (end, is_whole) in ends {
        let cut = policy.cut(&says[..end], Phase::of(is_whole));
        assert!(cut.keep_bytes <= end && says.is_char_boundary(cut.keep_bytes));
        assert!(says[..cut.keep_bytes].starts_with(&kept), "took back part of {kept:?}");
        says[..cut.keep_bytes].clone_into(&mut kept);
        if cut.stop.is_some() {
            break;
        }
    }
    assert_eq!(kept, says[..at_once.keep_bytes], "a single cut keeps something else");
}

/// The policy without a grammar, in any language of the scanner: shown text never shrinks, and the
/// settled text is a prefix of the final one. The first byte selects the language; the others are
/// the model's text and the text before and after the cursor, separated by NUL.
pub fn scanner(bytes: &[u8]) {
    const LANGUAGES: [&str; 24] = [
        "ruby",
        "elixir",
        "lua",
        "html",
        "vue",
        "xml",
        "yaml",
        "toml",
        "sql",
        "csharp",
        "php",
        "kotlin",
        "swift",
        "dart",
        "perl",
        "julia",
        "haskell",
        "ocaml",
        "vim",
        "fish",
        "powershell",
        "markdown",
        "latex",
        "javascriptreact",
    ];
    let Some((language, bytes)) = bytes.split_first() else { return };
    let language = LANGUAGES[usize::from(*language) % LANGUAGES.len()];
    let text = String::from_utf8_lossy(bytes);
    let mut parts = text.splitn(3, '\0');
    let mut part = || parts.next().unwrap_or_default();
    let (says, before, after) = (part(), part(), part());
    let says = &says[..says.floor_char_boundary(400)];
    let new = || Policy::new(CursorContext::new(before, after).in_language(language));
    let (policy, at_once) = (new(), new().cut(says, Phase::Final));
    let mut kept = 0;
    for (end, _) in says.char_indices() {
        let cut = policy.cut(&says[..end], Phase::Partial);
        assert!(says.is_char_boundary(cut.keep_bytes) && cut.keep_bytes <= end);
        assert!(cut.keep_bytes >= kept, "took back part of {:?}", &says[..kept]);
        kept = cut.keep_bytes;
        if cut.stop.is_some() {
            assert_eq!(kept, at_once.keep_bytes, "a single cut keeps something else");
            return;
        }
    }
    let cut = policy.cut(says, Phase::Final);
    assert_eq!(cut, at_once, "a single cut keeps something else");
    assert!(cut.keep_bytes >= kept, "took back part of {:?} at the end", &says[..kept]);
    let settled = policy.settle(says, cut);
    assert!(says.is_char_boundary(settled.keep_bytes));
    assert!(settled.keep_bytes <= cut.keep_bytes);
}

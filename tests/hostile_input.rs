//! Random hostile input, which must cause no panic and no hang. `FORETELL_CASES=100000` runs more
//! cases.

use foretell_test_support::scripted_server;
use std::io::Write;

use foretell_engine::{bundle::Bundle, scripted::Script, vocabulary::Vocabulary};
use foretell_policy::{CursorContext, Phase, Policy};
use proptest::{
    prelude::*,
    test_runner::{Config as Cases, TestRunner},
};
use serde_json::{Value, json};

fn check<T: std::fmt::Debug>(
    n_cases: u32,
    strategy: &impl Strategy<Value = T>,
    test: impl Fn(T) -> Result<(), TestCaseError>,
) {
    let cases = std::env::var("FORETELL_CASES").map_or(n_cases, |n| n.parse().unwrap());
    let config = Cases { cases, failure_persistence: None, ..Cases::default() };
    TestRunner::new(config).run(strategy, test).unwrap();
}

/// JSON of any shape, with extreme numbers and arbitrary strings.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        Just(json!(u64::MAX)),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map("[a-z_]{1,8}", inner, 0..4)
                .prop_map(|it| Value::Object(it.into_iter().collect())),
        ]
    })
}

/// `whole` with one or two of its inner values replaced.
fn spoiled(whole: Value) -> impl Strategy<Value = Value> {
    let places = places(&whole, String::new());
    let change = (prop::sample::select(places), any_json());
    prop::collection::vec(change, 1..3).prop_map(move |changes| {
        let mut spoiled = whole.clone();
        for (place, value) in changes {
            if let Some(it) = spoiled.pointer_mut(&place) {
                *it = value;
            }
        }
        spoiled
    })
}

/// The JSON pointers of all values in a value.
fn places(value: &Value, here: String) -> Vec<String> {
    let inner: Vec<(String, &Value)> = match value {
        Value::Array(it) => it.iter().enumerate().map(|(i, it)| (i.to_string(), it)).collect(),
        Value::Object(it) => it.iter().map(|(key, it)| (key.replace('/', "~1"), it)).collect(),
        _ => Vec::new(),
    };
    let inner = inner.into_iter().flat_map(|(key, it)| places(it, format!("{here}/{key}")));
    let mut all: Vec<String> = inner.collect();
    all.push(here);
    all
}

#[test]
fn spoiled_manifest_is_refused() {
    let file = json!({"size": 0, "sha256": "0".repeat(64)});
    let manifest = json!({
        "format": 1, "name": "tiny", "licence": "MIT", "architecture": "llama", "target": "cpu",
        "quantization": "int8", "n_layers": 2, "n_kv_heads": 1, "head_dim": 8,
        "kv_dtype": "float32", "context_length": 256, "vocab_size": 300, "eos_ids": [299],
        "fim": {"family": "qwen2.5-coder", "order": "prefix_suffix_middle", "prefix": 1,
            "suffix": 2, "middle": 3},
        "files": {"model.onnx": file, "tokenizer.json": file},
    });
    let folder = tempfile::tempdir().unwrap();
    check(2_000, &spoiled(manifest), |manifest| {
        std::fs::write(folder.path().join("foretell.json"), manifest.to_string()).unwrap();
        // A valid manifest is refused too, since the files it names are missing.
        prop_assert!(Bundle::open(folder.path()).is_err());
        Ok(())
    });
}

#[test]
fn spoiled_tokenizer_does_not_panic() {
    let byte_level = json!({"type": "ByteLevel", "add_prefix_space": false,
        "trim_offsets": true, "use_regex": true});
    let tokenizer = json!({
        "version": "1.0", "normalizer": {"type": "NFC"}, "pre_tokenizer": byte_level,
        "post_processor": null, "decoder": byte_level,
        "added_tokens": [{"id": 4, "content": "<|x|>", "special": true, "single_word": false,
            "lstrip": false, "rstrip": false, "normalized": false}],
        "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2, "Ġ": 3}, "merges": ["a b"]},
    });
    check(2_000, &spoiled(tokenizer), |tokenizer| {
        if let Ok(vocabulary) = Vocabulary::from_json(&tokenizer.to_string()) {
            let ids = vocabulary.encode("ab a<|x|> é😀\n");
            let _ = vocabulary.bytes_of(&ids);
            prop_assert!(vocabulary.beginning(b"a").count() <= vocabulary.len());
        }
        Ok(())
    });
}

#[test]
fn shown_text_never_shrinks() {
    let piece = prop_oneof![
        ".{0,6}",
        "[(){}\\[\\]\"'`;, \\n\\t]{0,6}",
        Just("<|im_end|>".to_owned()),
        Just("```".to_owned()),
        Just("    let x = f(1);\n".to_owned()),
        Just("\u{202e}".to_owned()),
    ];
    let text = || prop::collection::vec(piece.clone(), 0..12).prop_map(|it| it.concat());
    check(2_000, &(text(), text(), text()), |(before, after, says)| {
        let policy = Policy::new(CursorContext::new(&before, &after));
        let mut kept = String::new();
        let ends = says.char_indices().map(|(i, _)| (i, false)).chain([(says.len(), true)]);
        for (end, is_whole) in ends {
            let cut = policy.cut(&says[..end], Phase::of(is_whole));
            prop_assert!(cut.keep_bytes <= end && says.is_char_boundary(cut.keep_bytes));
            prop_assert!(says[..cut.keep_bytes].starts_with(&kept), "took back part of {kept:?}");
            says[..cut.keep_bytes].clone_into(&mut kept);
            if cut.stop.is_some() {
                break;
            }
        }
        Ok(())
    });
}

/// Sends spoiled messages in any order, then checks that a valid request is answered.
#[test]
fn server_survives_spoiled_messages() {
    let uri = "file:///a.rs";
    let range = json!({"start": {"line": 0, "character": 1}, "end": {"line": 1, "character": 0}});
    let (document, at) = (json!({"uri": uri, "version": 2}), range["start"].clone());
    let methods = [
        (
            "textDocument/didOpen",
            json!({"textDocument":
            {"uri": uri, "languageId": "rust", "version": 1, "text": "let x\nlet y"}}),
        ),
        (
            "textDocument/didChange",
            json!({"textDocument": document,
            "contentChanges": [{"range": range, "text": "é😀\n"}]}),
        ),
        ("textDocument/didClose", json!({"textDocument": document})),
        ("textDocument/didFocus", json!({"textDocument": document, "position": at})),
        ("textDocument/completion", json!({"textDocument": document, "position": at})),
        (
            "textDocument/inlineCompletion",
            json!({"textDocument": document, "position": at,
            "context": {"triggerKind": 1, "selectedCompletionInfo": {"range": range, "text": "x"}},
            "formattingOptions": {"tabSize": 4, "insertSpaces": true}}),
        ),
        ("workspace/executeCommand", json!({"command": "foretell.accept", "arguments": [1]})),
        ("$/cancelRequest", json!({"id": 1})),
    ];
    let message = prop::sample::select(methods.to_vec()).prop_flat_map(|(method, params)| {
        let params = prop_oneof![Just(params.clone()), spoiled(params)];
        let bytes = (params, any::<Option<u32>>()).prop_map(move |(params, id)| {
            let mut message = json!({"jsonrpc": "2.0", "method": method, "params": params});
            if let Some(id) = id {
                message["id"] = format!("hostile {id}").into();
            }
            message.to_string().into_bytes()
        });
        // One message in four gets a random byte.
        (bytes, any::<(u8, usize, u8)>()).prop_map(|(mut bytes, (is_spoiled, at, byte))| {
            if is_spoiled < 64 {
                let at = at % bytes.len();
                bytes[at] = byte;
            }
            bytes
        })
    });
    let script = Script::new("let x = 1;\n").unwrap();
    let (mut client, session) =
        scripted_server::serve(script, &scripted_server::on_request_config());
    scripted_server::initialize(&mut client);
    let client = std::cell::RefCell::new(client);
    check(500, &prop::collection::vec(message, 1..20), |messages| {
        let mut client = client.borrow_mut();
        client.forget();
        for body in messages {
            let mut framed = Vec::new();
            write!(framed, "Content-Length: {}\r\n\r\n", body.len()).unwrap();
            client.send_raw(&[framed, body].concat());
        }
        let document = json!({"uri": "file:///good.rs", "languageId": "rust", "version": 1,
            "text": "let x = "});
        client.notify("textDocument/didOpen", json!({"textDocument": document}));
        let id = client.request(
            "textDocument/inlineCompletion",
            json!({"textDocument": {"uri": "file:///good.rs"},
                "position": {"line": 0, "character": 8}, "context": {"triggerKind": 1}}),
        );
        let answer = client.answer(id);
        prop_assert_eq!(&answer["result"]["items"][0]["insertText"], &json!("1;"), "{}", answer);
        client.notify("textDocument/didClose", json!({"textDocument": {"uri": "file:///good.rs"}}));
        Ok(())
    });
    drop(session);
}

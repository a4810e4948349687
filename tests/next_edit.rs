//! The next edit on the wire: requests, pushed edits, the code action.

use expect_test::{Expect, expect};
use foretell_config::{
    Config, Suggest,
    next_edit::{EditEagerness, NextEdit},
};
use foretell_test_support::{
    editor_sim::Typist,
    lsp_client::Client,
    scripted_server::{connect_with, on_request_config},
};
use serde_json::{Value, json};

const URI: &str = "file:///a.rs";
const TEXT: &str = "fn area(w: u8, ˇheight: u8) -> u8 {\n    w * height + height\n}\n";

/// A user who renames `height` to `tall` in the parameters.
fn rename(config: &Config, options: &Value) -> Typist {
    let (mut client, _) = connect_with("nothing", config);
    client.initialize(json!({"processId": null, "rootUri": null,
        "capabilities": {"textDocument": {"codeAction": {}},
            "workspace": {"workspaceEdit": {"documentChanges": true}}},
        "initializationOptions": options}));
    client.notify("initialized", json!({}));
    let mut typist = Typist::open(client, URI, TEXT);
    typist.cursor += "height".len();
    typist.replace("height".len(), "");
    for c in "tall".chars() {
        typist.type_text(&c.to_string());
    }
    typist
}

/// The version of the typist's document.
const TYPED: i64 = 6;

fn ask(typist: &mut Typist, version: i64) -> Value {
    let params = json!({"textDocument": {"uri": URI, "version": version},
        "position": typist.position(typist.cursor), "context": {"triggerKind": 2}});
    let id = typist.client.request("textDocument/copilotInlineEdit", params);
    typist.client.answer(id)
}

fn check(answer: &Value, expected: &Expect) {
    expected.assert_eq(&format!("{:#}\n", answer["result"]));
}

/// Applies an edit as a client does, and reports it.
fn accept(typist: &mut Typist, edit: &Value) {
    let at = |it: &Value| {
        let (line, column) = (it["line"].as_u64().unwrap(), it["character"].as_u64().unwrap());
        let lines = typist.text.split_inclusive('\n').take(line as usize);
        lines.map(str::len).sum::<usize>() + column as usize
    };
    let (start, end) = (at(&edit["range"]["start"]), at(&edit["range"]["end"]));
    assert_eq!(typist.text[start..end], *edit["oldText"].as_str().unwrap());
    typist.cursor = end;
    typist.replace(end - start, edit["text"].as_str().unwrap());
    run(&mut typist.client, edit["command"]["command"].as_str().unwrap(), edit);
}

fn run(client: &mut Client, command: &str, edit: &Value) {
    let arguments = &edit["command"]["arguments"];
    // Some clients send this request as a notification.
    client.notify("workspace/executeCommand", json!({"command": command, "arguments": arguments}));
}

fn edits_counted(client: &mut Client) -> Value {
    let id = client.request("workspace/executeCommand", json!({"command": "foretell.stats"}));
    client.answer(id)["result"]["counts"]["edits"].clone()
}

#[test]
fn renamed_places_are_offered_one_after_the_other() {
    let mut typist = rename(&on_request_config(), &json!({}));
    let answer = ask(&mut typist, TYPED);
    check(
        &answer,
        &expect![[r#"
            {
              "edits": [
                {
                  "command": {
                    "arguments": [
                      1
                    ],
                    "command": "foretell.acceptEdit",
                    "title": "Accept"
                  },
                  "oldText": "height",
                  "range": {
                    "end": {
                      "character": 14,
                      "line": 1
                    },
                    "start": {
                      "character": 8,
                      "line": 1
                    }
                  },
                  "text": "tall",
                  "textDocument": {
                    "uri": "file:///a.rs",
                    "version": 6
                  }
                }
              ]
            }
        "#]],
    );
    let edit = answer["result"]["edits"][0].clone();
    let shown = json!({"item": {"command": edit["command"]}});
    typist.client.notify("textDocument/didShowInlineEdit", shown);
    accept(&mut typist, &edit);
    let second = ask(&mut typist, TYPED + 1)["result"]["edits"][0].clone();
    assert_eq!(second["range"]["start"], json!({"line": 1, "character": 15}));
    accept(&mut typist, &second);
    assert_eq!(typist.text, "fn area(w: u8, tall: u8) -> u8 {\n    w * tall + tall\n}\n");
    check(&ask(&mut typist, TYPED + 2), &expect![["{\n  \"edits\": []\n}\n"]]);
    let counted = json!({"shown": 1, "accepted": 2, "rejected": 0});
    assert_eq!(edits_counted(&mut typist.client), counted);
}

/// Replays the messages of Neovim 0.12.4 with sidekick.nvim 2.3.0 while a rename was carried
/// through four places, and the last one undone. Each edit in a response is the client's next change.
#[test]
fn recorded_sidekick_session_applies_each_edit() {
    let (mut client, _) = connect_with("nothing", &on_request_config());
    let encodings = json!({"general": {"positionEncodings": ["utf-8"]}});
    client.initialize(json!({"processId": null, "rootUri": null, "capabilities": encodings}));
    let mut offered: Option<Value> = None;
    let mut edits_per_answer = Vec::new();
    for line in include_str!("clients/edits.sidekick-2.3.0.jsonl").lines() {
        let message: Value = serde_json::from_str(line).unwrap();
        let (method, params) = (message["method"].as_str().unwrap(), message["params"].clone());
        if let Some(edit) = offered.take() {
            let change = &params["contentChanges"][0];
            assert_eq!([&change["range"], &change["text"]], [&edit["range"], &edit["text"]]);
        }
        if message["id"].is_null() {
            client.notify(method, params);
            continue;
        }
        let id = client.request(method, params);
        let answer = client.answer(id);
        assert_eq!(answer.get("error"), None);
        if method == "textDocument/copilotInlineEdit" {
            let edits = answer["result"]["edits"].as_array().unwrap();
            edits_per_answer.push(edits.len());
            offered = edits.first().cloned();
        }
    }
    assert_eq!(edits_per_answer, [1, 1, 1, 1, 0, 0]);
    assert_eq!(edits_counted(&mut client)["accepted"], 4);
}

#[test]
fn nothing_is_offered_for_another_version() {
    let mut typist = rename(&on_request_config(), &json!({}));
    assert_eq!(ask(&mut typist, TYPED - 1)["result"], json!({"edits": []}));
    assert_ne!(ask(&mut typist, TYPED)["result"], json!({"edits": []}));
}

#[test]
fn rejected_edit_is_not_offered_again() {
    let mut typist = rename(&on_request_config(), &json!({}));
    let edit = ask(&mut typist, TYPED)["result"]["edits"][0].clone();
    run(&mut typist.client, "foretell.rejectEdit", &edit);
    assert_eq!(ask(&mut typist, TYPED)["result"], json!({"edits": []}), "until the next edit");
    typist.type_text("2");
    let next = ask(&mut typist, TYPED + 1)["result"]["edits"][0].clone();
    assert_eq!(next["text"], "tall2", "a new name is another edit");
}

#[test]
fn undo_offers_nothing() {
    let mut typist = rename(&on_request_config(), &json!({}));
    let edit = ask(&mut typist, TYPED)["result"]["edits"][0].clone();
    accept(&mut typist, &edit);
    typist.replace("tall".len(), "height");
    assert_eq!(ask(&mut typist, TYPED + 2)["result"], json!({"edits": []}));
}

/// The last edit that is pushed; requests are answered after it.
fn pushed(typist: &mut Typist) -> Option<Value> {
    ask(typist, 0);
    let client = &mut typist.client;
    let kept = client.kept().iter().rev().find(|it| it["method"] == "foretell/nextEdit").cloned();
    client.forget();
    Some(kept?["params"]["edits"][0].clone())
}

#[test]
fn edits_are_pushed_to_clients_that_ask_for_it() {
    let mut typist = rename(&on_request_config(), &json!({"nextEdit": true}));
    let is_last = |it: &Value| it["params"]["edits"][0]["text"] == "tall";
    let it = typist.client.wait_for(is_last).expect("an edit");
    assert_eq!(it["method"], "foretell/nextEdit");
    let edit = it["params"]["edits"][0].clone();
    assert_eq!(edit["textDocument"], json!({"uri": URI, "version": TYPED}));
    accept(&mut typist, &edit);
    let is_next = |it: &Value| it["params"]["edits"][0]["textDocument"]["version"] == TYPED + 1;
    let next = typist.client.wait_for(is_next).expect("the next edit");
    assert_eq!(next["params"]["edits"][0]["range"]["start"]["character"], 15);
}

#[test]
fn edits_are_not_pushed_unasked() {
    let mut typist = rename(&on_request_config(), &json!({}));
    assert_ne!(ask(&mut typist, TYPED)["result"], json!({"edits": []}));
    assert_eq!(pushed(&mut typist), None);
}

#[test]
fn settings_turn_edits_off() {
    let off = |next_edit, suggest: Suggest| Config { next_edit, suggest, ..Config::default() };
    let suggest = on_request_config().suggest;
    let excluded = Suggest { exclude: vec!["**/a.rs".into()], ..suggest.clone() };
    let language = Suggest { languages: [("rust".into(), false)].into(), ..suggest.clone() };
    let disabled = NextEdit { enabled: false, ..NextEdit::default() };
    for config in [
        off(disabled, suggest),
        off(NextEdit::default(), excluded),
        off(NextEdit::default(), language),
    ] {
        let mut typist = rename(&config, &json!({}));
        assert_eq!(ask(&mut typist, TYPED)["result"], json!({"edits": []}));
    }
}

#[test]
fn eagerness_decides_which_edits_are_offered() {
    let offers = |eagerness| {
        let next_edit = NextEdit { eagerness, ..NextEdit::default() };
        let config = Config { next_edit, ..on_request_config() };
        let (mut client, _) = connect_with("nothing", &config);
        client.initialize(json!({"processId": null, "rootUri": null, "capabilities": {}}));
        let mut typist = Typist::open(client, URI, "a.ˇb(1);\na.b(2);\na.b(3);\n");
        for _ in 0..2 {
            typist.cursor += 1;
            typist.replace(1, "cc");
            typist.cursor += "(1);\na.".len();
        }
        ask(&mut typist, 3)["result"]["edits"].as_array().unwrap().len()
    };
    assert_eq!([EditEagerness::Balanced, EditEagerness::Eager].map(offers), [0, 1]);
}

#[test]
fn code_action_applies_the_next_edit() {
    let mut typist = rename(&on_request_config(), &json!({}));
    let range = json!({"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 0}});
    let mut actions = |only: &Value| {
        let params = json!({"textDocument": {"uri": URI}, "range": range,
            "context": {"diagnostics": [], "only": only}});
        let id = typist.client.request("textDocument/codeAction", params);
        typist.client.answer(id)["result"].clone()
    };
    assert_eq!(actions(&json!(["quickfix"])), json!([]));
    let found = actions(&Value::Null);
    assert_eq!(found[0]["title"], "Apply next edit (line 2: height → tall)");
    let change = &found[0]["edit"]["documentChanges"][0];
    assert_eq!(change["textDocument"], json!({"uri": URI, "version": TYPED}));
    assert_eq!(change["edits"][0]["newText"], "tall");
}

#[test]
fn import_of_another_open_document_is_offered() {
    let offered = |config: &Config, uri: &str| {
        let (mut client, _) = connect_with("nothing", config);
        client.initialize(json!({"processId": null, "rootUri": null, "capabilities": {}}));
        let other = json!({"uri": "file:///b.rs", "languageId": "rust", "version": 1,
            "text": "use std::fs;\n"});
        client.notify("textDocument/didOpen", json!({"textDocument": other}));
        let mut typist = Typist::open(client, uri, "use std::io;\n\nfn f(a: io::A) {\n    ˇ\n}\n");
        typist.type_text("fs::a();");
        let params = json!({"textDocument": {"uri": uri}, "position": typist.position(0)});
        let id = typist.client.request("textDocument/copilotInlineEdit", params);
        typist.client.answer(id)["result"]["edits"][0]["text"].clone()
    };
    let config = on_request_config();
    assert_eq!(offered(&config, "file:///a.rs"), "use std::fs;\n");
    assert_eq!(offered(&config, "vscode-notebook-cell:/a.ipynb#W0sZmlsZQ"), Value::Null);
    let suggest = Suggest { exclude: vec!["**/b.rs".into()], ..config.suggest.clone() };
    assert_eq!(offered(&Config { suggest, ..config }, "file:///a.rs"), Value::Null);
}

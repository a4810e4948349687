//! What clients send besides requests per keystroke: completion menus, candidates, settings,
//! accepts, and misbehaving clients. Over a pipe, with a scripted model.

use std::sync::{Arc, Mutex};

use expect_test::expect;
use foretell_config::{Config, Eagerness, Suggest, prompt::Window};
use foretell_engine::scripted::{Controls, Script};
use foretell_session::{completer::Completer, prompt::Prompter, session::Session};
use foretell_test_support::editor_sim::{Seen, Typist};
use foretell_test_support::lsp_client::Client;
use foretell_test_support::scripted_server::{
    initialize, initialize_with, is_status, on_request_config, serve, serve_with,
};
use serde_json::{Value, json};

const SAYS: &str = "fn main() {\n    println!(\"hello\");\n    exit();\n}\n";
const URI: &str = "file:///a.rs";

pub(super) fn start(config: &Config) -> (Client, Controls, Arc<Session>) {
    start_with(config, Script::new(SAYS).unwrap())
}

/// A server with a model that is unsure enough to generate several candidates, without a threshold.
fn open_doubtful(n_candidates: usize, marked: &str) -> (Typist, Controls, Arc<Session>) {
    let eagerness = Eagerness::Threshold(0.0);
    let mut config = on_request_config();
    config.suggest = Suggest { candidates: n_candidates, eagerness, ..config.suggest };
    let script = Script::new(SAYS).unwrap().with_certainty(1.0);
    let (mut client, controls, session) = start_with(&config, script);
    initialize(&mut client);
    (Typist::open(client, URI, marked), controls, session)
}

fn start_with(config: &Config, script: Script) -> (Client, Controls, Arc<Session>) {
    let controls = script.controls();
    let (client, session) = serve(script, config);
    (client, controls, session)
}

fn open_with(config: &Config, marked: &str) -> (Typist, Controls, Arc<Session>) {
    let (mut client, controls, session) = start(config);
    initialize(&mut client);
    (Typist::open(client, URI, marked), controls, session)
}

fn open(marked: &str) -> (Typist, Controls, Arc<Session>) {
    open_with(&on_request_config(), marked)
}

/// Requests at the typist's cursor with `more` merged into the parameters; returns the items.
fn items(typist: &mut Typist, more: Value) -> Vec<Value> {
    let mut params = json!({
        "textDocument": {"uri": URI},
        "position": typist.position(typist.cursor),
        "context": {"triggerKind": 2},
    });
    merge(&mut params, more);
    let id = typist.client.request("textDocument/inlineCompletion", params);
    let answer = typist.client.answer(id);
    answer["result"]["items"].as_array().unwrap_or_else(|| panic!("{answer}")).clone()
}

fn merge(into: &mut Value, more: Value) {
    match (into, more) {
        (Value::Object(into), Value::Object(more)) => {
            for (key, value) in more {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, more) => *into = more,
    }
}

/// The text edit for a menu request sent before `keys` are typed; `None` if it was superseded.
fn menu_after(keys: &[&str]) -> Option<Value> {
    let (mut typist, controls, _) = open("fn main() {\n    prˇ\n}\n");
    controls.hold();
    let params = json!({"textDocument": {"uri": URI}, "position": typist.position(typist.cursor)});
    let id = typist.client.request("textDocument/completion", params);
    controls.wait_until_held();
    for key in keys {
        match *key {
            "⌫" => typist.replace(1, ""),
            key => typist.type_text(key),
        }
    }
    // The answer proves that the server has processed the edits.
    let barrier =
        typist.client.request("workspace/executeCommand", json!({"command": "foretell.stats"}));
    typist.client.answer(barrier);
    controls.release();
    let answer = typist.client.answer(id);
    assert!(answer["error"].is_null() || answer["error"]["code"] == -32800, "{answer}");
    Some(answer["result"]["items"][0]["textEdit"].clone()).filter(|it| !it.is_null())
}

#[test]
fn pending_menu_request_survives_typing() {
    // The range ends at the requested position; the client accounts for what was typed since.
    let range = json!({"start": {"line": 1, "character": 4}, "end": {"line": 1, "character": 6}});
    let item = |text: &str| Some(json!({"range": range, "newText": text}));
    assert_eq!(menu_after(&[]), item("println!(\"hello\");"));
    assert_eq!(menu_after(&["i"]), item("println!(\"hello\");"));
    assert_eq!(menu_after(&["i", "n"]), item("println!(\"hello\");"));
    assert_eq!(menu_after(&["i", "⌫"]), None);
    assert_eq!(menu_after(&["\n"]), None);
}

#[test]
fn menu_item_passes_the_client_filter() {
    let (mut typist, ..) = open("fn main() {\n    priˇ\n}\n");
    let params = json!({"textDocument": {"uri": URI}, "position": typist.position(typist.cursor)});
    let id = typist.client.request("textDocument/completion", params);
    expect![[r#"
        {
          "isIncomplete": true,
          "items": [
            {
              "detail": "foretell",
              "documentation": {
                "kind": "markdown",
                "value": "```rust\nprintln!(\"hello\");\n```"
              },
              "filterText": "println!(\"hello\");",
              "insertTextFormat": 1,
              "insertTextMode": 1,
              "kind": 15,
              "label": "println!(\"hello\");",
              "preselect": true,
              "sortText": "0",
              "textEdit": {
                "newText": "println!(\"hello\");",
                "range": {
                  "end": {
                    "character": 7,
                    "line": 1
                  },
                  "start": {
                    "character": 4,
                    "line": 1
                  }
                }
              }
            }
          ]
        }"#]]
    .assert_eq(&serde_json::to_string_pretty(&typist.client.answer(id)["result"]).unwrap());
}

#[test]
fn menu_label_counts_further_lines() {
    let (mut typist, ..) = open("fn main() {\n    ˇ\n}\n");
    let params = json!({"textDocument": {"uri": URI}, "position": typist.position(typist.cursor)});
    let id = typist.client.request("textDocument/completion", params);
    let answer = typist.client.answer(id);
    assert_eq!(answer["result"]["items"][0]["label"], "println!(\"hello\"); … +1 line", "{answer}");
}

#[test]
fn invoked_request_returns_candidates() {
    let (mut typist, ..) = open_doubtful(3, "fn main() {\n    priˇ\n}\n");
    let choice = items(&mut typist, json!({"context": {"triggerKind": 1}}));
    let texts: Vec<_> = choice.iter().map(|it| it["insertText"].as_str().unwrap()).collect();
    assert_eq!(texts[0], "ntln!(\"hello\");");
    assert!(texts.len() > 1 && texts.len() <= 3, "{texts:?}");
    assert!(texts[1..].iter().all(|it| *it != texts[0]), "{texts:?}");
    // The likeliest candidate stays the suggestion.
    typist.type_text("n");
    assert_eq!(typist.ask_and_see().0, Seen::Grey("tln!(\"hello\");".into()));
}

#[test]
fn first_candidate_is_the_shown_suggestion() {
    let (mut typist, ..) = open_doubtful(8, "fn main() {\n    priˇ\n}\n");
    typist.ask_and_see();
    typist.type_text("n");
    assert_eq!(typist.ask_and_see().0, Seen::Grey("tln!(\"hello\");".into()));
    let choice = items(&mut typist, json!({"context": {"triggerKind": 1}}));
    assert_eq!(choice[0]["insertText"], "tln!(\"hello\");");
    assert!(choice.len() > 1, "{choice:?}");
}

#[test]
fn other_candidates_can_be_typed() {
    let (mut typist, controls, _) = open_doubtful(8, "fn main() {\n    priˇ\n}\n");
    let choice = items(&mut typist, json!({"context": {"triggerKind": 1}}));
    let texts = choice.iter().map(|it| it["insertText"].as_str().unwrap());
    let other = texts.skip(1).find(|it| it.chars().count() > 1).unwrap().to_owned();
    let first = other.chars().next().unwrap().to_string();
    let n_reads = controls.reads().len();
    typist.type_text(&first);
    assert_eq!(typist.ask_and_see().0, Seen::Grey(other[first.len()..].to_owned()));
    assert_eq!(controls.reads().len(), n_reads, "no model call");
}

#[test]
fn item_extends_the_selected_menu_item() {
    let (mut typist, controls, _) = open("fn main() {\n    prˇ\n}\n");
    let range = json!({"start": {"line": 1, "character": 4}, "end": {"line": 1, "character": 6}});
    let selected =
        json!({"context": {"selectedCompletionInfo": {"range": range, "text": "println!"}}});
    let found = items(&mut typist, selected);
    assert_eq!(found[0]["insertText"], "println!(\"hello\");", "{found:?}");
    assert_eq!(found[0]["range"], range);
    // After accepting the menu's item, the rest is already known.
    let n_reads = controls.reads().len();
    typist.replace(2, "println!");
    assert_eq!(typist.ask_and_see().0, Seen::Grey("(\"hello\");".into()));
    assert_eq!(controls.reads().len(), n_reads, "no model call");
}

#[test]
fn stale_version_gets_nothing() {
    let (mut typist, _, session) = open("fn main() {\n    priˇ\n}\n");
    assert!(items(&mut typist, json!({"textDocument": {"version": 7}})).is_empty());
    assert_eq!(session.counts().nothing["stale_version"], 1);
    assert_eq!(items(&mut typist, json!({"textDocument": {"version": 1}})).len(), 1);
}

#[test]
fn formatting_options_set_the_indent() {
    let (mut typist, ..) = open("fn main() {ˇ\n}\n");
    let tabs = json!({"formattingOptions": {"tabSize": 4, "insertSpaces": false}});
    let found = items(&mut typist, tabs);
    assert_eq!(found[0]["insertText"], "\n\tprintln!(\"hello\");\n\texit();", "{found:?}");
}

#[test]
fn disabled_requests_count_their_reason() {
    let no = |suggest: Suggest, reason: &str| {
        let config = Config { suggest, ..on_request_config() };
        let (mut typist, controls, session) = open_with(&config, "fn main() {\n    priˇ\n}\n");
        assert!(items(&mut typist, json!({})).is_empty(), "{reason}");
        assert_eq!(session.counts().nothing.get(reason), Some(&1), "{reason}");
        assert!(controls.reads().is_empty(), "{reason}: the model ran");
    };
    let suggest = || on_request_config().suggest;
    no(Suggest { trigger: foretell_config::Trigger::Manual, ..suggest() }, "manual_only");
    no(Suggest { languages: [("rust".into(), false)].into(), ..suggest() }, "language_off");
    no(Suggest { exclude: vec!["**/a.rs".into()], ..suggest() }, "excluded");
}

#[test]
fn runs_per_minute_is_a_limit() {
    let suggest = Suggest { runs_per_minute: 1, ..on_request_config().suggest };
    let (mut typist, _, session) =
        open_with(&Config { suggest, ..on_request_config() }, "fn main() {\n    prˇ\n}\n");
    assert!(matches!(typist.ask_and_see().0, Seen::Grey(_)));
    typist.type_text("x");
    assert_eq!(typist.ask_and_see().0, Seen::Nothing);
    assert_eq!(session.counts().nothing["rate_limited"], 1);
}

#[test]
fn settings_change_while_the_server_runs() {
    let (mut typist, ..) = open("fn main() {\n    priˇ\n}\n");
    let change = |typist: &mut Typist, settings: Value| {
        typist.client.notify("workspace/didChangeConfiguration", json!({"settings": settings}));
    };
    change(&mut typist, json!({"foretell": {"suggest": {"enabled": false}}}));
    typist.client.wait_for(|it| is_status(it, "off")).expect("the status changes");
    assert!(items(&mut typist, json!({})).is_empty());
    change(&mut typist, json!({"foretell": {"suggest": {"enabled": true}}}));
    typist.client.wait_for(|it| is_status(it, "ready")).expect("the status changes");
    assert_eq!(items(&mut typist, json!({})).len(), 1);
}

#[test]
fn unknown_setting_is_reported() {
    let (mut client, ..) = start(&on_request_config());
    let settings = json!({"suggest": {"dealy_ms": 1, "max_lines": 2}});
    initialize_with(&mut client, json!({"status": true, "settings": settings}));
    let notification =
        client.wait_for(|it| it["method"] == "window/showMessage").expect("a message");
    expect![[r#"foretell: initializationOptions.settings: "suggest.dealy_ms" is not a setting; did you mean "suggest.delay_ms"?"#]]
        .assert_eq(notification["params"]["message"].as_str().unwrap());
}

#[test]
fn untrusted_workspace_settings_are_ignored() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("foretell.toml"), "[suggest]\nenabled = false\n").unwrap();
    let uri = format!("file://{}", folder.path().display());
    for (trusted, state) in [(false, "ready"), (true, "off")] {
        let (mut client, ..) = start(&on_request_config());
        client.initialize(json!({
            "processId": null, "rootUri": uri, "capabilities": {},
            "initializationOptions": {"status": true, "workspaceTrusted": trusted},
        }));
        client.wait_for(|it| is_status(it, state)).unwrap_or_else(|| panic!("{trusted}: {state}"));
    }
}

/// Typing a number into a settings page changes the setting at every keystroke.
#[test]
fn superseded_model_is_not_loaded() {
    let (begun, loads) = std::sync::mpsc::channel();
    let gate = Arc::new(Mutex::new(()));
    let shut = gate.lock().unwrap();
    let held = Arc::clone(&gate);
    let load = move |config: &Config| {
        let (n, begun, held) = (config.model.context_tokens, begun.clone(), Arc::clone(&held));
        Completer::start_with(move || {
            begun.send(n)?;
            drop(held.lock());
            let script = Script::new("let x = 1;\n")?;
            let prompter =
                Prompter::new(script.vocabulary(), Some(script.fim()), Window::default());
            Ok((script.into_decoder(), prompter))
        })
    };
    let (mut client, _) = serve_with(Box::new(load), &on_request_config());
    client.initialize(json!({
        "processId": null, "rootUri": null,
        "capabilities": {"window": {"workDoneProgress": true}},
        "initializationOptions": {"status": true},
    }));
    let is_begin = |it: &Value| it["params"]["value"]["kind"] == "begin";
    for n_tokens in [None, Some(300), Some(400), Some(500)] {
        if let Some(n) = n_tokens {
            let settings = json!({"model": {"context_tokens": n}});
            let params = json!({"settings": settings});
            client.notify("workspace/didChangeConfiguration", params);
        }
        let asked = client.wait_for(|it| it["method"] == "window/workDoneProgress/create");
        client.answer_to(&asked.expect("a progress"), Value::Null);
        client.wait_for(is_begin).expect("the progress begins");
        if n_tokens.is_none() {
            assert_eq!(loads.recv().unwrap(), Config::default().model.context_tokens);
        }
    }
    drop(shut);
    client.wait_for(|it| is_status(it, "ready")).expect("the last one is loaded");
    assert_eq!(loads.try_iter().collect::<Vec<_>>(), [500]);
}

#[test]
fn model_loading_reports_progress() {
    let gate = Arc::new(Mutex::new(()));
    let shut = gate.lock().unwrap();
    let held = Arc::clone(&gate);
    // A model that loads at once needs no progress.
    let load = move |_: &Config| {
        let held = Arc::clone(&held);
        Completer::start_with(move || {
            drop(held.lock());
            let script = Script::new("let x = 1;\n")?;
            let prompter =
                Prompter::new(script.vocabulary(), Some(script.fim()), Window::default());
            Ok((script.into_decoder(), prompter))
        })
    };
    let (mut client, _) = serve_with(Box::new(load), &on_request_config());
    client.initialize(json!({
        "processId": null, "rootUri": null,
        "capabilities": {"window": {"workDoneProgress": true}},
        "initializationOptions": {"status": true},
    }));
    let asked = client.wait_for(|it| it["method"] == "window/workDoneProgress/create");
    client.answer_to(&asked.expect("a progress"), Value::Null);
    let is_kind = |it: &Value, kind: &str| {
        it["method"] == "$/progress" && it["params"]["value"]["kind"] == kind
    };
    client.wait_for(|it| is_kind(it, "begin")).expect("the progress begins");
    drop(shut);
    client.wait_for(|it| is_kind(it, "end")).expect("the progress ends");
}

#[test]
fn accepts_are_detected_from_edits() {
    let (mut typist, _, session) = open("fn main() {\n    priˇ\n}\n");
    assert_eq!(typist.ask_and_see().0, Seen::Grey("ntln!(\"hello\");".into()));
    typist.type_text("n");
    typist.ask_and_see();
    assert_eq!(session.counts().accepted.chars, 0, "a single letter is typed, not accepted");
    typist.type_text("tln");
    assert_eq!(typist.ask_and_see().0, Seen::Grey("!(\"hello\");".into()));
    let accepted = session.counts().accepted;
    assert_eq!((accepted.whole, accepted.partly, accepted.chars), (0, 1, 3));
    typist.type_text("!(\"hello\");");
    typist.ask_and_see();
    let accepted = session.counts().accepted;
    assert_eq!((accepted.whole, accepted.partly, accepted.chars), (1, 1, 14));
}

#[test]
fn accept_notifications_are_counted() {
    let (mut typist, _, session) = open("fn main() {\n    priˇ\n}\n");
    let item = items(&mut typist, json!({})).remove(0);
    typist.client.notify("textDocument/didShowCompletion", json!({"item": item}));
    let part = json!({"item": item, "acceptedLength": 4});
    typist.client.notify("textDocument/didPartiallyAcceptCompletion", part);
    typist.type_text("ntln");
    let item = items(&mut typist, json!({})).remove(0);
    let command = &item["command"];
    let params = json!({"command": command["command"], "arguments": command["arguments"]});
    let id = typist.client.request("workspace/executeCommand", params);
    assert!(typist.client.answer(id).get("error").is_none());
    typist.type_text("!(\"hello\");");
    typist.ask_and_see();
    let accepted = session.counts().accepted;
    assert_eq!((accepted.whole, accepted.partly, accepted.chars), (1, 1, 15));
}

#[test]
fn stats_command_returns_counts() {
    let (mut typist, ..) = open("fn main() {\n    priˇ\n}\n");
    typist.ask_and_see();
    typist.type_text("n");
    typist.ask_and_see();
    let id =
        typist.client.request("workspace/executeCommand", json!({"command": "foretell.stats"}));
    let result = typist.client.answer(id)["result"].clone();
    assert_eq!(result["counts"]["requests"], 2, "{result}");
    assert_eq!(result["counts"]["shown"], json!({"model": 1, "type_through": 1}));
    assert!(result["page"].as_str().unwrap().starts_with("requests    2"), "{result}");
}

#[test]
fn focus_prefetches_the_document() {
    let (mut typist, controls, _) = open("fn main() {\n    priˇ\n}\n");
    typist.ask_and_see();
    let other =
        json!({"uri": "file:///b.rs", "languageId": "rust", "version": 1, "text": "fn main() {"});
    typist.client.notify("textDocument/didOpen", json!({"textDocument": other}));
    let n_reads = controls.reads().len();
    let focus = json!({"textDocument": {"uri": "file:///b.rs"}});
    typist.client.notify("textDocument/didFocus", focus);
    controls.wait_until_reads(n_reads + 1);
}

#[test]
fn unread_answers_do_not_block_edits() {
    let (mut typist, _, session) = open("fn main() {\n    ˇ\n}\n");
    typist.client.stop_reading();
    // Far more answers than fit into the pipe.
    let typed = "x".repeat(40);
    for _ in 0..400 {
        typist.type_text(&typed);
        typist.ask();
    }
    let text = typist.text.clone();
    let is_applied = || {
        let snapshot = session.snapshot(URI, Default::default());
        snapshot.is_some_and(|it| it.rope == text)
    };
    let patience = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while !is_applied() && std::time::Instant::now() < patience {
        std::thread::yield_now();
    }
    assert!(is_applied(), "all edits are applied");
    typist.client.resume_reading();
    assert_ne!(typist.ask_and_see().0, Seen::Superseded);
}

#[cfg(unix)]
#[test]
fn server_exits_with_its_editor() {
    let mut editor = std::process::Command::new("sleep").arg("600").spawn().unwrap();
    let (mut client, ..) = start(&on_request_config());
    let params = json!({"processId": editor.id(), "rootUri": null, "capabilities": {}});
    client.initialize(params);
    editor.kill().unwrap();
    editor.wait().unwrap();
    assert!(client.is_closed(), "the server outlives its editor");
}

#[test]
fn suggestion_survives_full_text_sync() {
    let (mut typist, _, session) = open("fn main() {\n    priˇ\n}\n");
    assert_eq!(typist.ask_and_see().0, Seen::Grey("ntln!(\"hello\");".into()));
    typist.cursor += 1;
    typist.text = "fn main() {\n    prin\n}\n".into();
    let params = json!({
        "textDocument": {"uri": URI, "version": 2},
        "contentChanges": [{"text": typist.text}],
    });
    typist.client.notify("textDocument/didChange", params);
    assert_eq!(typist.ask_and_see().0, Seen::Grey("tln!(\"hello\");".into()));
    assert_eq!(session.counts().shown["type_through"], 1, "the same suggestion");
}

//! Messages that are not quite as the specification says: what the server does not use cannot make
//! it fail, and what it cannot read is never taken for something else.

use foretell_test_support::editor_sim::{Seen, Typist};
use foretell_test_support::lsp_client::Client;
use foretell_test_support::scripted_server::{
    connect, initialize, initialize_with, is_status, on_request_config, serve,
};
use serde_json::{Value, json};

const SAYS: &str = "let x = compute(1);\n";
const URI: &str = "file:///a.rs";

fn open() -> Typist {
    let (mut client, _) = connect(SAYS);
    initialize(&mut client);
    Typist::open(client, URI, "let x = ˇ\n")
}

/// Whether a handshake with these parameters, merged into ordinary ones, leads to a suggestion.
fn works_with(more: &Value) -> bool {
    let mut params = json!({
        "processId": null, "rootUri": null, "initializationOptions": {"status": true},
        "capabilities": {"general": {"positionEncodings": ["utf-8"]}},
    });
    for (key, value) in more.as_object().unwrap() {
        params[key] = value.clone();
    }
    let (mut client, _) = connect(SAYS);
    let result = client.initialize(params);
    if result["capabilities"]["inlineCompletionProvider"] != true {
        return false;
    }
    if more.get("initializationOptions").is_none() {
        client.wait_for(|it| is_status(it, "ready")).expect("the model loads");
    }
    let id = client.request("shutdown", Value::Null);
    client.answer(id)["result"].is_null()
}

#[test]
fn unused_capabilities_are_not_read() {
    for capabilities in [
        json!({"textDocument":
            {"semanticTokens": {"dynamicRegistration": true}, "inlineCompletion": {}}}),
        json!({"textDocument": {"completion": {"completionItem": {"insertTextModeSupport": {}}}}}),
        json!({"textDocument": {"publishDiagnostics": {"tagSupport": {}}}}),
        json!({"textDocument": {"codeAction": {"codeActionLiteralSupport": 1}}}),
        json!({"textDocument": []}),
        json!({"textDocument": 1, "workspace": "x", "window": null, "general": true}),
        json!({"workspace": {"symbol": {"symbolKind": {"valueSet": ["x"]}}, "fileOperations": 3}}),
        json!({"general": {"positionEncodings": [1, "utf-8"], "staleRequestSupport": {}}}),
        json!({"general": {"positionEncodings": "utf-8"}}),
        json!({"window": {"workDoneProgress": "yes", "showMessage": {"messageActionItem": 1}}}),
        json!([]),
        Value::Null,
    ] {
        assert!(works_with(&json!({"capabilities": capabilities})), "{capabilities}");
    }
}

#[test]
fn unused_fields_of_initialize_are_not_read() {
    for params in [
        json!({"processId": {}}),
        json!({"processId": "1"}),
        json!({"processId": -1}),
        json!({"processId": 1e300}),
        json!({"clientInfo": "neovim"}),
        json!({"clientInfo": {"name": 1, "version": {}}}),
        json!({"rootUri": 3, "rootPath": {}, "workspaceFolders": [{"uri": 1}, 2]}),
        json!({"workspaceFolders": "file:///a"}),
        json!({"trace": "loud", "locale": [], "workDoneToken": {}}),
        json!({"initializationOptions": [1]}),
        json!({"initializationOptions": "x"}),
    ] {
        assert!(works_with(&params), "{params}");
    }
    let (mut client, _) = connect(SAYS);
    initialize_with(
        &mut client,
        json!({"status": true, "streaming": "maybe", "workspaceTrusted": 1}),
    );
}

#[test]
fn initialize_needs_no_parameters() {
    for params in [json!({}), json!([]), Value::Null] {
        let (mut client, _) = connect(SAYS);
        let result = client.initialize(params);
        assert_eq!(result["capabilities"]["positionEncoding"], "utf-16");
    }
}

#[test]
fn initialized_needs_no_parameters() {
    for params in [json!([]), Value::Null, json!("x")] {
        let (mut client, _) = connect(SAYS);
        let params_of_initialize =
            json!({"capabilities": {}, "initializationOptions": {"status": true}});
        let id = client.request("initialize", params_of_initialize);
        client.answer(id);
        client.notify("initialized", params);
        client.wait_for(|it| is_status(it, "ready")).expect("the model loads");
    }
}

#[test]
fn parameters_of_shutdown_and_exit_are_ignored() {
    for params in [json!({}), json!([]), Value::Null, json!({"a": 1}), json!("x")] {
        let Typist { mut client, .. } = open();
        let id = client.request("shutdown", params.clone());
        let answer = client.answer(id);
        assert!(answer["error"].is_null() && answer["result"].is_null(), "{params}: {answer}");
        client.notify("exit", params.clone());
        assert!(client.is_closed(), "{params}");
    }
}

/// In a container, the editor's process is not visible.
#[cfg(unix)]
#[test]
fn invisible_editor_is_not_gone() {
    let mut editor = std::process::Command::new("true").spawn().unwrap();
    editor.wait().unwrap();
    let (mut client, _) = connect(SAYS);
    client.initialize(json!({
        "processId": editor.id(), "capabilities": {},
        "initializationOptions": {"status": true},
    }));
    client.wait_for(|it| is_status(it, "ready")).expect("the model loads");
    let mut typist = Typist::open(client, URI, "let x = ˇ\n");
    for _ in 0..20 {
        std::thread::yield_now();
        assert_eq!(typist.ask_and_see().0, Seen::Grey("compute(1);".into()));
    }
    typist.client.end();
}

/// Sends a change, then asks at the end of the first line; returns the first item, if any.
fn after_change(changes: &Value) -> Option<Value> {
    let mut typist = open();
    typist.client.notify(
        "textDocument/didChange",
        json!({"textDocument": {"uri": URI, "version": 2}, "contentChanges": changes}),
    );
    let id = typist.ask();
    typist.client.answer(id)["result"]["items"].get(0).cloned()
}

#[test]
fn change_with_an_unreadable_range_closes_its_document() {
    let at = |character: Value| json!({"line": 0, "character": character});
    let mut ranges =
        vec![json!({}), json!([]), json!(""), json!(1), json!({"start": at(json!(0))})];
    for bound in [json!(-1), json!(3.0), json!("0"), json!(null), json!(i64::MAX), json!(u64::MAX)]
    {
        ranges.push(json!({"start": at(bound.clone()), "end": at(json!(0))}));
        ranges.push(json!({"start": at(json!(0)), "end": at(bound)}));
    }
    for range in ranges {
        let changes = json!([{"range": range, "text": "let x = "}]);
        assert_eq!(after_change(&changes), None, "{changes}");
        let changes = json!([{"text": "let x = "}, {"range": range, "text": ""}]);
        assert_eq!(after_change(&changes), None, "{changes}");
    }
}

#[test]
fn other_unreadable_changes_close_their_document() {
    for changes in [
        json!([{"range": null}]),
        json!([{"text": 1}]),
        json!(["let x = "]),
        json!({}),
        json!(null),
    ] {
        assert_eq!(after_change(&changes), None, "{changes}");
    }
}

#[test]
fn null_range_replaces_the_whole_document() {
    for changes in [
        json!([{"range": null, "text": "let x = \n"}]),
        json!([{"text": "let x = \n", "rangeLength": -1, "more": {}}]),
        json!([{"range": null, "text": ""}, {"range": null, "text": "let x = \n"}]),
    ] {
        let item = after_change(&changes);
        assert_eq!(item.map(|it| it["insertText"].clone()), Some(json!("compute(1);")));
    }
}

#[test]
fn unreadable_open_closes_the_document() {
    let mut typist = open();
    let document = json!({"uri": URI, "languageId": "rust", "version": 1, "text": null});
    typist.client.notify("textDocument/didOpen", json!({"textDocument": document}));
    assert_eq!(typist.ask_and_see().0, Seen::Nothing);
    for (language, version) in [(json!("rust"), json!("1")), (Value::Null, json!(1.5))] {
        let document =
            json!({"uri": URI, "languageId": language, "version": version, "text": "let x = \n"});
        typist.client.notify("textDocument/didOpen", json!({"textDocument": document}));
        assert_eq!(typist.ask_and_see().0, Seen::Grey("compute(1);".into()));
    }
}

#[test]
fn unused_fields_of_a_request_are_not_read() {
    let mut typist = open();
    let (start, end) = (json!({"line": 0, "character": 0}), json!({"line": 0, "character": 3}));
    let left_over = json!({"text": "static", "range": {"start": start, "end": end}});
    for more in [
        // The item of a menu that has closed, away from the cursor, as coc.nvim sends it.
        json!({"context": {"triggerKind": 2, "selectedCompletionInfo": left_over}}),
        json!({"context": null}),
        json!({"context": {"triggerKind": 9}}),
        json!({"context": {"triggerKind": 2, "selectedCompletionInfo": {"text": 1}}}),
        json!({"formattingOptions": {"tabSize": -1, "insertSpaces": "no"}}),
        json!({"formattingOptions": []}),
        json!({"workDoneToken": {}, "partialResultToken": []}),
    ] {
        let mut params = json!({"textDocument": {"uri": URI}, "context": {"triggerKind": 2},
            "position": {"line": 0, "character": 8, "more": 1}});
        for (key, value) in more.as_object().unwrap() {
            params[key] = value.clone();
        }
        let id = typist.client.request("textDocument/inlineCompletion", params.clone());
        let answer = typist.client.answer(id);
        assert_eq!(answer["result"]["items"][0]["insertText"], "compute(1);", "{params}: {answer}");
        params["context"] = json!({"triggerKind": [], "triggerCharacter": 1});
        let id = typist.client.request("textDocument/completion", params.clone());
        let answer = typist.client.answer(id);
        assert_eq!(answer["result"]["items"][0]["label"], "compute(1);", "{params}: {answer}");
    }
    for arguments in [json!([]), json!({}), json!(["x"]), Value::Null] {
        let params = json!({"command": "foretell.accept", "arguments": arguments});
        let id = typist.client.request("workspace/executeCommand", params);
        assert!(typist.client.answer(id)["error"].is_null(), "{arguments}");
    }
}

/// The messages shown for changed settings; the server is asked to turn suggestions off in the end.
fn messages_for(settings: Value) -> Vec<String> {
    let (mut client, _) = connect(SAYS);
    initialize(&mut client);
    let change = |client: &mut Client, settings: Value| {
        client.notify("workspace/didChangeConfiguration", json!({"settings": settings}));
    };
    change(&mut client, settings);
    change(&mut client, json!({"suggest": {"enabled": false}}));
    client.wait_for(|it| is_status(it, "off")).expect("the status changes");
    let shown = client.kept().iter().filter(|it| it["method"] == "window/showMessage");
    shown.map(|it| it["params"]["message"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn settings_of_other_servers_are_ignored() {
    for settings in [
        json!({"gopls": {"staticcheck": true}, "pylsp": {"plugins": {}}}),
        json!({"rust-analyzer.check.command": "clippy", "Lua": null, "yaml": []}),
        json!({"gopls": {}, "foretell": {"suggest": {"max_lines": 3}}}),
        json!({"foretell.suggest.max_lines": 3, "suggestion": 1, "": {}}),
        json!({}),
        json!([]),
    ] {
        assert_eq!(messages_for(settings.clone()), [""; 0], "{settings}");
    }
}

#[test]
fn own_invalid_settings_are_still_reported() {
    for settings in [
        json!({"gopls": {}, "foretell": {"gopls": {}}}),
        json!({"gopls": {}, "suggest": {"dealy_ms": 1}}),
        json!({"suggest.max_lines": "many"}),
        json!({"foretell.suggest.dealy_ms": 1}),
    ] {
        assert_eq!(messages_for(settings.clone()).len(), 1, "{settings}");
    }
}

#[test]
fn requested_settings_are_all_ours() {
    let script = foretell_engine::scripted::Script::new(SAYS).unwrap();
    let (mut client, _) = serve(script, &on_request_config());
    client.initialize(json!({"capabilities": {"workspace": {"configuration": true}},
        "initializationOptions": {"status": true}}));
    client.wait_for(|it| is_status(it, "ready")).expect("the model loads");
    client.notify("workspace/didChangeConfiguration", json!({"settings": null}));
    let asked = client.wait_for(|it| it["method"] == "workspace/configuration").unwrap();
    client.answer_to(&asked, json!([{"sugest": {"enabled": false}}]));
    let told = client.wait_for(|it| it["method"] == "window/showMessage").expect("a message");
    assert!(told["params"]["message"].as_str().unwrap().contains("sugest"), "{told}");
}

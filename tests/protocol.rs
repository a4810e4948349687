//! The server over a pipe with a scripted model: order of messages, superseding, and what is shown.

use expect_test::{Expect, expect};
use foretell_config::{Config, Suggest};
use foretell_engine::scripted::{Controls, Fault, Script};
use foretell_test_support::editor_sim::{Seen, Typist};
use foretell_test_support::scripted_server::{
    connect, connect_with, initialize, initialize_with, on_request_config, serve,
};
use serde_json::{Value, json};

fn open(marked: &str, says: &str) -> (Typist, Controls) {
    let (mut client, controls) = connect(says);
    initialize(&mut client);
    (Typist::open(client, "file:///a.rs", marked), controls)
}

/// Types `keys` at the cursor of `marked` (`⌫` is backspace) with a request per key. The trace has
/// what is shown after each key and whether the model ran for it.
fn check(marked: &str, keys: &str, says: &str, expected: &Expect) {
    let (mut typist, controls) = open(marked, says);
    let mut trace = String::new();
    let mut n_reads = 0;
    for key in std::iter::once(None).chain(keys.chars().map(Some)) {
        match key {
            Some('⌫') => typist.replace(1, ""),
            Some(key) => typist.type_text(key.encode_utf8(&mut [0; 4])),
            None => {}
        }
        let shown = match typist.ask_and_see().0 {
            Seen::Grey(text) => format!("{text:?}"),
            other => format!("{other:?}"),
        };
        let n_reads_now = controls.reads().len();
        let cost = if n_reads_now > n_reads { "model" } else { "-" };
        n_reads = n_reads_now;
        let key = key.map_or("(open)".to_owned(), |key| format!("{key:?}"));
        trace.push_str(&format!("{key:<7}{cost:<6}{shown}\n"));
    }
    expected.assert_eq(&trace);
}

#[test]
fn typing_through_needs_no_model() {
    check(
        "fn main() {\n    priˇ\n}\n",
        "ntl",
        "fn main() {\n    println!();\n}\n",
        &expect![[r#"
        (open) model "ntln!();"
        'n'    -     "tln!();"
        't'    -     "ln!();"
        'l'    -     "n!();"
    "#]],
    );
}

#[test]
fn typing_something_else_asks_the_model() {
    check(
        "let x = oˇ;\n",
        "u⌫",
        "let x = one;\nlet x = our;\n",
        &expect![[r#"
        (open) model "ne"
        'u'    model "r"
        '⌫'    -     "ne"
    "#]],
    );
}

#[test]
fn empty_line_gets_a_block() {
    check(
        "fn f() {\n    ˇ\n}\n",
        "l",
        "fn f() {\n    let a = 1;\n    g(a);\n}\n",
        &expect![[r#"
        (open) model "let a = 1;\n    g(a);"
        'l'    -     "et a = 1;\n    g(a);"
    "#]],
    );
}

#[test]
fn earlier_suggestion_is_reused() {
    check(
        "let x = oˇ;\n",
        "ne⌫⌫⌫o",
        "let x = one;\n",
        &expect![[r#"
        (open) model "ne"
        'n'    -     "e"
        'e'    -     Nothing
        '⌫'    -     "e"
        '⌫'    -     "ne"
        '⌫'    -     "one"
        'o'    -     "ne"
    "#]],
    );
}

/// Settings that compute the next suggestion while the current one is on screen.
fn compute_ahead_config() -> Config {
    let suggest = Suggest { compute_ahead: true, ..on_request_config().suggest };
    Config { suggest, ..on_request_config() }
}

#[test]
fn text_after_an_accept_is_computed_ahead() {
    let says = "fn f() {\n    first();\n    second();\n}\n";
    let (mut client, controls) = connect_with(says, &compute_ahead_config());
    initialize(&mut client);
    let mut typist = Typist::open(client, "file:///a.rs", "fn f() {\n    fiˇ\n}\n");
    assert_eq!(typist.ask_and_see().0, Seen::Grey("rst();".into()));
    // 10 reads for the prompt and "rst();" up to the end of the line, 14 for the next line and the
    // start of the one after it.
    controls.wait_until_reads(24);
    controls.hold();
    typist.type_text("rst();");
    typist.type_text("\n    ");
    assert_eq!(typist.ask_and_see().0, Seen::Grey("second();".into()));
    assert_eq!(controls.reads().len(), 24, "the text computed ahead needs no read");
    controls.release();
}

#[test]
fn next_line_is_computed_ahead() {
    let says = "fn f() {\n    first();\n    second();\n}\n";
    // The model is not sure that the line ends.
    let line_end = says.find("\n    second").unwrap();
    let script = Script::new(says).unwrap().with_doubts(&[(line_end, 0.05)]);
    let controls = script.controls();
    let (mut client, _) = serve(script, &compute_ahead_config());
    initialize(&mut client);
    let mut typist = Typist::open(client, "file:///a.rs", "fn f() {\n    first()ˇ\n}\n");
    assert_eq!(typist.ask_and_see().0, Seen::Grey(";".into()));
    typist.type_text(";");
    assert_eq!(typist.ask_and_see().0, Seen::Nothing);
    // The model is generating "    second();" and is still within its indentation.
    controls.wait_until_reads(6);
    controls.hold();
    typist.type_text("\n    ");
    let id = typist.ask();
    controls.release();
    assert_eq!(typist.see(id), Seen::Grey("second();".into()));
    let command = json!({"command": "foretell.stats"});
    let id = typist.client.request("workspace/executeCommand", command);
    let counts = typist.client.answer(id)["result"]["counts"].clone();
    assert_eq!(counts["shown"], json!({"model": 1, "ahead": 1}), "{counts}");
}

#[test]
fn sure_next_line_is_shown_at_the_end_of_a_line() {
    check(
        "fn f() {\n    first();ˇ\n}\n",
        "\n s",
        "fn f() {\n    first();\n    second();\n    third();\n}\n",
        &expect![[r#"
        (open) model "\n    second();\n    third();"
        '\n'   -     "    second();\n    third();"
        ' '    -     "   second();\n    third();"
        's'    model "econd();"
    "#]],
    );
}

#[test]
fn whole_window_is_prefilled_eventually() {
    let above = "// a line that is read later\n".repeat(20);
    let config = Config { prompt: Config::default().prompt, ..on_request_config() };
    let (mut client, controls) = connect_with("let x = compute(1);\nlet y = 2;\n", &config);
    initialize(&mut client);
    let mut typist = Typist::open(client, "file:///a.rs", &format!("{above}let x = ˇ\n"));
    assert_eq!(typist.ask_and_see().0, Seen::Grey("compute(1);".into()));
    let reads = controls.reads();
    let n_prompt = reads.iter().find(|read| read.n_tokens == 1).map(|read| read.n_past).unwrap();
    assert!(n_prompt < above.len() / 2, "{n_prompt} tokens were read before the first answer");

    // Each key that contradicts the suggestion asks the model, eventually with the whole window.
    let is_whole = |controls: &Controls| {
        let reads = controls.reads();
        reads.iter().any(|read| read.n_tokens == 1 && read.n_past > above.len())
    };
    for _ in 0..1_000 {
        typist.type_text("#");
        typist.ask_and_see();
        if is_whole(&controls) {
            return;
        }
        typist.replace(1, "");
        typist.ask_and_see();
    }
    panic!("the whole window was never used");
}

#[test]
fn no_suggestion_is_an_empty_list() {
    check(
        "let x = 1;ˇ\n",
        "",
        "let x = 1;\n",
        &expect![[r#"
        (open) model Nothing
    "#]],
    );
}

#[test]
fn superseded_request_is_answered_as_cancelled() {
    for reads_before in [0, 2] {
        let (mut typist, controls) = open("let x = ˇ\n", "let x = compute(1);\nlet x = zoo;\n");
        controls.hold();
        let first = typist.ask();
        controls.permit(reads_before); // the prefill, then a decode step
        controls.wait_until_held();
        typist.type_text("z");
        let second = typist.ask();
        assert_eq!(typist.see(first), Seen::Superseded);
        controls.release();
        assert_eq!(typist.see(second), Seen::Grey("oo;".into()));
    }
}

#[test]
fn running_generation_survives_matching_keys() {
    let (mut typist, controls) = open("let x = ˇ\n", "let x = compute(1);\n");
    controls.hold();
    let first = typist.ask();
    controls.permit(1);
    controls.wait_until_held();
    typist.type_text("comp");
    let second = typist.ask();
    assert_eq!(typist.see(first), Seen::Superseded);
    controls.release();
    assert_eq!(typist.see(second), Seen::Grey("ute(1);".into()));
    let reads = controls.reads();
    let prompts = reads.iter().filter(|read| read.n_tokens > 1).count();
    assert_eq!(prompts, 1, "the generation continued: {reads:?}");
}

#[test]
fn stuck_requests_do_not_block_others() {
    let (mut typist, controls) = open("let x = ˇ\n", "let x = 1;\nlet x = abcdefgh;\n");
    controls.hold();
    let stuck: Vec<i64> = (0..8).map(|_| typist.ask()).collect();
    typist.type_text("abcd");
    let last = typist.ask();
    for id in stuck {
        assert_eq!(typist.see(id), Seen::Superseded);
    }
    controls.release();
    assert_eq!(typist.see(last), Seen::Grey("efgh;".into()));
}

#[test]
fn cancelled_request_is_answered_at_once() {
    let (mut typist, controls) = open("let x = ˇ\n", "let x = 1;\n");
    controls.hold();
    let id = typist.ask();
    controls.wait_until_held();
    typist.client.notify("$/cancelRequest", json!({"id": id}));
    assert_eq!(typist.see(id), Seen::Superseded);
    controls.release();
    assert_eq!(typist.ask_and_see().0, Seen::Grey("1;".into()));
}

#[test]
fn edits_are_applied_in_order() {
    let (mut typist, _) = open("ˇ", "abcdefghijklmnopqrstuvwxyz\n");
    let mut asked = Vec::new();
    for key in 'a'..='t' {
        typist.type_text(&key.to_string());
        asked.push(typist.ask());
    }
    let last = asked.pop().unwrap();
    assert_eq!(typist.see(last), Seen::Grey("uvwxyz".into()));
    for id in asked {
        typist.client.answer(id); // one answer each; its content depends on timing
    }
}

#[test]
fn suggestion_uses_the_files_line_breaks() {
    let (mut client, _) = connect("fn f() {\n    a();\n    b();\n}\n");
    initialize(&mut client);
    let mut typist = Typist::open(client, "file:///a.rs", "fn f() {\r\n    ˇ\r\n}\r\n");
    assert_eq!(typist.ask_and_see().0, Seen::Grey("a();\r\n    b();".into()));
}

#[test]
fn unopened_document_gets_nothing() {
    let (mut client, _) = connect("x");
    initialize(&mut client);
    let id = client.request(
        "textDocument/inlineCompletion",
        json!({"textDocument": {"uri": "file:///none"}, "position": {"line": 0, "character": 0},
            "context": {"triggerKind": 1}}),
    );
    assert_eq!(client.answer(id)["result"], json!({"items": []}));
}

#[test]
fn capabilities_are_announced() {
    let (mut client, _) = connect("x");
    let result = initialize(&mut client);
    let capabilities = &result["capabilities"];
    assert_eq!(capabilities["positionEncoding"], "utf-8");
    assert_eq!(capabilities["inlineCompletionProvider"], true);
    assert_eq!(capabilities["textDocumentSync"], json!({"openClose": true, "change": 2}));
    client.end();
}

#[test]
fn session_ends_when_the_client_hangs_up() {
    let (mut typist, controls) = open("let x = ˇ\n", "let x = 1;\n");
    controls.hold();
    let id = typist.ask();
    controls.wait_until_held();
    let mut client = typist.client;
    client.close_output();
    let rest = client.rest();
    assert!(rest.iter().any(|it| it["id"] == id && it["error"]["code"] == -32800), "{rest:?}");
    controls.release();
}

#[test]
fn prefetch_does_not_delay_exit() {
    for says_shutdown in [true, false] {
        let (typist, controls) = open("let x = ˇ\n", "let x = 1;\n");
        let mut client = typist.client;
        controls.hold();
        client.notify("textDocument/didFocus", json!({"textDocument": {"uri": "file:///a.rs"}}));
        controls.wait_until_held();
        if says_shutdown {
            let id = client.request("shutdown", Value::Null);
            client.answer(id);
        }
        client.notify("exit", Value::Null);
        assert!(client.is_closed());
        controls.release();
    }
}

/// The texts of the updates up to the last one, which has the probability.
fn updates(typist: &mut Typist) -> (Vec<String>, f64) {
    let mut texts = Vec::new();
    loop {
        let it = typist.client.wait_for(|it| it["method"] == "foretell/inlineCompletion/update");
        let params = it.expect("an update")["params"].clone();
        assert_eq!(params["textDocument"], json!({"uri": "file:///a.rs", "version": 1}));
        assert_eq!(params["position"], params["item"]["range"]["start"]);
        texts.push(params["item"]["insertText"].as_str().unwrap().to_owned());
        if params["done"] == true {
            return (texts, params["probability"].as_f64().unwrap());
        }
        assert_eq!(params["probability"], Value::Null);
    }
}

fn open_streaming(marked: &str, says: &str, doubts: &[(usize, f32)]) -> (Typist, Controls) {
    let script = Script::new(says).unwrap().with_doubts(doubts);
    let controls = script.controls();
    let (mut client, _) = serve(script, &on_request_config());
    initialize_with(&mut client, json!({"status": true, "streaming": true}));
    (Typist::open(client, "file:///a.rs", marked), controls)
}

#[test]
fn streamed_text_only_grows() {
    let says = "fn f() {\n    let a = one();\n    let b = two();\n}\n";
    let doubts = [(says.find("two").unwrap(), 0.9)];
    let (mut typist, controls) = open_streaming("fn f() {\n    ˇ\n}\n", says, &doubts);
    controls.hold();
    let asked = typist.ask();
    controls.wait_until_held();
    controls.permit(8); // the prefill and the decode steps of a first piece
    let Seen::Grey(first) = typist.see(asked) else { panic!("a first piece") };
    assert!("let a = one();".starts_with(&first), "{first:?}");
    controls.release();
    let (texts, probability) = updates(&mut typist);
    assert_eq!(texts.last().unwrap(), "let a = one();\n    let b = two();");
    assert!((probability - 0.9).abs() < 0.02, "{probability}");
    for (shorter, longer) in [&first].into_iter().chain(&texts).zip(&texts) {
        assert!(longer.starts_with(shorter.as_str()), "{shorter:?} → {longer:?}");
    }
}

#[test]
fn edit_ends_the_updates() {
    let says = "fn f() {\n    let a = one();\n    let b = two();\n}\n";
    let (mut typist, controls) = open_streaming("fn f() {\n    ˇ\n}\n", says, &[]);
    controls.hold();
    let asked = typist.ask();
    controls.wait_until_held();
    // `let a`, of which the last word may go on: no update comes before the edit.
    controls.permit(6);
    assert!(matches!(typist.see(asked), Seen::Grey(_)));
    typist.type_text("x");
    let asked = typist.ask();
    controls.release();
    typist.client.answer(asked);
    typist.client.close_output();
    let late = |it: &Value| {
        it["method"] == "foretell/inlineCompletion/update"
            && it["params"]["textDocument"]["version"] == 1
    };
    assert_eq!(typist.client.rest().into_iter().find(late), None);
}

#[test]
fn suggestion_replaces_auto_closed_bracket() {
    let (mut typist, _controls) = open("fooˇ()\n", "foo(x) + g(y);\n");
    typist.cursor += 1;
    let id = typist.ask();
    let item = &typist.client.answer(id)["result"]["items"][0];
    assert_eq!(item["insertText"], "x) + g(y);");
    let (start, end) = (&item["range"]["start"], &item["range"]["end"]);
    assert_eq!((&start["character"], &end["character"]), (&json!(4), &json!(5)));
}

/// The server keeps no state of a superseded request.
#[test]
fn superseded_request_id_can_be_reused() {
    let (mut typist, controls) = open("let x = ˇ\n", "let x = compute(1);\n");
    let ask = json!({"jsonrpc": "2.0", "id": "again", "method": "textDocument/inlineCompletion",
        "params": {"textDocument": {"uri": "file:///a.rs"}, "context": {"triggerKind": 2},
        "position": {"line": 0, "character": 8}}})
    .to_string();
    let ask = format!("Content-Length: {}\r\n\r\n{ask}", ask.len());
    let answer = |typist: &mut Typist| typist.client.wait_for(|it| it["id"] == "again").unwrap();
    controls.hold();
    typist.client.send_raw(ask.as_bytes());
    controls.wait_until_held();
    typist.type_text("c");
    assert_eq!(answer(&mut typist)["error"]["code"], -32800);
    typist.replace(1, "");
    controls.release();
    typist.client.send_raw(ask.as_bytes());
    assert_eq!(answer(&mut typist)["result"]["items"][0]["insertText"], "compute(1);");
}

#[test]
fn provider_fallback_is_reported_once() {
    let (mut typist, controls) = open("let x = ˇ\n", "let x = compute(1);\n");
    // Some clients send this at the start without any changes.
    typist.client.notify("workspace/didChangeConfiguration", json!({"settings": {}}));
    controls.fail_after(0, Fault::FallsBack);
    assert_eq!(typist.ask_and_see().0, Seen::Nothing);
    let is_message = |it: &Value| it["method"] == "window/showMessage";
    let message = typist.client.wait_for(is_message).expect("a message")["params"].clone();
    assert_eq!(message["message"], "foretell: a scripted way that is slower");
    for _ in 0..3 {
        typist.type_text("c");
        typist.replace(1, "");
        assert_eq!(typist.ask_and_see().0, Seen::Grey("compute(1);".into()));
    }
    typist.client.close_output();
    assert!(!typist.client.rest().iter().any(is_message), "once");
}

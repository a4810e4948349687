//! The server on the wire with a scripted model: order, supersession, and what is shown.

use expect_test::{Expect, expect};
use foretell_config::{Config, Suggest};
use foretell_engine::scripted::{Controls, Fault};
use foretell_test_support::editor_sim::{Seen, Typist};
use foretell_test_support::scripted_server::{
    connect, connect_with, initialize, initialize_with, still,
};
use serde_json::{Value, json};

fn open(marked: &str, says: &str) -> (Typist, Controls) {
    let (mut client, controls) = connect(says);
    initialize(&mut client);
    (Typist::open(client, "file:///a.rs", marked), controls)
}

/// Types `keys` at the cursor of `marked`, one request a key, `⌫` being backspace; the trace says
/// what is shown after each and how often the model was read for it.
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
fn typing_into_an_offer_costs_no_model_call() {
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
fn typing_against_an_offer_asks_the_model_again() {
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
fn an_empty_line_gets_a_block() {
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
fn a_text_that_was_given_before_is_given_again() {
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

/// Settings by which the next text is computed while the one before is read.
fn ahead() -> Config {
    let suggest = Suggest { compute_ahead: true, ..still().suggest };
    Config { suggest, ..still() }
}

#[test]
fn what_follows_an_accepted_text_is_there_before_it_is_asked_for() {
    let says = "fn f() {\n    first();\n    second();\n}\n";
    let (mut client, controls) = connect_with(says, &ahead());
    initialize(&mut client);
    let mut typist = Typist::open(client, "file:///a.rs", "fn f() {\n    fiˇ\n}\n");
    assert_eq!(typist.ask_and_see().0, Seen::Grey("rst();".into()));
    // 10 reads for the prompt and "rst();" to the line's end, 13 for what follows.
    controls.wait_until_reads(23);
    controls.hold();
    typist.type_text("rst();");
    typist.type_text("\n    ");
    assert_eq!(typist.ask_and_see().0, Seen::Grey("second();".into()));
    assert_eq!(controls.reads().len(), 23, "no read was made for what was computed ahead");
    controls.release();
}

#[test]
fn the_line_after_one_that_the_user_has_ended_is_there_before_it_is_asked_for() {
    let says = "fn f() {\n    first();\n    second();\n}\n";
    let (mut client, controls) = connect_with(says, &ahead());
    initialize(&mut client);
    let mut typist = Typist::open(client, "file:///a.rs", "fn f() {\n    first()ˇ\n}\n");
    assert_eq!(typist.ask_and_see().0, Seen::Grey(";".into()));
    typist.type_text(";");
    assert_eq!(typist.ask_and_see().0, Seen::Nothing);
    // The model is on its way to "    second();" and has not come to the end of the indentation.
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
fn the_whole_window_is_read_while_the_user_rests() {
    let above = "// a line that is read later\n".repeat(20);
    let config = Config { prompt: Config::default().prompt, ..still() };
    let (mut client, controls) = connect_with("let x = compute(1);\nlet y = 2;\n", &config);
    initialize(&mut client);
    let mut typist = Typist::open(client, "file:///a.rs", &format!("{above}let x = ˇ\n"));
    assert_eq!(typist.ask_and_see().0, Seen::Grey("compute(1);".into()));
    let reads = controls.reads();
    let n_prompt = reads.iter().find(|read| read.n_tokens == 1).map(|read| read.n_past).unwrap();
    assert!(n_prompt < above.len() / 2, "{n_prompt} tokens were read before the first answer");

    // Each key that contradicts the offer asks the model; sooner or later about all of the text.
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
fn nothing_to_say_is_an_empty_list() {
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
fn a_request_that_an_edit_supersedes_is_answered_as_cancelled() {
    for reads_before in [0, 2] {
        let (mut typist, controls) = open("let x = ˇ\n", "let x = compute(1);\nlet x = zoo;\n");
        controls.hold();
        let first = typist.ask();
        controls.permit(reads_before); // the prompt's read, then a decode step
        controls.wait_until_held();
        typist.type_text("z");
        let second = typist.ask();
        assert_eq!(typist.see(first), Seen::Superseded);
        controls.release();
        assert_eq!(typist.see(second), Seen::Grey("oo;".into()));
    }
}

#[test]
fn what_is_typed_into_a_running_draft_is_handed_over() {
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
    assert_eq!(prompts, 1, "the draft went on: {reads:?}");
}

#[test]
fn stuck_requests_delay_neither_edits_nor_answers() {
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
fn a_cancelled_request_is_answered_at_once() {
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
fn edits_are_applied_in_the_order_of_the_wire() {
    let (mut typist, _) = open("ˇ", "abcdefghijklmnopqrstuvwxyz\n");
    let mut asked = Vec::new();
    for key in 'a'..='t' {
        typist.type_text(&key.to_string());
        asked.push(typist.ask());
    }
    let last = asked.pop().unwrap();
    assert_eq!(typist.see(last), Seen::Grey("uvwxyz".into()));
    for id in asked {
        typist.client.answer(id); // exactly one each; what it says depends on the race
    }
}

#[test]
fn line_breaks_of_the_file_come_back() {
    let (mut client, _) = connect("fn f() {\n    a();\n    b();\n}\n");
    initialize(&mut client);
    let mut typist = Typist::open(client, "file:///a.rs", "fn f() {\r\n    ˇ\r\n}\r\n");
    assert_eq!(typist.ask_and_see().0, Seen::Grey("a();\r\n    b();".into()));
}

#[test]
fn a_document_that_is_not_open_gets_nothing() {
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
fn it_says_what_it_can_do() {
    let (mut client, _) = connect("x");
    let result = initialize(&mut client);
    let capabilities = &result["capabilities"];
    assert_eq!(capabilities["positionEncoding"], "utf-8");
    assert_eq!(capabilities["inlineCompletionProvider"], true);
    assert_eq!(capabilities["textDocumentSync"], json!({"openClose": true, "change": 2}));
    client.end();
}

#[test]
fn the_session_ends_when_the_client_hangs_up() {
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
fn a_document_that_is_looked_at_does_not_hold_up_the_end() {
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

/// The updates up to the last one, as texts.
fn updates(typist: &mut Typist) -> Vec<String> {
    let mut texts = Vec::new();
    loop {
        let it = typist.client.wait_for(|it| it["method"] == "foretell/inlineCompletion/update");
        let params = it.expect("an update")["params"].clone();
        assert_eq!(params["textDocument"], json!({"uri": "file:///a.rs", "version": 1}));
        assert_eq!(params["position"], params["item"]["range"]["start"]);
        texts.push(params["item"]["insertText"].as_str().unwrap().to_owned());
        if params["done"] == true {
            return texts;
        }
    }
}

fn open_streaming(marked: &str, says: &str) -> (Typist, Controls) {
    let (mut client, controls) = connect(says);
    initialize_with(&mut client, json!({"status": true, "streaming": true}));
    (Typist::open(client, "file:///a.rs", marked), controls)
}

#[test]
fn a_client_that_asks_for_it_sees_the_text_grow() {
    let says = "fn f() {\n    let a = one();\n    let b = two();\n}\n";
    let (mut typist, controls) = open_streaming("fn f() {\n    ˇ\n}\n", says);
    controls.hold();
    let asked = typist.ask();
    controls.wait_until_held();
    controls.permit(8); // the prompt and what makes a first piece
    let Seen::Grey(first) = typist.see(asked) else { panic!("a first piece") };
    assert!("let a = one();".starts_with(&first), "{first:?}");
    controls.release();
    let texts = updates(&mut typist);
    assert_eq!(texts.last().unwrap(), "let a = one();\n    let b = two();");
    for (shorter, longer) in [&first].into_iter().chain(&texts).zip(&texts) {
        assert!(longer.starts_with(shorter.as_str()), "{shorter:?} → {longer:?}");
    }
}

#[test]
fn an_edit_ends_the_updates() {
    let says = "fn f() {\n    let a = one();\n    let b = two();\n}\n";
    let (mut typist, controls) = open_streaming("fn f() {\n    ˇ\n}\n", says);
    controls.hold();
    let asked = typist.ask();
    controls.wait_until_held();
    controls.permit(8);
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
fn a_text_that_closes_what_the_editor_closed_and_goes_on_takes_its_place() {
    let (mut typist, _controls) = open("fooˇ()\n", "foo(x) + g(y);\n");
    typist.cursor += 1;
    let id = typist.ask();
    let item = &typist.client.answer(id)["result"]["items"][0];
    assert_eq!(item["insertText"], "x) + g(y);");
    let (start, end) = (&item["range"]["start"], &item["range"]["end"]);
    assert_eq!((&start["character"], &end["character"]), (&json!(4), &json!(5)));
}

/// The id of a request that was superseded may be used again: nothing of the request is left.
#[test]
fn a_superseded_request_is_over() {
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
fn a_provider_that_fails_is_told_once_and_the_next_request_is_answered() {
    let (mut typist, controls) = open("let x = ˇ\n", "let x = compute(1);\n");
    // As some clients do at the start, without any that are new.
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

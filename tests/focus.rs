//! `textDocument/didFocus` on the wire, with a scripted model: tests what is prefilled before the
//! first key. The tests next to `session/state/prefill.rs` cover the decisions.

use foretell_engine::scripted::Controls;
use foretell_test_support::{
    editor_sim::{Seen, Typist},
    scripted_server::{connect, initialize},
};
use serde_json::{Value, json};

const SAYS: &str = "fn main() {\n    println!(\"hello\");\n    exit();\n}\n";
const URI: &str = "file:///a.rs";

fn open(marked: &str) -> (Typist, Controls) {
    let (mut client, controls) = connect(SAYS);
    initialize(&mut client);
    (Typist::open(client, URI, marked), controls)
}

fn focus(typist: &mut Typist, position: &Value) {
    let params = json!({"textDocument": {"uri": URI}, "position": position});
    typist.client.notify("textDocument/didFocus", params);
}

#[test]
fn first_key_after_a_rest_prefills_only_itself() {
    let (mut typist, controls) = open("fn main() {\n    ˇ\n}\n");
    let here = typist.position(typist.cursor);
    focus(&mut typist, &here);
    controls.wait_until_reads(1);
    let prefilled = controls.reads()[0];
    assert!(prefilled.n_tokens > 16, "{prefilled:?}");
    typist.type_text("p");
    assert_eq!(typist.ask_and_see().0, Seen::Grey("rintln!(\"hello\");".into()));
    let first = controls.reads()[1];
    assert!(first.n_past >= prefilled.n_tokens - 1 && first.n_tokens < 8, "{first:?}");
}

#[test]
fn invalid_position_prefills_nothing() {
    let (mut typist, controls) = open("fn main() {\n    priˇ\n}\n");
    for position in [json!({"line": -1, "character": 0}), json!("1:2"), json!({"line": 1})] {
        focus(&mut typist, &position);
    }
    typist.ask_and_see();
    assert_eq!(controls.reads()[0].n_past, 0, "the request is the first to be evaluated");
    let n_reads = controls.reads().len();
    focus(&mut typist, &json!({"line": 0, "character": 3}));
    controls.wait_until_reads(n_reads + 1);
}

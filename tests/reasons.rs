//! Why nothing is shown, as the client learns it: `reason` and `message` of `foretell/status`.

use foretell_config::Config;
use foretell_test_support::{
    editor_sim::{Seen, Typist},
    lsp_client::Client,
    scripted_server::{connect_with, initialize, on_request_config},
};
use serde_json::{Value, json};

const SAYS: &str = "fn main() {\n    println!(\"hello\");\n}\n";

fn open(config: &Config, uri: &str, marked: &str) -> Typist {
    let (mut client, _) = connect_with(SAYS, config);
    initialize(&mut client);
    Typist::open(client, uri, marked)
}

/// The next status, except while the model loads or generates.
fn status(client: &mut Client) -> Value {
    let is_busy = |it: &Value| it["state"] == "loading" || it["state"] == "thinking";
    let is_status = |it: &Value| it["method"] == "foretell/status" && !is_busy(&it["params"]);
    client.wait_for(is_status).expect("a status")["params"].clone()
}

#[test]
fn empty_response_has_a_reason_until_a_text_is_shown() {
    let mut typist =
        open(&on_request_config(), "file:///a.rs", "fn main() {\n    println!(\"hello\");ˇ\n}\n");
    assert_eq!(typist.ask_and_see().0, Seen::Nothing);
    let told = status(&mut typist.client);
    assert_eq!(told["state"], "ready", "{told}");
    assert!(told["reason"].is_string(), "{told}");
    let message = told["message"].as_str().unwrap_or_default();
    assert!(message.ends_with('.') && message.contains(' '), "{told}");
    typist.replace("(\"hello\");".len(), "");
    assert_ne!(typist.ask_and_see().0, Seen::Nothing);
    assert_eq!(status(&mut typist.client), json!({"state": "ready"}));
}

#[test]
fn refused_requests_have_a_reason() {
    let mut typist = open(&on_request_config(), "file:///.env", "PASSWORD=ˇ\n");
    assert_eq!(typist.ask_and_see().0, Seen::Nothing);
    let excluded = json!({"state": "ready", "reason": "excluded",
        "message": "This file is excluded (suggest.exclude)."});
    assert_eq!(status(&mut typist.client), excluded);
}

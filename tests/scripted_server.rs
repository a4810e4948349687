//! The server in this process, with a scripted model.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(dead_code)] // each test target uses its part

use std::{sync::Arc, thread};

use foretell::{
    completer::Completer,
    config::Config,
    engine::scripted::{Controls, Script},
    prompt::{Prompter, Window},
    server,
    session::Session,
};
use serde_json::{Value, json};
use tokio_util::io::SyncIoBridge;

use crate::lsp_client::Client;

/// A server in this process whose model knows one text, and a client that has not said anything.
pub fn connect(says: &str) -> (Client, Controls) {
    // Nothing is computed ahead but where a test is about it.
    let window = Window { first: None, ..Window::default() };
    connect_with(says, Config { compute_ahead: false, window, ..Config::default() })
}

pub fn connect_with(says: &str, config: Config) -> (Client, Controls) {
    let script = Script::new(says).unwrap();
    let controls = script.controls();
    // No test waits for a deadline: what is shown is complete, or its draft is held.
    let config = Config { deadline_ms: 1_000_000, ..config };
    let (client, _) = serve(script, config);
    (client, controls)
}

/// A server in this process for a scripted model, and its session.
pub fn serve(script: Script, config: Config) -> (Client, Arc<Session>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let (to_server, input) = tokio::io::duplex(1 << 20);
    let (output, from_server) = tokio::io::duplex(1 << 20);
    let client = {
        let _inside = runtime.enter();
        Client::new(SyncIoBridge::new(from_server), SyncIoBridge::new(to_server))
    };
    let window = config.window;
    let completer = Completer::start_with(&config, move || {
        let prompter = Prompter::new(script.vocabulary(), Some(script.fim()), window);
        Ok((script.into_decoder(), prompter))
    });
    let session = Arc::new(Session::new(completer, &config));
    let served = Arc::clone(&session);
    thread::spawn(move || {
        runtime.block_on(server::serve(served, Box::new(input), Box::new(output)));
        runtime.shutdown_background();
    });
    (client, session)
}

/// Shakes hands and waits until the model is loaded; returns the result.
pub fn initialize(client: &mut Client) -> Value {
    initialize_with(client, json!({"status": true}))
}

/// The same with other `initializationOptions`, which must ask for the status.
pub fn initialize_with(client: &mut Client, options: Value) -> Value {
    let result = client.initialize(json!({
        "processId": null, "rootUri": null,
        "capabilities": {"general": {"positionEncodings": ["utf-8", "utf-16"]}},
        "initializationOptions": options,
    }));
    let ready = client.wait_for(|it| it["method"] == "foretell/status").expect("the model loads");
    assert_eq!(ready["params"], json!({"state": "ready"}));
    result
}

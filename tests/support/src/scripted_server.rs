//! Runs the server in this process, with a scripted model.

use std::{
    sync::{Arc, Mutex},
    thread,
};

use foretell_config::{Config, Suggest, layers::Layer, prompt::Window};
use foretell_engine::scripted::{Controls, Script};
use foretell_lsp as server;
use foretell_lsp::Startup;
use foretell_session::{
    completer::Completer,
    prompt::Prompter,
    session::{Load, Session},
};
use serde_json::{Value, json};
use tokio_util::io::SyncIoBridge;

use crate::lsp_client::Client;

/// A server whose scripted model knows one text, and a client that has not sent anything yet.
pub fn connect(says: &str) -> (Client, Controls) {
    connect_with(says, &on_request_config())
}

/// Settings with which the model runs only for requests, with nothing computed ahead. The deadline
/// is too long to matter: an answer is complete, or the test holds the model.
pub fn on_request_config() -> Config {
    let prompt = Window { first_ms: None, ..Window::default() };
    let suggest =
        Suggest { compute_ahead: false, deadline_ms: 60_000, debounce_ms: 0, ..Suggest::default() };
    Config { prompt, suggest, ..Config::default() }
}

/// `connect` with other settings.
pub fn connect_with(says: &str, config: &Config) -> (Client, Controls) {
    let script = Script::new(says).unwrap();
    let controls = script.controls();
    let (client, _) = serve(script, config);
    (client, controls)
}

/// A client of a server with a scripted model, and the server's session.
pub fn serve(script: Script, config: &Config) -> (Client, Arc<Session>) {
    let script = Mutex::new(Some(script));
    let load = move |config: &Config| {
        let script = script.lock().unwrap().take().expect("the model is loaded once");
        let window = config.prompt;
        Completer::start_with(move || {
            let prompter = Prompter::new(script.vocabulary(), Some(script.fim()), window);
            Ok((script.into_decoder(), prompter))
        })
    };
    serve_with(Box::new(load), config)
}

/// A client of a server with any engine, and the server's session.
pub fn serve_with(load: Load, config: &Config) -> (Client, Arc<Session>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let (to_server, input) = tokio::io::duplex(1 << 20);
    // As small as the smallest pipe.
    let (output, from_server) = tokio::io::duplex(1 << 12);
    let client = {
        let _inside = runtime.enter();
        Client::new(SyncIoBridge::new(from_server), SyncIoBridge::new(to_server))
    };
    let session = Arc::new(Session::new(load));
    let served = Arc::clone(&session);
    let user = Some(Layer::new("test", serde_json::to_value(config).unwrap()));
    let startup = Startup { user, ..Startup::default() };
    thread::spawn(move || {
        runtime.block_on(server::serve(served, startup, Box::new(input), Box::new(output)));
        runtime.shutdown_background();
    });
    (client, session)
}

/// Whether a message is a status with this state.
pub fn is_status(message: &Value, state: &str) -> bool {
    message["method"] == "foretell/status" && message["params"]["state"] == state
}

/// Initializes the server and waits until the model is loaded; returns the result.
pub fn initialize(client: &mut Client) -> Value {
    initialize_with(client, json!({"status": true}))
}

/// `initialize` with other `initializationOptions`, which must include `"status": true`.
pub fn initialize_with(client: &mut Client, options: Value) -> Value {
    let result = client.initialize(json!({
        "processId": null, "rootUri": null,
        "capabilities": {"general": {"positionEncodings": ["utf-8", "utf-16"]}},
        "initializationOptions": options,
    }));
    client.wait_for(|it| is_status(it, "ready")).expect("the model loads");
    result
}

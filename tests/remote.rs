//! `engine.kind = "remote"`: an HTTP server runs the model.

use std::{os::unix::fs::PermissionsExt, path::Path};

use foretell_config::{
    Config,
    engine::{Engine, Kind, Remote},
};
use foretell_engine::remote::Format;
use foretell_session::completer::Completer;
use serde_json::{Value, json};

use crate::command::{foretell, run};
use foretell_test_support::editor_sim::{Seen, Typist};
use foretell_test_support::http_server::{self, HttpServer};
use foretell_test_support::lsp_client::Client;
use foretell_test_support::scripted_server::{
    initialize_with, is_status, on_request_config, serve_with,
};

const URI: &str = "file:///a.rs";
const MARKED: &str = "fn main() {\n    println!(\"ä\");\n    reˇ\n}\n";

fn config(server: &HttpServer, change: impl FnOnce(&mut Remote)) -> Config {
    let mut remote = Remote {
        url: format!("http://{}", server.address),
        model: "coder".into(),
        // Longer than a test waits, so that no request ends by its timeout.
        timeout_ms: 600_000,
        ..Remote::default()
    };
    change(&mut remote);
    Config { engine: Engine { kind: Kind::Remote, remote }, ..on_request_config() }
}

/// A typist in an open document, with the engine that the settings select.
fn open(config: &Config) -> Typist {
    let (mut client, _) = serve_with(Box::new(Completer::start), config);
    initialize_with(&mut client, json!({"status": true}));
    Typist::open(client, URI, MARKED)
}

fn wait_for_status(client: &mut Client, state: &str) -> Value {
    let message = client.wait_for(|it| is_status(it, state)).expect("a status");
    message["params"].clone()
}

#[test]
fn remote_text_is_shown() {
    let server = HttpServer::start();
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    std::fs::write(&token, "secret\n").unwrap();
    std::fs::set_permissions(&token, std::fs::Permissions::from_mode(0o600)).unwrap();
    let mut typist = open(&config(&server, |it| it.token_file = Some(token)));
    let id = typist.ask();
    let mut asked = server.next();
    assert_eq!(asked.line, "POST /v1/completions HTTP/1.1");
    assert_eq!(asked.header("authorization"), Some("Bearer secret"));
    assert_eq!(
        asked.body,
        json!({
            "model": "coder", "stream": true, "max_tokens": 128, "temperature": 0.0,
            "logprobs": 1,
            "prompt": "<|fim_prefix|>fn main() {\n    println!(\"ä\");\n    re<|fim_suffix|>\n}\n\
                       <|fim_middle|>",
        })
    );
    asked.begin_stream();
    asked.send_text("tur");
    asked.send_text("n;\n");
    assert_eq!(typist.see(id), Seen::Grey("turn;".into()));
    // The policy stopped the generation, so the client closes the connection.
    asked.wait_for_close();
    assert!(server.is_idle());
}

#[test]
fn suffix_format_sends_both_sides() {
    let server = HttpServer::start();
    let mut typist = open(&config(&server, |it| it.format = Format::SUFFIX));
    let id = typist.ask();
    let mut asked = server.next();
    assert_eq!(asked.body["prompt"], "fn main() {\n    println!(\"ä\");\n    re");
    assert_eq!(asked.body["suffix"], "\n}\n");
    asked.begin_stream();
    asked.send_text("turn;");
    asked.end_stream("stop");
    assert_eq!(typist.see(id), Seen::Grey("turn;".into()));
}

#[test]
fn superseded_request_closes_its_connection() {
    let server = HttpServer::start();
    // The edit comes before the answer begins or in the middle of it, and deletes a character or
    // types one that contradicts the text.
    for (is_writing, n_deleted, typed) in [(false, 1, ""), (true, 1, ""), (true, 0, "x")] {
        let mut typist = open(&config(&server, |_| {}));
        let id = typist.ask();
        let mut asked = server.next();
        if is_writing {
            asked.begin_stream();
            asked.send_text("t");
        }
        typist.replace(n_deleted, typed);
        assert_eq!(typist.see(id), Seen::Superseded);
        let next = typist.ask();
        asked.wait_for_close();
        let mut asked = server.next();
        asked.begin_stream();
        asked.send_text("turn;");
        asked.end_stream("stop");
        assert_eq!(typist.see(next), Seen::Grey("turn;".into()));
    }
}

#[test]
fn endless_text_is_cut_off() {
    let server = HttpServer::start();
    let mut typist = open(&config(&server, |_| {}));
    let id = typist.ask();
    let mut asked = server.next();
    asked.begin_stream();
    asked.send_endless_text();
    // At most 128 tokens, counted as 32 bytes each.
    let Seen::Grey(text) = typist.see(id) else { panic!("something is shown") };
    assert!((4000..4200).contains(&text.len()), "{}", text.len());
}

/// Web frameworks often echo the request in their error messages.
#[test]
fn echoed_code_is_not_logged() {
    let server = HttpServer::start();
    let home = tempfile::tempdir().unwrap();
    let log = home.path().join("log");
    let mut command = foretell(&["serve"]);
    command.env("FORETELL_HOME", home.path());
    command.stderr(std::fs::File::create(&log).unwrap());
    let mut client = Client::start(&mut command);
    client.initialize(json!({"processId": null, "rootUri": null, "capabilities": {},
        "initializationOptions": {"status": true, "settings": {"engine": {"kind": "remote",
            "remote": {"url": format!("http://{}", server.address)}}}}}));
    client.wait_for(|it| is_status(it, "ready")).expect("the server is ready before any request");
    let mut typist = Typist::open(client, URI, "let my_secret = ˇ\n");
    let id = typist.ask();
    let asked = server.next();
    let prompt = asked.body["prompt"].as_str().unwrap().to_owned();
    assert!(prompt.contains("my_secret"), "{prompt}");
    asked.respond("422 Unprocessable Entity", "application/json", &prompt);
    assert_eq!(typist.see(id), Seen::Nothing);
    let status = wait_for_status(&mut typist.client, "failed");
    assert!(
        status["message"].as_str().unwrap().contains("my_secret"),
        "the user sees it: {status}"
    );
    typist.client.end();
    let log = std::fs::read_to_string(&log).unwrap();
    assert!(log.contains("model_failed") && !log.contains("my_secret"), "{log}");
}

#[test]
fn further_candidates_are_sampled() {
    let server = HttpServer::start();
    let mut typist = open(&config(&server, |_| {}));
    let params = json!({
        "textDocument": {"uri": URI}, "position": typist.position(typist.cursor),
        "context": {"triggerKind": 1},
    });
    let id = typist.client.request("textDocument/inlineCompletion", params);
    let mut temperatures = Vec::new();
    for text in ["turn;", "peat();", "verse();"] {
        let mut asked = server.next();
        temperatures.push(asked.body["temperature"].as_f64().unwrap() > 0.0);
        asked.begin_stream();
        asked.send_text(text);
        asked.end_stream("stop");
    }
    assert_eq!(temperatures, [false, true, true]);
    let answer = typist.client.answer(id);
    let texts: Vec<&str> = answer["result"]["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["insertText"].as_str().unwrap())
        .collect();
    assert_eq!(texts, ["turn;", "peat();", "verse();"]);
}

/// A server may close an idle connection just as the client reuses it.
#[test]
fn dropped_connection_is_retried_once() {
    let server = HttpServer::start();
    let mut typist = open(&config(&server, |_| {}));
    let id = typist.ask();
    let mut asked = server.next();
    asked.begin_stream();
    asked.send_text("turn;");
    asked.end_stream("stop");
    assert_eq!(typist.see(id), Seen::Grey("turn;".into()));
    typist.type_text("ad(");
    let id = typist.ask();
    asked.next_on_connection().hang_up();
    let mut asked = server.next();
    asked.begin_stream();
    asked.send_text("x)");
    asked.end_stream("stop");
    assert_eq!(typist.see(id), Seen::Grey("x)".into()));
    // A second failure is not retried.
    typist.type_text("; wri");
    let id = typist.ask();
    asked.next_on_connection().hang_up();
    server.next().hang_up();
    assert_eq!(typist.see(id), Seen::Nothing);
    assert!(server.is_idle());
}

#[test]
fn failure_is_reported_once_and_cleared() {
    let server = HttpServer::start();
    let mut typist = open(&config(&server, |it| it.timeout_ms = 1_000));
    let silent = |typist: &mut Typist| {
        let id = typist.ask();
        let asked = server.next();
        assert_eq!(typist.see(id), Seen::Nothing);
        asked.wait_for_close();
    };
    silent(&mut typist);
    let status = wait_for_status(&mut typist.client, "failed");
    let message = status["message"].as_str().unwrap();
    assert!(message.ends_with("was silent for 1000 ms (engine.remote.timeout_ms)"), "{message}");
    assert_eq!(status["remote"], format!("http://{}", server.address));
    silent(&mut typist);
    let id = typist.ask();
    let mut asked = server.next();
    asked.begin_stream();
    asked.send_text("turn;");
    asked.end_stream("stop");
    assert_eq!(typist.see(id), Seen::Grey("turn;".into()));
    let failed = |it: &Value| is_status(it, "failed") || is_status(it, "ready");
    let status = typist.client.wait_for(failed).unwrap();
    assert!(is_status(&status, "ready"), "reported again: {status}");
}

#[test]
fn invalid_answer_is_reported() {
    let server = HttpServer::start();
    let mut typist = open(&config(&server, |_| {}));
    let event = "text/event-stream";
    type Answer<'a> = &'a dyn Fn(http_server::PendingRequest);
    let broken: [(Answer<'_>, &str); 9] = [
        (
            &|it| it.respond("401 Unauthorized", "text/plain", "no key"),
            "(no key): check engine.remote.token",
        ),
        (&|it| it.respond("404 Not Found", "text/html", "<b>?"), "404 Not Found (<b>?): check"),
        (&|it| it.respond("307 Temporary Redirect", event, ""), "must be the final address"),
        (&|it| it.respond("503 Service Unavailable", event, "full"), "see the server's log"),
        (
            &|it| it.respond("422 Unprocessable", event, "\u{1b}[2J"),
            "([2J): check engine.remote.model",
        ),
        (
            &|it| it.respond("200 OK", "application/json", "{}"),
            "answers with application/json instead of",
        ),
        (&|it| it.respond("200 OK", event, "data: {\n\n"), "not a completion chunk"),
        (&|it| it.respond("200 OK", event, ""), "ended its answer before it was complete"),
        (&http_server::PendingRequest::hang_up, "cannot be reached"),
    ];
    for (answer, expected) in broken {
        let id = typist.ask();
        answer(server.next());
        assert_eq!(typist.see(id), Seen::Nothing, "{expected}");
        let status = wait_for_status(&mut typist.client, "failed");
        let message = status["message"].as_str().unwrap();
        assert!(message.contains(expected) && message.contains(&server.address), "{message}");
        typist.type_text("x");
    }
    assert!(server.is_idle(), "a request was repeated");
}

#[test]
fn invalid_settings_are_reported_at_startup() {
    let server = HttpServer::start();
    for (change, expected) in [
        (
            &(|it: &mut Remote| it.url.clear()) as &dyn Fn(&mut Remote),
            "engine.remote.url is not set",
        ),
        (&|it: &mut Remote| it.url = "host".into(), "engine.remote.url is \"host\""),
        (&|it: &mut Remote| it.token_env = Some("FORETELL_NO_SUCH".into()), "FORETELL_NO_SUCH"),
    ] {
        let (mut client, _) = serve_with(Box::new(Completer::start), &config(&server, change));
        client.initialize(json!({
            "processId": null, "rootUri": null, "capabilities": {},
            "initializationOptions": {"status": true},
        }));
        let status = wait_for_status(&mut client, "failed");
        assert!(status["message"].as_str().unwrap().contains(expected), "{status}");
    }
}

/// A cloned repository must not be able to send the user's code anywhere.
#[test]
fn workspace_cannot_set_the_engine() {
    let server = HttpServer::start();
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        "[engine]\nkind = \"remote\"\nremote.url = \"http://{}\"\n[suggest]\nenabled = false\n",
        server.address
    );
    std::fs::write(folder.path().join("foretell.toml"), text).unwrap();
    let asked = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let kinds = std::sync::Arc::clone(&asked);
    let load = move |config: &Config| {
        kinds.lock().unwrap().push(config.engine.kind);
        Completer::start(config)
    };
    let (mut client, _) = serve_with(Box::new(load), &on_request_config());
    let uri = format!("file://{}", folder.path().display());
    client.initialize(json!({
        "processId": null, "rootUri": uri, "capabilities": {},
        "initializationOptions": {"status": true, "workspaceTrusted": true},
    }));
    wait_for_status(&mut client, "off");
    assert_eq!(
        *asked.lock().unwrap(),
        [Kind::Local],
        "even a trusted workspace cannot set the engine"
    );
    let status = client.wait_for(|it| it["method"] == "window/showMessage").unwrap();
    let message = status["params"]["message"].as_str().unwrap();
    assert!(message.contains("\"engine\" cannot be set by a workspace"), "{message}");
}

/// A server with a self-signed certificate, and the certificate's file.
fn tls_server(folder: &Path) -> (HttpServer, std::path::PathBuf) {
    let certified = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let file = folder.join("certificate.pem");
    std::fs::write(&file, certified.cert.pem()).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::Pkcs8(certified.signing_key.serialize_der().into());
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certified.cert.der().clone()], key)
        .unwrap();
    (HttpServer::start_tls(config), file)
}

#[test]
#[cfg(target_os = "linux")]
fn tls_needs_a_trusted_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let (server, certificate) = tls_server(folder.path());
    let file = folder.path().join("a.rs");
    std::fs::write(&file, MARKED.replace('ˇ', "")).unwrap();
    let settings = folder.path().join("foretell/foretell.toml");
    std::fs::create_dir_all(settings.parent().unwrap()).unwrap();
    let text = format!(
        "[engine]\nkind = \"remote\"\n[engine.remote]\nurl = \"https://{}\"\ntoken_env = \"KEY\"\n",
        server.address
    );
    std::fs::write(settings, text).unwrap();
    let complete = |certificate: &Path| {
        let mut command = foretell(&["complete", "--json", &format!("{}:3", file.display())]);
        command.env("XDG_CONFIG_HOME", folder.path()).env("KEY", "secret");
        run(command.env("SSL_CERT_FILE", certificate).env_remove("SSL_CERT_DIR"))
    };
    let asked = std::thread::scope(|scope| {
        let complete = scope.spawn(|| complete(&certificate));
        let mut asked = server.next();
        asked.begin_stream();
        asked.send_text("turn;");
        asked.end_stream("stop");
        let (output, out, err) = complete.join().unwrap();
        assert!(output.status.success(), "{err}");
        let json: Value = serde_json::from_str(&out).unwrap();
        assert_eq!(json["text"], "turn;", "{json}");
        asked
    });
    assert_eq!(asked.header("authorization"), Some("Bearer secret"));
    let other = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let other_file = folder.path().join("other.pem");
    std::fs::write(&other_file, other.cert.pem()).unwrap();
    let (output, out, err) = complete(&other_file);
    assert_eq!((out.as_str(), output.status.code()), ("", Some(1)));
    assert!(err.contains("cannot be reached") && err.contains("certificate"), "{err}");
    assert!(server.is_idle(), "a request reached an untrusted server");
}

#[test]
fn doctor_tests_the_remote_server() {
    let (server, home) = (HttpServer::start(), tempfile::tempdir().unwrap());
    let settings = home.path().join("foretell/foretell.toml");
    std::fs::create_dir_all(settings.parent().unwrap()).unwrap();
    let url = format!("http://{}", server.address);
    std::fs::write(settings, format!("engine.kind = \"remote\"\nengine.remote.url = {url:?}\n"))
        .unwrap();
    let doctor = || {
        let mut command = foretell(&["doctor"]);
        run(command.env("XDG_CONFIG_HOME", home.path()).env("PATH", home.path()))
    };
    std::thread::scope(|scope| {
        let said = scope.spawn(doctor);
        let mut asked = server.next();
        assert!(asked.body["prompt"].as_str().unwrap().contains("def add(a, b):\n    return "));
        asked.begin_stream();
        asked.send_text("a + b\n");
        asked.end_stream("stop");
        let (output, out, err) = said.join().unwrap();
        assert!(output.status.success(), "{out}{err}");
        assert!(out.contains(&format!("✓ remote    {url}: the text around")), "{out}");
        assert!(out.contains("add(a, b): \"a + b\"") && !out.contains("library"), "{out}");
        let said = scope.spawn(doctor);
        server.next().respond("401 Unauthorized", "text/plain", "");
        let (output, out, _) = said.join().unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(out.contains("✗ remote ") && out.contains("401 Unauthorized"), "{out}");
    });
}

/// With a local model, the process has no open socket.
#[test]
#[cfg(target_os = "linux")]
fn local_engine_opens_no_socket() {
    let client = Client::start(&mut foretell(&["serve"]));
    let mut typist = {
        let mut client = client;
        initialize_with(&mut client, json!({"status": true}));
        Typist::open(client, URI, "fn add(a: i32, b: i32) -> i32 {\n    a ˇ\n}\n")
    };
    assert!(matches!(typist.ask_and_see().0, Seen::Grey(_)));
    let process_id = typist.client.process_id();
    let open: Vec<String> = std::fs::read_dir(format!("/proc/{process_id}/fd"))
        .unwrap()
        .filter_map(|entry| std::fs::read_link(entry.unwrap().path()).ok())
        .map(|it| it.display().to_string())
        .collect();
    assert!(open.iter().any(|it| it.starts_with("pipe:")), "{open:?}");
    assert!(!open.iter().any(|it| it.starts_with("socket:")), "{open:?}");
}

//! Faults around the real process: broken messages, damaged model files, the wrong library and
//! signals. Needs `make model` and a C compiler.

#![cfg(target_os = "linux")]

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    time::Instant,
};

use foretell_test_support::editor_sim::{Seen, Typist};
use foretell_test_support::lsp_client::{self, Client};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// A place with one obvious completion: `b`.
const SMALL: &str = "fn max(a: u32, b: u32) -> u32 {\n    if a > b { a } else { ˇ }\n}\n";
const BINARY: &str = env!("CARGO_BIN_EXE_foretell");

/// Starts a server, without a model if the test needs none.
fn start(model: Option<&Path>) -> Client {
    let mut command = Command::new(BINARY);
    command.arg("serve").stderr(Stdio::null());
    command.env("FORETELL_MODEL", model.unwrap_or(Path::new("/there/is/none")));
    Client::start(&mut command)
}

fn initialize(client: &mut Client) {
    client.initialize(json!({
        "processId": null, "clientInfo": {"name": "test"},
        "capabilities": {"general": {"positionEncodings": ["utf-8"]}},
        "initializationOptions": {"status": true},
    }));
}

/// Waits for a status with this state, or for a failure to load; returns the status.
fn wait_for(client: &mut Client, state: &str) -> Value {
    let is_wanted = |it: &Value| {
        it["method"] == "foretell/status"
            && (it["params"]["state"] == state || it["params"]["state"] == "failed")
    };
    client.wait_for(is_wanted).expect("a status")["params"].clone()
}

fn stats(client: &mut Client) -> Value {
    let id = client.request("workspace/executeCommand", json!({"command": "foretell.stats"}));
    client.answer(id)
}

fn framed(body: &[u8]) -> Vec<u8> {
    [format!("Content-Length: {}\r\n\r\n", body.len()).as_bytes(), body].concat()
}

/// Checks that the server has no child processes, then ends it with SIGTERM.
fn terminate(client: Client) {
    let id = client.process_id();
    let tasks = fs::read_dir(format!("/proc/{id}/task")).unwrap();
    for task in tasks {
        let children = fs::read_to_string(task.unwrap().path().join("children"));
        assert_eq!(children.unwrap_or_default(), "", "the server has a child process");
    }
    let started = Instant::now();
    kill_process(Pid::from_raw(id.try_into().unwrap()).unwrap(), Signal::TERM).unwrap();
    client.ended();
    println!("ended {} ms after SIGTERM", started.elapsed().as_millis());
}

#[test]
fn unreadable_message_is_skipped() {
    let mut client = start(None);
    initialize(&mut client);
    let deep = [vec![b'['; 100_000], vec![b']'; 100_000]].concat();
    let deep_params =
        [b"{\"jsonrpc\":\"2.0\",\"method\":\"initialized\",\"params\":", &*deep, b"}"].concat();
    for body in
        [&b"{\"jsonrpc\":\"2.0\",\"method\":\"\xff\"}"[..], b"{", b"{}", &deep, &deep_params]
    {
        client.send_raw(&framed(body));
        let is_answer = |it: &Value| it["error"]["code"] == -32700 && it["id"].is_null();
        assert!(client.wait_for(is_answer).is_some());
        assert!(stats(&mut client)["result"]["counts"].is_object());
    }
    assert!(client.end().unwrap().success());
}

#[test]
fn invalid_header_ends_the_server() {
    for header in
        ["Content-Length: 10000000000\r\n\r\n", "Content-Length: x\r\n\r\n", "GET /\r\n\r\n"]
    {
        let mut client = start(None);
        initialize(&mut client);
        client.send_raw(header.as_bytes());
        // The client's end of the pipe stays open.
        assert!(client.is_closed());
        assert!(client.ended().success(), "{header}");
    }
}

#[test]
fn partial_message_does_not_block_exit() {
    let half = b"Content-Length: 100\r\n\r\n{\"jsonrpc\":";
    let half_a_header = b"Content-Le";
    for bytes in [&half[..], half_a_header] {
        let mut client = start(None);
        initialize(&mut client);
        client.send_raw(bytes);
        assert!(client.hang_up().unwrap().success());
        let mut client = start(None);
        initialize(&mut client);
        client.send_raw(bytes);
        terminate(client);
    }
}

#[test]
fn closed_stdout_ends_the_server() {
    let mut process = Command::new(BINARY)
        .arg("serve")
        .env("FORETELL_MODEL", "/there/is/none")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    drop(process.stdout.take());
    let request = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize",
        "params": {"processId": null, "capabilities": {}}});
    let mut stdin = process.stdin.take().unwrap();
    std::io::Write::write_all(&mut stdin, &framed(request.to_string().as_bytes())).unwrap();
    // stdin stays open, so only the closed stdout can end it.
    assert!(lsp_client::wait(process).success());
    drop(stdin);
}

#[test]
fn sigterm_ends_the_server_at_any_time() {
    // Before the handshake, and while the model loads.
    terminate(start(None));
    let folder = copy_model_bundle("model.onnx.data");
    let mut client = start(Some(folder.path()));
    initialize(&mut client);
    assert_eq!(wait_for(&mut client, "loading")["state"], "loading");
    terminate(client);

    let mut client = start(Some(folder.path()));
    initialize(&mut client);
    assert_eq!(wait_for(&mut client, "ready")["state"], "ready");
    // Replaced or deleted files do not affect a loaded model.
    let path = folder.path().to_owned();
    fs::write(path.join("new"), "no weights").unwrap();
    fs::rename(path.join("new"), path.join("model.onnx.data")).unwrap();
    let mut typist = Typist::open(client, "file:///a.rs", SMALL);
    assert_eq!(typist.ask_and_see().0, Seen::Grey("b".into()));
    drop(folder);
    assert!(!path.exists());
    let mut typist = Typist::open(typist.client, "file:///c.rs", &SMALL.replace("max", "most"));
    assert_eq!(typist.ask_and_see().0, Seen::Grey("b".into()));
    // During a prefill.
    let long = format!("{}ˇ", "fn f(x: u32) -> u32 { x * 31 + 7 }\n".repeat(60));
    let mut typist = Typist::open(typist.client, "file:///b.rs", &long);
    typist.ask();
    stats(&mut typist.client);
    terminate(typist.client);

    // The next server reports the missing model.
    let mut client = start(Some(&path));
    initialize(&mut client);
    let status = wait_for(&mut client, "failed");
    assert!(status["message"].as_str().unwrap().starts_with("no model at "), "{status}");
    terminate(client);
}

/// How the server is ended.
#[derive(Debug, Clone, Copy, PartialEq)]
enum End {
    Terminated,
    Killed,
    /// The client has closed its pipes.
    Disconnected,
}

#[test]
fn server_ends_during_a_generation() {
    for end in [End::Terminated, End::Killed, End::Disconnected] {
        for is_read in [true, false] {
            let mut client = start(Some(&foretell_engine::paths::model_path(
                foretell_engine::bundle::DEFAULT_MODEL,
            )));
            client.initialize(json!({
                "processId": null, "capabilities": {"general": {"positionEncodings": ["utf-8"]}},
                "initializationOptions": {"status": true, "streaming": true},
            }));
            assert_eq!(wait_for(&mut client, "ready")["state"], "ready");
            let text = "/// The days of the week.\nconst DAYS: [&str; 7] = [\n    ˇ\n];\n";
            let mut typist = Typist::open(client, "file:///a.rs", text);
            let id = typist.ask();
            typist.client.answer(id); // the first piece; the generation is still running
            let mut client = typist.client;
            if !is_read {
                client.stop_reading();
                // More than fits into a pipe.
                for _ in 0..500 {
                    client
                        .request("workspace/executeCommand", json!({"command": "foretell.stats"}));
                }
            }
            match end {
                End::Terminated => terminate(client),
                End::Killed => {
                    kill(&client);
                    assert!(!client.ended().success());
                }
                End::Disconnected => {
                    assert!(client.hang_up().unwrap().success(), "{end:?}, {is_read}");
                }
            }
        }
    }
}

#[test]
fn missing_library_is_reported() {
    let mut command = Command::new(BINARY);
    command.arg("serve").env("ORT_DYLIB_PATH", "/there/is/none.so").stderr(Stdio::null());
    let mut client = Client::start(&mut command);
    initialize(&mut client);
    let status = wait_for(&mut client, "failed");
    let message = status["message"].as_str().unwrap();
    assert!(message.starts_with("the ONNX Runtime library was not found"), "{message}");
    let mut typist = Typist::open(client, "file:///a.rs", SMALL);
    assert_eq!(typist.ask_and_see().0, Seen::Nothing);
    assert!(typist.client.end().unwrap().success());
}

/// A bundle with a copy of the file `written` and links to the default model's other files.
fn copy_model_bundle(written: &str) -> tempfile::TempDir {
    let model = foretell_engine::paths::model_path(foretell_engine::bundle::DEFAULT_MODEL);
    let folder = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(&model).expect("run `make model` first") {
        let (from, to) =
            (entry.as_ref().unwrap().path(), folder.path().join(entry.unwrap().file_name()));
        if from.ends_with(written) {
            fs::copy(from, to).unwrap();
        } else {
            std::os::unix::fs::symlink(from, to).unwrap();
        }
    }
    folder
}

#[test]
fn truncated_weights_stop_only_suggestions() {
    let folder = copy_model_bundle("model.onnx.data");
    let mut client = start(Some(folder.path()));
    initialize(&mut client);
    assert_eq!(wait_for(&mut client, "ready")["state"], "ready");
    let data = fs::OpenOptions::new().write(true).open(folder.path().join("model.onnx.data"));
    data.unwrap().set_len(4096).unwrap();
    let mut typist = Typist::open(client, "file:///a.rs", SMALL);
    assert_eq!(typist.ask_and_see().0, Seen::Nothing);
    let is_message = |it: &Value| it["method"] == "window/showMessage";
    let message = typist.client.wait_for(is_message).expect("a message");
    let message = message["params"]["message"].as_str().unwrap();
    assert!(message.contains("model.onnx.data: was changed while it was in use"), "{message}");
    assert_eq!(wait_for(&mut typist.client, "failed")["state"], "failed");
    assert!(stats(&mut typist.client)["result"]["counts"].is_object());
    assert!(typist.client.end().unwrap().success());
}

#[test]
fn full_log_device_is_harmless() {
    let full = || fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    for arguments in [&["serve"][..], &["--log", "/dev/full", "serve"]] {
        let mut command = Command::new(BINARY);
        let mut client = Client::start(command.args(arguments).stderr(full()));
        initialize(&mut client);
        assert_eq!(wait_for(&mut client, "ready")["state"], "ready");
        let mut typist = Typist::open(client, "file:///a.rs", SMALL);
        assert_eq!(typist.ask_and_see().0, Seen::Grey("b".into()));
        assert!(typist.client.end().unwrap().success());
    }
    // If stdout cannot be written either, the server exits.
    let mut command = Command::new(BINARY);
    let command = command.arg("serve").env("FORETELL_MODEL", "/there/is/none");
    let process = command.stdin(Stdio::piped()).stdout(full()).stderr(full()).spawn();
    let mut process = process.unwrap();
    let request = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize",
        "params": {"processId": null, "capabilities": {}}});
    let mut stdin = process.stdin.take().unwrap();
    std::io::Write::write_all(&mut stdin, &framed(request.to_string().as_bytes())).unwrap();
    assert!(lsp_client::wait(process).success());
}

#[test]
fn killed_editor_ends_the_server() {
    // A killed editor sends no `exit`, and another process may keep the pipes open.
    let mut editor = Command::new("sleep").arg("600").spawn().unwrap();
    let mut client = start(None);
    client.initialize(json!({"processId": editor.id(), "capabilities": {}}));
    editor.kill().unwrap();
    editor.wait().unwrap();
    client.ended();
}

/// A fresh data folder with links to the installed models and library.
fn home() -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    for name in ["models", "lib"] {
        let real = foretell_engine::paths::data_folder().join(name);
        std::os::unix::fs::symlink(real, home.path().join(name)).unwrap();
    }
    home
}

#[test]
fn server_restarts_after_a_kill() {
    let home = home();
    let start = || {
        let mut command = Command::new("env");
        // `Client::start` sets a configuration that keeps no counts.
        let config = format!("XDG_CONFIG_HOME={}", home.path().join("config").display());
        command.args([&config, BINARY, "serve"]).env("FORETELL_HOME", home.path());
        Client::start(command.stderr(Stdio::null()))
    };
    kill(&start());
    let mut client = start();
    initialize(&mut client);
    assert_eq!(wait_for(&mut client, "loading")["state"], "loading");
    kill(&client);
    let mut client = start();
    initialize(&mut client);
    assert_eq!(wait_for(&mut client, "ready")["state"], "ready");
    let long = format!("{}ˇ", "fn f(x: u32) -> u32 { x * 31 + 7 }\n".repeat(60));
    let mut typist = Typist::open(client, "file:///a.rs", &long);
    typist.ask();
    stats(&mut typist.client);
    kill(&typist.client);

    let mut client = start();
    initialize(&mut client);
    assert_eq!(wait_for(&mut client, "ready")["state"], "ready");
    let mut typist = Typist::open(client, "file:///a.rs", SMALL);
    assert_eq!(typist.ask_and_see().0, Seen::Grey("b".into()));
    assert!(typist.client.end().unwrap().success());
    assert_eq!(
        foretell_session::stats::read_all(home.path()).unwrap().len(),
        1,
        "the last session's counts are saved"
    );
}

fn kill(client: &Client) {
    let id = Pid::from_raw(client.process_id().try_into().unwrap()).unwrap();
    kill_process(id, Signal::KILL).unwrap();
}

/// The error message of a `complete` that fails and prints nothing to stdout.
fn error_of(arguments: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.rs");
    fs::write(&file, "let x = \n").unwrap();
    let place = format!("{}:1", file.display());
    let output = Command::new(BINARY).arg("complete").args(arguments).arg(place).output().unwrap();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

/// Compiles C source to a shared library.
fn compile(library: &Path, source: &str) {
    let file = library.with_extension("c");
    fs::write(&file, source).unwrap();
    let mut compiler = Command::new("cc");
    let compiled = compiler.args(["-shared", "-fPIC", "-o"]).arg(library).arg(&file).status();
    assert!(compiled.expect("a C compiler").success());
}

#[test]
fn library_of_another_version_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let library = folder.path().join("libonnxruntime.so");
    let old = "static const void *api(unsigned version) { return 0; }\n\
        static const char *version(void) { return \"1.10.0\"; }\n\
        static const struct { const void *(*api)(unsigned); const char *(*version)(void); }\n\
        base = { api, version };\n\
        const void *OrtGetApiBase(void) { return &base; }\n";
    compile(&library, old);
    let error = error_of(&["--library", &library.to_string_lossy()]);
    assert!(
        error.contains("not a usable ONNX Runtime library") && error.contains("1.10"),
        "{error}"
    );
}

/// A length-delimited field of a protobuf message.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![number << 3 | 2];
    let mut n_bytes = bytes.len();
    while n_bytes > 127 {
        out.push((n_bytes & 127) as u8 | 128);
        n_bytes >>= 7;
    }
    out.push(n_bytes as u8);
    out.extend(bytes);
    out
}

fn number(number: u8, value: u8) -> Vec<u8> {
    vec![number << 3, value]
}

/// An ONNX graph of one node; its only weight, two floats, is in the file `location`. The field
/// numbers are those of onnx.proto.
fn graph(op: &str, domain: &str, location: &str) -> Vec<u8> {
    let entry = |key: &str, value: &str| {
        field(13, &[field(1, key.as_bytes()), field(2, value.as_bytes())].concat())
    };
    let weight =
        [number(1, 2), number(2, 1), field(8, b"w"), entry("location", location), number(14, 1)];
    let shape = field(2, &field(1, &number(1, 2)));
    let kind = field(2, &field(1, &[number(1, 1), shape].concat()));
    let output = [field(1, b"y"), kind].concat();
    let node =
        [field(1, b"w"), field(2, b"y"), field(4, op.as_bytes()), field(7, domain.as_bytes())];
    let graph =
        [field(1, &node.concat()), field(2, b"g"), field(5, &weight.concat()), field(12, &output)];
    let opset = |domain: &[u8], version| field(8, &[field(1, domain), number(2, version)].concat());
    [number(1, 8), field(7, &graph.concat()), opset(b"", 17), opset(b"evil", 1)].concat()
}

#[test]
fn graph_cannot_escape_its_bundle() {
    let folder = tempfile::tempdir().unwrap();
    let (bundle, secret) = (folder.path().join("bundle"), folder.path().join("secret"));
    fs::create_dir(&bundle).unwrap();
    fs::write(&secret, [0; 8]).unwrap();
    fs::write(bundle.join("inside"), [0; 8]).unwrap();
    let tokenizer = json!({"version": "1.0", "added_tokens": [], "normalizer": null,
        "pre_tokenizer": null, "post_processor": null, "decoder": null,
        "model": {"type": "BPE", "vocab": {"a": 0}, "merges": []}})
    .to_string();
    let error_with = |graph: &[u8]| {
        let mut files = serde_json::Map::new();
        for (name, bytes) in [("model.onnx", graph), ("tokenizer.json", tokenizer.as_bytes())] {
            fs::write(bundle.join(name), bytes).unwrap();
            let hash = Sha256::digest(bytes);
            let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
            files.insert(name.into(), json!({"size": bytes.len(), "sha256": hash}));
        }
        let manifest = json!({
            "format": 1, "name": "evil", "licence": "MIT", "architecture": "llama",
            "target": "cpu", "quantization": "int8", "n_layers": 1, "n_kv_heads": 1,
            "head_dim": 8, "kv_dtype": "float32", "context_length": 256, "vocab_size": 300,
            "eos_ids": [], "fim": null, "files": files,
        });
        fs::write(bundle.join("foretell.json"), manifest.to_string()).unwrap();
        error_of(&["--model", &bundle.to_string_lossy()])
    };
    // The control: the graph itself loads, and only the model's inputs are missing.
    let inside = error_with(&graph("Identity", "", "inside"));
    assert!(inside.contains("past_key_values.0.key"), "{inside}");
    for outside in ["../secret", &secret.to_string_lossy(), "./x/../../secret"] {
        let error = error_with(&graph("Identity", "", outside));
        assert!(error.contains("External data path validation failed"), "{outside}: {error}");
    }
    std::os::unix::fs::symlink(&secret, bundle.join("link")).unwrap();
    let error = error_with(&graph("Identity", "", "link"));
    assert!(error.contains("External data path validation failed"), "{error}");
    // A library next to the graph is not loaded for its custom operators.
    let (library, was_loaded) = (bundle.join("libevil.so"), folder.path().join("was loaded"));
    let source = format!(
        "#include <stdio.h>\n__attribute__((constructor)) static void load(void) {{\n\
         fclose(fopen({was_loaded:?}, \"w\"));\n}}\n"
    );
    compile(&library, &source);
    let error = error_with(&graph("Run", "evil", "inside"));
    assert!(error.contains("evil:Run(-1) is not a registered function/op"), "{error}");
    assert!(!was_loaded.exists());
    let loads = Command::new("true").env("LD_PRELOAD", &library).status().unwrap();
    assert!(
        loads.success() && was_loaded.exists(),
        "the control: the library reports being loaded"
    );
}

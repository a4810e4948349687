//! `foretell serve --http`: programs that do not speak LSP, with a scripted model.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use foretell_engine::scripted::{Controls, Script};
use foretell_http::{Options, SEND_TIME};
use foretell_test_support::{
    lsp_client::Client,
    scripted_server::{initialize, on_request_config, serve},
};
use serde_json::{Value, json};

/// The scripted model's text.
const TEXT: &str = "fn main() {\n    let total = add(1, 2);\n    show(total);\n}\n";
/// The cursor is after `= `: the model continues with `add(1, 2);`.
const BEFORE: &str = "fn main() {\n    let total = ";
const AFTER: &str = "\n    show(total);\n}\n";
const REST: &str = "add(1, 2);";

/// An editor's session and an HTTP server that share a model.
struct Server {
    editor: Client,
    model: Controls,
    address: SocketAddr,
}

fn start(says: &str) -> Server {
    start_with(says, |_| {})
}

fn start_with(says: &str, set: impl FnOnce(&mut Options)) -> Server {
    let script = Script::new(says).unwrap().with_slots(4);
    let model = script.controls();
    let (mut editor, session) = serve(script, &on_request_config());
    let address = ([127, 0, 0, 1], 0).into();
    let mut options =
        Options { address, is_any: false, token: None, is_raw: false, send_time: SEND_TIME };
    set(&mut options);
    let address = foretell_http::serve(session, options).unwrap();
    initialize(&mut editor);
    Server { editor, model, address }
}

/// A request on a connection of its own.
fn send(address: SocketAddr, head: &str, body: &str) -> TcpStream {
    try_send(address, head, body).unwrap()
}

fn try_send(address: SocketAddr, head: &str, body: &str) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect(address)?;
    let length = body.len();
    write!(stream, "{head}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}")?;
    Ok(stream)
}

/// The status and the body of a response; a body in chunks is joined.
fn receive(stream: TcpStream) -> (u16, String) {
    try_receive(stream).unwrap()
}

/// An error if the server has closed the connection, which may cost its response.
fn try_receive(mut stream: TcpStream) -> io::Result<(u16, String)> {
    let mut response = String::new();
    stream.read_to_string(&mut response)?;
    let (head, body) = response.split_once("\r\n\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
    assert!(!head.to_lowercase().contains("access-control"), "{head}");
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    if !head.contains("transfer-encoding: chunked") {
        return Ok((status, body.to_owned()));
    }
    let (mut text, mut rest) = (String::new(), body);
    while let Some((length, after)) = rest.split_once("\r\n") {
        let length = usize::from_str_radix(length, 16).unwrap();
        text.push_str(&after[..length]);
        rest = after.get(length + 2..).unwrap_or_default();
    }
    Ok((status, text))
}

fn post(address: SocketAddr, path: &str, body: &Value) -> (u16, String) {
    receive(send(address, &post_head(path), &body.to_string()))
}

fn post_head(path: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nhost: localhost")
}

/// The JSON of a successful response.
fn answer(address: SocketAddr, path: &str, body: &Value) -> Value {
    let (status, body) = post(address, path, body);
    assert_eq!(status, 200, "{body}");
    serde_json::from_str(&body).unwrap()
}

/// The data of server-sent events.
fn events(body: &str) -> Vec<&str> {
    body.lines().filter_map(|line| line.strip_prefix("data: ")).collect()
}

/// The request of llama.vim (`llama#fim`), for a cursor at the end of `before`.
fn llama_vim_request(before: &str, after: &str) -> Value {
    let lines: Vec<&str> = before.split('\n').collect();
    let (line, above) = lines.split_last().unwrap();
    let above = above[above.len().saturating_sub(256)..].join("\n");
    json!({
        "id_slot": 0,
        "input_prefix": format!("{above}\n"),
        "input_suffix": after,
        "input_extra": [],
        "prompt": line,
        "n_predict": 128,
        "stop": [],
        "n_indent": line.len() - line.trim_start().len(),
        "top_k": 40,
        "top_p": 0.9,
        "samplers": ["top_k", "top_p", "infill"],
        "stream": false,
        "cache_prompt": true,
        "t_max_prompt_ms": 500,
        "t_max_predict_ms": 250,
        "response_fields": [
            "content", "timings/prompt_n", "timings/prompt_ms", "timings/prompt_per_token_ms",
            "timings/prompt_per_second", "timings/predicted_n", "timings/predicted_ms",
            "timings/predicted_per_token_ms", "timings/predicted_per_second", "truncated",
            "tokens_cached",
        ],
    })
}

#[test]
fn llama_vim_types_without_prefilling_anything_twice() {
    // More lines than llama.vim sends: with each new one, the first one is missing.
    let above: String = (0..300).map(|i| format!("# line {i}\n")).collect();
    let typed = "a = [\n    11,\n    22,\n    33,\n    44,\n]\n";
    let server = start(&format!("{above}{typed}"));
    let mut before = above;
    let mut n_prefilled = Vec::new();
    for key in typed.chars() {
        let answer = answer(server.address, "/infill", &llama_vim_request(&before, "\nend\n"));
        assert!(answer["content"].is_string() && answer["timings"].is_null(), "{answer}");
        n_prefilled.push(answer["timings/prompt_n"].as_u64().unwrap());
        before.push(key);
    }
    assert!(n_prefilled[0] > 100, "{n_prefilled:?}");
    assert!(n_prefilled[1..].iter().all(|n| *n <= 4), "{n_prefilled:?}");
}

#[test]
fn excerpts_of_the_file_itself_name_it() {
    let server = start("# python code\nx = [1, 2]\n");
    let mut request = json!({
        "input_prefix": "# python code\n", "prompt": "x = [", "input_suffix": "\n", "n_predict": 0,
        "input_extra": [{"text": "# python code\n", "filename": "a/.env", "time": 1}],
    });
    let figures = |request: &Value| {
        let answer = answer(server.address, "/infill", request);
        (answer["content"].clone(), answer["tokens_evaluated"].clone())
    };
    assert_eq!(figures(&request), (json!(""), json!(0)), "n_predict 0 only prefills");
    request["n_predict"] = json!(8);
    assert_eq!(figures(&request), (json!(""), json!(0)), "`.env` is excluded");
    request["input_extra"][0]["filename"] = json!("a/b.py");
    assert_eq!(figures(&request).0, json!("1, 2]"));
}

#[test]
fn every_protocol_gives_the_same_text() {
    let server = start(TEXT);
    let fim = format!("<|fim_prefix|>{BEFORE}<|fim_suffix|>{AFTER}<|fim_middle|>");
    let infill = json!({"input_prefix": BEFORE, "prompt": "", "input_suffix": AFTER});
    let (head, tail) = BEFORE.split_at(20);
    let vscode = json!({
        "id_slot": 0, "input_prefix": head, "input_suffix": AFTER, "input_extra": [],
        "prompt": tail, "n_predict": 128, "n_cmpl": 1, "top_k": 40, "top_p": 0.99, "stream": false,
        "samplers": ["top_k", "top_p", "infill"], "cache_prompt": true, "t_max_prompt_ms": 2500,
        "t_max_predict_ms": 2500,
    });
    for (path, request) in
        [("/infill", infill), ("/infill", vscode), ("/completion", json!({"prompt": fim}))]
    {
        let answer = answer(server.address, path, &request);
        assert_eq!(answer["content"], REST, "{request}");
        assert_eq!((&answer["stop"], &answer["stop_type"]), (&json!(true), &json!("eos")));
        let cached = answer["timings"]["cache_n"].as_u64().unwrap();
        assert_eq!(
            cached + answer["timings"]["prompt_n"].as_u64().unwrap(),
            answer["tokens_evaluated"]
        );
    }
    let minuet = json!({"model": "PLACEHOLDER", "stream": false, "max_tokens": 56, "top_p": 0.9, "prompt": fim});
    let zed = json!({
        "model": "qwen2.5-coder", "prompt": fim, "max_tokens": 64, "temperature": null,
        "stop": ["<|endoftext|>", "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>"],
        "environment": null,
    });
    for request in [json!({"prompt": BEFORE, "suffix": AFTER}), minuet, zed] {
        let answer = answer(server.address, "/v1/completions", &request);
        let choice = json!({"text": REST, "index": 0, "logprobs": null, "finish_reason": "stop"});
        assert_eq!(answer["choices"], json!([choice]), "{request}");
        assert!(answer["id"].is_string() && answer["usage"]["prompt_tokens"].as_u64() > Some(0));
    }
}

#[test]
fn streamed_parts_join_to_the_text() {
    let server = start(TEXT);
    let request =
        json!({"input_prefix": BEFORE, "prompt": "", "input_suffix": AFTER, "stream": true});
    let (_, body) = post(server.address, "/infill", &request);
    let parts: Vec<Value> =
        events(&body).iter().map(|it| serde_json::from_str(it).unwrap()).collect();
    let text: String = parts.iter().map(|it| it["content"].as_str().unwrap()).collect();
    assert_eq!(text, REST, "{body}");
    let (last, others) = parts.split_last().unwrap();
    assert!(last["stop"] == true && last["timings"]["predicted_n"].as_u64() > Some(0), "{last}");
    assert!(others.iter().all(|it| it["stop"] == false), "{body}");

    let request = json!({"prompt": BEFORE, "suffix": AFTER, "stream": true});
    let (_, body) = post(server.address, "/v1/completions", &request);
    let mut data = events(&body);
    assert_eq!(data.pop(), Some("[DONE]"));
    let parts: Vec<Value> = data.iter().map(|it| serde_json::from_str(it).unwrap()).collect();
    let text: String = parts.iter().map(|it| it["choices"][0]["text"].as_str().unwrap()).collect();
    assert_eq!(text, REST);
    assert_eq!(parts.last().unwrap()["choices"][0]["finish_reason"], "stop");
}

#[test]
fn limits_of_the_client_apply() {
    let server = start(TEXT);
    let content = |more: Value| {
        let mut request = json!({"input_prefix": BEFORE, "prompt": "", "input_suffix": AFTER});
        request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let answer = answer(server.address, "/infill", &request);
        (answer["content"].as_str().unwrap().to_owned(), answer["stop_type"].clone())
    };
    assert_eq!(content(json!({"stop": [", "]})), ("add(1".into(), json!("word")));
    assert_eq!(
        content(json!({"n_predict": 4, "raw": true})),
        ("add".into(), json!("limit")),
        "with the healed space"
    );
    let raw = content(json!({"raw": true}));
    assert_eq!(raw, (TEXT[BEFORE.len()..].into(), json!("eos")), "without the policy");
}

#[test]
fn closed_connection_cancels() {
    let server = start(TEXT);
    server.model.hold();
    let request = json!({"input_prefix": BEFORE, "prompt": "", "input_suffix": AFTER}).to_string();
    let head = post_head("/infill");
    let closed = send(server.address, &head, &request);
    server.model.wait_until_held();
    let elsewhere = json!({"input_prefix": "show(", "prompt": "", "input_suffix": ""}).to_string();
    let next = send(server.address, &head, &elsewhere);
    drop(closed);
    // Nobody reads it, and the next prompt has no use for it.
    server.model.wait_until_read_is_ended();
    server.model.release();
    assert_eq!(receive(next).0, 200);
}

#[test]
fn editor_comes_first() {
    let mut server = start(TEXT);
    let uri = "file:///main.rs";
    let document = json!({"uri": uri, "languageId": "rust", "version": 1, "text": "show()\n"});
    server.editor.notify("textDocument/didOpen", json!({"textDocument": document}));
    server.model.hold();
    let request = json!({"input_prefix": BEFORE, "prompt": "", "input_suffix": AFTER});
    let address = server.address;
    let guest = thread::spawn(move || answer(address, "/infill", &request));
    server.model.wait_until_held();
    let id = server.editor.request(
        "textDocument/inlineCompletion",
        json!({
            "textDocument": {"uri": uri}, "position": {"line": 0, "character": 5},
            "context": {"triggerKind": 2},
        }),
    );
    server.model.wait_until_read_is_ended();
    server.model.release();
    let items = server.editor.answer(id)["result"]["items"].clone();
    assert!(items[0]["insertText"].as_str().unwrap().starts_with("total"), "{items}");
    assert_eq!(guest.join().unwrap()["content"], REST, "it starts again");
}

#[test]
fn strangers_are_refused() {
    let token = "0123456789abcdef";
    let server = start_with(TEXT, |it| it.token = Some(token.to_owned()));
    let request = json!({"prompt": BEFORE, "suffix": AFTER}).to_string();
    let status = |headers: &str| {
        let head = format!("POST /v1/completions HTTP/1.1\r\n{headers}");
        let (status, body) = receive(send(server.address, &head, &request));
        let body: Value = serde_json::from_str(&body).unwrap();
        assert!(status == 200 || body["error"]["code"] == status, "{body}");
        status
    };
    let authorized = format!("host: localhost\r\nauthorization: Bearer {token}");
    assert_eq!(status(&authorized), 200);
    assert_eq!(status(&format!("{authorized}\r\norigin: https://evil.example")), 403);
    assert_eq!(status(&authorized.replace("localhost", "evil.example")), 403);
    assert_eq!(status(&authorized.replace("cdef", "cdeF")), 401);
    assert_eq!(status("host: localhost"), 401);
    let get = |path: &str, method: &str| {
        let head = format!("{method} {path} HTTP/1.1\r\n{authorized}");
        receive(send(server.address, &head, ""))
    };
    assert_eq!(get("/health", "GET"), (200, "{\"status\":\"ok\"}".into()));
    assert!(get("/v1/models", "GET").1.contains("\"object\":\"model\""));
    assert_eq!([get("/infill", "OPTIONS").0, get("/etc/passwd", "GET").0], [405, 404]);
}

#[test]
fn endless_requests_end() {
    let mut server = start(TEXT);
    let head = post_head("/infill");
    // A body without an end.
    let mut stream = TcpStream::connect(server.address).unwrap();
    write!(stream, "{head}\r\ntransfer-encoding: chunked\r\n\r\n").unwrap();
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
    let n_chunks = (0..1000).take_while(|_| stream.write_all(chunk.as_bytes()).is_ok()).count();
    assert!(n_chunks < 200, "{n_chunks} chunks of 64 KiB were read");
    // A header without an end.
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream.write_all(format!("{head}\r\nx: {}", "x".repeat(1 << 17)).as_bytes()).unwrap();
    assert!(try_receive(stream).is_ok_and(|it| it.0 == 431));
    for body in ["", "{", "1", "{\"prompt\": [1, 2]}", "{\"prompt\": [\"a\", \"b\"]}"] {
        let (status, answer) = receive(send(server.address, &head, body));
        assert!(status == 400 && answer.contains("invalid_request_error"), "{body}: {answer}");
    }
    assert_alive(&mut server.editor);
}

/// Sends a byte whenever there is nothing to receive; returns the response with which the server
/// ends the connection.
fn trickle(mut stream: TcpStream) -> String {
    stream.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
    let (mut response, mut buffer) = (Vec::new(), [0; 1024]);
    for _ in 0..1000 {
        let is_open = match stream.read(&mut buffer) {
            Ok(n_bytes) => {
                response.extend(&buffer[..n_bytes]);
                n_bytes > 0
            }
            Err(error) => {
                matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
                    && stream.write_all(b"x").is_ok()
            }
        };
        if !is_open {
            return String::from_utf8(response).unwrap();
        }
    }
    panic!("the server still reads");
}

#[test]
fn slow_requests_end() {
    let mut server = start_with(TEXT, |it| it.send_time = Duration::from_millis(100));
    let head = post_head("/infill");
    for (start, response) in [
        (format!("{head}\r\nx: "), ""),
        (format!("{head}\r\ncontent-length: 100000\r\n\r\n"), "HTTP/1.1 408 "),
        (format!("{head}\r\ntransfer-encoding: chunked\r\n\r\n10000\r\n"), "HTTP/1.1 408 "),
    ] {
        let mut stream = TcpStream::connect(server.address).unwrap();
        stream.write_all(start.as_bytes()).unwrap();
        assert_alive(&mut server.editor);
        let received = trickle(stream);
        assert!(received.starts_with(response), "{start}: {received}");
        assert_eq!(received.is_empty(), response.is_empty(), "{start}: {received}");
    }
    assert_alive(&mut server.editor);
}

#[test]
fn thousand_connections_are_bounded() {
    let mut server = start(TEXT);
    let silent: Vec<TcpStream> =
        (0..32).map(|_| TcpStream::connect(server.address).unwrap()).collect();
    for _ in 0..968 {
        let (status, body) = receive(TcpStream::connect(server.address).unwrap());
        assert!(status == 503 && body.contains("too many connections"), "{body}");
    }
    assert_alive(&mut server.editor);
    drop(silent);
    // The server notices closed connections one by one.
    let request = json!({"prompt": BEFORE, "suffix": AFTER}).to_string();
    let ask = || try_receive(try_send(server.address, &post_head("/v1/completions"), &request)?);
    while !ask().is_ok_and(|it| it.0 == 200) {}
}

/// The editor's session answers.
fn assert_alive(editor: &mut Client) {
    let document = json!({"uri": "file:///a", "languageId": "", "version": 1, "text": "show()\n"});
    editor.notify("textDocument/didOpen", json!({"textDocument": document}));
    let id = editor.request(
        "textDocument/inlineCompletion",
        json!({
            "textDocument": {"uri": "file:///a"}, "position": {"line": 0, "character": 5},
            "context": {"triggerKind": 2},
        }),
    );
    let items = editor.answer(id)["result"]["items"].clone();
    assert!(items[0]["insertText"].as_str().unwrap().starts_with("total"), "{items}");
}

/// The program without a model.
fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_foretell"));
    command.arg("serve").args(arguments).env("FORETELL_MODEL", "/nonexistent");
    command.env_remove("FORETELL_HTTP_TOKEN").stderr(Stdio::null());
    command
}

/// The local addresses of a process's listening TCP sockets and of its UDP sockets, in
/// hexadecimal.
#[cfg(target_os = "linux")]
fn open_ports(process_id: u32) -> Vec<String> {
    let own: Vec<String> = std::fs::read_dir(format!("/proc/{process_id}/fd"))
        .unwrap()
        .filter_map(|it| std::fs::read_link(it.unwrap().path()).ok())
        .map(|it| it.to_string_lossy().into_owned())
        .collect();
    let mut found = Vec::new();
    for table in ["tcp", "tcp6", "udp", "udp6"] {
        let text = std::fs::read_to_string(format!("/proc/{process_id}/net/{table}"));
        for line in text.unwrap_or_default().lines().skip(1) {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let is_open = fields[3] == "0A" || table.starts_with("udp");
            if is_open && own.contains(&format!("socket:[{}]", fields[9])) {
                found.push(fields[1].to_owned());
            }
        }
    }
    found
}

#[test]
#[cfg(target_os = "linux")]
fn port_is_open_only_with_http() {
    for (arguments, n_open) in [(&[][..], 0), (&["--http", "localhost:0"], 1)] {
        let mut client = Client::start(&mut program(arguments));
        client.initialize(json!({"processId": null, "capabilities": {}}));
        let open = open_ports(client.process_id());
        assert_eq!(open.len(), n_open, "{open:?}");
        assert!(open.iter().all(|it| it.starts_with("0100007F:")), "127.0.0.1: {open:?}");
        client.end();
    }
}

#[test]
fn occupied_port_does_not_end_the_session() {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap().to_string();
    let mut client = Client::start(&mut program(&["--http", &address]));
    let result = client.initialize(json!({"processId": null, "capabilities": {}}));
    assert!(result["capabilities"].is_object());
    client.end();
    for (arguments, expected) in [
        (vec!["--http-only", "--http", &address], "cannot listen on"),
        (vec!["--http", "0.0.0.0:0"], "`--http-any` allows it"),
        (vec!["--http", "0.0.0.0:0", "--http-any"], "requires a token"),
        (vec!["--http-raw"], "require `--http`"),
    ] {
        let output = program(&arguments).stderr(Stdio::piped()).output().unwrap();
        let message = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && message.contains(expected), "{message}");
    }
}

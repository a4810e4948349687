//! `foretell complete`, `config`, `bench` and `stats` with valid and invalid input.

use std::{
    io::{BufRead, BufReader, Read, Write},
    path::Path,
    process::{Command, Stdio},
};

use expect_test::expect;
use serde_json::Value;

use crate::command::{check_error, copy_default_bundle, foretell, run};

const SMALL: &str = "\
/// Counts the words of a text.
pub fn word_counts(text: &str) -> HashMap<&str, usize> {
    let mut counts = HashMap::new();
    for word in text.
    }
    counts
}
";

fn small_file() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("words.rs");
    std::fs::write(&path, SMALL).unwrap();
    let path = path.to_string_lossy().into_owned();
    (folder, path)
}

#[test]
fn begun_line_is_completed() {
    let (_folder, path) = small_file();
    let (output, out, err) = run(&mut foretell(&["complete", &format!("{path}:4:22")]));
    assert!(output.status.success(), "{err}");
    let (text, figures) = out.split_once("\n-- ").expect("a line of figures");
    assert!(text.starts_with("    for word in text.split"), "{out}");
    assert!(figures.contains("first token") && figures.contains("line end"), "{out}");
}

/// Without a message, a user who runs `foretell` would see it hang.
#[cfg(target_os = "linux")]
#[test]
fn server_in_a_terminal_explains_itself() {
    // util-linux's `script` runs it in a terminal whose input ends at once.
    let mut command = Command::new("script");
    command.args(["-qec", env!("CARGO_BIN_EXE_foretell"), "/dev/null"]).stdin(Stdio::null());
    let (output, out, err) = run(&mut command);
    assert!(output.status.success(), "{out}{err}");
    assert!(out.contains("this is a language server, waiting for an editor"), "{out}");
    let (output, out, err) = run(foretell(&[]).stdin(Stdio::null()));
    assert!(output.status.success() && out.is_empty(), "{out}");
    assert!(!err.contains("waiting for an editor"), "{err}");
}

/// The working directory is usually the workspace, which must not supply the model.
#[test]
fn model_name_is_not_looked_up_in_cwd() {
    let (folder, path) = small_file();
    let bundle = folder.path().join(foretell_engine::bundle::DEFAULT_MODEL);
    std::fs::create_dir(&bundle).unwrap();
    std::fs::write(bundle.join("foretell.json"), "{}").unwrap();
    let place = format!("{path}:4:22");
    let (output, out, err) = run(foretell(&["complete", &place]).current_dir(folder.path()));
    assert!(output.status.success() && out.contains("text.split"), "{out}{err}");
    // An explicit path does select it.
    let here = format!("./{}", foretell_engine::bundle::DEFAULT_MODEL);
    let mut command = foretell(&["--model", &here, "complete", &place]);
    let (_, _, err) = run(command.current_dir(folder.path()));
    assert!(err.contains("not a manifest"), "{err}");
}

/// A log may contain code.
#[test]
fn log_file_becomes_private() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    std::fs::write(&log, "").unwrap();
    std::fs::set_permissions(&log, std::fs::Permissions::from_mode(0o644)).unwrap();
    let (output, _, err) = run(&mut foretell(&["--log", &log.to_string_lossy(), "config"]));
    assert!(output.status.success(), "{err}");
    assert_eq!(std::fs::metadata(&log).unwrap().permissions().mode() & 0o777, 0o600);
}

/// `foretell config | head -n 3` prints no error.
#[test]
fn closed_stdout_is_silent() {
    for arguments in [["config", "--schema"], ["stats", "--json"], ["completions", "bash"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let (output, _, err) = run(foretell(&arguments).stdout(writer));
        assert_eq!((err.as_str(), output.status.code()), ("", Some(1)), "{arguments:?}");
    }
}

#[test]
fn json_output_has_figures() {
    let (_folder, path) = small_file();
    let (output, out, err) = run(&mut foretell(&["complete", "--json", &format!("{path}:4")]));
    assert!(output.status.success(), "{err}");
    let json: Value = serde_json::from_str(&out).unwrap();
    assert!(json["text"].as_str().unwrap().starts_with("split"), "{json}");
    assert_eq!((&json["reused"], &json["finish"]), (&Value::from(0), &Value::from("line_end")));
    for figure in ["read", "generated", "first_token_ms", "total_ms"] {
        assert!(json[figure].as_f64().unwrap() > 0.0, "{figure} in {json}");
    }
}

#[test]
fn stdin_is_completed() {
    let mut command = foretell(&["complete", "--stdin", "--json", "words.rs:4:22"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut process = command.spawn().unwrap();
    process.stdin.take().unwrap().write_all(SMALL.as_bytes()).unwrap();
    let output = process.wait_with_output().unwrap();
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(json["text"].as_str().unwrap().starts_with("split"), "{json}");
}

#[test]
fn log_has_the_timings_of_a_job() {
    let (folder, path) = small_file();
    let log = folder.path().join("log");
    let arguments = ["complete", "--log", &log.to_string_lossy(), &format!("{path}:4")];
    let (output, out, err) = run(&mut foretell(&arguments));
    assert!(output.status.success() && err.is_empty(), "{err}");
    let log = std::fs::read_to_string(log).unwrap();
    for part in ["model loaded", "taken from the queue", "job{", "prefill: ", "decode: ", "close"] {
        assert!(log.contains(part), "{part} in:\n{log}");
    }
    assert!(!out.contains("prefill: "), "{out}");
}

#[test]
#[cfg(target_os = "linux")]
fn too_little_memory_is_reported() {
    let (_folder, path) = small_file();
    for limit_kb in ["300000", "700000"] {
        let limited = format!("ulimit -v {limit_kb}; exec \"$0\" complete \"$1:4\"");
        let mut command = Command::new("sh");
        command.args(["-c", &limited, env!("CARGO_BIN_EXE_foretell"), &path]);
        let (output, out, err) = run(&mut command);
        assert_eq!((out.as_str(), output.status.code()), ("", Some(1)), "{err}");
        assert!(err.contains("not enough memory for the model"), "{err}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn idle_engine_uses_no_cpu() {
    let arguments = ["bench", "engine", "--only", "idle", "--idle-s", "3"];
    let (output, out, err) = run(&mut foretell(&arguments));
    assert!(output.status.success(), "{err}");
    let used: Vec<f64> = out
        .lines()
        .filter_map(|line| line.split_once(": ")?.1.strip_suffix(" s of CPU time in 3 s"))
        .map(|used| used.parse().unwrap())
        .collect();
    // Two spinning threads would take 6 s.
    assert!(used.len() == 2 && used.iter().all(|used| *used < 0.1), "{out}");
}

#[test]
fn bench_page_has_the_printed_results() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bench.html").to_string_lossy().into_owned();
    let bench =
        |file: &str| run(&mut foretell(&["bench", "server", "--rounds", "1", "--html", file]));
    let (output, out, err) = bench(&file);
    assert!(output.status.success() && err.contains(&file), "{err}");
    let page = std::fs::read_to_string(&file).unwrap();
    for part in ["A keystroke typed into a suggestion", "50 MB"] {
        assert!(out.contains(part) && page.contains(part), "{part} in:\n{out}{page}");
    }
    assert!(page.contains("<svg") && page.ends_with("</html>\n"), "{page}");
    let (output, out, err) = bench("none/such.html");
    assert_eq!((out.as_str(), output.status.code()), ("", Some(1)), "{err}");
    assert!(err.contains("none/such.html: No such file"), "{err}");
}

#[test]
fn invalid_place_is_reported() {
    let (folder, path) = small_file();
    let folder = folder.path();
    let complete = |place: &str| foretell(&["complete", &format!("{path}{place}")]);
    check_error(
        &mut complete(":99:1"),
        1,
        folder,
        &expect![[r#"
        foretell: DIR/words.rs: line 99 of 8 does not exist
    "#]],
    );
    check_error(
        &mut complete(":4:99"),
        1,
        folder,
        &expect![[r#"
        foretell: DIR/words.rs: line 4 ends at column 22, column 99 does not exist
    "#]],
    );
    check_error(
        &mut complete(".gone:1:1"),
        1,
        folder,
        &expect![[r#"
        foretell: DIR/words.rs.gone: No such file or directory
    "#]],
    );
    check_error(
        &mut complete(":x"),
        2,
        folder,
        &expect![[r#"
        error: invalid value 'DIR/words.rs:x' for '<FILE:LINE[:COL]>': expected FILE:LINE or FILE:LINE:COL, counted from 1

        For more information, try '--help'.
    "#]],
    );
    let binary = folder.join("binary");
    std::fs::write(&binary, [0xff, 0xfe, 0]).unwrap();
    let place = format!("{}:1", binary.display());
    check_error(
        &mut foretell(&["complete", &place]),
        1,
        folder,
        &expect![[r#"
        foretell: DIR/binary: not UTF-8 text
    "#]],
    );
}

#[test]
fn excluded_file_is_not_read() {
    let (folder, path) = small_file();
    let folder = folder.path();
    std::fs::write(folder.join(".env"), "PASSWORD=").unwrap();
    std::os::unix::fs::symlink(".env", folder.join("a.rs")).unwrap();
    let expected = "excluded by `suggest.exclude`";
    for place in [".env:1", "a.rs:1"] {
        let (output, out, err) = run(foretell(&["complete", place]).current_dir(folder));
        assert_eq!((out.as_str(), output.status.code()), ("", Some(1)), "{err}");
        assert!(err.contains(expected), "{err}");
    }
    // The folder's name counts even if the path given is relative to it.
    let ssh = folder.join(".ssh");
    std::fs::create_dir(&ssh).unwrap();
    std::fs::copy(path, ssh.join("config")).unwrap();
    let (_, _, err) = run(foretell(&["complete", "config:1"]).current_dir(ssh));
    assert!(err.contains(expected), "{err}");
}

#[test]
fn missing_model_error_says_what_to_do() {
    let (folder, path) = small_file();
    let model = folder.path().join("no/model");
    let model = model.to_string_lossy();
    let place = format!("{path}:4");
    check_error(
        &mut foretell(&["complete", "--model", &model, &place]),
        1,
        folder.path(),
        &expect![[r#"
            foretell: no model at DIR/no/model: run `foretell setup`, or name a bundle's folder with --model or FORETELL_MODEL
        "#]],
    );
}

#[test]
fn unusable_library_error_says_what_to_do() {
    let (folder, path) = small_file();
    let place = format!("{path}:4");
    let library = folder.path().join("libonnxruntime.so");
    let arguments = ["complete", "--library", &library.to_string_lossy(), &place];
    check_error(
        &mut foretell(&arguments),
        1,
        folder.path(),
        &expect![[r#"
        foretell: the ONNX Runtime library was not found; run `foretell setup`, or name it in ORT_DYLIB_PATH. Looked at: DIR/libonnxruntime.so
    "#]],
    );
    std::fs::write(&library, "no library").unwrap();
    let (output, _, err) = run(&mut foretell(&arguments));
    assert!(
        err.contains("not a usable ONNX Runtime library") && err.contains("foretell setup"),
        "{err}"
    );
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn damaged_bundle_is_refused() {
    let (_folder, path) = small_file();
    let complete = |bundle: &Path| {
        let (output, out, err) = run(&mut foretell(&[
            "complete",
            "--model",
            &bundle.to_string_lossy(),
            &format!("{path}:4"),
        ]));
        assert_eq!((out.as_str(), output.status.code()), ("", Some(1)), "{err}");
        err
    };
    let bundle = copy_default_bundle();
    let graph = bundle.path().join("model.onnx");
    let mut bytes = std::fs::read(&graph).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&graph, &bytes).unwrap();
    assert!(complete(bundle.path()).contains("sha256 is "), "a flipped bit");
    std::fs::write(&graph, &bytes[..middle]).unwrap();
    assert!(complete(bundle.path()).contains("size is "), "a truncated file");
    std::fs::write(bundle.path().join("foretell.json"), "{}").unwrap();
    assert!(complete(bundle.path()).contains("not a manifest"), "an empty manifest");
}

#[test]
fn broken_packed_weights_fall_back() {
    let (folder, path) = small_file();
    let bundle = copy_default_bundle();
    std::fs::write(bundle.path().join("shared.onnx"), "no graph").unwrap();
    // The runtime rejects external data behind a link out of the bundle.
    let data = bundle.path().join("model.onnx.data");
    let original = data.canonicalize().unwrap();
    std::fs::remove_file(&data).unwrap();
    std::fs::hard_link(&original, &data)
        .or_else(|_| std::fs::copy(&original, &data).map(drop))
        .unwrap();
    let manifest = bundle.path().join("foretell.json");
    let text = std::fs::read_to_string(&manifest).unwrap();
    let mut known: serde_json::Value = serde_json::from_str(&text).unwrap();
    let sha256 = "3dedef457e43526d4d19c81bef4756864daf4602ab8df76e4e7e71caf0137661";
    known["files"]["shared.onnx"] = serde_json::json!({"size": 8, "sha256": sha256});
    std::fs::write(&manifest, known.to_string()).unwrap();
    // Marks the graph as built on this machine; otherwise it is not loaded.
    let home = folder.path().join("home");
    std::fs::create_dir_all(home.join("made-here")).unwrap();
    let n_bytes = known["files"]["model.onnx.data"]["size"].to_string();
    std::fs::write(home.join("made-here").join(sha256), n_bytes).unwrap();
    let library = foretell_engine::library::find_library(None).unwrap();
    let arguments = ["complete", "--library", &library.to_string_lossy(), &format!("{path}:4:22")];
    let mut command = foretell(&arguments);
    command.arg("--model").arg(bundle.path()).env("FORETELL_HOME", &home);
    let (output, out, err) = run(command.env("FORETELL_LOG", "foretell=warn"));
    assert!(err.contains("the weights are not shared with other servers"), "{err}");
    assert!(output.status.success() && !out.is_empty(), "{out}{err}");
}

#[test]
fn each_provider_says_why_it_refuses() {
    let (_folder, path) = small_file();
    let bundle = copy_default_bundle();
    let manifest = bundle.path().join("foretell.json");
    let text = std::fs::read_to_string(&manifest).unwrap();
    let text = text.replace("\"target\": \"cpu\"", "\"target\": \"cuda\"");
    std::fs::write(&manifest, text.replace("\"float32\"", "\"float16\"")).unwrap();
    let model = bundle.path().to_string_lossy();
    let arguments = ["complete", "--model", &model, &format!("{path}:4")];
    let (output, out, err) = run(&mut foretell(&arguments));
    assert_eq!((out.as_str(), output.status.code()), ("", Some(1)), "{err}");
    for reason in ["cuda: ", "cpu: the model's graph is for cuda; import it with the target cpu"] {
        assert!(err.contains(reason), "{reason} in:\n{err}");
    }
}

#[test]
fn config_prints_effective_settings() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("foretell/foretell.toml");
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    let config = |text: &str| {
        std::fs::write(&file, text).unwrap();
        run(foretell(&["config", "--threads", "3"]).env("XDG_CONFIG_HOME", folder.path()))
    };
    let (output, out, err) = config("[suggest]\nmax_lines = 4\n");
    assert!(output.status.success(), "{err}");
    assert!(out.contains("max_lines = 4\n") && out.contains("threads = 3\n"), "{out}");
    let (output, _, err) = config("[suggest]\nmax_line = 4\n");
    assert!(!output.status.success());
    assert!(err.contains("did you mean \"suggest.max_lines\"?"), "{err}");
    let (output, out, err) = config("[suggest\n");
    assert!(!output.status.success());
    assert!(err.contains("foretell.toml") && out.contains("max_lines = 16\n"), "{err}{out}");
}

#[test]
fn settings_schema_is_json() {
    let (_, out, _) = run(&mut foretell(&["config", "--schema"]));
    let schema: Value = serde_json::from_str(&out).unwrap();
    let delay = &schema["properties"]["suggest"]["properties"]["delay_ms"];
    assert_eq!((&delay["type"], &delay["maximum"]), (&"integer".into(), &5_000.into()), "{delay}");
}

/// A session of a client with or without a name.
fn serve_once(folder: &Path, client: &Value) {
    let mut server = foretell(&["serve"])
        .env("FORETELL_HOME", folder)
        .env("XDG_CONFIG_HOME", folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = server.stdin.take().unwrap();
    let mut send = |body: Value| {
        let body = body.to_string();
        write!(stdin, "Content-Length: {}\r\n\r\n{body}", body.len()).unwrap();
    };
    let mut stdout = BufReader::new(server.stdout.take().unwrap());
    let mut wait_for_response = |id: u32| {
        loop {
            let (mut length, mut blank) = (String::new(), String::new());
            stdout.read_line(&mut length).unwrap();
            stdout.read_line(&mut blank).unwrap();
            let length = length.trim().strip_prefix("Content-Length: ").unwrap().parse().unwrap();
            let mut body = vec![0; length];
            stdout.read_exact(&mut body).unwrap();
            if serde_json::from_slice::<Value>(&body).unwrap()["id"] == id {
                break;
            }
        }
    };
    let message = |method: &str, params: Value| serde_json::json!({"jsonrpc": "2.0", "method": method, "params": params});
    let request = |id: u32, method: &str, params: Value| {
        let mut request = message(method, params);
        request["id"] = id.into();
        request
    };
    send(request(1, "initialize", serde_json::json!({"capabilities": {}, "clientInfo": client})));
    wait_for_response(1);
    send(message("initialized", serde_json::json!({})));
    let document =
        serde_json::json!({"uri": "file:///a", "languageId": "", "version": 1, "text": ""});
    send(message("textDocument/didOpen", serde_json::json!({"textDocument": document})));
    let at = serde_json::json!({
        "textDocument": {"uri": "file:///a"}, "position": {"line": 0, "character": 0},
        "context": {"triggerKind": 2},
    });
    send(request(2, "textDocument/inlineCompletion", at));
    wait_for_response(2);
    send(request(3, "shutdown", Value::Null));
    send(message("exit", Value::Null));
    assert!(server.wait().unwrap().success());
}

#[test]
fn session_counts_of_editors_are_saved() {
    let folder = tempfile::tempdir().unwrap();
    let stats = |arguments: &[&str]| {
        run(foretell(&[&["stats"], arguments].concat()).env("FORETELL_HOME", folder.path())).1
    };
    serve_once(folder.path(), &Value::Null);
    assert!(stats(&[]).contains("No sessions yet"), "a script is no editor: {}", stats(&[]));
    serve_once(folder.path(), &serde_json::json!({"name": "editor"}));
    assert!(stats(&[]).contains("requests    1, "), "{}", stats(&[]));
    let page = stats(&["--markdown"]);
    assert!(page.starts_with("# Foretell") && page.contains("Suggestions shown"), "{page}");
    for word in ["running_draft", "superseded", "1 runs", "never seen"] {
        assert!(!page.contains(word), "{word} in {page}");
    }
}

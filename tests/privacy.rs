//! What the program opens, writes, prints and connects to, observed from outside. Needs
//! `make model` and, on Linux, strace.

use std::{fs::File, io::Write, os::unix::fs::PermissionsExt, path::Path, process::Command};

use foretell_test_support::editor_sim::{Seen, Typist};
use foretell_test_support::lsp_client::Client;
use serde_json::json;

const BINARY: &str = env!("CARGO_BIN_EXE_foretell");
const SECRET: &str = "hunter2_of_the_user";

/// Fills a workspace: `main.rs` will be opened, the other files must stay unread.
fn workspace(folder: &Path) {
    std::fs::create_dir_all(folder.join(".git")).unwrap();
    for name in ["main.rs", "other.rs", ".env", ".git/config"] {
        std::fs::write(folder.join(name), "fn main() {\n    \n}\n").unwrap();
    }
    let evil = "[model]\nlibrary = \"/evil.so\"\nname = \"/evil\"\n";
    std::fs::write(folder.join("foretell.toml"), evil).unwrap();
}

fn initialize(client: &mut Client, workspace: &Path) {
    let uri = format!("file://{}", workspace.display());
    client.initialize(json!({
        "processId": null, "clientInfo": {"name": "test"},
        "rootUri": uri, "workspaceFolders": [{"uri": uri, "name": "w"}],
        "capabilities": {"general": {"positionEncodings": ["utf-8"]}},
        "initializationOptions": {"status": true},
    }));
    client.wait_until_ready();
}

/// The system calls of a whole server session.
#[cfg(target_os = "linux")]
struct Traced {
    folder: tempfile::TempDir,
    config: std::path::PathBuf,
    log: String,
    lines: Vec<String>,
}

#[cfg(target_os = "linux")]
impl Traced {
    /// Traces a session that uses everything an editor uses. With `keeps`, the server saves its
    /// counts and writes its log to a file.
    fn session(keeps: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let (project, home) = (at("project"), at("home"));
        std::fs::create_dir(&project).unwrap();
        workspace(&project);
        std::fs::create_dir(&home).unwrap();
        for name in ["models", "lib", "made-here"] {
            let real = foretell_engine::paths::data_folder().join(name);
            std::os::unix::fs::symlink(real, home.join(name)).unwrap();
        }
        let mut command = Command::new("strace");
        command
            .args(["-f", "-qq", "-e", "trace=%network,%file,memfd_create,io_uring_setup", "-o"])
            .arg(at("trace"));
        if keeps {
            let config = format!("XDG_CONFIG_HOME={}", at("config").display());
            command.arg("-E").arg(config).arg(BINARY).arg("--log").arg(at("log"));
        } else {
            command.arg(BINARY).stderr(File::create(at("log")).unwrap());
        }
        for variable in ["ORT_DISABLE_TELEMETRY", "FORETELL_LOG", "FORETELL_MODEL"] {
            command.env_remove(variable);
        }
        command.arg("serve").env("FORETELL_HOME", &home).current_dir(&project);
        let mut client = Client::start(&mut command);
        let config = client.config_folder().to_owned();
        initialize(&mut client, &project);
        let uri = format!("file://{}/main.rs", project.display());
        let text = format!("fn main() {{\n    let {SECRET} = 1;\n    let y = {SECRET}ˇ;\n}}\n");
        let mut typist = Typist::open(client, &uri, &text);
        assert_ne!(typist.ask_and_see().0, Seen::Superseded);
        typist.type_text(" + ");
        typist.ask_and_see();
        let document = json!({"uri": uri});
        typist.client.notify("textDocument/didFocus", json!({"textDocument": document}));
        let at_cursor = typist.position(typist.cursor);
        for (method, context) in [
            ("textDocument/completion", json!({"triggerKind": 1})),
            ("textDocument/inlineCompletion", json!({"triggerKind": 1})),
        ] {
            let params =
                json!({"textDocument": document, "position": at_cursor, "context": context});
            let id = typist.client.request(method, params);
            typist.client.answer(id);
        }
        // An invalid message, with user text in fields of other types.
        let invalid =
            json!({"textDocument": {"uri": uri, "version": SECRET}, "contentChanges": SECRET});
        typist.client.notify("textDocument/didChange", invalid);
        let uri = format!("file://{}/.env", project.display());
        let mut excluded = Typist::open(typist.client, &uri, "PASSWORD=ˇ\n");
        assert_eq!(excluded.ask_and_see().0, Seen::Nothing);
        let document = json!({"uri": uri});
        excluded.client.notify("textDocument/didFocus", json!({"textDocument": document}));
        let params = json!({"textDocument": document, "position": excluded.position(9)});
        let id = excluded.client.request("textDocument/completion", params);
        assert_eq!(excluded.client.answer(id)["result"]["items"], json!([]));
        excluded.client.end();
        let [log, trace] = ["log", "trace"].map(|it| std::fs::read_to_string(at(it)).unwrap());
        Self { config, log, lines: trace.lines().map(str::to_owned).collect(), folder }
    }

    fn calls(&self, names: &[&str]) -> Vec<&str> {
        let is_named = |line: &&str| {
            let call = line.trim_start_matches(|c: char| c.is_ascii_digit()).trim_start();
            names.iter().any(|name| call.starts_with(name))
        };
        self.lines.iter().map(String::as_str).filter(is_named).collect()
    }

    /// The calls that open an existing file for reading, or for writing with `to_write`, and their
    /// paths.
    fn opened(&self, to_write: bool) -> Vec<(&str, &str)> {
        let is_wanted = |line: &&str| {
            let flags = ["O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC", "O_APPEND", "O_TMPFILE"];
            let writes = flags.iter().any(|flag| line.contains(flag));
            writes == to_write && !line.contains("ENOENT")
        };
        let opened = self.calls(&["open"]).into_iter().filter(is_wanted);
        opened.filter_map(|line| Some((line, line.split('"').nth(1)?))).collect()
    }
}

/// Traces whole sessions: what the server opens, writes, connects to and logs.
#[test]
#[cfg(target_os = "linux")]
fn server_opens_no_socket_and_only_its_own_files() {
    let has_strace = Command::new("strace").arg("-V").output().is_ok_and(|it| it.status.success());
    if !has_strace {
        // Written directly, since the harness captures what `eprintln!` prints.
        let skipped = "SKIPPED: the server's system calls were not checked: strace is missing \
            (`apt install strace`, `dnf install strace`)";
        writeln!(std::io::stderr(), "{skipped}").unwrap();
        return;
    }
    for keeps in [false, true] {
        let traced = Traced::session(keeps);
        let log = &traced.log;
        assert!(log.contains("nothing: excluded") && !log.contains(SECRET), "{log}");
        assert!(log.contains("shown: ") && !log.contains("PASSWORD"), "{log}");

        // `socketpair` is allowed: signals arrive through a pair within the process.
        let network = [
            "socket(",
            "connect(",
            "bind(",
            "listen(",
            "accept",
            "send",
            "recv",
            "io_uring_setup(",
        ];
        let sockets = traced.calls(&network);
        assert!(sockets.is_empty(), "{sockets:#?}");
        // The server re-executes itself once, to disable the runtime's telemetry.
        let programs = traced.calls(&["execve("]);
        let is_self = |it: &&str| it.contains(&format!("execve(\"{BINARY}\""));
        assert!(programs.len() == 2 && programs.iter().all(is_self), "{programs:#?}");

        let home = traced.folder.path().join("home");
        let (stats, log_file) = (home.join("stats"), traced.folder.path().join("log"));
        let is_kept = |path: &str| {
            let path = Path::new(path);
            keeps && (path.starts_with(&stats) || path == log_file)
        };
        let mut written = traced.opened(true);
        written.retain(|(_, path)| *path != "/dev/null" && !is_kept(path));
        assert!(written.is_empty(), "{written:#?}");
        let names = ["mkdir", "unlink", "rename", "link", "symlink", "chmod", "truncate", "creat("];
        let mut changed = traced.calls(&names);
        changed.retain(|line| !line.split('"').skip(1).step_by(2).all(is_kept));
        assert!(changed.is_empty(), "{changed:#?}");
        assert_eq!(stats.exists(), keeps);

        let data = foretell_engine::paths::data_folder();
        // The runtime's log formats times.
        let time_zone = "/etc/localtime";
        let system_paths =
            ["/lib", "/usr/lib", "/etc/ld.so", "/proc/", "/sys/", "/dev/", time_zone];
        let own = [
            &home,
            &data,
            &traced.config,
            &traced.folder.path().join("config"),
            Path::new(BINARY).parent().unwrap(),
        ];
        let mut read = traced.opened(false);
        read.retain(|(_, path)| {
            !system_paths.iter().any(|it| path.starts_with(it))
                && !own.iter().any(|it| Path::new(path).starts_with(it))
        });
        assert!(read.is_empty(), "{read:#?}");
        let evil = traced.lines.iter().any(|line| line.contains("evil"));
        assert!(!evil && traced.lines.iter().any(|it| it.contains("model.onnx")));
    }
}

/// With `--http`, the server waits for connections at that address, and makes none itself.
#[test]
#[cfg(target_os = "linux")]
fn http_server_connects_to_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let [trace, log] = ["trace", "log"].map(|it| folder.path().join(it));
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-e", "trace=%network", "-o"]).arg(&trace).arg(BINARY);
    command.arg("--log").arg(&log).args(["serve", "--http", "127.0.0.1:0"]);
    command.env("FORETELL_MODEL", "/nonexistent").env_remove("FORETELL_HTTP_TOKEN");
    if Command::new("strace").arg("-V").output().is_err() {
        return; // `server_opens_no_socket_and_only_its_own_files` says so.
    }
    let mut client = Client::start(&mut command);
    client.initialize(json!({"processId": null, "capabilities": {}}));
    let log = std::fs::read_to_string(&log).unwrap();
    let (_, address) = log.split_once("listening on http://").unwrap();
    let address = address.split_whitespace().next().unwrap();
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    stream
        .write_all(b"GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        .unwrap();
    let mut response = String::new();
    std::io::Read::read_to_string(&mut stream, &mut response).unwrap();
    assert!(response.starts_with("HTTP/1.1 5"), "there is no model: {response}");
    client.end();
    let trace = std::fs::read_to_string(&trace).unwrap();
    let calls = |name: &str| trace.lines().filter(|it| it.contains(name)).count();
    assert_eq!([calls(" socket("), calls("bind("), calls("connect(")], [1, 1, 0], "{trace}");
    assert!(trace.contains("inet_addr(\"127.0.0.1\")") && calls("accept4(") > 0, "{trace}");
}

/// Unless `ORT_DISABLE_TELEMETRY` is set before ONNX Runtime is loaded, it stores a machine id in
/// the user's cache folder and sends usage data. An empty home proves that the server set it.
#[test]
fn library_telemetry_is_disabled() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(BINARY);
    command.arg("doctor").env_remove("ORT_DISABLE_TELEMETRY").env("HOME", folder.path());
    command
        .env_remove("XDG_CACHE_HOME")
        .env("FORETELL_HOME", foretell_engine::paths::data_folder());
    let output = command.output().unwrap();
    let report = String::from_utf8(output.stdout).unwrap();
    assert!(report.contains("✓ library"), "{report}");
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
#[ignore = "unsilenced_library_is_not_loaded runs it with telemetry not disabled"]
fn library_without_opt_out_is_refused() {
    let library = foretell_engine::library::find_library(None).unwrap();
    let error = foretell_engine::onnx::load_library(&library).unwrap_err().to_string();
    assert!(error.contains("would send usage data; it is only loaded if"), "{error}");
}

#[test]
fn unsilenced_library_is_not_loaded() {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--ignored", "--exact", "privacy::library_without_opt_out_is_refused"]);
    let output = command.env_remove("ORT_DISABLE_TELEMETRY").output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && printed.contains("1 passed"), "{printed}");
}

#[test]
fn data_and_logs_are_private_to_the_user() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    let log = folder.path().join("log");
    let stats = home.join("stats");
    for mode_before in [None, Some(0o755)] {
        if let Some(mode) = mode_before {
            std::fs::set_permissions(&stats, std::fs::Permissions::from_mode(mode)).unwrap();
        }
        let config = folder.path().join("config");
        let mut command = Command::new("env");
        // `Client::start` sets a configuration that keeps no counts.
        command.arg(format!("XDG_CONFIG_HOME={}", config.display())).args([BINARY, "--log"]);
        command.arg(&log).arg("serve").env("FORETELL_HOME", &home);
        let mut client = Client::start(&mut command);
        client.initialize(
            json!({"processId": null, "capabilities": {}, "clientInfo": {"name": "test"}}),
        );
        let mut typist = Typist::open(client, "file:///a.rs", "let x = ˇ");
        typist.ask_and_see();
        typist.client.end();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&home), mode(&stats)), (0o700, 0o700));
        assert_eq!(mode(&log), 0o600);
    }
}

#[test]
fn terminal_output_has_no_escapes() {
    let folder = tempfile::tempdir().unwrap();
    let name = "\x1b]0;owned\x07\u{202e}.rs";
    let path = folder.path().join(name);
    let complete = |place: &str| {
        let output = Command::new(BINARY).args(["complete", place]).output().unwrap();
        let printed = [output.stdout, output.stderr].concat();
        assert!(!printed.is_empty());
        let printed = String::from_utf8(printed).unwrap();
        let steers = |c: char| (c.is_control() && c != '\n' && c != '\t') || c == '\u{202e}';
        assert!(!printed.contains(steers), "{printed:?}");
        printed
    };
    let missing = complete(&format!("{}:1", path.display()));
    assert!(missing.contains("No such file"), "{missing}");
    let invalid = complete(&format!("{}:x", path.display()));
    assert!(invalid.contains("expected FILE:LINE or FILE:LINE:COL"), "{invalid}");
    // The model repeats the line above, including its escapes.
    let line = "print(\"\x1b[31mred\x1b[0m\")\n";
    std::fs::write(&path, format!("{}print(\"\x1b[31m\n", line.repeat(6))).unwrap();
    complete(&format!("{}:7", path.display()));
}

//! What the whole program reads, opens, writes and prints, seen from outside. Needs `make model`
//! and, on Linux, strace.

use std::{fs::File, io::Write, os::unix::fs::PermissionsExt, path::Path, process::Command};

use foretell_test_support::editor_sim::{Seen, Typist};
use foretell_test_support::lsp_client::Client;
use serde_json::json;

const BINARY: &str = env!("CARGO_BIN_EXE_foretell");
const SECRET: &str = "hunter2_of_the_user";

/// A workspace with a file that is open, and others that nobody has opened.
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
        "processId": null, "rootUri": uri, "workspaceFolders": [{"uri": uri, "name": "w"}],
        "capabilities": {"general": {"positionEncodings": ["utf-8"]}},
        "initializationOptions": {"status": true},
    }));
    client.wait_until_ready();
}

/// A server's whole life as the system saw it.
#[cfg(target_os = "linux")]
struct Traced {
    folder: tempfile::TempDir,
    config: std::path::PathBuf,
    log: String,
    lines: Vec<String>,
}

#[cfg(target_os = "linux")]
impl Traced {
    /// Traces a session, in which all is done that an editor does. With `keeps`, the server keeps
    /// its counts and writes its log into a file.
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
        // A message that can't be understood, with the text where another thing should be.
        let unfit =
            json!({"textDocument": {"uri": uri, "version": SECRET}, "contentChanges": SECRET});
        typist.client.notify("textDocument/didChange", unfit);
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
        let is_one = |line: &&str| {
            let call = line.trim_start_matches(|c: char| c.is_ascii_digit()).trim_start();
            names.iter().any(|name| call.starts_with(name))
        };
        self.lines.iter().map(String::as_str).filter(is_one).collect()
    }

    /// The calls that open a file that is there to read, or with `to_write` to write, and its path.
    fn opened(&self, to_write: bool) -> Vec<(&str, &str)> {
        let is_meant = |line: &&str| {
            let flags = ["O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC", "O_APPEND", "O_TMPFILE"];
            let writes = flags.iter().any(|flag| line.contains(flag));
            writes == to_write && !line.contains("ENOENT")
        };
        let opened = self.calls(&["open"]).into_iter().filter(is_meant);
        opened.filter_map(|line| Some((line, line.split('"').nth(1)?))).collect()
    }
}

/// The whole life of a server: what it opens, what it writes, where it connects, what it logs.
#[test]
#[cfg(target_os = "linux")]
fn it_opens_no_socket_and_neither_reads_nor_writes_what_is_not_its_own() {
    let has_strace = Command::new("strace").arg("-V").output().is_ok_and(|it| it.status.success());
    if !has_strace {
        // Past the harness, which keeps what a test prints to itself.
        let skipped = "SKIPPED: what the server opens was not looked at: there is no strace here \
            (`apt install strace`, `dnf install strace`)";
        writeln!(std::io::stderr(), "{skipped}").unwrap();
        return;
    }
    for keeps in [false, true] {
        let traced = Traced::session(keeps);
        let log = &traced.log;
        assert!(log.contains("nothing: excluded") && !log.contains(SECRET), "{log}");
        assert!(log.contains("shown: ") && !log.contains("PASSWORD"), "{log}");

        // A pair within the process is how it hears of signals.
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
        // It starts itself once more, to be silent, and nothing else.
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
        let of_the_system = ["/lib", "/usr/lib", "/etc/ld.so", "/proc/", "/sys/", "/dev/"];
        let own = [
            &home,
            &data,
            &traced.config,
            &traced.folder.path().join("config"),
            Path::new(BINARY).parent().unwrap(),
        ];
        let mut read = traced.opened(false);
        read.retain(|(_, path)| {
            !of_the_system.iter().any(|it| path.starts_with(it))
                && !own.iter().any(|it| Path::new(path).starts_with(it))
        });
        assert!(read.is_empty(), "{read:#?}");
        let evil = traced.lines.iter().any(|line| line.contains("evil"));
        assert!(!evil && traced.lines.iter().any(|it| it.contains("model.onnx")));
    }
}

/// The runtime's library is from somebody else and tells them what it does, unless it is told not
/// to before it is loaded.
#[test]
fn the_library_is_not_loaded_unless_it_is_silent() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(BINARY);
    command.arg("doctor").env_remove("ORT_DISABLE_TELEMETRY").env("HOME", folder.path());
    command
        .env_remove("XDG_CACHE_HOME")
        .env("FORETELL_HOME", foretell_engine::paths::data_folder());
    let output = command.output().unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(told.contains("✓ library"), "{told}");
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
#[ignore = "the test after this one runs it, where the environment does not silence the library"]
fn a_library_that_would_speak() {
    let library = foretell_engine::library::find_library(None).unwrap();
    let error = foretell_engine::onnx::load_library(&library).unwrap_err().to_string();
    assert!(error.contains("would send usage data; it is only loaded if"), "{error}");
}

#[test]
fn a_library_that_would_speak_is_not_loaded() {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--ignored", "--exact", "privacy::a_library_that_would_speak"]);
    let output = command.env_remove("ORT_DISABLE_TELEMETRY").output().unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && told.contains("1 passed"), "{told}");
}

#[test]
fn what_is_kept_is_for_the_user_alone() {
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
        // The client's own settings would keep no counts.
        command.arg(format!("XDG_CONFIG_HOME={}", config.display())).args([BINARY, "--log"]);
        command.arg(&log).arg("serve").env("FORETELL_HOME", &home);
        let mut client = Client::start(&mut command);
        client.initialize(json!({"processId": null, "capabilities": {}}));
        let mut typist = Typist::open(client, "file:///a.rs", "let x = ˇ");
        typist.ask_and_see();
        typist.client.end();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&home), mode(&stats)), (0o700, 0o700));
        assert_eq!(mode(&log), 0o600);
    }
}

#[test]
fn escapes_in_names_and_texts_do_not_reach_the_terminal() {
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
    let unfit = complete(&format!("{}:x", path.display()));
    assert!(unfit.contains("expected FILE:LINE:COL"), "{unfit}");
    // The model goes on with the line above, escapes and all.
    let line = "print(\"\x1b[31mred\x1b[0m\")\n";
    std::fs::write(&path, format!("{}print(\"\x1b[31m\n", line.repeat(6))).unwrap();
    complete(&format!("{}:7", path.display()));
}

//! What the whole program reads, opens, writes and prints, seen from outside. Needs `make model`
//! and, on Linux, strace.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod lsp_client;
mod typist;

use std::{fs::File, io::Write, os::unix::fs::PermissionsExt, path::Path, process::Command};

use lsp_client::Client;
use serde_json::json;
use typist::{Seen, Typist};

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

/// The whole life of a server, traced: what it opens and where it connects.
#[test]
#[cfg(target_os = "linux")]
fn it_opens_no_socket_and_reads_nothing_that_is_not_its_own() {
    let has_strace = Command::new("strace").arg("-V").output().is_ok_and(|it| it.status.success());
    if !has_strace {
        // Past the harness, which keeps what a test prints to itself.
        let skipped = "SKIPPED: what the server opens was not looked at: there is no strace here \
            (`apt install strace`, `dnf install strace`)";
        writeln!(std::io::stderr(), "{skipped}").unwrap();
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (project, trace) = (folder.path().join("project"), folder.path().join("trace"));
    std::fs::create_dir(&project).unwrap();
    workspace(&project);
    let (log, log_path) = (File::create(folder.path().join("log")).unwrap(), "log");
    let mut command = Command::new("strace");
    command
        .args(["-f", "-qq", "-e", "trace=%network,%file,memfd_create", "-o"])
        .arg(&trace)
        .args([BINARY, "serve"])
        .env_remove("ORT_DISABLE_TELEMETRY")
        .env_remove("FORETELL_LOG")
        .env_remove("FORETELL_MODEL")
        .current_dir(&project)
        .stderr(log);
    let mut client = Client::start(&mut command);
    initialize(&mut client, &project);
    let uri = format!("file://{}/main.rs", project.display());
    let text = format!("fn main() {{\n    let {SECRET} = 1;\n    let y = {SECRET}ˇ;\n}}\n");
    let mut typist = Typist::open(client, &uri, &text);
    assert_ne!(typist.ask_and_see().0, Seen::Superseded);
    typist.type_text(" + ");
    typist.ask_and_see();
    // A message that can't be understood, with the text where another thing should be.
    let unfit = json!({"textDocument": {"uri": uri, "version": SECRET}, "contentChanges": SECRET});
    typist.client.notify("textDocument/didChange", unfit);
    let uri = format!("file://{}/.env", project.display());
    let mut excluded = Typist::open(typist.client, &uri, "PASSWORD=ˇ\n");
    assert_eq!(excluded.ask_and_see().0, Seen::Nothing);
    excluded.client.end();

    let log = std::fs::read_to_string(folder.path().join(log_path)).unwrap();
    assert!(log.contains("nothing: excluded") && !log.contains(SECRET), "{log}");
    assert!(!log.contains("PASSWORD"), "{log}");

    let trace = std::fs::read_to_string(&trace).unwrap();
    let calls = |names: &[&str]| -> Vec<&str> {
        let is_one = |line: &str| {
            let call = line.trim_start_matches(|c: char| c.is_ascii_digit()).trim_start();
            names.iter().any(|name| call.starts_with(name))
        };
        trace.lines().filter(|line| is_one(line)).collect()
    };
    let sockets = calls(&["socket(", "connect(", "bind(", "listen(", "sendto(", "accept"]);
    assert!(sockets.is_empty(), "{sockets:#?}");
    // It starts itself once more, to be silent, and nothing else.
    let programs = calls(&["execve("]);
    let is_self = |it: &&str| it.contains(&format!("execve(\"{BINARY}\""));
    assert!(programs.len() == 2 && programs.iter().all(is_self), "{programs:#?}");
    let written = calls(&["mkdir", "unlink", "rename", "link", "symlink", "chmod", "truncate"]);
    assert!(written.is_empty(), "it writes nothing: {written:#?}");

    let data = foretell::bundle::data_folder();
    let of_the_system = ["/lib", "/usr/lib", "/etc/ld.so", "/proc/", "/sys/", "/dev/"];
    let of_the_settings = std::env::temp_dir().join("foretell-test-config");
    let mut read = Vec::new();
    for line in calls(&["open"]) {
        let Some(path) = line.split('"').nth(1) else { continue };
        let is_own = of_the_system.iter().any(|it| path.starts_with(it))
            || Path::new(path).starts_with(&data)
            || Path::new(path).starts_with(&of_the_settings)
            || Path::new(path).starts_with(Path::new(BINARY).parent().unwrap());
        if !is_own && !line.contains("ENOENT") {
            read.push(line);
        }
    }
    assert!(read.is_empty(), "{read:#?}");
    assert!(trace.contains("model.onnx") && !trace.contains("evil"), "the model was read");
}

/// The runtime's library is from somebody else and tells them what it does, unless it is told not
/// to before it is loaded.
#[test]
fn the_library_is_not_loaded_unless_it_is_silent() {
    let folder = tempfile::tempdir().unwrap();
    let doctor = |program: &Path| {
        let mut command = Command::new(program);
        command.arg("doctor").env_remove("ORT_DISABLE_TELEMETRY").env("HOME", folder.path());
        command.env("FORETELL_HOME", foretell::bundle::data_folder());
        let output = command.output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let told = doctor(Path::new(BINARY));
    assert!(told.contains("✓ library"), "{told}");
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
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

//! The walls between the modules, checked in the source text (ARCHITECTURE.md, "Walls").

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::{
    fs,
    path::{Path, PathBuf},
};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace")
}

fn files(folder: &Path, extensions: &[&str]) -> Vec<PathBuf> {
    let skipped = ["target", ".git", ".venv", "node_modules", "__pycache__"];
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && !skipped.contains(&name.as_str()) {
            found.extend(files(&path, extensions));
        } else if path.extension().is_some_and(|it| extensions.iter().any(|e| it == *e)) {
            found.push(path);
        }
    }
    found
}

/// The files of the server that contain any of `words` outside of comments, by their path in
/// `server/src`.
fn sources_with(words: &[&str]) -> Vec<String> {
    let source = root().join("server/src");
    let mut found: Vec<String> = files(&source, &["rs"])
        .into_iter()
        .filter(|path| {
            let text = fs::read_to_string(path).unwrap();
            let mut code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
            let names = |line: &str, word: &str| {
                line.match_indices(word).any(|(i, _)| !line[..i].ends_with(char::is_alphanumeric))
            };
            code.any(|line| words.iter().any(|word| names(line, word)))
        })
        .map(|path| path.strip_prefix(&source).unwrap().to_string_lossy().into_owned())
        .collect();
    found.sort();
    found
}

#[test]
fn protocol_types_stay_in_front_server_and_document() {
    assert_eq!(
        sources_with(&["tower_lsp"]),
        [
            "document.rs",
            "front.rs",
            "server.rs",
            "server/extensions.rs",
            "server/items.rs",
            "server/messages.rs"
        ],
        "only these may name LSP types"
    );
}

#[test]
fn the_runtime_stays_in_one_file() {
    assert_eq!(sources_with(&["ort::", "use ort"]), ["engine/onnx.rs"]);
    assert_eq!(sources_with(&["unsafe "]), [""; 0], "no unsafe code");
}

#[test]
fn one_file_opens_sockets() {
    let opens = ["reqwest", "TcpStream", "UdpSocket", "TcpListener", "UnixStream", "tokio::net"];
    assert_eq!(sources_with(&opens), ["engine/remote/client.rs"]);
}

#[test]
fn the_rules_know_text_and_nothing_else() {
    let below = ["crate::document", "crate::prompt", "crate::engine", "crate::session"];
    let impure = |file: &String| file.starts_with("policy");
    assert_eq!(sources_with(&below).into_iter().find(impure), None, "policy is pure");
    let upward = ["crate::session", "crate::server", "crate::front", "crate::completer"];
    let engine = |file: &String| file.starts_with("engine") || file.starts_with("prompt");
    assert_eq!(sources_with(&upward).into_iter().find(engine), None, "dependencies run one way");
}

#[test]
fn no_file_is_long_and_none_is_called_mod_or_utils() {
    for path in files(root(), &["rs", "py", "ts", "lua"]) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        assert!(
            !["mod.rs", "utils.rs", "utils.py", "utils.ts"].contains(&name.as_str()),
            "{path:?}"
        );
        let n_lines = fs::read_to_string(&path).unwrap().lines().count();
        assert!(n_lines <= 520, "{} has {n_lines} lines: split it", path.display());
    }
}

/// Another crate can switch ropey's other line breaks back on; see `document`.
#[test]
fn ropey_splits_lines_as_lsp_does() {
    assert_eq!(ropey::Rope::from_str("a\u{b}b\u{85}c\u{2028}d\n").len_lines(), 2);
}

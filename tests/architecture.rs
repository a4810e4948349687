//! Checks the architecture: crates and modules depend one way, and a few capabilities are confined
//! to one file (ARCHITECTURE.md, "Crates" and "Invariants").

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    fs,
    path::{Path, PathBuf},
};

use expect_test::expect;

/// The folders of the server's crates, lowest layer first; "" is the binary.
const CRATES: [&str; 10] =
    ["fim", "policy", "edits", "engine", "config", "session", "http", "lsp", "lab", ""];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn files(folder: &Path, extensions: &[&str]) -> Vec<PathBuf> {
    let skipped = ["target", ".git", ".venv", "node_modules", "__pycache__"];
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        // Those are files of other projects.
        let is_foreign = path.ends_with("tests/oracle/files");
        if path.is_dir() && !skipped.contains(&name.as_str()) && !is_foreign {
            found.extend(files(&path, extensions));
        } else if path.extension().is_some_and(|it| extensions.iter().any(|e| it == *e)) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The dependencies of each crate, without dev-dependencies.
fn dependencies() -> BTreeMap<&'static str, BTreeSet<String>> {
    let of = |name: &str| {
        let path = root().join("server").join(name).join("Cargo.toml");
        let manifest: toml::Table = fs::read_to_string(path).unwrap().parse().unwrap();
        manifest["dependencies"].as_table().unwrap().keys().cloned().collect()
    };
    CRATES.into_iter().map(|name| (name, of(name))).collect()
}

/// The source files of the server's crates that use any of `words` outside comments.
fn sources_with(words: &[&str]) -> Vec<String> {
    let folder = root().join("server");
    let is_word = |line: &str, word: &str| {
        line.match_indices(word).any(|(i, _)| !line[..i].ends_with(char::is_alphanumeric))
    };
    let names_one = |path: &PathBuf| {
        let text = fs::read_to_string(path).unwrap();
        let mut code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        code.any(|line| words.iter().any(|word| is_word(line, word)))
    };
    let sources = files(&folder, &["rs"]).into_iter().filter(names_one);
    sources.map(|it| it.strip_prefix(&folder).unwrap().to_string_lossy().into_owned()).collect()
}

#[test]
fn crates_depend_one_way() {
    let mut tree = String::new();
    for (name, dependencies) in dependencies() {
        let ours = dependencies.iter().filter_map(|it| it.strip_prefix("foretell-"));
        let ours: Vec<&str> = ours.collect();
        let name = if name.is_empty() { "foretell" } else { name };
        writeln!(tree, "{name}: {}", ours.join(" ")).unwrap();
    }
    expect![[r#"
        foretell: config engine http lab lsp session
        config: engine policy
        edits: policy
        engine: fim policy
        fim: 
        http: engine fim session
        lab: config edits engine lsp policy session
        lsp: config engine policy session
        policy: fim
        session: config edits engine fim policy
    "#]]
    .assert_eq(&tree);
}

#[test]
fn libraries_stay_in_their_crates() {
    let users = |library: &str| -> Vec<&str> {
        let all = dependencies().into_iter();
        all.filter(|(_, it)| it.contains(library)).map(|(name, _)| name).collect()
    };
    assert_eq!(users("tower-lsp"), ["lsp"], "LSP types");
    assert_eq!(users("ort"), ["engine"], "the runtime");
    assert_eq!(users("reqwest"), ["engine"], "HTTP clients");
    assert_eq!(users("axum"), ["http"], "HTTP servers");
    assert_eq!(users("dashmap"), ["session"], "documents");
    assert_eq!(users("clap"), ["", "lab"], "the command line");
}

#[test]
fn runtime_and_sockets_are_confined() {
    let runtime = ["fixed_graphs.rs", "kv_buffers.rs", "loaded.rs", "runtime.rs"]
        .map(|it| format!("engine/src/onnx/{it}"));
    let runtime = [&runtime[..], &["engine/src/onnx.rs".to_owned()]].concat();
    assert_eq!(sources_with(&["ort::", "use ort"]), runtime);
    assert_eq!(sources_with(&["unsafe "]), [""; 0], "no unsafe code");
    let opens = ["reqwest", "TcpStream", "UdpSocket", "TcpListener", "UnixStream", "tokio::net"];
    let sockets = ["engine/src/remote/client.rs", "http/src/listener.rs"];
    assert_eq!(sources_with(&opens), sockets);
}

/// Edges between modules.
type Graph = BTreeMap<String, BTreeSet<String>>;

/// The modules of the first cycle found.
fn cycle(graph: &Graph) -> Option<Vec<String>> {
    fn visit(graph: &Graph, module: &str, path: &mut Vec<String>) -> Option<Vec<String>> {
        if let Some(start) = path.iter().position(|it| it == module) {
            return Some(path[start..].to_vec());
        }
        path.push(module.to_owned());
        let next = graph.get(module).into_iter().flatten();
        let found = next.filter_map(|it| visit(graph, it, path)).next();
        path.pop();
        found
    }
    graph.keys().find_map(|it| visit(graph, it, &mut Vec::new()))
}

/// The paths that a use tree names: `a::{b, c::d}` names `a::b` and `a::c::d`.
fn use_paths(tree: &str, prefix: &str, found: &mut Vec<String>) {
    let (mut depth, mut start) = (0, 0);
    let mut parts = Vec::new();
    for (i, c) in tree.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&tree[start..i]);
                start = i + 1;
            }
            _ => {}
        }
    }
    parts.push(&tree[start..]);
    for part in parts.into_iter().map(str::trim).filter(|it| !it.is_empty()) {
        match part.split_once('{') {
            Some((head, rest)) => {
                use_paths(rest.trim_end().trim_end_matches('}'), &format!("{prefix}{head}"), found);
            }
            None => found.push(format!("{prefix}{part}")),
        }
    }
}

/// The `crate::` and `super::` paths in a file, without its test module.
fn named_paths(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let text = text.split("#[cfg(test)]").next().unwrap_or_default();
    let code: Vec<&str> = text.lines().filter(|it| !it.trim_start().starts_with("//")).collect();
    let code = code.join("\n");
    for root in ["crate::", "super::"] {
        for (i, _) in code.match_indices(root) {
            let is_use = code[..i].rsplit([';', '\n']).next().unwrap_or_default().contains("use ");
            let end = if is_use {
                code[i..].find(';').map_or(code.len(), |n| i + n)
            } else {
                let is_path = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
                code[i..].find(|c| !is_path(c)).map_or(code.len(), |n| i + n)
            };
            use_paths(&code[i..end], "", &mut found);
        }
    }
    found
}

/// The dependencies between sibling modules in a crate's `src`.
fn sibling_modules(source: &Path) -> Graph {
    let mut graph = Graph::new();
    for file in files(source, &["rs"]) {
        let relative = file.strip_prefix(source).unwrap().with_extension("");
        let module: Vec<String> =
            relative.iter().map(|it| it.to_string_lossy().into_owned()).collect();
        let is_test = module.last().is_some_and(|it| it.ends_with("tests"));
        if is_test || matches!(module[0].as_str(), "lib" | "main") {
            continue;
        }
        for path in named_paths(&fs::read_to_string(&file).unwrap()) {
            let names: Vec<&str> = path.split("::").map(str::trim).collect();
            let n_up = names.iter().filter(|it| **it == "super").count();
            let mut target = match names[0] {
                "super" => module[..module.len().saturating_sub(n_up)].to_vec(),
                _ => Vec::new(),
            };
            let is_name = |it: &&&str| !matches!(**it, "super" | "crate");
            target.extend(names.iter().filter(is_name).map(|it| (*it).to_owned()));
            let common = module.iter().zip(&target).take_while(|(a, b)| a == b).count();
            if common >= module.len() || common >= target.len() {
                continue;
            }
            let is_module = |it: &[String]| {
                let path = source.join(it.iter().collect::<PathBuf>());
                path.with_extension("rs").exists()
            };
            let (from, to) = (&module[..=common], &target[..=common]);
            if is_module(from) && is_module(to) {
                graph.entry(from.join("::")).or_default().insert(to.join("::"));
            }
        }
    }
    graph
}

#[test]
fn modules_depend_one_way() {
    for name in CRATES {
        let graph = sibling_modules(&root().join("server").join(name).join("src"));
        assert_eq!(cycle(&graph), None, "server/{name}");
    }
}

#[test]
fn module_cycle_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("a.rs", "use crate::{\n    b::{self, X},\n};\n");
    write("b.rs", "use super::c::Y;\n");
    write("c.rs", "fn f() {}\n");
    assert_eq!(cycle(&sibling_modules(folder.path())), None);
    write("c.rs", "fn f() { crate::a::g() }\n");
    assert_eq!(cycle(&sibling_modules(folder.path())).map(|it| it.len()), Some(3));
    write("c.rs", "// crate::a\n#[cfg(test)]\nmod tests { use crate::a; }\n");
    assert_eq!(cycle(&sibling_modules(folder.path())), None, "tests may name anything");
}

#[test]
fn files_are_short_and_well_named() {
    for path in files(root(), &["rs", "py", "ts", "lua"]) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let is_vague = ["mod.rs", "utils.rs", "utils.py", "utils.ts"].contains(&name.as_str());
        assert!(!is_vague, "{}", path.display());
        let n_lines = fs::read_to_string(&path).unwrap().lines().count();
        assert!(n_lines <= 520, "{} has {n_lines} lines: split it", path.display());
    }
}

/// Cargo unifies features, so another crate could enable ropey's Unicode line breaks; see
/// `document`.
#[test]
fn ropey_splits_lines_as_lsp_does() {
    assert_eq!(ropey::Rope::from_str("a\u{b}b\u{85}c\u{2028}d\n").len_lines(), 2);
}

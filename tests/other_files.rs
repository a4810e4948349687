//! Which other files enter the prompt, over a pipe with a scripted model.

use std::{fs, path::Path, sync::Mutex};

use foretell_config::{Config, prompt::OtherFiles};
use foretell_engine::{
    bundle::Fim,
    scripted::{Controls, Script},
};
use foretell_session::{completer::Completer, prompt::Prompter};
use foretell_test_support::lsp_client::Client;
use foretell_test_support::scripted_server::{is_status, on_request_config, serve_with};
use serde_json::json;

const SHAPE: &str = "struct Shape {\n    width: u32,\n}\n";

/// A client with `folder` as its workspace, and the controls of its server's model.
fn connect_in(other_files: OtherFiles, folder: &Path) -> (Client, Controls) {
    let script = Script::new("let it = Shape { width };\n").unwrap();
    let controls = script.controls();
    let script = Mutex::new(Some(script));
    let load = move |config: &Config| {
        let script = script.lock().unwrap().take().expect("the model is loaded once");
        let window = config.prompt;
        Completer::start_with(move || {
            // A family trained with several files; the choice of separator token is arbitrary.
            let fim = script.fim();
            let fim = Fim { family: "qwen2.5-coder".into(), file_sep: Some(fim.prefix), ..fim };
            let prompter = Prompter::new(script.vocabulary(), Some(fim), window);
            Ok((script.into_decoder(), prompter))
        })
    };
    let mut config = on_request_config();
    config.prompt.other_files = other_files;
    let (mut client, _session) = serve_with(Box::new(load), &config);
    client.initialize(json!({
        "processId": null, "rootUri": uri(folder, ""), "capabilities": {},
        "initializationOptions": {"status": true},
    }));
    client.wait_for(|it| is_status(it, "ready")).expect("the model loads");
    (client, controls)
}

fn uri(folder: &Path, name: &str) -> String {
    format!("file://{}/{name}", folder.display())
}

fn open(client: &mut Client, uri: &str, text: &str) {
    let document = json!({"uri": uri, "languageId": "rust", "version": 1, "text": text});
    client.notify("textDocument/didOpen", json!({"textDocument": document}));
}

/// How many tokens the model prefills when a document gets the focus.
fn n_tokens_read(mut client: Client, controls: &Controls, own: &str) -> usize {
    open(&mut client, own, "let it = Shape \n");
    client.notify("textDocument/didFocus", json!({"textDocument": {"uri": own}}));
    controls.wait_until_reads(1);
    controls.reads()[0].n_tokens
}

/// The tokens prefilled for `own.rs` while the document `name` is open too.
fn beside_document(name: Option<&str>) -> usize {
    let folder = Path::new("/nowhere");
    let (mut client, controls) = connect_in(OtherFiles::Open, folder);
    if let Some(name) = name {
        let uri = uri(folder, name);
        open(&mut client, &uri, SHAPE);
        // Recently edited places are likely to be included.
        let at = json!({"line": 1, "character": 0});
        let change = json!([{"range": {"start": at, "end": at}, "text": "    height: u32,\n"}]);
        let document = json!({"uri": uri, "version": 2});
        let params = json!({"textDocument": document, "contentChanges": change});
        client.notify("textDocument/didChange", params);
    }
    n_tokens_read(client, &controls, &uri(folder, "own.rs"))
}

#[test]
fn excluded_open_file_is_not_in_the_prompt() {
    let alone = beside_document(None);
    assert_eq!(beside_document(Some(".env")), alone, "`.env` is excluded");
    assert!(beside_document(Some("shape.rs")) > alone);
}

/// The same while a document is open whose file is a link to `to`.
#[cfg(unix)]
fn beside_link(to: &str) -> usize {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(to), SHAPE).unwrap();
    std::os::unix::fs::symlink(to, folder.path().join("shape.rs")).unwrap();
    let (mut client, controls) = connect_in(OtherFiles::Open, folder.path());
    open(&mut client, &uri(folder.path(), "shape.rs"), SHAPE);
    n_tokens_read(client, &controls, "file:///nowhere/own.rs")
}

#[test]
#[cfg(unix)]
fn link_to_an_excluded_file_is_excluded() {
    let alone = beside_document(None);
    assert_eq!(beside_link("id_rsa"), alone);
    assert!(beside_link("real.rs") > alone);
}

/// The same with a file in the workspace that is closed, or open with the text `opened`.
fn beside_file(other_files: OtherFiles, name: &str, opened: Option<&str>) -> usize {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(name), SHAPE).unwrap();
    let (mut client, controls) = connect_in(other_files, folder.path());
    if let Some(text) = opened {
        open(&mut client, &uri(folder.path(), name), text);
    }
    n_tokens_read(client, &controls, &uri(folder.path(), "own.rs"))
}

#[test]
fn workspace_files_need_the_setting() {
    let alone = beside_document(None);
    assert_eq!(beside_file(OtherFiles::Open, "shape.rs", None), alone, "open files only");
    assert!(beside_file(OtherFiles::Workspace, "shape.rs", None) > alone);
    assert_eq!(
        beside_file(OtherFiles::Workspace, "secrets.rs", None),
        alone,
        "the name is excluded"
    );
    let edited = "struct Other;\n";
    let shown = beside_file(OtherFiles::Workspace, "shape.rs", Some(edited));
    assert_eq!(shown, alone, "the editor's text replaces the file's");
}

#[test]
fn remote_document_has_no_workspace_files() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("shape.rs"), SHAPE).unwrap();
    let (client, controls) = connect_in(OtherFiles::Workspace, folder.path());
    let elsewhere = uri(folder.path(), "own.rs").replace("file://", "vscode-remote://host");
    assert_eq!(n_tokens_read(client, &controls, &elsewhere), beside_document(None));
}

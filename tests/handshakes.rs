//! Recorded handshakes of editors. Over a pipe, with a scripted model.

use expect_test::expect;
use foretell_session::session::Session;
use foretell_test_support::{
    editor_sim::{Seen, Typist},
    scripted_server::on_request_config,
};
use serde_json::Value;

use crate::clients::start;

#[test]
fn recorded_handshakes_work() {
    let mut trace = String::new();
    for name in [
        "coc.nvim-2026-08",
        "copilot.el-0.9.0",
        "eglot-1.17.30",
        "helix-25.07.1",
        "lsp-mode-2026-07",
        "nvim-0.11.4",
        "nvim-0.12-dev",
        "vscode-1.139.1",
    ] {
        let path =
            format!("{}/../tests/clients/initialize.{name}.json", env!("CARGO_MANIFEST_DIR"));
        let recorded: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let params = recorded.get("params").unwrap_or(&recorded).clone();
        let (mut client, _, session) = start(&on_request_config());
        let result = client.initialize(params);
        let capabilities = &result["capabilities"];
        let in_menu = capabilities.get("completionProvider").is_some();
        let encoding = &capabilities["positionEncoding"];
        trace.push_str(&format!("{name:<16} {encoding} in the menu: {in_menu}\n"));
        assert!(session.keeps_counts(), "{name} is an editor");
        wait_until_loaded(&session);
        let mut typist = Typist::open(client, "file:///a.rs", "fn main() {\n    priˇ\n}\n");
        assert_eq!(typist.ask_and_see().0, Seen::Grey("ntln!(\"hello\");".into()), "{name}");
        assert!(typist.client.end().is_none());
    }
    expect![[r#"
        coc.nvim-2026-08 "utf-16" in the menu: false
        copilot.el-0.9.0 "utf-16" in the menu: false
        eglot-1.17.30    "utf-8" in the menu: true
        helix-25.07.1    "utf-8" in the menu: true
        lsp-mode-2026-07 "utf-8" in the menu: false
        nvim-0.11.4      "utf-8" in the menu: true
        nvim-0.12-dev    "utf-8" in the menu: false
        vscode-1.139.1   "utf-16" in the menu: false
    "#]]
    .assert_eq(&trace);
}

/// Waits for the model, for clients that do not ask for `foretell/status`.
fn wait_until_loaded(session: &Session) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(session.loaded());
}

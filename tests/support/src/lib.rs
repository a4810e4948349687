//! What several test targets share: a language client, a server with a scripted model, an editor
//! that checks what it is sent, and an HTTP server under a test's control.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

pub mod editor_sim;
pub mod http_server;
pub mod lsp_client;
pub mod scripted_server;

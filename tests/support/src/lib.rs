//! Shared by several test targets: a language client, a server with a scripted model, an editor
//! simulation that checks the answers, and an HTTP server controlled by the test.

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

//! libFuzzer at one of the targets, which FUZZ_TARGET names. `run.sh` builds and starts it.

#![no_main]

#[path = "../lsp_client.rs"]
mod lsp_client;
#[path = "../scripted_server.rs"]
mod scripted_server;
mod targets;

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use targets::{TARGETS, Target};

static TARGET: LazyLock<Option<Target>> = LazyLock::new(|| {
    let wanted = std::env::var("FUZZ_TARGET").ok()?;
    TARGETS.iter().find(|(name, _)| *name == wanted).map(|(_, target)| *target)
});

fuzz_target!(|bytes: &[u8]| {
    match *TARGET {
        Some(target) => target(bytes),
        None => std::process::exit(2),
    }
});

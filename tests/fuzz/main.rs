//! libFuzzer at one of the targets, which FUZZ_TARGET names. `run.sh` builds and starts it.

#![no_main]

#[path = "../lsp_client.rs"]
mod lsp_client;
#[path = "../scripted_server.rs"]
mod scripted_server;
mod targets;

use std::{
    panic::{AssertUnwindSafe, catch_unwind, take_hook},
    sync::LazyLock,
};

use libfuzzer_sys::fuzz_target;
use targets::{TARGETS, Target};

static TARGET: LazyLock<Option<Target>> = LazyLock::new(|| {
    let wanted = std::env::var("FUZZ_TARGET").ok()?;
    TARGETS.iter().find(|(name, _)| *name == wanted).map(|(_, target)| *target)
});

fuzz_target!(
    // libFuzzer's hook ends the process at each panic, those that are caught and dealt with included.
    init: drop(take_hook()),
    |bytes: &[u8]| {
        let Some(target) = *TARGET else { std::process::exit(2) };
        if catch_unwind(AssertUnwindSafe(|| target(bytes))).is_err() {
            std::process::abort();
        }
    }
);

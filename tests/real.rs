//! Tests with the real model: the engine alone and the whole program. Needs `make model`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking"
)]

mod engine_real;
#[cfg(unix)]
mod fixed_graphs;
mod judge_real;
mod real_model;
#[cfg(target_os = "linux")]
mod webgpu;

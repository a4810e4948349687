//! The tests of the whole program in one binary, since linking takes longer than most of them.
//!
//! Only tests that measure their own process (`cancel_storm`), run the real model (`real`) or run
//! for a set time (`fuzz`) have separate binaries.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking"
)]

mod architecture;
mod cli_fuzz;
mod clients;
mod command;
mod command_line;
mod compatibility;
mod doctor_and_models;
mod eval;
mod faults;
mod focus;
mod handshakes;
mod hostile_input;
mod http;
mod lenient_input;
mod next_edit;
mod notebooks;
mod other_files;
mod privacy;
mod protocol;
mod random_sessions;
mod reasons;
mod remote;
mod setup;

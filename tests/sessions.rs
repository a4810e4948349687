//! Interactive-style sessions with the real program and the real model, whose output is for people:
//! `make bench`, `make soak` and `make focus` run them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking"
)]

mod focus_session;
mod next_edit_times;
mod paced_session;
mod soak;
mod syntax_times;
mod typed_session;

use std::{error::Error, process::ExitCode};

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((session, arguments)) = arguments.split_first() else {
        return Err(
            "usage: sessions focus|next-edit|paced|soak|syntax-times|typed ARGUMENT...".into()
        );
    };
    match session.as_str() {
        "focus" => focus_session::run(arguments),
        "next-edit" => next_edit_times::run(arguments),
        "paced" => paced_session::run(arguments),
        "soak" => soak::run(arguments),
        "syntax-times" => syntax_times::run(arguments),
        "typed" => typed_session::run(arguments),
        other => {
            let known = "focus, next-edit, paced, soak, syntax-times or typed";
            Err(format!("unknown session {other:?}: use {known}").into())
        }
    }
}

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
mod paced_offers;
mod paced_session;
mod soak;
mod syntax_times;
mod typed_session;

use std::{error::Error, process::ExitCode};

use foretell_session::stats::quantile;

/// The median and the 95th percentile of times, and their number.
fn median_and_p95(ms: &[f64]) -> String {
    match (quantile(ms, 0.5), quantile(ms, 0.95)) {
        (Some(p50), Some(p95)) => {
            format!("{p50:.0} ms (median), {p95:.0} ms (p95) of {} times", ms.len())
        }
        _ => "never".to_owned(),
    }
}

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

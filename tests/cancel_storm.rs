//! 100,000 edits with a request each, as quick as the pipe takes them, while the model works.
//! `FORETELL_EDITS` is another number.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod lsp_client;
mod scripted_server;
mod typist;

use std::time::Instant;

use scripted_server::{connect, initialize};
use typist::{Seen, Typist};

/// The memory of this process, in kilobytes.
fn resident_kb() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let n_pages: usize = statm.split(' ').nth(1).unwrap().parse().unwrap();
    n_pages * 4
}

#[test]
#[cfg(target_os = "linux")]
fn the_last_of_100_000_requests_is_answered_right() {
    let n_edits = std::env::var("FORETELL_EDITS").map_or(100_000, |n| n.parse().unwrap());
    let (mut client, controls) = connect("let x = compute(1);\n");
    initialize(&mut client);
    let mut typist = Typist::open(client, "file:///a.rs", "let x = ˇ\n");
    let started = Instant::now();
    let mut kb = Vec::new();
    let mut running = std::collections::VecDeque::new();
    for i in 0..n_edits {
        if i % 2 == 0 {
            typist.type_text("#");
        } else {
            typist.replace(1, "");
        }
        running.push_back(typist.ask());
        // As many are on their way as an impatient client has; what it has read, it forgets.
        if running.len() > 100 {
            typist.client.answer(running.pop_front().unwrap());
        }
        if i % (n_edits / 10) == 0 {
            kb.push(resident_kb());
        }
    }
    let asked = Instant::now();
    let last = running.pop_back().unwrap();
    let n_reads = controls.reads().len();
    assert_eq!(typist.see(last), Seen::Grey("compute(1);".into()));
    let last_ms = asked.elapsed().as_secs_f64() * 1e3;
    for id in running {
        typist.client.answer(id);
    }
    kb.push(resident_kb());
    println!(
        "{n_edits} edits and requests in {:.1} s, {n_reads} reads of the model; the last answer \
         after {last_ms:.1} ms; resident kB: {kb:?}",
        started.elapsed().as_secs_f64(),
    );
    // A leak of a request's ticket, a message or a snapshot is more than 100 bytes each; the list of
    // the model's reads is the test's own.
    let (early, late) = (kb[2], kb[kb.len() - 1]);
    let own_kb = controls.reads().len() * size_of::<foretell::engine::scripted::Read>() * 2 / 1000;
    assert!(late < early + 2_000 + own_kb, "{kb:?}, of which {own_kb} kB are the test's");
}

//! 100,000 edits with a request after each, as fast as the pipe accepts them, while the model runs.
//! `FORETELL_EDITS` overrides the number.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::time::Instant;

/// The most model reads for the last request: the prefill, one decode step per token, and the read
/// that the request cancels.
const MAX_READS_OF_LAST: usize = 24;

use foretell_test_support::editor_sim::{Seen, Typist};
use foretell_test_support::scripted_server::{connect, initialize};

/// The resident memory of this process.
fn resident_kb() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// A word that is in no cache: the digits of `n` as letters.
fn word(n: usize) -> String {
    n.to_string().bytes().map(|digit| char::from(digit + b'a' - b'0')).collect()
}

#[test]
#[cfg(target_os = "linux")]
fn last_of_100_000_requests_is_answered() {
    let n_edits = std::env::var("FORETELL_EDITS").map_or(100_000, |n| n.parse().unwrap());
    let (mut client, controls) = connect("let x = compute(1);\n");
    initialize(&mut client);
    let mut typist = Typist::open(client, "file:///a.rs", "let x = ˇ\n");
    let started = Instant::now();
    let (mut kb, mut n_typed) = (Vec::new(), 0);
    let mut running = std::collections::VecDeque::new();
    for i in 0..n_edits {
        let text = word(i);
        typist.replace(n_typed, &text);
        n_typed = text.len();
        running.push_back(typist.ask());
        // Now and then a request arrives in the middle of a read and has to cancel it.
        match i % 1000 {
            0 => controls.hold(),
            10 => controls.wait_until_held(),
            20 => controls.release(),
            _ => {}
        }
        // Up to 100 requests are in flight, as with an impatient client.
        if running.len() > 100 && i % 1000 > 20 {
            typist.client.answer(running.pop_front().unwrap());
        }
        if i % (n_edits / 10) == 0 {
            kb.push(resident_kb());
        }
    }
    // A new position, so no earlier suggestion can be reused.
    typist.type_text("\nlet x = ");
    let n_reads = controls.reads().len();
    let asked = Instant::now();
    let last = typist.ask();
    assert_eq!(typist.see(last), Seen::Grey("compute(1);".into()));
    let last_ms = asked.elapsed().as_secs_f64() * 1e3;
    let n_late = controls.reads().len() - n_reads;
    for id in running {
        typist.client.answer(id);
    }
    kb.push(resident_kb());
    println!(
        "{n_edits} edits and requests in {:.1} s, {n_reads} model reads; the last answer took \
         {last_ms:.1} ms and {n_late} reads; resident kB: {kb:?}",
        started.elapsed().as_secs_f64(),
    );
    // The engine starts none of the superseded requests.
    assert!(n_late <= MAX_READS_OF_LAST, "{n_late} reads for the last answer");
    // A second answer to any request would still be in the client's queue.
    let barrier = typist.ask();
    typist.client.answer(barrier);
    let doubled: Vec<_> = typist
        .client
        .kept()
        .iter()
        .filter(|it| it["id"].is_i64() && it["method"].is_null())
        .collect();
    assert!(doubled.is_empty(), "{doubled:?}");
    // Leaking a request's ticket, a message or a snapshot costs more than 100 bytes per edit; a
    // third of that may be fragmentation, since client and server share this process (`real_model`
    // measures the server alone). The list of model reads belongs to the test.
    let (early, late) = (kb[2], kb[kb.len() - 1]);
    let own_kb = controls.reads().len() * size_of::<foretell_engine::scripted::Read>() * 2 / 1000;
    let leak_kb = (n_edits * 4 / 5 * 100 / 1000).max(3_000);
    assert!(late < early + leak_kb * 3 / 4 + own_kb, "{kb:?}, of which {own_kb} kB is the test's");
}

//! Measures how soon the engine is free after a cancel, and the CPU time it uses while idle.

use std::{io::Write, thread, time::Duration};

use fastrand::Rng;
use foretell_engine::{Engine, Progress, Prompt, Request, decoder::PREFILL_CHUNK};
use foretell_policy::{CursorContext, Policy};

use super::{decode::wait, machine, median, report::Report};

/// The interrupted work and the request after it.
#[derive(Clone, Copy)]
enum Case {
    /// A decode is interrupted.
    Decode,
    /// A prefill is interrupted, and the next prompt shares nothing with it.
    PrefillThenJump,
    /// A prefill is interrupted, and the next prompt is the same plus one token.
    PrefillThenType,
}

/// Cancels generations at random moments and reports how long the next job waited for the engine.
pub(super) fn run(
    out: &mut Report<impl Write>,
    engine: &Engine,
    ids: &[u32],
    n_cancels: usize,
) -> anyhow::Result<()> {
    let (step_ms, chunk_ms) = step_and_chunk_ms(engine, ids);
    writeln!(
        out,
        "cancels: a decode step takes {step_ms:.1} ms, a prefill chunk of {PREFILL_CHUNK} tokens \
         {chunk_ms:.1} ms"
    )?;
    out.times("Time from a cancel to the start of the next job")?;
    let mut random = Rng::with_seed(1);
    for (case, name) in [
        (Case::Decode, "during decode"),
        (Case::PrefillThenJump, "during prefill, then elsewhere"),
        (Case::PrefillThenType, "during prefill, then typed on"),
    ] {
        let mut waits = Vec::new();
        while waits.len() < n_cancels {
            // From a random token on, so that the prompt shares no prefix with an earlier one.
            let from = 64 + random.usize(..ids.len() / 2);
            let (generation, next, within_ms) = match case {
                Case::Decode => {
                    let known = &ids[..48];
                    let _ = wait(engine.generate(request(known, 1)));
                    (engine.generate(request(known, 200)), &ids[40..44], 4.0 * step_ms)
                }
                Case::PrefillThenJump => {
                    let text = &ids[from..from + 512];
                    (engine.generate(request(text, 1)), &ids[40..44], chunk_ms)
                }
                Case::PrefillThenType => {
                    let text = &ids[from..from + 96];
                    (engine.generate(request(text, 1)), &ids[from..from + 97], chunk_ms)
                }
            };
            let delay_us = random.u64(..=(within_ms * 1e3) as u64);
            thread::sleep(Duration::from_micros(delay_us));
            if generation.progress().finish.is_some() {
                continue;
            }
            drop(generation);
            waits.push(wait(engine.generate(request(next, 1))).figures.queued_ms);
        }
        out.times_of(name, waits)?;
    }
    Ok(())
}

/// The times of a decode step and of a prefill chunk, in milliseconds.
fn step_and_chunk_ms(engine: &Engine, ids: &[u32]) -> (f64, f64) {
    let chunk = |n: usize| {
        let text = &ids[n..n + 4 * PREFILL_CHUNK];
        wait(engine.generate(request(text, 1))).figures.prefill_ms / 4.0
    };
    // A different prompt each time: a repeated one would be generated again without decode steps.
    let step = |from: usize| {
        let figures = wait(engine.generate(request(&ids[from..from + 48], 16))).figures;
        figures.decode_ms / (figures.generated.max(2) - 1) as f64
    };
    let steps: Vec<f64> = (0..5).map(step).collect();
    let chunks: Vec<f64> = [100, 200, 300].into_iter().map(chunk).collect();
    (median(&steps), median(&chunks))
}

fn request(ids: &[u32], max_tokens: usize) -> Request {
    let policy =
        Policy::new(CursorContext { line_before: "    ".into(), ..CursorContext::default() });
    Request::new(Prompt { ids: ids.to_vec(), healed: Vec::new() }, policy, max_tokens)
}

/// Prints the CPU time of an engine that is idle for `watched_s` seconds, after a generation and
/// after a cancel. Prints nothing where the CPU time is unknown.
pub(super) fn idle(
    out: &mut impl Write,
    engine: &Engine,
    ids: &[u32],
    watched_s: u64,
) -> anyhow::Result<()> {
    let generate = |n: usize| -> Progress { wait(engine.generate(request(&ids[..n], 8))) };
    for event in ["a generation", "a cancel"] {
        let _ = generate(32);
        if event == "a cancel" {
            let cancelled = engine.generate(request(&ids[..600], 8));
            thread::sleep(Duration::from_millis(100));
            drop(cancelled);
            // The engine finishes the chunk in progress first; this generation waits for it.
            let _ = generate(32);
        }
        let Some(before) = machine::cpu_s() else {
            return Ok(());
        };
        thread::sleep(Duration::from_secs(watched_s));
        let Some(after) = machine::cpu_s() else { return Ok(()) };
        let used = after - before;
        writeln!(out, "idle after {event}: {used:.2} s of CPU time in {watched_s} s")?;
        out.flush()?;
    }
    Ok(())
}

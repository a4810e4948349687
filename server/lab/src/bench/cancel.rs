//! How soon the engine is free after a cancel, and what it does when it has nothing to do.

use std::{io::Write, thread, time::Duration};

use fastrand::Rng;
use foretell_engine::{Engine, Progress, Prompt, Request, decoder::PREFILL_CHUNK};
use foretell_policy::{CursorContext, Policy};

use super::{decode::finished, machine, median, report::Report};

/// What is going on when the reader goes away, and what it wants next.
#[derive(Clone, Copy)]
enum Case {
    /// Text is being written.
    Decode,
    /// A prompt is being read, and the next one has nothing in common with it.
    PrefillThenJump,
    /// A prompt is being read, and the next one is the same with a token more.
    PrefillThenType,
}

/// Cancels runs at random moments and draws how long the next job waited for the engine.
pub(super) fn run(
    out: &mut Report<impl Write>,
    engine: &Engine,
    ids: &[u32],
    n_cancels: usize,
) -> anyhow::Result<()> {
    let (step_ms, chunk_ms) = rates(engine, ids);
    writeln!(
        out,
        "cancels: a decode step takes {step_ms:.1} ms, a chunk of {PREFILL_CHUNK} {chunk_ms:.1} ms"
    )?;
    out.times("Until the next job is taken, after a cancel")?;
    let mut random = Rng::with_seed(1);
    for (case, name) in [
        (Case::Decode, "while decoding"),
        (Case::PrefillThenJump, "while reading, then elsewhere"),
        (Case::PrefillThenType, "while reading, then typed on"),
    ] {
        let mut waits = Vec::new();
        while waits.len() < n_cancels {
            // Nothing of it was read before.
            let from = 64 + random.usize(..ids.len() / 2);
            let (draft, next, within_ms) = match case {
                Case::Decode => {
                    let known = &ids[..48];
                    let _ = finished(engine.generate(request(known, 1)));
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
            let moment_us = random.usize(..(within_ms * 1e3) as usize) as u64;
            thread::sleep(Duration::from_micros(moment_us));
            if draft.progress().finish.is_some() {
                continue;
            }
            drop(draft);
            waits.push(finished(engine.generate(request(next, 1))).figures.queued_ms);
        }
        out.times_of(name, waits)?;
    }
    Ok(())
}

/// What a decode step and a chunk take, in milliseconds.
fn rates(engine: &Engine, ids: &[u32]) -> (f64, f64) {
    let chunk = |n: usize| {
        let text = &ids[n..n + 4 * PREFILL_CHUNK];
        finished(engine.generate(request(text, 1))).figures.prefill_ms / 4.0
    };
    // Another text each time: what was said before would be said again without a step.
    let step = |from: usize| {
        let figures = finished(engine.generate(request(&ids[from..from + 48], 16))).figures;
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

/// Prints the CPU time that an idle engine takes.
pub(super) fn idle(
    out: &mut impl Write,
    engine: &Engine,
    ids: &[u32],
    watched_s: u64,
) -> anyhow::Result<()> {
    let answer = |n: usize| -> Progress { finished(engine.generate(request(&ids[..n], 8))) };
    for what in ["an answer", "a cancel"] {
        let _ = answer(32);
        if what == "a cancel" {
            let given_up = engine.generate(request(&ids[..600], 8));
            thread::sleep(Duration::from_millis(100));
            drop(given_up);
            // The chunk under way is read to its end, as nobody waits for it.
            let _ = answer(32);
        }
        let Some(before) = machine::cpu_s() else {
            return Ok(());
        };
        thread::sleep(Duration::from_secs(watched_s));
        let used = machine::cpu_s().unwrap_or(f64::NAN) - before;
        writeln!(out, "idle after {what}: {used:.2} s of CPU time in {watched_s} s")?;
        out.flush()?;
    }
    Ok(())
}

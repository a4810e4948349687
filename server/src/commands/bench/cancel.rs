//! How soon the engine is free after a cancel, and what it does when it has nothing to do.

use std::{io::Write, thread, time::Duration};

use foretell::{
    engine::{Engine, Request},
    policy::{Place, Policy},
    prompt::Prompt,
};

use super::{decode::finished, machine, median, quantile};

/// Cancels runs at random moments, half of them while the prompt is read and half of them while
/// text is written, and prints how long the next job waited for the engine.
pub(super) fn run(
    out: &mut impl Write,
    engine: &Engine,
    ids: &[u32],
    n_cancels: usize,
) -> anyhow::Result<()> {
    let policy = Policy::new(Place { line_before: "    ".into(), ..Place::default() });
    let request = |ids: &[u32], max_tokens| {
        let prompt = Prompt { ids: ids.to_vec(), healed: Vec::new() };
        Request::new(prompt, policy.clone(), max_tokens)
    };
    let mut random = Random(1);
    let next = &ids[ids.len() - 4..];
    for is_decode in [false, true] {
        let mut waits = Vec::new();
        for _ in 0..n_cancels.div_ceil(2) {
            let draft = if is_decode {
                // A prompt that was read before, so that it is text that is being written.
                let known = request(&ids[..48], 200);
                let _ = finished(engine.generate(request(&ids[..48], 1)));
                engine.generate(known)
            } else {
                // Nothing of it was read before.
                let from = 1 + random.below(ids.len() / 2);
                engine.generate(request(&ids[from..], 1))
            };
            thread::sleep(Duration::from_micros(30_000 + random.below(500_000) as u64));
            if draft.now().finish.is_some() {
                continue;
            }
            drop(draft);
            waits.push(finished(engine.generate(request(next, 1))).figures.queued_ms);
        }
        writeln!(
            out,
            "{} cancels while {}: the next job is taken after {:.1} ms (median), {:.1} (p99), {:.1} (most)",
            waits.len(),
            if is_decode { "decoding" } else { "reading a prompt" },
            median(&waits),
            quantile(&waits, 0.99),
            quantile(&waits, 1.0),
        )?;
    }
    Ok(())
}

/// Prints the CPU time that an idle engine takes.
pub(super) fn idle(out: &mut impl Write, engine: &Engine, ids: &[u32]) -> anyhow::Result<()> {
    let prompt = Prompt { ids: ids[..32].to_vec(), healed: Vec::new() };
    let _ = finished(engine.generate(Request::new(prompt, Policy::default(), 8)));
    let Some(before) = machine::cpu_s() else {
        return Ok(());
    };
    thread::sleep(Duration::from_secs(10));
    let used = machine::cpu_s().unwrap_or(f64::NAN) - before;
    writeln!(out, "idle after an answer: {used:.2} s of CPU time in 10 s")?;
    Ok(())
}

/// A linear congruential generator (Knuth's MMIX): the same moments in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n.max(1)
    }
}

//! libFuzzer at one of the targets, which FUZZ_TARGET names. `run.sh` builds and starts it.
//!
//! Time is that of the process on the processor, which other work on the machine does not change.

#![no_main]

mod targets;

use std::{
    panic::{AssertUnwindSafe, catch_unwind, set_hook},
    sync::{
        LazyLock, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};

use libfuzzer_sys::fuzz_target;
use rustix::time::{ClockId, clock_gettime};
use targets::{TARGETS, Target};

/// No input may take longer.
const MOST_MS: u64 = 1000;
/// Whoever takes longer does not end.
const ENDLESS_MS: u64 = 10_000;
/// Instead of a start: no input is looked at.
const IDLE: u64 = u64::MAX;

static TARGET: LazyLock<Option<Target>> = LazyLock::new(|| {
    let wanted = std::env::var("FUZZ_TARGET").ok()?;
    TARGETS.iter().find(|(name, _)| *name == wanted).map(|(_, target)| *target)
});
/// What the last panic said.
static LAST_PANIC: Mutex<String> = Mutex::new(String::new());
static STARTED_MS: AtomicU64 = AtomicU64::new(IDLE);
static SLOWEST_MS: AtomicU64 = AtomicU64::new(0);

fn processor_ms() -> u64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec.unsigned_abs() * 1000 + time.tv_nsec.unsigned_abs() / 1_000_000
}

/// How long the input takes; does not come back if it breaks a law.
fn feed(target: Target, bytes: &[u8]) -> u64 {
    let started_ms = processor_ms();
    STARTED_MS.store(started_ms, Relaxed);
    if catch_unwind(AssertUnwindSafe(|| target(bytes))).is_err() {
        eprintln!("{}", LAST_PANIC.lock().map_or_else(|_| String::new(), |it| it.clone()));
        std::process::abort();
    }
    STARTED_MS.store(IDLE, Relaxed);
    processor_ms() - started_ms
}

fn end_the_endless() {
    loop {
        thread::sleep(Duration::from_millis(500));
        if processor_ms().saturating_sub(STARTED_MS.load(Relaxed)) > ENDLESS_MS {
            eprintln!("an input did not end in {ENDLESS_MS} ms of the processor");
            std::process::abort();
        }
    }
}

fuzz_target!(
    init: {
        // libFuzzer's hook ends the process at each panic, those that are dealt with included; of
        // those a library has thousands, and nobody wants to read them.
        set_hook(Box::new(|panic| {
            if let Ok(mut last) = LAST_PANIC.lock() {
                *last = panic.to_string();
            }
        }));
        thread::spawn(end_the_endless);
    },
    |bytes: &[u8]| {
        let Some(target) = *TARGET else { std::process::exit(2) };
        let mut took_ms = feed(target, bytes);
        for _ in 0..3 {
            if took_ms > MOST_MS {
                // Perhaps what is done once was done for it, or the processor was shared.
                took_ms = took_ms.min(feed(target, bytes));
            }
        }
        if SLOWEST_MS.fetch_max(took_ms, Relaxed) < took_ms {
            eprintln!("slowest so far: {took_ms} ms");
        }
        if took_ms > MOST_MS {
            eprintln!("an input took {took_ms} ms of the processor");
            std::process::abort();
        }
    }
);

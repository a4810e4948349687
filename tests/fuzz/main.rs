//! Runs libFuzzer on the target that FUZZ_TARGET names. `run.sh` builds and starts it.
//!
//! Times are CPU time of the process, so other load on the machine has little effect.

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

/// The longest that one input may take.
const MAX_MS: u64 = 1000;
/// When an input counts as hanging.
const HANG_MS: u64 = 10_000;
/// The value of `STARTED_MS` while no input is running.
const IDLE: u64 = u64::MAX;

static TARGET: LazyLock<Option<Target>> = LazyLock::new(|| {
    let wanted = std::env::var("FUZZ_TARGET").ok()?;
    TARGETS.iter().find(|(name, _)| *name == wanted).map(|(_, target)| *target)
});
/// The last panic's message.
static LAST_PANIC: Mutex<String> = Mutex::new(String::new());
static STARTED_MS: AtomicU64 = AtomicU64::new(IDLE);
static SLOWEST_MS: AtomicU64 = AtomicU64::new(0);

fn cpu_ms() -> u64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec.unsigned_abs() * 1000 + time.tv_nsec.unsigned_abs() / 1_000_000
}

/// Runs the target and returns the time it took; aborts if the target panics.
fn feed(target: Target, bytes: &[u8]) -> u64 {
    let started_ms = cpu_ms();
    STARTED_MS.store(started_ms, Relaxed);
    if catch_unwind(AssertUnwindSafe(|| target(bytes))).is_err() {
        eprintln!("{}", LAST_PANIC.lock().map_or_else(|_| String::new(), |it| it.clone()));
        std::process::abort();
    }
    STARTED_MS.store(IDLE, Relaxed);
    cpu_ms() - started_ms
}

fn abort_on_hang() {
    loop {
        thread::sleep(Duration::from_millis(500));
        if cpu_ms().saturating_sub(STARTED_MS.load(Relaxed)) > HANG_MS {
            eprintln!("an input did not end in {HANG_MS} ms of CPU time");
            std::process::abort();
        }
    }
}

fuzz_target!(
    init: {
        // libFuzzer's hook would abort at every panic, even those that a library catches, of which
        // there are thousands.
        set_hook(Box::new(|panic| {
            if let Ok(mut last) = LAST_PANIC.lock() {
                *last = panic.to_string();
            }
        }));
        thread::spawn(abort_on_hang);
    },
    |bytes: &[u8]| {
        let Some(target) = *TARGET else { std::process::exit(2) };
        let mut took_ms = feed(target, bytes);
        for _ in 0..3 {
            if took_ms > MAX_MS {
                // The first run may include one-time initialization.
                took_ms = took_ms.min(feed(target, bytes));
            }
        }
        if SLOWEST_MS.fetch_max(took_ms, Relaxed) < took_ms {
            eprintln!("slowest so far: {took_ms} ms");
        }
        if took_ms > MAX_MS {
            eprintln!("an input took {took_ms} ms of CPU time");
            std::process::abort();
        }
    }
);

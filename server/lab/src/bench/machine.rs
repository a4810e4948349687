//! Measures the machine's memory bandwidth, and reads this process's resource use from `/proc`.
//! Other systems than Linux lack `/proc`; the figures are omitted there.

use std::{hint::black_box, thread, time::Instant};

/// Measures the rate at which `n_threads` read uncached memory, in bytes per second: the best of
/// five passes over 256 MB per thread.
pub(super) fn read_bytes_per_s(n_threads: usize) -> f64 {
    const N_WORDS: usize = 32 << 20;
    let blocks: Vec<Vec<u64>> = (0..n_threads).map(|_| vec![1; N_WORDS]).collect();
    let pass = || {
        let start = Instant::now();
        thread::scope(|scope| {
            for block in &blocks {
                scope.spawn(move || {
                    // Eight independent sums, so that memory is the bottleneck.
                    let mut sums = [0u64; 8];
                    for words in block.chunks_exact(8) {
                        for (sum, word) in sums.iter_mut().zip(words) {
                            *sum = sum.wrapping_add(*word);
                        }
                    }
                    black_box(sums);
                });
            }
        });
        (n_threads * N_WORDS * 8) as f64 / start.elapsed().as_secs_f64()
    };
    (0..5).map(|_| pass()).fold(0.0, f64::max)
}

/// The processor's model name.
pub(super) fn processor() -> Option<String> {
    let cpus = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = cpus.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// The resident memory of this process in bytes, including mapped files.
pub(super) fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? * 1024)
}

/// The CPU time of this process in seconds (fields 14 and 15 of `/proc/self/stat`, in
/// ticks of 10 ms; see `proc_pid_stat(5)`).
pub(super) fn cpu_s() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The second field is the name in parentheses, which may contain spaces and parentheses.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |i: usize| fields.get(i)?.parse::<f64>().ok();
    Some((ticks(11)? + ticks(12)?) / 100.0)
}

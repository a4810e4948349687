//! What the machine can do and what a process takes of it. Linux tells in `/proc`; where there is
//! none, the figures are left out.

use std::{hint::black_box, thread, time::Instant};

/// The rate at which `n_threads` read memory that is in no cache, in bytes a second: the best of a
/// few passes over 256 MB a thread.
pub(super) fn read_bytes_per_s(n_threads: usize) -> f64 {
    const N_WORDS: usize = 32 << 20;
    let blocks: Vec<Vec<u64>> = (0..n_threads).map(|_| vec![1; N_WORDS]).collect();
    let pass = || {
        let start = Instant::now();
        thread::scope(|scope| {
            for block in &blocks {
                scope.spawn(move || {
                    // Eight sums at once, so that memory is what limits it.
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

/// The processor's own name.
pub(super) fn processor() -> Option<String> {
    let cpus = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = cpus.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// The memory of this process that is resident and its own or a file's, in bytes.
pub(super) fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? * 1024)
}

/// The CPU time that this process has used, in seconds (fields 14 and 15 of `/proc/self/stat`, in
/// ticks of 10 ms; see `proc_pid_stat(5)`).
pub(super) fn cpu_s() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The second field is the name in brackets, which may hold anything.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |i: usize| fields.get(i)?.parse::<f64>().ok();
    Some((ticks(11)? + ticks(12)?) / 100.0)
}

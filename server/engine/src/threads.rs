//! The default number of compute threads.

use std::{collections::BTreeSet, fs, path::Path};

/// More threads than this wait for memory, and for each other.
const MAX_THREADS: usize = 8;

/// A core slower than this share of the fastest one makes the others wait.
const MIN_SHARE: f64 = 0.75;

/// The number of fast physical cores available to this process, at most eight. Two threads of a
/// core share its units, and each step waits for its slowest thread.
#[must_use]
pub fn default_n_threads() -> usize {
    let n_allowed = std::thread::available_parallelism().map_or(1, usize::from);
    n_fast_cores().unwrap_or(n_allowed).clamp(1, n_allowed).min(MAX_THREADS)
}

#[cfg(target_os = "macos")]
fn n_fast_cores() -> Option<usize> {
    // Level 0 is the fastest; an Intel Mac has no levels.
    ["hw.perflevel0.physicalcpu", "hw.physicalcpu"].into_iter().find_map(|name| {
        let output = std::process::Command::new("sysctl").args(["-n", name]).output().ok()?;
        String::from_utf8(output.stdout).ok()?.trim().parse().ok().filter(|n| *n > 0)
    })
}

#[cfg(not(target_os = "macos"))]
fn n_fast_cores() -> Option<usize> {
    linux_fast_cores(Path::new("/sys/devices/system/cpu"))
}

/// The cores in a folder like Linux's `/sys/devices/system/cpu` that are about as fast as the
/// fastest. `None` if it lists no cores, as on other systems.
#[cfg_attr(target_os = "macos", allow(dead_code))]
fn linux_fast_cores(folder: &Path) -> Option<usize> {
    let read = |path: &Path| Some(fs::read_to_string(path).ok()?.trim().to_owned());
    let rate = |cpu: &Path| -> f64 {
        // The kernel's own estimate if there is one (Arm), else the highest frequency.
        ["cpu_capacity", "cpufreq/cpuinfo_max_freq"]
            .iter()
            .find_map(|name| read(&cpu.join(name))?.parse().ok())
            .unwrap_or(1.0)
    };
    // A processor that is offline has no topology.
    let cores: Vec<(String, f64)> = fs::read_dir(folder)
        .ok()?
        .filter_map(|entry| {
            let cpu = entry.ok()?.path();
            let siblings = read(&cpu.join("topology/thread_siblings_list"))?;
            Some((siblings, rate(&cpu)))
        })
        .collect();
    let fastest = cores.iter().map(|(_, rate)| *rate).fold(0.0, f64::max);
    let fast: BTreeSet<&String> =
        cores.iter().filter(|(_, r)| *r >= MIN_SHARE * fastest).map(|(core, _)| core).collect();
    (!fast.is_empty()).then_some(fast.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts the fast cores among CPUs given as `(thread siblings, file of the rate, rate)`.
    fn cores(cpus: &[(&str, &str, &str)]) -> Option<usize> {
        let folder = tempfile::tempdir().unwrap();
        for (number, (siblings, rate_file, rate)) in cpus.iter().enumerate() {
            let cpu = folder.path().join(format!("cpu{number}"));
            fs::create_dir_all(cpu.join("topology")).unwrap();
            fs::create_dir_all(cpu.join("cpufreq")).unwrap();
            fs::write(cpu.join("topology/thread_siblings_list"), format!("{siblings}\n")).unwrap();
            fs::write(cpu.join(rate_file), format!("{rate}\n")).unwrap();
        }
        fs::create_dir_all(folder.path().join("cpuidle")).unwrap();
        linux_fast_cores(folder.path())
    }

    const FREQ: &str = "cpufreq/cpuinfo_max_freq";

    #[test]
    fn hyperthreads_count_once() {
        let same = [("0,2", FREQ, "3000000"), ("1,3", FREQ, "3000000")];
        assert_eq!(cores(&[same, same].concat()), Some(2));
    }

    #[test]
    fn slow_cores_are_not_counted() {
        // Two fast cores with two threads each and slightly different rates, and four slow cores.
        let mut laptop = vec![("0-1", FREQ, "5100000"); 2];
        laptop.extend([("2-3", FREQ, "4900000"); 2]);
        laptop.extend(["4", "5", "6", "7"].map(|core| (core, FREQ, "3600000")));
        assert_eq!(cores(&laptop), Some(2));
        let phone = [("0", "cpu_capacity", "1024"), ("1", "cpu_capacity", "448")];
        assert_eq!(cores(&phone), Some(1));
    }

    #[test]
    fn unknown_rates_count_as_equal() {
        assert_eq!(cores(&[("0", "other", "x"), ("1", "other", "x")]), Some(2));
        assert_eq!(cores(&[]), None);
    }

    #[test]
    fn default_thread_count_is_in_range() {
        assert!((1..=MAX_THREADS).contains(&default_n_threads()));
    }
}

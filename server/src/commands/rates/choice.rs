//! Chooses a model that the machine is fast enough for.

use foretell_engine::bundle::DEFAULT_MODEL;

use super::Rates;

/// A better model than the default one.
#[derive(Debug, Clone, Copy)]
struct Better {
    name: &'static str,
    /// How much longer prefill and decode take: about as much as it has more parameters.
    times_slower: f64,
    /// Leaves room for an editor and a compiler.
    min_memory_bytes: u64,
}

/// The larger models of the default one's family, which has 0.49 billion parameters: 3.09 and 1.54
/// billion.
const BETTER: [Better; 2] = [
    Better { name: "qwen2.5-coder-3b-base", times_slower: 6.3, min_memory_bytes: 16_000_000_000 },
    Better { name: "qwen2.5-coder-1.5b", times_slower: 3.1, min_memory_bytes: 12_000_000_000 },
];
// The longest acceptable waits with a better model, in milliseconds, on any provider.
const MAX_FIRST_TEXT_MS: f64 = 1_000.0;
const MAX_LINE_MS: f64 = 600.0;

/// The models that the machine is fast enough for, the best first, by the rates of the default one
/// on the selected provider and by the machine's memory. The last is the default one; it is the only
/// one if the memory is unknown.
pub(crate) fn suitable(rates: Rates, memory_bytes: Option<u64>) -> Vec<&'static str> {
    let is_suitable = |it: &Better| {
        let has_memory = memory_bytes.is_some_and(|bytes| bytes >= it.min_memory_bytes);
        has_memory && is_fast(rates.times_slower(it.times_slower))
    };
    let better = BETTER.iter().filter(|it| is_suitable(it)).map(|it| it.name);
    better.chain([DEFAULT_MODEL]).collect()
}

/// Whether a better model is fast enough at its own rates.
pub(crate) fn is_fast(rates: Rates) -> bool {
    let latency = rates.latency();
    latency.first_text_ms <= MAX_FIRST_TEXT_MS && latency.line_ms <= MAX_LINE_MS
}

/// This machine's memory in bytes; `None` if the system does not report it.
pub(crate) fn memory_bytes() -> Option<u64> {
    if cfg!(target_os = "macos") {
        let output =
            std::process::Command::new("sysctl").args(["-n", "hw.memsize"]).output().ok()?;
        return String::from_utf8(output.stdout).ok()?.trim().parse().ok();
    }
    of_meminfo(&std::fs::read_to_string("/proc/meminfo").ok()?)
}

fn of_meminfo(text: &str) -> Option<u64> {
    let kilobytes = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    kilobytes.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok().map(|it| it * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::model::catalogue;

    #[test]
    fn a_better_model_is_for_a_machine_with_time_and_memory() {
        let rates = |prefill_tokens_per_s, decode_tokens_per_s| Rates {
            load_ms: 1.0,
            prefill_tokens_per_s,
            decode_tokens_per_s,
        };
        let best = |rates: Rates, memory_bytes| suitable(rates, memory_bytes)[0];
        let (laptop, workstation) = (rates(211.0, 30.0), rates(900.0, 90.0));
        let gpu = rates(5_000.0, 200.0);
        assert_eq!(best(laptop, Some(64_000_000_000)), DEFAULT_MODEL);
        assert_eq!(best(workstation, Some(64_000_000_000)), "qwen2.5-coder-1.5b");
        assert_eq!(best(workstation, Some(8_000_000_000)), DEFAULT_MODEL);
        assert_eq!(best(workstation, None), DEFAULT_MODEL);
        assert_eq!(best(rates(900.0, 30.0), Some(64_000_000_000)), DEFAULT_MODEL);
        let all = ["qwen2.5-coder-3b-base", "qwen2.5-coder-1.5b", DEFAULT_MODEL];
        assert_eq!(suitable(gpu, Some(64_000_000_000)), all);
        assert_eq!(suitable(gpu, Some(12_000_000_000)), all[1..]);
    }

    /// A model that is downloaded by a prediction stays only if it is as fast as predicted.
    #[test]
    fn the_same_times_are_measured_afterwards() {
        let rates = Rates { load_ms: 1.0, prefill_tokens_per_s: 900.0, decode_tokens_per_s: 90.0 };
        assert!(is_fast(rates.times_slower(3.1)) && !is_fast(rates.times_slower(6.3)));
    }

    #[test]
    fn better_models_are_in_the_catalogue() {
        let entries = catalogue::entries().unwrap();
        assert!(BETTER.iter().all(|it| entries.contains_key(it.name)));
        assert!(BETTER.iter().any(|it| entries[it.name].is_free()));
    }

    #[test]
    fn the_memory_is_what_the_system_says() {
        assert_eq!(of_meminfo("MemTotal:       1000 kB\nMemFree: 1 kB\n"), Some(1_024_000));
        assert_eq!(of_meminfo("MemTotal: many\n"), None);
        assert!(!cfg!(target_os = "linux") || memory_bytes().is_some_and(|it| it > 100_000_000));
    }
}

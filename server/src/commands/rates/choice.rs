//! Chooses a model that the machine is fast enough for.

use foretell_engine::bundle::DEFAULT_MODEL;

use super::Rates;

/// A better model than the default one. It has about three times the parameters (1.54 and 0.49
/// billion), so prefill and decode take about three times as long.
const BETTER: &str = "qwen2.5-coder-1.5b";
const TIMES_SLOWER: f64 = 3.1;
/// Leaves room for an editor and a compiler.
const BETTER_MIN_MEMORY_BYTES: u64 = 12_000_000_000;
// The longest acceptable waits with the better model, in milliseconds.
const MAX_FIRST_TEXT_MS: f64 = 1_000.0;
const MAX_LINE_MS: f64 = 600.0;

/// Chooses a model by the rates of the default one on this machine, and by the machine's memory.
/// The default model is chosen if the memory is unknown.
pub(crate) fn choose(rates: Rates, memory_bytes: Option<u64>) -> &'static str {
    let latency = rates.latency();
    let is_fast = latency.first_text_ms * TIMES_SLOWER <= MAX_FIRST_TEXT_MS
        && latency.line_ms * TIMES_SLOWER <= MAX_LINE_MS;
    let has_memory = memory_bytes.is_some_and(|it| it >= BETTER_MIN_MEMORY_BYTES);
    if is_fast && has_memory { BETTER } else { DEFAULT_MODEL }
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

    #[test]
    fn a_better_model_is_for_a_machine_with_time_and_memory() {
        let rates = |prefill_tokens_per_s, decode_tokens_per_s| Rates {
            load_ms: 1.0,
            prefill_tokens_per_s,
            decode_tokens_per_s,
        };
        let (laptop, workstation) = (rates(211.0, 30.0), rates(900.0, 90.0));
        assert_eq!(choose(laptop, Some(64_000_000_000)), DEFAULT_MODEL);
        assert_eq!(choose(workstation, Some(64_000_000_000)), BETTER);
        assert_eq!(choose(workstation, Some(8_000_000_000)), DEFAULT_MODEL);
        assert_eq!(choose(workstation, None), DEFAULT_MODEL);
        assert_eq!(choose(rates(900.0, 30.0), Some(64_000_000_000)), DEFAULT_MODEL);
    }

    #[test]
    fn the_memory_is_what_the_system_says() {
        assert_eq!(of_meminfo("MemTotal:       1000 kB\nMemFree: 1 kB\n"), Some(1_024_000));
        assert_eq!(of_meminfo("MemTotal: many\n"), None);
        assert!(!cfg!(target_os = "linux") || memory_bytes().is_some_and(|it| it > 100_000_000));
    }
}

//! Measures the model's speed on this machine, and derives the expected latency and advice on
//! settings.

use std::{
    fmt,
    time::{Duration, Instant},
};

use foretell_config::{Config, Trigger};
use foretell_engine::{
    EngineState, Model,
    bundle::Bundle,
    decoder::PREFILL_CHUNK,
    onnx::{OnnxModel, Options},
};
use serde::Serialize;

/// The time to measure prefill, and again to measure decode.
const MEASURE_TIME: Duration = Duration::from_secs(1);
/// Tokens prefilled before the first suggestion in a new file: ARCHITECTURE.md, "The anchored
/// prompt".
const FIRST_TOKENS: f64 = 160.0;
/// Tokens in a whole prompt.
const WINDOW_TOKENS: f64 = 700.0;
/// Tokens in a line of code.
const LINE_TOKENS: f64 = 10.0;

/// A user who types does not wait longer for a first suggestion, in milliseconds.
const MAX_FIRST_TEXT_MS: f64 = 3_000.0;
/// Users rarely pause for longer, in milliseconds: the time to prefill a whole prompt.
const MAX_WINDOW_MS: f64 = 6_000.0;
/// The longest useful generation, in milliseconds.
const MAX_TEXT_MS: f64 = 8_000.0;

/// The measured speed of a model.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Rates {
    /// The time to load the model and run it once.
    pub(crate) load_ms: f64,
    pub(crate) prefill_tokens_per_s: f64,
    /// Without lookup.
    pub(crate) decode_tokens_per_s: f64,
}

impl Rates {
    /// Loads the model and runs it for about two seconds. Also returns the engine's state
    /// afterwards.
    ///
    /// # Errors
    /// If the model does not load or fails.
    pub(crate) fn measure(
        bundle: &Bundle,
        options: &Options,
    ) -> anyhow::Result<(Self, EngineState)> {
        let start = Instant::now();
        let mut model = OnnxModel::load(bundle, options)?;
        // The first run is not measured: it also determines how to compute the graph.
        model.read(0, 0, &[0; 16], 1)?;
        let load_ms = ms(start.elapsed());
        // Leaves half of a small context for the decode steps.
        let max_tokens = (model.capacity() / 2).min(WINDOW_TOKENS as usize);
        let tokens = vec![0; PREFILL_CHUNK.min(max_tokens)];
        let (mut n_read, start) = (0, Instant::now());
        while n_read == 0 || (n_read + tokens.len() <= max_tokens && start.elapsed() < MEASURE_TIME)
        {
            model.read(0, n_read, &tokens, 1)?;
            n_read += tokens.len();
        }
        let prefill_tokens_per_s = n_read as f64 / start.elapsed().as_secs_f64();
        let (mut steps_ms, begun) = (Vec::new(), Instant::now());
        while steps_ms.is_empty()
            || (steps_ms.len() < max_tokens.min(64) && begun.elapsed() < MEASURE_TIME)
        {
            let start = Instant::now();
            model.read(0, n_read + steps_ms.len(), &[0], 1)?;
            steps_ms.push(ms(start.elapsed()));
        }
        steps_ms.sort_by(f64::total_cmp);
        let decode_tokens_per_s = 1e3 / steps_ms[steps_ms.len() / 2];
        Ok((Self { load_ms, prefill_tokens_per_s, decode_tokens_per_s }, model.state()))
    }

    /// The latency to expect at these rates.
    pub(crate) fn latency(self) -> Latency {
        let read_ms = |n_tokens: f64| 1e3 * n_tokens / self.prefill_tokens_per_s;
        let step_ms = 1e3 / self.decode_tokens_per_s;
        Latency {
            first_text_ms: read_ms(FIRST_TOKENS) + 2.0 * step_ms,
            next_text_ms: 2.0 * step_ms,
            line_ms: LINE_TOKENS * step_ms,
            window_ms: read_ms(WINDOW_TOKENS),
        }
    }

    /// The settings to change so that suggestions arrive in time at these rates.
    pub(super) fn advice(self, config: &Config) -> Vec<Advice> {
        let latency = self.latency();
        let mut advice = Vec::new();
        let mut advise = |setting, value: String, why: String| {
            advice.push(Advice { setting, value, why });
        };
        if latency.first_text_ms > MAX_FIRST_TEXT_MS && config.suggest.trigger == Trigger::Automatic
        {
            let why = format!("the first suggestion takes {}", seconds(latency.first_text_ms));
            advise("suggest.trigger", "\"manual\"".into(), why);
        }
        let share = MAX_WINDOW_MS / latency.window_ms;
        if share < 1.0 {
            let why = || {
                format!("prefilling {WINDOW_TOKENS} tokens takes {}", seconds(latency.window_ms))
            };
            for (setting, default, current) in [
                ("prompt.before_tokens", 768.0, config.prompt.before_tokens),
                ("prompt.after_tokens", 256.0, config.prompt.after_tokens),
            ] {
                let fit = round_down(default * share, 32);
                if current > fit {
                    advise(setting, fit.to_string(), why());
                }
            }
        }
        let fit = round_down(self.decode_tokens_per_s * MAX_TEXT_MS / 1e3, 16);
        if config.suggest.max_tokens > fit {
            let text_ms = config.suggest.max_tokens as f64 * latency.line_ms / LINE_TOKENS;
            let why = format!("the longest suggestion takes {}", seconds(text_ms));
            advise("suggest.max_tokens", fit.to_string(), why);
        }
        advice
    }
}

/// The latency to expect while typing, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Latency {
    /// Time to the first suggestion in a new file.
    pub(crate) first_text_ms: f64,
    /// Time to a further suggestion, if it needs a generation.
    pub(crate) next_text_ms: f64,
    /// Time to generate a line of ten tokens.
    pub(crate) line_ms: f64,
    /// Time to prefill the whole prompt at a new place, in the background.
    pub(crate) window_ms: f64,
}

/// A recommended value of a setting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Advice {
    /// The setting's name.
    pub(super) setting: &'static str,
    /// The recommended value in TOML syntax.
    pub(super) value: String,
    pub(super) why: String,
}

impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { setting, value, why } = self;
        write!(f, "{setting} = {value}: {why}")
    }
}

/// Rounds down to a multiple of `step`, but at least to one `step`.
fn round_down(value: f64, step: usize) -> usize {
    ((value / step as f64) as usize).max(1) * step
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Formats a time for display: in milliseconds below half a second, otherwise in seconds.
pub(crate) fn seconds(ms: f64) -> String {
    if ms < 500.0 { format!("{ms:.0} ms") } else { format!("{:.1} s", ms / 1e3) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(prefill_tokens_per_s: f64, decode_tokens_per_s: f64) -> Rates {
        Rates { load_ms: 1.0, prefill_tokens_per_s, decode_tokens_per_s }
    }

    fn advice(rates: Rates, config: &Config) -> Vec<String> {
        rates.advice(config).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_time_follows_from_the_rates() {
        let latency = rates(160.0, 20.0).latency();
        assert_eq!((latency.first_text_ms, latency.next_text_ms), (1_100.0, 100.0));
        assert_eq!((latency.line_ms, latency.window_ms), (500.0, 4_375.0));
        assert_eq!((seconds(499.4), seconds(1_100.0)), ("499 ms".into(), "1.1 s".into()));
    }

    #[test]
    fn the_defaults_fit_a_plain_laptop() {
        assert!(rates(160.0, 20.0).advice(&Config::default()).is_empty());
    }

    #[test]
    fn a_slow_machine_gets_settings_that_fit_and_no_more_advice_with_them() {
        let slow = rates(50.0, 6.0);
        let mut config = Config::default();
        assert_eq!(
            advice(slow, &config),
            [
                "suggest.trigger = \"manual\": the first suggestion takes 3.5 s",
                "prompt.before_tokens = 320: prefilling 700 tokens takes 14.0 s",
                "prompt.after_tokens = 96: prefilling 700 tokens takes 14.0 s",
                "suggest.max_tokens = 48: the longest suggestion takes 21.3 s",
            ]
        );
        config.suggest.trigger = Trigger::Manual;
        (config.prompt.before_tokens, config.prompt.after_tokens) = (320, 96);
        config.suggest.max_tokens = 48;
        assert_eq!(advice(slow, &config), [""; 0]);
    }
}

//! How fast the model is here, what that means at the keyboard, and which settings follow.

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

/// How long reading and writing are measured, each.
const MEASURED: Duration = Duration::from_secs(1);
/// What is read of a file that was never read before its first text: ARCHITECTURE.md, "The anchored
/// prompt".
const FIRST_TOKENS: f64 = 160.0;
/// What is read of it in all.
const WINDOW_TOKENS: f64 = 700.0;
/// A line of code, in tokens.
const LINE_TOKENS: f64 = 10.0;

/// After this a user who types does not wait for a first text any more, in milliseconds.
const MOST_FIRST_MS: f64 = 3_000.0;
/// A user who rests for longer is rare, in milliseconds.
const MOST_WINDOW_MS: f64 = 6_000.0;
/// The longest that a text is worth writing for, in milliseconds.
const MOST_TEXT_MS: f64 = 8_000.0;

/// What was measured.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Rates {
    /// Loading the model, in milliseconds.
    pub(crate) load_ms: f64,
    /// Tokens of a prompt read in a second.
    pub(crate) prefill_tokens_per_s: f64,
    /// Tokens written in a second, without lookup.
    pub(crate) decode_tokens_per_s: f64,
}

impl Rates {
    /// Loads the model and runs it for about two seconds; also says in what state it is then.
    pub(crate) fn measure(
        bundle: &Bundle,
        options: &Options,
    ) -> anyhow::Result<(Self, EngineState)> {
        let start = Instant::now();
        let mut model = OnnxModel::load(bundle, options)?;
        // The first read also finds out how the graph is best computed.
        model.read(0, 0, &[0; 16], 1)?;
        let load_ms = ms(start.elapsed());
        // Half of a small context is left for the tokens that are written.
        let most = (model.capacity() / 2).min(WINDOW_TOKENS as usize);
        let tokens = vec![0; PREFILL_CHUNK.min(most)];
        let (mut n_read, start) = (0, Instant::now());
        while n_read == 0 || (n_read + tokens.len() <= most && start.elapsed() < MEASURED) {
            model.read(0, n_read, &tokens, 1)?;
            n_read += tokens.len();
        }
        let prefill_tokens_per_s = n_read as f64 / start.elapsed().as_secs_f64();
        let (mut steps_ms, begun) = (Vec::new(), Instant::now());
        while steps_ms.is_empty() || (steps_ms.len() < most.min(64) && begun.elapsed() < MEASURED) {
            let start = Instant::now();
            model.read(0, n_read + steps_ms.len(), &[0], 1)?;
            steps_ms.push(ms(start.elapsed()));
        }
        steps_ms.sort_by(f64::total_cmp);
        let decode_tokens_per_s = 1e3 / steps_ms[steps_ms.len() / 2];
        Ok((Self { load_ms, prefill_tokens_per_s, decode_tokens_per_s }, model.state()))
    }

    /// What a user will wait.
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

    /// Which settings would fit better than those that hold.
    pub(super) fn advice(self, config: &Config) -> Vec<Advice> {
        let latency = self.latency();
        let mut advice = Vec::new();
        let mut say = |setting, value: String, why: String| {
            advice.push(Advice { setting, value, why });
        };
        if latency.first_text_ms > MOST_FIRST_MS && config.suggest.trigger == Trigger::Automatic {
            let why = format!("the first suggestion takes {}", seconds(latency.first_text_ms));
            say("suggest.trigger", "\"manual\"".into(), why);
        }
        let share = MOST_WINDOW_MS / latency.window_ms;
        if share < 1.0 {
            let why = || {
                format!("prefilling {WINDOW_TOKENS} tokens takes {}", seconds(latency.window_ms))
            };
            for (setting, usual, set) in [
                ("prompt.before_tokens", 768.0, config.prompt.before_tokens),
                ("prompt.after_tokens", 256.0, config.prompt.after_tokens),
            ] {
                let fit = rounded(usual * share, 32);
                if set > fit {
                    say(setting, fit.to_string(), why());
                }
            }
        }
        let fit = rounded(self.decode_tokens_per_s * MOST_TEXT_MS / 1e3, 16);
        if config.suggest.max_tokens > fit {
            let text_ms = config.suggest.max_tokens as f64 * latency.line_ms / LINE_TOKENS;
            let why = format!("the longest suggestion takes {}", seconds(text_ms));
            say("suggest.max_tokens", fit.to_string(), why);
        }
        advice
    }
}

/// What to expect at the keyboard, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Latency {
    /// To the first text in a file that was never read.
    pub(crate) first_text_ms: f64,
    /// To the next one, where the model is needed.
    pub(crate) next_text_ms: f64,
    /// To a line of ten tokens, from there.
    pub(crate) line_ms: f64,
    /// Until the whole window of a new place is read, in the background.
    pub(crate) window_ms: f64,
}

/// A setting that would fit better.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Advice {
    /// Its name.
    pub(super) setting: &'static str,
    /// Its value, as in TOML.
    pub(super) value: String,
    /// The reason.
    pub(super) why: String,
}

impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { setting, value, why } = self;
        write!(f, "{setting} = {value}: {why}")
    }
}

/// The nearest multiple of `step` that is not above `value`; one `step` at least.
fn rounded(value: f64, step: usize) -> usize {
    ((value / step as f64) as usize).max(1) * step
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// A time for people: milliseconds below half a second.
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

//! Measures the model's speed on this machine, and derives the expected latency and advice on
//! settings.

pub(crate) mod choice;

use std::{
    fmt,
    time::{Duration, Instant},
};

use foretell_config::Config;
use foretell_engine::{
    EngineState, Model,
    bundle::{Bundle, DEFAULT_MODEL},
    onnx::{OnnxModel, Options},
    selection::Figures,
    trial,
};
use serde::Serialize;

use crate::commands::model::catalogue;

/// The time to measure prefill, and again to measure decode.
const MEASURE_TIME: Duration = Duration::from_secs(1);
/// Tokens prefilled before the first suggestion in a new file: ARCHITECTURE.md, "The anchored
/// prompt".
const FIRST_TOKENS: f64 = trial::PROMPT_TOKENS as f64;
/// Tokens in a whole prompt.
const WINDOW_TOKENS: f64 = 700.0;
/// Tokens in a line of code.
const LINE_TOKENS: f64 = 10.0;

/// A user who types does not wait longer for a first suggestion, in milliseconds.
const MAX_FIRST_TEXT_MS: f64 = 3_000.0;
/// The longest acceptable time for a line while typing, in milliseconds.
const MAX_LINE_MS: f64 = 2_000.0;

/// The measured speed of a model.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Rates {
    /// The time to load the model and run it once.
    pub(crate) load_ms: f64,
    pub(crate) prefill_tokens_per_s: f64,
    /// Without lookup.
    pub(crate) decode_tokens_per_s: f64,
}

impl From<&Figures> for Rates {
    fn from(figures: &Figures) -> Self {
        let Figures { load_ms, prefill_tokens_per_s, decode_tokens_per_s, .. } = *figures;
        Self { load_ms, prefill_tokens_per_s, decode_tokens_per_s }
    }
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
        model.resize(0, model.memory().slot_rows, 0)?;
        // The first run is not measured: it also determines how to compute the graph.
        model.read(0, 0, &[0; 16], 1)?;
        let load_ms = ms(start.elapsed());
        // Leaves half of a small context for the decode steps.
        let max_tokens = (model.capacity() / 2).min(WINDOW_TOKENS as usize);
        let tokens = vec![0; model.prefill_chunk().min(max_tokens)];
        let (mut n_read, start) = (0, Instant::now());
        while n_read == 0 || (n_read + tokens.len() <= max_tokens && start.elapsed() < MEASURE_TIME)
        {
            model.read(0, n_read, &tokens, 0)?;
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

    /// The rates of a model that takes so many times as long.
    fn times_slower(self, times: f64) -> Self {
        Self {
            load_ms: self.load_ms * times,
            prefill_tokens_per_s: self.prefill_tokens_per_s / times,
            decode_tokens_per_s: self.decode_tokens_per_s / times,
        }
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

    /// Suggests another model if this machine is too slow for the current one or fast enough for a
    /// larger one. The window needs no advice, because it adapts to the speed.
    pub(super) fn advice(self, config: &Config, memory_bytes: Option<u64>) -> Option<Advice> {
        let latency = self.latency();
        let (setting, name) = ("model.name", config.model.name.as_str());
        if latency.first_text_ms > MAX_FIRST_TEXT_MS || latency.line_ms > MAX_LINE_MS {
            let why = format!("smaller, so a line takes less than {}", seconds(latency.line_ms));
            return smaller_than(name).map(|it| Advice { setting, value: quoted(&it), why });
        }
        let better = choice::suitable(self, memory_bytes).into_iter().find(|it| is_free(it))?;
        let why = "better, and this machine is fast enough for it".to_owned();
        (name == DEFAULT_MODEL && better != name).then(|| Advice {
            setting,
            value: quoted(better),
            why,
        })
    }
}

/// Whether a model of the catalogue has a licence that allows any use.
pub(crate) fn is_free(name: &str) -> bool {
    catalogue::entries().is_ok_and(|entries| entries.get(name).is_some_and(|it| it.is_free()))
}

fn quoted(name: &str) -> String {
    format!("{name:?}")
}

/// The largest model in the catalogue that is smaller than this one.
fn smaller_than(name: &str) -> Option<String> {
    let entries = catalogue::entries().ok()?;
    let own = entries.get(name)?.n_bytes()?;
    let smaller = entries.iter().filter_map(|(name, it)| Some((it.n_bytes()?, name)));
    smaller.filter(|(n_bytes, _)| *n_bytes < own).max().map(|(_, name)| name.clone())
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
pub(crate) struct Advice {
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

    #[test]
    fn a_time_follows_from_the_rates() {
        let latency = rates(160.0, 20.0).latency();
        assert_eq!((latency.first_text_ms, latency.next_text_ms), (1_100.0, 100.0));
        assert_eq!((latency.line_ms, latency.window_ms), (500.0, 4_375.0));
        assert_eq!((seconds(499.4), seconds(1_100.0)), ("499 ms".into(), "1.1 s".into()));
    }

    #[test]
    fn advice_is_another_model_or_none() {
        let advice = |rates: Rates, name: &str| {
            let mut config = Config::default();
            config.model.name = name.into();
            rates.advice(&config, Some(64_000_000_000)).map(|it| it.to_string())
        };
        assert_eq!(advice(rates(160.0, 20.0), DEFAULT_MODEL), None);
        assert!(advice(rates(900.0, 90.0), DEFAULT_MODEL).unwrap().contains("1.5b"));
        assert_eq!(advice(rates(900.0, 90.0), "mine"), None);
        let smaller = advice(rates(20.0, 3.0), "qwen2.5-coder-1.5b").unwrap();
        assert!(smaller.contains("model.name = \"") && smaller.contains("smaller"), "{smaller}");
    }
}

//! The measured prefill speed.

use super::GenerationMetrics;
use parking_lot::Mutex;

/// Fewer tokens than this are not counted: every evaluation has a fixed cost.
const MIN_TOKENS: usize = 32;
/// The weight of the newest value in the average.
const NEWEST: f64 = 0.25;

/// A moving average in tokens per second.
#[derive(Debug, Default)]
pub(super) struct PrefillRate(Mutex<Option<f64>>);

impl PrefillRate {
    /// Adds the cost of a generation.
    pub(super) fn add(&self, figures: &GenerationMetrics) {
        if figures.read < MIN_TOKENS || figures.prefill_ms <= 0.0 {
            return;
        }
        let newest = figures.read as f64 * 1e3 / figures.prefill_ms;
        let mut rate = self.0.lock();
        if rate.is_none() {
            tracing::info!("prefill: {newest:.0} tokens/s");
        }
        *rate = Some(rate.map_or(newest, |it| it * (1.0 - NEWEST) + newest * NEWEST));
    }

    /// `None` until enough was measured.
    pub(super) fn tokens_per_s(&self) -> Option<f64> {
        *self.0.lock()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_prefills_do_not_change_the_rate() {
        let rate = PrefillRate::default();
        let add = |read, prefill_ms| {
            rate.add(&GenerationMetrics { read, prefill_ms, ..GenerationMetrics::default() });
            rate.tokens_per_s()
        };
        assert_eq!(add(3, 30.0), None);
        assert_eq!(add(100, 0.0), None);
        assert_eq!(add(100, 1_000.0), Some(100.0));
        assert_eq!(add(200, 1_000.0), Some(125.0));
        assert_eq!(add(1, 1_000.0), Some(125.0));
    }
}

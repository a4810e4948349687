//! How often a generation starts while the user types on.
//!
//! If keystrokes arrive faster than the first token, every generation is superseded before it is
//! shown, and wastes power. Then, and only then, a generation waits until the user slows down. Both
//! times are measured.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use foretell_config::Suggest;

/// The weight of the newest value in an average.
const NEWEST: f64 = 0.25;
/// A longer interval between two requests is a pause, and says nothing about typing speed.
const REST: Duration = Duration::from_secs(1);
/// The period of `suggest.runs_per_minute`.
const MINUTE: Duration = Duration::from_secs(60);

/// See the module's documentation.
#[derive(Debug, Default)]
pub(super) struct Throttle {
    last_request: Option<Instant>,
    /// Whether the last request is the first one after a pause.
    follows_pause: bool,
    /// The average interval between two requests.
    between: Option<Duration>,
    /// When the generation started of which nothing was shown yet.
    running_since: Option<Instant>,
    /// The average time from the start of a generation to its first text.
    first_text: Option<Duration>,
    /// When the generations of the last minute started.
    runs: VecDeque<Instant>,
    /// When the prefills of the last minute started that no request caused.
    prefills: VecDeque<Instant>,
}

fn average(usual: &mut Option<Duration>, newest: Duration) {
    *usual = Some(usual.map_or(newest, |it| it.mul_f64(1.0 - NEWEST) + newest.mul_f64(NEWEST)));
}

/// Removes times that are at least a minute old.
fn forget_before(times: &mut VecDeque<Instant>, now: Instant) {
    while times.front().is_some_and(|it| now.duration_since(*it) >= MINUTE) {
        times.pop_front();
    }
}

impl Throttle {
    /// A request arrived.
    pub(super) fn request(&mut self, now: Instant) {
        let since = self.last_request.replace(now).map(|last| now.duration_since(last));
        let since = since.filter(|since| *since < REST);
        self.follows_pause = since.is_none();
        if let Some(since) = since {
            average(&mut self.between, since);
        }
    }

    /// How long to wait before the next generation; `None` if the limit is reached. The first one
    /// after a pause starts at once: the user waits for it.
    pub(super) fn next(&mut self, now: Instant, suggest: &Suggest) -> Option<Duration> {
        forget_before(&mut self.runs, now);
        if suggest.runs_per_minute > 0 {
            if self.runs.len() >= suggest.runs_per_minute {
                return None;
            }
            self.runs.push_back(now);
        }
        let too_fast = match (self.between, self.first_text) {
            (Some(between), Some(first_text)) => between < first_text && !self.follows_pause,
            _ => false,
        };
        let wait = Duration::from_millis(if too_fast { suggest.debounce_ms } else { 0 });
        // Without the wait, which would otherwise prolong itself.
        self.running_since = Some(now + wait);
        Some(wait)
    }

    /// Whether a place may be prefilled before the user types. Such prefills only run while they
    /// and the generations stay below the limit, and do not count against generations.
    pub(super) fn prefill(&mut self, now: Instant, suggest: &Suggest) -> bool {
        forget_before(&mut self.runs, now);
        forget_before(&mut self.prefills, now);
        let n_runs = self.runs.len() + self.prefills.len();
        if suggest.runs_per_minute > 0 && n_runs >= suggest.runs_per_minute {
            return false;
        }
        if suggest.runs_per_minute > 0 {
            self.prefills.push_back(now);
        }
        true
    }

    /// A text was shown.
    pub(super) fn shown(&mut self, now: Instant) {
        // A text that appears before the generation starts is none of its text.
        if let Some(since) = self.running_since.take()
            && let Some(first_text) = now.checked_duration_since(since)
        {
            average(&mut self.first_text, first_text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Types with `between_ms` between the keystrokes, each with a generation whose first text
    /// takes `first_text_ms`; checks how long the last one waits.
    #[track_caller]
    fn check(between_ms: u64, first_text_ms: u64, wait_ms: u64) {
        let (mut pace, start) = (Throttle::default(), Instant::now());
        let suggest = Suggest { debounce_ms: 60, ..Suggest::default() };
        let at = |ms| start + Duration::from_millis(ms);
        let mut wait = Duration::ZERO;
        // First the user looks at each suggestion, then types on.
        for key in 0..3 {
            pace.request(at(10_000 * key));
            pace.next(at(10_000 * key), &suggest);
            pace.shown(at(10_000 * key + first_text_ms));
        }
        for key in 0..10 {
            pace.request(at(100_000 + between_ms * key));
            wait = pace.next(at(100_000 + between_ms * key), &suggest).unwrap();
        }
        assert_eq!(wait.as_millis(), u128::from(wait_ms));
    }

    #[test]
    fn fast_typing_delays_the_generation() {
        check(90, 120, 60);
        check(150, 120, 0);
        check(5_000, 120, 0);
    }

    #[test]
    fn first_key_after_a_pause_is_not_delayed() {
        let (mut pace, start) = (Throttle::default(), Instant::now());
        let suggest = Suggest { debounce_ms: 60, ..Suggest::default() };
        let mut wait_ms = |at_ms, first_text_ms| {
            let now = start + Duration::from_millis(at_ms);
            pace.request(now);
            let wait = pace.next(now, &suggest).unwrap();
            pace.shown(now + wait + Duration::from_millis(first_text_ms));
            wait.as_millis()
        };
        assert_eq!([0, 90, 180].map(|at_ms| wait_ms(at_ms, 200)), [0, 60, 60]);
        assert_eq!(wait_ms(2_000, 200), 0);
        assert_eq!(wait_ms(2_090, 80), 60);
        let waits = [1, 2, 3, 4, 5, 6, 7, 8, 9].map(|key| wait_ms(2_090 + 90 * key, 80));
        assert_eq!(
            waits.last(),
            Some(&0),
            "the wait itself does not make the text late: {waits:?}"
        );
    }

    #[test]
    fn runs_per_minute_are_limited() {
        let (mut pace, now) = (Throttle::default(), Instant::now());
        let suggest = Suggest { runs_per_minute: 2, ..Suggest::default() };
        let later = |s| now + Duration::from_secs(s);
        assert!(pace.next(now, &suggest).is_some());
        assert!(pace.next(later(30), &suggest).is_some());
        assert!(pace.next(later(59), &suggest).is_none());
        assert!(pace.next(later(60), &suggest).is_some());
        assert!(pace.next(later(61), &suggest).is_none());
    }
}

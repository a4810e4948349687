//! How often the model is asked while the user types on.
//!
//! A run that the next key supersedes before anything of it was shown has cost power and brought
//! nothing. The more of them there are in a row, the longer the next one waits for the user to
//! rest; one text that is seen, and there is no wait any more.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use crate::config::Suggest;

/// How many runs in a row may be superseded before the next one waits.
const PATIENCE: u32 = 2;
/// By how much each further one lengthens the wait.
const STEP: Duration = Duration::from_millis(25);
/// The span of `suggest.runs_per_minute`.
const MINUTE: Duration = Duration::from_secs(60);

/// See the module's documentation.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// Runs since a text was last shown.
    n_unseen: u32,
    /// Whether the last run has not been seen yet.
    is_running: bool,
    /// When the runs of the last minute began.
    runs: VecDeque<Instant>,
}

impl Pace {
    /// How long to wait before the next run; `None` if it may not be made at all.
    pub(super) fn next(&mut self, now: Instant, suggest: &Suggest) -> Option<Duration> {
        while self.runs.front().is_some_and(|run| now.duration_since(*run) >= MINUTE) {
            self.runs.pop_front();
        }
        if suggest.runs_per_minute > 0 {
            if self.runs.len() >= suggest.runs_per_minute {
                return None;
            }
            self.runs.push_back(now);
        }
        self.is_running = true;
        let longest = Duration::from_millis(suggest.debounce_ms);
        Some((STEP * self.n_unseen.saturating_sub(PATIENCE).min(1_000)).min(longest))
    }

    /// A text was shown.
    pub(super) fn shown(&mut self) {
        *self = Self { runs: std::mem::take(&mut self.runs), ..Self::default() };
    }

    /// A request was superseded.
    pub(super) fn superseded(&mut self) {
        if std::mem::take(&mut self.is_running) {
            self.n_unseen += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_grows_while_nothing_is_seen() {
        let (mut pace, now) = (Pace::default(), Instant::now());
        let suggest = Suggest { debounce_ms: 60, ..Suggest::default() };
        let waits: Vec<_> = (0..7)
            .map(|_| {
                let wait = pace.next(now, &suggest).unwrap();
                pace.superseded();
                wait.as_millis()
            })
            .collect();
        assert_eq!(waits, [0, 0, 0, 25, 50, 60, 60]);
        pace.next(now, &suggest);
        pace.shown();
        pace.superseded();
        assert_eq!(pace.next(now, &suggest), Some(Duration::ZERO));
    }

    #[test]
    fn a_request_that_needed_no_run_does_not_count() {
        let (mut pace, now) = (Pace::default(), Instant::now());
        for _ in 0..10 {
            pace.superseded();
        }
        assert_eq!(pace.next(now, &Suggest::default()), Some(Duration::ZERO));
    }

    #[test]
    fn there_are_so_many_runs_in_a_minute() {
        let (mut pace, now) = (Pace::default(), Instant::now());
        let suggest = Suggest { runs_per_minute: 2, ..Suggest::default() };
        let later = |s| now + Duration::from_secs(s);
        assert!(pace.next(now, &suggest).is_some());
        assert!(pace.next(later(30), &suggest).is_some());
        assert!(pace.next(later(59), &suggest).is_none());
        assert!(pace.next(later(60), &suggest).is_some());
        assert!(pace.next(later(61), &suggest).is_none());
    }
}

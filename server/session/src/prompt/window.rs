//! The size of a prompt's window in lines and tokens, limited by the time that prefilling takes.

use std::time::Duration;

use foretell_config::prompt::Window;

/// The prefill speed that is assumed until it is measured, in tokens per second: a model with 0.5
/// billion parameters on two laptop cores.
pub(super) const ASSUMED_TOKENS_PER_S: f64 = 128.0;

/// The most lines between the anchor and the cursor in the narrow window.
const FIRST_ANCHOR_LINES: usize = 5;
/// The CPU time for prefilling where the cursor rests, in milliseconds. The user leaves most such
/// places without typing.
const REST_CPU_MS: u64 = 900;
/// The fewest tokens that describe a place.
const MIN_TOKENS: usize = 48;

/// The size of a window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Sizes {
    pub(super) anchor_lines: usize,
    pub(super) before_tokens: usize,
    pub(super) after_tokens: usize,
    /// The limit of all parts together, if there is one.
    pub(super) budget: Option<Budget>,
}

/// What may be prefilled before the first suggestion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Budget {
    /// The text from the anchor to the cursor, and before and after it.
    n_tokens: usize,
    /// The text from the anchor to the cursor.
    pub(super) middle_tokens: usize,
}

impl Sizes {
    /// The whole window, for a model that prefills `tokens_per_s`.
    pub(super) fn whole(window: &Window, tokens_per_s: f64) -> Self {
        let Window { anchor_lines, before_tokens, after_tokens, .. } = *window;
        let whole = Self { anchor_lines, before_tokens, after_tokens, budget: None };
        let n_tokens = window
            .whole_ms
            .map_or(usize::MAX, |ms| tokens_within(Duration::from_millis(ms), tokens_per_s));
        whole.within(n_tokens.max(MIN_TOKENS))
    }

    /// The narrow window that is prefilled first at a new place; `None` if the whole window is as
    /// fast.
    pub(super) fn first(window: &Window, tokens_per_s: f64) -> Option<Self> {
        let whole = Self::whole(window, tokens_per_s);
        let time = Duration::from_millis(window.first_ms?);
        let n_tokens = tokens_within(time, tokens_per_s).max(MIN_TOKENS);
        let middle_tokens = window.middle_tokens.min(n_tokens * 2 / 3);
        let budget = Some(Budget { n_tokens, middle_tokens });
        let anchor_lines = whole.anchor_lines.min(FIRST_ANCHOR_LINES);
        let is_smaller = n_tokens < whole.before_tokens + whole.after_tokens + window.middle_tokens;
        is_smaller.then_some(Self { anchor_lines, budget, ..whole })
    }

    /// The narrow window for a resting cursor: takes at most [`REST_CPU_MS`], summed over all
    /// threads. `None` as for [`Self::first`].
    pub(super) fn at_rest(window: &Window, tokens_per_s: f64, n_threads: usize) -> Option<Self> {
        let cpu_ms = REST_CPU_MS / n_threads.max(1) as u64;
        let first_ms = Some(window.first_ms?.min(cpu_ms));
        Self::first(&Window { first_ms, ..*window }, tokens_per_s)
    }

    /// The limit of all parts together, if there is one.
    pub(super) fn n_tokens(&self) -> Option<usize> {
        self.budget.map(|it| it.n_tokens)
    }

    /// The window around a text of `n_middle` tokens from the anchor to the cursor.
    pub(super) fn beside(self, n_middle: usize) -> Self {
        self.budget.map_or(self, |it| self.within(it.n_tokens.saturating_sub(n_middle)))
    }

    /// Limits the window to `n_tokens`, two thirds of them before the anchor if both parts are long
    /// enough.
    fn within(self, n_tokens: usize) -> Self {
        if self.before_tokens + self.after_tokens <= n_tokens {
            return self;
        }
        let after_tokens = (n_tokens / 3).max(n_tokens.saturating_sub(self.before_tokens));
        let after_tokens = after_tokens.min(self.after_tokens);
        let before_tokens = (n_tokens - after_tokens).min(self.before_tokens);
        Self { before_tokens, after_tokens, ..self }
    }
}

/// The number of tokens that can be prefilled within a time.
pub(super) fn tokens_within(time: Duration, tokens_per_s: f64) -> usize {
    (time.as_secs_f64() * tokens_per_s) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_window_grows_with_the_prefill_rate() {
        let first = |tokens_per_s: f64| {
            let first = Sizes::first(&Window::default(), tokens_per_s)?;
            let it = first.beside(20);
            let middle_tokens = first.budget?.middle_tokens;
            Some((it.anchor_lines, it.before_tokens, it.after_tokens, middle_tokens))
        };
        assert_eq!(first(10.0), Some((5, 19, 9, 32)));
        assert_eq!(first(128.0), Some((5, 51, 25, 64)));
        assert_eq!(first(1_000.0), Some((5, 487, 243, 500)));
        assert_eq!(first(2_000.0).map(|it| it.3), Some(512), "the middle counts");
        assert_eq!(first(10_000.0), None, "the whole window is the first one");
        let at_once = Window { first_ms: None, ..Window::default() };
        assert_eq!(Sizes::first(&at_once, 10.0), None);
    }

    #[test]
    fn resting_cursor_costs_as_much_with_many_threads() {
        let n_tokens = |n_threads: usize, tokens_per_s: f64| {
            let budget = Sizes::at_rest(&Window::default(), tokens_per_s, n_threads)?.budget?;
            Some(budget.n_tokens)
        };
        assert_eq!(n_tokens(1, 100.0), Some(75), "prompt.first_ms is the limit");
        assert_eq!(n_tokens(2, 200.0), Some(90));
        assert_eq!(n_tokens(8, 800.0), Some(89));
        assert_eq!(n_tokens(2, 10_000.0), None, "the whole window is fast enough");
    }

    #[test]
    fn slow_model_gets_a_smaller_window() {
        let whole = |tokens_per_s: f64| {
            let it = Sizes::whole(&Window::default(), tokens_per_s);
            (it.before_tokens, it.after_tokens)
        };
        assert_eq!(whole(128.0), (768, 256));
        assert_eq!(whole(30.0), (200, 100));
        assert_eq!(whole(0.1), (32, 16));
        let any_time = Window { whole_ms: None, ..Window::default() };
        assert_eq!(Sizes::whole(&any_time, 0.1).before_tokens, 768);
    }

    #[test]
    fn unused_budget_goes_to_the_other_part() {
        let sizes = Sizes { anchor_lines: 1, before_tokens: 20, after_tokens: 900, budget: None };
        assert_eq!(sizes.within(120), Sizes { after_tokens: 100, ..sizes });
        let sizes = Sizes { before_tokens: 900, after_tokens: 20, ..sizes };
        assert_eq!(sizes.within(120), Sizes { before_tokens: 100, ..sizes });
    }
}

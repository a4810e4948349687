//! The time of an evaluation as a function of its rows, measured on this model and machine.

/// The cost of an additional row before it was measured: five rows take about 2.2 single steps with
/// the default model on a laptop's CPU.
const PRIOR: f64 = 0.3;

/// How much the prior counts: as much as one evaluation of three draft tokens.
const PRIOR_WEIGHT: f64 = 9.0;

/// An evaluation 50 evaluations ago counts about a third.
const DECAY: f64 = 0.98;

/// The line `ms = step_ms + extra_ms * n_drafted` with the smallest squared error over the last
/// evaluations.
///
/// The prior never decays. So while nothing is drafted, the cost returns to it, and a cost that was
/// measured while the machine was busy is measured again.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct RowCost {
    /// Sums over evaluations: their number, their draft tokens and the squares of these.
    n: f64,
    n_drafted: f64,
    n_drafted_squared: f64,
    /// Sums over evaluations: their times, and these times their draft tokens.
    ms: f64,
    ms_drafted: f64,
}

impl RowCost {
    /// Observes the time of an evaluation of one token and `n_drafted` draft tokens.
    pub(super) fn observe(&mut self, n_drafted: usize, ms: f64) {
        let n_drafted = n_drafted as f64;
        // Other work on the machine may slow down one evaluation; that is not the rows' cost.
        let ms = match self.line() {
            Some((step_ms, extra_ms)) => ms.min(2.0 * (step_ms + extra_ms * n_drafted)),
            None => ms,
        };
        let add = |sum: &mut f64, value: f64| *sum = *sum * DECAY + value;
        add(&mut self.n, 1.0);
        add(&mut self.n_drafted, n_drafted);
        add(&mut self.n_drafted_squared, n_drafted * n_drafted);
        add(&mut self.ms, ms);
        add(&mut self.ms_drafted, ms * n_drafted);
    }

    /// The cost of an additional row, as a share of a step without draft tokens.
    pub(super) fn extra(&self) -> f64 {
        match self.line() {
            Some((step_ms, extra_ms)) => extra_ms / step_ms,
            None => PRIOR,
        }
    }

    /// The time of a step and of an additional row. `None` before the first observation.
    fn line(&self) -> Option<(f64, f64)> {
        // The prior is an observation of `extra_ms - PRIOR * step_ms = 0`.
        let step = self.n + PRIOR_WEIGHT * PRIOR * PRIOR;
        let both = self.n_drafted - PRIOR_WEIGHT * PRIOR;
        let extra = self.n_drafted_squared + PRIOR_WEIGHT;
        let determinant = step * extra - both * both;
        let step_ms = (self.ms * extra - self.ms_drafted * both) / determinant;
        let extra_ms = (self.ms_drafted * step - self.ms * both) / determinant;
        (step_ms > 0.0).then(|| (step_ms, extra_ms.max(0.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The cost after `n` evaluations of up to six draft tokens, of 30 ms and `extra_ms` for each.
    fn after(n: usize, n_drafted: impl Fn(usize) -> usize, extra_ms: f64) -> RowCost {
        let mut cost = RowCost::default();
        for n_drafted in (0..n).map(n_drafted) {
            cost.observe(n_drafted, 30.0 + extra_ms * n_drafted as f64);
        }
        cost
    }

    #[test]
    fn cost_is_measured() {
        assert_eq!(RowCost::default().extra(), PRIOR);
        for extra_ms in [0.0, 1.5, 9.0, 30.0] {
            let found = after(60, |n| n % 6, extra_ms).extra();
            assert!((found - extra_ms / 30.0).abs() < 0.03, "{found} for {extra_ms} ms");
        }
    }

    #[test]
    fn cost_needs_no_step_without_drafts() {
        let found = after(60, |n| 2 + n % 4, 1.5).extra();
        assert!((found - 0.05).abs() < 0.05, "{found}");
    }

    #[test]
    fn cost_returns_to_the_prior_while_nothing_is_drafted() {
        let mut cost = after(30, |n| n % 6, 45.0);
        assert!(cost.extra() > 1.0, "{cost:?}");
        for _ in 0..300 {
            cost.observe(0, 30.0);
        }
        assert!((cost.extra() - PRIOR).abs() < 0.05, "{cost:?}");
    }

    #[test]
    fn one_slow_evaluation_changes_little() {
        let mut cost = after(60, |n| n % 6, 3.0);
        cost.observe(4, 5_000.0);
        assert!(cost.extra() < 0.2, "{cost:?}");
    }
}

//! The cost of an additional row of an evaluation, measured on this model and machine.

/// The cost before it was measured: five rows take about 2.2 single steps with the default model on
/// a laptop's CPU.
const PRIOR: f64 = 0.3;

/// How far an evaluation moves a mean: 20 evaluations ago counts about a third.
const WEIGHT: f64 = 0.05;

/// How far a step without draft tokens moves the cost back to the prior.
const FORGET: f64 = 0.01;

/// Moving means over the last evaluations.
///
/// While nothing is drafted, the cost returns to the prior, so a cost that was measured while the
/// machine was busy is measured again.
#[derive(Debug, Clone, Copy)]
pub(super) struct RowCost {
    /// The time of a step without draft tokens; `None` before the first one.
    step_ms: Option<f64>,
    /// The cost of an additional row, as a share of `step_ms`.
    extra: f64,
}

impl Default for RowCost {
    fn default() -> Self {
        Self { step_ms: None, extra: PRIOR }
    }
}

impl RowCost {
    /// Observes the time of an evaluation of one token and `n_drafted` draft tokens.
    pub(super) fn observe(&mut self, n_drafted: usize, ms: f64) {
        let towards = |mean: f64, value: f64, weight: f64| mean + weight * (value - mean);
        match self.step_ms {
            None if n_drafted > 0 => {}
            None => self.step_ms = Some(ms),
            Some(step_ms) if n_drafted == 0 => {
                // Other work on the machine may slow down one evaluation.
                self.step_ms = Some(towards(step_ms, ms.min(2.0 * step_ms), WEIGHT));
                self.extra = towards(self.extra, PRIOR, FORGET);
            }
            Some(step_ms) => {
                let extra = (ms / step_ms - 1.0) / n_drafted as f64;
                self.extra = towards(self.extra, extra.clamp(0.0, 1.5), WEIGHT);
            }
        }
    }

    /// The cost of an additional row, as a share of a step without draft tokens.
    pub(super) fn extra(&self) -> f64 {
        self.extra
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The cost after `n` evaluations of 30 ms and `extra_ms` for each draft token.
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
            for (name, found) in [
                ("varying", after(120, |n| n % 6, extra_ms)),
                ("constant", after(120, |n| 4 * usize::from(n > 0), extra_ms)),
            ] {
                let found = found.extra();
                assert!(
                    (found - extra_ms / 30.0).abs() < 0.05,
                    "{name}: {found} for {extra_ms} ms"
                );
            }
        }
    }

    #[test]
    fn cost_returns_to_the_prior_while_nothing_is_drafted() {
        let mut cost = after(120, |n| n % 6, 45.0);
        assert!(cost.extra() > 1.0, "{cost:?}");
        for _ in 0..400 {
            cost.observe(0, 30.0);
        }
        assert!((cost.extra() - PRIOR).abs() < 0.05, "{cost:?}");
    }

    #[test]
    fn one_slow_evaluation_changes_little() {
        let mut cost = after(120, |n| n % 6, 3.0);
        cost.observe(4, 5_000.0);
        cost.observe(0, 5_000.0);
        assert!(cost.extra() < 0.2, "{cost:?}");
        assert!(cost.step_ms.is_some_and(|it| it < 35.0), "{cost:?}");
    }
}

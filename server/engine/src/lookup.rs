//! Draft tokens: predictions of the model's next tokens from known text and logits.
//!
//! The model evaluates draft tokens together with the token before them, and they are accepted up
//! to the first one that it would not have chosen. So the text is the same as without draft tokens,
//! and only the time differs. There are two sources:
//!
//! - **Lookup**: the draft is the text that followed an earlier occurrence of the last tokens in
//! the prompt, the generated text, the other slots or recent generations (Saxena, "Prompt Lookup
//! Decoding", 2023).
//! - **Recycling**: without a match, the draft is the successor that the model last chose after the
//! same token (`recycled`).
//!
//! Two measurements decide whether drafting pays: how often draft tokens of a class are accepted,
//! and what an additional row costs. How often they *would have been* accepted is measured without
//! evaluating them, so a source that turned itself off knows when to come back.

mod acceptance;
mod matches;
mod recycled;

use std::collections::VecDeque;

use acceptance::{Acceptance, Class};
use matches::MAX_MATCH;
use recycled::{Successor, Successors};

/// The maximum number of draft tokens.
pub const MAX_DRAFT: usize = 15;

/// The smallest expected speedup for drafting: measurements vary.
const MIN_GAIN: f64 = 1.05;

/// A draft ends before a token that is less likely than this to be accepted, which would not pay.
const MIN_REACHED: f64 = 0.05;

/// The number of generations kept as a source of drafts. After an edit, the rest of a suggestion is
/// often generated again.
const MAX_RECENT: usize = 16;

/// How a decoder uses draft tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Not at all.
    Off,
    /// As many as pay according to the measurements.
    Adaptive,
    /// Always this many, if there is something to draft from: for tests and measurements.
    Fixed(usize),
}

/// Draft tokens, and what is known about their worth.
#[derive(Debug)]
pub struct Lookup {
    mode: Mode,
    acceptance: Acceptance,
    successors: Successors,
    /// The tokens of the last generations, the current one last.
    recent: VecDeque<Vec<u32>>,
    /// The time of one row, in milliseconds; 0 until it was measured.
    step_ms: f64,
    /// The cost of an additional row, as a share of `step_ms`.
    extra_cost: f64,
    /// The remaining draft to compare with the chosen tokens, in reverse order.
    pending: Vec<(u32, Class)>,
}

impl Lookup {
    /// A lookup without measurements.
    #[must_use]
    pub fn new(mode: Mode) -> Self {
        Self {
            mode,
            acceptance: Acceptance::default(),
            successors: Successors::default(),
            recent: VecDeque::new(),
            step_ms: 0.0,
            // Five rows take about 2.2 single steps with the default model on a laptop's CPU.
            extra_cost: 0.3,
            pending: Vec::new(),
        }
    }

    /// A generation starts: expectations for another one do not apply.
    pub fn begin(&mut self) {
        self.pending.clear();
        if self.mode != Mode::Off {
            self.recent.retain(|tokens| tokens.len() > 1);
            if self.recent.len() == MAX_RECENT {
                self.recent.pop_front();
            }
            self.recent.push_back(Vec::new());
        }
    }

    /// Tokens that may follow `history`, at most `n_most`; as many as are worth evaluating. They
    /// come from the history, or from `elsewhere` if more tokens match there. O(tokens of all
    /// these).
    pub fn draft(&mut self, history: &[u32], elsewhere: &[Vec<u32>], n_most: usize) -> Vec<u32> {
        self.pending.clear();
        if self.mode == Mode::Off {
            return Vec::new();
        }
        let mut drafted = self.from_text(history, elsewhere);
        let recycled = history.last().map(|token| self.successors.chain(*token));
        let recycled = recycled.into_iter().flatten();
        let recycled: Vec<_> =
            recycled.map(|it| (it.token, Class::Recycled(it.probability))).collect();
        let first_rate = |draft: &[(u32, Class)]| {
            draft.first().map_or(-1.0, |(_, class)| self.acceptance.rate(*class))
        };
        if first_rate(&recycled) > first_rate(&drafted) {
            drafted = recycled;
        }
        let n_most = n_most.min(drafted.len());
        let n_drafted = match self.mode {
            Mode::Off => 0,
            Mode::Fixed(n_tokens) => n_tokens.min(n_most),
            Mode::Adaptive => self.best_length(&drafted[..n_most]),
        };
        let draft = drafted[..n_drafted].iter().map(|(token, _)| *token).collect();
        drafted.reverse();
        self.pending = drafted;
        draft
    }

    /// The tokens after the longest match.
    fn from_text(&self, history: &[u32], elsewhere: &[Vec<u32>]) -> Vec<(u32, Class)> {
        // The current generation is part of the history.
        let recent = self.recent.iter().take(self.recent.len().saturating_sub(1));
        let elsewhere = recent.chain(elsewhere).map(Vec::as_slice);
        let Some(found) = matches::longest(history, elsewhere) else {
            return Vec::new();
        };
        let mut context = history[history.len().saturating_sub(MAX_MATCH)..].to_vec();
        let mut drafted = Vec::new();
        let mut all_right = 1.0;
        for (n, token) in found.follows.iter().copied().take(MAX_DRAFT).enumerate() {
            let support = matches::support(history, &context, token);
            let class = Class::Match(found.n_tokens + n, support);
            all_right *= self.acceptance.rate(class);
            if self.mode == Mode::Adaptive && n > 0 && all_right < MIN_REACHED {
                break;
            }
            drafted.push((token, class));
            context.push(token);
        }
        drafted
    }

    /// The number of draft tokens with the most accepted tokens per time.
    fn best_length(&self, draft: &[(u32, Class)]) -> usize {
        let (mut best, mut best_speed) = (0, MIN_GAIN);
        let (mut expected, mut all_right) = (1.0, 1.0);
        for (n_drafted, (_, class)) in (1_usize..).zip(draft) {
            all_right *= self.acceptance.rate(*class);
            expected += all_right;
            let speed = expected / (1.0 + self.extra_cost * n_drafted as f64);
            if speed > best_speed {
                (best, best_speed) = (n_drafted, speed);
            }
        }
        best
    }

    /// Observes the token chosen after `previous`, drafted or not, and its probability.
    pub fn observe(&mut self, previous: Option<u32>, chosen: u32, log_probability: Option<f32>) {
        if let Some((drafted, class)) = self.pending.pop() {
            let is_right = drafted == chosen;
            self.acceptance.observe(class, is_right);
            if !is_right {
                self.pending.clear();
            }
        }
        if self.mode == Mode::Off {
            return;
        }
        if let Some(previous) = previous {
            let probability = log_probability.map_or(0.0, f32::exp);
            self.successors.note(previous, Successor { token: chosen, probability });
        }
        if let Some(current) = self.recent.back_mut() {
            current.push(chosen);
        }
    }

    /// Observes the time of an evaluation of one token and `n_drafted` draft tokens.
    pub fn measure(&mut self, n_drafted: usize, ms: f64) {
        let towards = |old: f64, new: f64| old + 0.1 * (new - old);
        if n_drafted == 0 {
            self.step_ms = if self.step_ms == 0.0 { ms } else { towards(self.step_ms, ms) };
        } else if self.step_ms > 0.0 {
            let extra = (ms / self.step_ms - 1.0) / n_drafted as f64;
            // Other work on the machine may slow down one evaluation; that is not the draft's cost.
            self.extra_cost = towards(self.extra_cost, extra.clamp(0.0, 1.5));
        }
    }

    /// The measured cost of a draft token, as a share of a step without drafts.
    #[must_use]
    pub fn extra_cost(&self) -> f64 {
        self.extra_cost
    }
}

#[cfg(test)]
mod tests;

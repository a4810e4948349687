//! Draft tokens: guesses at what the model will choose, from earlier text.
//!
//! The last tokens are searched for in the prompt and the generated text, in the other slots, and in
//! recent generations; what followed them there are the draft tokens. The model evaluates them
//! together with the token before them, and they are accepted as far as the model would have chosen
//! the same. So the text equals that without draft tokens by construction, and only the time
//! differs. (Saxena, "Prompt Lookup Decoding", 2023; speculative decoding with an n-gram model.)
//!
//! Two measurements decide whether drafting pays: how often draft tokens of a class were right, and
//! what an additional row costs. How often they *would have been* right is measured without
//! evaluating them, so a lookup that has turned itself off knows when to come back.

mod acceptance;
mod matches;
mod row_cost;

use std::collections::VecDeque;

use acceptance::{Acceptance, Class};
use matches::MAX_MATCH;
use row_cost::RowCost;

/// The largest number of draft tokens.
pub const MAX_DRAFT: usize = 15;

/// The smallest expected speedup for drafting: measurements vary.
const MIN_GAIN: f64 = 1.05;

/// A draft ends before a token that is less likely to be reached and right: it would not pay.
const MIN_REACHED: f64 = 0.05;

/// How many generations are kept as a source of drafts. The part of a suggestion that follows the
/// user's change is often generated again.
const MAX_RECENT: usize = 16;

/// How a decoder uses draft tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Not at all.
    Off,
    /// As many as pay according to the measurements.
    Adaptive,
    /// Like [`Mode::Adaptive`], but only from the prompt and the text after it: to measure what the
    /// other sources gain.
    OnlyPrompt,
    /// Always this many, if there is something to draft from: for tests and measurements.
    Fixed(usize),
}

/// Draft tokens, and what is known about their worth.
#[derive(Debug)]
pub struct Lookup {
    mode: Mode,
    acceptance: Acceptance,
    /// The tokens of the last generations, the current one last.
    recent: VecDeque<Vec<u32>>,
    row_cost: RowCost,
    /// The draft that is compared with the chosen tokens, in reverse.
    pending: Vec<(u32, Class)>,
}

impl Lookup {
    /// A lookup without measurements.
    #[must_use]
    pub fn new(mode: Mode) -> Self {
        Self {
            mode,
            acceptance: Acceptance::default(),
            recent: VecDeque::new(),
            row_cost: RowCost::default(),
            pending: Vec::new(),
        }
    }

    /// A generation starts: expectations for another one do not apply.
    pub fn begin(&mut self) {
        self.pending.clear();
        if self.keeps_recent() {
            self.recent.retain(|tokens| tokens.len() > 1);
            if self.recent.len() == MAX_RECENT {
                self.recent.pop_front();
            }
            self.recent.push_back(Vec::new());
        }
    }

    fn keeps_recent(&self) -> bool {
        !matches!(self.mode, Mode::Off | Mode::OnlyPrompt)
    }

    /// Tokens that may follow `history`, at most `n_most`; as many as are worth evaluating. They
    /// come from the history, or from `elsewhere` or a recent generation if more tokens match
    /// there. O(tokens of all these).
    pub fn draft(&mut self, history: &[u32], elsewhere: &[Vec<u32>], n_most: usize) -> Vec<u32> {
        self.pending.clear();
        if self.mode == Mode::Off {
            return Vec::new();
        }
        let mut drafted = self.looked_up(history, elsewhere);
        let n_most = n_most.min(drafted.len());
        let n_drafted = match self.mode {
            Mode::Off => 0,
            Mode::Fixed(n_tokens) => n_tokens.min(n_most),
            Mode::Adaptive | Mode::OnlyPrompt => self.best_length(&drafted[..n_most]),
        };
        let draft = drafted[..n_drafted].iter().map(|(token, _)| *token).collect();
        drafted.reverse();
        self.pending = drafted;
        draft
    }

    /// The tokens after the longest match, each with its class.
    fn looked_up(&self, history: &[u32], elsewhere: &[Vec<u32>]) -> Vec<(u32, Class)> {
        // The current generation is part of the history.
        let recent = self.recent.iter().take(self.recent.len().saturating_sub(1));
        let elsewhere = if self.mode == Mode::OnlyPrompt { &[] } else { elsewhere };
        let elsewhere = recent.chain(elsewhere).map(Vec::as_slice);
        let Some(found) = matches::longest(history, elsewhere) else {
            return Vec::new();
        };
        let mut context = history[history.len().saturating_sub(MAX_MATCH)..].to_vec();
        let mut drafted = Vec::new();
        let mut all_right = 1.0;
        for (n, token) in found.follows.iter().copied().take(MAX_DRAFT).enumerate() {
            let support = matches::support(history, &context, token);
            let class = Class { n_match: found.n_tokens, support };
            all_right *= self.acceptance.rate(class);
            if !matches!(self.mode, Mode::Fixed(_)) && n > 0 && all_right < MIN_REACHED {
                break;
            }
            drafted.push((token, class));
            context.push(token);
        }
        drafted
    }

    /// The number of draft tokens with the most accepted tokens per time.
    fn best_length(&self, draft: &[(u32, Class)]) -> usize {
        let extra_cost = self.row_cost.extra();
        let (mut best, mut best_speed) = (0, MIN_GAIN);
        let (mut expected, mut all_right) = (1.0, 1.0);
        for (n_drafted, (_, class)) in (1_usize..).zip(draft) {
            all_right *= self.acceptance.rate(*class);
            expected += all_right;
            let speed = expected / (1.0 + extra_cost * n_drafted as f64);
            if speed > best_speed {
                (best, best_speed) = (n_drafted, speed);
            }
        }
        best
    }

    /// Observes a chosen token, drafted or not.
    pub fn observe(&mut self, chosen: u32) {
        if let Some((drafted, class)) = self.pending.pop() {
            let is_right = drafted == chosen;
            self.acceptance.observe(class, is_right);
            if !is_right {
                self.pending.clear();
            }
        }
        if let Some(current) = self.recent.back_mut() {
            current.push(chosen);
        }
    }

    /// Observes the time of an evaluation of one token and `n_drafted` draft tokens.
    pub fn measure(&mut self, n_drafted: usize, ms: f64) {
        self.row_cost.observe(n_drafted, ms);
    }
}

#[cfg(test)]
mod tests;

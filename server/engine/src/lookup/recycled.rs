//! The latest successor of each token, as chosen by the model: drafts for text that occurs nowhere
//! else (token recycling, arXiv:2408.08696, with chains instead of trees).

use std::collections::HashMap;

/// The maximum number of tokens in a chain: each is less likely than the one before.
const MAX_CHAIN: usize = 4;

/// A token's successor, and the probability that the model gave it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Successor {
    pub(super) token: u32,
    pub(super) probability: f32,
}

/// The known successors: at most one for each token of the vocabulary, 12 bytes each.
#[derive(Debug, Default)]
pub(super) struct Successors(HashMap<u32, Successor>);

impl Successors {
    /// Records the token that the model chose after `token`.
    pub(super) fn note(&mut self, token: u32, successor: Successor) {
        self.0.insert(token, successor);
    }

    /// The successor of `token`, its successor, and so on.
    pub(super) fn chain(&self, token: u32) -> Vec<Successor> {
        let first = self.0.get(&token).copied();
        std::iter::successors(first, |it| self.0.get(&it.token).copied()).take(MAX_CHAIN).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chain_follows_the_latest_successors() {
        let mut successors = Successors::default();
        assert!(successors.chain(1).is_empty());
        for (token, next) in [(1, 7), (1, 2), (2, 3)] {
            successors.note(token, Successor { token: next, probability: 0.5 });
        }
        let tokens = |of| successors.chain(of).iter().map(|it| it.token).collect::<Vec<_>>();
        assert_eq!(tokens(1), [2, 3]);
        assert!(tokens(3).is_empty());
    }

    #[test]
    fn circular_chain_ends() {
        let mut successors = Successors::default();
        successors.note(1, Successor { token: 1, probability: 1.0 });
        assert_eq!(successors.chain(1).len(), MAX_CHAIN);
    }
}

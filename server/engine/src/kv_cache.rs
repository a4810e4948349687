//! The tokens in a KV buffer, and the logits of the last of them.
//!
//! **Architecture Invariant:** `KvCache` records exactly the tokens evaluated. An evaluation is
//! recorded only after it succeeded, and rewinding shortens the record: the values of the remaining
//! tokens are untouched. A cancel never empties the cache.

use std::collections::VecDeque;

/// For how many tokens at most the logits are kept. A row of a big vocabulary is over half a
/// megabyte; a suggestion is seldom longer.
const MAX_ROWS: usize = 40;

/// The tokens in one KV buffer, in order.
#[derive(Debug, Default, Clone)]
pub struct KvCache {
    tokens: Vec<u32>,
    /// The logits after each of the last tokens, as many as there are rows.
    rows: VecDeque<Vec<f32>>,
}

impl KvCache {
    /// The number of tokens.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Whether there are no tokens.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// The tokens.
    #[must_use]
    pub fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    /// How many tokens at the beginning of `prompt` are cached.
    #[must_use]
    pub fn common_prefix(&self, prompt: &[u32]) -> usize {
        self.tokens.iter().zip(prompt).take_while(|(held, wanted)| held == wanted).count()
    }

    /// The logits after the first `n_tokens` tokens, if they are still known: then the last of
    /// these tokens need not be evaluated again.
    #[must_use]
    pub fn logits(&self, n_tokens: usize) -> Option<&[f32]> {
        let n_behind = self.tokens.len().checked_sub(n_tokens)?;
        let row = self.rows.len().checked_sub(n_behind + 1)?;
        self.rows.get(row).map(Vec::as_slice)
    }

    /// Removes all tokens from `n_tokens` on.
    pub fn truncate(&mut self, n_tokens: usize) {
        let n_fewer = self.tokens.len().saturating_sub(n_tokens);
        self.rows.truncate(self.rows.len().saturating_sub(n_fewer));
        self.tokens.truncate(n_tokens);
    }

    /// Drops the logits, which frees their memory.
    pub fn forget_logits(&mut self) {
        self.rows = VecDeque::new();
    }

    /// Records tokens that were just evaluated, and the logits after the last `n_rows` of them.
    pub fn push(&mut self, read: &[u32], logits: &[f32], n_rows: usize) {
        self.tokens.extend_from_slice(read);
        if n_rows < read.len() {
            // There is a gap between these rows and the previous ones.
            self.rows.clear();
        }
        for row in logits.chunks_exact((logits.len() / n_rows.max(1)).max(1)) {
            let mut kept = if self.rows.len() < MAX_ROWS { None } else { self.rows.pop_front() }
                .unwrap_or_default();
            kept.clear();
            kept.extend_from_slice(row);
            self.rows.push_back(kept);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_prefix_ends_at_first_difference() {
        let mut cache = KvCache::default();
        cache.push(&[1, 2, 3, 4], &[], 0);
        assert_eq!(cache.common_prefix(&[1, 2, 9, 4]), 2);
        assert_eq!(cache.common_prefix(&[1, 2, 3, 4, 5]), 4);
        assert_eq!(cache.common_prefix(&[1, 2]), 2);
        assert_eq!(cache.common_prefix(&[]), 0);
        cache.truncate(2);
        assert_eq!(cache.common_prefix(&[1, 2, 3, 4]), 2);
    }

    #[test]
    fn logits_survive_until_their_prefix_changes() {
        let mut cache = KvCache::default();
        cache.push(&[1, 2, 3], &[0.3], 1);
        cache.push(&[4, 5], &[0.4, 0.5], 2);
        let known = |cache: &KvCache| {
            (0..=6).filter_map(|n| Some((n, cache.logits(n)?[0]))).collect::<Vec<_>>()
        };
        assert_eq!(known(&cache), [(3, 0.3), (4, 0.4), (5, 0.5)]);
        cache.truncate(4);
        assert_eq!(known(&cache), [(3, 0.3), (4, 0.4)]);
        cache.push(&[6, 7], &[0.7], 1);
        assert_eq!(known(&cache), [(6, 0.7)], "rows before a gap are dropped");
        cache.truncate(2);
        assert_eq!(known(&cache), []);
        for token in 0..100 {
            cache.push(&[token], &[0.1], 1);
        }
        assert_eq!(known(&cache), [], "old rows are dropped");
        assert_eq!(cache.logits(102), Some(&[0.1][..]));
        assert_eq!(cache.logits(103 - MAX_ROWS), Some(&[0.1][..]));
        assert_eq!(cache.logits(102 - MAX_ROWS), None);
    }
}

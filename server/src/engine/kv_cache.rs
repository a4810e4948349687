//! What the model has read: the token ids whose keys and values lie in its KV buffers.
//!
//! **Architecture Invariant:** the tokens in here are exactly those the model has read. A read is
//! recorded only after it succeeded, and rewinding is setting the length back: the values of the
//! tokens that stay are not touched. There is no way to empty the cache because of a cancel.

/// The tokens that one KV buffer holds, in order.
#[derive(Debug, Default, Clone)]
pub struct KvCache {
    tokens: Vec<u32>,
}

impl KvCache {
    /// How many tokens are held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Whether nothing has been read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// The tokens that are held.
    #[must_use]
    pub fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    /// How many tokens at the beginning of `prompt` are held already.
    #[must_use]
    pub fn common_prefix(&self, prompt: &[u32]) -> usize {
        self.tokens.iter().zip(prompt).take_while(|(held, wanted)| held == wanted).count()
    }

    /// Forgets all tokens from `n_tokens` on.
    pub fn truncate(&mut self, n_tokens: usize) {
        self.tokens.truncate(n_tokens);
    }

    /// Records tokens that the model has just read.
    pub fn push(&mut self, read: &[u32]) {
        self.tokens.extend_from_slice(read);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_common_prefix_ends_at_the_first_difference() {
        let mut cache = KvCache::default();
        cache.push(&[1, 2, 3, 4]);
        assert_eq!(cache.common_prefix(&[1, 2, 9, 4]), 2);
        assert_eq!(cache.common_prefix(&[1, 2, 3, 4, 5]), 4);
        assert_eq!(cache.common_prefix(&[1, 2]), 2);
        assert_eq!(cache.common_prefix(&[]), 0);
        cache.truncate(2);
        assert_eq!(cache.common_prefix(&[1, 2, 3, 4]), 2);
    }
}

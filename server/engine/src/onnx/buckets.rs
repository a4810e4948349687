//! How tokens are divided among graphs that evaluate a fixed number of them.

/// A run of a graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bucket {
    /// The graph's index.
    pub graph: usize,
    /// How many tokens it evaluates; the rest is padding.
    pub n_tokens: usize,
}

/// The runs that evaluate `n_tokens` tokens, of which the last `n_logits` need logits. `sizes` are
/// the tokens per run of each graph; only the first, with one token, returns logits.
///
/// A run costs at least reading all weights, so padding is cheaper than further runs until most of
/// a graph's rows would be padding.
pub(super) fn buckets(sizes: &[usize], n_tokens: usize, n_logits: usize) -> Vec<Bucket> {
    let mut found = Vec::new();
    let mut n_left = n_tokens - n_logits;
    while n_left > 0 {
        let graph = if n_left == 1 { 0 } else { graph_for(sizes, n_left) };
        let bucket = Bucket { graph, n_tokens: n_left.min(sizes[graph]) };
        n_left -= bucket.n_tokens;
        found.push(bucket);
    }
    found.extend((0..n_logits).map(|_| Bucket { graph: 0, n_tokens: 1 }));
    found
}

/// The largest graph that is at least half filled, or else the smallest one. Not the first, unless
/// it is the only one.
fn graph_for(sizes: &[usize], n_tokens: usize) -> usize {
    let others = || sizes.iter().copied().enumerate().skip(1);
    let filled = others().filter(|(_, size)| 2 * n_tokens >= *size).max_by_key(|(_, size)| *size);
    let found = filled.or_else(|| others().min_by_key(|(_, size)| *size));
    found.map_or(0, |(graph, _)| graph)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each run as "tokens/size".
    fn runs(sizes: &[usize], n_tokens: usize, n_logits: usize) -> String {
        let found = buckets(sizes, n_tokens, n_logits);
        assert_eq!(found.iter().map(|it| it.n_tokens).sum::<usize>(), n_tokens);
        let show = |it: &Bucket| format!("{}/{}", it.n_tokens, sizes[it.graph]);
        found.iter().map(show).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn last_bucket_is_padded() {
        let sizes = [1, 16, 64];
        assert_eq!(runs(&sizes, 64, 0), "64/64");
        assert_eq!(runs(&sizes, 40, 0), "40/64");
        assert_eq!(runs(&sizes, 31, 0), "16/16 15/16");
        assert_eq!(runs(&sizes, 20, 0), "16/16 4/16");
        assert_eq!(runs(&sizes, 2, 0), "2/16");
        assert_eq!(runs(&sizes, 129, 0), "64/64 64/64 1/1");
    }

    #[test]
    fn rows_with_logits_are_evaluated_one_by_one() {
        assert_eq!(runs(&[1, 16, 64], 64, 1), "63/64 1/1");
        assert_eq!(runs(&[1, 16, 64], 3, 3), "1/1 1/1 1/1");
        assert_eq!(runs(&[1], 3, 1), "1/1 1/1 1/1");
    }
}

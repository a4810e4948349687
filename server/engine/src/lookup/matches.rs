//! Where the end of a text occurred before, and how its occurrences continue.

/// More matching tokens than this say nothing more about the next one.
pub(super) const MAX_MATCH: usize = 12;

/// How many tokens decide whether two places of a text are occurrences of the same context.
const CONTEXT: usize = 3;

/// An earlier occurrence of the end of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Match<'t> {
    /// How many tokens are the same, from 1 to [`MAX_MATCH`].
    pub(super) n_tokens: usize,
    /// The tokens after them, at least one.
    pub(super) follows: &'t [u32],
}

/// The longest match of the end of `history` in itself or in `elsewhere`, the latest of several in
/// one text. Among equals, the history's own comes first, then the last text's. O(tokens of all
/// these).
pub(super) fn longest<'t>(
    history: &'t [u32],
    elsewhere: impl Iterator<Item = &'t [u32]>,
) -> Option<Match<'t>> {
    let others = elsewhere.filter_map(|text| find(text, text.len(), history));
    let own = find(history, history.len().saturating_sub(1), history);
    others.chain(own).max_by_key(|it| it.n_tokens)
}

/// The longest match that ends within the first `n_ends` tokens of `text`.
fn find<'t>(text: &'t [u32], n_ends: usize, history: &[u32]) -> Option<Match<'t>> {
    let (&last, _) = history.split_last()?;
    let mut best: Option<(usize, usize)> = None;
    for end in (1..=n_ends).rev() {
        if text[end - 1] != last {
            continue;
        }
        let n_match = text[..end]
            .iter()
            .rev()
            .zip(history.iter().rev())
            .take(MAX_MATCH)
            .take_while(|(a, b)| a == b)
            .count();
        if best.is_none_or(|(best, _)| n_match > best) {
            best = Some((n_match, end));
            if n_match == MAX_MATCH {
                break;
            }
        }
    }
    best.filter(|(_, end)| *end < text.len())
        .map(|(n_tokens, end)| Match { n_tokens, follows: &text[end..] })
}

/// How the occurrences of a context continue, compared with a draft token (the frequencies of
/// SuffixDecoding, arXiv:2411.04975). Where a text was edited before, its occurrences differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Support {
    /// There is at most one occurrence.
    Single,
    /// All continue with the token.
    All,
    /// At least half of them do.
    Most,
    /// Fewer do.
    Few,
}

/// How the occurrences of `context`'s last tokens in `text` continue, compared with `token`.
/// O(tokens of `text`).
pub(super) fn support(text: &[u32], context: &[u32], token: u32) -> Support {
    let context = &context[context.len().saturating_sub(CONTEXT)..];
    let (mut n_all, mut n_same) = (0, 0);
    for window in text.windows(context.len() + 1) {
        if let Some((&next, before)) = window.split_last()
            && before == context
        {
            n_all += 1;
            n_same += usize::from(next == token);
        }
    }
    match (n_all, n_same) {
        (0 | 1, _) => Support::Single,
        _ if n_same == n_all => Support::All,
        _ if 2 * n_same >= n_all => Support::Most,
        _ => Support::Few,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_itself(history: &[u32]) -> Option<(usize, &[u32])> {
        longest(history, std::iter::empty()).map(|it| (it.n_tokens, it.follows))
    }

    #[test]
    fn longest_then_latest_match_wins() {
        assert_eq!(
            in_itself(&[1, 2, 3, 9, 5, 2, 3, 7, 1, 2, 3]),
            Some((3, &[9, 5, 2, 3, 7, 1, 2, 3][..]))
        );
        assert_eq!(in_itself(&[1, 2, 8, 1, 2, 9, 1, 2]), Some((2, &[9, 1, 2][..])));
        assert_eq!(in_itself(&[1, 5, 1]), Some((1, &[5, 1][..])));
        assert_eq!(in_itself(&[1, 2, 3]), None);
        assert_eq!(in_itself(&[]), None);
    }

    #[test]
    fn other_texts_are_used_for_longer_matches() {
        let elsewhere: [&[u32]; 2] = [&[1, 2, 3, 4, 5, 6], &[9, 2, 3]];
        let next = |history: &[u32]| longest(history, elsewhere.into_iter()).unwrap().follows[0];
        assert_eq!(next(&[7, 2, 3, 8, 7, 1, 2, 3]), 4);
        assert_eq!(next(&[7, 2, 3, 8, 7, 2, 3]), 8, "the history's own match is longer");
        assert_eq!(next(&[7, 2, 3, 8, 6, 2, 3]), 8, "on a tie, the history comes first");
        assert_eq!(next(&[9, 2, 3]), 4, "nothing follows the longer match");
    }

    #[test]
    fn support_counts_occurrences_of_three_tokens() {
        let text = [1, 2, 3, 4, 0, 1, 2, 3, 5, 0, 1, 2, 3, 4, 0, 9, 2, 3, 5];
        assert_eq!(support(&text, &[8, 1, 2, 3], 4), Support::Most);
        assert_eq!(support(&text, &[8, 1, 2, 3], 5), Support::Few);
        assert_eq!(support(&text, &[0, 1, 2], 3), Support::All);
        assert_eq!(support(&text, &[9, 2, 3], 5), Support::Single);
        assert_eq!(support(&text, &[7, 7, 7], 5), Support::Single);
        assert_eq!(support(&[], &[1], 5), Support::Single);
    }
}

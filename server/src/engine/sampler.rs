//! Which token comes next: the most likely one, among all or among those that a constraint allows.

use super::vocabulary::Vocabulary;

/// The id with the highest logit; the lowest id of several equal ones. `None` if there is no
/// logit that is a number.
#[must_use]
pub fn argmax(logits: &[f32]) -> Option<u32> {
    argmax_of(logits, 0..u32::try_from(logits.len()).unwrap_or(u32::MAX))
}

fn argmax_of(logits: &[f32], ids: impl Iterator<Item = u32>) -> Option<u32> {
    let mut best: Option<(u32, f32)> = None;
    for id in ids {
        let Some(&logit) = logits.get(id as usize) else {
            continue;
        };
        let better =
            best.is_none_or(|(best_id, best)| logit > best || (logit == best && id < best_id));
        if better && !logit.is_nan() {
            best = Some((id, logit));
        }
    }
    best.map(|(id, _)| id)
}

/// The bytes that the model must still write before it is free: the user's last word, which it
/// writes again (token healing, DESIGN: "The anchored prompt"; the idea is `guidance`'s).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Healing {
    owed: Vec<u8>,
}

impl Healing {
    /// A constraint to begin with `owed`.
    #[must_use]
    pub fn new(owed: Vec<u8>) -> Self {
        Self { owed }
    }

    /// Whether the model is free.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.owed.is_empty()
    }

    /// The most likely token that keeps to the constraint, or `None` if no token does.
    #[must_use]
    pub fn pick(&self, logits: &[f32], vocabulary: &Vocabulary) -> Option<u32> {
        if self.is_done() {
            argmax(logits)
        } else {
            argmax_of(logits, vocabulary.beginning(&self.owed))
        }
    }

    /// Takes what a picked token says off what is owed; returns the bytes beyond it, which are new
    /// text.
    pub fn pay<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let paid = self.owed.len().min(bytes.len());
        debug_assert_eq!(
            self.owed[..paid],
            bytes[..paid],
            "the picked token breaks the constraint"
        );
        self.owed.drain(..paid);
        &bytes[paid..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::scripted::byte_vocabulary;

    #[test]
    fn the_highest_logit_wins_and_nan_never_does() {
        assert_eq!(argmax(&[0.5, f32::NAN, 2.0, 2.0]), Some(2));
        assert_eq!(argmax(&[f32::NAN]), None);
        assert_eq!(argmax(&[]), None);
    }

    #[test]
    fn healing_lets_only_the_users_word_begin() {
        let vocabulary = byte_vocabulary(&["re", "return", "reset"], &[]);
        let mut logits = vec![0.0; vocabulary.len()];
        logits[usize::from(b'x')] = 9.0; // what a free model would say
        logits[258] = 5.0; // "reset" contradicts "ret"
        logits[257] = 4.0; // "return"
        logits[256] = 3.0; // "re"
        let mut healing = Healing::new(b"ret".to_vec());
        assert_eq!(healing.pick(&logits, &vocabulary), Some(257));
        assert_eq!(healing.pay(vocabulary.bytes(257)), b"urn");
        assert!(healing.is_done());
        assert_eq!(healing.pick(&logits, &vocabulary), Some(u32::from(b'x')));
    }

    #[test]
    fn healing_goes_on_over_several_tokens() {
        let vocabulary = byte_vocabulary(&["re"], &[]);
        let mut logits = vec![0.0; vocabulary.len()];
        logits[256] = 3.0;
        let mut healing = Healing::new(b"ret".to_vec());
        let first = healing.pick(&logits, &vocabulary).unwrap();
        assert_eq!(healing.pay(vocabulary.bytes(first)), b"");
        assert_eq!(healing.pick(&logits, &vocabulary), Some(u32::from(b't')));
    }
}

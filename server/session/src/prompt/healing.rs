//! Token healing. With the cursor in the middle of a word, the prompt must not end with a token that
//! the model would never have chosen (`retur`). The prompt ends before the word, and the model
//! generates the word again, constrained to bytes that start with what the user typed.

use foretell_engine::vocabulary::Vocabulary;

/// The most bytes of a word to generate again.
const MAX_BYTES: usize = 24;

/// Splits the tokens before a cursor into those that stay in the prompt and those whose bytes the
/// model generates again: the last tokens, back to the one that starts the word. One token of white
/// space or punctuation is included: `return x` after eight spaces is tokenized as seven spaces and
/// ` return`.
pub(super) fn heal(mut ids: Vec<u32>, vocabulary: &Vocabulary) -> (Vec<u32>, Vec<u32>) {
    let mut n_bytes = 0;
    let mut keep = ids.len();
    while let Some(id) = keep.checked_sub(1).and_then(|last| ids.get(last)) {
        let bytes = vocabulary.bytes(*id);
        let more = n_bytes > 0;
        // No vocabulary has a token that joins a line break and the word behind it, so healing it
        // would cost a decode step in vain.
        let joins = !bytes.ends_with(b"\n") && n_bytes + bytes.len() <= MAX_BYTES;
        if bytes.is_empty() || (more && !joins) {
            break;
        }
        keep -= 1;
        n_bytes += bytes.len();
        if !(bytes[0].is_ascii_alphanumeric() || bytes[0] == b'_') {
            break;
        }
    }
    let healed = ids.split_off(keep);
    (ids, healed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use foretell_engine::scripted::byte_vocabulary;

    #[test]
    fn last_word_is_healed() {
        let vocabulary = byte_vocabulary(&["let", " ret", "ur", "    "], &[]).unwrap();
        let healed = |ids: &[u32]| {
            let (kept, healed) = heal(ids.to_vec(), &vocabulary);
            (kept, String::from_utf8(vocabulary.bytes_of(&healed)).unwrap())
        };
        assert_eq!(healed(&[256, 257, 258]), (vec![256], " retur".into()));
        assert_eq!(healed(&[256, 259]), (vec![256], "    ".into()));
        assert_eq!(healed(&[256, u32::from(b'.')]), (vec![256], ".".into()));
        assert_eq!(healed(&[256]), (vec![], "let".into()));
        assert_eq!(healed(&[]), (vec![], String::new()));
    }

    #[test]
    fn healing_length_is_limited() {
        let vocabulary = byte_vocabulary(&[], &[]).unwrap();
        let (kept, healed) = heal(vec![u32::from(b'a'); 100], &vocabulary);
        assert_eq!((kept.len(), healed.len()), (76, 24));
    }
}

//! Token healing: a cursor in the middle of a word must not end the prompt with a token that the
//! model would never have chosen (`retur`). The prompt ends before the word, and the model writes
//! the word again under the constraint that its bytes begin with what the user typed.

use foretell_engine::vocabulary::Vocabulary;

/// The most bytes of a word that are taken back.
const MAX_BYTES: usize = 24;

/// Splits the tokens before a cursor into those that stay in the prompt and those whose bytes the
/// model has to write again: the last tokens back to the one that begins the word. White space and
/// punctuation are taken back too, one token of it: `return x` after eight spaces begins with
/// seven spaces and a token ` return`.
pub(super) fn heal(mut ids: Vec<u32>, vocabulary: &Vocabulary) -> (Vec<u32>, Vec<u32>) {
    let mut n_bytes = 0;
    let mut keep = ids.len();
    while let Some(id) = keep.checked_sub(1).and_then(|last| ids.get(last)) {
        let bytes = vocabulary.bytes(*id);
        let more = n_bytes > 0;
        // No vocabulary joins a line break and the word behind it: a step for nothing.
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
    fn the_last_word_is_taken_back_to_where_it_begins() {
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
    fn a_word_without_end_is_not_taken_back_whole() {
        let vocabulary = byte_vocabulary(&[], &[]).unwrap();
        let (kept, healed) = heal(vec![u32::from(b'a'); 100], &vocabulary);
        assert_eq!((kept.len(), healed.len()), (76, 24));
    }
}

//! The tokenizer, and the bytes of each token.
//!
//! Text is made from bytes, not by a stateful decoder: the tokens of a byte-level BPE are bytes, so
//! "whole characters only" means "up to the last complete UTF-8 sequence", and a constraint on the
//! first bytes ([`Vocabulary::beginning`]) is a range of the sorted vocabulary.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

use tokenizers::{AddedToken, Tokenizer};

/// Why a tokenizer cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct VocabularyError(String);

/// A tokenizer, and its tokens as bytes, by id and in order.
#[derive(Debug)]
pub struct Vocabulary {
    tokenizer: Tokenizer,
    /// The bytes of each id; empty for special tokens and for ids without a token.
    bytes: Vec<Box<[u8]>>,
    /// The ids with bytes, in the order of their bytes.
    sorted: Vec<u32>,
}

impl Vocabulary {
    /// Reads a `tokenizer.json`.
    ///
    /// # Errors
    /// If the file cannot be read, or is not a byte-level tokenizer.
    pub fn from_file(path: &Path) -> Result<Self, VocabularyError> {
        let of_file = |error: String| VocabularyError(format!("{}: {error}", path.display()));
        let json = std::fs::read_to_string(path).map_err(|error| of_file(error.to_string()))?;
        Self::from_json(&json).map_err(|error| of_file(error.0))
    }

    /// Parses the text of a `tokenizer.json`.
    ///
    /// # Errors
    /// If it is not a byte-level tokenizer.
    pub fn from_json(json: &str) -> Result<Self, VocabularyError> {
        // The library panics on some invalid files.
        let read = catch_unwind(|| json.parse::<Tokenizer>());
        let invalid = |why: String| VocabularyError(format!("not a readable tokenizer: {why}"));
        let tokenizer = read
            .map_err(|_| invalid("its decoder is of an unknown kind".into()))?
            .map_err(|error| invalid(error.to_string()))?;
        Self::new(tokenizer)
    }

    /// Wraps a tokenizer, which from now on reads special tokens in text as plain text.
    ///
    /// # Errors
    /// If a token's text uses neither of the two known encodings (byte-level, or SentencePiece with
    /// byte fallback).
    pub fn new(mut tokenizer: Tokenizer) -> Result<Self, VocabularyError> {
        // `<|fim_middle|>` in the user's text must stay text.
        tokenizer.set_encode_special_tokens(true);
        // A file may request both; the whole text must be encoded, and nothing else.
        tokenizer.with_padding(None);
        tokenizer.with_truncation(None).map_err(|error| VocabularyError(error.to_string()))?;
        let vocab = tokenizer.get_vocab(true);
        let special: std::collections::HashSet<u32> = tokenizer
            .get_added_tokens_decoder()
            .iter()
            .filter(|(_, token)| token.special)
            .map(|(id, _)| *id)
            .collect();
        let n_ids = vocab.values().max().map_or(0, |id| *id as usize + 1);
        // An absurd id in a hostile file must not become an allocation.
        if n_ids > 4_000_000 {
            return Err(VocabularyError(format!("a tokenizer with id {n_ids} is not plausible")));
        }
        let byte_level = byte_level_chars();
        let sentencepiece = vocab.contains_key("<0x0A>");
        let mut bytes = vec![Box::<[u8]>::default(); n_ids];
        for (text, id) in &vocab {
            if special.contains(id) {
                continue;
            }
            bytes[*id as usize] = if sentencepiece {
                sentencepiece_bytes(text)
            } else {
                text.chars()
                    .map(|c| byte_level.get(&c).copied())
                    .collect::<Option<Vec<u8>>>()
                    .ok_or_else(|| {
                        VocabularyError(format!(
                            "token {id} ({text:?}) is not in byte-level writing: \
                             the bundle's tokenizer.json is of an unknown kind"
                        ))
                    })?
                    .into()
            };
        }
        let mut sorted: Vec<u32> =
            (0u32..).take(n_ids).filter(|id| !bytes[*id as usize].is_empty()).collect();
        sorted.sort_by(|a, b| bytes[*a as usize].cmp(&bytes[*b as usize]));
        Ok(Self { tokenizer, bytes, sorted })
    }

    /// The same vocabulary in which these ids are never text: no text is encoded to them, and they
    /// are never generated as text. In some files a model's special tokens are not marked as such.
    ///
    /// # Errors
    /// If the tokenizer rejects them.
    pub fn with_marks(
        mut self,
        ids: impl IntoIterator<Item = u32>,
    ) -> Result<Self, VocabularyError> {
        for id in ids {
            let Some(text) = self.tokenizer.id_to_token(id) else { continue };
            let mark = AddedToken::from(text, true).normalized(false);
            let added = self.tokenizer.add_special_tokens([mark]);
            added.map_err(|error| VocabularyError(format!("token {id}: {error}")))?;
            if let Some(bytes) = self.bytes.get_mut(id as usize) {
                *bytes = Box::default();
            }
            self.sorted.retain(|it| *it != id);
        }
        Ok(self)
    }

    /// The token ids of a text. None is a special token, whatever the text contains.
    #[must_use]
    pub fn encode(&self, text: &str) -> Vec<u32> {
        if text.is_empty() {
            return Vec::new();
        }
        // Encoding without truncation or padding cannot fail; an empty prompt is the honest result
        // if some tokenizer file finds a way.
        let encode = AssertUnwindSafe(|| self.tokenizer.encode_fast(text, false));
        match catch_unwind(encode) {
            Ok(Ok(encoding)) => encoding.get_ids().to_vec(),
            Ok(Err(_)) | Err(_) => {
                tracing::error!("the tokenizer refused a text of {} bytes", text.len());
                Vec::new()
            }
        }
    }

    /// The bytes of a token; empty for special tokens and unknown ids.
    #[must_use]
    pub fn bytes(&self, id: u32) -> &[u8] {
        self.bytes.get(id as usize).map_or(&[], |bytes| bytes)
    }

    /// The bytes of several tokens.
    #[must_use]
    pub fn bytes_of(&self, ids: &[u32]) -> Vec<u8> {
        ids.iter().flat_map(|id| self.bytes(*id)).copied().collect()
    }

    /// The number of ids.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether there are no tokens.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Every token that a text starting with `prefix` can begin with: those whose bytes start with
    /// `prefix`, and those that are a prefix of it. O(log n + matches).
    pub fn beginning<'a>(&'a self, prefix: &'a [u8]) -> impl Iterator<Item = u32> + 'a {
        let longer_from = self.sorted.partition_point(|id| self.bytes(*id) < prefix);
        let longer = self.sorted[longer_from..]
            .iter()
            .copied()
            .take_while(move |id| self.bytes(*id).starts_with(prefix));
        let shorter = (1..prefix.len()).flat_map(move |n_bytes| {
            let head = &prefix[..n_bytes];
            let from = self.sorted.partition_point(|id| self.bytes(*id) < head);
            self.sorted[from..].iter().copied().take_while(move |id| self.bytes(*id) == head)
        });
        longer.chain(shorter)
    }
}

/// GPT-2's table of printable characters for bytes (`bytes_to_unicode` in its `encoder.py`).
pub(super) fn byte_level_chars() -> std::collections::HashMap<char, u8> {
    let printable = |b: u8| matches!(b, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF);
    let mut stand_in = 0x100;
    (0..=255u8)
        .filter_map(|byte| {
            let code = if printable(byte) {
                u32::from(byte)
            } else {
                stand_in += 1;
                stand_in - 1
            };
            Some((char::from_u32(code)?, byte))
        })
        .collect()
}

/// SentencePiece's encoding: `▁` is a space, `<0xNN>` a byte, everything else itself.
fn sentencepiece_bytes(text: &str) -> Box<[u8]> {
    let byte = text.strip_prefix("<0x").and_then(|rest| rest.strip_suffix('>'));
    match byte.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
        Some(byte) => Box::new([byte]),
        None => text.replace('\u{2581}', " ").into_bytes().into(),
    }
}

/// A vocabulary of the 256 bytes and a few words: ids 0 to 255 are the bytes, followed by the words
/// and the special tokens. Texts are encoded as bytes; words are what a model may generate.
///
/// # Errors
/// None for distinct words longer than a byte.
pub fn byte_vocabulary(words: &[&str], special: &[&str]) -> Result<Vocabulary, VocabularyError> {
    let mut written = ['\0'; 256];
    for (stand_in, byte) in byte_level_chars() {
        written[usize::from(byte)] = stand_in;
    }
    let spelled = |word: &str| word.bytes().map(|b| written[usize::from(b)]).collect::<String>();
    let mut vocab: serde_json::Map<String, serde_json::Value> =
        (0..=255u8).map(|byte| (written[usize::from(byte)].into(), byte.into())).collect();
    vocab.extend(words.iter().enumerate().map(|(i, word)| (spelled(word), (256 + i).into())));
    let added: Vec<_> = special
        .iter()
        .enumerate()
        .map(|(i, text)| {
            serde_json::json!({"id": 256 + words.len() + i, "content": text, "special": true,
                "single_word": false, "lstrip": false, "rstrip": false, "normalized": false})
        })
        .collect();
    let byte_level = serde_json::json!({"type": "ByteLevel", "add_prefix_space": false,
        "trim_offsets": true, "use_regex": false});
    let json = serde_json::json!({
        "version": "1.0", "added_tokens": added, "normalizer": null,
        "pre_tokenizer": byte_level, "post_processor": null, "decoder": byte_level,
        "model": {"type": "BPE", "vocab": vocab, "merges": [], "ignore_merges": true},
    });
    Vocabulary::from_json(&json.to_string())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// See [`crate::scripted::byte_vocabulary`].
    pub(crate) fn byte_vocabulary(words: &[&str], special: &[&str]) -> Vocabulary {
        crate::scripted::byte_vocabulary(words, special).unwrap()
    }

    #[test]
    fn special_token_text_is_encoded_as_text() {
        let vocabulary = byte_vocabulary(&[], &["<|fim_middle|>"]);
        let ids = vocabulary.encode("a<|fim_middle|>");
        assert!(ids.iter().all(|id| *id < 256), "{ids:?}");
        assert_eq!(vocabulary.bytes(256), b"");
    }

    /// Qwen2.5-Coder's tokenizer file does not declare its FIM tokens as special.
    #[test]
    fn marks_are_special_even_if_not_declared() {
        let plain = byte_vocabulary(&[], &["<|fim_middle|>", "<|x|>"]);
        let json = plain.tokenizer.to_string(false).unwrap();
        let json = json.replace(r#""special":true"#, r#""special":false"#);
        let vocabulary = Vocabulary::from_json(&json).unwrap();
        assert_eq!(vocabulary.encode("<|fim_middle|>"), [256]);
        let vocabulary = vocabulary.with_marks([256, 9_999]).unwrap();
        let ids = vocabulary.encode("a<|fim_middle|>");
        assert!(ids.iter().all(|id| *id < 256), "{ids:?}");
        assert_eq!(vocabulary.bytes_of(&ids), b"a<|fim_middle|>");
        assert_eq!(vocabulary.bytes(256), b"");
        assert!(vocabulary.beginning(b"<").all(|id| id != 256));
        assert_eq!(vocabulary.encode("<|x|>"), [257], "other tokens follow the file");
    }

    /// Files of Hugging Face's `tokenizers` may request either.
    #[test]
    fn truncation_and_padding_are_ignored() {
        let plain = byte_vocabulary(&[], &[]);
        let json: serde_json::Value =
            serde_json::from_str(&plain.tokenizer.to_string(false).unwrap()).unwrap();
        let text = "let x = 1;\n".repeat(1000);
        for (key, value) in [
            (
                "truncation",
                r#"{"max_length":2,"stride":5,"strategy":"LongestFirst","direction":"Right"}"#,
            ),
            (
                "truncation",
                r#"{"max_length":512,"stride":0,"strategy":"LongestFirst","direction":"Right"}"#,
            ),
            (
                "padding",
                r#"{"strategy":{"Fixed":18446744073709551615},"direction":"Right",
                "pad_to_multiple_of":null,"pad_id":0,"pad_type_id":0,"pad_token":"a"}"#,
            ),
        ] {
            let mut json = json.clone();
            json[key] = serde_json::from_str(value).unwrap();
            let vocabulary = Vocabulary::from_json(&json.to_string()).unwrap();
            assert_eq!(vocabulary.bytes_of(&vocabulary.encode(&text)), text.as_bytes(), "{value}");
        }
    }

    #[test]
    fn prefix_index_matches_a_full_scan() {
        let vocabulary = byte_vocabulary(&["re", "ret", "return", "returns", "retro", " ret"], &[]);
        for prefix in ["r", "ret", "retu", " ", "x", "returns!"] {
            let prefix = prefix.as_bytes();
            let mut found: Vec<u32> = vocabulary.beginning(prefix).collect();
            found.sort_unstable();
            let scan: Vec<u32> = (0..vocabulary.len() as u32)
                .filter(|id| {
                    let bytes = vocabulary.bytes(*id);
                    !bytes.is_empty() && (bytes.starts_with(prefix) || prefix.starts_with(bytes))
                })
                .collect();
            assert_eq!(found, scan);
        }
    }
}

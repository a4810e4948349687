//! Types a replay key by key, and counts what the texts that were shown foretold.
//!
//! A text is asked for wherever what is shown does not fit what was typed, and waited for: what
//! is counted does not depend on the machine.

use anyhow::Context;
use foretell_session::{
    completer::{Completer, GenerationOptions},
    document::{Edit, Snapshot},
};
use serde::Serialize;

use super::{answers::followed, cases::Replay};

/// What a replay came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(super) struct Count {
    /// A key is a character, or a line break with the indentation that an editor puts after it.
    pub(super) keys: usize,
    /// Keys that what was shown went on with.
    pub(super) foretold: usize,
    /// Runs of the model.
    pub(super) runs: usize,
    /// Tokens that were read, those of the first run at a place included.
    pub(super) tokens_read: usize,
    /// Tokens that were read in the first run at each place.
    pub(super) tokens_read_first: usize,
    pub(super) tokens_generated: usize,
    /// Characters in all, and those that a key for the whole text or for its first line would have
    /// brought: of the texts that were right when they came, less that key.
    pub(super) chars: usize,
    pub(super) chars_saved: usize,
}

impl Count {
    pub(super) fn add(&mut self, other: Self) {
        self.keys += other.keys;
        self.foretold += other.foretold;
        self.runs += other.runs;
        self.tokens_read += other.tokens_read;
        self.tokens_read_first += other.tokens_read_first;
        self.tokens_generated += other.tokens_generated;
        self.chars += other.chars;
        self.chars_saved += other.chars_saved;
    }
}

/// Somebody who types, and what they see.
struct Typing<'a> {
    completer: &'a Completer,
    wanted: GenerationOptions,
    snapshot: Snapshot,
    cursor: usize,
    shown: String,
    count: Count,
    /// How many of the characters to come were brought by a key already.
    n_brought: usize,
}

/// Types at most `max_keys` keys of a replay.
pub(super) async fn replay(
    completer: &Completer,
    wanted: GenerationOptions,
    replay: &Replay,
    max_keys: usize,
) -> anyhow::Result<Count> {
    let snapshot = Snapshot::of_text(&replay.path, &replay.language, &replay.text);
    let mut typing = Typing {
        completer,
        wanted,
        snapshot,
        cursor: 0,
        shown: String::new(),
        count: Count::default(),
        n_brought: 0,
    };
    for edit in &replay.edits {
        if typing.count.keys >= max_keys {
            break;
        }
        typing.cursor = edit.at;
        typing.n_brought = 0;
        typing.replace(edit.delete, "");
        typing.ask(&edit.insert, true).await?;
        let mut rest = edit.insert.as_str();
        while !rest.is_empty() && typing.count.keys < max_keys {
            let (key, after) = rest.split_at(key_len(rest));
            typing.key(key, after).await?;
            rest = after;
        }
        // What was not typed is there all the same: the edits behind it count on it.
        typing.replace(0, rest);
    }
    Ok(typing.count)
}

/// How many bytes the next key brings: a line break comes with the indentation behind it.
fn key_len(rest: &str) -> usize {
    let mut chars = rest.char_indices();
    match chars.next() {
        Some((_, '\n')) => {
            chars.find(|(_, c)| !matches!(c, ' ' | '\t')).map_or(rest.len(), |(i, _)| i)
        }
        Some((_, c)) => c.len_utf8(),
        None => 0,
    }
}

impl Typing<'_> {
    fn replace(&mut self, n_removed: usize, text: &str) {
        let removed = self.cursor..self.cursor + n_removed;
        let rope = &mut self.snapshot.rope;
        rope.remove(removed.clone());
        rope.insert(self.cursor, text);
        self.cursor += text.chars().count();
        let edit = Edit { removed, inserted: text.to_owned() };
        self.completer.edited(&self.snapshot.uri, &edit);
    }

    async fn key(&mut self, key: &str, rest: &str) -> anyhow::Result<()> {
        let n_chars = key.chars().count();
        self.count.keys += 1;
        self.count.chars += n_chars;
        self.n_brought = self.n_brought.saturating_sub(n_chars);
        self.replace(0, key);
        match self.shown.strip_prefix(key) {
            Some(after) => {
                self.count.foretold += 1;
                self.shown = after.to_owned();
            }
            None => self.shown.clear(),
        }
        if self.shown.is_empty() && !rest.is_empty() {
            self.ask(rest, false).await?;
        }
        Ok(())
    }

    async fn ask(&mut self, to_come: &str, is_first: bool) -> anyhow::Result<()> {
        let draft = self.completer.generate(&self.snapshot, self.cursor, &self.wanted);
        let answer = followed(draft.context("no model is loaded")?, |_| false).await?;
        self.count.runs += 1;
        self.count.tokens_read += answer.figures.read;
        self.count.tokens_read_first += if is_first { answer.figures.read } else { 0 };
        self.count.tokens_generated += answer.figures.generated;
        if self.n_brought == 0 {
            self.n_brought = accepted(&answer.text, to_come);
            self.count.chars_saved += self.n_brought.saturating_sub(1);
        }
        self.shown = answer.text;
        Ok(())
    }
}

/// How many characters somebody takes of a text who takes it whole, or its first line, if it is
/// what they are about to type.
fn accepted(text: &str, to_come: &str) -> usize {
    let line = text.split('\n').next().unwrap_or_default();
    let right = [text, line].into_iter().find(|it| to_come.starts_with(*it));
    right.unwrap_or_default().chars().count()
}

#[cfg(test)]
mod tests {
    use foretell_config::{Suggest, prompt::Window};
    use foretell_engine::scripted::Script;
    use foretell_session::prompt::Prompter;

    use super::*;
    use crate::eval::cases;

    /// Types `insert` at the `ˇ` of `marked`, with a model that knows `known`.
    fn typed(known: &str, marked: &str, insert: &str) -> Count {
        let script = Script::new(known).unwrap();
        let (vocabulary, fim) = (script.vocabulary(), script.fim());
        let window = Window { first_ms: None, ..Window::default() };
        let completer = Completer::start_with(move || {
            Ok((script.into_decoder(), Prompter::new(vocabulary, Some(fim), window)))
        });
        let at = marked.chars().position(|c| c == 'ˇ').unwrap();
        let it = Replay {
            path: "a".into(),
            language: String::new(),
            text: marked.replace('ˇ', ""),
            edits: vec![cases::Edit { at, delete: 0, insert: insert.into() }],
        };
        let wanted = GenerationOptions::one(&Suggest::default());
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            completer.loaded().await;
            replay(&completer, wanted, &it, usize::MAX).await.unwrap()
        })
    }

    #[test]
    fn known_text_is_predicted_in_one_run() {
        let count = typed("f {\n  let x = 1;\n}", "f {\n  ˇ\n}", "let x = 1;");
        assert_eq!((count.keys, count.foretold, count.runs), (10, 10, 1));
        assert_eq!((count.chars, count.chars_saved), (10, 9));
        assert_eq!(count.tokens_read, count.tokens_read_first);
    }

    #[test]
    fn contradicting_key_is_not_predicted() {
        let count = typed("f {\n  let x = 1;\n}", "f {\n  ˇ\n}", "let y");
        assert_eq!((count.keys, count.foretold, count.chars_saved), (5, 4, 0));
        assert!(count.runs >= 1 && count.tokens_read >= count.tokens_read_first, "{count:?}");
    }

    #[test]
    fn line_break_includes_its_indentation() {
        assert_eq!(key_len("ab"), 1);
        assert_eq!(key_len("éb"), 2);
        assert_eq!(key_len("\n\t  b"), 4);
        assert_eq!(key_len("\n\n  b"), 1);
        assert_eq!(key_len("\n  "), 3);
        assert_eq!(key_len(""), 0);
    }

    #[test]
    fn whole_text_or_first_line_is_accepted() {
        assert_eq!(accepted("ab\nc", "ab\ncd"), 4);
        assert_eq!(accepted("ab\nx", "ab\ncd"), 2);
        assert_eq!(accepted("ax", "ab"), 0);
    }
}

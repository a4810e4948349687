//! Types a replay one keystroke at a time and counts how many keystrokes the suggestion on screen
//! predicted.
//!
//! Whenever a keystroke contradicts or uses up the suggestion, a new one is requested and waited
//! for, so the counts do not depend on the machine's speed.

use anyhow::Context;
use foretell_engine::Progress;
use foretell_session::{
    completer::{Completer, GenerationOptions},
    document::{Edit, Snapshot},
    suggestion::{GenerationId, Suggestion, Verdict},
};
use serde::Serialize;

use super::{answers::ended, cases::Replay};
use crate::flashed::n_wrong_chars;

/// The counts of one or more replays.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(super) struct Count {
    /// Keystrokes: a character, or a line break with the indentation that an editor adds.
    pub(super) keys: usize,
    /// Keystrokes that matched the suggestion on screen.
    pub(super) matched: usize,
    /// Generations.
    pub(super) runs: usize,
    /// Tokens prefilled, including those of the first generation at each place.
    pub(super) tokens_read: usize,
    /// Tokens prefilled for the first generation at each place.
    pub(super) tokens_read_first: usize,
    pub(super) tokens_generated: usize,
    /// Characters typed.
    pub(super) chars: usize,
    /// Characters of suggestions that were right when they arrived, completely or in their first
    /// line, minus one keystroke for each acceptance.
    pub(super) chars_saved: usize,
    /// Shown characters that differ from what was typed next.
    pub(super) chars_wrong: usize,
}

impl Count {
    pub(super) fn add(&mut self, other: Self) {
        self.keys += other.keys;
        self.matched += other.matched;
        self.runs += other.runs;
        self.tokens_read += other.tokens_read;
        self.tokens_read_first += other.tokens_read_first;
        self.tokens_generated += other.tokens_generated;
        self.chars += other.chars;
        self.chars_saved += other.chars_saved;
        self.chars_wrong += other.chars_wrong;
    }
}

/// A simulated user and the suggestion on screen.
struct Typing<'a> {
    completer: &'a Completer,
    options: GenerationOptions,
    snapshot: Snapshot,
    cursor: usize,
    /// The latest generation, and its suggestion.
    progress: Progress,
    suggestion: Option<Suggestion>,
    shown: String,
    count: Count,
    /// How many of the next characters an acceptance has already been counted for.
    n_accepted: usize,
}

/// Types at most `max_keys` keystrokes of a replay.
///
/// # Errors
/// If no model is loaded or a generation fails.
pub(super) async fn replay(
    completer: &Completer,
    options: GenerationOptions,
    replay: &Replay,
    max_keys: usize,
) -> anyhow::Result<Count> {
    let snapshot = Snapshot::of_text(&replay.path, &replay.language, &replay.text);
    let mut typing = Typing {
        completer,
        options,
        snapshot,
        cursor: 0,
        progress: Progress::default(),
        suggestion: None,
        shown: String::new(),
        count: Count::default(),
        n_accepted: 0,
    };
    for edit in &replay.edits {
        if typing.count.keys >= max_keys {
            break;
        }
        typing.cursor = edit.at;
        typing.n_accepted = 0;
        typing.suggestion = None;
        typing.replace(edit.delete, "");
        typing.request(&edit.insert, true).await?;
        let mut rest = edit.insert.as_str();
        while !rest.is_empty() && typing.count.keys < max_keys {
            let (key, after) = rest.split_at(key_len(rest));
            typing.type_key(key, after).await?;
            rest = after;
        }
        // The positions of later edits assume that the whole text was inserted.
        typing.replace(0, rest);
    }
    Ok(typing.count)
}

/// Byte length of the next keystroke: a line break includes the indentation after it.
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
        let uri = &self.snapshot.uri;
        self.suggestion.take_if(|it| it.apply(uri, &edit).is_err());
    }

    async fn type_key(&mut self, key: &str, rest: &str) -> anyhow::Result<()> {
        let n_chars = key.chars().count();
        self.count.keys += 1;
        self.count.chars += n_chars;
        self.n_accepted = self.n_accepted.saturating_sub(n_chars);
        self.replace(0, key);
        self.count.matched += usize::from(self.shown.starts_with(key));
        self.update(rest);
        if self.shown.is_empty() && !rest.is_empty() {
            self.request(rest, false).await?;
        }
        Ok(())
    }

    /// Shows the suggestion at the cursor, unless it was dismissed.
    fn update(&mut self, to_come: &str) {
        let Self { suggestion, snapshot, cursor, progress, .. } = self;
        let verdict = suggestion.as_ref().map(|it| it.verdict(&snapshot.uri, *cursor, progress));
        let Some(Verdict::Shows(text)) = verdict else { return self.shown.clear() };
        if let Some(it) = suggestion {
            let n_seen = it.n_shown_bytes_of(*cursor, &text);
            self.count.chars_wrong += n_wrong_chars(&text, n_seen, to_come);
            it.shown(*cursor, text.len());
        }
        self.shown = text;
    }

    async fn request(&mut self, to_come: &str, is_first: bool) -> anyhow::Result<()> {
        let generation = self.completer.generate(&self.snapshot, self.cursor, &self.options);
        let ended = ended(generation.context("no model is loaded")?, |_| false).await?;
        self.count.runs += 1;
        self.count.tokens_read += ended.figures.read;
        self.count.tokens_read_first += if is_first { ended.figures.read } else { 0 };
        self.count.tokens_generated += ended.figures.generated;
        self.progress = Progress { settled: None, ..ended };
        let suggestion = Suggestion::new(&self.snapshot, self.cursor, GenerationId(0));
        self.suggestion = Some(suggestion.with_min_probability(self.options.min_probability));
        self.update(to_come);
        if self.n_accepted == 0 {
            self.n_accepted = accepted(&self.shown, to_come);
            self.count.chars_saved += self.n_accepted.saturating_sub(1);
        }
        Ok(())
    }
}

/// How many characters of a text a user about to type `to_come` accepts: all of it, its first line,
/// or none.
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
        assert_eq!((count.keys, count.matched, count.runs), (10, 10, 1));
        assert_eq!((count.chars, count.chars_saved), (10, 9));
        assert_eq!(count.tokens_read, count.tokens_read_first);
    }

    #[test]
    fn contradicting_key_is_not_predicted() {
        let count = typed("f {\n  let x = 1;\n}", "f {\n  ˇ\n}", "let y");
        assert_eq!((count.keys, count.matched, count.chars_saved), (5, 4, 0));
        assert!(count.runs >= 1 && count.tokens_read >= count.tokens_read_first, "{count:?}");
        assert_eq!(count.chars_wrong, "x = 1;".len());
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

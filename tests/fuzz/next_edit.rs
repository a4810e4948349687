//! The search for the next edit while a text is edited.

use std::{
    ops::Range,
    sync::Arc,
    time::{Duration, Instant},
};

use foretell_edits::{Candidate, Finder, History, Placed, Query, Recorded};
use foretell_policy::{Grammar, Trees, errors};

use super::Choices;

const LANGUAGES: [&str; 10] = [
    "rust",
    "python",
    "typescript",
    "go",
    "java",
    "c",
    "cpp",
    "shellscript",
    "json",
    "javascriptreact",
];
/// The most edits of one input, and the most offers that are accepted after them.
const MAX_ACTS: usize = 10;
const MAX_ACCEPTED: usize = 10;
/// How long an input goes on: with many errors, a parse takes up to 0.1 s.
const MAX_TIME: Duration = Duration::from_millis(200);
/// The longest text, and the longest change: the history forgets longer ones.
const MAX_BYTES: usize = 20_000;
const MAX_CHANGED: usize = 600;

/// A text is edited, and offered edits are accepted: each is for the current text, adds no syntax
/// errors, and leaves alone what was just written; reverting all edits restores the text. The first
/// byte selects the language and how often the text is repeated; a text follows up to NUL, then the
/// choices.
pub fn next_edit(bytes: &[u8]) {
    let Some((first, bytes)) = bytes.split_first() else { return };
    let text = bytes.split(|it| *it == 0).next().unwrap_or_default();
    let mut choices = Choices(bytes.get(text.len() + 1..).unwrap_or_default());
    let (language, n_copies) = (first % 10, 1 + first / 10 % 8);
    let text = String::from_utf8_lossy(text).repeat(n_copies.into());
    let text = text[..text.floor_char_boundary(MAX_BYTES)].to_owned();
    let mut user = User::new(LANGUAGES[usize::from(language)], text);
    for _ in 0..MAX_ACTS {
        if choices.0.is_empty() || user.started.elapsed() > MAX_TIME {
            break;
        }
        user.act(&mut choices);
    }
    user.accept_all();
    user.revert_all();
}

struct User {
    uri: Arc<str>,
    language: Arc<str>,
    grammar: Grammar,
    text: String,
    first: String,
    history: History,
    finder: Finder,
    found: Vec<Candidate>,
    is_undone: bool,
    started: Instant,
}

impl User {
    fn new(language: &str, text: String) -> Self {
        Self {
            uri: "a".into(),
            language: language.into(),
            grammar: Grammar::of_document("a", language).expect("a language with a grammar"),
            first: text.clone(),
            text,
            history: History::default(),
            finder: Finder::default(),
            found: Vec::new(),
            is_undone: false,
            started: Instant::now(),
        }
    }

    fn act(&mut self, choices: &mut Choices<'_>) {
        let placed = self.placed();
        let last = placed.first();
        match (choices.below(8), last) {
            (0 | 1, _) => {
                let (range, new) = (self.word(choices), self.new_word(choices));
                self.replace(range, &new, choices.below(2) == 1);
            }
            (2, _) => {
                let (from, to) = (self.place(choices), self.place(choices));
                let range = from.min(to)..from.max(to).min(from.min(to) + 40);
                let end = self.text.floor_char_boundary(range.end);
                self.replace(range.start..end, &choices.text(), false);
            }
            (3, Some(last)) => {
                // The same change at the next place.
                let after = &self.text[last.range.end..];
                let next = after.find(&last.before).filter(|_| !last.before.is_empty());
                let start = last.range.end + next.unwrap_or(0);
                let n_removed = if next.is_some() { last.before.len() } else { 0 };
                self.replace(start..start + n_removed, &last.after, false);
            }
            (4, _) => {
                let line = self.line(self.place(choices));
                self.replace(line, "", false);
            }
            (5, _) => {
                let at = self.line(self.place(choices)).start;
                let line = self.text[self.line(at)].to_owned();
                self.replace(at..at, &line, false);
            }
            (6, Some(_)) => {
                let it = placed[choices.below(placed.len())].clone();
                self.replace(it.range, &it.before, false);
            }
            _ => {
                if let Some(it) = self.found.get(choices.below(self.found.len())).cloned() {
                    self.replace(it.range, &it.new, false);
                }
            }
        }
        self.search();
    }

    fn place(&self, choices: &mut Choices<'_>) -> usize {
        let at = usize::from(choices.byte()) * 256 + usize::from(choices.byte());
        self.text.floor_char_boundary(at % (self.text.len() + 1))
    }

    fn line(&self, at: usize) -> Range<usize> {
        let start = self.text[..at].rfind('\n').map_or(0, |it| it + 1);
        start..self.text[at..].find('\n').map_or(self.text.len(), |it| at + it + 1)
    }

    /// The word at or after a place.
    fn word(&self, choices: &mut Choices<'_>) -> Range<usize> {
        let is_word = |c: char| c == '_' || c.is_alphanumeric();
        let at = self.place(choices);
        let start = self.text[at..].find(is_word).map_or(self.text.len(), |it| at + it);
        let start = self.text[..start].trim_end_matches(is_word).len();
        let rest = &self.text[start..];
        start..start + rest.find(|c| !is_word(c)).unwrap_or(rest.len())
    }

    fn new_word(&self, choices: &mut Choices<'_>) -> String {
        match choices.below(6) {
            0 => self.text[self.word(choices)].to_owned(),
            1 => format!("{}s", &self.text[self.word(choices)]),
            2 => choices.text(),
            _ => choices
                .of(&["", "size", "new_name", "x", "f(a)", ", extra", "é", "Self", "\"a\"", "1"])
                .to_owned(),
        }
    }

    /// Replaces a range at once, or deletes it and types the new text.
    fn replace(&mut self, range: Range<usize>, new: &str, types: bool) {
        if !types {
            return self.change(range, new);
        }
        self.change(range.clone(), "");
        // The history keeps a limited number of edits, and each typed line is one.
        let new = new.lines().next().unwrap_or_default();
        for (i, c) in new.char_indices() {
            self.change(range.start + i..range.start + i, c.encode_utf8(&mut [0; 4]));
        }
    }

    fn change(&mut self, range: Range<usize>, new: &str) {
        let removed = self.text[range.clone()].to_owned();
        if removed.len().max(new.len()) > MAX_CHANGED {
            return;
        }
        self.text.replace_range(range.clone(), new);
        match self.history.record(&self.uri, range.start, &removed, new) {
            Recorded::Edit => self.is_undone = false,
            Recorded::Undo => self.is_undone = true,
            Recorded::Nothing => {}
        }
        self.found.clear();
    }

    fn placed(&self) -> Vec<Placed> {
        let placed = self.history.placed(&self.uri);
        for it in &placed {
            assert_eq!(self.text[it.range.clone()], it.after, "an edit is elsewhere");
        }
        placed
    }

    fn search(&mut self) {
        let placed = self.placed();
        if self.is_undone {
            return;
        }
        let text: Arc<str> = self.text.as_str().into();
        let query = Query {
            uri: Arc::clone(&self.uri),
            language: Arc::clone(&self.language),
            text,
            placed: placed.clone(),
            others: Some(Vec::new()),
        };
        self.found = self.finder.find(&query);
        assert!(self.found.len() <= 8);
        if self.found.is_empty() {
            return;
        }
        let trees = Trees::default();
        let parsed = trees.parsed(&self.uri, self.grammar, &query.text);
        for (i, it) in self.found.iter().enumerate() {
            assert_eq!(self.text.get(it.range.clone()), Some(&*it.old), "{it:?}");
            assert_ne!(it.old, it.new, "changes nothing: {it:?}");
            assert!(!self.found[..i].contains(it), "found twice: {it:?}");
            let Some(last) = placed.first() else { panic!("nothing was edited: {it:?}") };
            let is_apart = it.range.end < last.range.start || it.range.start > last.range.end;
            assert!(is_apart || it.kind.is_name(), "touches the last edit: {it:?} {last:?}");
            let mut with = self.text.clone();
            with.replace_range(it.range.clone(), &it.new);
            let mut before = self.text.clone();
            before.replace_range(last.range.clone(), &last.before);
            assert_ne!(with, before, "reverts the last edit: {it:?}");
            // In an erroneous text, the number of errors depends on how it was parsed.
            if parsed.as_ref().is_some_and(|it| !it.tree.root_node().has_error()) {
                let with = Trees::default().parsed(&self.uri, self.grammar, &with.into());
                assert_eq!(with.map(|it| errors(&it.tree).n()), Some(0), "an error: {it:?}");
            }
        }
    }

    /// Accepts one offer after the other.
    fn accept_all(&mut self) {
        let n_words = self.text.split(|c: char| !c.is_alphanumeric()).count();
        for n_accepted in 0..MAX_ACCEPTED {
            let Some(it) = self.found.first().cloned() else { return };
            if self.started.elapsed() > MAX_TIME {
                return;
            }
            assert!(n_accepted <= n_words, "there is always another offer: {it:?}");
            self.change(it.range, &it.new);
            self.search();
        }
    }

    fn revert_all(&mut self) {
        while let Some(last) = self.history.placed(&self.uri).first().cloned() {
            self.text.replace_range(last.range.clone(), &last.before);
            let recorded =
                self.history.record(&self.uri, last.range.start, &last.after, &last.before);
            assert_eq!(recorded, Recorded::Undo, "{last:?}");
        }
        assert_eq!(self.text, self.first, "reverting all edits leads elsewhere");
    }
}

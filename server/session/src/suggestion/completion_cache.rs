//! Recent generations, found by the text before **and** after their cursor.
//!
//! A text is found again at its cursor, further into it (the user typed or accepted part of it),
//! and a little before it (the user deleted what was typed just before).

use std::{collections::VecDeque, sync::Arc};

use crate::{document::Snapshot, prompt::to_lf};
use foretell_engine::{Confidence, FinishReason, Progress};
use foretell_policy::StopRule;

/// How many texts are kept.
const CAPACITY: usize = 64;
/// How much of the text before and after a cursor must match, in characters.
const BEFORE_CHARS: usize = 256;
const AFTER_CHARS: usize = 64;
/// How far before a text's cursor it is still found, in characters of one line.
const BACKSPACE_CHARS: usize = 16;

/// How much may have been typed since a prefetch started, in characters: the editor's indentation
/// and a word.
const TYPED_CHARS: usize = 64;

/// How many lines around the cursor must agree, not counting blank ones, for a text of another
/// document.
const AGREEING_LINES: usize = 3;

/// A cursor's surroundings, with `\n` for every line break.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Surroundings {
    uri: Arc<str>,
    language: Arc<str>,
    before: String,
    after: String,
}

impl Surroundings {
    /// The surroundings of a cursor, a char_idx. Those of a cell include other cells.
    #[must_use]
    pub fn new(snapshot: &Snapshot, cursor: usize) -> Self {
        let uri = Arc::clone(&snapshot.uri);
        if let Some((notebook, cursor)) = snapshot.in_notebook(cursor) {
            return Self { uri, ..Self::new(&notebook, cursor) };
        }
        Self {
            uri,
            language: Arc::clone(&snapshot.language),
            before: to_lf(&snapshot.slice(cursor.saturating_sub(BEFORE_CHARS)..cursor)),
            after: to_lf(&snapshot.slice(cursor..cursor + AFTER_CHARS)),
        }
    }

    /// How many characters were typed since `earlier`, if this cursor is reached from there by a
    /// little typing alone.
    #[must_use]
    pub fn n_typed_since(&self, earlier: &Self) -> Option<usize> {
        let ends = self.before.char_indices().rev().map(|(i, _)| i);
        let ends = [self.before.len()].into_iter().chain(ends).take(TYPED_CHARS + 1);
        let mut heads = ends.map(|end| &self.before[..end]);
        heads
            .position(|head| same_end(head, &earlier.before))
            .filter(|_| self.uri == earlier.uri)
            .filter(|_| self.after == earlier.after && self.language == earlier.language)
    }

    /// Whether a text that was made at `earlier` may be shown here, as far as the document and the
    /// text after the cursor are concerned.
    fn admits(&self, earlier: &Self) -> bool {
        self.after == earlier.after
            && self.language == earlier.language
            && (self.uri == earlier.uri || self.n_agreeing_lines(earlier) >= AGREEING_LINES)
    }

    /// How many lines above the cursor's line and below it are equal, not counting blank ones.
    fn n_agreeing_lines(&self, other: &Self) -> usize {
        fn above(it: &Surroundings) -> impl Iterator<Item = &str> {
            it.before.rsplit('\n').skip(1)
        }
        let above = above(self).zip(above(other)).take_while(|(a, b)| a == b).map(|(line, _)| line);
        let below = self.after.split('\n').skip(1);
        above.chain(below).filter(|line| !line.trim().is_empty()).count()
    }

    /// How much of `most` was typed since `earlier`, in bytes, if this cursor is reached from there
    /// by typing alone.
    fn typed_since(&self, earlier: &Self, most: &str) -> Option<usize> {
        let ends = most.char_indices().map(|(i, _)| i).chain([most.len()]);
        ends.rev().find(|end| {
            let typed = &most[..*end];
            self.before.strip_suffix(typed).is_some_and(|head| same_end(head, &earlier.before))
        })
    }
}

/// How much of two texts that were cut at [`BEFORE_CHARS`] must be there for a comparison, in
/// bytes.
const MIN_COMMON_BYTES: usize = 32;

/// Whether two texts are equal, or one ends with the other because both were cut.
fn same_end(a: &str, b: &str) -> bool {
    a == b || (a.len().min(b.len()) >= MIN_COMMON_BYTES && (a.ends_with(b) || b.ends_with(a)))
}

/// A generated text.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CachedText {
    /// The text.
    pub text: String,
    /// The text after it that may not be shown.
    pub held_back: String,
    /// The confidence in both, if known.
    pub confidence: Option<Confidence>,
    /// Whether the generation ended because the text became too unlikely.
    pub goes_on: bool,
    /// Whether the text starts at a token boundary, so that its confidence is exact.
    pub is_exact: bool,
}

impl CachedText {
    /// The text of a finished generation.
    #[must_use]
    pub fn of(progress: Progress) -> Self {
        let goes_on = progress.finish == Some(FinishReason::Stopped(StopRule::Unsure));
        let text = progress.text_after(0).to_owned();
        let Progress { held_back, confidence, .. } = progress;
        Self { text, held_back, confidence, goes_on, is_exact: true }
    }

    /// A text without further information.
    #[must_use]
    pub fn plain(text: String) -> Self {
        Self { text, is_exact: true, ..Self::default() }
    }

    /// The text as a finished generation.
    #[must_use]
    pub fn into_progress(self) -> Progress {
        let finish = match self.goes_on {
            true => FinishReason::Stopped(StopRule::Unsure),
            false => FinishReason::Recalled,
        };
        let Self { text, held_back, confidence, .. } = self;
        Progress { text, held_back, confidence, finish: Some(finish), ..Progress::default() }
    }

    /// The text after its first `n_bytes`, which the user typed.
    fn after(&self, n_bytes: usize) -> Self {
        let confidence = self.confidence.as_ref();
        Self {
            text: self.text[n_bytes..].to_owned(),
            confidence: confidence.map(|it| it.after(n_bytes)),
            held_back: self.held_back.clone(),
            goes_on: self.goes_on,
            is_exact: confidence.is_none_or(|it| it.is_boundary(n_bytes)),
        }
    }

    /// The text preceded by `deleted`, which the user typed and deleted.
    fn behind(&self, deleted: &str) -> Self {
        Self {
            text: format!("{deleted}{}", self.text),
            confidence: self.confidence.as_ref().map(|it| it.behind(deleted.len())),
            held_back: self.held_back.clone(),
            goes_on: self.goes_on,
            is_exact: self.is_exact,
        }
    }
}

#[derive(Debug)]
struct Entry {
    at: Surroundings,
    cached: CachedText,
    n_unseen_tokens: usize,
}

/// A bounded cache of texts.
#[derive(Debug, Default)]
pub struct CompletionCache {
    entries: VecDeque<Entry>,
}

impl CompletionCache {
    /// Caches a text for its place; the same text for the same place once. `n_unseen_tokens` is its
    /// cost, if nobody has seen it.
    pub fn keep(&mut self, at: Surroundings, cached: CachedText, n_unseen_tokens: usize) {
        if cached.text.is_empty() {
            return;
        }
        self.entries.retain(|entry| entry.at != at || entry.cached.text != cached.text);
        self.entries.truncate(CAPACITY - 1);
        self.entries.push_front(Entry { at, cached, n_unseen_tokens });
    }

    /// The text that follows a cursor with these surroundings, from the latest entry that fits, and
    /// its cost if nobody has seen it before. An entry at the cursor or before it comes first:
    /// deleted text is not suggested again.
    #[must_use]
    pub fn find(&mut self, here: &Surroundings) -> Option<(CachedText, usize)> {
        let find = |rest: fn(&Entry, &Surroundings) -> Option<CachedText>| {
            self.entries
                .iter()
                .enumerate()
                .filter(|(_, Entry { at, .. })| here.admits(at))
                .find_map(|(i, entry)| Some((i, rest(entry, here)?)))
        };
        let (i, cached) = find(Entry::further_in).or_else(|| find(Entry::before))?;
        let n_unseen_tokens = std::mem::take(&mut self.entries.get_mut(i)?.n_unseen_tokens);
        Some((cached, n_unseen_tokens))
    }
}

impl Entry {
    /// The rest of the text for a cursor inside it.
    fn further_in(&self, here: &Surroundings) -> Option<CachedText> {
        let n_typed_bytes = here.typed_since(&self.at, &self.cached.text)?;
        Some(self.cached.after(n_typed_bytes)).filter(|rest| !rest.text.is_empty())
    }

    /// The text with what was deleted before it, for a cursor a little before it.
    fn before(&self, here: &Surroundings) -> Option<CachedText> {
        let Self { at, cached, .. } = self;
        let line = &at.before[at.before.rfind('\n').map_or(0, |i| i + 1)..];
        let mut taken_back =
            line.char_indices().rev().take(BACKSPACE_CHARS).map(|(i, _)| &line[i..]);
        taken_back.find_map(|taken_back| {
            let head = at.before.strip_suffix(taken_back)?;
            same_end(&here.before, head).then(|| cached.behind(taken_back))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(marked: &str) -> Surroundings {
        let cursor = marked.chars().position(|c| c == 'ˇ').unwrap();
        Surroundings::new(&Snapshot::of_text("a", "", &marked.replace('ˇ', "")), cursor)
    }

    #[track_caller]
    fn check(given: (&str, &str), here: &str, found: Option<&str>) {
        let mut recent = CompletionCache::default();
        recent.keep(at(given.0), CachedText::plain(given.1.to_owned()), 3);
        let mut find = || recent.find(&at(here)).map(|(cached, n)| (cached.text, n));
        assert_eq!(find(), found.map(|it| (it.to_owned(), 3)));
        let again = found.map(|it| (it.to_owned(), 0));
        assert_eq!(find(), again, "the second find reports no unseen tokens");
    }

    #[test]
    fn text_is_found_at_its_place_and_further_in() {
        let given = ("a\nlet x = ˇ;\n", "f(1)");
        check(given, "a\nlet x = ˇ;\n", Some("f(1)"));
        check(given, "a\nlet x = f(ˇ;\n", Some("1)"));
        check(given, "a\nlet x = f(1)ˇ;\n", None);
        check(given, "a\nlet x = g(ˇ;\n", None);
    }

    #[test]
    fn text_is_found_slightly_before_its_place() {
        let given = ("a\nlet x = ˇ;\n", "f(1)");
        check(given, "a\nlet x ˇ;\n", Some("= f(1)"));
        check(given, "a\nlet y ˇ;\n", None);
        check(given, "aˇ;\n", None);
    }

    #[test]
    fn text_is_found_in_a_long_file() {
        let long = "some_line();\n".repeat(40);
        let given = format!("{long}let x = ˇ;\n");
        check((&given, "f(1)"), &format!("{long}let x = f(ˇ;\n"), Some("1)"));
        check((&given, "f(1)"), &format!("{long}let x ˇ;\n"), Some("= f(1)"));
        check((&given, "f(1)"), &format!("{long}let y = ˇ;\n"), None);
    }

    #[test]
    fn text_after_the_cursor_must_match() {
        check(("let x = ˇ;\n", "f(1)"), "let x = ˇ + 1;\n", None);
    }

    /// Text of one document, offered in another.
    #[track_caller]
    fn is_found_elsewhere(given: &str, here: &str) -> bool {
        let mut recent = CompletionCache::default();
        recent.keep(at(given), CachedText::plain("secret".to_owned()), 0);
        let here = Surroundings { uri: "b".into(), ..at(here) };
        recent.find(&here).is_some()
    }

    #[test]
    fn another_document_must_agree_in_several_lines() {
        assert!(!is_found_elsewhere("port = ˇ\n", "ˇ\n"));
        assert!(!is_found_elsewhere("port = ˇ\n", "port = ˇ\n"));
        assert!(!is_found_elsewhere("ˇ", "ˇ"));
        assert!(!is_found_elsewhere("\n\n\n\nxˇ", "\n\n\n\nxˇ"));
        let long = "a_long_line_that_is_longer_than_what_is_compared(".repeat(4);
        assert!(!is_found_elsewhere(&format!("{long}ˇ"), &format!("{long}ˇ")));
        let lines = "one\ntwo\n\nthree\n";
        assert!(is_found_elsewhere(&format!("{lines}port = ˇ"), &format!("{lines}port ˇ")));
        assert!(is_found_elsewhere("one\nx = ˇ\ntwo\nthree", "one\nx = ˇ\ntwo\nthree"));
        assert!(!is_found_elsewhere("one\ntwo\nthree\nxˇ", "one\nTWO\nthree\nxˇ"));
    }

    #[test]
    fn prefetch_is_for_its_document() {
        let there = at("port = 1\nˇ");
        assert_eq!(there.n_typed_since(&there), Some(0));
        assert_eq!(Surroundings { uri: "b".into(), ..there.clone() }.n_typed_since(&there), None);
    }

    #[test]
    fn language_must_match() {
        let mut recent = CompletionCache::default();
        let at = |language| Surroundings::new(&Snapshot::of_text("a", language, "# x\n"), 4);
        recent.keep(at("python"), CachedText::plain("import os".into()), 0);
        assert_eq!(recent.find(&at("shellscript")), None);
        assert!(recent.find(&at("python")).is_some());
    }

    #[test]
    fn latest_text_wins_and_oldest_is_evicted() {
        let mut recent = CompletionCache::default();
        for i in 0..=CAPACITY {
            let text = CachedText::plain(format!("text {i}"));
            recent.keep(at(&format!("line {i} ˇ\n")), text, 0);
        }
        let newer = CachedText::plain("newer".into());
        recent.keep(at("line 7 ˇ\n"), newer.clone(), 0);
        assert_eq!(recent.find(&at("line 7 ˇ\n")), Some((newer, 0)));
        assert_eq!(recent.find(&at("line 0 ˇ\n")), None);
        assert_eq!(recent.entries.len(), CAPACITY);
    }

    #[test]
    fn rest_of_a_text_keeps_its_confidence() {
        let mut confidence = Confidence::default();
        [(1, 0.9f32), (4, 0.5)].iter().for_each(|(end, p)| confidence.push(*end, p.ln()));
        let cached = CachedText {
            text: "f(1)".into(),
            confidence: Some(confidence.clone()),
            held_back: String::new(),
            goes_on: true,
            is_exact: true,
        };
        let mut recent = CompletionCache::default();
        recent.keep(at("let x = ˇ;\n"), cached, 0);
        let mut find = |here| recent.find(&at(here)).unwrap().0;
        let rest = find("let x = fˇ;\n");
        assert_eq!((rest.confidence, rest.goes_on), (Some(confidence.after(1)), true));
        assert!(rest.is_exact && !find("let x = f(ˇ;\n").is_exact);
        let deleted = find("let x ˇ;\n");
        assert_eq!(
            (deleted.text.as_str(), deleted.confidence),
            ("= f(1)", Some(confidence.behind(2)))
        );
    }
}

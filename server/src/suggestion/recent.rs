//! Texts that the model gave not long ago, by the text before **and** after their cursor.
//!
//! A text is found again where it was given, further into it (the user typed some of it, by hand
//! or by accepting), and a little before it (the user took back what was typed just before).

use std::collections::VecDeque;

use crate::{document::Snapshot, prompt::to_lf};

/// How many texts are kept.
const CAPACITY: usize = 64;
/// How much of the text before and after a cursor must be the same, in characters.
const BEFORE_CHARS: usize = 256;
const AFTER_CHARS: usize = 64;
/// How far before a text's cursor it is still found, in characters of one line.
const BACKSPACE_CHARS: usize = 16;

/// A cursor's surroundings, with `\n` for every line break.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Surroundings {
    before: String,
    after: String,
}

impl Surroundings {
    /// The surroundings of a cursor, a char_idx.
    #[must_use]
    pub fn new(snapshot: &Snapshot, cursor: usize) -> Self {
        Self {
            before: to_lf(&snapshot.slice(cursor.saturating_sub(BEFORE_CHARS)..cursor)),
            after: to_lf(&snapshot.slice(cursor..cursor + AFTER_CHARS)),
        }
    }

    /// What was typed since `earlier`, if this cursor is reached from there by typing alone.
    fn typed_since(&self, earlier: &Self, most: &str) -> Option<usize> {
        let ends = most.char_indices().map(|(i, _)| i).chain([most.len()]);
        ends.rev().find(|end| {
            let typed = &most[..*end];
            self.before.strip_suffix(typed).is_some_and(|head| same_end(head, &earlier.before))
        })
    }
}

/// Whether one text ends as the other does, as far as both reach.
fn same_end(a: &str, b: &str) -> bool {
    a.ends_with(b) || b.ends_with(a)
}

#[derive(Debug)]
struct Entry {
    at: Surroundings,
    text: String,
}

/// A bounded memory of texts.
#[derive(Debug, Default)]
pub struct Recent {
    entries: VecDeque<Entry>,
}

impl Recent {
    /// Keeps a text for where it was given, in place of an older one for the same place.
    pub fn keep(&mut self, at: Surroundings, text: String) {
        if text.is_empty() {
            return;
        }
        self.entries.retain(|entry| entry.at != at);
        self.entries.truncate(CAPACITY - 1);
        self.entries.push_front(Entry { at, text });
    }

    /// What follows a cursor with these surroundings, from the latest text that fits.
    #[must_use]
    pub fn find(&self, here: &Surroundings) -> Option<String> {
        self.entries.iter().filter(|entry| entry.at.after == here.after).find_map(|entry| {
            let Entry { at, text } = entry;
            if let Some(n_typed) = here.typed_since(at, text) {
                return Some(text[n_typed..].to_owned()).filter(|rest| !rest.is_empty());
            }
            let line = &at.before[at.before.rfind('\n').map_or(0, |i| i + 1)..];
            let starts = line.char_indices().rev().take(BACKSPACE_CHARS).map(|(i, _)| &line[i..]);
            starts.into_iter().find_map(|deleted| {
                let head = at.before.strip_suffix(deleted)?;
                same_end(&here.before, head).then(|| format!("{deleted}{text}"))
            })
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
        let mut recent = Recent::default();
        recent.keep(at(given.0), given.1.to_owned());
        assert_eq!(recent.find(&at(here)).as_deref(), found);
    }

    #[test]
    fn a_text_is_found_where_it_was_given_and_further_into_it() {
        let given = ("a\nlet x = ˇ;\n", "f(1)");
        check(given, "a\nlet x = ˇ;\n", Some("f(1)"));
        check(given, "a\nlet x = f(ˇ;\n", Some("1)"));
        check(given, "a\nlet x = f(1)ˇ;\n", None);
        check(given, "a\nlet x = g(ˇ;\n", None);
    }

    #[test]
    fn a_text_is_found_a_little_before_where_it_was_given() {
        let given = ("a\nlet x = ˇ;\n", "f(1)");
        check(given, "a\nlet x ˇ;\n", Some("= f(1)"));
        check(given, "a\nlet y ˇ;\n", None);
        check(given, "aˇ;\n", None);
    }

    #[test]
    fn the_text_after_the_cursor_counts() {
        check(("let x = ˇ;\n", "f(1)"), "let x = ˇ + 1;\n", None);
    }

    #[test]
    fn the_latest_text_wins_and_the_oldest_is_forgotten() {
        let mut recent = Recent::default();
        for i in 0..=CAPACITY {
            recent.keep(at(&format!("line {i} ˇ\n")), format!("text {i}"));
        }
        recent.keep(at("line 7 ˇ\n"), "newer".into());
        assert_eq!(recent.find(&at("line 7 ˇ\n")).as_deref(), Some("newer"));
        assert_eq!(recent.find(&at("line 0 ˇ\n")), None);
        assert_eq!(recent.entries.len(), CAPACITY);
    }
}

use proptest::prelude::*;

use super::*;

/// A text, its history, and the keys typed into it.
struct User {
    text: String,
    history: History,
    uri: Arc<str>,
}

impl User {
    fn new(text: &str) -> Self {
        Self { text: text.to_owned(), history: History::default(), uri: "file:///a.rs".into() }
    }

    fn replace(&mut self, range: Range<usize>, inserted: &str) -> Recorded {
        let removed = self.text[range.clone()].to_owned();
        self.text.replace_range(range.clone(), inserted);
        self.history.record(&self.uri, range.start, &removed, inserted)
    }

    /// The edits, the last one first: what became what.
    fn edits(&self) -> Vec<(String, String)> {
        self.history.placed(&self.uri).into_iter().map(|it| (it.before, it.after)).collect()
    }
}

fn pairs(of: &[(&str, &str)]) -> Vec<(String, String)> {
    of.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
}

#[test]
fn word_that_is_deleted_and_typed_again_is_one_edit() {
    let mut user = User::new("let height = 1;");
    user.replace(4..10, "");
    for (i, c) in "tall".chars().enumerate() {
        user.replace(4 + i..4 + i, &c.to_string());
    }
    assert_eq!(user.text, "let tall = 1;");
    assert_eq!(user.edits(), pairs(&[("height", "tall")]));
    user.replace(15 - 3..15 - 3, "2");
    assert_eq!(user.edits(), pairs(&[("", "2"), ("height", "tall")]));
}

#[test]
fn backspaces_over_both_ends_extend_the_edit() {
    let mut user = User::new("ab");
    user.replace(1..1, "x");
    user.replace(1..3, "");
    user.replace(0..1, "");
    assert_eq!(user.edits(), pairs(&[("ab", "")]));
}

#[test]
fn each_typed_line_is_an_edit() {
    let mut user = User::new("");
    for (i, c) in "a;\nb;".chars().enumerate() {
        user.replace(i..i, &c.to_string());
    }
    assert_eq!(user.edits(), pairs(&[("", "\nb;"), ("", "a;")]));
}

#[test]
fn other_word_of_a_written_text_is_an_edit() {
    let mut user = User::new("");
    user.replace(0..0, "f(a, b)");
    user.replace(2..3, "one");
    assert_eq!(user.edits(), pairs(&[("a", "one")]));
    let mut user = User::new("");
    user.replace(0..0, "f()");
    user.replace(2..2, "x");
    assert_eq!(user.edits(), pairs(&[("", "f(x)")]), "between brackets");
}

#[test]
fn change_of_a_written_text_has_its_range() {
    let mut user = User::new("a\n");
    user.replace(1..1, "\nb(c, d);");
    let written = |user: &User| user.history.placed(&user.uri)[0].written.clone();
    assert_eq!(written(&user), None);
    user.replace(2..3, "f");
    assert_eq!(written(&user), Some(1..10));
    user.replace(0..1, "é");
    assert_eq!(written(&user), None, "above it");
    user.replace(5..6, "long");
    assert_eq!((&*user.text, written(&user)), ("é\nf(long, d);\n", Some(2..14)));
}

#[test]
fn undo_removes_edits() {
    let mut user = User::new("one two");
    user.replace(0..3, "1");
    user.replace(2..5, "2");
    assert_eq!(user.replace(0..1, "one"), Recorded::Undo, "the earlier edit");
    assert_eq!(user.edits(), pairs(&[("two", "2")]));
    assert_eq!(user.replace(4..5, ""), Recorded::Edit);
    assert_eq!(user.replace(4..4, "two"), Recorded::Undo, "in two steps");
    assert_eq!((user.text.as_str(), user.edits()), ("one two", vec![]));
}

#[test]
fn history_is_bounded() {
    let mut user = User::new(&"a ".repeat(200));
    for i in 0..100 {
        user.replace(4 * i..4 * i + 1, "b");
    }
    assert_eq!(user.edits().len(), MAX_EDITS);
    user.replace(0..0, &"x".repeat(MAX_CHANGE_BYTES + 1));
    assert_eq!(user.edits(), vec![], "another text");
}

proptest! {
    /// The placed edits have the text they claim, and reverting all edits restores the first text,
    /// also after undo.
    #[test]
    fn reverted_edits_restore_the_text(
        acts in prop::collection::vec((0usize..40, 0usize..6, "[ab\\né]{0,3}", any::<bool>()), 1..30)
    ) {
        let first = "aé b\nab ba\néa";
        let mut user = User::new(first);
        let floor = |text: &str, i: usize| (0..=i).rev().find(|i| text.is_char_boundary(*i)).unwrap();
        for (at, n_bytes, inserted, undoes) in acts {
            let placed = user.history.placed(&user.uri);
            if let Some(it) = placed.get(at % (placed.len() + 1)).filter(|_| undoes) {
                user.replace(it.range.clone(), &it.before);
                continue;
            }
            let start = floor(&user.text, at % (user.text.len() + 1));
            let end = floor(&user.text, (start + n_bytes).min(user.text.len()));
            user.replace(start..end, &inserted);
        }
        for it in user.history.placed(&user.uri) {
            prop_assert_eq!(&user.text[it.range], it.after);
        }
        let mut text = user.text;
        for it in user.history.edits.iter().rev() {
            let range = it.start..it.start + it.after.len();
            prop_assert_eq!(&text[range.clone()], &it.after);
            text.replace_range(range, &it.before);
        }
        prop_assert_eq!(text, first);
    }
}

/// Replaces `«old»` by `new` at the marked places, one after the other, as a user would.
pub(crate) fn replaced(uri: &Arc<str>, marked: &str, new: &str) -> (String, History) {
    let (mut text, mut history) = (marked.to_owned(), History::default());
    while let (Some(start), Some(end)) = (text.find('«'), text.find('»')) {
        let old = text[start + '«'.len_utf8()..end].to_owned();
        text.replace_range(start..end + '»'.len_utf8(), new);
        history.record(uri, start, &old, new);
    }
    (text, history)
}

//! The prompt that judges an edit: the lines that explain the edit's place, and how the text goes on
//! there without the edit and with it.
//!
//! The lines are the last edits, those that open the blocks around the place, and the lines above
//! it, in the order of the document. Edits below come first: the model reads only forwards.

use std::{collections::BTreeSet, ops::Range};

use foretell_edits::{Candidate, Placed};

use super::{End, Prompter, to_lf};
use crate::document::Snapshot;

/// The fewest lines above the place.
const LINES_ABOVE: usize = 4;
/// The lines above start at a multiple of this, so that the prompts of neighbouring places start
/// alike, and share the KV cache.
const STEP_LINES: usize = 4;
/// How many lines above an edit, and below it, are part of its context.
const LINES_AROUND_EDITS: usize = 1;
/// How many of the last edits are part of the context.
const MAX_EDITS: usize = 3;
/// The most lines that open a block.
const MAX_OPENERS: usize = 6;
/// How far above the place they are searched for.
const MAX_OPENER_LINES: usize = 500;
/// How many lines below the place are scored.
const LINES_BELOW: usize = 2;
/// The most tokens of the context, and of what follows it.
const MAX_CONTEXT_TOKENS: usize = 256;
const MAX_FOLLOWING_TOKENS: usize = 40;
/// The longest old or new text.
const MAX_EDIT_BYTES: usize = 400;

/// An edit to judge.
#[derive(Debug, Clone)]
pub struct JudgedEdit {
    /// The range that it replaces, in char_idx.
    pub range: Range<usize>,
    /// The new text.
    pub new: String,
    /// The edits before it in the current text, the last one first, in char_idx.
    pub edits: Vec<Range<usize>>,
}

impl JudgedEdit {
    /// A candidate in a text, after the edits that led to the text, the last one first.
    #[must_use]
    pub fn new(snapshot: &Snapshot, candidate: &Candidate, placed: &[Placed]) -> Self {
        Self {
            range: snapshot.chars_of_bytes(&candidate.range),
            new: candidate.new.clone(),
            edits: placed.iter().map(|it| snapshot.chars_of_bytes(&it.range)).collect(),
        }
    }
}

/// A prompt and its two continuations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct JudgedPrompt {
    pub(crate) prompt: Vec<u32>,
    /// Without the edit, and with it.
    pub(crate) texts: [Vec<u32>; 2],
}

impl Prompter {
    /// The prompt that judges an edit. `None` for a remote server, which scores no texts, and if the
    /// edit is too long or changes no token.
    pub(crate) fn judged(&self, snapshot: &Snapshot, edit: &JudgedEdit) -> Option<JudgedPrompt> {
        let old = snapshot.slice(edit.range.clone());
        if self.is_remote || old.len().max(edit.new.len()) > MAX_EDIT_BYTES {
            return None;
        }
        let context = self.cut(context(snapshot, edit), MAX_CONTEXT_TOKENS, End::Tail).text;
        let bos = self.fim.as_ref().and_then(|it| it.bos);
        let start = snapshot.rope.char_to_line(edit.range.start);
        let head = snapshot.slice(snapshot.rope.line_to_char(start)..edit.range.start);
        // The same text for both: a shorter one would be more likely.
        let follows = follows(snapshot, edit, &old);
        let follows = self.cut(follows, MAX_FOLLOWING_TOKENS, End::Head).text;
        let ids = |text: &str| -> Vec<u32> {
            let text = self.encode(&format!("{context}{head}{text}{follows}"));
            bos.into_iter().chain(text).collect()
        };
        let [without, with] = [ids(&old), ids(&edit.new)];
        let n_common = without.iter().zip(&with).take_while(|(a, b)| a == b).count();
        let is_judged = n_common > 0 && without.len() > n_common && with.len() > n_common;
        is_judged.then(|| JudgedPrompt {
            prompt: without[..n_common].to_vec(),
            texts: [without, with].map(|it| it[n_common..].to_vec()),
        })
    }
}

/// The whole lines that precede the line of the edit.
fn context(snapshot: &Snapshot, JudgedEdit { range, edits, .. }: &JudgedEdit) -> String {
    let rope = &snapshot.rope;
    let (line, last_line) = (rope.char_to_line(range.start), rope.char_to_line(range.end));
    let nearest = line.saturating_sub(LINES_ABOVE) / STEP_LINES * STEP_LINES;
    let mut above: BTreeSet<usize> = (nearest..line).collect();
    above.extend(openers(snapshot, line));
    let mut below = BTreeSet::new();
    for edit in edits.iter().take(MAX_EDITS) {
        let n_chars = rope.len_chars();
        let (first, last) =
            (rope.char_to_line(edit.start.min(n_chars)), rope.char_to_line(edit.end.min(n_chars)));
        let lines = first.saturating_sub(LINES_AROUND_EDITS)..=last + LINES_AROUND_EDITS;
        for it in lines {
            if it < line {
                above.insert(it);
            } else if it > last_line && it < rope.len_lines() {
                below.insert(it);
            }
        }
    }
    let text = |it: usize| snapshot.slice(snapshot.line_range(it)) + "\n";
    below.into_iter().chain(above).map(text).collect()
}

/// The lines above that are less indented than everything between them and `line`: they open the
/// blocks around it.
fn openers(snapshot: &Snapshot, line: usize) -> Vec<usize> {
    let indent = |line: usize| {
        let text = snapshot.rope.line(line);
        let n = text.chars().take_while(|it| *it == ' ' || *it == '\t').count();
        text.get_char(n).filter(|it| !it.is_whitespace()).map(|_| n)
    };
    let Some(mut depth) = indent(line) else { return Vec::new() };
    let mut found = Vec::new();
    for above in (line.saturating_sub(MAX_OPENER_LINES)..line).rev() {
        if depth == 0 || found.len() == MAX_OPENERS {
            break;
        }
        if let Some(n) = indent(above).filter(|n| *n < depth) {
            depth = n;
            found.push(above);
        }
    }
    found
}

/// The text after the edit's place, up to the next place of the old text, which may have to change,
/// too.
fn follows(snapshot: &Snapshot, JudgedEdit { range, .. }: &JudgedEdit, old: &str) -> String {
    let last_line = snapshot.rope.char_to_line(range.end);
    let end = snapshot.line_range(last_line + LINES_BELOW).end.max(range.end);
    let mut text = to_lf(&snapshot.slice(range.end..end)) + "\n";
    let is_word = |it: char| it == '_' || it == '$' || it.is_alphanumeric();
    let old = old.trim();
    let next = text.match_indices(old).map(|(at, _)| at).find(|at| {
        let (before, after) = (&text[..*at], &text[at + old.len()..]);
        let is_open = |a: Option<char>, b: Option<char>| {
            a.zip(b).is_none_or(|(a, b)| !(is_word(a) && is_word(b)))
        };
        is_open(before.chars().next_back(), old.chars().next())
            && is_open(old.chars().next_back(), after.chars().next())
    });
    if let Some(next) = next.filter(|_| !old.is_empty()) {
        text.truncate(next);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use foretell_config::prompt::Window;
    use foretell_engine::scripted::Script;
    use std::sync::Arc;

    /// Takes a text with `[old|new]` where the edit is, and `{}` around the edits before it.
    fn parse(marked: &str) -> (Snapshot, JudgedEdit) {
        let (mut text, mut edits, mut range, mut new) = (String::new(), Vec::new(), 0..0, "");
        let mut rest = marked;
        while let Some(at) = rest.find(['[', '{']) {
            text += &rest[..at];
            let start = text.chars().count();
            let close = if rest[at..].starts_with('[') { ']' } else { '}' };
            let end = rest.find(close).unwrap();
            let inner = &rest[at + 1..end];
            if let Some((old, with)) = inner.split_once('|') {
                text += old;
                (range, new) = (start..text.chars().count(), with);
            } else {
                text += inner;
                edits.push(start..text.chars().count());
            }
            rest = &rest[end + 1..];
        }
        text += rest;
        let edit = JudgedEdit { range, new: new.to_owned(), edits };
        (Snapshot::of_text("file:///a.py", "python", &text), edit)
    }

    /// The prompt and both texts.
    fn judged(marked: &str) -> [String; 3] {
        let (snapshot, edit) = parse(marked);
        let script = Script::new("x").unwrap();
        let vocabulary = script.vocabulary();
        let prompter =
            Prompter::new(Arc::clone(&vocabulary), Some(script.fim()), Window::default());
        let JudgedPrompt { prompt, texts: [without, with] } =
            prompter.judged(&snapshot, &edit).unwrap();
        [prompt, without, with].map(|it| String::from_utf8(vocabulary.bytes_of(&it)).unwrap())
    }

    #[test]
    fn texts_go_on_up_to_the_next_place() {
        let [prompt, without, with] = judged("f({b})\ng([a|b])\nh(1, a)\n");
        assert_eq!(prompt, "f(b)\ng(");
        assert_eq!([without, with], ["a)\nh(1, ", "b)\nh(1, "]);
    }

    #[test]
    fn insertion_and_line_breaks_are_judged() {
        let [prompt, without, with] = judged("f({1, }2)\r\ng([|1, ]3)\r\nh()\r\ni()\r\nj()\r\n");
        assert_eq!(prompt, "f(1, 2)\ng(");
        assert_eq!([without, with], ["3)\nh()\ni()\n", "1, 3)\nh()\ni()\n"]);
    }

    #[test]
    fn context_has_edits_and_the_lines_that_open_blocks() {
        let filler = "        pass\n".repeat(30);
        let text = format!(
            "class A:\n    def far(self):\n{filler}    def f(self, {{size}}):\n{filler}        \
             return [x|size]\n\n# after\n{filler}y = {{size}}\n# end\n"
        );
        let (snapshot, edit) = parse(&text);
        let context = context(&snapshot, &edit);
        let expected = "        pass\ny = size\n# end\nclass A:\n        pass\n    \
            def f(self, size):\n";
        assert!(context.starts_with(expected), "{context}");
        let n_above = context.lines().count() - 5;
        assert!((LINES_ABOVE..LINES_ABOVE + STEP_LINES + 2).contains(&n_above), "{context}");
    }

    #[test]
    fn remote_server_scores_no_texts() {
        let format = foretell_engine::remote::Format::default();
        let remote = Prompter::for_remote(format, Window::default()).unwrap();
        let edit = JudgedEdit { range: 0..1, new: "b".into(), edits: Vec::new() };
        assert_eq!(remote.judged(&Snapshot::of_text("a", "", "a"), &edit), None);
    }
}

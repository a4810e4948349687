//! Determines with tree-sitter whether a text adds syntax errors to the document, and what it
//! leaves open, for the languages in `grammar`.

mod grammar;
mod trees;

use parking_lot::Mutex;
use std::{
    collections::HashMap,
    sync::{Arc, OnceLock},
};

use tree_sitter::{Node, Tree, TreeCursor};

use super::{Cut, Phase, StopRule, lines};
pub use grammar::Grammar;
use trees::Errors;
pub use trees::{Parsed, Trees, errors};

/// A longer document is not parsed: the first parse would take too long.
pub const MAX_BYTES: usize = 200_000;

/// The syntax at one cursor.
#[derive(Debug)]
pub struct Syntax {
    trees: Arc<Trees>,
    uri: Arc<str>,
    grammar: Grammar,
    text: Arc<str>,
    cursor_byte_idx: usize,
    /// The document without a text; parsed when first needed.
    base: OnceLock<Option<Base>>,
    /// The results for texts at this cursor.
    results: Mutex<HashMap<String, Analysis>>,
}

/// The document without a suggestion.
#[derive(Debug)]
struct Base {
    parsed: Parsed,
    /// The number of error nodes with the cursor's line or without it, whichever is smaller: an
    /// incomplete line often is an error itself.
    n_wrong: usize,
    /// The number of missing tokens, counted in the same way.
    n_missing: usize,
}

/// The effect of a text on the document's syntax.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Analysis {
    /// Whether the text adds errors to the document, even if everything it opened is closed.
    is_worse: bool,
    /// Whether the text leaves something open.
    is_open: bool,
}

impl Syntax {
    /// The syntax at a cursor of a document. `None` for an unknown language, by the editor's name
    /// for it or the file's extension.
    #[must_use]
    pub fn new(
        trees: &Arc<Trees>,
        uri: &Arc<str>,
        language: &str,
        text: &str,
        cursor_byte_idx: usize,
    ) -> Option<Self> {
        let grammar = Grammar::of_document(uri, language)?;
        (text.len() <= MAX_BYTES && text.is_char_boundary(cursor_byte_idx)).then(|| Self {
            trees: Arc::clone(trees),
            uri: Arc::clone(uri),
            grammar,
            text: text.into(),
            cursor_byte_idx,
            base: OnceLock::new(),
            results: Mutex::default(),
        })
    }

    /// Shortens `cut`, the result of the other rules, to the last line that adds no errors to the
    /// document. Only complete lines are judged. Unless `holds_lines`, the first line may be shown
    /// before it is complete, and is then kept.
    pub(super) fn cut(&self, text: &str, cut: Cut, phase: Phase, holds_lines: bool) -> Cut {
        let kept = text[..cut.keep_bytes].trim_end();
        let may_grow = !phase.is_final() && cut.stop.is_none();
        let is_cut = text[kept.len()..].trim_start_matches([' ', '\t']).starts_with('\n');
        // The last good line decides, so the lines before it need not be parsed.
        let all: Vec<_> = lines(kept).collect();
        let is_good = |(i, (start, line)): &(usize, &(usize, &str))| {
            let end = *start + line.trim_end().len();
            let is_whole = *i + 1 < all.len() || is_cut || !may_grow;
            let is_first = kept[..*start].trim().is_empty();
            is_first && !holds_lines
                || is_whole && !line.trim().is_empty() && !self.is_worse(&kept[..end])
        };
        let last = all.iter().enumerate().rev().find(is_good);
        let good = last.map_or(0, |(_, (start, line))| start + line.trim_end().len());
        match (good < kept.len(), may_grow) {
            (true, false) => Cut { keep_bytes: good, stop: Some(StopRule::SyntaxErrors) },
            (true, true) => Cut { keep_bytes: good, stop: None },
            (false, _) => cut,
        }
    }

    /// Rejects lines inserted above the existing line if they add errors to the document; the
    /// existing line may be the body of what they open. If the first line, of `first_bytes`, adds
    /// none, it is kept: it may have been shown before the others were generated.
    pub(super) fn cut_before_line(
        &self,
        text: &str,
        cut: Cut,
        first_bytes: usize,
        phase: Phase,
    ) -> Cut {
        if text[..cut.keep_bytes].trim().is_empty() {
            return Cut { keep_bytes: 0, ..cut };
        }
        let is_good = |n_bytes: &usize| !self.is_worse(&text[..*n_bytes]);
        if is_good(&cut.keep_bytes) {
            return cut;
        }
        // Lines that add errors may be correct together with the next ones.
        let may_grow = !phase.is_final() && cut.stop.is_none();
        let first = Some(first_bytes).filter(|it| *it < cut.keep_bytes).filter(is_good);
        let stop = (!may_grow).then_some(StopRule::SyntaxErrors);
        Cut { keep_bytes: first.unwrap_or(0), stop }
    }

    /// Whether a text adds errors to the document, even if everything it opened is closed. Always
    /// false if the grammar cannot parse the document because of its macros.
    pub(super) fn is_worse(&self, text: &str) -> bool {
        let is_worse = self.analysis(text).is_worse;
        let base = self.base.get().and_then(Option::as_ref);
        let is_understood = !self.grammar.has_macros()
            || base.is_some_and(|it| it.n_wrong == 0) && !has_attribute_macro(text);
        is_worse && is_understood
    }

    /// Whether the document has no syntax errors at the cursor with a text, as far as the grammar can
    /// parse the document.
    pub(super) fn continues_after(&self, text: &str) -> bool {
        let Some(base) = self.base.get_or_init(|| self.parse_base()) else { return true };
        let at = self.cursor_byte_idx..self.cursor_byte_idx;
        let Some(tree) = base.parsed.with(at, text) else { return true };
        let with = errors(&tree);
        let is_worse = with.n_wrong > base.n_wrong || with.n_missing > base.n_missing;
        // A missing line break is not a visible node.
        let is_hidden = |tree: &Tree| errors(tree).n() == 0 && tree.root_node().has_error();
        let is_worse = is_worse || is_hidden(&tree) && !is_hidden(&base.parsed.tree);
        let is_understood = !self.grammar.has_macros() || base.n_wrong == 0;
        !(is_worse && is_understood)
    }

    fn analysis(&self, text: &str) -> Analysis {
        if let Some(known) = self.results.lock().get(text) {
            return *known;
        }
        // A text whose syntax cannot be determined is not rejected.
        let analysis = self.analyze(text).unwrap_or_default();
        self.results.lock().insert(text.to_owned(), analysis);
        analysis
    }

    /// `None` if parsing takes too long.
    fn analyze(&self, text: &str) -> Option<Analysis> {
        let Base { parsed, n_wrong, .. } = self.base.get_or_init(|| self.parse_base()).as_ref()?;
        // The text replaces auto-closed text that it repeats.
        let rest = self.text[self.cursor_byte_idx..].split('\n').next().unwrap_or_default();
        let replaced = rest.char_indices().nth(crate::n_replaced(text, rest));
        let end = self.cursor_byte_idx + replaced.map_or(rest.len(), |it| it.0);
        let at = self.cursor_byte_idx..end;
        let tree = parsed.with(at.clone(), text)?;
        let with = errors(&tree);
        let is_worse = with.n() > parsed.errors.n();
        let Some(closed) = self.closed(text, &self.opened(&tree, text)) else {
            // A complete line has no error, unless it continues on the next one.
            let is_wrong = with.n_wrong > *n_wrong && !continues_on_next_line(text);
            return Some(Analysis { is_worse: is_worse || is_wrong, is_open: false });
        };
        let is_worse = is_worse && errors(&parsed.with(at, &closed)?).n() > parsed.errors.n();
        Some(Analysis { is_worse, is_open: true })
    }

    fn parse_base(&self) -> Option<Base> {
        let mut parsed = self.trees.parsed(&self.uri, self.grammar, &self.text)?;
        if let Some(other) = self.grammar.alternative()
            && (parsed.errors.n() > 0 || has_classes(&self.text))
            && let Some(other) = self.trees.parsed(&self.uri, other, &self.text)
            && (other.errors.n() < parsed.errors.n()
                || other.errors == parsed.errors && has_classes(&self.text))
        {
            parsed = other;
        }
        let Errors { mut n_wrong, mut n_missing } = parsed.errors;
        if n_wrong + n_missing > 0 {
            let cursor = self.cursor_byte_idx;
            let start = self.text[..cursor].rfind('\n').map_or(0, |at| at + 1);
            let end = self.text[cursor..].find('\n').map_or(self.text.len(), |at| cursor + at);
            let without = errors(&parsed.with(start..end, "")?);
            n_wrong = n_wrong.min(without.n_wrong);
            n_missing = n_missing.min(without.n_missing);
        }
        Some(Base { parsed, n_wrong, n_missing })
    }

    /// The closers of what the text leaves open, the innermost last.
    fn opened(&self, tree: &Tree, text: &str) -> Vec<&'static str> {
        let range = self.cursor_byte_idx..self.cursor_byte_idx + text.len();
        let mut open = Vec::new();
        each_leaf(tree.root_node(), &range, |leaf| {
            if leaf.is_missing()
                || !range.contains(&leaf.start_byte())
                || leaf.end_byte() > range.end
            {
                return;
            }
            match self.grammar.closer(leaf.kind()) {
                Some(closer) if !leaf.is_named() => open.push(closer),
                _ if open.last() == Some(&leaf.kind()) => drop(open.pop()),
                _ => {}
            }
        });
        open
    }

    /// The text with everything it opened closed; `None` if it has opened nothing.
    fn closed(&self, text: &str, open: &[&str]) -> Option<String> {
        let last_line = text.rsplit('\n').next().unwrap_or_default();
        let wants_body = self.grammar.is_indented() && last_line.trim_end().ends_with(':');
        if open.is_empty() && !wants_body {
            return None;
        }
        let mut closed = text.to_owned();
        if wants_body {
            // A statement on the header's line is a body, however deep the block is.
            closed.push_str(" pass");
        }
        for closer in open.iter().rev() {
            let is_bracket = closer.len() == 1;
            closed.push_str(if is_bracket { "" } else { "\n" });
            closed.push_str(closer);
        }
        Some(closed)
    }
}

/// Whether a C file contains C++. The C grammar reports no error for `namespace a { class B; }`.
fn has_classes(text: &str) -> bool {
    let starts =
        |line: &str| ["namespace ", "class ", "template"].iter().any(|it| line.starts_with(it));
    text.lines().any(starts)
}

/// Whether a macro such as `API` is next to a name or after `)`, where C allows no word.
fn has_attribute_macro(text: &str) -> bool {
    const BEFORE_VALUES: [&str; 4] = ["return", "case", "goto", "else"];
    let is_word = |c: char| c == '_' || c.is_ascii_alphanumeric();
    let is_macro = |it: &str| {
        it.len() > 2
            && it.starts_with(|c: char| c.is_ascii_uppercase())
            && it.chars().all(|c| c == '_' || c.is_ascii_uppercase() || c.is_ascii_digit())
    };
    let name = |it: &str| it.split(|c| !is_word(c)).next().unwrap_or_default().len();
    text.split('\n').any(|line| {
        let starts =
            line.char_indices().filter(|(at, c)| is_word(*c) && !line[..*at].ends_with(is_word));
        starts.map(|(at, _)| (at, at + name(&line[at..]))).any(|(start, end)| {
            let (before, after) = (line[..start].trim_end(), &line[end..]);
            let word_before = before.rsplit(|c| !is_word(c)).next().unwrap_or_default();
            let is_beside_name = before.ends_with(')')
                || !word_before.is_empty() && !BEFORE_VALUES.contains(&word_before)
                || after.starts_with(' ') && after.trim_start().starts_with(is_word);
            is_macro(&line[start..end]) && is_beside_name
        })
    })
}

/// Whether a statement may continue on the next line, judging by its last character.
fn continues_on_next_line(text: &str) -> bool {
    let last = text.trim_end().chars().next_back();
    last.is_some_and(|c| !c.is_alphanumeric() && !matches!(c, ')' | ']' | '}' | ';' | '"' | '\''))
}

/// Calls `visit` with each leaf in a range, and with those that are partly in it.
fn each_leaf<'a>(root: Node<'a>, range: &std::ops::Range<usize>, mut visit: impl FnMut(Node<'a>)) {
    let mut cursor: TreeCursor<'a> = root.walk();
    loop {
        let node = cursor.node();
        if node.start_byte() >= range.end {
            return;
        }
        // A document may have thousands of nodes before the range. If only hidden nodes reach into
        // it, the first call finds none of those that follow.
        if node.end_byte() > range.start
            && (cursor.goto_first_child_for_byte(range.start).is_some()
                || cursor.goto_first_child())
        {
            continue;
        }
        if node.child_count() == 0 {
            visit(node);
        }
        while !cursor.goto_next_sibling() {
            if !cursor.goto_parent() {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests;

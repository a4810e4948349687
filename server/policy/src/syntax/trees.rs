//! The syntax trees of recently completed documents. Only the changed parts of a document are
//! parsed again.

use parking_lot::Mutex;
use std::{
    ops::{ControlFlow, Range},
    sync::Arc,
};

use tree_sitter::{InputEdit, ParseOptions, Parser, Point, Tree};

use super::grammar::Grammar;

/// The maximum number of documents whose trees are kept.
const MAX_TREES: usize = 4;
/// The first parse of a document is abandoned after this many steps of tree-sitter's progress
/// callback, about 25 µs each: about 100 ms. A clock would make the result depend on the machine's
/// load.
const MAX_FIRST_STEPS: usize = 4_000;
/// The limit for parsing a document again, for example with a text inserted: about 5 ms.
const MAX_STEPS: usize = 200;

/// The trees of recently completed documents.
#[derive(Debug, Default)]
pub struct Trees(Mutex<Vec<Parsed>>);

/// A text with its tree.
#[derive(Debug, Clone)]
pub struct Parsed {
    uri: Arc<str>,
    grammar: Grammar,
    text: Arc<str>,
    /// The tree.
    pub tree: Tree,
    /// Its errors.
    pub errors: Errors,
}

/// The errors in a tree.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Errors {
    /// Error nodes.
    pub n_wrong: usize,
    /// Missing tokens.
    pub n_missing: usize,
}

impl Errors {
    /// All of them.
    #[must_use]
    pub fn n(self) -> usize {
        self.n_wrong + self.n_missing
    }
}

impl Trees {
    /// The tree of a document's text. `None` if parsing takes too long.
    pub fn parsed(&self, uri: &Arc<str>, grammar: Grammar, text: &Arc<str>) -> Option<Parsed> {
        let mut trees = self.0.lock();
        let at = trees.iter().position(|it| it.uri == *uri && it.grammar == grammar);
        let old = at.map(|at| trees.remove(at));
        let parsed = match old {
            Some(old) if old.text == *text => old,
            old => {
                let old = old.map(|it| it.edited(text));
                let tree = parse(grammar, &[text], old.as_ref())?;
                let errors = errors(&tree);
                Parsed { uri: Arc::clone(uri), grammar, text: Arc::clone(text), tree, errors }
            }
        };
        if trees.len() == MAX_TREES {
            trees.remove(0);
        }
        trees.push(parsed.clone());
        Some(parsed)
    }
}

impl Parsed {
    /// The tree, edited for tree-sitter's incremental parsing of `text`.
    fn edited(self, text: &str) -> Tree {
        let (old, new) = (self.text.as_bytes(), text.as_bytes());
        let n_shorter = old.len().min(new.len());
        let start = old.iter().zip(new).take_while(|(a, b)| a == b).count();
        let ends = old[start..].iter().rev().zip(new[start..].iter().rev());
        let n_end = ends.take(n_shorter - start).take_while(|(a, b)| a == b).count();
        let mut tree = self.tree;
        tree.edit(&InputEdit {
            start_byte: start,
            old_end_byte: old.len() - n_end,
            new_end_byte: new.len() - n_end,
            start_position: point(old, start),
            old_end_position: point(old, old.len() - n_end),
            new_end_position: point(new, new.len() - n_end),
        });
        tree
    }

    /// Parses the text with a range of bytes replaced. `None` if the range is invalid or parsing
    /// takes too long.
    #[must_use]
    pub fn with(&self, range: Range<usize>, inserted: &str) -> Option<Tree> {
        let (before, after) = (self.text.get(..range.start)?, self.text.get(range.end..)?);
        let start = point(self.text.as_bytes(), range.start);
        let end_of = |text: &str| {
            let end = point(text.as_bytes(), text.len());
            let column = if end.row == 0 { start.column + end.column } else { end.column };
            Point { row: start.row + end.row, column }
        };
        let mut tree = self.tree.clone();
        tree.edit(&InputEdit {
            start_byte: range.start,
            old_end_byte: range.end,
            new_end_byte: range.start + inserted.len(),
            start_position: start,
            old_end_position: end_of(self.text.get(range)?),
            new_end_position: end_of(inserted),
        });
        parse(self.grammar, &[before, inserted, after], Some(&tree))
    }
}

/// The row and column (in bytes) of a byte_idx.
fn point(text: &[u8], byte_idx: usize) -> Point {
    let before = &text[..byte_idx];
    // The sum of a chunk fits into a byte, so many bytes are compared at once.
    let in_chunk = |chunk: &[u8]| chunk.iter().map(|byte| u8::from(*byte == b'\n')).sum::<u8>();
    let row = before.chunks(usize::from(u8::MAX)).map(|it| usize::from(in_chunk(it))).sum();
    let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    Point { row, column: byte_idx - line_start }
}

/// Parses the concatenation of `pieces`, reusing the nodes of an edited `old` tree. `None` if it
/// takes too long.
fn parse(grammar: Grammar, pieces: &[&str], old: Option<&Tree>) -> Option<Tree> {
    let mut parser = Parser::new();
    parser.set_language(&grammar.language()).ok()?;
    let mut read = |byte_idx: usize, _| {
        let mut left = byte_idx;
        for piece in pieces {
            match piece.as_bytes().get(left..) {
                Some([]) | None => left -= piece.len().min(left),
                Some(rest) => return rest,
            }
        }
        &[]
    };
    let mut n_left = if old.is_none() { MAX_FIRST_STEPS } else { MAX_STEPS };
    let mut count = |_: &_| match n_left.checked_sub(1) {
        Some(n) => {
            n_left = n;
            ControlFlow::Continue(())
        }
        None => ControlFlow::Break(()),
    };
    let options = ParseOptions::new().progress_callback(&mut count);
    parser.parse_with_options(&mut read, old, Some(options))
}

/// Counts the errors in a tree.
#[must_use]
pub fn errors(tree: &Tree) -> Errors {
    let mut cursor = tree.walk();
    let mut errors = Errors::default();
    loop {
        let node = cursor.node();
        errors.n_wrong += usize::from(node.is_error());
        errors.n_missing += usize::from(node.is_missing());
        if node.has_error() && cursor.goto_first_child() {
            continue;
        }
        while !cursor.goto_next_sibling() {
            if !cursor.goto_parent() {
                return errors;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(trees: &Trees, text: &str) -> Parsed {
        trees.parsed(&"a".into(), Grammar::Rust, &text.into()).unwrap()
    }

    #[test]
    fn incremental_parse_matches_a_full_parse() {
        let trees = Trees::default();
        let texts =
            ["fn f() { a(1); }", "fn f() { a(1, é); }", "fn f() {  }", "", "fn g() {}\nx", "é"];
        for text in texts {
            let followed = parsed(&trees, text);
            let anew = parsed(&Trees::default(), text);
            assert_eq!(followed.tree.root_node().to_sexp(), anew.tree.root_node().to_sexp());
            assert_eq!(followed.errors, anew.errors);
        }
    }

    #[test]
    fn inserted_text_is_parsed_in_place() {
        let trees = Trees::default();
        let parsed = parsed(&trees, "fn f() {\n    \n}\n");
        for inserted in ["", "a();", "a(\n    é);\nb", "}"] {
            let text = format!("fn f() {{\n    {inserted}\n}}\n");
            let anew = parse(Grammar::Rust, &[&text], None).unwrap();
            let with = parsed.with(13..13, inserted).unwrap();
            assert_eq!(with.root_node().to_sexp(), anew.root_node().to_sexp());
        }
        assert!(parsed.with(99..99, "").is_none());
    }

    #[test]
    fn errors_are_counted() {
        let n = |text| errors(&parse(Grammar::Rust, &[text], None).unwrap()).n();
        assert_eq!(n("fn f() { g(1); }"), 0);
        assert_eq!(n("fn f() { g(1) h(2) }"), 1);
        assert!(n("fn f() { g(1; }") > 0);
    }
}

//! The path from the root of a syntax tree to a leaf.

use std::ops::Range;

use tree_sitter::{Node, Tree, TreeCursor};

/// A node on a path, with the name of its field in its parent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step<'t> {
    pub(crate) node: Node<'t>,
    pub(crate) field: Option<&'t str>,
}

impl<'t> Step<'t> {
    pub(crate) fn kind(&self) -> &'t str {
        self.node.kind()
    }

    pub(crate) fn has_field(&self, name: &str) -> bool {
        self.field == Some(name)
    }

    pub(crate) fn child(&self, field: &str) -> Option<Node<'t>> {
        self.node.child_by_field_name(field)
    }
}

/// The nodes from a leaf up to the root. `path[0]` is the leaf.
#[derive(Debug, Clone)]
pub(crate) struct Path<'t>(Vec<Step<'t>>);

impl<'t> Path<'t> {
    /// The path to the smallest node that covers a range.
    pub(crate) fn to(tree: &'t Tree, range: &Range<usize>) -> Self {
        let mut cursor = tree.walk();
        let mut steps = Vec::new();
        loop {
            steps.push(Step { node: cursor.node(), field: cursor.field_name() });
            if !goto_child(&mut cursor, range) {
                steps.reverse();
                return Self(steps);
            }
        }
    }

    pub(crate) fn leaf(&self) -> Step<'t> {
        self.0[0]
    }

    /// The `n`-th ancestor of the leaf.
    pub(crate) fn up(&self, n: usize) -> Option<&Step<'t>> {
        self.0.get(n)
    }

    pub(crate) fn steps(&self) -> &[Step<'t>] {
        &self.0
    }

    /// Whether an ancestor is one of these kinds.
    pub(crate) fn is_in(&self, kinds: &[&str]) -> bool {
        self.0.iter().any(|it| kinds.contains(&it.kind()))
    }

    /// The kind of the `n`-th ancestor; empty if there is none.
    pub(crate) fn kind(&self, n: usize) -> &'t str {
        self.up(n).map_or("", Step::kind)
    }

    /// The field of the `n`-th ancestor in its parent; empty if it has none.
    pub(crate) fn field(&self, n: usize) -> &'t str {
        self.up(n).and_then(|it| it.field).unwrap_or_default()
    }
}

/// Moves to the child that covers a range.
fn goto_child(cursor: &mut TreeCursor<'_>, range: &Range<usize>) -> bool {
    let covers = |it: Node<'_>| it.start_byte() <= range.start && it.end_byte() >= range.end;
    // If only hidden nodes reach into the range, the first call finds none.
    if cursor.goto_first_child_for_byte(range.start).is_none() && !cursor.goto_first_child() {
        return false;
    }
    while !covers(cursor.node()) {
        if cursor.node().start_byte() > range.start || !cursor.goto_next_sibling() {
            cursor.goto_parent();
            return false;
        }
    }
    true
}

//! Imports that lost their last use in one of the last edits.

use std::{collections::HashSet, ops::Range, sync::Arc};

use foretell_policy::{Grammar, Parsed};
use tree_sitter::{Node, Tree};

use super::{
    Change, MAX_EDITS, Reverted, identifiers, is_written,
    read::{Imported, Statement, named_children, statements},
    uses::{is_no_trait, is_use, lines},
};
use crate::{bindings::Names, history::Placed, languages::Rules, words};

/// A name that occurs more often has uses left.
const MAX_OCCURRENCES: usize = 200;
/// The names that JSX is compiled to.
const JSX: [&str; 3] = ["React", "h", "Fragment"];

/// The removal of each import of a text that lost its last use. `parse` parses an earlier text.
pub(crate) fn unused(
    text: &str,
    tree: &Tree,
    rules: &'static Rules,
    placed: &[Placed],
    parse: impl FnOnce(&Arc<str>) -> Option<Parsed>,
) -> Vec<Change> {
    let Some(last) = placed.first() else { return Vec::new() };
    let placed = &placed[..placed.len().min(MAX_EDITS)];
    let Some(reverted) = Reverted::new(text, placed) else { return Vec::new() };
    let removed = reverted.ranges.iter().map(|it| &reverted.text[it.clone()]);
    let removed: HashSet<&str> = removed.flat_map(|it| identifiers(it).map(|it| it.1)).collect();
    if removed.is_empty() {
        return Vec::new();
    }
    // A word that is a part of the name may become it.
    let n_typed = words::n_before(text, last.range.end);
    let typed = &text[last.range.end - n_typed..last.range.end];
    let is_typed = |name: &str| !typed.is_empty() && name.starts_with(typed);
    let statements = statements(text, tree, rules.grammar);
    let all = || statements.iter().flat_map(|it| it.names.iter().map(move |name| (it, name)));
    let is_left =
        |name: &str| removed.contains(name) && may_go(name, rules.grammar) && !is_typed(name);
    let unused = all().filter(|(_, it)| is_left(&it.name) && !is_used(text, tree, rules, it));
    let unused: Vec<_> = unused.collect();
    if unused.is_empty() {
        return Vec::new();
    }
    let before = Arc::from(reverted.text.as_str());
    let Some(parsed) = parse(&before) else { return Vec::new() };
    let earlier = self::statements(&before, &parsed.tree, rules.grammar);
    let earlier: Vec<&Imported<'_>> = earlier.iter().flat_map(|it| &it.names).collect();
    let mut found = Vec::new();
    for (statement, import) in unused {
        let mut same = earlier.iter().filter(|it| it.name == import.name);
        let (Some(old), None) = (same.next(), same.next()) else { continue };
        let names = Names::new(&before, &parsed.tree, rules, &import.name);
        let is_removed = |at: &Range<usize>| {
            reverted.ranges.iter().any(|it| it.start <= at.start && at.end <= it.end)
        };
        let mut uses = names.occurrences.iter().filter(|it| is_use(&names, old, it));
        if !uses.any(|it| is_removed(&it.range)) {
            continue;
        }
        let is_certain =
            rules.grammar != Grammar::Rust || is_no_trait(&names, old) && !has_modules(tree);
        let removal = Removal { text, statement, grammar: rules.grammar }.of(import.node);
        let Some((range, new)) = removal.filter(|it| !is_written(placed, &it.0)) else { continue };
        found.push(Change { range, new, is_certain });
    }
    found
}

/// Whether an unused name means nothing else.
fn may_go(name: &str, grammar: Grammar) -> bool {
    !(name.starts_with('_') || grammar == Grammar::Tsx && JSX.contains(&name))
}

fn is_used(text: &str, tree: &Tree, rules: &'static Rules, import: &Imported<'_>) -> bool {
    let is_frequent = words::occurrences(text, &import.name).nth(MAX_OCCURRENCES).is_some();
    is_frequent || {
        let names = Names::new(text, tree, rules, &import.name);
        names.occurrences.iter().any(|it| is_use(&names, import, it))
    }
}

/// Whether a Rust file has modules in other files, which see its imports.
fn has_modules(tree: &Tree) -> bool {
    let children = named_children(tree.root_node());
    children.iter().any(|it| it.kind() == "mod_item" && it.child_by_field_name("body").is_none())
}

/// How an imported name is removed.
struct Removal<'a, 't> {
    text: &'a str,
    statement: &'a Statement<'t>,
    grammar: Grammar,
}

impl<'t> Removal<'_, 't> {
    /// The range to replace, and its new text. `None` if comments belong to the import, or if other
    /// code is on its line.
    fn of(&self, mut node: Node<'t>) -> Option<(Range<usize>, String)> {
        let Self { text, statement, grammar } = self;
        let comment = if *grammar == Grammar::Python { "#" } else { "//" };
        let own_lines = &text[lines(text, &statement.node.byte_range())];
        if own_lines.contains(comment) || own_lines.contains("/*") {
            return None;
        }
        loop {
            let list = self.list(node);
            if list.len() > 1 {
                return if *grammar == Grammar::Go {
                    self.whole_lines(&node.byte_range())
                } else if let Some(it) = self.left_alone(node, &list) {
                    Some(it)
                } else {
                    self.with_comma(node, &list)
                };
            }
            if node.id() == statement.node.id() {
                return self.whole_lines(&statement.node.byte_range());
            }
            node = node.parent()?;
        }
    }

    /// The names next to one, with itself, if it is in a list.
    fn list(&self, node: Node<'t>) -> Vec<Node<'t>> {
        let Some(parent) = node.parent() else { return Vec::new() };
        match parent.kind() {
            "import_statement" | "import_from_statement" if self.grammar == Grammar::Python => {
                let mut cursor = parent.walk();
                parent.children_by_field_name("name", &mut cursor).collect()
            }
            "import_clause" | "named_imports" | "use_list" | "import_spec_list" => {
                named_children(parent)
            }
            _ => Vec::new(),
        }
    }

    /// Rust: `a::{b, c}` becomes `a::b`.
    fn left_alone(&self, node: Node<'t>, list: &[Node<'t>]) -> Option<(Range<usize>, String)> {
        let parent = node.parent().filter(|it| it.kind() == "use_list" && list.len() == 2)?;
        let other = list.iter().find(|it| it.id() != node.id())?;
        if other.kind() != "self" {
            return Some((parent.byte_range(), self.text[other.byte_range()].to_owned()));
        }
        let path = parent.parent()?.child_by_field_name("path")?;
        Some((path.end_byte()..parent.end_byte(), String::new()))
    }

    /// Removes a name with its comma.
    fn with_comma(&self, node: Node<'t>, list: &[Node<'t>]) -> Option<(Range<usize>, String)> {
        let text = self.text;
        let i = list.iter().position(|it| it.id() == node.id())?;
        let own = lines(text, &node.byte_range());
        let is_alone = text[own.start..node.start_byte()].trim().is_empty()
            && text[node.end_byte()..own.end].trim() == ",";
        if is_alone {
            return Some((own, String::new()));
        }
        let range = match (list.get(i + 1), i.checked_sub(1)) {
            (Some(next), _) => node.start_byte()..next.start_byte(),
            (None, previous) => list[previous?].end_byte()..node.end_byte(),
        };
        Some((range, String::new()))
    }

    /// Removes the lines of a statement, and the blank lines that it was between, as far as others
    /// remain.
    fn whole_lines(&self, range: &Range<usize>) -> Option<(Range<usize>, String)> {
        let text = self.text;
        let own = lines(text, range);
        let is_alone = text[own.start..range.start].trim().is_empty()
            && text[range.end..own.end].trim_matches([';', ' ', '\t', '\r', '\n']).is_empty();
        if !is_alone {
            return None;
        }
        let blank = |it: &&str| it.trim().is_empty();
        let above: Vec<&str> =
            text[..own.start].split_inclusive('\n').rev().take_while(blank).collect();
        let below: Vec<&str> = text[own.end..].split_inclusive('\n').take_while(blank).collect();
        let n_bytes = |of: &[&str]| of.iter().map(|it| it.len()).sum::<usize>();
        let (n_above, n_below) = (n_bytes(&above), n_bytes(&below));
        let starts = text[..own.start - n_above].trim_end().is_empty()
            || text[..own.start - n_above].trim_end().ends_with('(');
        let ends = text[own.end + n_below..].trim_start().starts_with(')')
            || own.end + n_below == text.len();
        let range = if starts || above.len() > below.len() && !ends {
            own.start..own.end + n_below
        } else if ends || !below.is_empty() {
            own.start - n_above..own.end
        } else {
            own
        };
        Some((range, String::new()))
    }
}

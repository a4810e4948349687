//! Adds a name to a statement that imports others from the same module.

use foretell_policy::Grammar;
use tree_sitter::{Node, Tree};

use super::{
    read::{Import, Statement, child, named_children, statements},
    uses::lines,
};

/// A longer line gets a statement of its own instead.
const MAX_COLUMNS: usize = 88;

/// Where a name is inserted into the list of a statement, and with which text.
pub(super) fn join(
    text: &str,
    tree: &Tree,
    grammar: Grammar,
    import: &Import,
) -> Option<(usize, String)> {
    let item = import.item.as_deref()?;
    let there = statements(text, tree, grammar);
    let list = there.iter().find_map(|it| list(text, grammar, it, import))?;
    let key = |text: &str| text.trim_start_matches("type ").to_lowercase();
    let keys: Vec<String> = list.iter().map(|it| key(&text[it.byte_range()])).collect();
    // `self` comes first.
    let is_sorted = keys.is_sorted_by(|a, b| a <= b || a == "self");
    let next = keys.iter().position(|it| is_sorted && it != "self" && *it > key(item));
    let first = *list.first()?;
    let own_line = lines(text, &first.byte_range());
    let indent = &text[own_line.start..first.start_byte()];
    if indent.trim().is_empty() {
        let like = next.map_or(*list.last()?, |it| list[it]);
        let its = lines(text, &like.byte_range());
        let is_alone = text[its.clone()].trim().strip_suffix(',') == Some(&text[like.byte_range()]);
        let at = if next.is_some() { its.start } else { its.end };
        let line_break = if text[its].ends_with("\r\n") { "\r\n" } else { "\n" };
        return is_alone.then(|| (at, format!("{indent}{item},{line_break}")));
    }
    let is_short = text[own_line].len() + item.len() + ", ".len() <= MAX_COLUMNS;
    let (at, new) = match next {
        Some(it) => (list[it].start_byte(), format!("{item}, ")),
        None => (list.last()?.end_byte(), format!(", {item}")),
    };
    is_short.then_some((at, new))
}

/// The names of a statement, if it may import another one.
fn list<'t>(
    text: &str,
    grammar: Grammar,
    statement: &Statement<'t>,
    import: &Import,
) -> Option<Vec<Node<'t>>> {
    let node = statement.node;
    let own = &text[node.byte_range()];
    if own.contains("//") || own.contains("/*") || own.contains('#') || statement.is_wildcard {
        return None;
    }
    let found = match grammar {
        Grammar::Python => {
            let is_same = statement.path == import.path && node.kind() == "import_from_statement";
            is_same.then(|| statement.names.iter().map(|it| it.node).collect())?
        }
        Grammar::Tsx => {
            let is_type = |text: &str| text.starts_with("import type");
            let is_same = statement.path == import.path && is_type(own) == is_type(&import.line);
            let clause = child(node, "import_clause").filter(|_| is_same)?;
            named_children(child(clause, "named_imports")?)
        }
        Grammar::Rust => {
            // A public one is for others.
            let argument =
                node.child_by_field_name("argument").filter(|_| !statement.names.is_empty())?;
            let path = argument.child_by_field_name("path")?;
            let module = import.path.rsplit_once("::")?.0;
            let is_same = text[path.byte_range()] == *module;
            named_children(argument.child_by_field_name("list").filter(|_| is_same)?)
        }
        _ => return None,
    };
    (!found.is_empty()).then_some(found)
}

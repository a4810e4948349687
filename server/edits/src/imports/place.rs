//! Where an import is inserted.

use std::ops::Range;

use foretell_policy::Grammar;
use tree_sitter::{Node, Tree};

use super::{
    read::{Import, child, named_children, statements},
    uses::lines,
};

/// Imports with a common start of this length belong together.
const MIN_COMMON: usize = 3;

/// An import that is there.
struct Line {
    range: Range<usize>,
    /// What imports are sorted by.
    key: String,
    /// Python: whether it is `from … import …`, which are sorted among themselves.
    is_from: bool,
}

/// Where an import is inserted, and with which lines.
pub(super) fn place(
    text: &str,
    tree: &Tree,
    grammar: Grammar,
    import: &Import,
) -> Option<(usize, String)> {
    let all = there(text, tree, grammar);
    let Some(block) = block(&all, import, grammar) else {
        let at = first_place(text, tree, grammar)?;
        let line = if grammar == Grammar::Go {
            format!("import {}", import.line)
        } else {
            import.line.clone()
        };
        let line_break = line_break(text);
        let starts = text[..at].is_empty();
        return Some((
            at,
            if starts {
                format!("{line}{line_break}{line_break}")
            } else {
                format!("{line_break}{line}{line_break}")
            },
        ));
    };
    let is_from = import.line.starts_with("from ");
    let alike: Vec<&Line> = block.iter().filter(|it| it.is_from == is_from).collect();
    let key = key(&import.path);
    let is_sorted = alike.is_sorted_by(|a, b| a.key <= b.key);
    let next = alike.iter().find(|it| is_sorted && it.key > key);
    // Statements of another form come first or last.
    let first = block.first().filter(|_| alike.is_empty() && !is_from);
    let last = || alike.last().copied().or(block.last());
    let (at, like) = match next.copied().or(first) {
        Some(it) => (it.range.start, it),
        None => last().map(|it| (it.range.end, it))?,
    };
    // The text may end without a line break.
    if at > 0 && !text[..at].ends_with('\n') {
        return None;
    }
    let its = &text[like.range.clone()];
    let indent = &its[..its.len() - its.trim_start().len()];
    let keyword = if grammar == Grammar::Go && indent.is_empty() { "import " } else { "" };
    Some((at, format!("{indent}{keyword}{}{}", import.line, line_break(text))))
}

fn line_break(text: &str) -> &'static str {
    if text.contains("\r\n") { "\r\n" } else { "\n" }
}

fn key(path: &str) -> String {
    path.to_lowercase()
}

/// The imports of a text that have lines of their own.
fn there(text: &str, tree: &Tree, grammar: Grammar) -> Vec<Line> {
    let mut found = Vec::new();
    for it in statements(text, tree, grammar) {
        let list = child(it.node, "import_spec_list");
        let mut add = |node: Node<'_>, path: &str| {
            let range = lines(text, &node.byte_range());
            let is_whole = text[range.start..node.start_byte()].trim().is_empty();
            let is_from = node.kind() == "import_from_statement";
            if is_whole {
                found.push(Line { range, key: key(path), is_from });
            }
        };
        let Some(list) = list else {
            add(it.node, &it.path);
            continue;
        };
        for spec in named_children(list) {
            let path = spec.child_by_field_name("path").map_or("", |it| &text[it.byte_range()]);
            add(spec, path.trim_matches(['"', '`']));
        }
    }
    found
}

/// The imports without a gap that an import belongs to: those with the most similar path, otherwise
/// the last ones of the same origin.
fn block<'a>(all: &'a [Line], import: &Import, grammar: Grammar) -> Option<&'a [Line]> {
    let key = key(&import.path);
    let blocks = || all.chunk_by(|a, b| a.range.end == b.range.start);
    let common = |it: &Line| it.key.bytes().zip(key.bytes()).take_while(|(a, b)| a == b).count();
    let likeness = |it: &&[Line]| it.iter().map(common).max().unwrap_or(0);
    let best = blocks().max_by_key(likeness).filter(|it| likeness(it) >= MIN_COMMON);
    let own = origin(&key, grammar);
    let same = || blocks().rfind(|it| it.iter().any(|it| origin(&it.key, grammar) == own));
    best.or_else(same).or_else(|| blocks().next_back())
}

/// Where a module is from, as far as its path shows it: this project, the standard library, or
/// another one.
fn origin(path: &str, grammar: Grammar) -> u8 {
    let first = path.split(['/', ':']).next().unwrap_or_default();
    let is_own = path.starts_with('.') || ["crate", "self", "super"].contains(&first);
    let is_standard = match grammar {
        Grammar::Go => !first.contains('.'),
        Grammar::Rust => ["std", "core", "alloc"].contains(&first),
        Grammar::Java => path.starts_with("java"),
        _ => false,
    };
    if is_own { 0 } else { 1 + u8::from(is_standard) }
}

/// The start of the line where the first import of a file belongs: below the package, the comments
/// and directives.
fn first_place(text: &str, tree: &Tree, grammar: Grammar) -> Option<usize> {
    let after = |it: &Node<'_>| lines(text, &it.byte_range()).end;
    let children = named_children(tree.root_node());
    let is_package =
        |it: &&Node<'_>| ["package_clause", "package_declaration"].contains(&it.kind());
    if matches!(grammar, Grammar::Go | Grammar::Java) {
        return children.iter().find(is_package).map(after);
    }
    let mut cursor = tree.root_node().walk();
    let mut at = 0;
    for node in tree.root_node().named_children(&mut cursor) {
        let is_directive = match node.kind() {
            "future_import_statement" | "inner_attribute_item" | "hash_bang_line" => true,
            "expression_statement" => node.named_child(0).is_some_and(|it| it.kind() == "string"),
            _ => false,
        };
        // A comment belongs to what follows, unless a blank line does.
        let is_apart = || text[after(&node)..].starts_with(['\n', '\r']);
        if is_directive || node.kind().ends_with("comment") && is_apart() {
            at = after(&node).max(at);
        } else if !node.kind().ends_with("comment") {
            break;
        }
    }
    (at == 0 || text[..at].ends_with('\n')).then_some(at)
}

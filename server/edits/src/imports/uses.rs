//! The uses of an imported name.

use std::ops::Range;

use foretell_policy::Grammar;

use super::read::{Imported, statement_kinds};
use crate::{
    bindings::{Names, Occurrence, Role},
    languages::Rules,
    path::Step,
    words,
};

/// Whether a place uses an imported name, or may use it. If the file declares the name again, all
/// places may.
pub(super) fn is_use(names: &Names<'_>, import: &Imported<'_>, it: &Occurrence<'_>) -> bool {
    let Names { text, tree, rules, .. } = names;
    let own = import.node.byte_range();
    if own.start <= it.range.start && it.range.end <= own.end {
        return false;
    }
    let root = tree.root_node().id();
    let in_import = it.path.is_in(statement_kinds(rules.grammar));
    let follows = |text: &str| names.text[..it.range.start].trim_end().ends_with(text);
    match it.role {
        Role::Declares { scope, .. } => scope == root,
        // In Rust, an imported name may be the start of another path.
        Role::Refers if in_import => rules.grammar == Grammar::Rust && !follows("::"),
        Role::Refers => names.binding(it).is_none_or(|(scope, _)| scope == root),
        Role::Member { .. } => import.is_static && !in_import,
        Role::Other if it.path.is_in(rules.texts) => is_mention(text, rules, it),
        Role::Other => {
            let is_argument_name = it.path.kind(1) == "keyword_argument";
            !in_import && !is_argument_name && !follows(".")
        }
    }
}

/// Whether a string or comment mentions a name so that tools may need its import.
fn is_mention(text: &str, rules: &Rules, it: &Occurrence<'_>) -> bool {
    let is_text = |it: &&Step<'_>| rules.texts.contains(&it.kind());
    let Some(node) = it.path.steps().iter().rfind(is_text).map(|it| it.node) else { return false };
    let content = &text[node.byte_range()];
    if node.kind().contains("comment") {
        let is_documentation =
            ["/**", "///", "//!", "/*!"].iter().any(|it| content.starts_with(it));
        let is_type = content.trim_start_matches(['#', ' ']).starts_with("type:");
        // Go's compiler does not accept it as a use.
        return (is_documentation || is_type) && rules.grammar != Grammar::Go;
    }
    match rules.grammar {
        // A type that is quoted, or a name in `__all__`.
        Grammar::Python => content.chars().all(|c| words::is_word(c) || ".[], |".contains(c)),
        Grammar::Rust => it.path.is_in(&["attribute_item", "inner_attribute_item"]),
        _ => false,
    }
}

/// Whether uses of a Rust name show that it is no trait, whose methods may still be called.
pub(super) fn is_no_trait(names: &Names<'_>, import: &Imported<'_>) -> bool {
    let name = import.name.trim_start_matches("r#");
    if !name.starts_with(char::is_uppercase) || name.len() > 1 && !name.contains(char::is_lowercase)
    {
        return true;
    }
    let is_no_trait = |it: &&Occurrence<'_>| {
        const BOUNDS: [&str; 4] = ["trait_bounds", "dynamic_type", "abstract_type", "bounded_type"];
        if it.path.is_in(&["token_tree", "attribute_item"]) {
            return false;
        }
        if it.path.leaf().kind() == "identifier" {
            // A constructor, a constant, or a variant.
            let after = names.text[it.range.end..].strip_prefix("::");
            return after
                .is_none_or(|it| it.starts_with(char::is_uppercase) || it.starts_with("new("));
        }
        let above =
            |n: &usize| ["generic_type", "scoped_type_identifier"].contains(&it.path.kind(*n));
        let outer = (1..).find(|n| !above(n)).unwrap_or(1);
        let is_implemented =
            it.path.kind(outer) == "impl_item" && it.path.field(outer - 1) == "trait";
        !is_implemented && !BOUNDS.contains(&it.path.kind(outer))
    };
    let mut uses = names.occurrences.iter().filter(|it| is_use(names, import, it));
    uses.any(|it| is_no_trait(&it))
}

/// The lines around a range, with their line breaks.
pub(super) fn lines(text: &str, range: &Range<usize>) -> Range<usize> {
    let start = text[..range.start].rfind('\n').map_or(0, |at| at + 1);
    // A line comment may end with its line break.
    let is_whole = range.end > start && text[..range.end].ends_with('\n');
    let end = text[range.end..].find('\n').map_or(text.len(), |at| range.end + at + 1);
    let end = if is_whole { range.end } else { end };
    start..end
}

//! Imports that a name in one of the last edits needs.

use std::{collections::HashSet, ops::Range, sync::Arc};

use foretell_policy::Grammar;
use tree_sitter::Tree;

use super::{
    Change, MAX_EDITS, Reverted, identifiers, join, place,
    read::{Import, Statement, child, imports, statement_kinds, statements},
    well_known, with_words,
};
use crate::{
    bindings::{Names, Occurrence, Role},
    history::Placed,
    languages::Rules,
};

/// The insertion of each import that a name in the last edits needs, if the text had it before or
/// one of the `others` is for that name.
pub(crate) fn missing(
    text: &str,
    tree: &Tree,
    rules: &'static Rules,
    placed: &[Placed],
    others: &[Arc<[Import]>],
) -> Vec<Change> {
    let written = written(text, placed);
    if written.is_empty() {
        return Vec::new();
    }
    let known = earlier(text, rules.grammar, placed, &written);
    let is_written = |it: &&Import| written.iter().any(|(name, _)| *name == it.name);
    let is_own = |it: &&Import| known.iter().any(|known| known.name == it.name);
    let others = others.iter().flat_map(|it| it.iter());
    let others = others.filter(is_written).filter(|it| !is_own(it));
    let mut needed: Vec<&Import> = known.iter().filter(is_written).chain(others).collect();
    // An import of a value comes before one of its type.
    needed.sort_by_key(|it| (&it.name, &it.path, it.line.len()));
    needed.dedup_by_key(|it| (&it.name, &it.path));
    if needed.is_empty() {
        return Vec::new();
    }
    let there = statements(text, tree, rules.grammar);
    let mut found = Vec::new();
    for same in needed.chunk_by(|a, b| a.name == b.name) {
        // Several modules have the name.
        let [import] = same else { continue };
        let at = written.iter().filter(|(name, _)| *name == import.name).map(|it| &it.1);
        let at: Vec<&Range<usize>> = at.collect();
        let is_known = well_known::is_known(&import.name, rules.grammar)
            || is_given(import, &there, text, tree, rules.grammar);
        // Go's imports declare their names by their paths.
        let is_there = there.iter().flat_map(|it| &it.names).any(|it| it.name == import.name);
        if is_known || is_there || !is_missing(text, tree, rules, import, &at) {
            continue;
        }
        let joined = join::join(text, tree, rules.grammar, import);
        let place = || place::place(text, tree, rules.grammar, import);
        let Some((at, new)) = joined.or_else(place) else { continue };
        found.push(Change { range: at..at, new, is_certain: true });
    }
    found
}

/// The names in the last edits that no later edit removed, and the texts that they are part of.
fn written<'t>(text: &'t str, placed: &[Placed]) -> HashSet<(&'t str, Range<usize>)> {
    let mut found = HashSet::new();
    let mut removed = HashSet::new();
    for (i, it) in placed.iter().take(MAX_EDITS).enumerate() {
        let range = with_words(text, &it.range);
        if !it.after.is_empty() {
            for (at, name) in identifiers(&text[range.clone()]) {
                let end = range.start + at + name.len();
                // The user may be in the middle of the word.
                let is_whole = i > 0 || end < it.range.end || !may_continue(&text[end..]);
                if is_whole && !removed.contains(name) {
                    found.insert((name, range.clone()));
                }
            }
        }
        removed.extend(identifiers(&it.before).map(|it| it.1));
    }
    found
}

/// Whether a text that follows a word at the cursor leaves open whether the word is complete.
fn may_continue(after: &str) -> bool {
    after.is_empty()
        || after.starts_with([' ', '\t', '\r', '\n', ')', ']', '}', '>', ',', ';', '"', '\''])
}

/// The imports of written names that the text had before its edits.
fn earlier(
    text: &str,
    grammar: Grammar,
    placed: &[Placed],
    written: &HashSet<(&str, Range<usize>)>,
) -> Vec<Import> {
    let mut removed = placed.iter().flat_map(|it| identifiers(&it.before).map(|it| it.1));
    let names: HashSet<&str> = written.iter().map(|it| it.0).collect();
    if !removed.any(|it| names.contains(it)) {
        return Vec::new();
    }
    let reverted = Reverted::new(text, placed);
    reverted.map_or(Vec::new(), |it| imports("", grammar_name(grammar), &it.text))
}

/// A name of a language for [`Grammar::of_document`].
fn grammar_name(grammar: Grammar) -> &'static str {
    match grammar {
        Grammar::Python => "python",
        Grammar::Rust => "rust",
        Grammar::Go => "go",
        Grammar::Java => "java",
        _ => "typescript",
    }
}

/// Whether the file may have the name without the import.
fn is_given(
    import: &Import,
    there: &[Statement<'_>],
    text: &str,
    tree: &Tree,
    grammar: Grammar,
) -> bool {
    if grammar != Grammar::Java {
        return there.iter().any(|it| it.is_wildcard);
    }
    let package = import.path.rsplit_once('.').map_or("", |it| it.0);
    let is_from = |it: &Statement<'_>| it.is_wildcard && it.path == package;
    let own = child(tree.root_node(), "package_declaration");
    let is_own =
        own.and_then(|it| it.named_child(0)).is_some_and(|it| text[it.byte_range()] == *package);
    there.iter().any(is_from) || is_own
}

/// Whether the name is declared nowhere, and used only in the last edits, so that it was not known
/// before.
fn is_missing(
    text: &str,
    tree: &Tree,
    rules: &'static Rules,
    import: &Import,
    at: &[&Range<usize>],
) -> bool {
    let names = Names::new(text, tree, rules, &import.name);
    let is_new = |it: &Occurrence<'_>| {
        at.iter().any(|at| at.start <= it.range.start && it.range.end <= at.end)
    };
    let mut needs = false;
    for it in &names.occurrences {
        match it.role {
            Role::Declares { .. } => return false,
            Role::Refers if it.path.is_in(statement_kinds(rules.grammar)) => {}
            Role::Refers if !is_new(it) => return false,
            Role::Refers => needs |= is_needed(&names, it, import),
            Role::Member { .. } | Role::Other => {}
        }
    }
    needs
}

/// Whether a place can only refer to an import or something else of the file's top level.
fn is_needed(names: &Names<'_>, it: &Occurrence<'_>, import: &Import) -> bool {
    let after = &names.text[it.range.end..];
    let kind = it.path.leaf().kind();
    let is_upper = import.name.starts_with(char::is_uppercase);
    match names.rules.grammar {
        Grammar::Tsx => {
            let is_tag = it.path.kind(1).starts_with("jsx_");
            let is_type = import.line.starts_with("import type") || import.line.contains("{ type ");
            (is_upper || !is_tag) && (kind == "type_identifier" || !is_type)
        }
        Grammar::Rust => {
            let is_path = after.starts_with("::") || after.starts_with('!');
            let in_macro = it.path.is_in(&["token_tree"]);
            let is_call = after.starts_with('(') && !in_macro;
            let is_hidden = it.path.is_in(&["mod_item", "attribute_item", "macro_definition"]);
            !is_hidden && (is_upper || is_path || is_call)
        }
        Grammar::Go => after.starts_with('.') && it.path.kind(1) != "literal_element",
        Grammar::Java => is_upper,
        _ => true,
    }
}

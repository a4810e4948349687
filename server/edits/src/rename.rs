//! The other places of a renamed name.
//!
//! The name is resolved in the text before the rename, where all its places still agree; so it does
//! not matter how many of them are renamed already.

use std::ops::Range;

use foretell_policy::Grammar;
use tree_sitter::Tree;

use crate::{
    bindings::{Names, Occurrence, Role},
    history::Placed,
    languages::Rules,
    members::{Members, is_member},
    words,
};

/// A word that became another one.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Replaced {
    /// The new text in the current text.
    range: Range<usize>,
    /// The text that `range` replaced. It contains `old`, and possibly more.
    before: String,
    old: String,
    new: String,
    /// Whether `old` stood for two names, such as a field and its value, and now for one of them.
    was_shorthand: bool,
}

/// A rename that the user has begun.
#[derive(Debug)]
pub(crate) struct Rename {
    pub(crate) old: String,
    pub(crate) new: String,
    /// The text before the rename.
    pub(crate) before: String,
    /// The renamed places in the text before, and in the current text, in their order.
    renamed: Vec<(Range<usize>, Range<usize>)>,
    /// The last one, in the current text.
    pub(crate) last: Range<usize>,
    /// The number of edits since the first place was renamed, with that one.
    pub(crate) n_edits: usize,
    was_shorthand: bool,
}

/// Another place of the name, and its new text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) range: Range<usize>,
    pub(crate) new: String,
    /// Whether it names a member of a type.
    pub(crate) of_member: bool,
}

impl Rename {
    /// The rename that the last edit began or continued. `placed` has the last edit first.
    pub(crate) fn of(text: &str, placed: &[Placed]) -> Option<Self> {
        let last = replaced(text, placed.first()?)?;
        let same = placed.iter().enumerate().filter_map(|(i, it)| Some((i, replaced(text, it)?)));
        let same = same.filter(|(_, it)| it.old == last.old && it.new == last.new);
        let (indices, mut same): (Vec<usize>, Vec<Replaced>) = same.unzip();
        let n_edits = indices.last()? + 1;
        same.sort_by_key(|it| it.range.start);
        let (mut before, mut renamed, mut done) = (String::new(), Vec::new(), 0);
        for it in same {
            before += text.get(done..it.range.start)?;
            let start = before.len() + it.before.find(&it.old)?;
            before += &it.before;
            done = it.range.end;
            renamed.push((start..start + it.old.len(), it.range));
        }
        before += text.get(done..)?;
        let Replaced { old, new, range: last, was_shorthand, .. } = last;
        Some(Self { old, new, before, renamed, last, n_edits, was_shorthand })
    }

    /// The places that remain, in their order in the current text. `tree` is that of the text before.
    /// `None` if the text does not show what the name refers to, or if the edit is not a rename. In a
    /// copy that is being adapted, only its own places are renamed if the name is declared elsewhere.
    pub(crate) fn places(
        &self,
        rules: &'static Rules,
        tree: &Tree,
        adapted: Option<&Range<usize>>,
    ) -> Option<Vec<Place>> {
        let names = Names::new(&self.before, tree, rules, &self.old);
        // The last place may be one that names follow, such as a keyword argument.
        let mut renamed: Vec<_> = self.renamed.iter().collect();
        renamed.sort_by_key(|it| it.1 != self.last);
        let targets = renamed.into_iter().filter_map(|it| names.at(it.0.start));
        let meaning = |target| (target, same_meaning(&names, target));
        // `name: Type` is not a rename, unlike `{ name: other }`.
        let is_possible = |it: &&Occurrence<'_>| !self.was_shorthand || is_shorthand(it);
        let targets: Vec<_> = targets.filter(is_possible).collect();
        // If an earlier place is renamed too, it is no new variable.
        let first = targets.iter().min_by_key(|it| it.range.start);
        let again = first.filter(|it| is_assigned_again(&names, it));
        let from = again.map_or(0, |it| statement_end(it));
        let (target, mut same) =
            targets.into_iter().map(meaning).find(|(_, same)| !same.is_empty())?;
        same.retain(|it| it.range.start >= from);
        if let Some(adapted) = adapted {
            let is_inside =
                |it: &Occurrence<'_>| adapted.contains(&self.in_current(&it.range).start);
            // Some languages declare a name repeatedly in one scope.
            let scope = names.binding(target).map(|it| it.0);
            let again = names.occurrences.iter().filter(
                |it| matches!(it.role, Role::Declares { scope: it, .. } if Some(it) == scope),
            );
            if same.iter().copied().chain(again).any(|it| it.role.declares() && !is_inside(it)) {
                same.retain(|it| is_inside(it));
            }
        }
        let new = Names::new(&self.before, tree, rules, &self.new);
        if !is_free(&names, &new, target) {
            return None;
        }
        same.sort_by_key(|it| it.range.start);
        same.dedup_by_key(|it| it.range.start);
        let is_left = |it: &&Occurrence<'_>| !self.renamed.iter().any(|(at, _)| *at == it.range);
        let place = |it: &Occurrence<'_>| {
            let range = self.in_current(&it.range);
            let new = self.new_text(&names, target, it)?;
            Some(Place { range, new, of_member: is_member(&names, target) })
        };
        Some(same.into_iter().filter(is_left).filter_map(place).collect())
    }

    /// A range of the text before that was not renamed, in the current text.
    fn in_current(&self, range: &Range<usize>) -> Range<usize> {
        let before = self.renamed.iter().rev().find(|(at, _)| at.end <= range.start);
        let shift = |at: usize| before.map_or(at, |(old, new)| at - old.end + new.end);
        shift(range.start)..shift(range.end)
    }

    /// The new text of a place. A name that stands for a field and its value is written out.
    fn new_text(
        &self,
        names: &Names<'_>,
        target: &Occurrence<'_>,
        it: &Occurrence<'_>,
    ) -> Option<String> {
        let Self { old, new, .. } = self;
        let of_member = is_member(names, target);
        let is_shorthand = is_field_shorthand(it);
        let has_alias = it.path.up(1).is_some_and(|it| it.child("alias").is_some());
        Some(match it.path.kind(1) {
            _ if is_shorthand && of_member => return None,
            _ if is_shorthand => format!("{old}: {new}"),
            "export_specifier" if !has_alias => format!("{new} as {old}"),
            "import_specifier" if !has_alias => format!("{old} as {new}"),
            _ => new.clone(),
        })
    }
}

/// Whether a name stands for a field and its value.
fn is_field_shorthand(it: &Occurrence<'_>) -> bool {
    it.path.leaf().kind().starts_with("shorthand_")
        || it.path.kind(1) == "shorthand_field_initializer"
}

/// Whether a place may become two names: a field and its value, or an imported or exported name.
fn is_shorthand(it: &Occurrence<'_>) -> bool {
    const LISTS: [&str; 5] = [
        "import_specifier",
        "export_specifier",
        "import_statement",
        "import_from_statement",
        "use_declaration",
    ];
    is_field_shorthand(it) || it.path.is_in(&LISTS)
}

/// Python: whether a place assigns a value that depends on the old one, so that a new name may be a
/// new variable: `text = clean(text)`.
fn is_assigned_again(names: &Names<'_>, target: &Occurrence<'_>) -> bool {
    let Some(statement) = target.path.up(1) else { return false };
    let is_assigned = names.rules.grammar == Grammar::Python
        && statement.kind() == "assignment"
        && target.path.field(0) == "left";
    let is_used = |it: &Occurrence<'_>| {
        it.range.start > target.range.start
            && it.range.end <= statement.node.end_byte()
            && names.binding(it) == names.binding(target)
    };
    is_assigned && names.occurrences.iter().any(is_used)
}

fn statement_end(target: &Occurrence<'_>) -> usize {
    target.path.up(1).map_or(target.range.end, |it| it.node.end_byte())
}

/// Whether the new name is free, so that the edit is a rename, not a reference to something else.
fn is_free(names: &Names<'_>, new: &Names<'_>, target: &Occurrence<'_>) -> bool {
    if !target.role.declares() {
        return new.occurrences.iter().all(|it| it.role == Role::Other);
    }
    if is_member(names, target) {
        return !new.occurrences.iter().any(|it| matches!(it.role, Role::Member { defines: true }));
    }
    // The declared name must be new in its scope.
    let scope = names.binding(target).map(|it| it.0);
    !new.occurrences
        .iter()
        .any(|it| matches!(it.role, Role::Declares { scope: it, .. } if Some(it) == scope))
}

/// The places that mean the same as `target`, itself among them.
fn same_meaning<'a, 't>(names: &'a Names<'t>, target: &Occurrence<'t>) -> Vec<&'a Occurrence<'t>> {
    let of_binding = |binding| {
        let of = move |it: &&Occurrence<'t>| names.binding(it) == Some(binding);
        names.occurrences.iter().filter(of)
    };
    let mut same = Vec::new();
    if let Some(binding) = names.binding(target) {
        same.extend(of_binding(binding));
        same.extend(keyword_arguments(names, target));
        same.extend(documented(names, target));
    }
    let member = same.iter().copied().find(|it| is_member(names, it));
    if let Some(member) = member.or(Some(target).filter(|it| is_member(names, it))) {
        let of_type = Members::new(names).of_same_type(member);
        // Java has fields and methods of the same name.
        let is_java = names.rules.grammar == Grammar::Java;
        let is_other = |it: &&Occurrence<'t>| is_java && is_method(it) != is_method(member);
        let of_type = of_type.into_iter().filter(|it| !is_other(it));
        for it in of_type {
            same.push(it);
            // Java: `name` and `this.name`.
            same.extend(names.binding(it).into_iter().flat_map(of_binding));
        }
    }
    same
}

fn is_method(it: &Occurrence<'_>) -> bool {
    matches!(it.path.kind(1), "method_invocation" | "method_declaration")
}

/// Python: `f(name=…)` for a parameter of `f`.
fn keyword_arguments<'a, 't>(
    names: &'a Names<'t>,
    target: &Occurrence<'t>,
) -> Vec<&'a Occurrence<'t>> {
    let binding = names.binding(target).map(|it| it.0);
    let function = target
        .path
        .steps()
        .iter()
        .find(|it| names.rules.grammar == Grammar::Python && Some(it.node.id()) == binding);
    let is_parameter = names.occurrences.iter().any(|it| {
        names.binding(it).map(|it| it.0) == binding
            && it.path.is_in(&["parameters"])
            && matches!(it.role, Role::Declares { .. })
    });
    let name = function.filter(|_| is_parameter).and_then(|it| it.child("name"));
    let Some(name) = name.map(|it| &names.text[it.byte_range()]) else { return Vec::new() };
    let is_argument = |it: &&Occurrence<'t>| {
        let call = it.path.up(3).filter(|_| it.path.kind(1) == "keyword_argument");
        let callee = call.and_then(|it| it.child("function"));
        let callee = callee.map(|it| &names.text[it.byte_range()]);
        it.path.field(0) == "name" && callee == Some(name)
    };
    names.occurrences.iter().filter(is_argument).collect()
}

/// TypeScript and JavaScript: `@param name` in the comment above a function with that parameter.
fn documented<'a, 't>(names: &'a Names<'t>, target: &Occurrence<'t>) -> Vec<&'a Occurrence<'t>> {
    let binding = names.binding(target).map(|it| it.0);
    let is_parameter = names.occurrences.iter().any(|it| {
        matches!(it.role, Role::Declares { scope, .. } if Some(scope) == binding)
            && it.path.is_in(&["formal_parameters"])
    });
    let steps = target.path.steps();
    let function = steps.iter().position(|it| Some(it.node.id()) == binding);
    let Some(function) = function.filter(|_| is_parameter && names.rules.grammar == Grammar::Tsx)
    else {
        return Vec::new();
    };
    let is_wrapper = |n: &usize| WRAPPERS.contains(&target.path.kind(*n));
    let outermost = (function + 1..).take_while(is_wrapper).last().unwrap_or(function);
    let comment = target.path.up(outermost).and_then(|it| it.node.prev_sibling());
    let Some(comment) = comment.filter(|it| it.kind() == "comment") else { return Vec::new() };
    let is_documented = |it: &&Occurrence<'t>| {
        let before = names.text.get(comment.start_byte()..it.range.start);
        let tag = before.and_then(|it| it.rsplit('\n').next()?.split_once("@param"));
        tag.is_some_and(|(_, between)| {
            let rest = between.trim().rsplit('}').next().unwrap_or_default().trim();
            matches!(rest, "" | "[")
        }) && it.range.end <= comment.end_byte()
    };
    names.occurrences.iter().filter(is_documented).collect()
}

/// The nodes between a function and the comment above it.
const WRAPPERS: [&str; 7] = [
    "export_statement",
    "variable_declarator",
    "lexical_declaration",
    "variable_declaration",
    "assignment_expression",
    "expression_statement",
    "pair",
];

/// The word that an edit replaced; `None` if it changed anything else.
fn replaced(text: &str, edit: &Placed) -> Option<Replaced> {
    let Placed { range, before, after, .. } = edit;
    let n_head = words::common_prefix(before, after);
    let n_tail = words::common_suffix(&before[n_head..], &after[n_head..]);
    let before = &before[n_head..before.len() - n_tail];
    let range = range.start + n_head..range.end - n_tail;
    let after = &text[range.clone()];
    if before.is_empty() {
        // What a shorthand becomes: `name` becomes `name: other`.
        for separator in [": ", " as "] {
            let (n_left, n_right) =
                (words::n_before(text, range.start), words::n_after(text, range.end));
            let (left, right) =
                (&text[range.start - n_left..range.start], &text[range.end..range.end + n_right]);
            let (old, new, range) = if let Some(new) = after.strip_prefix(separator) {
                (left, new, range.start - n_left..range.end)
            } else if let Some(new) = after.strip_suffix(separator) {
                (right, new, range.start..range.end + n_right)
            } else {
                continue;
            };
            let (old, new) = (old.to_owned(), new.to_owned());
            let is_word = words::is_identifier(&old) && words::is_identifier(&new);
            let before = old.clone();
            return is_word.then_some(Replaced { range, before, old, new, was_shorthand: true });
        }
    }
    let (n_left, n_right) = (words::n_before(text, range.start), words::n_after(text, range.end));
    let range = range.start - n_left..range.end + n_right;
    let new = text[range.clone()].to_owned();
    let old = format!("{}{before}{}", &new[..n_left], &new[new.len() - n_right..]);
    let is_word = words::is_identifier(&old) && words::is_identifier(&new);
    let before = old.clone();
    let is_renamed = is_word && old != new;
    is_renamed.then_some(Replaced { range, before, old, new, was_shorthand: false })
}

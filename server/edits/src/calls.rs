//! The other calls of a function, and its definition, after one of them got or lost an argument; and
//! the other literals of a type, after one of them got a field.
//!
//! A list belongs to the function or type whose name stands before it; another one of that name may be
//! meant, so its candidates are guesses. It must have had as many elements as the changed list.

use std::ops::Range;

use foretell_policy::Grammar;
use tree_sitter::{Node, Tree};

use crate::{
    bindings::Names,
    history::Placed,
    languages::Rules,
    path::{Path, Step},
    words,
};

/// Functions of libraries that take any number of arguments: one call says nothing about another.
const VARIADIC: [&str; 14] = [
    "append", "concat", "debug", "error", "format", "info", "join", "log", "max", "min", "of",
    "print", "println", "push",
];
/// The most occurrences of a function's name that are looked at.
const MAX_CALLS: usize = 200;
/// The maximum length of an argument that is repeated, in bytes.
const MAX_ARGUMENT: usize = 60;

/// How a grammar writes calls, literals and definitions: the node, the field of the function's or
/// type's name, and that of the list.
struct Syntax {
    calls: &'static [(&'static str, &'static str, &'static str)],
    definitions: &'static [(&'static str, &'static str, &'static str)],
    /// Whether a parameter needs no type.
    is_untyped: bool,
}

/// A call in Rust, Go, C and C++.
const CALL: (&str, &str, &str) = ("call_expression", "function", "arguments");

/// The other fields in a literal in Rust: `..base`.
const BASE: &str = "base_field_initializer";

/// The type before a literal whose elements are of the named type, in Go.
const ELEMENT_TYPES: [&str; 4] =
    ["slice_type", "array_type", "implicit_length_array_type", "map_type"];

fn syntax(grammar: Grammar, uri: &str) -> Option<Syntax> {
    Some(match grammar {
        Grammar::Python => Syntax {
            calls: &[("call", "function", "arguments")],
            definitions: &[("function_definition", "name", "parameters")],
            is_untyped: true,
        },
        Grammar::Tsx => Syntax {
            calls: &[
                ("call_expression", "function", "arguments"),
                ("new_expression", "constructor", "arguments"),
            ],
            definitions: &[
                ("function_declaration", "name", "parameters"),
                ("generator_function_declaration", "name", "parameters"),
                ("method_definition", "name", "parameters"),
            ],
            is_untyped: uri.ends_with("js") || uri.ends_with(".jsx"),
        },
        Grammar::Rust => Syntax {
            calls: &[CALL, ("struct_expression", "name", "body")],
            definitions: &[
                ("function_item", "name", "parameters"),
                ("function_signature_item", "name", "parameters"),
            ],
            is_untyped: false,
        },
        Grammar::Go => Syntax {
            calls: &[CALL, ("composite_literal", "type", "body")],
            definitions: &[
                ("function_declaration", "name", "parameters"),
                ("method_declaration", "name", "parameters"),
            ],
            is_untyped: false,
        },
        Grammar::Java => Syntax {
            calls: &[
                ("method_invocation", "name", "arguments"),
                ("object_creation_expression", "type", "arguments"),
            ],
            definitions: &[
                ("method_declaration", "name", "parameters"),
                ("constructor_declaration", "name", "parameters"),
            ],
            is_untyped: false,
        },
        Grammar::C | Grammar::Cpp => Syntax {
            calls: &[CALL, ("compound_literal_expression", "type", "value")],
            definitions: &[("function_declarator", "declarator", "parameters")],
            is_untyped: false,
        },
        Grammar::Bash | Grammar::Json => return None,
    })
}

/// A change that makes another list agree with the changed one.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Agreement {
    pub(crate) range: Range<usize>,
    pub(crate) new: String,
}

/// The arguments of a call, or the parameters of a definition.
#[derive(Debug)]
struct List<'t> {
    node: Node<'t>,
    name: &'t str,
    elements: Vec<Node<'t>>,
    is_definition: bool,
    /// The elements that calls do not have: `self`.
    n_receivers: usize,
}

impl List<'_> {
    /// How many elements a call has.
    fn n_arguments(&self) -> usize {
        self.elements.len() - self.n_receivers
    }
}

/// The element that a list got or lost.
#[derive(Debug)]
struct Changed<'t> {
    /// Its index without receivers.
    index: usize,
    /// How many elements there were, without receivers.
    n_before: usize,
    /// The new element; `None` if it was removed.
    new: Option<Node<'t>>,
}

/// Whether an edit may have added or removed an element: a cheap look.
pub(crate) fn may_change_a_list(Placed { before, after, .. }: &Placed) -> bool {
    is_gap(before) != is_gap(after)
}

/// Whether a text may stand between two elements.
fn is_gap(text: &str) -> bool {
    text.chars().all(|c| c == ',' || c.is_whitespace())
}

/// The lists that should agree with the one that the last edit changed, in the order of the text.
pub(crate) fn agreements(
    text: &str,
    tree: &Tree,
    rules: &'static Rules,
    uri: &str,
    last: &Placed,
) -> Vec<Agreement> {
    let find = || {
        let calls = Calls { text, tree, rules, syntax: syntax(rules.grammar, uri)? };
        let path = Path::to(tree, &last.range);
        let list = path.steps().iter().skip(1).find_map(|it| calls.list(it))?;
        let changed = calls.changed(&list, last)?;
        Some(calls.others(&list, &changed))
    };
    find().unwrap_or_default()
}

struct Calls<'t> {
    text: &'t str,
    tree: &'t Tree,
    rules: &'static Rules,
    syntax: Syntax,
}

impl<'t> Calls<'t> {
    fn slice(&self, node: Node<'_>) -> &'t str {
        &self.text[node.byte_range()]
    }

    /// The list of a call or definition.
    fn list(&self, step: &Step<'t>) -> Option<List<'t>> {
        let find = |of: &[(&str, &'static str, &'static str)]| {
            of.iter().find(|it| it.0 == step.kind()).map(|it| (it.1, it.2))
        };
        let definition = find(self.syntax.definitions);
        let (name, list) = definition.or_else(|| find(self.syntax.calls))?;
        let (name, node) = (step.child(name)?, step.child(list)?);
        if ELEMENT_TYPES.contains(&name.kind()) {
            return None;
        }
        let end = name.end_byte();
        let name = &self.text[end - words::n_before(self.text, end)..end];
        let mut cursor = node.walk();
        let elements: Vec<Node<'t>> =
            node.named_children(&mut cursor).filter(|it| !it.is_extra()).collect();
        let is_receiver = |it: &&Node<'t>| {
            it.kind() == "self_parameter" || matches!(self.slice(**it), "self" | "cls")
        };
        let is_definition = definition.is_some();
        let n_receivers =
            usize::from(is_definition && elements.first().is_some_and(|it| is_receiver(&it)));
        // One declaration may have several names.
        let has_one_name =
            |it: &Node<'t>| it.children_by_field_name("name", &mut it.walk()).count() < 2;
        let is_plain = !name.is_empty()
            && self.slice(node).starts_with(['(', '{'])
            && elements.iter().all(has_one_name);
        is_plain.then_some(List { node, name, elements, is_definition, n_receivers })
    }

    /// The element that the last edit added to a list or removed from it. `None` for any other edit.
    fn changed(&self, list: &List<'t>, last: &Placed) -> Option<Changed<'t>> {
        let Placed { range, before, after, .. } = last;
        let is_in = range.start > list.node.start_byte() && range.end < list.node.end_byte();
        if !is_in {
            return None;
        }
        let n_elements = list.n_arguments();
        let index = list.elements.iter().position(|it| it.end_byte() > range.start);
        let index = index.unwrap_or(list.elements.len()).checked_sub(list.n_receivers)?;
        if is_gap(before) {
            let new = *list.elements.get(index + list.n_receivers)?;
            let (start, end) = (new.start_byte(), new.end_byte());
            let is_whole = start >= range.start
                && end <= range.end
                && is_gap(&after[..start - range.start])
                && is_gap(&after[end - range.start..]);
            let is_short = end - start <= MAX_ARGUMENT && !self.slice(new).contains('\n');
            return (is_whole && is_short).then(|| Changed {
                index,
                n_before: n_elements - 1,
                new: Some(new),
            });
        }
        let removed = before.trim_matches(|c: char| c == ',' || c.is_whitespace());
        let is_one = !removed.contains([',', '(', ')', '[', ']', '{', '}', '\n']);
        let has_comma = removed.len() < before.trim().len() || n_elements == 0;
        (is_gap(after) && is_one && has_comma).then_some(Changed {
            index,
            n_before: n_elements + 1,
            new: None,
        })
    }

    fn others(&self, list: &List<'t>, changed: &Changed<'t>) -> Vec<Agreement> {
        let mut found: Vec<Agreement> = Vec::new();
        if VARIADIC.contains(&list.name) && !list.is_definition {
            return found;
        }
        for range in words::occurrences(self.text, list.name).take(MAX_CALLS) {
            let path = Path::to(self.tree, &range);
            let is_named = |it: &List<'t>| {
                let start = it.node.start_byte();
                self.text.get(range.end..start).is_some_and(|it| it.trim().is_empty())
            };
            let other = path.steps().iter().skip(1).take(4).find_map(|it| self.list(it));
            let Some(other) = other.filter(is_named) else { continue };
            let is_alike = other.n_arguments() == changed.n_before && !self.has(&other, changed);
            if other.node != list.node && is_alike {
                found.extend(self.agreement(list, changed, &other, &path));
            }
        }
        found
    }

    /// Whether a list has an element of the same name as the new one (`name=1`, `name: 1`), or one that
    /// stands for several.
    fn has(&self, list: &List<'t>, Changed { new, .. }: &Changed<'t>) -> bool {
        let name = |it: Node<'_>| {
            let end = self.slice(it).find([':', '='])?;
            Some(self.slice(it)[..end].trim_end()).filter(|it| words::is_identifier(it))
        };
        let own = new.and_then(name);
        let is_same = |it: &Node<'_>| it.kind() == BASE || own.is_some() && name(*it) == own;
        list.elements.iter().any(is_same)
    }

    /// The change of another list that had as many elements.
    fn agreement(
        &self,
        list: &List<'t>,
        changed: &Changed<'t>,
        other: &List<'t>,
        path: &Path<'t>,
    ) -> Option<Agreement> {
        let index = changed.index + other.n_receivers;
        let elements = &other.elements;
        // The removed text may differ from call to call, but a call says little about the definition.
        let Some(new) = changed.new else {
            let is_sure = list.is_definition;
            let removed = elements.get(index).filter(|_| is_sure)?;
            let range = match (index.checked_sub(1), elements.get(index + 1)) {
                (Some(before), _) => elements[before].end_byte()..removed.end_byte(),
                (None, Some(after)) => removed.start_byte()..after.start_byte(),
                (None, None) => removed.byte_range(),
            };
            return Some(Agreement { range, new: String::new() });
        };
        let new = match (list.is_definition, other.is_definition) {
            (true, true) | (false, false) => self.slice(new),
            (true, false) => self.argument(new, path, other)?,
            (false, true) => self.parameter(new)?,
        };
        let gap = |a: Node<'_>, b: Node<'_>| {
            let gap = &self.text[a.end_byte()..b.start_byte()];
            is_gap(gap).then_some(gap)
        };
        let usual = match elements.as_slice() {
            [.., a, b] => gap(*a, *b)?,
            _ => ", ",
        };
        Some(match elements.get(index) {
            Some(after) => {
                let at = after.start_byte();
                Agreement { range: at..at, new: format!("{new}{usual}") }
            }
            None => {
                let last = elements.last();
                let at = last.map_or(other.node.start_byte() + 1, |it| it.end_byte());
                let usual = if last.is_some() { usual } else { "" };
                // On lines of their own, each element is drawn with its comma.
                match usual.strip_prefix(',') {
                    Some(gap) if gap.contains('\n') && self.text[at..].starts_with(',') => {
                        Agreement { range: at + 1..at + 1, new: format!("{gap}{new},") }
                    }
                    _ => Agreement { range: at..at, new: format!("{usual}{new}") },
                }
            }
        })
    }

    /// The argument for a new parameter: a variable of its name, if there is one at the call.
    fn argument(&self, parameter: Node<'t>, path: &Path<'t>, call: &List<'t>) -> Option<&'t str> {
        // Calls may leave it out.
        let is_optional = parameter.kind() == "optional_parameter";
        if is_optional || parameter.child_by_field_name("value").is_some() {
            return None;
        }
        let name = ["pattern", "name", "declarator"]
            .iter()
            .find_map(|it| parameter.child_by_field_name(it))
            .or_else(|| parameter.named_child(0))
            .unwrap_or(parameter);
        let name = self.slice(name).trim_start_matches(['*', '&']);
        let name = Some(name).filter(|it| words::is_identifier(it))?;
        let names = Names::new(self.text, self.tree, self.rules, name);
        names.is_known(path, call.node.start_byte()).then_some(name)
    }

    /// The parameter for a new argument: its name, in a language without types.
    fn parameter(&self, argument: Node<'t>) -> Option<&'t str> {
        let name = argument.child_by_field_name("name").unwrap_or(argument);
        let name = self.slice(name);
        (self.syntax.is_untyped && words::is_identifier(name)).then_some(name)
    }
}

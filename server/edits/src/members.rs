//! Members of types: fields, methods and variants.
//!
//! Without types, `x.name` may be a member of anything. A member counts as that of a type in the
//! text if the type of `x` is written down near its declaration, or if no other type in the text
//! has a member of that name.

use std::collections::{BTreeSet, HashMap};

use foretell_policy::Grammar;
use tree_sitter::Node;

use crate::{
    bindings::{Names, Occurrence, Role},
    path::Path,
    words,
};

/// The fields of a node that contain what a member belongs to.
const RECEIVERS: [&str; 5] = ["object", "value", "operand", "argument", "path"];
/// The names of the current object or type.
const OWN: [&str; 4] = ["self", "this", "cls", "Self"];
/// Literals of a type, and the field of its name.
const LITERALS: [(&str, &str); 3] =
    [("struct_expression", "name"), ("composite_literal", "type"), ("struct_pattern", "type")];

/// Nodes that import names from other files.
const IMPORTS: [&str; 4] =
    ["import_statement", "import_from_statement", "import_declaration", "use_declaration"];
/// The type of an imported name, which is no type of this file.
const IMPORT: &str = "import ";
/// The start of the name of a type without one.
const UNNAMED: &str = "struct in ";

/// The type that a member belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Owner {
    Known(String),
    Unknown,
}

/// The members of one name.
#[derive(Debug)]
pub(crate) struct Members<'a, 't> {
    names: &'a Names<'t>,
    /// The types that define the member.
    owners: BTreeSet<String>,
    /// The type of each receiver by the place of its declaration.
    declared: HashMap<String, Vec<(usize, String)>>,
}

impl<'a, 't> Members<'a, 't> {
    pub(crate) fn new(names: &'a Names<'t>) -> Self {
        let mut it = Self { names, owners: BTreeSet::new(), declared: HashMap::new() };
        let defines = |it: &&Occurrence<'t>| is_definition(names, it);
        let owners = names.occurrences.iter().filter(defines).filter_map(|at| it.around(&at.path));
        it.owners = owners.collect();
        it
    }

    /// The other members of the same type as `target`.
    pub(crate) fn of_same_type(&mut self, target: &Occurrence<'t>) -> Vec<&'a Occurrence<'t>> {
        let names = self.names;
        let Owner::Known(owner) = self.owner(target) else { return Vec::new() };
        if !self.owners.contains(&owner) {
            return Vec::new();
        }
        let is_same = |it: &&Occurrence<'t>| self.owner(it) == Owner::Known(owner.clone());
        let members = names.occurrences.iter().filter(|it| is_member(names, it));
        members.filter(is_same).collect()
    }

    fn owner(&mut self, it: &Occurrence<'t>) -> Owner {
        let found = if is_definition(self.names, it) {
            self.around(&it.path)
        } else {
            self.of_receiver(it)
        };
        match found {
            Some(it) => Owner::Known(it),
            None => self
                .in_function(&it.path)
                .or_else(|| self.only())
                .map_or(Owner::Unknown, Owner::Known),
        }
    }

    /// The only named type with such a member.
    fn only(&self) -> Option<String> {
        let mut owners = self.owners.iter();
        let first = owners.next().filter(|it| !it.starts_with(UNNAMED))?;
        owners.next().is_none().then(|| first.clone())
    }

    /// The unnamed type with such a member in the same function.
    fn in_function(&self, path: &Path<'t>) -> Option<String> {
        let name = self.unnamed(path)?;
        self.owners.contains(&name).then_some(name)
    }

    /// A name for the types without a name in a function.
    fn unnamed(&self, path: &Path<'t>) -> Option<String> {
        let is_function =
            |kind: &str| ["function_declaration", "method_declaration"].contains(&kind);
        let function = path.steps().iter().find(|it| is_function(it.kind()))?;
        Some(format!("{UNNAMED}{}", function.node.start_byte()))
    }

    /// The name of the type around a place.
    fn around(&self, path: &Path<'t>) -> Option<String> {
        let types = self.names.rules.types;
        if path.kind(3) == "struct_type" && path.kind(4) != "type_spec" {
            return self.unnamed(path);
        }
        let (step, field) = path.steps().iter().skip(1).find_map(|step| {
            let (_, field) = types.iter().find(|it| it.0 == step.kind())?;
            Some((step, *field))
        })?;
        let name = step.child(field)?;
        // Go: `func (s *Stack[T]) Push(x T)`
        let name = if field == "receiver" { first_type(name).unwrap_or(name) } else { name };
        Some(base_name(&self.names.text[name.byte_range()]))
    }

    /// The type of what a member is accessed on.
    fn of_receiver(&mut self, it: &Occurrence<'t>) -> Option<String> {
        let text = self.names.text;
        let leaf = it.path.leaf().node;
        for step in it.path.steps().iter().skip(1).take(4) {
            if let Some((_, field)) = LITERALS.iter().find(|it| it.0 == step.kind()) {
                let name = &text[step.child(field)?.byte_range()];
                if name.contains("struct") {
                    return None;
                }
                let name = base_name(name);
                return if name == "Self" { self.around(&it.path) } else { Some(name) };
            }
        }
        let parent = it.path.up(1)?;
        let receiver = RECEIVERS.iter().find_map(|it| parent.child(it));
        let receiver = match receiver.filter(|it| it.id() != leaf.id()) {
            Some(receiver) => &text[receiver.byte_range()],
            // Rust: tokens of a macro.
            None if parent.kind() == "token_tree" => {
                let dot = leaf.prev_sibling()?;
                &text[dot.prev_sibling()?.byte_range()]
            }
            // Java: a method of the current object.
            None if parent.kind() == "method_invocation" => "this",
            None => return None,
        };
        if OWN.contains(&receiver) {
            return self.around(&it.path);
        }
        // The type above is another one.
        if self.owners.contains(receiver) || receiver == "super" {
            return Some(receiver.to_owned());
        }
        words::is_identifier(receiver).then(|| self.declared_type(receiver, &it.path)).flatten()
    }

    /// The type of a variable by its declaration.
    fn declared_type(&mut self, variable: &str, path: &Path<'t>) -> Option<String> {
        let names = self.names;
        let at = path.leaf().node.start_byte();
        if !self.declared.contains_key(variable) {
            let types = self.types_of(variable);
            self.declared.insert(variable.to_owned(), types);
        }
        // The last declaration before the place, in the same function.
        let function = path.steps().iter().find(|it| {
            names.rules.functions.contains(&it.kind())
                && it.node.id() != names.tree.root_node().id()
        });
        let start = function.map_or(0, |it| it.node.start_byte());
        let declared = self.declared.get(variable)?;
        let mut known = declared.iter().rev().filter(|(it, _)| (start..at).contains(it));
        let import = || declared.iter().find(|(_, name)| name == IMPORT);
        let found = known.next().or_else(import);
        found.map(|(_, name)| name.clone()).filter(|it| !it.is_empty())
    }

    /// Where a variable is declared, and the type that is written there.
    fn types_of(&self, variable: &str) -> Vec<(usize, String)> {
        let Names { text, tree, rules, .. } = self.names;
        let all = Names::new(text, tree, rules, variable);
        let declarations =
            all.occurrences.iter().filter(|it| matches!(it.role, Role::Declares { .. }));
        if rules.grammar == Grammar::Go && declarations.clone().next().is_none() {
            // A package is declared by its path.
            return vec![(0, IMPORT.to_owned())];
        }
        declarations
            .map(|it| (it.range.start, self.type_of(&it.path).unwrap_or_default()))
            .collect()
    }

    fn type_of(&self, path: &Path<'t>) -> Option<String> {
        if path.is_in(&IMPORTS) {
            return Some(IMPORT.to_owned());
        }
        for step in path.steps().iter().skip(1).take(4) {
            if let Some(it) = step.child("type") {
                return Some(base_name(&self.names.text[it.byte_range()]));
            }
            let value = ["value", "right"].iter().find_map(|it| step.child(it));
            if let Some(value) = value {
                let text = &self.names.text[value.byte_range()];
                if text.starts_with("require(") {
                    return Some(IMPORT.to_owned());
                }
                let name = base_name(text.trim_start_matches("new "));
                return self.owners.contains(&name).then_some(name);
            }
        }
        None
    }
}

/// Whether a place defines the member. Classes in Python declare their methods as names.
fn is_definition(names: &Names<'_>, it: &Occurrence<'_>) -> bool {
    match it.role {
        Role::Member { defines } => {
            defines || names.rules.grammar == Grammar::Python && is_set(&it.path)
        }
        Role::Declares { .. } => is_in_class(names, it),
        Role::Refers | Role::Other => false,
    }
}

/// Whether a place declares a name in the body of a class.
fn is_in_class(names: &Names<'_>, it: &Occurrence<'_>) -> bool {
    let Role::Declares { scope, .. } = it.role else { return false };
    let kind = it.path.steps().iter().find(|it| it.node.id() == scope).map(|it| it.kind());
    names.rules.grammar == Grammar::Python && kind == Some("class_definition")
        || matches!(kind, Some("class_body" | "enum_body" | "interface_body"))
}

/// Whether `self.name` is assigned in a method.
fn is_set(path: &Path<'_>) -> bool {
    path.kind(2) == "assignment"
        && path.field(1) == "left"
        && path.up(1).and_then(|it| it.child("object")).is_some_and(|it| it.byte_range().len() == 4)
}

/// Whether a place may name a member.
pub(crate) fn is_member(names: &Names<'_>, it: &Occurrence<'_>) -> bool {
    matches!(it.role, Role::Member { .. }) || is_in_class(names, it)
}

fn first_type(node: Node<'_>) -> Option<Node<'_>> {
    node.named_child(0)?.child_by_field_name("type")
}

/// The name of a type without pointers and arguments: `Stack` of `&mut Stack<T>`.
fn base_name(text: &str) -> String {
    let is_sigil = |c: char| !words::is_word(c);
    let mut text = text.trim_start_matches(is_sigil);
    for keyword in ["mut ", "const ", "struct ", "dyn "] {
        text = text.trim_start_matches(keyword).trim_start_matches(is_sigil);
    }
    text.chars().take_while(|c| words::is_word(*c)).collect()
}

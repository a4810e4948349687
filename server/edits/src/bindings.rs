//! Which occurrences of a name mean the same thing: its declaration and the names that refer to it.
//!
//! The tables in [`languages`](crate::languages) say where a name is declared. A name refers to the
//! innermost scope around it that declares it, so a shadowed name is left alone. Members of types
//! are in [`members`](crate::members).

use std::{collections::HashMap, ops::Range};

use foretell_policy::Grammar;
use tree_sitter::{Node, Tree};

use crate::{
    languages::{Binder, From, In, Rules},
    path::Path,
    words,
};

/// The role of a name at one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Declares the name in a scope, from a place on.
    Declares { scope: usize, from: usize },
    /// Refers to a declaration.
    Refers,
    /// Names a member of a type; `defines` if it is the member's definition.
    Member { defines: bool },
    /// Anything else, such as a word in a string.
    Other,
}

impl Role {
    /// Whether it is a declaration or a definition.
    pub(crate) fn declares(self) -> bool {
        matches!(self, Self::Declares { .. } | Self::Member { defines: true })
    }
}

/// A place where a name occurs.
#[derive(Debug)]
pub(crate) struct Occurrence<'t> {
    pub(crate) range: Range<usize>,
    pub(crate) path: Path<'t>,
    pub(crate) role: Role,
}

/// A declaration: its scope, and for languages that declare a name repeatedly in one scope, its
/// place.
pub(crate) type Binding = (usize, usize);

/// The occurrences of one name in a text.
#[derive(Debug)]
pub(crate) struct Names<'t> {
    pub(crate) text: &'t str,
    pub(crate) tree: &'t Tree,
    pub(crate) rules: &'static Rules,
    pub(crate) occurrences: Vec<Occurrence<'t>>,
    /// Python's functions with a `global` or `nonlocal` statement for the name, and the scope that
    /// it names.
    elsewhere: HashMap<usize, usize>,
}

impl<'t> Names<'t> {
    pub(crate) fn new(text: &'t str, tree: &'t Tree, rules: &'static Rules, name: &'t str) -> Self {
        let mut names =
            Self { text, tree, rules, occurrences: Vec::new(), elsewhere: HashMap::new() };
        for range in words::occurrences(text, name) {
            let path = Path::to(tree, &range);
            let role = names.role(&path, &range);
            if path.kind(1) == "global_statement" || path.kind(1) == "nonlocal_statement" {
                names.elsewhere.extend(names.scope_elsewhere(&path));
            }
            names.occurrences.push(Occurrence { range, path, role });
        }
        for it in &mut names.occurrences {
            if let Role::Declares { scope, .. } = &mut it.role {
                *scope = names.elsewhere.get(scope).copied().unwrap_or(*scope);
            }
        }
        names
    }

    /// The occurrence at a place.
    pub(crate) fn at(&self, byte_idx: usize) -> Option<&Occurrence<'t>> {
        self.occurrences.iter().find(|it| it.range.start == byte_idx)
    }

    /// The declaration that a name declares or refers to, if it is in the text.
    pub(crate) fn binding(&self, it: &Occurrence<'t>) -> Option<Binding> {
        match it.role {
            Role::Declares { scope, from } => Some(self.key(scope, from)),
            Role::Refers => self.resolve(&it.path, it.range.start),
            Role::Member { .. } | Role::Other => None,
        }
    }

    /// Whether the name is declared where a path leads.
    pub(crate) fn is_known(&self, path: &Path<'t>, at: usize) -> bool {
        self.resolve(path, at).is_some()
    }

    /// The declaration of the name as seen from a place.
    fn resolve(&self, path: &Path<'t>, at: usize) -> Option<Binding> {
        let mut in_function = false;
        for (i, step) in path.steps().iter().enumerate().skip(1) {
            let kind = step.kind();
            let is_outside = self.rules.outside.contains(&(kind, path.field(i - 1)));
            if !self.rules.scopes.contains(&kind) || is_outside {
                continue;
            }
            // Functions do not see the names of the class around them.
            let is_hidden = in_function && kind == "class_definition";
            in_function |= kind != "class_definition";
            if let Some(scope) = self.elsewhere.get(&step.node.id()) {
                return self.declared(*scope, at);
            }
            let found = self.declared(step.node.id(), at);
            if found.is_some() && !is_hidden {
                return found;
            }
        }
        None
    }

    /// The last declaration in a scope that is known at a place.
    fn declared(&self, scope: usize, at: usize) -> Option<Binding> {
        let known = self.occurrences.iter().filter_map(|it| match it.role {
            Role::Declares { scope: it, from } if it == scope && from <= at => Some(from),
            _ => None,
        });
        known.max().map(|from| self.key(scope, from))
    }

    fn key(&self, scope: usize, from: usize) -> Binding {
        // `let` declares another variable of the same name; elsewhere, it is the same one.
        (scope, if self.rules.grammar == Grammar::Rust { from } else { 0 })
    }

    fn scope_elsewhere(&self, path: &Path<'t>) -> Option<(usize, usize)> {
        let is_function = |kind: &str| ["function_definition", "lambda"].contains(&kind);
        let mut scopes = path.steps().iter().filter(|it| is_function(it.kind()));
        let own = scopes.next()?.node.id();
        let root = self.tree.root_node().id();
        let is_global = path.kind(1) == "global_statement";
        let around = scopes.next().filter(|_| !is_global).map_or(root, |it| it.node.id());
        Some((own, around))
    }

    /// The role of the name at a place.
    fn role(&self, path: &Path<'t>, range: &Range<usize>) -> Role {
        let leaf = path.leaf();
        if self.is_format_argument(path, range) {
            return Role::Refers;
        }
        if leaf.node.byte_range() != *range || path.is_in(self.rules.texts) {
            return Role::Other;
        }
        let parent_kind = path.kind(1);
        let is_field = |(kind, field): &(&str, &str)| {
            parent_kind == *kind && (field.is_empty() || leaf.has_field(field))
        };
        let defines = self.rules.member_binders.iter().any(is_field) || self.is_declarator(path);
        let is_member = self.rules.members.contains(&leaf.kind())
            || self.rules.member_fields.iter().any(is_field) && !path.is_in(&["use_declaration"]);
        if is_member || self.rules.names.contains(&leaf.kind()) && defines {
            return Role::Member { defines };
        }
        if !self.rules.names.contains(&leaf.kind()) {
            return Role::Other;
        }
        self.exception(path).unwrap_or_else(|| self.bound(path))
    }

    /// Rust: `{name}` in the string of a macro.
    fn is_format_argument(&self, path: &Path<'t>, range: &Range<usize>) -> bool {
        let (before, after) = (&self.text[..range.start], &self.text[range.end..]);
        self.rules.grammar == Grammar::Rust
            && before.ends_with('{')
            && !before.ends_with("{{")
            && after.starts_with(['}', ':'])
            && path.is_in(&["string_literal", "raw_string_literal"])
            && path.is_in(&["token_tree"])
    }

    /// Whether a member is declared by a declarator that contains it (`char *name[4];`).
    fn is_declarator(&self, path: &Path<'t>) -> bool {
        let is_pattern = |kind: &str| self.rules.patterns.iter().any(|it| it.0 == kind);
        let outer = (1..).find(|n| !is_pattern(path.kind(*n))).unwrap_or(1);
        path.kind(outer) == "field_declaration" && path.field(outer - 1) == "declarator"
    }

    /// The role of a name in the cases that the tables do not cover.
    fn exception(&self, path: &Path<'t>) -> Option<Role> {
        let leaf = path.leaf();
        let parent = path.up(1)?;
        let text = &self.text[leaf.node.byte_range()];
        match (self.rules.grammar, parent.kind()) {
            (Grammar::Python, "keyword_argument") if leaf.has_field("name") => Some(Role::Other),
            (Grammar::Python, "dotted_name") => {
                let is_module = path.field(1) == "module_name";
                let is_first = leaf.node.start_byte() == parent.node.start_byte();
                let is_renamed = path.kind(2) == "aliased_import";
                (is_module || !is_first || is_renamed).then_some(Role::Other)
            }
            (Grammar::Tsx, "import_specifier" | "export_specifier") => {
                let is_foreign = path.kind(1) == "export_specifier"
                    && path.steps().iter().any(|it| it.child("source").is_some());
                let is_renamed = leaf.has_field("name") && parent.child("alias").is_some();
                let is_import = parent.kind() == "import_specifier";
                let is_other = is_foreign || is_import && is_renamed;
                let is_alias = !is_import && leaf.has_field("alias");
                (is_other || is_alias).then_some(Role::Other)
            }
            (Grammar::Tsx, "for_in_statement") => {
                let is_declared = parent.child("kind").is_some();
                (leaf.has_field("left") && !is_declared).then_some(Role::Refers)
            }
            (Grammar::Rust, "token_tree") => {
                let before = leaf.node.prev_sibling().map(|it| &self.text[it.byte_range()]);
                let is_member = matches!(before, Some("." | "::"));
                Some(if is_member { Role::Member { defines: false } } else { Role::Refers })
            }
            (Grammar::Rust, "function_item" | "function_signature_item" | "const_item")
                if leaf.has_field("name") =>
            {
                let is_associated = ["impl_item", "trait_item"].contains(&path.kind(3));
                is_associated.then_some(Role::Member { defines: true })
            }
            // `mod tests { use super::name; }`: a declaration in the same file.
            (Grammar::Rust, _) if path.is_in(&["use_declaration"]) && path.is_in(&["mod_item"]) => {
                let import = path.steps().iter().find(|it| it.kind() == "use_declaration")?;
                let argument = &self.text[import.child("argument")?.byte_range()];
                argument.starts_with("super::").then_some(Role::Refers)
            }
            // A constant, or a variant without fields.
            (Grammar::Rust, kind) => {
                let is_item = kind.ends_with("_item") || path.is_in(&["use_declaration"]);
                let is_upper = text.starts_with(char::is_uppercase);
                let is_type = leaf.kind() == "type_identifier" || kind == "const_parameter";
                (is_upper && !is_item && !is_type).then_some(Role::Refers)
            }
            (Grammar::Go, "package_clause") => Some(Role::Other),
            (Grammar::Go, "literal_element") if path.field(1) == "key" => {
                Some(Role::Member { defines: false })
            }
            (Grammar::Go, "expression_list") if path.kind(2) == "range_clause" => {
                let mut cursor = parent.node.walk();
                let clause = path.up(2)?.node;
                let declares = clause.children(&mut cursor).any(|it| it.kind() == ":=");
                (!declares).then_some(Role::Refers)
            }
            (Grammar::Java, "scoped_identifier") => {
                let is_import = path.kind(2) == "import_declaration" && leaf.has_field("name");
                let root = self.tree.root_node().id();
                Some(if is_import { Role::Declares { scope: root, from: 0 } } else { Role::Other })
            }
            (Grammar::Java, "element_value_pair") if leaf.has_field("key") => Some(Role::Other),
            (Grammar::Java, "labeled_statement" | "break_statement" | "continue_statement") => {
                Some(Role::Other)
            }
            _ => None,
        }
    }

    /// A declaration if a binder reaches the name, else a reference.
    fn bound(&self, path: &Path<'t>) -> Role {
        for n in 1..path.steps().len() {
            let (kind, field) = (path.kind(n), path.field(n - 1));
            let binds =
                |it: &&Binder| it.kind == kind && (it.field.is_empty() || it.field == field);
            if let Some(binder) = self.rules.binders.iter().find(binds) {
                return self.declares(path, n, *binder);
            }
            let reaches =
                |(pattern, except): &(&str, &[&str])| *pattern == kind && !except.contains(&field);
            if !self.rules.patterns.iter().any(reaches) {
                break;
            }
        }
        Role::Refers
    }

    fn declares(&self, path: &Path<'t>, binder_idx: usize, binder: Binder) -> Role {
        let root = self.tree.root_node();
        let is_var = path.kind(binder_idx + 1) == "variable_declaration";
        let scope = match binder.scope {
            In::Inner if is_var => self.scope(path, binder_idx, self.rules.functions),
            In::Inner => self.scope(path, binder_idx, self.rules.scopes),
            In::Outer => self.scope(path, binder_idx + 1, self.rules.scopes),
            In::Function => self.scope(path, binder_idx, self.rules.functions),
            In::File => root,
        };
        let is_whole = scope.id() == root.id() || is_field(path, binder_idx);
        let from = match binder.from {
            From::Start => 0,
            From::After if is_whole => 0,
            // C: `T *p = malloc(sizeof *p);`
            From::After if binder.kind == "declaration" => path.leaf().node.end_byte(),
            From::After => path.up(binder_idx).map_or(0, |it| it.node.end_byte()),
        };
        Role::Declares { scope: scope.id(), from }
    }

    /// The innermost node of these kinds, from an ancestor upwards.
    fn scope(&self, path: &Path<'t>, from_idx: usize, kinds: &[&str]) -> Node<'t> {
        let found = (from_idx..path.steps().len()).find(|n| kinds.contains(&path.kind(*n)));
        let Some(n) = found else { return self.tree.root_node() };
        // The parameters of a C function are known in its body.
        let is_declarator = path.kind(n) == "function_declarator";
        let is_pattern = |kind: &str| self.rules.patterns.iter().any(|it| it.0 == kind);
        let definition = (n + 1..).find(|n| !is_pattern(path.kind(*n)));
        let definition = definition.and_then(|n| path.up(n));
        let lifted = definition.filter(|it| is_declarator && it.kind() == "function_definition");
        lifted.or(path.up(n)).map_or(self.tree.root_node(), |it| it.node)
    }
}

/// Whether a Java variable is a field.
fn is_field(path: &Path<'_>, binder_idx: usize) -> bool {
    path.kind(binder_idx + 1) == "field_declaration"
}

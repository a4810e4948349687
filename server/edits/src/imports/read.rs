//! Reads import statements.

use std::collections::HashSet;

use foretell_policy::{Grammar, Trees};
use tree_sitter::{Node, Tree};

use super::is_understood;
use crate::words;

/// An import of one name that means the same in any file of the language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// The name in the file.
    pub(super) name: String,
    /// What it imports; two imports with the same path and name are the same.
    pub(super) path: String,
    /// The statement that imports only this name; in Go, without its keyword.
    pub(super) line: String,
    /// The name in a list of names, with its alias, if the statement has a list.
    pub(super) item: Option<String>,
}

/// An import statement at the top of a file.
#[derive(Debug)]
pub(super) struct Statement<'t> {
    pub(super) node: Node<'t>,
    pub(super) names: Vec<Imported<'t>>,
    /// Whether it imports names that it does not mention.
    pub(super) is_wildcard: bool,
    /// What it imports from; imports are sorted by it.
    pub(super) path: String,
}

/// A name that a statement declares.
#[derive(Debug)]
pub(super) struct Imported<'t> {
    pub(super) name: String,
    /// The name with its alias and path, as far as it shares them with no other name.
    pub(super) node: Node<'t>,
    /// As a statement of its own, if that means the same in any file.
    pub(super) alone: Option<Import>,
    /// Whether it is called like a member: Java's static imports.
    pub(super) is_static: bool,
}

/// Node kinds of import statements.
pub(super) fn statement_kinds(grammar: Grammar) -> &'static [&'static str] {
    match grammar {
        Grammar::Python => &["import_statement", "import_from_statement"],
        Grammar::Tsx => &["import_statement"],
        Grammar::Rust => &["use_declaration"],
        Grammar::Go | Grammar::Java => &["import_declaration"],
        Grammar::Bash | Grammar::C | Grammar::Cpp | Grammar::Json => &[],
    }
}

/// The imports of a text that mean the same in any other file. Only its import statements are
/// parsed.
#[must_use]
pub fn imports(uri: &str, language: &str, text: &str) -> Vec<Import> {
    let Some(grammar) = Grammar::of_document(uri, language).filter(|it| is_understood(*it)) else {
        return Vec::new();
    };
    let header = header(text, grammar);
    if header.is_empty() {
        return Vec::new();
    }
    let parsed = Trees::default().parsed(&"".into(), grammar, &header.as_str().into());
    let Some(parsed) = parsed else { return Vec::new() };
    let all = statements(&header, &parsed.tree, grammar).into_iter().flat_map(|it| it.names);
    let mut all: Vec<Import> = all.filter_map(|it| it.alone).collect();
    if grammar == Grammar::Rust {
        // The path of a module of the file means nothing elsewhere.
        let modules: HashSet<&str> = text.lines().filter_map(module).collect();
        all.retain(|it| !it.path.split("::").next().is_some_and(|it| modules.contains(it)));
    }
    all
}

/// The module that a line of Rust declares.
fn module(line: &str) -> Option<&str> {
    let (before, after) = line.split_once("mod ")?;
    let is_item = before.is_empty() || before.starts_with("pub");
    is_item.then(|| after.trim_end_matches([' ', '{', '}', ';', '\r']))
}

/// The import statements of a text, which start at the start of a line.
fn header(text: &str, grammar: Grammar) -> String {
    let starts: &[&str] = match grammar {
        Grammar::Python => &["import ", "from "],
        Grammar::Rust => &["use "],
        _ => &["import ", "import{"],
    };
    let (mut header, mut statement) = (String::new(), String::new());
    for line in text.split_inclusive('\n') {
        let starts_here = starts.iter().any(|it| line.starts_with(it));
        if starts_here {
            statement.clear();
        } else if statement.is_empty() {
            continue;
        }
        statement += line;
        let is_open = |it: char, other: char| statement.contains(it) && !statement.contains(other);
        let is_whole = match grammar {
            Grammar::Python => !is_open('(', ')') && !line.trim_end().ends_with('\\'),
            Grammar::Go => !is_open('(', ')'),
            Grammar::Tsx => !is_open('{', '}') && statement.contains(['"', '\'']),
            _ => statement.contains(';'),
        };
        if is_whole {
            header += &statement;
            statement.clear();
        }
    }
    header
}

/// The import statements at the top level of a text.
pub(super) fn statements<'t>(text: &str, tree: &'t Tree, grammar: Grammar) -> Vec<Statement<'t>> {
    let kinds = statement_kinds(grammar);
    let root = tree.root_node();
    let mut cursor = root.walk();
    let nodes = root.children(&mut cursor).filter(|it| kinds.contains(&it.kind()));
    nodes.map(|it| Reader { text, statement: it }.read(grammar)).collect()
}

struct Reader<'a, 't> {
    text: &'a str,
    statement: Node<'t>,
}

impl<'a, 't> Reader<'a, 't> {
    fn text(&self, node: Node<'_>) -> &'a str {
        &self.text[node.byte_range()]
    }

    fn read(&self, grammar: Grammar) -> Statement<'t> {
        let mut found = Statement {
            node: self.statement,
            names: Vec::new(),
            is_wildcard: false,
            path: String::new(),
        };
        match grammar {
            Grammar::Python => self.python(&mut found),
            Grammar::Tsx => self.tsx(&mut found),
            Grammar::Rust => self.rust(&mut found),
            Grammar::Go => self.go(&mut found),
            _ => self.java(&mut found),
        }
        found
    }

    fn python(&self, found: &mut Statement<'t>) {
        let module = self.statement.child_by_field_name("module_name");
        found.is_wildcard = child(self.statement, "wildcard_import").is_some();
        let is_absolute = module.is_none_or(|it| it.kind() == "dotted_name");
        found.path = module.map_or(String::new(), |it| self.text(it).to_owned());
        let mut cursor = self.statement.walk();
        for node in self.statement.children_by_field_name("name", &mut cursor) {
            let alias = node.child_by_field_name("alias");
            let (text, whole) = (self.text(node), node.child_by_field_name("name").unwrap_or(node));
            let name =
                alias.map_or_else(|| text.split('.').next().unwrap_or(text), |it| self.text(it));
            if alias.is_some() && text.starts_with(&format!("{name} ")) {
                // `b as b` is for other files.
                continue;
            }
            if module.is_none() {
                found.path = self.text(whole).to_owned();
            }
            // `import a.b` imports `a`, with or without `b`.
            let is_clear = alias.is_some() || !text.contains('.');
            let line = match module {
                Some(it) => format!("from {} import {text}", self.text(it)),
                None => format!("import {text}"),
            };
            let item = module.map(|_| text.to_owned());
            found.add(name, node, (is_absolute && is_clear).then_some(line), item);
        }
    }

    fn tsx(&self, found: &mut Statement<'t>) {
        let Some(source) = self.statement.child_by_field_name("source") else { return };
        let from = self.text(source);
        found.path = from.trim_matches(['"', '\'']).to_owned();
        let Some(clause) = child(self.statement, "import_clause") else { return };
        let is_absolute = !found.path.starts_with(['.', '/'])
            && child(self.statement, "import_attribute").is_none();
        let is_type = self.text[self.statement.start_byte()..clause.start_byte()].contains("type");
        let import = if is_type { "import type" } else { "import" };
        let end = if self.text(self.statement).ends_with(';') { ";" } else { "" };
        let mut add = |name: &str, node: Node<'t>, what: &str, item: Option<String>| {
            let line = format!("{import} {what} from {from}{end}");
            found.add(name, node, is_absolute.then_some(line), item);
        };
        for node in named_children(clause) {
            let text = self.text(node);
            match node.kind() {
                "identifier" => add(text, node, text, None),
                "namespace_import" => {
                    let name = node.named_child(0).map_or("", |it| self.text(it));
                    add(name, node, text, None);
                }
                _ => {
                    let specifiers = named_children(node);
                    for it in specifiers.into_iter().filter(|it| it.kind() == "import_specifier") {
                        let alias = it.child_by_field_name("alias");
                        let name = alias.or_else(|| it.child_by_field_name("name"));
                        let name = name.map_or("", |it| self.text(it));
                        let item = self.text(it);
                        add(name, it, &format!("{{ {item} }}"), Some(item.to_owned()));
                    }
                }
            }
        }
    }

    fn rust(&self, found: &mut Statement<'t>) {
        let has_attribute = |it: Node<'_>| it.kind() == "attribute_item";
        let is_public = child(self.statement, "visibility_modifier").is_some();
        let Some(argument) = self.statement.child_by_field_name("argument") else { return };
        found.path = self.text(argument).to_owned();
        found.is_wildcard = self.text(argument).contains('*');
        if !is_public && !self.statement.prev_sibling().is_some_and(has_attribute) {
            self.rust_names(argument, "", found);
        }
    }

    fn rust_names(&self, node: Node<'t>, prefix: &str, found: &mut Statement<'t>) {
        let text = self.text(node);
        let join =
            |it: &str| if prefix.is_empty() { it.to_owned() } else { format!("{prefix}::{it}") };
        let named = |field: &str| node.child_by_field_name(field).map(|it| self.text(it));
        let (name, path) = match node.kind() {
            "identifier" => (text, join(text)),
            "scoped_identifier" => (named("name").unwrap_or_default(), join(text)),
            "use_as_clause" => (named("alias").unwrap_or_default(), join(text)),
            "self" => (prefix.rsplit("::").next().unwrap_or_default(), prefix.to_owned()),
            "scoped_use_list" | "use_list" => {
                let inner = named("path").map_or_else(|| prefix.to_owned(), join);
                let list = node.child_by_field_name("list").unwrap_or(node);
                named_children(list).into_iter().for_each(|it| self.rust_names(it, &inner, found));
                return;
            }
            _ => return,
        };
        let first = path.split("::").next().unwrap_or_default();
        let is_absolute = !["crate", "self", "super"].contains(&first)
            && path.contains("::")
            && !path.contains("::self");
        let line = format!("use {path};");
        let item = path.rsplit("::").next().map(str::to_owned);
        found.add(name, node, is_absolute.then_some(line), item);
        if let Some(Some(it)) = found.names.last_mut().map(|it| &mut it.alone) {
            it.path = path;
        }
    }

    fn go(&self, found: &mut Statement<'t>) {
        let list = child(self.statement, "import_spec_list");
        for node in named_children(list.unwrap_or(self.statement)) {
            let Some(path) = node.child_by_field_name("path") else { continue };
            let path = self.text(path).trim_matches(['"', '`']);
            found.path = path.to_owned();
            let alias = node.child_by_field_name("name").map(|it| self.text(it));
            found.is_wildcard |= alias == Some(".");
            let name = alias.or_else(|| package_name(path)).filter(|it| words::is_identifier(it));
            if let Some(name) = name.filter(|it| *it != "_" && path != "C") {
                found.add(name, node, Some(self.text(node).to_owned()), None);
            }
        }
    }

    fn java(&self, found: &mut Statement<'t>) {
        let Some(path) = child(self.statement, "scoped_identifier") else { return };
        found.path = self.text(path).to_owned();
        found.is_wildcard = child(self.statement, "asterisk").is_some();
        let is_static = child(self.statement, "static").is_some();
        let name = path.child_by_field_name("name").filter(|_| !found.is_wildcard);
        if let Some(name) = name {
            // What it names is a member, so uses do not show that it is missing.
            let line = (!is_static).then(|| self.text(self.statement).to_owned());
            found.add(self.text(name), self.statement, line, None);
            found.names.iter_mut().for_each(|it| it.is_static = is_static);
        }
    }
}

impl<'t> Statement<'t> {
    fn add(&mut self, name: &str, node: Node<'t>, line: Option<String>, item: Option<String>) {
        let (name, path) = (name.to_owned(), self.path.clone());
        let line = line.filter(|_| !name.starts_with('_'));
        let alone = line.map(|line| Import { name: name.clone(), path, line, item });
        self.names.push(Imported { name, node, alone, is_static: false });
    }
}

/// The name of a Go package, which usually is the last part of its path.
fn package_name(path: &str) -> Option<&str> {
    let is_version = |it: &str| {
        it.strip_prefix('v')
            .is_some_and(|it| !it.is_empty() && it.bytes().all(|it| it.is_ascii_digit()))
    };
    let last = path.rsplit('/').find(|it| !is_version(it))?;
    // `gopkg.in/yaml.v3`
    Some(last.rsplit_once('.').filter(|it| is_version(it.1)).map_or(last, |it| it.0))
}

pub(super) fn child<'t>(node: Node<'t>, kind: &str) -> Option<Node<'t>> {
    let mut cursor = node.walk();
    node.children(&mut cursor).find(|it| it.kind() == kind)
}

pub(super) fn named_children(node: Node<'_>) -> Vec<Node<'_>> {
    let mut cursor = node.walk();
    node.named_children(&mut cursor).filter(|it| !it.is_extra()).collect()
}

//! Finds the places where the last edit continues.

use std::{ops::Range, sync::Arc};

use foretell_policy::{Grammar, MAX_SYNTAX_BYTES, Parsed, Trees, errors};

use crate::{
    adapted::adapted,
    calls::{self, Agreement},
    history::{Placed, joined},
    imports::{self, Import},
    languages::{Rules, rules},
    path::Path,
    rename::{Place, Rename},
    shape, words,
};

/// The most candidates of one search.
const MAX_CANDIDATES: usize = 8;
/// The most occurrences of a name that is renamed: resolving them is quadratic.
const MAX_OCCURRENCES: usize = 1_000;

/// A text and the edits that led to it.
#[derive(Debug, Clone)]
pub struct Query {
    /// The document's name; its trees are kept under it.
    pub uri: Arc<str>,
    /// The editor's name for its language.
    pub language: Arc<str>,
    /// The current text.
    pub text: Arc<str>,
    /// The edits in it, the last one first; see [`History::placed`](crate::History::placed).
    pub placed: Vec<Placed>,
    /// The imports of other documents in the language, see [`imports`](crate::imports()). `None` if
    /// the text is not a whole file, but shares the imports of others, as a cell of a notebook does.
    pub others: Option<Vec<Arc<[Import]>>>,
}

/// Why an edit is proposed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Another place of a renamed name.
    Rename,
    /// Another place of a renamed field, method or variant.
    Member,
    /// A replacement or deletion that was made twice, at another place.
    Repeat,
    /// An import that lost its last use, or one that a new name needs.
    Import,
    /// A guess: an insertion, or a change that was made once, at a place that looks the same; an
    /// argument of another call; or an unused import in Rust that may be a trait.
    Similar,
}

impl Kind {
    /// Whether the syntax shows that the place refers to the renamed name.
    #[must_use]
    pub fn is_name(self) -> bool {
        matches!(self, Self::Rename | Self::Member)
    }

    /// Whether the syntax shows that the edit is right.
    #[must_use]
    pub fn is_proved(self) -> bool {
        self.is_name() || self == Self::Import
    }
}

/// An edit that may follow the last one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The range that it replaces in the current text.
    pub range: Range<usize>,
    /// The text there.
    pub old: String,
    /// The new text.
    pub new: String,
    /// Why it is proposed.
    pub kind: Kind,
}

/// Finds candidates. Keeps the syntax trees of recent documents.
#[derive(Debug, Default)]
pub struct Finder {
    now: Arc<Trees>,
    before: Arc<Trees>,
}

impl Finder {
    /// The places where the last edit continues, the next one first, and then the imports that it
    /// concerns. None of them adds syntax errors, or changes what the user has just written.
    #[must_use]
    pub fn find(&self, query: &Query) -> Vec<Candidate> {
        let Query { uri, language, text, placed, .. } = query;
        let Some(grammar) = Grammar::of_document(uri, language) else { return Vec::new() };
        let is_there = |it: &Placed| text.get(it.range.clone()) == Some(&it.after);
        let may_search = text.len() <= MAX_SYNTAX_BYTES && placed.iter().all(is_there);
        let Some(last) = placed.first().filter(|_| may_search) else { return Vec::new() };
        let Some(parsed) = self.now.parsed(uri, grammar, text) else { return Vec::new() };
        let mut found = self.continued(query, last, grammar, &parsed);
        let imports = self.imports(query, grammar, &parsed);
        found.extend(imports.into_iter().filter(|it| !adds_errors(&parsed, it)));
        found.truncate(MAX_CANDIDATES);
        found
    }

    /// The places where the last edit continues.
    fn continued(
        &self,
        query: &Query,
        last: &Placed,
        grammar: Grammar,
        parsed: &Parsed,
    ) -> Vec<Candidate> {
        let Query { text, placed, .. } = query;
        let adapted = adapted(text, placed);
        let rename = Rename::of(text, placed);
        let renames =
            rename.as_ref().and_then(|it| self.renames(query, it, grammar, adapted.as_ref()));
        let (is_rename, mut found) = (renames.is_some(), renames.unwrap_or_default());
        if !is_rename {
            let repeats = repeats(query, &|| is_text(parsed, grammar, &last.range));
            found = agreements(query, grammar, parsed);
            let is_other = |it: &Candidate| !touches_any(&found, it);
            let others: Vec<Candidate> = repeats.into_iter().filter(is_other).collect();
            found.extend(others);
        } else if found.is_empty() {
            found.extend(rename.iter().flat_map(|it| mentions(query, it)));
        }
        // A change of what was just written says nothing about other lines.
        if let Some(adapted) = &adapted {
            let is_within = |it: &Range<usize>| adapted.start <= it.start && it.end <= adapted.end;
            found.retain(|it| it.kind.is_name() || is_within(&it.range));
        }
        // The next one below, then from the start of the text.
        let at = last.range.end;
        found.sort_by_key(|it| (it.range.start < at, it.range.start));
        let is_text = |range: &Range<usize>| is_text(parsed, grammar, range);
        if !found.is_empty() && is_unfinished(parsed, last) {
            found.retain(|it| it.kind.is_name());
        }
        // In strings and comments, only a change of a string or comment is repeated. They mention a
        // renamed name; elsewhere, only the syntax tree decides what it refers to.
        let was_text = is_rename || is_text(&last.range);
        let at_place = |it: &Candidate| {
            // Lines are inserted before the line break, which a comment above them does not contain.
            let end = it.range.end;
            let inserts_lines = it.new.contains('\n') && text[end..].starts_with(['\r', '\n']);
            if inserts_lines { end..end + 1 } else { it.range.clone() }
        };
        let is_like = |it: &Candidate| it.kind.is_name() || is_text(&at_place(it)) == was_text;
        let n_edits = rename.as_ref().map_or(placed.len(), |it| it.n_edits);
        let is_good = |it: &Candidate| {
            is_like(it) && !is_recent(placed, n_edits, it) && !adds_errors(parsed, it)
        };
        found.into_iter().filter(is_good).take(MAX_CANDIDATES).collect()
    }

    /// The imports that the last edits made unused or necessary. While the text has syntax errors, the
    /// user is in the middle of an edit.
    fn imports(&self, query: &Query, grammar: Grammar, parsed: &Parsed) -> Vec<Candidate> {
        let Query { uri, text, placed, others, .. } = query;
        let rules = rules(grammar).filter(|_| imports::is_understood(grammar));
        let (Some(rules), Some(others)) = (rules, others) else { return Vec::new() };
        if parsed.errors.n() > 0 || imports::only_imports(uri) {
            return Vec::new();
        }
        let parse = |before: &Arc<str>| self.before.parsed(uri, grammar, before);
        let unused = imports::unused(text, &parsed.tree, rules, placed, parse);
        let missing = imports::missing(text, &parsed.tree, rules, placed, others);
        let candidate = |imports::Change { range, new, is_certain }| {
            let kind = if is_certain { Kind::Import } else { Kind::Similar };
            Candidate { old: text[range.clone()].to_owned(), range, new, kind }
        };
        unused.into_iter().chain(missing).map(candidate).collect()
    }

    /// The other places of a renamed name; `None` if the text does not say what it means.
    fn renames(
        &self,
        query: &Query,
        rename: &Rename,
        grammar: Grammar,
        adapted: Option<&Range<usize>>,
    ) -> Option<Vec<Candidate>> {
        let Query { uri, text, .. } = query;
        let rules = rules(grammar)?;
        let is_frequent = rename.before.matches(&rename.old).nth(MAX_OCCURRENCES).is_some();
        if is_frequent {
            return Some(Vec::new());
        }
        if !self.is_name(query, rename, rules) {
            return None;
        }
        let before = Arc::from(rename.before.as_str());
        let parsed = self.before.parsed(uri, grammar, &before)?;
        let candidate = |it: Place| {
            let kind = if it.of_member { Kind::Member } else { Kind::Rename };
            let range = it.range;
            let old = text.get(range.clone()).filter(|old| **old == rename.old)?.to_owned();
            Some(Candidate { range, old, new: it.new, kind })
        };
        let places = rename.places(rules, &parsed.tree, adapted)?;
        Some(places.into_iter().filter_map(candidate).collect())
    }

    /// Whether the new text is a name where it was written, and not a keyword. In a string or comment,
    /// it may be one.
    fn is_name(&self, query: &Query, rename: &Rename, rules: &Rules) -> bool {
        let Query { uri, text, .. } = query;
        let parsed = self.now.parsed(uri, rules.grammar, text);
        parsed.is_some_and(|it| {
            let start = rename.last.end - rename.new.len();
            let path = Path::to(&it.tree, &(start..rename.last.end));
            let leaf = path.leaf();
            path.is_in(rules.texts)
                || rules.names.contains(&leaf.kind())
                || rules.members.contains(&leaf.kind())
                || !text[rename.last.clone()].ends_with(&rename.new)
        })
    }
}

/// The places that may mention a renamed name, if it is unlikely to mean anything else.
fn mentions(query: &Query, Rename { old, new, .. }: &Rename) -> Vec<Candidate> {
    if !words::is_distinctive(old) {
        return Vec::new();
    }
    let candidate =
        |range| Candidate { range, old: old.clone(), new: new.clone(), kind: Kind::Similar };
    words::occurrences(&query.text, old).map(candidate).collect()
}

/// The calls and the definition of a function, one of which got or lost an argument.
fn agreements(query: &Query, grammar: Grammar, parsed: &Parsed) -> Vec<Candidate> {
    let Query { uri, text, placed, .. } = query;
    let last = joined(placed).into_iter().next().filter(calls::may_change_a_list);
    let Some((last, rules)) = last.zip(rules(grammar)) else { return Vec::new() };
    let found = calls::agreements(text, &parsed.tree, rules, uri, &last);
    let candidate = |it: Agreement| {
        let old = text[it.range.clone()].to_owned();
        Candidate { range: it.range, old, new: it.new, kind: Kind::Similar }
    };
    found.into_iter().map(candidate).collect()
}

fn touches_any(found: &[Candidate], it: &Candidate) -> bool {
    found.iter().any(|of| of.range.start <= it.range.end && of.range.end >= it.range.start)
}

/// Whether a range is in a string or comment. An insertion next to a string is not in it.
fn is_text(parsed: &Parsed, grammar: Grammar, range: &Range<usize>) -> bool {
    let texts = rules(grammar).map_or(&[][..], |it| it.texts);
    Path::to(&parsed.tree, range).steps().iter().filter(|it| texts.contains(&it.kind())).any(|it| {
        let node = it.node.byte_range();
        let is_open_end = it.kind().contains("comment");
        let is_inside = node.start < range.start && (range.end < node.end || is_open_end);
        !range.is_empty() || is_inside
    })
}

fn repeats(query: &Query, is_in_text: &dyn Fn() -> bool) -> Vec<Candidate> {
    let text = &query.text;
    let candidate = |it: shape::Repeat| Candidate {
        old: text[it.range.clone()].to_owned(),
        range: it.range,
        new: it.new,
        kind: if it.n_examples > 1 && !it.inserts { Kind::Repeat } else { Kind::Similar },
    };
    shape::repeats(text, &query.placed, is_in_text).into_iter().map(candidate).collect()
}

/// Whether a candidate would change a text that the user has just written, or take back an edit. A
/// name may be renamed where it was written before the rename, which began `n_edits` ago, and where
/// it was renamed before.
fn is_recent(placed: &[Placed], n_edits: usize, it: &Candidate) -> bool {
    let touches = |(_, edit): &(usize, &Placed)| {
        edit.range.start <= it.range.end && edit.range.end >= it.range.start
    };
    placed.iter().enumerate().filter(touches).any(|(i, edit)| {
        let is_renamed = words::common_suffix(&edit.after, &it.old) > 0 && !edit.before.is_empty();
        let is_older = it.kind.is_name() && (i >= n_edits || is_renamed);
        !is_older || edit.before == it.new
    })
}

/// Whether an edit deleted a word that the syntax requires, so that another one will follow.
fn is_unfinished(parsed: &Parsed, last: &Placed) -> bool {
    let is_deletion = last.after.is_empty() && last.before.chars().all(words::is_word);
    let before = is_deletion.then(|| parsed.with(last.range.clone(), &last.before)).flatten();
    before.is_some_and(|tree| errors(&tree).n() < parsed.errors.n())
}

fn adds_errors(parsed: &Parsed, it: &Candidate) -> bool {
    let with = parsed.with(it.range.clone(), &it.new);
    with.is_none_or(|tree| errors(&tree).n() > parsed.errors.n())
}

#[cfg(test)]
mod tests;

//! Changes of whole lines: the same line deleted, and a text inserted at the start or the end of
//! line after line.

use std::ops::Range;

use super::{
    Repeat,
    line_change::{LineChange, Spot, line_at, tokens},
};
use crate::{history::Placed, words};

/// A shorter line says too little.
const MIN_DELETED: usize = 8;
/// The tokens at the changed end of a line that must be of the same kind.
const MAX_KINDS: usize = 2;

/// The lines that equal the one that the last edit deleted.
pub(super) fn deleted(text: &str, placed: &[Placed]) -> Vec<Repeat> {
    let line = |it: &Placed| {
        let Placed { range, before, after } = it;
        let starts = range.start == 0 || text[..range.start].ends_with('\n');
        let ends = range.end == text.len() || text[range.end..].starts_with('\n');
        let is_whole = starts && before.ends_with('\n') || ends && before.starts_with('\n');
        let deleted = before.trim();
        (is_whole && after.is_empty() && !deleted.contains('\n') && deleted.len() >= MIN_DELETED)
            .then(|| deleted.to_owned())
    };
    let Some(deleted) = placed.first().and_then(line) else { return Vec::new() };
    let is_example = |it: &&Placed| line(it).is_some_and(|it| it == deleted);
    let n_examples = placed.iter().filter(is_example).count();
    let same = super::lines(text).filter(|(_, line)| line.trim() == deleted);
    same.map(|(start, _)| {
        let end = text[start..].find('\n').map_or(text.len(), |at| start + at + 1);
        Repeat { range: start..end, new: String::new(), n_examples, inserts: false }
    })
    .collect()
}

/// The next line, if the same text was inserted at the same end of the last two.
pub(super) fn next_line(text: &str, changes: &[LineChange<'_>]) -> Option<Repeat> {
    let [last, previous, ..] = changes else { return None };
    let at_start = |it: &LineChange<'_>| it.left.is_empty() && !it.right.is_empty();
    let at_end = |it: &LineChange<'_>| it.right.is_empty() && !it.left.is_empty();
    let is_start = at_start(last) && at_start(previous);
    let is_possible = last.removed.is_empty()
        && last.is_like(previous)
        && last.is_short_insertion()
        && (is_start || at_end(last) && at_end(previous));
    let (lower, upper) = (line_at(text, last.start), line_at(text, previous.start));
    let range = if lower.start == upper.end + 1 {
        line_at(text, (lower.end + 1).min(text.len()))
    } else if upper.start == lower.end + 1 && lower.start > 0 {
        line_at(text, lower.start - 1)
    } else {
        return None;
    };
    let line = text[range.clone()].trim_end();
    let tokens: Vec<Range<usize>> = tokens(line);
    let texts: Vec<&str> = tokens.iter().map(|it| &line[it.clone()]).collect();
    let at = if is_start { 0 } else { tokens.len() };
    let own: Vec<&str> = if is_start { texts } else { texts.into_iter().rev().collect() };
    let same_kinds = |it: &LineChange<'_>| {
        let its: Vec<&str> =
            if is_start { it.right.clone() } else { it.left.iter().rev().copied().collect() };
        let n = its.len().min(MAX_KINDS);
        own.len() >= n && own[..n].iter().zip(&its).all(|(a, b)| kind(a) == kind(b))
    };
    if !is_possible || own.is_empty() || !same_kinds(last) || !same_kinds(previous) {
        return None;
    }
    let spot = Spot::of(&tokens, &(at..at), line.len()).shifted(range.start);
    let (range, new) = last.at(&spot);
    Some(Repeat { range, new, n_examples: 2, inserts: true })
}

/// What a token must have in common with another one: that it is a word, or its text.
fn kind(token: &str) -> &str {
    if words::is_identifier(token) { "word" } else { token }
}

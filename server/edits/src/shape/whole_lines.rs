//! Changes of whole lines: the same line deleted, and a text inserted at the start or the end of
//! line after line.

use std::ops::Range;

use super::{
    Repeat,
    line_change::{LineChange, Spot, line_at, tokens},
};
use crate::{history::Placed, words};

/// The minimum length of a deleted line, in bytes: many shorter ones are equal by chance.
const MIN_DELETED: usize = 8;
/// The tokens at the changed end of a line that must be of the same kind.
const MAX_KINDS: usize = 2;

/// The lines that equal the one that the last edit deleted.
pub(super) fn deleted(text: &str, placed: &[Placed]) -> Vec<Repeat> {
    let line = |it: &Placed| {
        let Placed { range, before, after, .. } = it;
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

/// The next line, if the same text was inserted at the same end of the last two; or of the last
/// one, if all of the line is of the same kind.
pub(super) fn next_line(text: &str, changes: &[LineChange<'_>]) -> Option<Repeat> {
    let (last, others) = changes.split_first()?;
    let at_start = |it: &LineChange<'_>| it.left.is_empty() && !it.right.is_empty();
    let at_end = |it: &LineChange<'_>| it.right.is_empty() && !it.left.is_empty();
    let is_start = at_start(last);
    if !last.removed.is_empty() || !last.is_short_insertion() || !is_start && !at_end(last) {
        return None;
    }
    let own = line_at(text, last.start);
    let below = (own.end + 1 < text.len()).then(|| line_at(text, own.end + 1));
    let above = own.start.checked_sub(1).map(|it| line_at(text, it));
    let is_same_end =
        |it: &&LineChange<'_>| it.is_like(last) && if is_start { at_start(it) } else { at_end(it) };
    let is_in = |it: &LineChange<'_>, line: &Option<Range<usize>>| {
        line.as_ref().is_some_and(|line| line.contains(&it.start) || line.end == it.start)
    };
    let previous = others.first().filter(is_same_end);
    let (next, n_kinds) = match previous {
        Some(it) if is_in(it, &above) => (below, MAX_KINDS),
        Some(it) if is_in(it, &below) => (above, MAX_KINDS),
        _ => (below, usize::MAX),
    };
    let range = next?;
    let line = text[range.clone()].trim_end();
    let tokens: Vec<Range<usize>> = tokens(line);
    let mut texts: Vec<&str> = tokens.iter().map(|it| &line[it.clone()]).collect();
    let mut its = if is_start { last.right.clone() } else { last.left.clone() };
    if !is_start {
        texts.reverse();
        its.reverse();
    }
    let kinds = |of: &[&str]| of.iter().take(n_kinds).map(|it| kind(it).to_owned()).collect();
    let (texts, its): (Vec<String>, Vec<String>) = (kinds(&texts), kinds(&its));
    if texts.is_empty() || texts != its {
        return None;
    }
    let at = if is_start { 0 } else { tokens.len() };
    let spot = Spot::of(&tokens, &(at..at), line.len()).shifted(range.start);
    let (range, new) = last.at(&spot);
    Some(Repeat { range, new, n_examples: 1, inserts: true })
}

/// The same for any two words; other tokens must have the same text.
fn kind(token: &str) -> &str {
    if words::is_identifier(token) { "word" } else { token }
}

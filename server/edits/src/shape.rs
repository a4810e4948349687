//! Lines of the same shape as lines that were changed.
//!
//! After the same tokens were replaced between the same neighbours twice, the third such place is
//! probably next. One edit alone does not show what it has in common with other lines, so its
//! neighbours must agree on both sides, and the place is only a guess.

mod inserted_lines;
mod line_change;
mod whole_lines;

use std::ops::Range;

use crate::{history::Placed, words};
use line_change::{LineChange, Spot, line_at, tokens};

/// The maximum number of tokens on each side that must agree.
const MAX_CONTEXT: usize = 4;
/// The number of edits that may have been examples of the same change.
const MAX_EXAMPLES: usize = 16;

/// The same change at another place.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Repeat {
    pub(crate) range: Range<usize>,
    pub(crate) new: String,
    /// How often the change was made already.
    pub(crate) n_examples: usize,
    /// Whether it only inserts a text.
    pub(crate) inserts: bool,
}

/// The places where the last edit continues, in the order of the text: with all changes of its line
/// if possible, else with its own. `is_in_text` says whether it is in a string or comment.
pub(crate) fn repeats(text: &str, placed: &[Placed], is_in_text: &dyn Fn() -> bool) -> Vec<Repeat> {
    let placed = &placed[..placed.len().min(MAX_EXAMPLES)];
    let Some(last) = placed.first() else { return Vec::new() };
    let line = line_at(text, last.range.start);
    let of_line = |line: &Range<usize>| {
        let is_in = |it: &&Placed| line.start <= it.range.start && it.range.end <= line.end;
        placed.iter().filter(is_in).collect::<Vec<&Placed>>()
    };
    let mut found = Vec::new();
    let own = of_line(&line);
    if let Some(change) = LineChange::of(text, &own, &[]).filter(|_| own.len() > 1) {
        let mut lines = vec![line.start];
        let mut examples = vec![change];
        for it in placed {
            let line = line_at(text, it.range.start);
            if !lines.contains(&line.start) {
                lines.push(line.start);
                examples.extend(LineChange::of(text, &of_line(&line), &[]));
            }
        }
        found = continued(text, examples, is_in_text);
        found.retain(|it| it.n_examples > 1);
    }
    if found.is_empty() {
        let change = |it: &Placed| {
            let edits = of_line(&line_at(text, it.range.start));
            let others: Vec<&Placed> = edits.into_iter().filter(|other| *other != it).collect();
            LineChange::of(text, &[it], &others)
        };
        let Some(own) = change(last) else {
            found = whole_lines::deleted(text, placed);
            if found.is_empty() {
                found = inserted_lines::inserted(text, placed);
            }
            return found;
        };
        let examples = placed[1..].iter().filter_map(change);
        let changes: Vec<LineChange<'_>> = std::iter::once(own).chain(examples).collect();
        let next_line = whole_lines::next_line(text, &changes);
        found = continued(text, changes, is_in_text);
        if found.is_empty() {
            found.extend(next_line);
        }
    }
    found
}

/// The places where the first change may be repeated. The others may be examples of it.
fn continued(
    text: &str,
    mut changes: Vec<LineChange<'_>>,
    is_in_text: &dyn Fn() -> bool,
) -> Vec<Repeat> {
    let first = changes.remove(0);
    let examples: Vec<&LineChange<'_>> = changes.iter().filter(|it| it.is_like(&first)).collect();
    let n_examples = 1 + examples.len();
    let common = |side: &dyn Fn(&LineChange<'_>) -> Vec<String>| {
        let own = side(&first);
        let same =
            |it: &&LineChange<'_>| side(it).iter().zip(&own).take_while(|(a, b)| a == b).count();
        let n = examples.iter().map(same).min().unwrap_or(own.len()).min(MAX_CONTEXT);
        own[..n].to_vec()
    };
    let owned = |it: &&str| (*it).to_owned();
    let mut left = common(&|it| it.left.iter().rev().map(owned).collect());
    let mut right = common(&|it| it.right.iter().map(owned).collect());
    if n_examples == 1 && !first.removed.is_empty() {
        let (n_left, n_right) = first.context_of_one();
        left.truncate(n_left);
        right.truncate(n_right);
    }
    left.reverse();
    let n_left = left.len();
    let pattern: Vec<&str> =
        left.iter().chain(&first.removed).chain(&right).map(String::as_str).collect();
    let is_word = |it: &String| it.starts_with(words::is_word);
    if !first.removed.is_empty() && !first.removed.iter().any(is_word) {
        return Vec::new();
    }
    if first.removed.is_empty() && !first.is_short_insertion() {
        return Vec::new();
    }
    if n_examples == 1 && first.means_other_elsewhere(is_in_text) {
        return Vec::new();
    }
    let longest =
        pattern.iter().filter(|it| it.starts_with(words::is_word)).max_by_key(|it| it.len());
    // Between brackets and commas alone, too much looks alike.
    let says_enough = pattern.len() > 1 || words::is_distinctive(&pattern.concat());
    let Some(longest) = longest.filter(|_| says_enough) else { return Vec::new() };
    let mut found = Vec::new();
    for (start, line) in lines(text).filter(|it| it.1.contains(longest)) {
        let tokens: Vec<Range<usize>> = tokens(line);
        let texts: Vec<&str> = tokens.iter().map(|it| &line[it.clone()]).collect();
        for at in 0..texts.len().saturating_sub(pattern.len() - 1) {
            if texts[at..at + pattern.len()] == pattern {
                let removed = at + n_left..at + n_left + first.removed.len();
                if first.removed.is_empty() && first.is_there(&texts, removed.start) {
                    continue;
                }
                let spot = Spot::of(&tokens, &removed, line.len()).shifted(start);
                let (range, new) = first.at(&spot);
                let inserts = first.removed.is_empty();
                found.push(Repeat { range, new, n_examples, inserts });
            }
        }
    }
    found
}

fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.split_inclusive('\n').scan(0, |at, line| {
        let start = *at;
        *at += line.len();
        Some((start, line.trim_end()))
    })
}

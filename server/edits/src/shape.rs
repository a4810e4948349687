//! Lines of the same shape as two lines that were changed alike.
//!
//! After the same tokens were replaced between the same neighbours twice, the third such place is
//! probably next. One edit alone does not show what it has in common with other lines.

use std::ops::Range;

use crate::{history::Placed, words};

/// The maximum number of tokens on each side that must agree.
const MAX_CONTEXT: usize = 4;

/// The same change at another place.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Repeat {
    pub(crate) range: Range<usize>,
    pub(crate) new: String,
}

/// The change of an edit's line, in tokens.
#[derive(Debug)]
struct LineChange<'a> {
    /// The tokens before the change.
    left: Vec<&'a str>,
    removed: Vec<String>,
    inserted: &'a str,
    right: Vec<&'a str>,
}

/// The places where the last two edits continue, in their order.
pub(crate) fn repeats(text: &str, placed: &[Placed]) -> Vec<Repeat> {
    let [last, previous, ..] = placed else { return Vec::new() };
    let change = |it: &Placed| LineChange::of(text, it);
    let (Some(a), Some(b)) = (change(last), change(previous)) else { return Vec::new() };
    if a.removed != b.removed || a.inserted != b.inserted {
        return Vec::new();
    }
    let left = a.left.iter().rev().zip(b.left.iter().rev());
    let n_left = left.take(MAX_CONTEXT).take_while(|(a, b)| a == b).count();
    let n_right =
        a.right.iter().zip(&b.right).take(MAX_CONTEXT).take_while(|(a, b)| a == b).count();
    let left = &a.left[a.left.len() - n_left..];
    let right = &a.right[..n_right];
    let removed: Vec<&str> = a.removed.iter().map(String::as_str).collect();
    let pattern = [left, &removed, right].concat();
    let is_word = |it: &&&str| it.starts_with(words::is_word);
    // Between brackets and commas alone, too much looks alike.
    if pattern.iter().filter(is_word).count() == 0 || pattern.len() < 2 {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (start, line) in lines(text) {
        let tokens: Vec<Range<usize>> = tokens(line);
        let texts: Vec<&str> = tokens.iter().map(|it| &line[it.clone()]).collect();
        for at in 0..texts.len().saturating_sub(pattern.len() - 1) {
            if texts[at..at + pattern.len()] != pattern {
                continue;
            }
            let first = at + n_left;
            let end = first + removed.len();
            let range = if removed.is_empty() {
                // Where the inserted text starts in the edited line, relative to its neighbours.
                let at = if n_left > 0 { tokens[first - 1].end } else { tokens[first].start };
                at..at
            } else {
                tokens[first].start..tokens[end - 1].end
            };
            let range = start + range.start..start + range.end;
            found.push(Repeat { range, new: a.inserted.to_owned() });
        }
    }
    found
}

impl<'a> LineChange<'a> {
    /// `None` if the edit is not within one line, or nothing of it is left.
    fn of(text: &'a str, Placed { range, before, .. }: &Placed) -> Option<Self> {
        let start = text[..range.start].rfind('\n').map_or(0, |at| at + 1);
        let end = text[range.end..].find('\n').map_or(text.len(), |at| range.end + at);
        let line = &text[start..end];
        if before.contains('\n') || text[range.clone()].contains('\n') {
            return None;
        }
        let (head, tail) = (&text[start..range.start], &text[range.end..end]);
        let old = format!("{head}{before}{tail}");
        let (old_tokens, new_tokens) = (tokens(&old), tokens(line));
        let same = |a: &Range<usize>, b: &Range<usize>| old[a.clone()] == line[b.clone()];
        let n_most = old_tokens.len().min(new_tokens.len());
        let pairs = old_tokens.iter().zip(&new_tokens);
        let n_left = pairs.take_while(|(a, b)| same(a, b) && b.end <= range.end - start).count();
        let pairs = old_tokens.iter().rev().zip(new_tokens.iter().rev());
        let n_right = pairs.take(n_most - n_left).take_while(|(a, b)| same(a, b)).count();
        let texts = |of: &[Range<usize>]| of.iter().map(|it| &line[it.clone()]).collect();
        let removed = &old_tokens[n_left..old_tokens.len() - n_right];
        let inserted = &new_tokens[n_left..new_tokens.len() - n_right];
        let (left, right) = (&new_tokens[..n_left], &new_tokens[new_tokens.len() - n_right..]);
        // White space belongs to an inserted text.
        let from = if removed.is_empty() {
            left.last().map_or(0, |it| it.end)
        } else {
            inserted.first()?.start
        };
        let to = inserted.last().map_or(from, |it| it.end);
        let inserted = line.get(from..to).filter(|it| !it.trim().is_empty())?;
        let removed = removed.iter().map(|it| old[it.clone()].to_owned()).collect();
        Some(Self { left: texts(left), removed, inserted, right: texts(right) })
    }
}

fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.split_inclusive('\n').scan(0, |at, line| {
        let start = *at;
        *at += line.len();
        Some((start, line.trim_end()))
    })
}

/// The words and the other characters of a line.
fn tokens(line: &str) -> Vec<Range<usize>> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(c) = line[at..].chars().next() {
        let n = if words::is_word(c) { words::n_after(line, at) } else { c.len_utf8() };
        if !c.is_whitespace() {
            tokens.push(at..at + n);
        }
        at += n;
    }
    tokens
}

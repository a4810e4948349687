//! The change of a line, in tokens.

use std::ops::Range;

use crate::{history::Placed, words};

/// The maximum length of an insertion that is repeated, in bytes.
const MAX_INSERTED: usize = 60;

/// How edits changed a line.
#[derive(Debug)]
pub(crate) struct LineChange<'a> {
    /// Where the change starts in the current text.
    pub(crate) start: usize,
    /// The tokens before the change, up to the next edit of the line.
    pub(crate) left: Vec<&'a str>,
    pub(crate) removed: Vec<String>,
    pub(crate) inserted: Vec<&'a str>,
    /// The tokens after the change, up to the next edit of the line.
    pub(crate) right: Vec<&'a str>,
    old_gaps: Gaps,
    new_gaps: Gaps,
    /// The inserted text.
    new: &'a str,
}

/// The white space before and after a change; all of it is before an empty one.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Gaps {
    before: String,
    after: String,
}

/// A place in a line that looks like the one before a change.
#[derive(Debug)]
pub(crate) struct Spot {
    /// The end of the token before it.
    pub(crate) left_end: usize,
    /// The tokens that the change removes.
    pub(crate) removed: Range<usize>,
    /// The start of the token after it.
    pub(crate) right_start: usize,
}

impl<'a> LineChange<'a> {
    /// The change that some edits of one line make together; `others` has its other edits. `None` if
    /// they are not within one line, or change only white space.
    pub(crate) fn of(text: &'a str, edits: &[&Placed], others: &[&Placed]) -> Option<Self> {
        let mut edits = edits.to_vec();
        edits.sort_by_key(|it| it.range.start);
        let (first, last) = (edits.first()?.range.start, edits.last()?.range.end);
        let line_range = line_at(text, first);
        let start = line_range.start;
        let is_within = |it: &&Placed| {
            it.range.start >= start && it.range.end <= line_range.end && !it.before.contains('\n')
        };
        if !edits.iter().all(is_within) {
            return None;
        }
        let line = &text[line_range.clone()];
        let (mut old, mut done) = (String::new(), start);
        for it in &edits {
            old += text.get(done..it.range.start)?;
            old += &it.before;
            done = it.range.end;
        }
        old += &text[done..line_range.end];
        let (old_tokens, new_tokens) = (tokens(&old), tokens(line));
        let same = |a: &Range<usize>, b: &Range<usize>| old[a.clone()] == line[b.clone()];
        let n_most = old_tokens.len().min(new_tokens.len());
        let pairs = old_tokens.iter().zip(&new_tokens);
        let n_left = pairs.take_while(|(a, b)| same(a, b) && b.end <= last - start).count();
        let pairs = old_tokens.iter().rev().zip(new_tokens.iter().rev());
        let n_right = pairs.take(n_most - n_left).take_while(|(a, b)| same(a, b)).count();
        let removed = n_left..old_tokens.len() - n_right;
        let inserted = n_left..new_tokens.len() - n_right;
        if removed.is_empty() && inserted.is_empty() {
            return None;
        }
        let spot = Spot::of(&new_tokens, &inserted, line.len());
        // Where the change is repeated, the other edits of the line have not been made.
        let barriers = || others.iter().map(|it| &it.range);
        let from = barriers().filter(|it| it.end <= first).map(|it| it.end).max().unwrap_or(0);
        let to = barriers().filter(|it| it.start >= last).map(|it| it.start).min();
        let to = to.unwrap_or(text.len());
        let is_original = |it: &&Range<usize>| start + it.start >= from && start + it.end <= to;
        let texts = |of: &[Range<usize>]| {
            let original = of.iter().filter(is_original);
            original.map(|it| &line[it.clone()]).collect::<Vec<_>>()
        };
        Some(Self {
            start: start + spot.removed.start,
            left: texts(&new_tokens[..n_left]),
            removed: old_tokens[removed.clone()]
                .iter()
                .map(|it| old[it.clone()].to_owned())
                .collect(),
            inserted: new_tokens[inserted].iter().map(|it| &line[it.clone()]).collect(),
            right: texts(&new_tokens[new_tokens.len() - n_right..]),
            old_gaps: Spot::of(&old_tokens, &removed, old.trim_end().len()).gaps(&old),
            new_gaps: spot.gaps(line),
            new: &line[spot.removed],
        })
    }

    /// Whether both change the same tokens.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        self.removed == other.removed && self.inserted == other.inserted
    }

    /// How many tokens before and after must agree at another place, if this is the only example of
    /// a replacement or deletion.
    pub(crate) fn context_of_one(&self) -> (usize, usize) {
        let [removed] = self.removed.as_slice() else { return (1, 1) };
        // A member follows what it belongs to.
        match self.left.as_slice() {
            [.., "."] => return (2, 1),
            [.., ":", ":"] | [.., "-", ">"] => return (3, 1),
            _ => {}
        }
        let is_name = matches!(self.inserted.as_slice(), [one] if words::is_identifier(one));
        if is_name && words::is_distinctive(removed) {
            return (0, 0);
        }
        // A called function, or the name before a member, is the same one anywhere.
        let is_subject = matches!(self.right.first(), Some(&"." | &"(" | &":"));
        (usize::from(!is_subject), 1)
    }

    /// Whether the same tokens probably mean something else at another place: a value, the object
    /// that a method belongs to, or `Self`. In a string or comment, a value is a word like others.
    pub(crate) fn means_other_elsewhere(&self, is_in_text: &dyn Fn() -> bool) -> bool {
        const OBJECTS: [&str; 4] = ["this", "self", "super", "cls"];
        if self.inserted.contains(&"Self") {
            return true;
        }
        let [removed] = self.removed.as_slice() else { return false };
        let is_replaced_value = !self.inserted.is_empty() && words::is_value(removed);
        OBJECTS.contains(&removed.as_str()) || is_replaced_value && !is_in_text()
    }

    /// Whether the inserted text contains a word, and is short enough to apply to other places.
    pub(crate) fn is_short_insertion(&self) -> bool {
        let is_word = |it: &&str| it.len() > 1 && it.starts_with(words::is_word);
        self.new.len() <= MAX_INSERTED && self.inserted.iter().any(is_word)
    }

    /// Whether the inserted text is already there: before or after token `at` of a line.
    pub(crate) fn is_there(&self, line: &[&str], at: usize) -> bool {
        line[at..].starts_with(&self.inserted) || line[..at].ends_with(&self.inserted)
    }

    /// The range to replace, and its new text, for the same change at another place.
    pub(crate) fn at(&self, spot: &Spot) -> (Range<usize>, String) {
        let Self { removed, inserted, old_gaps: old, new_gaps: new, new: text, .. } = self;
        let Spot { left_end, removed: at, right_start } = spot;
        if inserted.is_empty() {
            return if new.before == old.before {
                (at.start..*right_start, String::new())
            } else if new.before == old.after {
                (*left_end..at.end, String::new())
            } else {
                (*left_end..*right_start, new.before.clone())
            };
        }
        let keeps_before = new.before == old.before;
        let keeps_after = new.after == if removed.is_empty() { "" } else { &old.after };
        if removed.is_empty() {
            return if keeps_before {
                (*right_start..*right_start, format!("{text}{}", new.after))
            } else if new.after == old.before {
                (*left_end..*left_end, format!("{}{text}", new.before))
            } else {
                (*left_end..*right_start, format!("{}{text}{}", new.before, new.after))
            };
        }
        let (start, before) = if keeps_before { (at.start, "") } else { (*left_end, &*new.before) };
        let (end, after) = if keeps_after { (at.end, "") } else { (*right_start, &*new.after) };
        (start..end, format!("{before}{text}{after}"))
    }
}

impl Spot {
    /// The spot of some tokens of a line.
    pub(crate) fn of(tokens: &[Range<usize>], at: &Range<usize>, line_end: usize) -> Self {
        let left_end = at.start.checked_sub(1).map_or(0, |it| tokens[it].end);
        let right_start = tokens.get(at.end).map_or(line_end.max(left_end), |it| it.start);
        let removed = match &tokens[at.clone()] {
            [] => right_start..right_start,
            [one] => one.clone(),
            [first, .., last] => first.start..last.end,
        };
        Self { left_end, right_start: right_start.max(removed.end), removed }
    }

    fn gaps(&self, line: &str) -> Gaps {
        let text = |from: usize, to: usize| line.get(from..to).unwrap_or_default().to_owned();
        Gaps {
            before: text(self.left_end, self.removed.start),
            after: text(self.removed.end, self.right_start),
        }
    }

    pub(crate) fn shifted(self, by: usize) -> Self {
        let Self { left_end, removed, right_start } = self;
        let removed = removed.start + by..removed.end + by;
        Self { left_end: left_end + by, removed, right_start: right_start + by }
    }
}

/// The line around a place, without its line break.
pub(crate) fn line_at(text: &str, byte_idx: usize) -> Range<usize> {
    let start = text[..byte_idx].rfind('\n').map_or(0, |at| at + 1);
    let end = text[byte_idx..].find('\n').map_or(text.len(), |at| byte_idx + at);
    start..end
}

/// The words and the other characters of a line.
pub(crate) fn tokens(line: &str) -> Vec<Range<usize>> {
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

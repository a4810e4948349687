//! The edit history: consecutive changes, grouped into edits.
//!
//! A change that touches the last edit extends it, so a word that is deleted and typed again is one
//! edit. A line break starts another one, and so does a change of another word than the last one of
//! a text that was just written. An edit that restores the text before an earlier edit
//! removes it: the user has undone it.
//!
//! Each edit is stored as of the moment when it was made. Reverting the edits of a document from
//! the last to the first restores the text before them.

use std::{collections::VecDeque, ops::Range, sync::Arc};

use crate::words;

/// The maximum number of edits.
const MAX_EDITS: usize = 64;
/// The maximum size of all edits.
const MAX_BYTES: usize = 64 * 1024;
/// A longer change is not an edit but another text: a reload, a branch, a formatter.
const MAX_CHANGE_BYTES: usize = 4 * 1024;

/// An edit as of the moment when it was made.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Edit {
    uri: Arc<str>,
    /// Where it starts, in the text after it.
    start: usize,
    before: String,
    after: String,
}

/// An edit in the current text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// Where its text is now.
    pub range: Range<usize>,
    /// What it replaced.
    pub before: String,
    /// Its text, that of `range`.
    pub after: String,
    /// If it is the last edit of its document: the text around it that an earlier one inserted, with
    /// later changes.
    pub written: Option<Range<usize>>,
}

/// The effect of a change on the history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    /// It started a new edit or extended the last one.
    Edit,
    /// It restored the text before an edit, which is removed.
    Undo,
    /// It is no edit: it changed nothing, or too much.
    Nothing,
}

/// The latest edits of all documents; see the module's documentation.
#[derive(Debug, Default)]
pub struct History {
    edits: VecDeque<Edit>,
}

impl History {
    /// Records that `removed` was replaced by `inserted` at `start`.
    pub fn record(
        &mut self,
        uri: &Arc<str>,
        start: usize,
        removed: &str,
        inserted: &str,
    ) -> Recorded {
        if removed == inserted {
            return Recorded::Nothing;
        }
        if removed.len().max(inserted.len()) > MAX_CHANGE_BYTES {
            self.forget(uri);
            return Recorded::Nothing;
        }
        if let Some(i) = self.reverted(uri, start, removed, inserted) {
            self.remove(i);
            return Recorded::Undo;
        }
        if let Some(last) = self.edits.back_mut().filter(|it| it.uri == *uri)
            && last.extend(start, removed, inserted)
        {
            if last.before == last.after {
                self.edits.pop_back();
                return Recorded::Undo;
            }
        } else {
            let (before, after) = (removed.to_owned(), inserted.to_owned());
            self.edits.push_back(Edit { uri: Arc::clone(uri), start, before, after });
        }
        self.trim();
        Recorded::Edit
    }

    /// Forgets the edits of a document.
    pub fn forget(&mut self, uri: &str) {
        self.edits.retain(|it| *it.uri != *uri);
    }

    /// The document of the last edit.
    #[must_use]
    pub fn last_uri(&self) -> Option<&Arc<str>> {
        self.edits.back().map(|it| &it.uri)
    }

    /// The edits of a document in its current text, the last one first. Edits that later ones
    /// changed are left out.
    #[must_use]
    pub fn placed(&self, uri: &str) -> Vec<Placed> {
        let of_document = (0..self.edits.len()).rev().filter(|i| *self.edits[*i].uri == *uri);
        let last = of_document.clone().next();
        let place = |i: usize| {
            let Edit { before, after, .. } = &self.edits[i];
            let range = self.range_before(i, self.edits.len())?;
            let written = (Some(i) == last).then(|| self.written_around(i)).flatten();
            Some(Placed { range, before: before.clone(), after: after.clone(), written })
        };
        of_document.filter_map(place).collect()
    }

    /// The range of edit `i` in the text before edit `end`. `None` if an edit in between overlaps it.
    fn range_before(&self, i: usize, end: usize) -> Option<Range<usize>> {
        let Edit { uri, start, after, .. } = &self.edits[i];
        let mut range = *start..start + after.len();
        for later in (i + 1..end).map(|i| &self.edits[i]).filter(|it| it.uri == *uri) {
            if later.is_before(&range) {
                let shift = |at: usize| at + later.after.len() - later.before.len();
                range = shift(range.start)..shift(range.end);
            } else if later.start < range.end {
                return None;
            }
        }
        Some(range)
    }

    /// The text that an edit before edit `i` inserted around it, in the current text. An insertion
    /// at its start or end is not in it.
    fn written_around(&self, i: usize) -> Option<Range<usize>> {
        let Edit { uri, start, before, .. } = &self.edits[i];
        let end = start + before.len();
        let is_around = |it: &usize| {
            let earlier = &self.edits[*it];
            let is_written = earlier.uri == *uri && earlier.before.is_empty();
            let around = is_written.then(|| self.extent_before(*it, i)).flatten();
            around.is_some_and(|it| {
                let is_next_to = before.is_empty() && (it.start == end || it.end == *start);
                it.start <= *start && end <= it.end && !is_next_to
            })
        };
        let earlier = (0..i).rev().find(is_around)?;
        self.extent_before(earlier, self.edits.len())
    }

    /// The range of edit `i` with the changes that later ones made in it, in the text before edit
    /// `end`. `None` if one of them reaches beyond it.
    fn extent_before(&self, i: usize, end: usize) -> Option<Range<usize>> {
        let Edit { uri, start, after, .. } = &self.edits[i];
        let mut range = *start..start + after.len();
        for later in (i + 1..end).map(|i| &self.edits[i]).filter(|it| it.uri == *uri) {
            let later_end = later.start + later.before.len();
            let is_before = later.is_before(&range);
            if is_before || later.start < range.end {
                if !is_before && (later.start < range.start || later_end > range.end) {
                    return None;
                }
                let shift = |at: usize| at + later.after.len() - later.before.len();
                range = if is_before { shift(range.start) } else { range.start }..shift(range.end);
            }
        }
        Some(range)
    }

    /// The edit that a change reverts exactly.
    fn reverted(&self, uri: &str, start: usize, removed: &str, inserted: &str) -> Option<usize> {
        (0..self.edits.len()).rev().find(|i| {
            let it = &self.edits[*i];
            let range = start..start + removed.len();
            (&*it.uri, &*it.after, &*it.before) == (uri, removed, inserted)
                && self.range_before(*i, self.edits.len()) == Some(range)
        })
    }

    /// Removes an edit as if it had never been made.
    fn remove(&mut self, i: usize) {
        let is_behind = |later: &usize| {
            self.edits[*later].uri == self.edits[i].uri
                && self.range_before(i, *later).is_some_and(|it| !self.edits[*later].is_before(&it))
        };
        let behind: Vec<usize> = (i + 1..self.edits.len()).filter(is_behind).collect();
        let (n_more, n_less) = (self.edits[i].before.len(), self.edits[i].after.len());
        for later in behind {
            self.edits[later].start = self.edits[later].start + n_more - n_less;
        }
        self.edits.remove(i);
    }

    fn trim(&mut self) {
        let n_bytes = |it: &Edit| it.before.len() + it.after.len();
        let mut total: usize = self.edits.iter().map(n_bytes).sum();
        while self.edits.len() > MAX_EDITS || total > MAX_BYTES {
            total -= self.edits.pop_front().as_ref().map_or(total, n_bytes);
        }
    }
}

impl Edit {
    /// Whether it ends before a range of the text that it changed.
    fn is_before(&self, range: &Range<usize>) -> bool {
        self.start + self.before.len() <= range.start
    }

    /// Whether a change that ends at `end` is one of a word that the user has left: other words of
    /// the same written text follow.
    fn is_in_other_word(&self, end: usize) -> bool {
        let is_written = self.before.is_empty() || self.after.contains('\n');
        let follows = self.after.get(end.saturating_sub(self.start)..).unwrap_or_default();
        let of_word = |c: char| c.is_alphanumeric() || c == '_';
        is_written && follows.trim_start_matches(of_word).contains(of_word)
    }

    /// Extends the edit by a change of the text after it. Returns whether it touches the edit.
    fn extend(&mut self, start: usize, removed: &str, inserted: &str) -> bool {
        let (end, own_end) = (start + removed.len(), self.start + self.after.len());
        let is_new_line = removed.is_empty() && inserted.contains('\n');
        if start > own_end || end < self.start || is_new_line || self.is_in_other_word(end) {
            return false;
        }
        let n_left = self.start.saturating_sub(start);
        let n_right = end.saturating_sub(own_end);
        let kept_left = start.saturating_sub(self.start);
        let kept_right = self.after.len() - own_end.saturating_sub(end);
        let (left, right) = (&removed[..n_left], &removed[removed.len() - n_right..]);
        self.before = format!("{left}{}{right}", self.before);
        let rest = &self.after[kept_right..];
        self.after = format!("{}{inserted}{rest}", &self.after[..kept_left]);
        self.start = self.start.min(start);
        true
    }
}

/// Whether the user may still be writing the last word of an edit: it occurs nowhere else in `text`.
#[must_use]
pub fn may_go_on(text: &str, Placed { range, .. }: &Placed) -> bool {
    let Some(before) = text.get(..range.end) else { return false };
    let word = &before[range.end - words::n_before(text, range.end)..];
    let is_new = || words::occurrences(text, word).nth(1).is_none();
    !range.is_empty() && !word.is_empty() && !words::is_value(word) && is_new()
}

/// The edits, the last one first, each with those before it that it adjoins: the history separates
/// the words and lines of a text.
pub(crate) fn joined(placed: &[Placed]) -> Vec<Placed> {
    let mut joined: Vec<Placed> = Vec::new();
    for it in placed {
        let Placed { range, before, after, .. } = it;
        match joined.last_mut() {
            Some(last) if range.end == last.range.start => {
                last.range.start = range.start;
                last.after.insert_str(0, after);
                last.before.insert_str(0, before);
            }
            Some(last) if range.start == last.range.end => {
                last.range.end = range.end;
                last.after += after;
                last.before += before;
            }
            _ => joined.push(it.clone()),
        }
    }
    joined
}

#[cfg(test)]
pub(crate) mod tests;

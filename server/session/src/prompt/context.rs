//! Chooses excerpts of other files (and of distant parts of this one) that are likely to help at the
//! cursor.
//!
//! Candidates are the definitions of names near the cursor ([`definitions`]), the lines most similar
//! to those around it ([`similar`]), and the places that the user visited last ([`visits`]). An
//! excerpt that nearly repeats the text around the cursor is left out: the model would copy it.

mod definitions;
mod similar;
pub(super) mod visits;

use std::{cmp::Reverse, collections::HashSet, ops::Range, sync::Arc};

use super::{formats::OtherFile, to_lf};
use crate::document::Snapshot;

/// Lines before and after the cursor that are compared with the candidates.
const NEAR_BEFORE: usize = 24;
const NEAR_AFTER: usize = 8;
/// Bytes searched in all other documents together, in their order, and around the cursor in this
/// one.
const MAX_BYTES: usize = 1 << 19;
/// An excerpt that shares more of its words with the cursor's surroundings adds nothing.
const MAX_SIMILARITY: f64 = 0.6;

/// Whole lines of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excerpt {
    /// The document's path, shortened.
    pub path: String,
    /// The lines, with `\n` after each.
    pub text: String,
}

impl Excerpt {
    /// The excerpt as a file of the prompt.
    #[must_use]
    pub fn as_file(&self) -> OtherFile<'_> {
        OtherFile { path: &self.path, text: &self.text }
    }
}

/// A document that is searched for excerpts.
#[derive(Debug)]
struct Source {
    uri: Arc<str>,
    language: Arc<str>,
    lines: Vec<String>,
    /// The lines that are in the prompt's window.
    in_window: Range<usize>,
}

/// A range of lines of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Chunk {
    source: usize,
    lines: Range<usize>,
}

/// The cursor and the window that the prompt already contains.
#[derive(Debug, Clone)]
pub(super) struct Surroundings<'a> {
    /// The document with the cursor.
    pub(super) snapshot: &'a Snapshot,
    /// A char_idx.
    pub(super) cursor: usize,
    /// The lines of the document in the prompt's window.
    pub(super) window: Range<usize>,
}

/// The excerpts that fit in `n_bytes`, the most relevant last, nearest to the file's own text.
/// `others` are the other documents, the most important first.
pub(super) fn choose(
    surroundings: &Surroundings<'_>,
    others: &[Snapshot],
    visits: &visits::Visits,
    n_bytes: usize,
) -> Vec<Excerpt> {
    let Surroundings { snapshot, cursor, .. } = *surroundings;
    let own = Source::around(surroundings);
    let line = snapshot.rope.char_to_line(cursor);
    let near = line.saturating_sub(NEAR_BEFORE)..(line + NEAR_AFTER).min(own.lines.len());
    let near: Vec<String> = own.lines[near.start.min(near.end)..near.end].to_vec();
    let near_words: HashSet<&str> = near.iter().flat_map(|line| words(line)).collect();
    let mut n_left = MAX_BYTES;
    let mut sources = vec![own];
    for other in others.iter().filter(|it| it.uri != snapshot.uri) {
        let Some(left) = n_left.checked_sub(other.rope.len_bytes()) else { continue };
        n_left = left;
        sources.push(Source::new(other, 0..0));
    }
    let mut ranked = definitions::find(&near, &sources);
    ranked.extend(similar::find(&near_words, &sources));
    ranked.extend(visits.chunks(&sources, snapshot, others));
    let mut taken: Vec<Chunk> = Vec::new();
    let mut n_left = n_bytes;
    for chunk in ranked {
        let lines = &sources[chunk.source].lines[chunk.lines.clone()];
        let n_bytes: usize = lines.iter().map(|line| line.len() + 1).sum();
        let is_new = !taken.iter().any(|it| it.overlaps(&chunk));
        let is_blank = lines.iter().all(|line| line.trim().is_empty());
        let shown = &sources[chunk.source].in_window;
        let is_outside = chunk.lines.end <= shown.start || shown.end <= chunk.lines.start;
        if is_new
            && is_outside
            && !is_blank
            && n_bytes <= n_left
            && similarity(lines, &near_words) <= MAX_SIMILARITY
        {
            n_left -= n_bytes;
            taken.push(chunk);
        }
    }
    excerpts(&taken, &sources)
}

impl Source {
    fn new(snapshot: &Snapshot, in_window: Range<usize>) -> Self {
        Self::of(snapshot, Vec::new(), &snapshot.rope.to_string(), in_window)
    }

    /// The document with the cursor. In a long one, lines far above are blank, so that line numbers
    /// stay correct, and lines far below are missing.
    fn around(surroundings: &Surroundings<'_>) -> Self {
        let Surroundings { snapshot, cursor, window } = surroundings;
        let rope = &snapshot.rope;
        let cursor_byte_idx = rope.char_to_byte(*cursor);
        let start = rope.byte_to_char(cursor_byte_idx.saturating_sub(MAX_BYTES / 2));
        let end = rope.byte_to_char((cursor_byte_idx + MAX_BYTES / 2).min(rope.len_bytes()));
        let above = vec![String::new(); rope.char_to_line(start)];
        Self::of(snapshot, above, &snapshot.slice(start..end), window.clone())
    }

    fn of(
        snapshot: &Snapshot,
        mut lines: Vec<String>,
        text: &str,
        in_window: Range<usize>,
    ) -> Self {
        lines.extend(to_lf(text).lines().map(str::to_owned));
        let (uri, language) = (Arc::clone(&snapshot.uri), Arc::clone(&snapshot.language));
        Self { uri, language, lines, in_window }
    }
}

impl Chunk {
    fn overlaps(&self, other: &Self) -> bool {
        self.source == other.source
            && self.lines.start < other.lines.end
            && other.lines.start < self.lines.end
    }
}

/// One excerpt per document with its chunks in order, the most important document last.
fn excerpts(taken: &[Chunk], sources: &[Source]) -> Vec<Excerpt> {
    let mut order: Vec<usize> = Vec::new();
    for chunk in taken {
        if !order.contains(&chunk.source) {
            order.push(chunk.source);
        }
    }
    let excerpt = |source: &usize| {
        let mut ranges: Vec<&Range<usize>> =
            taken.iter().filter(|it| it.source == *source).map(|it| &it.lines).collect();
        ranges.sort_by_key(|it| it.start);
        let lines = ranges.into_iter().flat_map(|it| &sources[*source].lines[it.clone()]);
        let text = lines.map(|line| format!("{line}\n")).collect();
        Excerpt { path: short_path(&sources[*source].uri), text }
    };
    order.iter().rev().map(excerpt).collect()
}

/// The last three parts of a document's path: enough to identify it without revealing the user's
/// folders.
pub(super) fn short_path(uri: &str) -> String {
    let path = uri.split(['?', '#']).next().unwrap_or_default();
    let mut parts: Vec<&str> = path.rsplit(['/', '\\']).take(3).collect();
    parts.retain(|part| !part.is_empty() && !part.ends_with(':'));
    parts.reverse();
    parts.join("/")
}

/// The Jaccard index of the words of `lines` and `near`.
fn similarity(lines: &[String], near: &HashSet<&str>) -> f64 {
    let words: HashSet<&str> = lines.iter().flat_map(|line| words(line)).collect();
    jaccard(words.intersection(near).count(), words.len(), near.len())
}

fn jaccard(n_both: usize, n_a: usize, n_b: usize) -> f64 {
    let n_either = n_a + n_b - n_both;
    if n_either == 0 { 0.0 } else { n_both as f64 / n_either as f64 }
}

/// The names and keywords of a line.
fn words(line: &str) -> impl DoubleEndedIterator<Item = &str> {
    line.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| word.len() >= 2)
}

/// The `n_most` items with the highest scores, best first.
fn ranked<T>(mut found: Vec<(f64, T)>, n_most: usize) -> Vec<T> {
    found.sort_by_key(|(score, _)| Reverse((score * 1e6) as i64));
    found.into_iter().map(|(_, it)| it).take(n_most).collect()
}

#[cfg(test)]
mod tests;

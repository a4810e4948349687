//! What is shown of other files: a few pieces that say more of the cursor's place than their
//! tokens cost.
//!
//! Candidates are the definitions of names that stand near the cursor ([`definitions`]), the lines
//! that are most like those around it ([`similar`]), and the places where the user was last
//! ([`visits`]). A piece that is nearly what stands at the cursor already is left out: the model
//! would only copy it.

mod definitions;
mod similar;
pub(super) mod visits;

use std::{cmp::Reverse, collections::HashSet, ops::Range, sync::Arc};

use super::{formats::OtherFile, to_lf};
use crate::document::Snapshot;

/// How many lines before and after the cursor say what it is about.
const NEAR_BEFORE: usize = 24;
const NEAR_AFTER: usize = 8;
/// How much of the other documents is looked at, in bytes; the first ones first. And how much of
/// the own one, around the cursor.
const MAX_BYTES: usize = 1 << 19;
/// A piece that shares more of its words with the cursor's surroundings says nothing new.
const MOST_ALIKE: f64 = 0.6;

/// Whole lines of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// A short path of the document.
    pub path: String,
    /// The lines, with `\n` after each.
    pub text: String,
}

impl Piece {
    /// As the prompt's form takes it.
    #[must_use]
    pub fn as_file(&self) -> OtherFile<'_> {
        OtherFile { path: &self.path, text: &self.text }
    }
}

/// A document whose lines are looked at.
#[derive(Debug)]
struct Source {
    uri: Arc<str>,
    language: Arc<str>,
    lines: Vec<String>,
    /// What the prompt shows of it anyhow.
    in_window: Range<usize>,
}

/// Lines of one of the sources.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Chunk {
    source: usize,
    lines: Range<usize>,
}

/// Where the cursor is, as the choice sees it.
#[derive(Debug, Clone)]
pub(super) struct Here<'a> {
    /// The document with the cursor.
    pub(super) snapshot: &'a Snapshot,
    /// A char_idx.
    pub(super) cursor: usize,
    /// The lines of the document that the prompt has anyhow.
    pub(super) window: Range<usize>,
}

/// The pieces to show in at most `n_bytes`, what matters most last. `others` are the other
/// documents, those before which are likelier to matter; `visits` are the places where the user was.
pub(super) fn choose(
    here: &Here<'_>,
    others: &[Snapshot],
    visits: &visits::Visits,
    n_bytes: usize,
) -> Vec<Piece> {
    let own = Source::around(here);
    let line = here.snapshot.rope.char_to_line(here.cursor);
    let near = line.saturating_sub(NEAR_BEFORE)..(line + NEAR_AFTER).min(own.lines.len());
    let near: Vec<String> = own.lines[near.start.min(near.end)..near.end].to_vec();
    let near_words: HashSet<&str> = near.iter().flat_map(|line| words(line)).collect();
    let mut n_left = MAX_BYTES;
    let mut sources = vec![own];
    for other in others.iter().filter(|it| it.uri != here.snapshot.uri) {
        let Some(left) = n_left.checked_sub(other.rope.len_bytes()) else { continue };
        n_left = left;
        sources.push(Source::new(other, 0..0));
    }
    let mut ranked = definitions::find(&near, &sources);
    ranked.extend(similar::find(&near_words, &sources));
    ranked.extend(visits.chunks(&sources, here.snapshot, others));
    let mut taken: Vec<Chunk> = Vec::new();
    let mut n_left = n_bytes;
    for chunk in ranked {
        let lines = &sources[chunk.source].lines[chunk.lines.clone()];
        let n_bytes: usize = lines.iter().map(|line| line.len() + 1).sum();
        let is_new = !taken.iter().any(|it| it.overlaps(&chunk));
        let is_blank = lines.iter().all(|line| line.trim().is_empty());
        let shown = &sources[chunk.source].in_window;
        let is_beyond = chunk.lines.end <= shown.start || shown.end <= chunk.lines.start;
        if is_new
            && is_beyond
            && !is_blank
            && n_bytes <= n_left
            && alike(lines, &near_words) <= MOST_ALIKE
        {
            n_left -= n_bytes;
            taken.push(chunk);
        }
    }
    written(&taken, &sources)
}

impl Source {
    fn new(snapshot: &Snapshot, in_window: Range<usize>) -> Self {
        Self::of(snapshot, Vec::new(), &snapshot.rope.to_string(), in_window)
    }

    /// The document with the cursor. Of one that is too long, the lines far above are blank, so
    /// that all others have their numbers, and those far below are missing.
    fn around(here: &Here<'_>) -> Self {
        let rope = &here.snapshot.rope;
        let cursor_byte_idx = rope.char_to_byte(here.cursor);
        let start = rope.byte_to_char(cursor_byte_idx.saturating_sub(MAX_BYTES / 2));
        let end = rope.byte_to_char((cursor_byte_idx + MAX_BYTES / 2).min(rope.len_bytes()));
        let above = vec![String::new(); rope.char_to_line(start)];
        Self::of(here.snapshot, above, &here.snapshot.slice(start..end), here.window.clone())
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

/// The chunks by document, those of the most important one last, each document's in its order.
fn written(taken: &[Chunk], sources: &[Source]) -> Vec<Piece> {
    let mut order: Vec<usize> = Vec::new();
    for chunk in taken {
        if !order.contains(&chunk.source) {
            order.push(chunk.source);
        }
    }
    let piece = |source: &usize| {
        let mut ranges: Vec<&Range<usize>> =
            taken.iter().filter(|it| it.source == *source).map(|it| &it.lines).collect();
        ranges.sort_by_key(|it| it.start);
        let lines = ranges.into_iter().flat_map(|it| &sources[*source].lines[it.clone()]);
        let text = lines.map(|line| format!("{line}\n")).collect();
        Piece { path: short_path(&sources[*source].uri), text }
    };
    order.iter().rev().map(piece).collect()
}

/// The last parts of a document's path: enough to tell what it is, and none of the user's folders.
pub(super) fn short_path(uri: &str) -> String {
    let path = uri.split(['?', '#']).next().unwrap_or_default();
    let mut parts: Vec<&str> = path.rsplit(['/', '\\']).take(3).collect();
    parts.retain(|part| !part.is_empty() && !part.ends_with(':'));
    parts.reverse();
    parts.join("/")
}

/// The share of the words of both that stand in both (Jaccard).
fn alike(lines: &[String], near: &HashSet<&str>) -> f64 {
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

/// The most important first.
fn ranked<T>(mut found: Vec<(f64, T)>, n_most: usize) -> Vec<T> {
    found.sort_by_key(|(score, _)| Reverse((score * 1e6) as i64));
    found.into_iter().map(|(_, it)| it).take(n_most).collect()
}

#[cfg(test)]
mod tests;

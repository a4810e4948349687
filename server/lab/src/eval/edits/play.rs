//! Plays one case: by hand where nothing right is offered, else by accepting the offers.

use std::{collections::HashSet, fmt::Write, ops::Range, sync::Arc, time::Instant};

use foretell_edits::{Candidate, Finder, History, Query};
use foretell_session::session::judge::MAX_JUDGED;

use super::{Case, Change, Offers, tally::Tally};

/// The most changes that one offer can make at once.
const MAX_TOGETHER: usize = 4;

/// An offer that is not made again: text of the line, column and new text.
type Rejected = (String, usize, String);

/// A user who goes from the old version to the new one.
struct Replay<'a> {
    case: &'a Case,
    uri: Arc<str>,
    text: String,
    history: History,
    finder: Finder,
    /// The changes that remain, in the current text and in its order.
    left: Vec<Change>,
    /// The groups of which a change was made.
    begun: HashSet<usize>,
    /// The offers that the user rejected.
    rejected: HashSet<Rejected>,
    /// The candidates that the judge rejected.
    refused: HashSet<Rejected>,
    /// The end of the last change.
    cursor: usize,
    tally: Tally,
}

/// Plays a case. Missed changes and wrong offers are written to `log`.
pub(super) fn play(case: &Case, offers: Offers<'_>, mut log: Option<&mut String>) -> Tally {
    let mut replay = Replay {
        case,
        uri: case.path.as_str().into(),
        text: case.text.clone(),
        history: History::default(),
        finder: Finder::default(),
        left: case.changes.clone(),
        begun: HashSet::new(),
        rejected: HashSet::new(),
        refused: HashSet::new(),
        cursor: 0,
        tally: Tally { cases: 1, quiet: 1, never_wrong: 1, ..Tally::default() },
    };
    while let Some(i) = replay.next_by_hand() {
        if let (Some(log), true) = (&mut log, replay.is_alike(&replay.left[i])) {
            let Change { at, delete, insert, .. } = &replay.left[i];
            replay.report(log, "missed", *at..at + delete, insert);
        }
        replay.change_by_hand(i);
        while let Some((offer, of)) = replay.offer(offers) {
            if of.is_empty() {
                replay.reject(&offer);
                if let Some(log) = &mut log {
                    let what = if replay.left.is_empty() { "wrong at the end" } else { "wrong" };
                    let what = format!("{what} {:?}", offer.kind);
                    replay.report(log, &what, offer.range, &offer.new);
                }
                break;
            }
            replay.accept(&offer, of);
        }
    }
    replay.tally
}

impl Replay<'_> {
    /// The next change below the last one, then from the start of the text.
    fn next_by_hand(&self) -> Option<usize> {
        let below = self.left.iter().position(|it| it.at >= self.cursor);
        below.or_else(|| (!self.left.is_empty()).then_some(0))
    }

    /// Whether a change is like one that was made.
    fn is_alike(&self, it: &Change) -> bool {
        it.group.is_some_and(|it| self.begun.contains(&it))
    }

    /// Deletes the old text at once, and types the new one.
    fn change_by_hand(&mut self, i: usize) {
        let Change { at, delete, insert, .. } = self.left[i].clone();
        self.made(i..i + 1, false);
        self.replace(at..at + delete, "");
        let mut cursor = at;
        for c in insert.chars() {
            self.replace(cursor..cursor, c.encode_utf8(&mut [0; 4]));
            cursor += c.len_utf8();
        }
    }

    /// The first offer that was not rejected, and the changes that it makes: none if it is wrong.
    fn offer(&mut self, offers: Offers<'_>) -> Option<(Candidate, Range<usize>)> {
        let query = Query {
            uri: Arc::clone(&self.uri),
            language: self.case.language.as_str().into(),
            text: self.text.as_str().into(),
            placed: self.history.placed(&self.uri),
            others: Some(Vec::new()),
        };
        let start = Instant::now();
        let found = self.finder.find(&query);
        self.tally.ms.push(start.elapsed().as_secs_f64() * 1e3);
        let wanted = found.into_iter().filter(|it| {
            let rejected = self.as_rejected(it);
            let is_rejected = |by: &HashSet<Rejected>| by.contains(&rejected);
            offers.has(it.kind) && !is_rejected(&self.rejected) && !is_rejected(&self.refused)
        });
        let wanted: Vec<Candidate> = wanted.collect();
        let offer = self.first_likely(&query, wanted, offers)?;
        let of = self.changes_of(&offer);
        self.tally.shown += 1;
        self.tally.correct += usize::from(!of.is_empty());
        let counts = self.tally.kinds.entry(format!("{:?}", offer.kind)).or_default();
        *counts = [counts[0] + 1, counts[1] + usize::from(!of.is_empty())];
        Some((offer, of))
    }

    /// The first candidate that the judge accepts, as in the server: it judges a few, and none again.
    fn first_likely(
        &mut self,
        query: &Query,
        found: Vec<Candidate>,
        offers: Offers<'_>,
    ) -> Option<Candidate> {
        let Some((judge, margin)) = offers.judge else { return found.into_iter().next() };
        let mut n_judged = 0;
        for it in found {
            n_judged += usize::from(!it.kind.is_proved());
            if n_judged > MAX_JUDGED && !it.kind.is_proved() {
                continue;
            }
            let Some(preference) = judge(query, &it) else { return Some(it) };
            let is_correct = !self.changes_of(&it).is_empty();
            self.tally.judged.push((format!("{:?}", it.kind), preference, is_correct));
            if preference >= margin {
                return Some(it);
            }
            self.refused.insert(self.as_rejected(&it));
        }
        None
    }

    /// The changes that lead to the same text as an offer.
    fn changes_of(&self, offer: &Candidate) -> Range<usize> {
        let with_offer = with(&self.text, &offer.range, &offer.new);
        let line = |at: usize| self.text[..at].matches('\n').count();
        let (first, last) = (line(offer.range.start), line(offer.range.end));
        let is_near = |it: &Change| line(it.at + it.delete) + 1 >= first && line(it.at) <= last + 1;
        for i in (0..self.left.len()).filter(|i| is_near(&self.left[*i])) {
            let mut text = self.text.clone();
            let mut shift = 0;
            for (j, it) in self.left.iter().enumerate().skip(i).take(MAX_TOGETHER) {
                let at = it.at.wrapping_add_signed(shift);
                text.replace_range(at..at + it.delete, &it.insert);
                shift += it.insert.len() as isize - it.delete as isize;
                if text == with_offer {
                    return i..j + 1;
                }
            }
        }
        0..0
    }

    fn accept(&mut self, offer: &Candidate, of: Range<usize>) {
        let line = |at: usize| self.text[..at].matches('\n').count() as f64;
        let n_lines = (line(offer.range.start) - line(self.cursor.min(self.text.len()))).abs();
        self.tally.lines.push(n_lines);
        self.made(of, true);
        self.replace(offer.range.clone(), &offer.new);
    }

    fn reject(&mut self, offer: &Candidate) {
        self.tally.never_wrong = 0;
        if self.left.is_empty() {
            self.tally.quiet = 0;
        }
        self.rejected.insert(self.as_rejected(offer));
    }

    /// Removes changes from those that remain, and moves the others.
    fn made(&mut self, of: Range<usize>, is_offered: bool) {
        for i in of.clone() {
            let it = self.left[i].clone();
            if self.is_alike(&it) {
                self.tally.alike += 1;
                self.tally.alike_offered += usize::from(is_offered);
            }
            self.begun.extend(it.group);
            let shift = it.insert.len() as isize - it.delete as isize;
            for later in &mut self.left[i + 1..] {
                later.at = later.at.wrapping_add_signed(shift);
            }
            self.cursor = it.at + it.insert.len();
        }
        self.left.drain(of);
    }

    fn replace(&mut self, range: Range<usize>, new: &str) {
        let removed = self.text[range.clone()].to_owned();
        self.text.replace_range(range.clone(), new);
        self.history.record(&self.uri, range.start, &removed, new);
    }

    fn as_rejected(&self, it: &Candidate) -> Rejected {
        let start = self.text[..it.range.start].rfind('\n').map_or(0, |at| at + 1);
        let line = self.text[start..].lines().next().unwrap_or_default();
        (line.to_owned(), it.range.start - start, it.new.clone())
    }

    fn report(&self, log: &mut String, what: &str, range: Range<usize>, new: &str) {
        let line = self.text[..range.start].matches('\n').count() + 1;
        let start = self.text[..range.start].rfind('\n').map_or(0, |at| at + 1);
        let shown = self.text[start..].lines().next().unwrap_or_default().trim();
        let old = &self.text[range];
        let last = self.history.placed(&self.uri).into_iter().next();
        let last = last.map_or(String::new(), |it| format!("{:?} -> {:?}", it.before, it.after));
        let path = &self.case.path;
        let _ = writeln!(log, "{what}: {old:?} -> {new:?} after {last}, {path}:{line}: {shown}");
    }
}

fn with(text: &str, range: &Range<usize>, new: &str) -> String {
    let mut text = text.to_owned();
    text.replace_range(range.clone(), new);
    text
}

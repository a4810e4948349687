//! The suggestion on screen, and whether it survives an edit.
//!
//! One rule decides (Zed's `interpolate`): a suggestion lives as long as the text typed since is a
//! prefix of it. **Architecture Invariant:** the session cancels a generation that nothing refers
//! to, so dropping the suggestion is the cancel of its generation.

pub mod completion_cache;

use std::{borrow::Cow, sync::Arc};

use crate::{
    document::{Edit, Snapshot},
    prompt::{cursor_context, to_lf},
};
use completion_cache::Surroundings;
use foretell_engine::{FinishReason, Progress};
use foretell_policy::{self as policy, CursorContext, StopRule};

/// Why a suggestion is dismissed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DismissReason {
    /// The user typed something else.
    Contradicted,
    /// The user has typed all of it, and may be beyond.
    UsedUp,
    /// The cursor is elsewhere.
    CursorMoved,
    /// The text it was made for has changed.
    TextChanged,
    /// Its generation failed or was cancelled.
    Failed,
}

/// What a suggestion says at a cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// This text follows the cursor. It may still grow with its generation.
    Shows(String),
    /// The generation does not contradict what was typed, but is not beyond it yet: wait for it.
    NotYet,
    /// The model predicts that nothing follows the cursor.
    Empty(FinishReason),
    /// No text would save keystrokes on average, because the model is not sure how it continues.
    Unsure {
        /// Whether a new generation would give the same result. Otherwise the model may be surer
        /// inside a word, or beyond the end of this generation.
        is_exact: bool,
    },
    /// Dismiss it.
    Dismissed(DismissReason),
}

/// Identifies a generation within a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GenerationId(pub u64);

/// How many auto-closed characters may follow the cursor.
const MAX_CLOSERS: usize = 16;
/// The longest text typed into a suggestion, in bytes. No suggestion is longer, and until there is
/// text, everything typed would be kept.
const MAX_TYPED_BYTES: usize = 1 << 16;

/// Where a suggestion was made, and what was typed into it since.
#[derive(Debug, Clone)]
struct AnchoredText {
    /// The start of the cursor's line.
    line_char_idx: usize,
    /// The cursor it was made for.
    start_char_idx: usize,
    /// The document's text from there to the end of the user's edits.
    typed: String,
    n_typed_chars: usize,
    context: CursorContext,
    /// The minimum probability of shown text; `None` shows everything.
    min_probability: Option<f32>,
    /// How much of the generated text the user has seen, in bytes. That part is shown again at
    /// once.
    n_shown_bytes: usize,
}

impl AnchoredText {
    fn new(line_char_idx: usize, start_char_idx: usize, context: CursorContext) -> Self {
        Self {
            line_char_idx,
            start_char_idx,
            typed: String::new(),
            n_typed_chars: 0,
            context,
            min_probability: None,
            n_shown_bytes: 0,
        }
    }

    /// Follows an edit; `false` if the suggestion is dismissed whatever its generation says.
    fn apply(&mut self, edit: &Edit) -> bool {
        let n_inserted = edit.inserted.chars().count();
        let Edit { removed, inserted } = edit;
        let typed_end = self.start_char_idx + self.n_typed_chars;
        let on_a_line_above = removed.end < self.line_char_idx
            || (removed.end == self.line_char_idx
                && removed.start.min(self.line_char_idx) < self.start_char_idx
                && inserted.ends_with(['\n', '\r']));
        if on_a_line_above {
            let shift = |idx: usize| idx - removed.len() + n_inserted;
            self.line_char_idx = shift(self.line_char_idx);
            self.start_char_idx = shift(self.start_char_idx);
            return true;
        }
        if self.start_char_idx <= removed.start && removed.end <= typed_end {
            let byte_of = |char_idx: usize| {
                let n_chars = char_idx - self.start_char_idx;
                let mut starts = self.typed.char_indices().map(|(i, _)| i);
                let start = (n_chars < self.n_typed_chars).then(|| starts.nth(n_chars));
                start.flatten().unwrap_or(self.typed.len())
            };
            let range = byte_of(removed.start)..byte_of(removed.end);
            self.typed.replace_range(range, inserted);
            self.n_typed_chars = self.n_typed_chars - removed.len() + n_inserted;
            return self.typed.len() <= MAX_TYPED_BYTES;
        }
        // After the cursor, what an editor closes or removes again by itself contradicts no
        // suggestion; any other text may.
        removed.start > typed_end && (inserted.is_empty() || policy::only_closers(inserted))
    }

    /// Compares the generation with the text between the suggestion's start and `cursor`.
    /// Auto-closed text may follow the cursor.
    fn verdict(&self, cursor: usize, progress: &Progress) -> Verdict {
        let moved = Verdict::Dismissed(DismissReason::CursorMoved);
        let Some(n_chars) = cursor.checked_sub(self.start_char_idx) else {
            return moved;
        };
        let mut ends = self.typed.char_indices().map(|(i, _)| i).chain([self.typed.len()]);
        let Some(byte_idx) = ends.nth(n_chars) else {
            return moved;
        };
        let (typed, closed) = self.typed.split_at(byte_idx);
        if !policy::only_closers(closed) {
            return moved;
        }
        let verdict = self.compare(&to_lf(typed), progress);
        let Verdict::Shows(rest) = verdict else { return verdict };
        let rest = match closed.trim_start().chars().next() {
            Some(closer) => policy::cut_closed(&rest, closer),
            None => rest.as_str(),
        };
        // A text inserted above a line ends with a line break, which alone is no suggestion.
        match (rest.trim().is_empty(), &progress.finish) {
            (false, _) => Verdict::Shows(rest.to_owned()),
            (true, None) if !rest.is_empty() => Verdict::NotYet,
            (true, Some(finish)) if typed.is_empty() => Verdict::Empty(finish.clone()),
            (true, _) => Verdict::Dismissed(DismissReason::UsedUp),
        }
    }

    /// Whether the suggestion lives at some cursor. After an edit the cursor is not known yet: it
    /// is at the end of the typed text, or before auto-closed characters at that end.
    fn may_live(&self, progress: &Progress) -> Result<(), DismissReason> {
        let n_chars = self.n_typed_chars;
        let at_end = self.typed.chars().rev().take(MAX_CLOSERS);
        let n_closers = at_end.take_while(|c| policy::is_closer(*c)).count();
        let mut gone = DismissReason::Contradicted;
        for cursor in
            (self.start_char_idx + n_chars - n_closers..=self.start_char_idx + n_chars).rev()
        {
            match self.verdict(cursor, progress) {
                Verdict::Dismissed(why) => gone = why,
                _ => return Ok(()),
            }
        }
        // All of it was typed: the next request decides what comes next.
        if gone == DismissReason::UsedUp { Ok(()) } else { Err(gone) }
    }

    fn compare(&self, typed: &str, progress: &Progress) -> Verdict {
        let text = progress.text.as_str();
        if let Some(rest) = text.strip_prefix(typed).filter(|rest| !rest.is_empty()) {
            return self.cut_to_best_end(typed, rest, progress);
        }
        let Some(finish) = &progress.finish else {
            let all = format!("{text}{}", progress.held_back);
            let fits = typed.starts_with(&all) || all.starts_with(typed);
            return if fits {
                Verdict::NotYet
            } else {
                Verdict::Dismissed(DismissReason::Contradicted)
            };
        };
        match finish {
            FinishReason::Cancelled | FinishReason::Failed(_) => {
                Verdict::Dismissed(DismissReason::Failed)
            }
            FinishReason::Stopped(StopRule::Unsure) if typed.is_empty() => {
                unsure(true, &progress.held_back)
            }
            _ if typed.is_empty() => Verdict::Empty(finish.clone()),
            _ if typed.starts_with(text) => Verdict::Dismissed(DismissReason::UsedUp),
            _ => Verdict::Dismissed(DismissReason::Contradicted),
        }
    }

    /// Cuts the text after the typed part where it saves the most keystrokes on average, taking the
    /// typed part as given. Shown text stays.
    fn cut_to_best_end(&self, typed: &str, rest: &str, progress: &Progress) -> Verdict {
        let (Some(min), Some(confidence)) = (self.min_probability, &progress.confidence) else {
            return Verdict::Shows(rest.to_owned());
        };
        let n_likely = confidence.likely_end(typed.len(), min) - typed.len();
        let is_likely = n_likely >= rest.len();
        let is_whole = progress.finish.as_ref().is_some_and(|it| !goes_on(it));
        let held_back = if is_whole { "" } else { progress.held_back.as_str() };
        let text = policy::Rest { typed, text: rest, held_back, is_whole };
        let probability =
            |end: usize| confidence.log_probability(typed.len(), typed.len() + end).exp();
        let cost_keys = policy::reading_cost_keys(min);
        let n_bytes = policy::best_end(&self.context, text, n_likely, probability, cost_keys);
        let n_seen = self.n_shown_bytes.saturating_sub(typed.len());
        match n_bytes.max(rest.floor_char_boundary(n_seen)) {
            0 if is_likely && progress.finish.is_none() => Verdict::NotYet,
            // A line break alone is only reported once the generation has ended, because it starts
            // a prefetch of the next line.
            0 if starts_line(rest) && progress.finish.is_none() => Verdict::NotYet,
            0 => {
                let is_final = !is_likely || progress.finish.as_ref().is_some_and(ends_text);
                let is_exact = is_final && confidence.is_boundary(typed.len());
                unsure(typed.is_empty() || is_exact, rest)
            }
            n_bytes => Verdict::Shows(rest[..n_bytes].to_owned()),
        }
    }
}

/// The verdict on a text that is not worth showing. If it starts with a line break, the line
/// is complete, and a prefetch covers the next line.
fn unsure(is_exact: bool, text: &str) -> Verdict {
    if is_exact && starts_line(text) {
        return Verdict::Empty(FinishReason::Stopped(StopRule::LineEnd));
    }
    Verdict::Unsure { is_exact }
}

fn starts_line(text: &str) -> bool {
    text.trim_start_matches([' ', '\t']).starts_with('\n')
}

/// Whether a generation ended where its text does, not at a limit or at an unlikely token. Another
/// one would end there, too.
fn ends_text(finish: &FinishReason) -> bool {
    match finish {
        FinishReason::Stopped(rule) => *rule != StopRule::Unsure,
        FinishReason::EndOfText => true,
        _ => false,
    }
}

/// Whether a text ended only because the model was unsure.
fn goes_on(finish: &FinishReason) -> bool {
    *finish == FinishReason::Stopped(StopRule::Unsure)
}

/// A suggestion, and the generation that it shows.
#[derive(Debug)]
pub struct Suggestion {
    uri: Arc<str>,
    anchored: AnchoredText,
    /// Where it was made, for the completion cache.
    at: Surroundings,
    generation: GenerationId,
    /// How much of it was typed, in bytes, when it was last shown.
    shown_at: Option<usize>,
    /// The probability of the text shown first, if known.
    probability: Option<f64>,
    is_accepted: bool,
}

impl Suggestion {
    /// A suggestion for the cursor, a char_idx of the snapshot.
    #[must_use]
    pub fn new(snapshot: &Snapshot, cursor: usize, generation: GenerationId) -> Self {
        let start_char_idx = cursor.min(snapshot.rope.len_chars());
        let line = snapshot.rope.char_to_line(start_char_idx);
        let line_char_idx = snapshot.rope.line_to_char(line);
        Self {
            uri: Arc::clone(&snapshot.uri),
            anchored: AnchoredText::new(
                line_char_idx,
                start_char_idx,
                cursor_context(snapshot, start_char_idx),
            ),
            at: Surroundings::new(snapshot, start_char_idx),
            generation,
            shown_at: None,
            probability: None,
            is_accepted: false,
        }
    }

    /// The same suggestion with a minimum probability of shown text.
    #[must_use]
    pub fn with_min_probability(mut self, min_probability: Option<f32>) -> Self {
        self.anchored.min_probability = min_probability;
        self
    }

    /// Removes the minimum probability, because the user requested a suggestion.
    pub fn show_everything(&mut self) {
        self.anchored.min_probability = None;
    }

    /// Whether the generated text continues on the same line after `rest`, the text that the
    /// suggestion offers at a cursor.
    #[must_use]
    pub fn is_cut_in_line(&self, cursor: usize, rest: &str, progress: &Progress) -> bool {
        let n_bytes = self.n_typed_bytes(cursor) + rest.len();
        let after = progress.text.get(n_bytes..).unwrap_or_default();
        let is_unsure = progress.finish.as_ref().is_some_and(goes_on);
        let held_back = if is_unsure { progress.held_back.as_str() } else { "" };
        match format!("{after}{held_back}").as_str() {
            "" => is_unsure,
            after => !starts_line(after),
        }
    }

    /// The text after a cursor if its generation has reached the end of the text: also what is not
    /// worth showing yet.
    #[must_use]
    pub fn known_rest<'p>(&self, cursor: usize, progress: &'p Progress) -> Option<&'p str> {
        let is_known = progress.finish.as_ref().is_some_and(ends_text);
        progress.text.get(self.n_typed_bytes(cursor)..).filter(|_| is_known)
    }

    /// Whether the user has seen everything that the suggestion can show, because its generation
    /// ended when the text became too unlikely.
    #[must_use]
    pub fn is_exhausted(&self, cursor: usize, progress: &Progress) -> bool {
        let has_more = self.anchored.n_shown_bytes > self.n_typed_bytes(cursor);
        progress.finish.as_ref().is_some_and(goes_on) && !has_more
    }

    /// A suggestion whose generation was started `n_typed` characters before the cursor, which have
    /// been typed since.
    #[must_use]
    pub fn typed_into(
        snapshot: &Snapshot,
        cursor: usize,
        n_typed: usize,
        generation: GenerationId,
    ) -> Self {
        let mut it = Self::new(snapshot, cursor.saturating_sub(n_typed), generation);
        it.anchored.typed = snapshot.slice(it.anchored.start_char_idx..cursor);
        it.anchored.n_typed_chars = it.anchored.typed.chars().count();
        it
    }

    /// How many characters the user has typed into it up to `cursor`.
    #[must_use]
    pub fn n_typed_chars(&self, cursor: usize) -> usize {
        cursor.saturating_sub(self.anchored.start_char_idx)
    }

    /// Follows an edit. Whether the suggestion survives all edits of a message is for
    /// [`Suggestion::may_live`] to say, which compares everything that was typed.
    ///
    /// # Errors
    /// Why it is dismissed, whatever its generation says.
    pub fn apply(&mut self, uri: &str, edit: &Edit) -> Result<(), DismissReason> {
        if *self.uri != *uri {
            return Ok(());
        }
        if self.anchored.apply(edit) { Ok(()) } else { Err(DismissReason::TextChanged) }
    }

    /// Whether the text typed into a document is a prefix of the suggestion.
    ///
    /// # Errors
    /// Why it is dismissed.
    pub fn may_live(&self, uri: &str, progress: &Progress) -> Result<(), DismissReason> {
        if *self.uri != *uri { Ok(()) } else { self.anchored.may_live(&self.settled(progress)) }
    }

    /// The generation with the text that fits what was shown: [`Progress::text_after`].
    fn settled<'a>(&self, progress: &'a Progress) -> Cow<'a, Progress> {
        let text = progress.text_after(self.anchored.n_shown_bytes);
        if text == progress.text {
            return Cow::Borrowed(progress);
        }
        Cow::Owned(Progress { text: text.to_owned(), ..progress.clone() })
    }

    /// What the suggestion says at a cursor of a document.
    #[must_use]
    pub fn verdict(&self, uri: &str, cursor: usize, progress: &Progress) -> Verdict {
        if *self.uri != *uri {
            return Verdict::Dismissed(DismissReason::CursorMoved);
        }
        self.anchored.verdict(cursor, &self.settled(progress))
    }

    /// Records that `n_bytes` of what the suggestion says at `cursor` were shown.
    pub fn shown(&mut self, cursor: usize, n_bytes: usize) {
        let n_typed_bytes = self.n_typed_bytes(cursor);
        self.anchored.n_shown_bytes = self.anchored.n_shown_bytes.max(n_typed_bytes + n_bytes);
        self.shown_at = Some(n_typed_bytes);
    }

    /// Whether it was last shown at this cursor: nothing was typed since.
    #[must_use]
    pub fn was_shown_at(&self, cursor: usize) -> bool {
        self.shown_at == Some(self.n_typed_bytes(cursor))
    }

    /// Records the probability of the first `n_bytes` that the suggestion offers at `cursor`. Only
    /// the first call has an effect.
    pub fn rate(&mut self, cursor: usize, n_bytes: usize, progress: &Progress) {
        self.probability =
            self.probability.or_else(|| self.probability_of(cursor, n_bytes, progress));
    }

    /// The model's probability of the first `n_bytes` that the suggestion offers at `cursor`.
    #[must_use]
    pub fn probability_of(
        &self,
        cursor: usize,
        n_bytes: usize,
        progress: &Progress,
    ) -> Option<f64> {
        let start = self.n_typed_bytes(cursor);
        let confidence = progress.confidence.as_ref();
        confidence.map(|it| it.log_probability(start, start + n_bytes).exp())
    }

    /// Records that the user accepted at least a part.
    pub fn accepted(&mut self) {
        self.is_accepted = true;
    }

    /// The probability of the shown text, and whether the user accepted it or typed all of it.
    /// `None` if nothing was shown or the probability is unknown.
    #[must_use]
    pub fn outcome(&self, progress: &Progress) -> Option<(f64, bool)> {
        let typed = to_lf(&self.anchored.typed);
        let is_typed =
            typed.len() >= self.anchored.n_shown_bytes && progress.text.starts_with(&typed);
        let probability = self.probability.filter(|_| self.is_seen())?;
        Some((probability, self.is_accepted || is_typed))
    }

    /// How much of `rest`, which the suggestion says at `cursor`, was shown before, in bytes.
    #[must_use]
    pub fn n_shown_bytes_of(&self, cursor: usize, rest: &str) -> usize {
        let n_bytes = self.anchored.n_shown_bytes.saturating_sub(self.n_typed_bytes(cursor));
        rest.floor_char_boundary(n_bytes)
    }

    /// How much of the generated text the user has typed up to `cursor`, in bytes.
    fn n_typed_bytes(&self, cursor: usize) -> usize {
        let typed: String = self.anchored.typed.chars().take(self.n_typed_chars(cursor)).collect();
        to_lf(&typed).len()
    }

    /// Where the suggestion was made, if its generation came to an end of its own.
    #[must_use]
    pub fn complete(&self, progress: &Progress) -> Option<Surroundings> {
        let finish = progress.finish.as_ref()?;
        let is_complete = !matches!(finish, FinishReason::Cancelled | FinishReason::Failed(_));
        is_complete.then(|| self.at.clone())
    }

    /// Its generation.
    #[must_use]
    pub fn generation(&self) -> GenerationId {
        self.generation
    }

    /// Whether any of it was shown.
    #[must_use]
    pub fn is_seen(&self) -> bool {
        self.anchored.n_shown_bytes > 0
    }

    /// The document that it is for.
    #[must_use]
    pub fn uri(&self) -> &str {
        &self.uri
    }
}

#[cfg(test)]
mod tests;

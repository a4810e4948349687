//! The lines of a text that have been scanned before. A text is judged each time it grows, by
//! several rules.

use std::{collections::VecDeque, sync::Arc};

use super::{TextLine, decided_part};
use crate::{Phase, scanner::Scanner};

/// The scan state between two lines of a text.
#[derive(Debug, Clone)]
pub(super) struct LineState {
    pub(super) scanner: Scanner,
    /// The number of the document's frames that the text has not closed.
    pub(super) n_base: usize,
}

/// The complete lines of the last text, with the state after each, so that a growing text is not
/// scanned from its start again.
#[derive(Debug, Default)]
pub(super) struct KnownLines {
    text: String,
    pub(super) lines: Vec<Arc<TextLine>>,
    pub(super) states: Vec<LineState>,
    /// The last lines of the last texts. Several rules look at the same text, and its decided part
    /// does not change within a word.
    last: VecDeque<LastLine>,
}

/// The maximum length of [`KnownLines::last`]: the last lines of a text and of its kept part.
const N_LAST_LINES: usize = 2;

/// The last line of a text, with the input that determines it except for its end.
#[derive(Debug)]
pub(super) struct LastLine {
    /// The text up to the end of the decided part of the line.
    pub(super) decided: String,
    pub(super) phase: Phase,
    pub(super) line: Arc<TextLine>,
}

impl KnownLines {
    /// The number of lines that another text has in common.
    pub(super) fn n_same(&self, text: &str) -> usize {
        if text.starts_with(&self.text) {
            return self.lines.len();
        }
        let n_bytes = self.text.bytes().zip(text.bytes()).take_while(|(a, b)| a == b).count();
        self.lines.partition_point(|it| it.end < n_bytes)
    }

    /// The lines of a text, if they have been scanned before.
    pub(super) fn get(&self, text: &str, phase: Phase) -> Option<Vec<Arc<TextLine>>> {
        let last_start = text.rfind('\n').map_or(0, |it| it + 1);
        if !self.text.starts_with(&text[..last_start]) {
            return None;
        }
        let n_lines = self.lines.partition_point(|it| it.end < last_start);
        // The last line of a complete text is like one that a line break follows.
        let is_complete = |it: &&Arc<TextLine>| {
            phase.is_final() && it.end == text.len() && self.text.starts_with(text)
        };
        let last = self.lines.get(n_lines).filter(is_complete).map(Arc::clone);
        let last = last.or_else(|| self.last_line(text, phase))?;
        Some(self.lines[..n_lines].iter().cloned().chain([last]).collect())
    }

    fn last_line(&self, text: &str, phase: Phase) -> Option<Arc<TextLine>> {
        let start = text.rfind('\n').map_or(0, |it| it + 1);
        let decided = &text[..start + decided_part(&text[start..], phase.is_final()).len()];
        let known = self.last.iter().find(|it| it.phase == phase && it.decided == decided)?;
        let end = text.len();
        Some(match known.line.end == end {
            true => Arc::clone(&known.line),
            false => Arc::new(TextLine { end, ..TextLine::clone(&known.line) }),
        })
    }

    pub(super) fn truncate(&mut self, n_lines: usize) {
        self.lines.truncate(n_lines);
        self.states.truncate(n_lines);
        self.text.truncate(self.lines.last().map_or(0, |it| it.end + 1));
    }

    pub(super) fn state(&self) -> Option<LineState> {
        self.states.last().cloned()
    }

    /// Appends a line; `text` includes its line break.
    pub(super) fn push(&mut self, text: &str, line: Arc<TextLine>, mut state: LineState) {
        state.scanner.clear_events();
        self.text.push_str(text);
        self.lines.push(line);
        self.states.push(state);
    }

    /// Remembers the last line of a text.
    pub(super) fn push_last(&mut self, line: LastLine) {
        self.last.truncate(N_LAST_LINES - 1);
        self.last.push_front(line);
    }
}

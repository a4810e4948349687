//! From a snapshot and a cursor to the tokens that the model reads.
//!
//! In prefix-suffix-middle order the suffix comes after the prefix, so with the split at the
//! cursor every typed character would make the model read the whole suffix again. Here the split
//! is at an **anchor** some lines above the cursor:
//!
//! ```text
//! <prefix> text before the anchor <suffix> text after the cursor <middle> text from the anchor to the cursor
//! ```
//!
//! While the user types, only the end grows: a key costs one to three tokens. The anchor moves
//! when the cursor leaves the middle's reach or the middle has grown long.
//!
//! What an editor closes by itself (`)`, `"`, `;` behind the cursor) is not part of the suffix:
//! it comes and goes while the user types, and each time all of the suffix would be read again.
//! The policy knows it and cuts what the model writes of it.
//!
//! [`Split::Plain`] has the split at the cursor, with the same text on both sides of it: what the
//! anchored layout is measured against (docs/eval.md).

pub mod formats;
mod healing;
mod place;

use std::sync::Arc;

use ropey::RopeSlice;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    bundle::Fim,
    document::{Edit, Snapshot},
    engine::vocabulary::Vocabulary,
    policy,
};
use formats::{Around, Lead};
pub use place::{place, syntax};

/// What the model reads, and what it must begin with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    /// The token ids.
    pub ids: Vec<u32>,
    /// The user's last word in the user's tokens: the model writes its bytes again, in tokens of
    /// its own choice (token healing).
    pub healed: Vec<u32>,
}

/// Where the prompt of a model that reads the suffix after the prefix is split.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// As it is best for the model; at the anchor, until a model is measured to need another.
    #[default]
    Auto,
    /// Some lines above the cursor: a key costs the tokens that were typed.
    Anchored,
    /// At the cursor: a key costs the whole suffix.
    Plain,
}

/// How much text a prompt takes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Window {
    /// Where the text is split: `anchored` some lines above the cursor, so that a key costs few
    /// tokens; `plain` at the cursor; `auto` as it is best for the model.
    #[schemars(with = "String", extend("enum" = ["auto", "anchored", "plain"]))]
    pub layout: Split,
    /// The most lines before the cursor.
    #[schemars(range(max = 10_000))]
    pub before_lines: usize,
    /// The most lines after the cursor.
    #[schemars(range(max = 10_000))]
    pub after_lines: usize,
    /// How many lines above the cursor a new anchor is set.
    #[schemars(range(max = 10_000))]
    pub anchor_lines: usize,
    /// The most lines between anchor and cursor.
    #[schemars(range(max = 10_000))]
    pub middle_lines: usize,
    /// The most tokens before the anchor.
    #[schemars(range(max = 10_000))]
    pub before_tokens: usize,
    /// The most tokens after the cursor.
    #[schemars(range(max = 10_000))]
    pub after_tokens: usize,
    /// The most tokens between anchor and cursor; beyond, the anchor follows into the line.
    #[schemars(range(min = 16, max = 10_000))]
    pub middle_tokens: usize,
    /// How much of it is read before the first answer at a new place; the rest is read while the
    /// user rests. Null is all of it at once.
    pub first: Option<First>,
}

/// The part of a window that is read first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct First {
    /// How many lines above the cursor the anchor is set.
    #[schemars(range(max = 10_000))]
    pub anchor_lines: usize,
    /// The most tokens before the anchor.
    #[schemars(range(max = 10_000))]
    pub before_tokens: usize,
    /// The most tokens after the cursor.
    #[schemars(range(max = 10_000))]
    pub after_tokens: usize,
}

impl Default for Window {
    /// 60 lines before and 20 after, the anchor about 10 lines up: what the anchored layout was
    /// measured with (ARCHITECTURE.md, "The anchored prompt").
    fn default() -> Self {
        Self {
            layout: Split::Auto,
            before_lines: 60,
            after_lines: 20,
            anchor_lines: 10,
            middle_lines: 30,
            before_tokens: 768,
            after_tokens: 256,
            middle_tokens: 512,
            first: Some(First::default()),
        }
    }
}

impl Default for First {
    fn default() -> Self {
        Self { anchor_lines: 5, before_tokens: 64, after_tokens: 32 }
    }
}

impl Window {
    /// The same window with no more than `n_tokens` in all: each part in its share.
    #[must_use]
    pub fn within(self, n_tokens: usize) -> Self {
        // The marks between the parts, and a tokenizer that needs a little more for a middle than
        // its bytes promise.
        let n_tokens = n_tokens.saturating_sub(64);
        let all = self.before_tokens + self.after_tokens + self.middle_tokens;
        if all <= n_tokens {
            return self;
        }
        let share = |part: usize| part * n_tokens / all;
        Self {
            before_tokens: share(self.before_tokens),
            after_tokens: share(self.after_tokens),
            middle_tokens: share(self.middle_tokens),
            ..self
        }
    }

    /// The window that is read first, if it is another one.
    fn narrow(&self) -> Option<Self> {
        let First { anchor_lines, before_tokens, after_tokens } = self.first?;
        Some(Self { anchor_lines, before_tokens, after_tokens, ..*self })
    }
}

/// A text cut to the window, with its tokens.
#[derive(Debug, Default)]
struct Part {
    /// As it stands in the document.
    text: String,
    ids: Vec<u32>,
}

/// The parts of a prompt that stay while the user types.
#[derive(Debug)]
struct Layout {
    uri: Arc<str>,
    /// Where `before` ends in the document.
    anchor_char_idx: usize,
    before: Part,
    after: Part,
    /// The window that it was cut to.
    window: Window,
    /// Whether there is a wider one to be read.
    is_narrow: bool,
}

/// Builds prompts, and remembers the layout of the last one.
#[derive(Debug)]
pub struct Prompter {
    vocabulary: Arc<Vocabulary>,
    fim: Option<Fim>,
    window: Window,
    heals: bool,
    layout: Option<Layout>,
    /// The whole window at the place of a narrow layout, while it is being read.
    wider: Option<Layout>,
}

impl Prompter {
    /// A prompter for a model's vocabulary and fill-in-the-middle form. Without one, the prompt is
    /// the text before the cursor.
    #[must_use]
    pub fn new(vocabulary: Arc<Vocabulary>, fim: Option<Fim>, window: Window) -> Self {
        Self { vocabulary, fim, window, heals: true, layout: None, wider: None }
    }

    /// Another prompter for the same model, which remembers nothing yet. Without healing it ends
    /// the prompt in the middle of a word, as it stands: only to measure what healing is worth.
    #[must_use]
    pub fn another(&self, layout: Split, heals: bool) -> Self {
        let window = Window { layout, ..self.window };
        Self { heals, ..Self::new(Arc::clone(&self.vocabulary), self.fim.clone(), window) }
    }

    /// Follows an edit, so that an edit above the window does not cost the layout.
    pub fn edited(&mut self, uri: &str, edit: &Edit) {
        for layout in [&mut self.layout, &mut self.wider].into_iter().flatten() {
            let anchor = layout.anchor_char_idx;
            let window_start = anchor - layout.before.text.chars().count().min(anchor);
            let is_above = edit.removed.end <= window_start && edit.removed.start < anchor;
            if *layout.uri == *uri && is_above {
                layout.anchor_char_idx =
                    anchor - edit.removed.len() + edit.inserted.chars().count();
            }
        }
    }

    /// The prompt for a cursor, a char_idx that is clamped to the text's end.
    pub fn prompt(&mut self, snapshot: &Snapshot, cursor: usize) -> Prompt {
        let cursor = cursor.min(snapshot.rope.len_chars());
        let layout = self.layout(snapshot, cursor);
        let prompt = self.written(&layout, snapshot, cursor);
        self.layout = Some(layout);
        prompt
    }

    /// The prompt of the whole window for a cursor whose last prompt was of a narrow one: to be
    /// read while the user rests. After [`Prompter::widen`], prompts there are of this one.
    pub fn wider(&mut self, snapshot: &Snapshot, cursor: usize) -> Option<Prompt> {
        let cursor = cursor.min(snapshot.rope.len_chars());
        self.layout.as_ref().filter(|it| it.is_narrow && self.holds(it, snapshot, cursor))?;
        let after_start = after_start(snapshot, cursor);
        let kept = self.wider.take().and_then(|it| self.kept(it, snapshot, cursor, after_start));
        let wider =
            kept.unwrap_or_else(|| self.new_layout(self.window, snapshot, cursor, after_start));
        let prompt = self.written(&wider, snapshot, cursor);
        self.wider = Some(wider);
        Some(prompt)
    }

    /// Takes the whole window for what follows: it has been read.
    pub fn widen(&mut self) {
        if let Some(wider) = self.wider.take() {
            self.layout = Some(wider);
        }
    }

    /// The tokens of a layout with the middle that ends at `cursor`.
    fn written(&self, layout: &Layout, snapshot: &Snapshot, cursor: usize) -> Prompt {
        let middle = snapshot.slice(layout.anchor_char_idx..cursor);
        let middle = self.encode(&middle);
        let (middle, healed) =
            if self.heals { healing::heal(middle, &self.vocabulary) } else { (middle, Vec::new()) };
        let (before, after) = (&layout.before.ids, &layout.after.ids);
        // A middle of rare characters has more tokens than its bytes promise.
        let n_beyond = middle.len().saturating_sub(self.window.middle_tokens);
        let before = &before[n_beyond.min(before.len())..];
        let middle = &middle[n_beyond - n_beyond.min(layout.before.ids.len())..];
        let is_plain = self.window.layout == Split::Plain;
        let upto_cursor = if is_plain { [before, middle].concat() } else { Vec::new() };
        let (before, middle) =
            if is_plain { (&upto_cursor[..], &[][..]) } else { (before, middle) };
        let lead = match &self.fim {
            Some(fim) => formats::lead(fim, Around::default(), |text| self.encode(text)),
            None => Lead::default(),
        };
        let ids = formats::prompt(self.fim.as_ref(), &lead, before, &after[..], middle);
        Prompt { ids, healed }
    }

    /// The layout of the last prompt if it still fits, a new one otherwise.
    fn layout(&mut self, snapshot: &Snapshot, cursor: usize) -> Layout {
        let after_start = after_start(snapshot, cursor);
        let kept = self.layout.take().and_then(|it| self.kept(it, snapshot, cursor, after_start));
        kept.unwrap_or_else(|| {
            let whole = self.new_layout(self.window, snapshot, cursor, after_start);
            let Some(narrow) = self.window.narrow() else { return whole };
            let narrow = self.new_layout(narrow, snapshot, cursor, after_start);
            let is_narrow = narrow.before.ids.len() + narrow.after.ids.len()
                < whole.before.ids.len() + whole.after.ids.len();
            if is_narrow { Layout { is_narrow, ..narrow } } else { whole }
        })
    }

    /// A layout as it is now, if it holds for a cursor.
    fn kept(
        &self,
        layout: Layout,
        snapshot: &Snapshot,
        cursor: usize,
        after_start: usize,
    ) -> Option<Layout> {
        if !self.holds(&layout, snapshot, cursor) {
            return None;
        }
        if starts_with(&snapshot.rope.slice(after_start..), &layout.after.text) {
            return Some(layout);
        }
        // Only the text after the cursor is another one: what was read before it stays read.
        Some(Layout { after: self.after(layout.window, snapshot, after_start), ..layout })
    }

    /// Whether the text before the anchor is as it was, and the cursor within the middle's reach.
    fn holds(&self, layout: &Layout, snapshot: &Snapshot, cursor: usize) -> bool {
        let rope = &snapshot.rope;
        let anchor = layout.anchor_char_idx;
        if layout.uri != snapshot.uri || cursor < anchor {
            return false;
        }
        let n_lines = rope.char_to_line(cursor) - rope.char_to_line(anchor);
        // A byte is at least a third of a token in any text that is worth completing.
        let n_bytes = rope.char_to_byte(cursor) - rope.char_to_byte(anchor);
        n_lines <= self.window.middle_lines
            && n_bytes <= 3 * self.window.middle_tokens
            && ends_with(&rope.slice(..anchor), &layout.before.text)
    }

    fn new_layout(
        &self,
        window: Window,
        snapshot: &Snapshot,
        cursor: usize,
        after_start: usize,
    ) -> Layout {
        let rope = &snapshot.rope;
        let line = rope.char_to_line(cursor);
        let anchor_line = line.saturating_sub(window.anchor_lines);
        let reach = cursor.saturating_sub(3 * window.middle_tokens / 2);
        let anchor = rope.line_to_char(anchor_line).max(reach);
        let first_line = line.saturating_sub(window.before_lines);
        let window_start = rope.line_to_char(first_line).min(anchor);
        let text = snapshot.slice(window_start..anchor);
        Layout {
            uri: Arc::clone(&snapshot.uri),
            anchor_char_idx: anchor,
            before: self.cut(text, window.before_tokens, End::Tail),
            after: self.after(window, snapshot, after_start),
            window,
            is_narrow: false,
        }
    }

    fn after(&self, window: Window, snapshot: &Snapshot, after_start: usize) -> Part {
        let rope = &snapshot.rope;
        let last_line = rope.char_to_line(after_start) + window.after_lines;
        let end = snapshot.line_range(last_line).end.max(after_start);
        // Without this form the text after the cursor has no place in the prompt.
        let n_tokens = if self.fim.is_some() { window.after_tokens } else { 0 };
        self.cut(snapshot.slice(after_start..end), n_tokens, End::Head)
    }

    /// Cuts a text to `n_tokens` at a line border, or within the line where one line is too long.
    fn cut(&self, mut text: String, n_tokens: usize, keep: End) -> Part {
        // No token of these vocabularies is longer than some 128 bytes; most are about 4.
        let mut n_bytes = n_tokens * 8;
        loop {
            text = keep.of(&text, n_bytes).to_owned();
            let ids = self.encode(&text);
            if ids.len() <= n_tokens {
                return Part { text, ids };
            }
            n_bytes = (text.len() * n_tokens / ids.len()).min(text.len() - 1);
        }
    }

    /// The model reads `\n` whatever the file's line breaks are.
    fn encode(&self, text: &str) -> Vec<u32> {
        if text.contains('\r') {
            self.vocabulary.encode(&to_lf(text))
        } else {
            self.vocabulary.encode(text)
        }
    }
}

/// A text with `\n` for each of its line breaks.
#[must_use]
pub fn to_lf(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

/// Where the suffix of the prompt begins: at the cursor, or at the line's end where only closers
/// stand between.
fn after_start(snapshot: &Snapshot, cursor: usize) -> usize {
    let line_end = snapshot.line_range(snapshot.rope.char_to_line(cursor)).end.max(cursor);
    if line_end - cursor < 64 && policy::only_closers(&snapshot.slice(cursor..line_end)) {
        line_end
    } else {
        cursor
    }
}

/// Which end of a text is the nearer one to the cursor, and kept.
#[derive(Clone, Copy)]
enum End {
    Head,
    Tail,
}

impl End {
    /// At most `n_bytes` of `text`, in whole lines if there is a line border within.
    fn of(self, text: &str, n_bytes: usize) -> &str {
        if text.len() <= n_bytes {
            return text;
        }
        match self {
            Self::Head => {
                let end = (0..=n_bytes).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0);
                let head = &text[..end];
                head.rfind('\n').map_or(head, |line_end| &head[..=line_end])
            }
            Self::Tail => {
                let from = text.len() - n_bytes;
                let start = (from..text.len()).find(|i| text.is_char_boundary(*i));
                let tail = &text[start.unwrap_or(text.len())..];
                match tail.find('\n') {
                    Some(line_end) if line_end + 1 < tail.len() => &tail[line_end + 1..],
                    _ => tail,
                }
            }
        }
    }
}

fn starts_with(text: &RopeSlice<'_>, head: &str) -> bool {
    text.get_byte_slice(..head.len()).is_some_and(|slice| slice == head)
}

fn ends_with(text: &RopeSlice<'_>, tail: &str) -> bool {
    text.len_bytes()
        .checked_sub(tail.len())
        .and_then(|start| text.get_byte_slice(start..))
        .is_some_and(|slice| slice == tail)
}

#[cfg(test)]
mod tests;

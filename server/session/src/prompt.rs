//! From a snapshot and a cursor to the token ids of the prompt.
//!
//! In prefix-suffix-middle order the suffix follows the prefix, so a split at the cursor would
//! prefill the whole suffix at every keystroke. Instead, the split is at an **anchor** some lines
//! above the cursor:
//!
//! ```text
//! <prefix> text before the anchor <suffix> text after the cursor <middle> text from the anchor to
//! the cursor
//! ```
//!
//! While the user types, only the end grows: a keystroke prefills one to three tokens. The anchor
//! moves when the cursor leaves the reach of the middle or the middle has grown long.
//!
//! Auto-closed text after the cursor (`)`, `"`, `;`) is not part of the suffix: it comes and goes
//! while the user types, and each time the whole suffix would be prefilled again. The policy knows
//! it and cuts what the model repeats of it.
//!
//! [`Split::Plain`] splits the same text at the cursor, as a baseline (docs/eval.md).

mod context;
mod cursor_context;
mod ends;
mod file_comment;
pub mod formats;
mod healing;
pub mod judged;
mod layout;
mod place;
mod recent_layouts;
mod window;

use std::{sync::Arc, time::Duration};

use crate::document::{Edit, Snapshot};
use context::{Surroundings, short_path, visits::Visits};
pub use cursor_context::{cursor_context, document, syntax};
use ends::{End, ends_with, starts_with};
pub use file_comment::{file_comment, says_nothing};
use foretell_config::prompt::{OtherFiles, Split, Window};
use foretell_engine::{
    Prompt,
    bundle::Fim,
    remote::{BYTES_PER_TOKEN, Format, PromptFormat},
    vocabulary::{Vocabulary, VocabularyError, byte_vocabulary},
};
use formats::{OtherFile, Preamble, PromptSources};
use layout::{Layout, Part, after_start};
pub use place::place;
use recent_layouts::RecentLayouts;
use window::Sizes;

/// Builds prompts, and remembers the last layout.
#[derive(Debug)]
pub struct Prompter {
    vocabulary: Arc<Vocabulary>,
    fim: Option<Fim>,
    window: Window,
    heals: bool,
    layout: Option<Layout>,
    /// A wider window for a narrow layout, while it is being prefilled.
    wider: Option<Layout>,
    recent: RecentLayouts,
    /// The other documents that may be quoted.
    others: Vec<Snapshot>,
    visits: Visits,
    tokens_per_s: f64,
    /// The number of compute threads.
    n_threads: usize,
    /// Whether a prompt goes to a server, which learns no names of files.
    is_remote: bool,
}

impl Prompter {
    /// A prompter for a model's vocabulary and FIM format. Without a format, the prompt is the text
    /// before the cursor.
    #[must_use]
    pub fn new(vocabulary: Arc<Vocabulary>, fim: Option<Fim>, window: Window) -> Self {
        Self {
            vocabulary,
            fim,
            window,
            heals: true,
            layout: None,
            wider: None,
            recent: RecentLayouts::default(),
            others: Vec::new(),
            visits: Visits::default(),
            tokens_per_s: window::ASSUMED_TOKENS_PER_S,
            n_threads: 1,
            is_remote: false,
        }
    }

    /// A prompter for a remote server. Prompts consist of bytes ([`byte_vocabulary`]). Token healing
    /// needs logits, which a server does not return, so the split is at the cursor, where models
    /// are trained to continue a word.
    ///
    /// # Errors
    /// If the markers of the format do not form a vocabulary.
    pub fn for_remote(format: Format, window: Window) -> Result<Self, VocabularyError> {
        let format = PromptFormat::of(format);
        let vocabulary = Arc::new(byte_vocabulary(&[], &format.markers())?);
        let layout = if window.layout == Split::Auto { Split::Plain } else { window.layout };
        let n_bytes = |n_tokens: usize| n_tokens.saturating_mul(BYTES_PER_TOKEN);
        let window = Window {
            layout,
            before_tokens: n_bytes(window.before_tokens),
            after_tokens: n_bytes(window.after_tokens),
            middle_tokens: n_bytes(window.middle_tokens),
            // There is no KV cache to prefill in the background.
            first_ms: None,
            whole_ms: None,
            other_files: OtherFiles::None,
            ..window
        };
        Ok(Self {
            heals: false,
            is_remote: true,
            ..Self::new(vocabulary, Some(format.fim()), window)
        })
    }

    /// Sets the measured prefill speed, which limits the size of new layouts (`prompt.first_ms`,
    /// `prompt.whole_ms`).
    pub fn set_tokens_per_s(&mut self, tokens_per_s: f64) {
        self.tokens_per_s = tokens_per_s;
    }

    /// The same prompter for a model that computes with `n_threads`.
    #[must_use]
    pub fn with_threads(self, n_threads: usize) -> Self {
        Self { n_threads, ..self }
    }

    /// Sets the token sequences in the KV caches, so that cached places keep their layouts.
    pub fn set_cached(&mut self, cached: Vec<Vec<u32>>) {
        self.recent.cached = cached;
    }

    /// Whether prompts contain excerpts of the documents in [`Prompter::set_others`].
    #[must_use]
    pub fn shows_others(&self) -> bool {
        self.window.shows_others() && self.fim.as_ref().is_some_and(formats::reads_files)
    }

    /// Sets the other documents that may be quoted, the most important first.
    pub fn set_others(&mut self, others: Vec<Snapshot>) {
        self.others = others;
    }

    /// A prompter for the same model with other options and without a layout, to compare layouts.
    /// With `heals` unset, a prompt may end in the middle of a word.
    #[must_use]
    pub fn variant(&self, layout: Split, heals: bool, other_files: OtherFiles) -> Self {
        let window = Window { layout, other_files, ..self.window };
        let is_remote = self.is_remote;
        let n_threads = self.n_threads;
        Self {
            heals,
            is_remote,
            n_threads,
            ..Self::new(Arc::clone(&self.vocabulary), self.fim.clone(), window)
        }
    }

    /// The same prompter without a layout.
    #[must_use]
    pub fn without_layout(&self) -> Self {
        self.variant(self.window.layout, self.heals, self.window.other_files)
    }

    /// Shifts the anchors after an edit, so that an edit above the window keeps the layout.
    pub fn edited(&mut self, uri: &str, edit: &Edit) {
        self.visits.edited(uri, edit);
        let current = [&mut self.layout, &mut self.wider].into_iter().flatten();
        current.chain(self.recent.iter_mut()).for_each(|it| it.shift(uri, edit));
    }

    /// Finds the anchors in a text that was sent as a whole, without edits.
    pub fn follow(&mut self, snapshot: &Snapshot, cursor: usize) {
        let current = [&mut self.layout, &mut self.wider].into_iter().flatten();
        current.chain(self.recent.iter_mut()).for_each(|it| it.follow(snapshot, cursor));
    }

    /// The prompt for a cursor (a char_idx, clamped to the end of the text). Updates the layout. For
    /// a cell, the whole notebook is the text.
    pub fn prompt(&mut self, snapshot: &Snapshot, cursor: usize) -> Prompt {
        let first = Sizes::first(&self.window, self.tokens_per_s);
        self.prompt_from(first, snapshot, cursor)
    }

    /// The prompt to prefill where the cursor rests. Like [`Self::prompt`], but a new layout is
    /// smaller, to use less CPU time.
    pub fn prompt_at_rest(&mut self, snapshot: &Snapshot, cursor: usize) -> Prompt {
        let first = Sizes::at_rest(&self.window, self.tokens_per_s, self.n_threads);
        self.prompt_from(first, snapshot, cursor)
    }

    fn prompt_from(&mut self, first: Option<Sizes>, snapshot: &Snapshot, cursor: usize) -> Prompt {
        if let Some((notebook, cursor)) = snapshot.in_notebook(cursor) {
            return self.prompt_from(first, &notebook, cursor);
        }
        let cursor = cursor.min(snapshot.rope.len_chars());
        let (prompt, layout) = match self.earlier_layout(snapshot, cursor) {
            None => self.first_prompt(first, snapshot, cursor),
            Some(earlier) => {
                let prompt = self.assemble(&earlier, snapshot, cursor);
                match self.nearer(first, &prompt, snapshot, cursor) {
                    None => (prompt, earlier),
                    Some(nearer) => {
                        self.recent.keep(Some(earlier));
                        nearer
                    }
                }
            }
        };
        self.layout = Some(layout);
        self.visits.visit(&snapshot.uri, cursor);
        prompt
    }

    /// A prompt with a new narrow window, if it takes clearly less time to prefill than one that
    /// exceeds the limit of the first window: the cursor has moved far below the anchor, or
    /// the text after it has changed.
    fn nearer(
        &self,
        first: Option<Sizes>,
        prompt: &Prompt,
        snapshot: &Snapshot,
        cursor: usize,
    ) -> Option<(Prompt, Layout)> {
        let limit = first?.n_tokens()?;
        let n_to_prefill = self.recent.n_to_prefill(prompt);
        if n_to_prefill <= limit {
            return None;
        }
        let nearer = self.first_prompt(first, snapshot, cursor);
        (3 * self.recent.n_to_prefill(&nearer.0) < 2 * n_to_prefill).then_some(nearer)
    }

    /// The prompt with the whole window, to prefill while the user pauses. `None` unless the current
    /// layout is narrow and fits the cursor. [`Prompter::widen`] switches to it.
    pub fn wider(&mut self, snapshot: &Snapshot, cursor: usize) -> Option<Prompt> {
        if let Some((notebook, cursor)) = snapshot.in_notebook(cursor) {
            return self.wider(&notebook, cursor);
        }
        let cursor = cursor.min(snapshot.rope.len_chars());
        self.layout.as_ref().filter(|it| it.is_narrow && self.fits(it, snapshot, cursor))?;
        let after_start = after_start(snapshot, cursor);
        let last = self.wider.take().filter(|it| !it.is_narrow);
        let reused = last.and_then(|it| self.reuse(it, snapshot, cursor, after_start));
        let wider = reused.unwrap_or_else(|| self.whole_layout(snapshot, cursor, after_start));
        let prompt = self.assemble(&wider, snapshot, cursor);
        self.wider = Some(wider);
        Some(prompt)
    }

    /// The prompt with the widest window that takes no longer than `within` to prefill. `None` if
    /// it is not much wider than the current one.
    pub fn wider_within(
        &mut self,
        snapshot: &Snapshot,
        cursor: usize,
        within: Duration,
    ) -> Option<Prompt> {
        if let Some((notebook, cursor)) = snapshot.in_notebook(cursor) {
            return self.wider_within(&notebook, cursor, within);
        }
        let whole = self.wider(snapshot, cursor)?;
        if whole.ids.len() <= window::tokens_within(within, self.tokens_per_s) {
            return Some(whole);
        }
        let cursor = cursor.min(snapshot.rope.len_chars());
        let first_ms = u64::try_from(within.as_millis()).ok();
        let sizes = Sizes::first(&Window { first_ms, ..self.window }, self.tokens_per_s)?;
        let layout = self.new_layout(sizes, snapshot, cursor, after_start(snapshot, cursor));
        let layout = Layout { is_narrow: true, ..layout };
        let prompt = self.assemble(&layout, snapshot, cursor);
        let n_now = self.assemble(self.layout.as_ref()?, snapshot, cursor).ids.len();
        self.wider = Some(layout);
        (4 * prompt.ids.len() > 5 * n_now).then_some(prompt)
    }

    /// Switches to the whole window, once it is prefilled.
    pub fn widen(&mut self) {
        if let Some(wider) = self.wider.take() {
            self.recent.keep(self.layout.replace(wider));
        }
    }

    /// The prompt of a layout, with the middle up to `cursor`.
    fn assemble(&self, layout: &Layout, snapshot: &Snapshot, cursor: usize) -> Prompt {
        let middle = snapshot.slice(layout.anchor_char_idx..cursor);
        let middle = self.encode(&middle);
        let (middle, healed) =
            if self.heals { healing::heal(middle, &self.vocabulary) } else { (middle, Vec::new()) };
        let (before, after) = (&layout.before.ids, &layout.after.ids);
        // A middle of rare characters has more tokens than its bytes suggest. The excess is taken
        // from the start of the window.
        let n_excess = middle.len().saturating_sub(self.window.middle_tokens);
        let before = &before[n_excess.min(before.len())..];
        let middle = &middle[n_excess - n_excess.min(layout.before.ids.len())..];
        let is_plain = self.window.layout == Split::Plain;
        let up_to_cursor = if is_plain { [before, middle].concat() } else { Vec::new() };
        let (before, middle) =
            if is_plain { (&up_to_cursor[..], &[][..]) } else { (before, middle) };
        let ids = formats::prompt(self.fim.as_ref(), &layout.preamble, before, &after[..], middle);
        Prompt { ids, healed }
    }

    /// The last layout if it still fits the cursor, or an earlier one whose prompt is still cached.
    fn earlier_layout(&mut self, snapshot: &Snapshot, cursor: usize) -> Option<Layout> {
        let after_start = after_start(snapshot, cursor);
        let last = self.layout.take();
        let fits = last.as_ref().is_some_and(|it| self.fits(it, snapshot, cursor));
        if !fits {
            self.recent.keep(last);
            return self.recall(snapshot, cursor, after_start);
        }
        last.and_then(|it| self.reuse(it, snapshot, cursor, after_start))
    }

    /// A prompt with a new layout.
    fn first_prompt(
        &self,
        first: Option<Sizes>,
        snapshot: &Snapshot,
        cursor: usize,
    ) -> (Prompt, Layout) {
        let layout = self.first_layout(first, snapshot, cursor, after_start(snapshot, cursor));
        (self.assemble(&layout, snapshot, cursor), layout)
    }

    /// An earlier layout that fits the cursor and whose prompt is still cached.
    fn recall(&mut self, snapshot: &Snapshot, cursor: usize, after_start: usize) -> Option<Layout> {
        let is_cached = |layout: &Layout| {
            self.fits(layout, snapshot, cursor)
                && starts_with(&snapshot.rope.slice(after_start..), &layout.after.text)
                && self.recent.is_cached(&self.assemble(layout, snapshot, cursor))
        };
        let found = self.recent.position(is_cached)?;
        self.recent.take(found)
    }

    /// A new layout with a narrow window of the size `first`, or with the whole window.
    fn first_layout(
        &self,
        first: Option<Sizes>,
        snapshot: &Snapshot,
        cursor: usize,
        after_start: usize,
    ) -> Layout {
        let Some(first) = first else {
            return self.whole_layout(snapshot, cursor, after_start);
        };
        let whole = self.new_layout(self.whole(), snapshot, cursor, after_start);
        let narrow = self.new_layout(first, snapshot, cursor, after_start);
        let is_narrow = narrow.start_char_idx() > whole.start_char_idx()
            || narrow.after.text.len() < whole.after.text.len();
        let has_excerpts = self.shows_others() && !self.others.is_empty();
        if is_narrow || has_excerpts { Layout { is_narrow: true, ..narrow } } else { whole }
    }

    fn whole(&self) -> Sizes {
        Sizes::whole(&self.window, self.tokens_per_s)
    }

    /// The whole window, with excerpts of other files.
    fn whole_layout(&self, snapshot: &Snapshot, cursor: usize, after_start: usize) -> Layout {
        let layout = self.new_layout(self.whole(), snapshot, cursor, after_start);
        if !self.shows_others() {
            return layout;
        }
        let rope = &snapshot.rope;
        let start = layout.start_char_idx();
        let end = after_start + layout.after.text.chars().count();
        let window = rope.char_to_line(start)..rope.char_to_line(end) + 1;
        let surroundings = Surroundings { snapshot, cursor, window };
        // A token of code has about 3 bytes or more.
        let n_bytes = 3 * self.window.other_tokens;
        let mut excerpts = context::choose(&surroundings, &self.others, &self.visits, n_bytes);
        loop {
            let files: Vec<OtherFile<'_>> =
                excerpts.iter().map(context::Excerpt::as_file).collect();
            let preamble = self.preamble(snapshot, &files);
            let n_tokens = preamble.head.len() + preamble.prefix.len();
            if excerpts.is_empty() || n_tokens <= self.window.other_tokens {
                return Layout { preamble, names_file: says_nothing(snapshot), ..layout };
            }
            excerpts.remove(0);
        }
    }

    fn preamble(&self, snapshot: &Snapshot, others: &[OtherFile<'_>]) -> Preamble {
        let path = short_path(&snapshot.uri);
        let path = (self.window.path || !others.is_empty()).then_some(path.as_str());
        let sources = PromptSources { repo: None, path, others };
        let preamble = |fim| formats::preamble(fim, sources, |text| self.encode(text));
        let mut preamble = self.fim.as_ref().map(preamble).unwrap_or_default();
        if says_nothing(snapshot) {
            let comment = file_comment(snapshot, !self.is_remote);
            preamble.prefix.extend(self.encode(&comment.unwrap_or_default()));
        }
        preamble
    }

    /// The layout with the current text after the cursor, if it fits the cursor.
    fn reuse(
        &self,
        layout: Layout,
        snapshot: &Snapshot,
        cursor: usize,
        after_start: usize,
    ) -> Option<Layout> {
        if !self.fits(&layout, snapshot, cursor) {
            return None;
        }
        if starts_with(&snapshot.rope.slice(after_start..), &layout.after.text) {
            return Some(layout);
        }
        // Only the text after the cursor has changed: the text before it keeps its tokens.
        Some(Layout { after: self.after(layout.sizes, snapshot, after_start), ..layout })
    }

    /// Whether the text before the anchor is unchanged and the cursor is within reach of the middle.
    fn fits(&self, layout: &Layout, snapshot: &Snapshot, cursor: usize) -> bool {
        let rope = &snapshot.rope;
        let anchor = layout.anchor_char_idx;
        if layout.uri != snapshot.uri || cursor < anchor {
            return false;
        }
        let n_lines = rope.char_to_line(cursor) - rope.char_to_line(anchor);
        // A byte is at least a third of a token in any text worth completing.
        let n_bytes = rope.char_to_byte(cursor) - rope.char_to_byte(anchor);
        n_lines <= self.window.middle_lines
            && n_bytes <= 3 * self.window.middle_tokens
            && ends_with(&rope.slice(..anchor), &layout.before.text)
            && (layout.names_file || !says_nothing(snapshot))
    }

    fn new_layout(
        &self,
        sizes: Sizes,
        snapshot: &Snapshot,
        cursor: usize,
        after_start: usize,
    ) -> Layout {
        let window = &self.window;
        let rope = &snapshot.rope;
        let line = rope.char_to_line(cursor);
        let anchor_line = line.saturating_sub(sizes.anchor_lines);
        let reach = cursor.saturating_sub(3 * window.middle_tokens / 2);
        let mut anchor = rope.line_to_char(anchor_line).max(reach);
        let mut sizes = sizes;
        if let Some(budget) = sizes.budget {
            // The text nearest to the cursor comes first.
            let middle = self.cut(snapshot.slice(anchor..cursor), budget.middle_tokens, End::Tail);
            anchor = cursor - middle.text.chars().count();
            sizes = sizes.beside(middle.ids.len());
        }
        let first_line = line.saturating_sub(window.before_lines);
        let window_start = rope.line_to_char(first_line).min(anchor);
        let text = snapshot.slice(window_start..anchor);
        Layout {
            uri: Arc::clone(&snapshot.uri),
            anchor_char_idx: anchor,
            before: self.cut(text, sizes.before_tokens, End::Tail),
            after: self.after(sizes, snapshot, after_start),
            preamble: self.preamble(snapshot, &[]),
            names_file: says_nothing(snapshot),
            sizes,
            is_narrow: false,
        }
    }

    fn after(&self, sizes: Sizes, snapshot: &Snapshot, after_start: usize) -> Part {
        let rope = &snapshot.rope;
        let last_line = rope.char_to_line(after_start) + self.window.after_lines;
        let end = snapshot.line_range(last_line).end.max(after_start);
        // Without a FIM form, the prompt has no place for the text after the cursor.
        let n_tokens = if self.fim.is_some() { sizes.after_tokens } else { 0 };
        self.cut(snapshot.slice(after_start..end), n_tokens, End::Head)
    }

    /// Cuts a text to `n_tokens` at a line boundary, or within a line that is too long.
    fn cut(&self, mut text: String, n_tokens: usize, keep: End) -> Part {
        // Tokens of code have about 4 bytes; the loop below shrinks what turns out too long.
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

    /// Encodes a text with `\n` as its only line break, whatever the file uses.
    fn encode(&self, text: &str) -> Vec<u32> {
        if text.contains('\r') {
            self.vocabulary.encode(&to_lf(text))
        } else {
            self.vocabulary.encode(text)
        }
    }
}

/// A text with `\n` for every line break.
#[must_use]
pub fn to_lf(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

#[cfg(test)]
mod remote_tests;
#[cfg(test)]
mod tests;

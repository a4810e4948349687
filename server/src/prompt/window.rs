//! How much text a prompt takes in, in lines, in tokens, and in the time that reading them takes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The speed of reading a prompt that is assumed until it is measured, in tokens a second: two
/// cores of a laptop with a model of 0.5 billion parameters.
pub(super) const ASSUMED_TOKENS_PER_S: f64 = 128.0;

/// The most lines between the cursor and the anchor of the part that is read first.
const FIRST_ANCHOR_LINES: usize = 5;
/// The fewest tokens that say anything of a place.
const MIN_TOKENS: usize = 48;

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

/// Of which other files the prompt shows pieces.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OtherFiles {
    /// As it was measured to be better for the model; of none for the models that were measured.
    #[default]
    Auto,
    /// Of none.
    None,
    /// Of the documents that are open in the editor.
    Open,
    /// Of those, and of files of the workspace that are not open.
    Workspace,
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
    /// How long reading at a new place may take before the first answer, in milliseconds: only the
    /// nearest lines are read that the model can read in that time, and the rest while the user
    /// rests. Null is all at once.
    #[schemars(range(max = 60_000))]
    pub first_ms: Option<u64>,
    /// How long reading all of it may take, in milliseconds, by the speed that is measured: where
    /// the model reads slowly the window is smaller. Null is any time.
    #[schemars(range(max = 600_000))]
    pub whole_ms: Option<u64>,
    /// Whether the model is told the file's path, where it was trained with paths.
    pub path: bool,
    /// Of which other files pieces are shown, where the model was trained with several files:
    /// `open` ones, also those of the `workspace` that lie near the file or that it names, `none`,
    /// or `auto` as it was measured to be better for the model.
    #[schemars(with = "String", extend("enum" = ["auto", "none", "open", "workspace"]))]
    pub other_files: OtherFiles,
    /// The most tokens of other files.
    #[schemars(range(max = 10_000))]
    pub other_tokens: usize,
}

/// How much of a place is read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Sizes {
    pub(super) anchor_lines: usize,
    pub(super) before_tokens: usize,
    pub(super) after_tokens: usize,
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
            first_ms: Some(750),
            whole_ms: Some(10_000),
            path: false,
            other_files: OtherFiles::Auto,
            other_tokens: 384,
        }
    }
}

impl Window {
    /// The same window with no more than `n_tokens` in all: each part in its share.
    #[must_use]
    pub fn within(self, n_tokens: usize) -> Self {
        // The marks between the parts, and a tokenizer that needs a little more for a middle than
        // its bytes promise.
        let n_tokens = n_tokens.saturating_sub(64);
        let others = if self.shows_others() { self.other_tokens } else { 0 };
        let all = self.before_tokens + self.after_tokens + self.middle_tokens + others;
        if all <= n_tokens {
            return self;
        }
        let share = |part: usize| part * n_tokens / all;
        Self {
            before_tokens: share(self.before_tokens),
            after_tokens: share(self.after_tokens),
            middle_tokens: share(self.middle_tokens),
            other_tokens: share(self.other_tokens),
            ..self
        }
    }

    /// Whether pieces of other files are shown.
    #[must_use]
    pub fn shows_others(&self) -> bool {
        matches!(self.other_files, OtherFiles::Open | OtherFiles::Workspace)
    }

    /// All that is read of a place, by a model that reads `tokens_per_s`.
    pub(super) fn whole(&self, tokens_per_s: f64) -> Sizes {
        let Self { anchor_lines, before_tokens, after_tokens, .. } = *self;
        let whole = Sizes { anchor_lines, before_tokens, after_tokens };
        let n_tokens = self.whole_ms.map_or(usize::MAX, |ms| in_time(ms, tokens_per_s));
        whole.within(n_tokens)
    }

    /// What is read of a new place before the first answer; `None` if that is all of it.
    pub(super) fn first(&self, tokens_per_s: f64) -> Option<Sizes> {
        let whole = self.whole(tokens_per_s);
        let first = whole.within(in_time(self.first_ms?, tokens_per_s));
        let anchor_lines = first.anchor_lines.min(FIRST_ANCHOR_LINES);
        (first != whole).then_some(Sizes { anchor_lines, ..first })
    }
}

impl Sizes {
    /// At most so many tokens, two thirds of them before the anchor if there is so much.
    fn within(self, n_tokens: usize) -> Self {
        let n_tokens = n_tokens.max(MIN_TOKENS);
        if self.before_tokens + self.after_tokens <= n_tokens {
            return self;
        }
        let after_tokens = (n_tokens / 3).max(n_tokens.saturating_sub(self.before_tokens));
        let after_tokens = after_tokens.min(self.after_tokens);
        let before_tokens = (n_tokens - after_tokens).min(self.before_tokens);
        Self { before_tokens, after_tokens, ..self }
    }
}

/// How many tokens are read in a time.
fn in_time(ms: u64, tokens_per_s: f64) -> usize {
    (ms as f64 / 1e3 * tokens_per_s) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_faster_the_model_reads_the_more_is_read_first() {
        let first = |tokens_per_s: f64| {
            let it = Window::default().first(tokens_per_s)?;
            Some((it.anchor_lines, it.before_tokens, it.after_tokens))
        };
        assert_eq!(first(10.0), Some((5, 32, 16)));
        assert_eq!(first(128.0), Some((5, 64, 32)));
        assert_eq!(first(1_000.0), Some((5, 500, 250)));
        assert_eq!(first(10_000.0), None, "all of it at once");
        let at_once = Window { first_ms: None, ..Window::default() };
        assert_eq!(at_once.first(10.0), None);
    }

    #[test]
    fn a_slow_model_has_a_smaller_window() {
        let whole = |tokens_per_s: f64| {
            let it = Window::default().whole(tokens_per_s);
            (it.before_tokens, it.after_tokens)
        };
        assert_eq!(whole(128.0), (768, 256));
        assert_eq!(whole(30.0), (200, 100));
        assert_eq!(whole(0.1), (32, 16));
        let any_time = Window { whole_ms: None, ..Window::default() };
        assert_eq!(any_time.whole(0.1).before_tokens, 768);
    }

    #[test]
    fn one_long_part_takes_what_the_other_does_not_need() {
        let sizes = Sizes { anchor_lines: 1, before_tokens: 20, after_tokens: 900 };
        assert_eq!(sizes.within(120), Sizes { after_tokens: 100, ..sizes });
        let sizes = Sizes { anchor_lines: 1, before_tokens: 900, after_tokens: 20 };
        assert_eq!(sizes.within(120), Sizes { before_tokens: 100, ..sizes });
    }
}

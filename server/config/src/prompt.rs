//! How much text the prompt takes in.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
}

//! How much text the prompt contains.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where the text before the cursor is split between prefix and middle.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// The best layout for the model: `anchored`, until measurements of a model show otherwise.
    #[default]
    Auto,
    /// At the anchor, some lines above the cursor: a keystroke prefills only the typed tokens.
    Anchored,
    /// At the cursor: a keystroke prefills the whole suffix.
    Plain,
}

/// Which other files the prompt quotes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OtherFiles {
    /// The best choice for the model: `none` for all measured models.
    #[default]
    Auto,
    /// None.
    None,
    /// Documents open in the editor.
    Open,
    /// Open documents and other files of the workspace.
    Workspace,
}

/// How much text a prompt takes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Window {
    /// Where the prompt is split: `anchored` some lines above the cursor, so that a keystroke
    /// prefills few tokens; `plain` at the cursor; `auto` selects the best layout for the model.
    #[schemars(with = "String", extend("enum" = ["auto", "anchored", "plain"]))]
    pub layout: Split,
    /// The largest number of lines before the cursor.
    #[schemars(range(max = 10_000))]
    pub before_lines: usize,
    /// The largest number of lines after the cursor.
    #[schemars(range(max = 10_000))]
    pub after_lines: usize,
    /// How many lines above the cursor a new anchor is placed.
    #[schemars(range(max = 10_000))]
    pub anchor_lines: usize,
    /// The largest number of lines between anchor and cursor.
    #[schemars(range(max = 10_000))]
    pub middle_lines: usize,
    /// The largest number of tokens before the anchor.
    #[schemars(range(max = 10_000))]
    pub before_tokens: usize,
    /// The largest number of tokens after the cursor.
    #[schemars(range(max = 10_000))]
    pub after_tokens: usize,
    /// The largest number of tokens between anchor and cursor; beyond it, the anchor moves into the
    /// line.
    #[schemars(range(min = 16, max = 10_000))]
    pub middle_tokens: usize,
    /// The prefill budget before the first suggestion at a new place, in milliseconds: only the
    /// nearest lines are prefilled first, the rest while the user pauses. Null prefills everything
    /// first.
    #[schemars(range(max = 60_000))]
    pub first_ms: Option<u64>,
    /// The prefill budget for the whole window, in milliseconds, at the measured speed: a slow
    /// model gets a smaller window. Null means no limit.
    #[schemars(range(max = 600_000))]
    pub whole_ms: Option<u64>,
    /// Whether the prompt contains the file's path, for models trained with paths.
    pub path: bool,
    /// Which other files the prompt quotes, for models trained on several files: `open` documents;
    /// the `workspace` too, if a file is near or mentioned; `none`; or `auto`, the best choice for
    /// the model.
    #[schemars(with = "String", extend("enum" = ["auto", "none", "open", "workspace"]))]
    pub other_files: OtherFiles,
    /// The largest number of tokens from other files.
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
    /// The same window limited to `n_tokens` in total, shared proportionally.
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

    /// Whether the prompt quotes other files.
    #[must_use]
    pub fn shows_others(&self) -> bool {
        matches!(self.other_files, OtherFiles::Open | OtherFiles::Workspace)
    }
}

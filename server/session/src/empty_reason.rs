//! Why a response is empty: the code in logs and statistics, and one sentence for users.

use std::fmt;

use foretell_engine::{Failure, FinishReason};
use foretell_policy::StopRule;

/// Why nothing is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EmptyReason {
    /// The client's document is not open.
    NotOpen,
    /// `suggest.enabled` is off.
    TurnedOff,
    /// `suggest.trigger` is `manual`, and the user did not ask.
    ManualOnly,
    /// `suggest.languages` turns the language off.
    LanguageOff,
    /// `suggest.exclude` matches the document.
    Excluded,
    /// The request is for another version of the document.
    StaleVersion,
    /// The text is empty, and its language is unknown or has no comments.
    NoContext,
    /// The limit in `suggest.runs_per_minute` is reached.
    RateLimited,
    /// The model is loading.
    ModelLoading,
    /// The model cannot be used.
    ModelFailed(Failure),
    /// The generation ended without anything worth showing.
    NothingToSay(FinishReason),
}

impl EmptyReason {
    /// The reason for a model that is not sure enough of any text.
    #[must_use]
    pub fn unsure() -> Self {
        Self::NothingToSay(FinishReason::Stopped(StopRule::Unsure))
    }

    /// Its name in logs and statistics.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::NotOpen => "not_open",
            Self::TurnedOff => "turned_off",
            Self::ManualOnly => "manual_only",
            Self::LanguageOff => "language_off",
            Self::Excluded => "excluded",
            Self::StaleVersion => "stale_version",
            Self::NoContext => "no_context",
            Self::RateLimited => "rate_limited",
            Self::ModelLoading => "model_loading",
            Self::ModelFailed(_) => "model_failed",
            Self::NothingToSay(finish) => finish.name(),
        }
    }
}

/// One sentence for users. The status, the log and the statistics show it.
impl fmt::Display for EmptyReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.sentence())
    }
}

const MODEL_FAILED: &str = "The model cannot be used; `foretell doctor` shows why.";

impl EmptyReason {
    /// The sentence for the reason with this name.
    #[must_use]
    pub fn sentence_of(name: &str) -> Option<&'static str> {
        use FinishReason::{Cancelled, ContextFull, EndOfText, MaxTokens, NotText};
        let before = [
            Self::NotOpen,
            Self::TurnedOff,
            Self::ManualOnly,
            Self::LanguageOff,
            Self::Excluded,
            Self::StaleVersion,
            Self::NoContext,
            Self::RateLimited,
            Self::ModelLoading,
        ];
        let rules = StopRule::ALL.map(FinishReason::Stopped);
        let finishes = [Cancelled, ContextFull, EndOfText, MaxTokens, NotText];
        let after = rules.into_iter().chain(finishes).map(Self::NothingToSay);
        let found = before.into_iter().chain(after).find(|it| it.name() == name);
        found.map(|it| it.sentence()).or((name == "model_failed").then_some(MODEL_FAILED))
    }

    fn sentence(&self) -> &'static str {
        match self {
            Self::NotOpen => "The editor has not opened this document for Foretell.",
            Self::TurnedOff => "Suggestions are turned off (suggest.enabled).",
            Self::ManualOnly => "Suggestions appear only on request (suggest.trigger).",
            Self::LanguageOff => {
                "Suggestions are turned off for this language (suggest.languages)."
            }
            Self::Excluded => "This file is excluded (suggest.exclude).",
            Self::StaleVersion => "The text has changed since the request.",
            Self::NoContext => "There is not enough code yet to suggest what follows.",
            Self::RateLimited => "The limit of suggest.runs_per_minute is reached.",
            Self::ModelLoading => "The model is still loading.",
            Self::ModelFailed(_) => MODEL_FAILED,
            Self::NothingToSay(finish) => nothing_to_say(finish),
        }
    }
}

fn nothing_to_say(finish: &FinishReason) -> &'static str {
    match finish {
        FinishReason::Stopped(rule) => match rule {
            StopRule::LineEnd => "The line is complete.",
            StopRule::BlockEnd => "The block is complete.",
            StopRule::SuffixMet => "The model only repeats the text after the cursor.",
            StopRule::MaxLines => "The limit of suggest.max_lines is reached.",
            StopRule::Joined => "The suggestion leads into the rest of the line.",
            StopRule::RestFollows => "The suggestion does not fit before the rest of the line.",
            StopRule::Repetition => "The model repeats itself.",
            StopRule::Copy => "The model only copies the lines above.",
            StopRule::Chat => "The model explains the code instead of continuing it.",
            StopRule::Marker => "The model wrote one of its special tokens.",
            StopRule::Hidden => "The suggestion contains invisible characters.",
            StopRule::SyntaxErrors => "The suggestion would add syntax errors.",
            StopRule::TooLittle => "The suggestion is too short (suggest.min_chars).",
            StopRule::Unsure => "The model is not sure how this line continues.",
        },
        FinishReason::EndOfText => "The model expects no more text here.",
        FinishReason::MaxTokens => "The limit of suggest.max_tokens is reached.",
        FinishReason::ContextFull => "The text is too long for model.context_tokens.",
        FinishReason::NotText => "The model's output is not valid text.",
        FinishReason::Recalled | FinishReason::PromptRead | FinishReason::Scored => {
            "Nothing follows here."
        }
        FinishReason::Cancelled => "The suggestion was cancelled.",
        FinishReason::Failed(_) => MODEL_FAILED,
    }
}

impl From<FinishReason> for EmptyReason {
    fn from(finish: FinishReason) -> Self {
        match finish {
            FinishReason::Failed(failure) => Self::ModelFailed(failure),
            finish => Self::NothingToSay(finish),
        }
    }
}

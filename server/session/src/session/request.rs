//! A request, and what it is answered with.

use foretell_engine::Progress;
use foretell_policy::Indent;

use crate::{document::Snapshot, empty_reason::EmptyReason};

/// What a request asks for.
#[derive(Debug, Clone, Default)]
pub struct RequestParams {
    /// The cursor, a char_idx.
    pub cursor: usize,
    /// Whether the user asked by a key of their own, and wants several candidates.
    pub invoked: bool,
    /// Whether the client uses the answer after the user has typed on (a completion menu).
    pub lives_on: bool,
    /// The item that is selected in the editor's completion menu.
    pub selected: Option<Selected>,
    /// The version of the document that the client has, if it sends one.
    pub version: Option<i32>,
    /// How the editor indents, if it says so.
    pub indent: Option<Indent>,
}

/// An item of the completion menu, as if it were accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selected {
    /// The text that it replaces, in char_idx.
    pub range: std::ops::Range<usize>,
    /// Its text.
    pub text: String,
}

/// Identifies a request within a session; later requests have greater ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// A request as of its arrival.
#[derive(Debug, Clone)]
pub struct Request {
    /// Its id.
    pub id: RequestId,
    /// The text as of the request; with a selected item, as if that were accepted.
    pub snapshot: Snapshot,
    /// The cursor in it, a char_idx.
    pub cursor: usize,
    /// The text as the client has it.
    pub original: Snapshot,
    /// What is asked for.
    pub params: RequestParams,
}

impl Request {
    /// A request. With a selected item, the text is as if that were accepted: the suggestion is
    /// for what the user would get.
    #[must_use]
    pub fn new(id: RequestId, original: Snapshot, params: RequestParams) -> Self {
        let mut snapshot = original.clone();
        let mut cursor = params.cursor;
        if let Some(Selected { range, text }) = &params.selected {
            snapshot.rope.remove(range.clone());
            snapshot.rope.insert(range.start, text);
            cursor = range.start + text.chars().count();
        }
        Self { id, snapshot, cursor, original, params }
    }
}

/// Where a shown text came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The suggestion on screen: no model call.
    TypeThrough,
    /// A generation that was running when the request came.
    RunningDraft,
    /// The completion cache.
    Recent,
    /// A prefetch.
    Ahead,
    /// A generation for this request.
    Model,
}

impl Source {
    /// Its name in logs and statistics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::TypeThrough => "type_through",
            Self::RunningDraft => "running_draft",
            Self::Recent => "recent",
            Self::Ahead => "ahead",
            Self::Model => "model",
        }
    }
}

/// How much of a suggestion was accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// All of it.
    Whole,
    /// A word or a line of it.
    Some,
}

/// The answer to a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// Show this text at the cursor.
    Shows {
        /// The text.
        text: String,
        /// Other candidates, if the user asked for them.
        others: Vec<String>,
        /// Where it came from.
        source: Source,
        /// Its generation at that moment. If that is not finished, updates follow for a client
        /// that can show them.
        progress: Box<Progress>,
    },
    /// Show nothing, for this reason.
    Empty(EmptyReason),
}

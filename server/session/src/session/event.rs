//! What happens to a session, and what its driver must do.

use crate::empty_reason::EmptyReason;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use foretell_config::{Config, exclude::Exclusions};
use foretell_edits::{Candidate, Placed};
use foretell_engine::Progress;

use super::edit_offer::{EditOffer, EditRequest, EditRequestId, OfferId, SearchId};
use super::request::{Answer, Part, Request, RequestId};
use crate::{
    completer::GenerationOptions,
    document::{Change, Edit, Position, PositionEncoding, Snapshot, notebook::NotebookChange},
    prompt::judged::JudgedEdit,
    suggestion::GenerationId,
};

/// The settings, ready for use.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// The effective settings.
    pub config: Config,
    /// `suggest.exclude`, compiled.
    pub exclusions: Exclusions,
}

/// What happens to a session.
#[derive(Debug)]
pub enum Event {
    /// The client opened a document, replacing one of the same name.
    Open {
        /// Its URI.
        uri: String,
        /// The client's name for its language.
        language: String,
        /// Its version.
        version: i32,
        /// Its text.
        text: String,
        /// Where its file really is, if symbolic links lead there.
        real_path: Option<Arc<str>>,
    },
    /// The client changed a document.
    Change {
        /// Its URI.
        uri: String,
        /// Its version after the changes.
        version: i32,
        /// The changes, each on the result of the one before.
        changes: Vec<Change>,
        /// The unit of their positions.
        encoding: PositionEncoding,
    },
    /// The client closed a document, or it missed a change.
    Close {
        /// Its URI.
        uri: String,
    },
    /// The client changed a notebook's structure.
    Notebook {
        /// The notebook's URI, or to close it that of a cell.
        uri: String,
        /// The change.
        change: NotebookChange,
    },
    /// The settings changed; `has_other_model` if the model is reloaded for them.
    Configured {
        /// The new settings.
        settings: Arc<Settings>,
        /// Whether the model is reloaded.
        has_other_model: bool,
    },
    /// A request arrived. It supersedes the one before it.
    Request(Request),
    /// The request's handler waits for the answer.
    Start {
        /// The request.
        id: RequestId,
        /// Whether the client shows updates of an answer.
        streams: bool,
    },
    /// A generation made progress.
    Progress {
        /// The generation.
        id: GenerationId,
        /// Its state.
        progress: Progress,
    },
    /// A generation could not be started.
    NotStarted {
        /// The generation.
        id: GenerationId,
        /// Why.
        reason: EmptyReason,
    },
    /// A timer elapsed.
    Timer {
        /// The request that set it.
        id: RequestId,
        /// Which one.
        timer: Timer,
    },
    /// The focus timer elapsed.
    FocusTimer,
    /// The user focused a document, which supersedes the previous focus.
    Focus {
        /// The document.
        uri: String,
        /// The cursor's position. `None` stands for its last known place.
        position: Option<Position>,
        /// The encoding of the position.
        encoding: PositionEncoding,
        /// Whether the machine runs on battery.
        on_battery: bool,
    },
    /// The model finished loading.
    ModelReady,
    /// The client reports that the user accepted a suggestion.
    Accepted {
        /// All of it, or some.
        part: Part,
        /// How many characters.
        n_chars: usize,
    },
    /// A request for the next edit arrived. It supersedes the one before it.
    EditRequest(EditRequest),
    /// The client shows edits as soon as they are found.
    PushEdits,
    /// A search for edits ended.
    EditsFound {
        /// The search.
        id: SearchId,
        /// The edits that it found, the next one first.
        found: Vec<Candidate>,
    },
    /// The judge's timer elapsed.
    JudgeTimer {
        /// Whether the machine runs on battery.
        on_battery: bool,
    },
    /// The client showed an offered edit.
    EditShown(OfferId),
    /// The user accepted an offered edit.
    EditAccepted(OfferId),
    /// The user rejected an offered edit.
    EditRejected(OfferId),
    /// The client is gone.
    End,
}

/// The timers of a request; each request has at most one of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Timer {
    /// A suggestion may appear (`suggest.delay_ms`).
    Delay,
    /// A client without updates gets what is there (`suggest.deadline_ms`).
    Deadline,
    /// The throttled generation may start.
    Throttle,
    /// The user who wants candidates has waited long enough.
    Patience,
    /// The next update may be sent.
    Update,
    /// The user pauses.
    Rest,
}

/// What the driver must do, in this order.
#[derive(Debug)]
pub enum Effect {
    /// Publish a document's text for readers outside of the state.
    Publish {
        /// The text.
        snapshot: Snapshot,
        /// Where its file really is.
        real_path: Option<Arc<str>>,
    },
    /// A document is closed.
    Unpublish {
        /// Its URI.
        uri: String,
    },
    /// Tell the prompter of an edit.
    Edited {
        /// The document.
        uri: Arc<str>,
        /// The edit.
        edit: Edit,
    },
    /// Answer a request.
    Respond {
        /// The request.
        id: RequestId,
        /// The answer.
        answer: Answer,
    },
    /// A request is superseded: it gets no answer and no update any more.
    Supersede {
        /// The request.
        id: RequestId,
    },
    /// Replace the text of an answered request by a longer one.
    Update {
        /// The request.
        id: RequestId,
        /// The text.
        text: String,
        /// Whether this is the last update.
        done: bool,
        /// The model's probability of the text, with the last update.
        probability: Option<f64>,
    },
    /// Set a timer, replacing one of the same kind.
    SetTimer {
        /// The request.
        id: RequestId,
        /// Which one.
        timer: Timer,
        /// When it elapses.
        at: Instant,
    },
    /// Set the focus timer, replacing a running one.
    SetFocusTimer {
        /// When it elapses.
        at: Instant,
    },
    /// Gather the other files that the prompt may quote.
    GatherContext {
        /// The document that is completed.
        snapshot: Snapshot,
    },
    /// Start a generation.
    Generate {
        /// Its id.
        id: GenerationId,
        /// The text.
        snapshot: Snapshot,
        /// The cursor, a char_idx.
        cursor: usize,
        /// What to generate.
        options: GenerationOptions,
    },
    /// Prefill the prompt of the first suggestion at a place, in the background.
    PrefillFirst {
        /// Its id.
        id: GenerationId,
        /// The text.
        snapshot: Snapshot,
        /// The cursor, a char_idx.
        cursor: usize,
    },
    /// In the background, prefill the widest window at an already prefilled place that takes no
    /// longer than `within`.
    PrefillWider {
        /// Its id.
        id: GenerationId,
        /// The text.
        snapshot: Snapshot,
        /// The cursor, a char_idx.
        cursor: usize,
        /// How long it may take.
        within: Duration,
    },
    /// Prefill the whole window in the background.
    Prefill {
        /// Its id.
        id: GenerationId,
        /// The text.
        snapshot: Snapshot,
        /// The cursor, a char_idx.
        cursor: usize,
    },
    /// The whole window was prefilled: use it from now on.
    Widen,
    /// Search for edits that may follow the last one.
    FindEdits {
        /// The search.
        id: SearchId,
        /// The text.
        snapshot: Snapshot,
        /// The edits in it, the last one first.
        placed: Vec<Placed>,
        /// Whether it is a cell of a notebook, which shares the imports of other cells.
        is_cell: bool,
    },
    /// Set the judge's timer, replacing a running one.
    SetJudgeTimer {
        /// When it elapses.
        at: Instant,
    },
    /// Score the text with and without an edit, in the background.
    Judge {
        /// The generation's id.
        id: GenerationId,
        /// The text.
        snapshot: Snapshot,
        /// The edit.
        edit: JudgedEdit,
    },
    /// Answer a request for the next edit.
    AnswerEdit {
        /// The request.
        id: EditRequestId,
        /// The edit, if there is one.
        offer: Option<EditOffer>,
    },
    /// A request for the next edit is superseded.
    SupersedeEdit {
        /// The request.
        id: EditRequestId,
    },
    /// Send an edit to the client.
    PushEdit(EditOffer),
    /// Cancel a generation, and count its cost if `is_seen` says whether its text was shown.
    Cancel {
        /// The generation.
        id: GenerationId,
        /// Whether its text was shown; `None` if its cost is not counted.
        is_seen: Option<bool>,
    },
}

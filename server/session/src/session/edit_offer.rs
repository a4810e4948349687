//! The offered next edit, and the request that it answers.

use std::{ops::Range, sync::Arc};

use crate::document::{PositionEncoding, Snapshot};

/// Identifies a request for the next edit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EditRequestId(pub u64);

/// Identifies a search for edits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SearchId(pub u64);

/// Identifies an offered edit within a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OfferId(pub u64);

/// A request for the next edit, as it arrived.
#[derive(Debug, Clone)]
pub struct EditRequest {
    /// Its id.
    pub id: EditRequestId,
    /// The document.
    pub uri: Arc<str>,
    /// The version of the document that the client has, if it sends one.
    pub version: Option<i32>,
    /// The client's position encoding.
    pub encoding: PositionEncoding,
}

/// An offered edit of a few lines.
#[derive(Debug, Clone)]
pub struct EditOffer {
    /// Its id.
    pub id: OfferId,
    /// The text that it applies to.
    pub snapshot: Snapshot,
    /// The range that it replaces, in char_idx.
    pub range: Range<usize>,
    /// The text there.
    pub old: String,
    /// The new text.
    pub new: String,
}

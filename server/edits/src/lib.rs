//! The user's edits, and the places where they may continue.
//!
//! [`history`] groups the changes of a text into edits as a person would describe them. [`Finder`]
//! proposes the places where the last edit continues: other uses of a renamed name ([`bindings`]),
//! the other calls of a function whose arguments were changed ([`calls`]), lines of the same shape as
//! lines that were changed ([`shape`]), and imports that the edits made unused or necessary
//! ([`imports`](mod@imports)). It needs no model, but some of its candidates are guesses
//! ([`Kind::Similar`]) that only a model can judge.
//!
//! **Architecture Invariant:** this crate knows texts and syntax trees; documents, the protocol and
//! the model are deliberately absent. All positions are byte indices.

pub mod history;

mod adapted;
mod bindings;
mod calls;
mod finder;
mod imports;
mod languages;
mod members;
mod path;
mod rename;
mod shape;
mod words;

pub use finder::{Candidate, Finder, Kind, Query};
pub use history::{History, Placed, Recorded, may_go_on};
pub use imports::{Import, imports};

//! The state of one client's session: documents, prompt, suggestion.
//!
//! The modules follow a keystroke. An edit changes its [`document`] and supersedes the running
//! request ([`session`]). [`suggestion`] decides whether the suggestion on screen survives it. If
//! not, [`prompt`] turns the text into token ids, and the engine generates. [`completer`] is that
//! second half in one piece, shared by the server and the command line. [`stats`] counts.
//!
//! **Architecture Invariant:** this crate knows no LSP.

pub mod about;
pub mod comments;
pub mod completer;
pub mod document;
pub mod empty_reason;
pub mod prompt;
pub mod session;
pub mod stats;
pub mod suggestion;

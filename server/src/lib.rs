//! Foretell: the next lines of code as ghost text, on the user's own machine.
//!
//! The modules stand in the order in which a keystroke meets them. The text edit reaches
//! [`front`] first, which applies it to its [`document`] and supersedes the request that runs;
//! the request for a completion comes to [`server`], where [`suggestion`] says whether what is
//! there already survives the edit. If not, [`prompt`] turns the text into tokens, [`engine`]
//! reads what is new of them and writes a draft, [`policy`] says how much of it is shown.
//! [`completer`] is that last half in one piece, for the server and for the command line.

pub mod bundle;
pub mod completer;
pub mod config;
pub mod document;
pub mod engine;
pub mod front;
pub mod policy;
pub mod prompt;
pub mod server;
pub mod session;
pub mod stats;
pub mod suggestion;

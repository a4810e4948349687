//! `foretell bench` and `foretell eval`: how fast the engine and the server are, and how often a
//! suggestion is right.

pub mod bench;
pub mod eval;

//! `foretell bench` measures the speed of the engine and the server, `foretell eval` the quality of
//! suggestions.

pub mod bench;
pub mod eval;
pub mod flashed;

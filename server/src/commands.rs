//! What each subcommand does.

pub(crate) mod bench;
pub(crate) mod complete;
pub(crate) mod config;
pub(crate) mod doctor;
pub(crate) mod eval;
pub(crate) mod model;
pub(crate) mod pages;
pub(crate) mod scripts;
pub(crate) mod serve;
pub(crate) mod setup;
pub(crate) mod stats;
pub(crate) mod terminal;

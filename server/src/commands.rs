//! The implementations of the subcommands.

pub(crate) mod child;
pub(crate) mod complete;
pub(crate) mod config;
pub(crate) mod doctor;
pub(crate) mod model;
pub(crate) mod progress;
pub(crate) mod providers;
pub(crate) mod python_env;
pub(crate) mod rates;
pub(crate) mod serve;
pub(crate) mod setup;
pub(crate) mod shell_assets;
pub(crate) mod stats;
pub(crate) mod terminal;
pub(crate) mod try_provider;

//! The fixed graphs of a bundle, which evaluate a fixed number of tokens each: target `coreml`.

use serde::Deserialize;

use super::{MODEL, Manifest, SHARED};

/// The most tokens that a graph evaluates.
const MAX_TOKENS: usize = 4_096;
/// The most graphs of a bundle.
const MAX_GRAPHS: usize = 16;

/// A graph with fixed shapes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct FixedGraph {
    /// The name of its file.
    pub file: String,
    /// The number of tokens that it evaluates.
    pub tokens: usize,
    /// The number of rows of its KV inputs.
    pub past: usize,
    /// Whether it returns logits.
    pub logits: bool,
}

impl Manifest {
    /// Checks that there is a graph of one token with logits, and that the others prefill.
    pub(super) fn check_graphs(&self) -> Result<(), String> {
        let Some(graphs) = &self.graphs else { return Ok(()) };
        let Some(first) = graphs.first() else {
            return Err("`graphs` is empty".into());
        };
        if graphs.len() > MAX_GRAPHS {
            return Err(format!(
                "`graphs` has {} entries, {MAX_GRAPHS} are the most",
                graphs.len()
            ));
        }
        if (first.tokens, first.logits, first.file.as_str()) != (1, true, MODEL) {
            return Err(format!("the first of `graphs` is not {MODEL} for one token with logits"));
        }
        for FixedGraph { file, tokens, past, logits } in graphs {
            if !self.graph_files().any(|name| name == file) {
                return Err(format!("{file:?} in `graphs` is not a graph that `files` names"));
            }
            if !(1..=MAX_TOKENS).contains(tokens) || *logits != (*tokens == 1) {
                return Err(format!("{file:?} in `graphs`: {tokens} tokens with logits: {logits}"));
            }
            if *past != first.past || !(1..=self.context_length).contains(past) {
                return Err(format!("{file:?} in `graphs`: `past` is {past}"));
            }
        }
        Ok(())
    }

    /// The graphs for every machine. They are read as a whole, unlike their data.
    pub(super) fn graph_files(&self) -> impl Iterator<Item = &str> {
        let is_graph = |name: &&str| name.ends_with(".onnx") && *name != SHARED;
        self.files.keys().map(String::as_str).filter(is_graph)
    }
}

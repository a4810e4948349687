//! Frozen inputs of the benchmarks: editing them starts a new series of figures.

/// Source code of a little more than 2,100 tokens, the longest prompt that is measured.
pub(super) const CODE: &str = concat!(
    include_str!("../../../../tests/fixtures/code/decoder.rs"),
    include_str!("../../../../tests/fixtures/code/onnx.rs"),
    include_str!("../../../../tests/fixtures/code/queue.rs"),
);
/// A file in which the same edit is made again and again.
pub(super) const EDITING: &str = include_str!("../../../../tests/fixtures/code/editing.py");
/// A file of which little is repeated.
pub(super) const NEW_CODE: &str = include_str!("../../../../tests/fixtures/code/queue.rs");

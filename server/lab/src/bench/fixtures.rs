//! Frozen inputs of the benchmarks: figures are only comparable as long as these do not change.

/// Source code of slightly more than 2,100 tokens, enough for the longest prompt measured.
pub(super) const CODE: &str = concat!(
    include_str!("../../../../tests/fixtures/code/decoder.rs"),
    include_str!("../../../../tests/fixtures/code/onnx.rs"),
    include_str!("../../../../tests/fixtures/code/queue.rs"),
);
/// A file in which the same edit is repeated.
pub(super) const EDITING: &str = include_str!("../../../../tests/fixtures/code/editing.py");
/// A file with little repetition.
pub(super) const NEW_CODE: &str = include_str!("../../../../tests/fixtures/code/queue.rs");
/// Files of several languages, from other projects.
pub(super) const OTHER_CODE: [&str; 4] = [
    include_str!("../../../../tests/oracle/files/javascript/express/lib/application.js"),
    include_str!(
        "../../../../tests/oracle/files/typescript/rxjs/src/internal/observable/generate.ts"
    ),
    include_str!("../../../../tests/oracle/files/go/golang-github-spf13-pflag/bytes.go"),
    include_str!("../../../../tests/oracle/files/rust/clap_builder/src/builder/possible_value.rs"),
];

//! Runs the `foretell` binary as a user does.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

use expect_test::Expect;

/// The binary under test, without the variables that would change its library or model.
pub fn foretell(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_foretell"));
    command.args(arguments).env_remove("ORT_DYLIB_PATH").env_remove("FORETELL_MODEL");
    command
}

/// The raw output, stdout and stderr.
pub fn run(command: &mut Command) -> (Output, String, String) {
    let output = command.output().expect("foretell can be started");
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    (output, out, err)
}

/// Checks that a command fails with this message and exit code, and creates no file in `folder`.
pub fn check_error(command: &mut Command, code: i32, folder: &Path, expected: &Expect) {
    let files = |folder: &Path| -> Vec<PathBuf> {
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
    };
    let before = files(folder);
    let (output, out, err) = run(command);
    expected.assert_eq(&err.replace(&*folder.to_string_lossy(), "DIR"));
    assert_eq!((out.as_str(), output.status.code()), ("", Some(code)));
    assert_eq!(files(folder), before);
}

/// A copy of the default bundle; the weights are a link to the original.
pub fn copy_default_bundle() -> tempfile::TempDir {
    let original = foretell_engine::paths::model_path(foretell_engine::bundle::DEFAULT_MODEL);
    let copy = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(&original).expect("run `make model` first") {
        let (from, name) = (entry.as_ref().unwrap().path(), entry.unwrap().file_name());
        let to = copy.path().join(&name);
        if name == "model.onnx.data" {
            std::os::unix::fs::symlink(&from, &to).unwrap();
        } else {
            std::fs::copy(&from, &to).unwrap();
        }
    }
    copy
}

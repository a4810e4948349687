//! Files written by earlier versions still load without warnings. `fixtures/compat` has one of each
//! kind as version 0.1.0 wrote it, before the crates were split.

use std::{fs, path::PathBuf};

use foretell_engine::{bundle::Bundle, paths::data_folder};
use serde_json::Value;

use crate::command::{foretell, run};

fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/compat").join(name)
}

/// A data folder written by version 0.1.0, with this machine's runtime library.
fn data() -> tempfile::TempDir {
    let data = tempfile::tempdir().unwrap();
    for (from, to) in [("bundle", "models/tiny"), ("stats", "stats")] {
        fs::create_dir_all(data.path().join(to)).unwrap();
        for entry in fs::read_dir(fixture(from)).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), data.path().join(to).join(entry.file_name())).unwrap();
        }
    }
    std::os::unix::fs::symlink(data_folder().join("lib"), data.path().join("lib")).unwrap();
    data
}

#[test]
fn settings_load_unchanged() {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir(home.path().join("foretell")).unwrap();
    let settings = fs::read_to_string(fixture("settings/foretell.toml")).unwrap();
    fs::write(home.path().join("foretell/foretell.toml"), &settings).unwrap();
    let (output, out, err) = run(foretell(&["config"]).env("XDG_CONFIG_HOME", home.path()));
    assert_eq!((output.status.code(), err.as_str()), (Some(0), ""));
    let (_, effective) = out.split_once('\n').unwrap();
    // Settings that were added since.
    let added = [
        "eagerness = \"balanced\"\n",
        "[prefetch]\non_battery = \"narrow\"\n\n",
        "[next_edit]\nenabled = true\n\n",
    ];
    let effective = added.iter().fold(effective.to_owned(), |it, added| it.replace(added, ""));
    assert_eq!(effective, settings);
}

#[test]
fn statistics_load_unchanged() {
    let data = data();
    let (output, out, err) = run(foretell(&["stats", "--json"]).env("FORETELL_HOME", data.path()));
    assert_eq!((output.status.code(), err.as_str()), (Some(0), ""));
    let file = fs::read_dir(fixture("stats")).unwrap().next().unwrap().unwrap().path();
    let written: Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
    let mut printed: Value = serde_json::from_str(&out).unwrap();
    // Counts that were added since.
    let last = printed["last"].as_object_mut().unwrap();
    let added = last.remove("probability");
    assert_eq!(added, Some(serde_json::json!({"accepted": {}, "dismissed": {}})));
    let added = last.remove("edits");
    assert_eq!(added, Some(serde_json::json!({"shown": 0, "accepted": 0, "rejected": 0})));
    assert_eq!(printed["last"], written, "{out}");
}

#[test]
fn old_bundle_and_data_folder_load() {
    let data = data();
    Bundle::open(&data.path().join("models/tiny")).unwrap().verify().unwrap();
    let file = data.path().join("a.py");
    fs::write(&file, "def f(x):\n    return \n").unwrap();
    let place = format!("{}:2", file.display());
    let mut command = foretell(&["--model", "tiny", "complete", "--json", &place]);
    let (output, out, err) =
        run(command.env("FORETELL_HOME", data.path()).env("XDG_CONFIG_HOME", data.path()));
    assert_eq!((output.status.code(), err.as_str()), (Some(0), ""), "{out}");
    let answer: Value = serde_json::from_str(&out).unwrap();
    assert!(answer["read"].as_u64().unwrap() > 0, "{answer}");
}

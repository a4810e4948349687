//! A bundle is hostile input: every defect has its own error message.

use std::{
    fs,
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, SystemTime},
};

use serde_json::{Value, json};

use super::*;

/// A bundle in a temporary folder, removed at the end of the test.
struct TestBundle(PathBuf);

impl TestBundle {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("foretell-bundle-{}-{number}", std::process::id());
        let bundle = Self(std::env::temp_dir().join(name));
        fs::create_dir_all(&bundle.0).unwrap();
        let mut files = serde_json::Map::new();
        for (name, text) in [(MODEL, "graph"), ("model.onnx.data", "weights"), (TOKENIZER, "{}")] {
            let path = bundle.0.join(name);
            fs::write(&path, text).unwrap();
            let info = json!({"size": text.len(), "sha256": sha256(&path).unwrap()});
            files.insert(name.to_owned(), info);
        }
        bundle.write(&json!({
            "format": 1, "name": "tiny", "licence": "MIT", "architecture": "llama",
            "target": "cpu", "quantization": "int8", "n_layers": 2, "n_kv_heads": 1,
            "head_dim": 8, "kv_dtype": "float32", "context_length": 256, "vocab_size": 300,
            "eos_ids": [299], "fim": null, "files": files,
        }));
        bundle
    }

    fn write(&self, manifest: &Value) {
        fs::write(self.0.join(MANIFEST), manifest.to_string()).unwrap();
    }

    /// Changes one field of the manifest, given as a JSON pointer.
    fn set(&self, pointer: &str, value: Value) {
        let text = fs::read_to_string(self.0.join(MANIFEST)).unwrap();
        let mut manifest: Value = serde_json::from_str(&text).unwrap();
        *manifest.pointer_mut(pointer).unwrap() = value;
        self.write(&manifest);
    }

    fn error(&self) -> String {
        let error = Bundle::open(&self.0).unwrap_err().to_string();
        error.replace(&self.0.display().to_string(), "BUNDLE")
    }
}

impl Drop for TestBundle {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

#[test]
fn names_with_escapes_are_refused() {
    for pointer in ["/name", "/licence", "/quantization"] {
        let bundle = TestBundle::new();
        bundle.set(pointer, json!("\u{1b}]0;owned\u{7}"));
        assert!(
            bundle.error().contains("control or invisible characters"),
            "{pointer}: {}",
            bundle.error()
        );
    }
}

#[cfg(unix)]
#[test]
fn device_is_not_read() {
    let bundle = TestBundle::new();
    fs::remove_file(bundle.0.join(TOKENIZER)).unwrap();
    // `/dev/zero` would have the same size but no end.
    std::os::unix::fs::symlink("/dev/null", bundle.0.join(TOKENIZER)).unwrap();
    let sha256 = sha256(Path::new("/dev/null")).unwrap();
    bundle.set("/files/tokenizer.json", json!({"size": 0, "sha256": sha256}));
    assert!(bundle.error().contains("not a file"), "{}", bundle.error());
}

#[test]
fn valid_bundle_opens_and_verifies() {
    let bundle = TestBundle::new();
    let opened = Bundle::open(&bundle.0).unwrap();
    assert_eq!(opened.manifest.name, "tiny");
    opened.verify().unwrap();
}

#[test]
fn packed_graph_needs_a_mark_of_this_machine() {
    let bundle = TestBundle::new();
    fs::write(bundle.0.join(SHARED), "graph prepacked_0").unwrap();
    let sha256 = sha256(&bundle.0.join(SHARED)).unwrap();
    let text = fs::read_to_string(bundle.0.join(MANIFEST)).unwrap();
    let mut manifest: Value = serde_json::from_str(&text).unwrap();
    manifest["files"][SHARED] = json!({"size": 17, "sha256": sha256});
    fs::write(bundle.0.join(DATA), [0; 4096]).unwrap();
    manifest["files"][DATA] = json!({"size": 4096, "sha256": "0".repeat(64)});
    bundle.write(&manifest);
    let opened = Bundle::open(&bundle.0).unwrap();
    let made_here = tempfile::tempdir().unwrap();
    assert_eq!(opened.graph(made_here.path()), bundle.0.join(MODEL));
    let mark = made_here.path().join(&sha256);
    fs::write(&mark, "4096\n").unwrap();
    assert_eq!(opened.graph(made_here.path()), bundle.0.join(SHARED));
    // A graph made for other data may refer to bytes after the end of this file.
    for other in ["8192", "", "x"] {
        fs::write(&mark, other).unwrap();
        assert_eq!(opened.graph(made_here.path()), bundle.0.join(MODEL), "{other:?}");
    }
    fs::write(bundle.0.join(SHARED), "graph prepacked_1").unwrap();
    assert!(bundle.error().starts_with("BUNDLE/shared.onnx: sha256 is "), "{}", bundle.error());
}

#[test]
fn implausible_fixed_graphs_are_refused() {
    let graph = |file: &str, tokens: usize, past: usize| json!({"file": file, "tokens": tokens, "past": past, "logits": tokens == 1});
    let first = graph(MODEL, 1, 128);
    let open = |graphs: Value| {
        let bundle = TestBundle::new();
        let text = fs::read_to_string(bundle.0.join(MANIFEST)).unwrap();
        let mut manifest: Value = serde_json::from_str(&text).unwrap();
        manifest["graphs"] = graphs;
        manifest["files"]["prefill-16.onnx"] = manifest["files"][MODEL].clone();
        fs::copy(bundle.0.join(MODEL), bundle.0.join("prefill-16.onnx")).unwrap();
        bundle.write(&manifest);
        Bundle::open(&bundle.0).map(|_| ()).map_err(|_| bundle.error())
    };
    assert_eq!(open(json!([first, graph("prefill-16.onnx", 16, 128)])), Ok(()));
    for (graphs, reason) in [
        (json!([]), "`graphs` is empty"),
        (json!([graph("prefill-16.onnx", 16, 128)]), "the first of `graphs` is not model.onnx"),
        (json!([first, graph("prefill-16.onnx", 0, 128)]), "0 tokens"),
        (json!([first, graph("prefill-16.onnx", 16, 64)]), "`past` is 64"),
        (json!([graph(MODEL, 1, 257)]), "`past` is 257"),
        (json!([first, graph("model.onnx.data", 16, 128)]), "is not a graph that `files` names"),
        (json!([first, graph("../x.onnx", 16, 128)]), "is not a graph that `files` names"),
    ] {
        let error = open(graphs).unwrap_err();
        assert!(error.contains(reason), "{error}");
    }
}

#[test]
fn portable_graph_with_packed_weights_is_refused() {
    for n_bytes_before in [0, (1 << 20) - 4, (1 << 20) - 1, (1 << 20) + 1] {
        let bundle = TestBundle::new();
        let path = bundle.0.join(MODEL);
        let mut graph = vec![b'p'; n_bytes_before];
        graph.extend_from_slice(b"prepackedX");
        fs::write(&path, &graph).unwrap();
        let info = json!({"size": graph.len(), "sha256": sha256(&path).unwrap()});
        bundle.set("/files/model.onnx", info);
        assert_eq!(
            bundle.error(),
            "BUNDLE/model.onnx: holds references to packed weights, which are not safe to follow: \
             import the model again"
        );
    }
}

#[test]
fn missing_bundle_says_what_to_do() {
    let bundle = TestBundle::new();
    fs::remove_file(bundle.0.join(MANIFEST)).unwrap();
    assert_eq!(
        bundle.error(),
        "no model at BUNDLE: run `foretell setup`, or name a bundle's folder with --model or \
         FORETELL_MODEL"
    );
}

#[test]
fn missing_file_is_named() {
    let bundle = TestBundle::new();
    fs::remove_file(bundle.0.join("model.onnx.data")).unwrap();
    let error = bundle.error();
    assert!(error.starts_with("BUNDLE/model.onnx.data: "), "{error}");
    assert!(
        error.ends_with("the model bundle is incomplete, run `foretell setup` again"),
        "{error}"
    );
}

#[test]
fn unknown_format_is_refused() {
    let bundle = TestBundle::new();
    bundle.set("/format", json!(2));
    let error = bundle.error();
    assert!(error.contains("the bundle has format 2, this version reads format 1"), "{error}");
}

#[test]
fn invalid_manifest_is_refused() {
    let bundle = TestBundle::new();
    fs::write(bundle.0.join(MANIFEST), "{\"format\": 1").unwrap();
    assert!(bundle.error().starts_with("BUNDLE/foretell.json: not a manifest: EOF"));
}

#[test]
fn wrong_size_is_damage() {
    let bundle = TestBundle::new();
    fs::write(bundle.0.join("model.onnx.data"), "weight").unwrap();
    let error = bundle.error();
    assert!(error.starts_with("BUNDLE/model.onnx.data: size is 6, the manifest says 7"), "{error}");
}

#[test]
fn wrong_graph_hash_is_damage() {
    let bundle = TestBundle::new();
    fs::write(bundle.0.join(MODEL), "grape").unwrap();
    assert!(bundle.error().starts_with("BUNDLE/model.onnx: sha256 is "));
}

#[test]
fn verify_finds_wrong_weights_hash() {
    let bundle = TestBundle::new();
    fs::write(bundle.0.join("model.onnx.data"), "weightz").unwrap();
    let opened = Bundle::open(&bundle.0).unwrap();
    let error = opened.verify().unwrap_err().to_string();
    assert!(error.contains("model.onnx.data: sha256 is "), "{error}");
}

#[test]
fn implausible_numbers_are_refused() {
    for (field, value) in [
        ("/n_layers", json!(0)),
        ("/n_kv_heads", json!(1_000_000)),
        ("/head_dim", json!(usize::MAX)),
        ("/context_length", json!(0)),
        ("/vocab_size", json!(4_000_001)),
    ] {
        let bundle = TestBundle::new();
        bundle.set(field, value);
        let error = bundle.error();
        assert!(error.contains(&format!("`{}` is ", &field[1..])), "{error}");
    }
    let bundle = TestBundle::new();
    bundle.set("/n_layers", json!(-1));
    assert!(bundle.error().contains("not a manifest: invalid value: integer `-1`"));
}

#[test]
fn huge_files_are_refused_unread() {
    let bundle = TestBundle::new();
    bundle.set("/files/tokenizer.json/size", json!(1u64 << 40));
    let error = bundle.error();
    assert!(error.ends_with("has 1099511627776 bytes, 268435456 are the most"), "{error}");
    let manifest = fs::OpenOptions::new().write(true).open(bundle.0.join(MANIFEST)).unwrap();
    manifest.set_len(1 << 40).unwrap(); // a sparse file
    assert!(bundle.error().contains("longer than 1048576 bytes"), "{}", bundle.error());
}

#[test]
fn ids_above_the_vocabulary_are_refused() {
    let bundle = TestBundle::new();
    bundle.set("/eos_ids", json!([300]));
    assert!(bundle.error().ends_with("token id 300 is not below `vocab_size` 300"));
}

#[test]
fn file_names_cannot_leave_the_folder() {
    for name in ["../secret", "/etc/passwd", "a/b", "..", "", "c:x", "a\\b", "nul\0"] {
        let bundle = TestBundle::new();
        let text = fs::read_to_string(bundle.0.join(MANIFEST)).unwrap();
        let mut manifest: Value = serde_json::from_str(&text).unwrap();
        let info = manifest["files"][MODEL].clone();
        manifest["files"][name] = info;
        bundle.write(&manifest);
        let error = bundle.error();
        assert!(error.ends_with("which is not a plain file name"), "{error}");
    }
}

#[test]
fn manifest_must_list_the_graph() {
    let bundle = TestBundle::new();
    bundle.set("/files", json!({}));
    assert!(bundle.error().ends_with("`files` does not name model.onnx"));
}

#[test]
fn changed_weights_are_detected() {
    use super::weights::Weights;
    let bundle = TestBundle::new();
    let data = bundle.0.join("model.onnx.data");
    let weights = || Weights::of(&Bundle::open(&bundle.0).unwrap()).unwrap();
    let before = fs::read(&data).unwrap();

    let loaded = weights();
    loaded.check().unwrap();
    let other = bundle.0.join("other");
    fs::write(&other, "shorter").unwrap();
    fs::rename(&other, &data).unwrap();
    loaded.check().unwrap();
    fs::remove_file(&data).unwrap();
    loaded.check().unwrap();

    fs::write(&data, &before).unwrap();
    let loaded = weights();
    fs::OpenOptions::new().write(true).open(&data).unwrap().set_len(1).unwrap();
    let error = loaded.check().unwrap_err().to_string();
    assert!(error.contains("was changed while it was in use"), "{error}");

    fs::write(&data, &before).unwrap();
    let file = fs::File::open(&data).unwrap();
    file.set_modified(std::time::UNIX_EPOCH).unwrap();
    let loaded = weights();
    fs::write(&data, vec![0; before.len()]).unwrap();
    loaded.check().unwrap_err();
}

#[test]
fn files_are_hashed_again_only_after_a_change() {
    use verified::Verified::{Hashed, Unchanged};
    let (bundle, records) = (TestBundle::new(), tempfile::tempdir().unwrap());
    let opened = Bundle::open(&bundle.0).unwrap();
    let verify = || opened.verify_unless_in(records.path());
    assert_eq!(verify().unwrap(), Hashed);
    assert_eq!(verify().unwrap(), Unchanged);
    let (weights, later) = (bundle.0.join(DATA), SystemTime::now() + Duration::from_secs(1));
    let change = |text: &str| {
        fs::write(&weights, text).unwrap();
        File::options().append(true).open(&weights).unwrap().set_modified(later).unwrap();
    };
    change("WEIGHTS");
    assert!(matches!(verify(), Err(BundleError::Damaged { what: "sha256", .. })));
    assert!(verify().is_err(), "a failure is not recorded");
    change("weights");
    assert_eq!((verify().unwrap(), verify().unwrap()), (Hashed, Unchanged));
}

#[test]
fn records_of_removed_bundles_are_removed() {
    let records = tempfile::tempdir().unwrap();
    let n_records = || fs::read_dir(records.path()).unwrap().count();
    let [kept, gone, other] = [(); 3].map(|()| TestBundle::new());
    for bundle in [&kept, &gone] {
        Bundle::open(&bundle.0).unwrap().verify_unless_in(records.path()).unwrap();
    }
    fs::write(records.path().join("of-an-earlier-version"), "model.onnx 1 2 aa\n").unwrap();
    verified::remove_outdated_in(records.path());
    assert_eq!(n_records(), 2);
    drop(gone);
    // Also at the next verification.
    Bundle::open(&other.0).unwrap().verify_unless_in(records.path()).unwrap();
    assert_eq!(n_records(), 2);
    let kept = Bundle::open(&kept.0).unwrap().verify_unless_in(records.path()).unwrap();
    assert_eq!(kept, verified::Verified::Unchanged);
}

#[test]
fn files_are_hashed_where_nothing_can_be_recorded() {
    let (bundle, records) = (TestBundle::new(), tempfile::NamedTempFile::new().unwrap());
    let opened = Bundle::open(&bundle.0).unwrap();
    for _ in 0..2 {
        assert_eq!(opened.verify_unless_in(records.path()).unwrap(), verified::Verified::Hashed);
    }
}

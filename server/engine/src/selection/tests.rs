use serde_json::json;

use super::*;

fn bundle(sha256: &str) -> Bundle {
    let manifest = json!({
        "format": 1, "name": "tiny", "licence": "MIT", "architecture": "qwen2", "target": "cpu",
        "quantization": "int8", "n_layers": 1, "n_kv_heads": 1, "head_dim": 1,
        "kv_dtype": "float32", "context_length": 1, "vocab_size": 1, "eos_ids": [], "fim": null,
        "files": {"model.onnx": {"size": 1, "sha256": sha256}},
    });
    let manifest = serde_json::from_value(manifest).unwrap();
    Bundle { path: "/none".into(), manifest }
}

fn available(providers: &[Provider]) -> Vec<Available> {
    let of = |it: &Provider| Available { provider: *it, device: "a device".into() };
    providers.iter().map(of).collect()
}

fn outcome(provider: Provider, first_text_ms: f64, why_not: Option<&str>) -> Outcome {
    let figures = Figures {
        load_ms: 1.0,
        first_text_ms,
        prefill_tokens_per_s: 1.0,
        decode_tokens_per_s: 1.0,
    };
    Outcome {
        provider: provider.name().into(),
        device: "a device".into(),
        figures: Some(figures),
        agreement: None,
        why_not: why_not.map(str::to_owned),
    }
}

fn record(outcomes: &[Outcome]) -> Record {
    Record { model: "tiny".into(), outcomes: outcomes.to_vec(), ..Record::default() }
}

struct Folder {
    records: Records,
    folder: tempfile::TempDir,
}

impl Folder {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { records: Records::new(folder.path().join("providers")), folder }
    }
}

const ALL: [Provider; 3] = [Provider::Cpu, Provider::Cuda, Provider::CoreMl];

#[test]
fn fastest_correct_provider_is_selected() {
    let Folder { records, .. } = Folder::new();
    let bundle = bundle("aa");
    let select = || records.select(&bundle, &available(&ALL), Provider::CoreMl);
    assert_eq!(select(), Provider::CoreMl, "without a record");
    let outcomes = [
        outcome(Provider::Cpu, 800.0, None),
        outcome(Provider::Cuda, 90.0, None),
        outcome(Provider::CoreMl, 50.0, Some("12 of 32 tokens differ")),
    ];
    records.write(&bundle, &record(&outcomes)).unwrap();
    assert_eq!(select(), Provider::Cuda);
    let without = available(&[Provider::Cpu, Provider::CoreMl]);
    assert_eq!(records.select(&bundle, &without, Provider::CoreMl), Provider::Cpu, "gone");
    let slow = [outcome(Provider::Cpu, 800.0, None), outcome(Provider::Cuda, 801.0, None)];
    records.write(&bundle, &record(&slow)).unwrap();
    assert_eq!(select(), Provider::Cpu);
}

#[test]
fn record_belongs_to_the_bundles_files() {
    let Folder { records, .. } = Folder::new();
    let outcomes = [outcome(Provider::Cpu, 800.0, None), outcome(Provider::Cuda, 90.0, None)];
    records.write(&bundle("aa"), &record(&outcomes)).unwrap();
    assert_eq!(records.read(&bundle("aa")), Some(record(&outcomes)));
    assert_eq!(records.read(&bundle("ab")), None);
}

#[test]
fn failure_in_use_is_remembered_with_its_reason() {
    let Folder { records, folder } = Folder::new();
    let bundle = bundle("aa");
    let select = || records.select(&bundle, &available(&ALL), Provider::Cuda);
    assert_eq!(select(), Provider::Cuda);
    assert!(records.remember_failure(&bundle, Provider::Cuda, "lost"));
    assert_eq!(select(), Provider::Cpu, "before the first measurement");
    let outcomes = [outcome(Provider::Cpu, 800.0, None), outcome(Provider::Cuda, 90.0, None)];
    records.write(&bundle, &record(&outcomes)).unwrap();
    assert_eq!(select(), Provider::Cuda);
    assert!(records.remember_failure(&bundle, Provider::Cuda, "the device was lost"));
    assert_eq!(select(), Provider::Cpu);
    let record = records.read(&bundle).unwrap();
    assert_eq!(record.why_not(&record.outcomes[1]), Some("the device was lost"));
    // Only the record remains.
    assert_eq!(fs::read_dir(folder.path().join("providers")).unwrap().count(), 1);
}

#[test]
fn damaged_record_counts_as_missing() {
    let Folder { records, .. } = Folder::new();
    let bundle = bundle("aa");
    records.write(&bundle, &Record::default()).unwrap();
    for damaged in ["{\"model\":", &" ".repeat(1 << 17)] {
        fs::write(records.path(&bundle), damaged).unwrap();
        assert_eq!(records.read(&bundle), None);
        assert_eq!(records.select(&bundle, &available(&ALL), Provider::Cuda), Provider::Cuda);
    }
}

#[test]
fn one_process_measures_at_a_time() {
    let Folder { records, .. } = Folder::new();
    let lock = records.lock().unwrap();
    assert!(lock.is_some());
    assert!(records.lock().unwrap().is_none());
    drop(lock);
    assert!(records.lock().unwrap().is_some());
}

#[test]
fn changed_files_change_the_versions() {
    let folder = tempfile::tempdir().unwrap();
    let library = folder.path().join("libonnxruntime.so");
    let plugin = folder.path().join("libonnxruntime_providers_webgpu.so");
    fs::write(&library, "1").unwrap();
    let now = |available: &[Available]| Versions::now(&library, available);
    let before = now(&available(&ALL));
    assert_eq!(now(&available(&ALL)).changed(&before), [""; 0]);
    fs::write(&library, "12").unwrap();
    assert_eq!(now(&available(&ALL)).changed(&before), ["the ONNX Runtime library"]);
    fs::write(&plugin, "1").unwrap();
    let changed =
        ["the ONNX Runtime library", "the available providers", "the providers' libraries"];
    assert_eq!(now(&available(&ALL[..1])).changed(&before), changed);
    assert_eq!(before.changed(&Versions::default()).len(), 5);
}

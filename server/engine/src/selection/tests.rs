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
        left_to_cpu: None,
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

#[test]
fn fastest_correct_provider_is_selected() {
    let Folder { records, .. } = Folder::new();
    let bundle = bundle("aa");
    let selected = || records.selected(&bundle);
    assert_eq!(selected(), None, "without a record");
    let outcomes = [
        outcome(Provider::Cpu, 800.0, None),
        outcome(Provider::Cuda, 90.0, None),
        outcome(Provider::CoreMl, 50.0, Some("12 of 32 tokens differ")),
    ];
    records.write(&bundle, &record(&outcomes)).unwrap();
    assert_eq!(selected(), Some(Provider::Cuda));
    let slow = [outcome(Provider::Cpu, 800.0, None), outcome(Provider::Cuda, 801.0, None)];
    records.write(&bundle, &record(&slow)).unwrap();
    assert_eq!(selected(), Some(Provider::Cpu));
    let none = [outcome(Provider::Cpu, 800.0, Some("it crashed"))];
    records.write(&bundle, &record(&none)).unwrap();
    assert_eq!(selected(), Some(Provider::Cpu), "none qualifies");
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
    let selected = || records.selected(&bundle);
    assert!(records.remember_failure(&bundle, Provider::Cuda, "lost"));
    assert_eq!(selected(), Some(Provider::Cpu), "before the first measurement");
    let outcomes = [outcome(Provider::Cpu, 800.0, None), outcome(Provider::Cuda, 90.0, None)];
    records.write(&bundle, &record(&outcomes)).unwrap();
    assert_eq!(selected(), Some(Provider::Cuda));
    assert!(records.remember_failure(&bundle, Provider::Cuda, "the device was lost"));
    assert_eq!(selected(), Some(Provider::Cpu));
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
        assert_eq!(records.selected(&bundle), None);
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
    let now = |providers: &[Provider]| Versions::now(&library, providers);
    let both = [Provider::WebGpu, Provider::Cpu];
    let before = now(&both);
    assert_eq!(now(&both).changed(&before), [""; 0]);
    fs::write(&library, "12").unwrap();
    assert_eq!(now(&both).changed(&before), ["the ONNX Runtime library"]);
    fs::write(&plugin, "1").unwrap();
    let changed =
        ["the ONNX Runtime library", "the installed providers", "the providers' libraries"];
    assert_eq!(now(&both[1..]).changed(&before), changed);
    assert_eq!(before.changed(&Versions::default()).len(), 6);
}

#[test]
fn every_change_of_a_driver_is_noticed() {
    let root = tempfile::tempdir().unwrap();
    let elsewhere = root.path().join("driver.json");
    let mut seen = vec![drivers(root.path(), &[])];
    for (file, text) in [
        ("proc/sys/kernel/osrelease", "6.1.0-1"),
        ("proc/sys/kernel/osrelease", "6.1.0-2"),
        ("proc/driver/nvidia/version", "NVRM version: 575.1"),
        ("System/Library/CoreServices/SystemVersion.plist", "26.1"),
        ("usr/share/vulkan/icd.d/intel.json", "{}"),
        ("usr/share/vulkan/icd.d/intel.json", "{ }"),
        ("usr/local/share/vulkan/icd.d/own.json", "{}"),
        ("etc/vulkan/icd.d/other.json", "{}"),
        ("driver.json", "{}"),
    ] {
        let file = root.path().join(file);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, text).unwrap();
        let now = drivers(root.path(), &[elsewhere.clone().into_os_string()]);
        assert!(!seen.contains(&now), "{}", file.display());
        seen.push(now);
    }
}

#[test]
#[cfg(unix)]
fn graphics_devices_are_named_by_vendor_model_and_driver() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(graphics_devices(&folder.path().join("none")), "");
    for (name, model) in [("renderD129", "0x2\n"), ("renderD128", "0x1\n"), ("card0", "0x1\n")] {
        let device = folder.path().join(name).join("device");
        fs::create_dir_all(&device).unwrap();
        fs::write(device.join("vendor"), "0x8086\n").unwrap();
        fs::write(device.join("device"), model).unwrap();
        std::os::unix::fs::symlink("../bus/pci/drivers/i915", device.join("driver")).unwrap();
    }
    assert_eq!(graphics_devices(folder.path()), "0x8086 0x1 i915\n0x8086 0x2 i915");
}

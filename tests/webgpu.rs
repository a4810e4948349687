//! WebGPU without a GPU: a tiny bundle on SwiftShader, a Vulkan driver that computes on the CPU.
//!
//! `make test-webgpu` fetches the plugin and the driver, and sets the environment.

use std::{
    io::{BufRead, BufReader},
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
    sync::Barrier,
    time::Instant,
};

use foretell_engine::{
    EngineState, Model, ModelError,
    bundle::Bundle,
    library::find_library,
    onnx::{OnnxModel, Options},
    paths::{data_folder, model_path},
    provider::{Provider, Setting},
    sampler::argmax,
    vocabulary::Vocabulary,
};
use foretell_test_support::lsp_client::Client;
use serde_json::{Value, json};

/// More than one evaluation may have: it takes two.
const PROMPT_TOKENS: u32 = 40;

/// The rows of a slot in these tests.
const SLOT_ROWS: usize = 256;

fn options(provider: Provider) -> Options {
    Options {
        library: find_library(None).expect("run `make test-webgpu`"),
        context_tokens: SLOT_ROWS,
        kv_cache_bytes: 300_000,
        max_slots: 2,
        provider: Setting::Only(provider),
        n_threads: 1,
    }
}

fn bundle() -> Bundle {
    Bundle::open(&model_path("tiny")).expect("run `make test-webgpu`")
}

/// A model with two slots of the full size.
fn model(provider: Provider) -> OnnxModel {
    let mut model = OnnxModel::load(&bundle(), &options(provider)).unwrap();
    assert_eq!((model.provider(), model.state()), (provider, EngineState::Ready));
    for slot in 0..2 {
        model.resize(slot, model.memory().slot_rows, 0).unwrap();
    }
    model
}

fn prompt() -> Vec<u32> {
    (0..PROMPT_TOKENS).map(|n| (37 * n + 5) % 256).collect()
}

/// The most likely tokens after the prompt.
fn generate(model: &mut OnnxModel, n_tokens: usize) -> Vec<u32> {
    let mut tokens = prompt();
    let mut n_read = 0;
    for _ in 0..n_tokens {
        let logits = model.read(0, n_read, &tokens[n_read..], 1).unwrap();
        n_read = tokens.len();
        tokens.push(argmax(logits).unwrap());
    }
    tokens.split_off(PROMPT_TOKENS as usize)
}

/// The bits of the logits after each token.
fn bits(model: &mut OnnxModel, slot: usize, n_past: usize, tokens: &[u32]) -> Vec<u32> {
    let logits = model.read(slot, n_past, tokens, tokens.len()).unwrap();
    logits.iter().map(|it| it.to_bits()).collect()
}

#[test]
#[ignore = "needs the plugin and SwiftShader: `make test-webgpu`"]
fn webgpu_generates_the_tokens_of_the_cpu() {
    let expected = generate(&mut model(Provider::Cpu), 8);
    assert_eq!(generate(&mut model(Provider::WebGpu), 8), expected);
}

#[test]
#[ignore = "needs the plugin and SwiftShader: `make test-webgpu`"]
fn cached_rewound_and_other_slots_rows_equal_cold_ones() {
    let mut model = model(Provider::WebGpu);
    let tokens = &prompt()[..12];
    let cold = bits(&mut model, 0, 0, tokens);
    let n_vocab = cold.len() / tokens.len();
    // In pieces, and after other tokens at the same places.
    bits(&mut model, 1, 0, &[7; 8]);
    let (head, tail) = tokens.split_at(5);
    assert!(bits(&mut model, 1, 0, head) == cold[..5 * n_vocab]);
    assert!(bits(&mut model, 1, 5, &tail[..1]) == cold[5 * n_vocab..6 * n_vocab]);
    assert!(bits(&mut model, 1, 6, &tail[1..]) == cold[6 * n_vocab..]);
    // The other slot still has all of its tokens, and can be rewound.
    assert!(bits(&mut model, 0, 11, &tokens[11..]) == cold[11 * n_vocab..]);
    assert!(bits(&mut model, 0, 3, &tokens[3..6]) == cold[3 * n_vocab..6 * n_vocab]);
}

#[test]
#[ignore = "needs the plugin and SwiftShader: `make test-webgpu`"]
fn aborted_read_keeps_the_cache_of_webgpu() {
    let mut model = model(Provider::WebGpu);
    let tokens = &prompt()[..6];
    let expected = bits(&mut model, 0, 0, tokens);
    let abort = model.arm().unwrap();
    let start = &Barrier::new(2);
    std::thread::scope(|scope| {
        scope.spawn(move || {
            start.wait();
            abort.call();
        });
        start.wait();
        let ended = model.read(0, tokens.len(), &prompt().repeat(4), 1).map(<[f32]>::len);
        assert!(matches!(ended, Err(ModelError::Aborted)), "{ended:?}");
    });
    let n_vocab = expected.len() / tokens.len();
    assert!(bits(&mut model, 0, 5, &tokens[5..]) == expected[5 * n_vocab..]);
    assert_eq!(model.state(), EngineState::Ready);
}

/// The default model, with the import's recipe for this provider: 16 tokens after a line of code.
#[test]
#[ignore = "takes minutes to hours: `make webgpu-default-model`"]
fn default_model_generates_the_tokens_of_the_cpu() {
    const N_TOKENS: usize = 16;
    let folder =
        std::env::var_os("FORETELL_WEBGPU_MODEL").expect("run `make webgpu-default-model`");
    let bundle = Bundle::open(&PathBuf::from(folder)).unwrap();
    let vocabulary = Vocabulary::from_file(&bundle.tokenizer()).unwrap();
    let prompt = vocabulary.encode("def fib(n):\n    if n < 2:\n        return n\n    return");
    let kv_row_bytes =
        8 * bundle.manifest.n_layers * bundle.manifest.n_kv_heads * bundle.manifest.head_dim;
    let generate = |provider| {
        let kv_cache_bytes = 2 * SLOT_ROWS * kv_row_bytes;
        let options = Options { kv_cache_bytes, max_slots: 1, ..options(provider) };
        let start = Instant::now();
        let mut model = OnnxModel::load(&bundle, &options).unwrap();
        assert_eq!((model.provider(), model.state()), (provider, EngineState::Ready));
        model.resize(0, model.memory().slot_rows, 0).unwrap();
        println!("{}: loaded in {:.1} s", provider.name(), start.elapsed().as_secs_f64());
        let (mut tokens, mut n_read) = (prompt.clone(), 0);
        while tokens.len() < prompt.len() + N_TOKENS {
            let start = Instant::now();
            let logits = model.read(0, n_read, &tokens[n_read..], 1).unwrap();
            let n_new = tokens.len() - n_read;
            n_read = tokens.len();
            let token = argmax(logits).unwrap();
            let logit = logits[token as usize];
            println!("{n_new} tokens in {:.2} s: {token}, {logit}", start.elapsed().as_secs_f64());
            tokens.push(token);
        }
        tokens.split_off(prompt.len())
    };
    let expected = generate(Provider::Cpu);
    println!("{:?}", String::from_utf8_lossy(&vocabulary.bytes_of(&expected)));
    assert_eq!(generate(Provider::WebGpu), expected);
}

/// Ends the device of the whole process, so it has a process of its own.
#[test]
#[ignore = "needs the plugin and a driver that loses its device: `make test-webgpu`"]
fn lost_device_is_replaced_by_the_cpu_once() {
    let expected = generate(&mut model(Provider::Cpu), 4);
    let mut model = model(Provider::WebGpu);
    let lost = PathBuf::from(std::env::var_os("LOST_DEVICE_FILE").unwrap());
    std::fs::write(&lost, "").unwrap();
    let failed = model.read(0, 0, &prompt(), 1).map(<[f32]>::len);
    std::fs::remove_file(lost).unwrap();
    assert!(matches!(failed, Err(ModelError::Failed(_))), "{failed:?}");
    let EngineState::Slower { provider: "cpu", message } = model.state() else {
        panic!("{:?}", model.state())
    };
    assert!(message.starts_with("webgpu failed, cpu does its work"), "{message}");
    assert!(message.contains("is lost"), "{message}");
    model.resize(0, model.memory().slot_rows, 0).unwrap();
    assert_eq!(generate(&mut model, 4), expected);
}

/// A data folder with links to the installed libraries.
fn home() -> (tempfile::TempDir, PathBuf) {
    let home = tempfile::tempdir().unwrap();
    let library = home.path().join("lib");
    std::fs::create_dir(&library).unwrap();
    for file in std::fs::read_dir(data_folder().join("lib")).unwrap() {
        let file = file.unwrap();
        symlink(file.path(), library.join(file.file_name())).unwrap();
    }
    (home, library)
}

/// Starts a server with the tiny model, waits until its log has a line with `wanted`, and returns
/// its log up to there and whether it has loaded the plugin.
fn serve_until(home: &Path, wanted: &str) -> (String, bool) {
    let (log, writer) = std::io::pipe().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_foretell"));
    command.args(["serve", "--provider", "auto", "--model"]).arg(model_path("tiny"));
    command.env("FORETELL_HOME", home).env("FORETELL_LOG", "foretell=info").stderr(writer);
    let mut client = Client::start(&mut command);
    // The log ends with the server.
    drop(command);
    client.initialize(json!({
        "processId": null, "rootUri": null, "capabilities": {},
        "initializationOptions": {"status": true},
    }));
    client.wait_until_ready();
    let mut seen = String::new();
    for line in BufReader::new(log).lines() {
        let line = line.unwrap();
        seen += &line;
        seen.push('\n');
        if line.contains(wanted) {
            break;
        }
    }
    let maps = std::fs::read_to_string(format!("/proc/{}/maps", client.process_id())).unwrap();
    client.end();
    assert!(seen.contains(wanted), "{seen}");
    (seen, maps.contains("libonnxruntime_providers_webgpu"))
}

/// The server measures in the background at its first start, and never again; only a server whose
/// record selects WebGPU loads the plugin.
#[test]
#[ignore = "needs the plugin and SwiftShader: `make test-webgpu`"]
fn server_loads_the_plugin_only_if_it_was_selected() {
    let (home, _) = home();
    let (log, has_plugin) = serve_until(home.path(), "measured, for the next start: ");
    assert!(log.contains("measuring the providers after the first start with this model"), "{log}");
    assert!(!has_plugin, "the plugin was loaded by trials only: {log}");
    let folder = std::fs::read_dir(home.path().join("providers")).unwrap();
    let path = folder.map(|it| it.unwrap().path()).find(|it| it.extension().is_some()).unwrap();
    let mut record: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let outcomes = record["outcomes"].as_array_mut().unwrap();
    let names: Vec<_> = outcomes.iter().map(|it| it["provider"].clone()).collect();
    assert_eq!(names, ["cpu", "webgpu"], "{log}");
    for (outcome, first_text_ms) in outcomes.iter_mut().zip([800.0, 90.0]) {
        outcome["why_not"] = Value::Null;
        outcome["figures"] = json!({
            "load_ms": 1.0, "first_text_ms": first_text_ms,
            "prefill_tokens_per_s": 1.0, "decode_tokens_per_s": 1.0,
        });
    }
    for (selected, expected) in [("webgpu", true), ("cpu", false)] {
        let (log, has_plugin) = {
            std::fs::write(&path, record.to_string()).unwrap();
            serve_until(home.path(), &format!("tiny on {selected}"))
        };
        assert_eq!(has_plugin, expected, "{log}");
        assert!(!log.contains("measuring the providers"), "{log}");
        record["outcomes"][1]["why_not"] = json!("it is too slow");
    }
}

/// What `foretell complete` reports with the files of the data folder, changed by `change`.
fn reason(model: &str, change: impl FnOnce(&mut Command, PathBuf)) -> String {
    let (home, library) = home();
    let text = home.path().join("file.py");
    std::fs::write(&text, "def f(x):\n    return\n").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_foretell"));
    command.args(["complete", "--provider", "webgpu", "--model"]).arg(model_path(model));
    command.arg(format!("{}:2", text.display())).env("FORETELL_HOME", home.path());
    change(&mut command, library);
    let output = command.output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{error}");
    error
}

#[test]
#[ignore = "needs the plugin and SwiftShader: `make test-webgpu`"]
fn every_obstacle_to_webgpu_has_a_reason() {
    let replace = |path: PathBuf| {
        std::fs::remove_file(&path).unwrap();
        std::fs::write(path, "another version").unwrap();
    };
    let missing = reason("tiny", |_, library| {
        std::fs::remove_file(library.join("libonnxruntime_providers_webgpu.so")).unwrap();
    });
    assert!(missing.contains("webgpu: its plugin is not installed; `foretell setup"), "{missing}");
    let version = reason("tiny", |_, library| {
        replace(library.join("libonnxruntime_providers_webgpu.so"));
    });
    assert!(version.contains("is not version 0.4.0 of onnxruntime-ep-webgpu"), "{version}");
    let loader = reason("tiny", |_, library| replace(library.join("libvulkan.so.1")));
    assert!(loader.contains("webgpu: the Vulkan loader is missing (Debian"), "{loader}");
    let driver = reason("tiny", |command, _| {
        command.env("VK_ICD_FILENAMES", "/no-such-driver.json");
    });
    assert!(driver.contains("webgpu: no graphics driver that WebGPU can use"), "{driver}");
    let recipe = reason("tiny-w8a8", |_, _| {});
    assert!(recipe.contains("only the CPU computes the model's recipe w8a8"), "{recipe}");
}

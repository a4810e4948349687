//! The graphs for Core ML and MLX on the CPU, compared with the graph for the CPU, and the KV buffers
//! of the fixed graphs through edits, rewinds and slots.
//!
//! The tiny model has random weights, so its logits are close together: in float16 and int8 they are
//! compared instead of the tokens. `make targets` runs the same with the default model.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::LazyLock,
    thread,
};

use fastrand::Rng;
use foretell_engine::{
    Model, ModelError,
    bundle::Bundle,
    decoder::PREFILL_CHUNK,
    kv_memory::MAX_SLOTS,
    library::find_library,
    onnx::{OnnxModel, Options},
    provider::{Provider, Setting},
    sampler::argmax,
    slots::Slots,
    vocabulary::Vocabulary,
};

/// The largest difference of a logit in float32, and where a difference in the last bits is
/// amplified by rounding to float16 or int8.
const BOUND: f32 = 2e-4;
const BOUND_ROUNDED: f32 = 0.1;

fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().find(|it| it.join("Cargo.lock").exists()).unwrap()
}

/// Tiny bundles with the same random weights, by target and recipe.
static TINY: LazyLock<tempfile::TempDir> = LazyLock::new(|| {
    let make = "import sys; from pathlib import Path; from foretell_models import tiny\n\
        for it in sys.argv[2:]:\n  target, recipe = it.split('-')\n  \
        tiny.make(Path(sys.argv[1], it), quantization=recipe, target=target)";
    let folder = tempfile::tempdir().unwrap();
    let made = Command::new(root().join(".venv/bin/python"))
        .args(["-c", make])
        .arg(folder.path())
        .args(["cpu-fp32", "cpu-int8", "coreml-fp32", "coreml-fp16", "mlx-fp32", "mlx-int8"])
        .env("PYTHONPATH", root().join("model-scripts"))
        .output()
        .expect("run `make model` first");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    folder
});

fn tiny(name: &str) -> Bundle {
    Bundle::open(&TINY.path().join(name)).unwrap()
}

fn load(bundle: &Bundle, kv_cache_bytes: usize) -> anyhow::Result<OnnxModel> {
    let options = Options {
        library: find_library(None).expect("run `make model`"),
        context_tokens: 2048,
        kv_cache_bytes,
        max_slots: MAX_SLOTS,
        provider: Setting::Only(Provider::Cpu),
        n_threads: thread::available_parallelism().map_or(1, usize::from),
    };
    OnnxModel::load(bundle, &options)
}

/// A model with its slots, used like in the decoder.
struct Session {
    model: OnnxModel,
    slots: Slots,
}

impl Session {
    fn new(bundle: &Bundle, kv_cache_bytes: usize) -> Self {
        let model = load(bundle, kv_cache_bytes).unwrap();
        Self { slots: Slots::new(model.memory()), model }
    }

    /// The logits after a prompt, of which as much as possible is cached.
    fn logits(&mut self, prompt: &[u32]) -> Vec<f32> {
        let slot = self.slots.choose(prompt, false);
        let n_held = self.slots.cache(slot).common_prefix(prompt).min(prompt.len() - 1);
        self.slots.cache_mut(slot).truncate(n_held);
        self.slots.reserve(slot, prompt.len(), &mut self.model).unwrap();
        let mut last = Vec::new();
        for chunk in prompt[n_held..].chunks(PREFILL_CHUNK) {
            let cache = self.slots.cache_mut(slot);
            let n_rows = usize::from(cache.len() + chunk.len() == prompt.len());
            let logits = self.model.read(slot, cache.len(), chunk, n_rows).unwrap();
            cache.push(chunk, logits, n_rows);
            last = logits.to_vec();
        }
        last
    }

    fn forget(&mut self) {
        self.slots.forget(&mut self.model);
    }
}

/// Texts from the frozen sources, as tokens.
fn prompts(bundle: &Bundle, n_prompts: usize) -> Vec<Vec<u32>> {
    let vocabulary = Vocabulary::from_file(&bundle.tokenizer()).unwrap();
    let text = fs::read_to_string(root().join("tests/fixtures/code/session.rs")).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let prompt = |n: usize| vocabulary.encode(&lines[12 * n..12 * n + 2 + n % 7].join("\n"));
    (0..n_prompts).map(prompt).collect()
}

fn assert_close(found: &[f32], expected: &[f32], bound: f32, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let difference = found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(difference <= bound, "{what}: a logit differs by {difference}");
}

/// Follows the greedy tokens of the first bundle, and compares the logits of the second with them,
/// and the tokens too if `same_tokens`.
fn compare(expected: &Bundle, found: &Bundle, n_steps: usize, bound: f32, same_tokens: bool) {
    // One model after the other: on the CPU, some graphs of the default model take 6 GB.
    let mut session = Session::new(expected, 128_000_000);
    let mut follow = |mut tokens: Vec<u32>| {
        let mut next = || {
            let logits = session.logits(&tokens);
            tokens.push(argmax(&logits).unwrap());
            logits
        };
        let logits: Vec<_> = (0..n_steps).map(|_| next()).collect();
        (tokens, logits)
    };
    let followed: Vec<_> = prompts(expected, 20).into_iter().map(&mut follow).collect();
    drop(session);
    let mut session = Session::new(found, 128_000_000);
    for (n, (tokens, expected)) in followed.iter().enumerate() {
        let n_prompt = tokens.len() - n_steps;
        for (step, expected) in expected.iter().enumerate() {
            let n_tokens = n_prompt + step;
            let found = session.logits(&tokens[..n_tokens]);
            assert_close(&found, expected, bound, &format!("prompt {n}, step {step}"));
            let is_same = argmax(&found) == Some(tokens[n_tokens]);
            assert!(is_same || !same_tokens, "prompt {n}, step {step}");
        }
    }
}

#[test]
fn fixed_graphs_choose_the_tokens_of_the_cpu_graph() {
    compare(&tiny("cpu-fp32"), &tiny("coreml-fp32"), 16, BOUND, true);
    compare(&tiny("cpu-fp32"), &tiny("coreml-fp16"), 16, BOUND_ROUNDED, false);
}

#[test]
fn graph_with_separate_qkv_chooses_the_tokens_of_the_cpu_graph() {
    compare(&tiny("cpu-fp32"), &tiny("mlx-fp32"), 16, BOUND, true);
    compare(&tiny("cpu-int8"), &tiny("mlx-int8"), 16, BOUND_ROUNDED, false);
}

/// Edits, rewinds and returns to three texts, in two slots.
fn reuse(bundle: &Bundle, slot_bytes: usize, n_steps: usize, bound: f32) {
    let kv_cache_bytes = 5 * slot_bytes / 2;
    let [mut warm, mut cold] = [(); 2].map(|()| Session::new(bundle, kv_cache_bytes));
    assert_eq!(warm.model.memory().n_slots, 2, "{:?}", warm.model.memory());
    let mut texts: Vec<Vec<u32>> = prompts(bundle, 3).into_iter().map(|it| it.repeat(2)).collect();
    let mut random = Rng::with_seed(7);
    for n in 0..n_steps {
        let which = random.usize(..texts.len());
        let text = &mut texts[which];
        let at = random.usize(1..text.len());
        match random.usize(..5) {
            0 => text.insert(at, 40 + random.u32(..90)),
            1 => drop(text.drain(at - 1..at)),
            2 => text[at] = 40 + random.u32(..90),
            3 => text.extend_from_within(at.saturating_sub(70)..at),
            _ => {}
        }
        text.truncate(600);
        // The cursor is at the end or jumps back.
        let n_tokens = if random.bool() { text.len() } else { random.usize(1..=text.len()) };
        let found = warm.logits(&text[..n_tokens]);
        cold.forget();
        assert_close(&found, &cold.logits(&text[..n_tokens]), bound, &format!("step {n}"));
    }
}

#[test]
fn reused_buffers_give_the_logits_of_empty_ones() {
    reuse(&tiny("coreml-fp32"), 1 << 20, 60, BOUND);
    reuse(&tiny("coreml-fp16"), 1 << 19, 60, BOUND_ROUNDED);
}

#[test]
fn aborted_read_of_fixed_graphs_keeps_the_rows_before_it() {
    let bundle = tiny("coreml-fp16");
    let mut session = Session::new(&bundle, 2_000_000);
    let prompt = &prompts(&bundle, 1)[0];
    let expected = session.logits(prompt);
    let (last, before) = prompt.split_last().unwrap();
    let long = prompt.repeat(4);
    let slot = session.slots.choose(prompt, false);
    let model = &mut session.model;
    model.arm().unwrap().call();
    let ended = model.read(slot, before.len(), &long, 1).map(<[f32]>::len);
    assert!(matches!(ended, Err(ModelError::Aborted)), "{ended:?}");
    // At any moment: in a run, between two, or after the last.
    for _ in 0..8 {
        let abort = model.arm().unwrap();
        let thread = thread::spawn(move || abort.call());
        let ended = model.read(slot, before.len(), &long, 1).map(<[f32]>::len);
        assert!(matches!(ended, Ok(_) | Err(ModelError::Aborted)), "{ended:?}");
        thread.join().unwrap();
        assert_eq!(model.read(slot, before.len(), &[*last], 1).unwrap(), expected, "bit-identical");
    }
}

#[test]
fn unexpected_graphs_and_too_little_memory_are_refused() {
    let bundle = tiny("coreml-fp16");
    let error = load(&bundle, 0).unwrap_err();
    assert!(error.to_string().starts_with("a KV cache of 0 MB is too small"), "{error:#}");
    let mut other = bundle;
    other.manifest.graphs.as_mut().unwrap()[1].tokens = 32;
    let error = format!("{:#}", load(&other, 128_000_000).unwrap_err());
    assert!(error.ends_with("prefill-16.onnx: input_ids is not i64 [1, 32]"), "{error}");
}

/// `make targets` imports these bundles.
fn imported(name: &str) -> Bundle {
    let folder = std::env::var_os("FORETELL_TARGETS").map(PathBuf::from);
    Bundle::open(&folder.expect("run `make targets`").join(name)).unwrap()
}

#[test]
#[ignore = "imports 5 GB of bundles: `make targets`"]
fn default_model_agrees_on_coreml_fp32() {
    compare(&imported("cpu-fp32"), &imported("coreml-fp32"), 8, 1e-3, true);
    reuse(&imported("coreml-fp32"), 48 << 20, 20, 1e-3);
}

#[test]
#[ignore = "imports 4 GB of bundles: `make targets`"]
fn default_model_agrees_on_coreml_fp16() {
    compare(&imported("cpu-fp32"), &imported("coreml-fp16"), 8, 0.5, true);
}

#[test]
#[ignore = "imports 2 GB of bundles: `make targets`"]
fn default_model_agrees_on_mlx_int8() {
    compare(&imported("cpu-int8"), &imported("mlx-int8"), 8, 1.0, true);
}

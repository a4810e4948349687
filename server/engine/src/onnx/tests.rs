//! KV buffers, and the fallback from a failing provider. Needs `make model` and a machine without a GPU, so that CUDA
//! fails.

use super::*;
use super::{
    kv_buffers::KvLayout,
    runtime::{Configure, open_with_rest_on_cpu},
};
use crate::library::find_library;
use crate::{
    bundle::DEFAULT_MODEL,
    paths::model_path,
    selection::{Figures, Outcome, Record},
};

fn bundle_and_options(provider: Setting) -> (Bundle, Options) {
    let bundle = Bundle::open(&model_path(DEFAULT_MODEL)).expect("run `make model` first");
    let library = find_library(None).unwrap();
    let (context_tokens, kv_cache_bytes, n_threads) = (256, 64_000_000, 1);
    let max_slots = 4;
    (bundle, Options { library, context_tokens, kv_cache_bytes, max_slots, provider, n_threads })
}

const TOKENS: [u32; 3] = [750, 1887, 368];

fn clear_inputs(model: &mut OnnxModel) {
    let Graphs::InPlace(it) = &mut model.loaded else { panic!() };
    it.slots[0].as_mut().unwrap().binding.clear_inputs();
}

#[test]
fn unloadable_provider_falls_back_if_automatic() {
    let (bundle, options) = bundle_and_options(Setting::Auto);
    let folder = tempfile::tempdir().unwrap();
    let records = Records::new(folder.path().to_owned());
    let loaded = OnnxModel::load_with(records.clone(), Provider::Cuda, &bundle, &options);
    let mut model = loaded.unwrap();
    let EngineState::Slower { provider, message } = model.state() else {
        panic!("{:?}", model.state())
    };
    assert_eq!(provider, "cpu");
    assert!(message.starts_with("cuda failed, cpu does its work until an update or "));
    assert!(records.read(&bundle).unwrap().failed_in_use.contains_key("cuda"));
    model.resize(0, 257, 0).unwrap();
    assert_eq!(model.read(0, 0, &TOKENS, 1).unwrap().len(), bundle.manifest.vocab_size);
    let (bundle, options) = bundle_and_options(Setting::Only(Provider::Cuda));
    assert!(OnnxModel::load_on(Provider::Cuda, &bundle, &options).is_err());
}

/// A record that selects CUDA.
fn record() -> Record {
    let outcome = |(provider, first_text_ms): (Provider, f64)| Outcome {
        provider: provider.name().into(),
        device: String::new(),
        figures: Some(Figures {
            load_ms: 1.0,
            first_text_ms,
            prefill_tokens_per_s: 1.0,
            decode_tokens_per_s: 1.0,
        }),
        agreement: None,
        left_to_cpu: None,
        why_not: None,
    };
    let outcomes = [(Provider::Cpu, 800.0), (Provider::Cuda, 90.0)].map(outcome).to_vec();
    Record { outcomes, ..Record::default() }
}

/// A bundle whose record selects CUDA, and the folder of the records.
fn recorded() -> (Bundle, Options, Records, tempfile::TempDir) {
    let (bundle, options) = bundle_and_options(Setting::Auto);
    let folder = tempfile::tempdir().unwrap();
    let records = Records::new(folder.path().to_owned());
    records.write(&bundle, &record()).unwrap();
    (bundle, options, records, folder)
}

/// A model on the CPU whose failures are those of CUDA.
fn posing_as_cuda(bundle: &Bundle, options: &Options, records: &Records) -> OnnxModel {
    let loaded = OnnxModel::load_with(records.clone(), Provider::Cpu, bundle, options);
    let mut model = loaded.unwrap();
    let Graphs::InPlace(it) = &mut model.loaded else { panic!() };
    it.provider = Provider::Cuda;
    model
}

/// Why the CPU has replaced the provider of a model.
fn message_of_slower_cpu(model: &OnnxModel) -> String {
    match model.state() {
        EngineState::Slower { provider: "cpu", message } => message,
        other => panic!("{other:?}"),
    }
}

#[test]
fn unloadable_provider_is_not_selected_again() {
    let (bundle, options, records, _folder) = recorded();
    OnnxModel::load_with(records.clone(), Provider::Cuda, &bundle, &options).unwrap();
    let record = records.read(&bundle).unwrap();
    assert_eq!(record.selected().unwrap().provider, "cpu");
    assert_ne!(record.why_not(&record.outcomes[1]), None);
}

#[test]
fn failing_provider_is_replaced_once() {
    let (bundle, options, records, _folder) = recorded();
    let loaded = OnnxModel::load_with(records.clone(), Provider::Cpu, &bundle, &options);
    let mut model = loaded.unwrap();
    model.resize(0, 128, 0).unwrap();
    let expected = model.read(0, 0, &TOKENS, 1).unwrap().to_vec();
    // The session is really a CPU session; it fails because its input buffers are missing.
    let Graphs::InPlace(it) = &mut model.loaded else { panic!() };
    it.provider = Provider::Cuda;
    clear_inputs(&mut model);
    assert!(matches!(model.read(0, 3, &TOKENS, 1), Err(ModelError::Failed(_))));
    let EngineState::Slower { provider, message } = model.state() else {
        panic!("{:?}", model.state())
    };
    assert_eq!(provider, "cpu");
    assert!(message.starts_with("cuda failed, cpu does its work until an update or "));
    assert_eq!(model.provider(), Provider::Cpu);
    // The next start does not try it again.
    assert_eq!(records.read(&bundle).unwrap().selected().unwrap().provider, "cpu");
    model.resize(0, 128, 0).unwrap();
    assert_eq!(model.read(0, 0, &TOKENS, 1).unwrap(), expected);
    // The CPU has no fallback: a second failure changes nothing.
    clear_inputs(&mut model);
    assert!(model.read(0, 3, &TOKENS, 1).is_err());
    assert_eq!(model.state(), EngineState::Slower { provider, message });
}

#[test]
fn missing_memory_replaces_a_provider_for_one_load_only() {
    let (bundle, options, records, _folder) = recorded();
    let mut model = posing_as_cuda(&bundle, &options, &records);
    assert!(model.resize(0, 1 << 40, 0).is_err(), "512 TB");
    let message = message_of_slower_cpu(&model);
    let expected = "cuda failed, cpu does its work until the model is loaded again: there is not";
    assert!(message.starts_with(expected), "{message}");
    assert_eq!(records.selected(&bundle), Some(Provider::Cuda));
    model.resize(0, 128, 0).unwrap();
    assert!(model.read(0, 0, &TOKENS, 1).is_ok());
}

#[test]
fn other_failure_of_the_kv_buffers_disqualifies_a_provider() {
    let (bundle, options, records, _folder) = recorded();
    let mut model = posing_as_cuda(&bundle, &options, &records);
    // Buffers on a device that has gone.
    let runtime = runtime(&options.library).unwrap();
    let Graphs::InPlace(it) = &mut model.loaded else { panic!() };
    it.layout = KvLayout::of(&bundle.manifest, Provider::WebGpu, runtime).unwrap();
    assert!(model.resize(0, 128, 0).is_err());
    let message = message_of_slower_cpu(&model);
    assert!(message.starts_with("cuda failed, cpu does its work until an update or "), "{message}");
    assert!(message.ends_with("cannot be allocated: the plugin's device is gone"), "{message}");
    assert_eq!(records.selected(&bundle), Some(Provider::Cpu));
}

#[test]
fn recorded_provider_that_cannot_be_used_is_replaced_by_the_cpu() {
    let (bundle, options, records, _folder) = recorded();
    // The graph is for the CPU, so CUDA cannot run it.
    assert_eq!(records.selected(&bundle), Some(Provider::Cuda));
    assert_eq!(selected(&records, &bundle, &options).unwrap(), Provider::Cpu);
    // An explicit choice has no replacement.
    let options = Options { provider: Setting::Only(Provider::Cuda), ..options };
    let error = selected(&records, &bundle, &options).unwrap_err().to_string();
    assert!(error.starts_with("no way to compute: cuda: "), "{error}");
}

/// As with Core ML, if it cannot compute all of a graph.
#[test]
fn graph_that_a_provider_leaves_to_the_cpu_is_noticed() {
    let (bundle, options) = bundle_and_options(Setting::Only(Provider::Cpu));
    let runtime = runtime(&options.library).unwrap();
    let open = |configure: Configure| {
        runtime.open_graph(&bundle.portable_model(), Provider::Cpu, 1, configure)
    };
    let error = open(|it| Ok(it.with_disable_cpu_fallback()?)).unwrap_err().to_string();
    assert!(error.contains("fallback to CPU EP has been explicitly disabled"), "{error}");
    let (_, is_partial) = open_with_rest_on_cpu(open).unwrap();
    assert!(is_partial);
    let (_, is_partial) = open_with_rest_on_cpu(|_| open(Ok)).unwrap();
    assert!(!is_partial);
}

#[test]
fn logits_buffer_shrinks_again() {
    let (bundle, options) = bundle_and_options(Setting::Only(Provider::Cpu));
    let mut model = OnnxModel::load(&bundle, &options).unwrap();
    let n_rows = |model: &OnnxModel| model.logits.capacity() / bundle.manifest.vocab_size;
    model.resize(0, 128, 0).unwrap();
    model.read(0, 0, &[750; 40], 40).unwrap();
    assert_eq!(n_rows(&model), 40);
    model.read(0, 40, &[750; 4], 4).unwrap();
    assert_eq!(n_rows(&model), 4);
}

/// The runtime reads the embedding table without a bounds check.
#[test]
fn token_above_the_vocabulary_is_refused() {
    let (bundle, options) = bundle_and_options(Setting::Only(Provider::Cpu));
    let mut model = OnnxModel::load(&bundle, &options).unwrap();
    model.resize(0, 128, 0).unwrap();
    let n_vocab = u32::try_from(bundle.manifest.vocab_size).unwrap();
    let error = model.read(0, 0, &[1, n_vocab], 1).unwrap_err().to_string();
    assert!(error.starts_with(&format!("token {n_vocab} is outside")), "{error}");
    assert!(model.read(0, 0, &[1, n_vocab - 1], 1).is_ok());
}

/// The bits of the logits after each of the tokens.
fn bits(model: &mut OnnxModel, slot: usize, n_past: usize, tokens: &[u32]) -> Vec<u32> {
    let logits = model.read(slot, n_past, tokens, tokens.len()).unwrap();
    logits.iter().map(|it| it.to_bits()).collect()
}

#[test]
fn logits_do_not_depend_on_buffer_length() {
    let (bundle, options) = bundle_and_options(Setting::Only(Provider::Cpu));
    let mut model = OnnxModel::load(&bundle, &options).unwrap();
    let tokens: Vec<u32> = (0..100).map(|n| 300 + 37 * n).collect();
    for (slot, n_rows) in [257, 128, 101, 200].into_iter().enumerate() {
        model.resize(slot, n_rows, 0).unwrap();
    }
    let mut of_slot = |slot: usize| {
        let (head, tail) = tokens.split_at(70);
        [&bits(&mut model, slot, 0, head)[..], &bits(&mut model, slot, 70, tail)].concat()
    };
    let longest = of_slot(0);
    for slot in 1..4 {
        assert!(of_slot(slot) == longest, "slot {slot}");
    }
}

#[test]
fn resized_buffers_keep_their_tokens() {
    let (bundle, options) = bundle_and_options(Setting::Only(Provider::Cpu));
    let mut model = OnnxModel::load(&bundle, &options).unwrap();
    let tokens: Vec<u32> = (0..90).map(|n| 300 + 37 * n).collect();
    let (head, tail) = tokens.split_at(80);
    model.resize(0, 257, 0).unwrap();
    bits(&mut model, 0, 0, head);
    let expected = bits(&mut model, 0, 80, tail);
    model.resize(1, 81, 0).unwrap();
    bits(&mut model, 1, 0, head);
    assert!(model.read(1, 80, tail, 1).is_err(), "a row is missing");
    for n_rows in [128, 91, 257] {
        model.resize(1, n_rows, 80).unwrap();
        assert!(bits(&mut model, 1, 80, tail) == expected, "{n_rows} rows");
    }
    model.free(1);
    assert!(model.read(1, 0, &TOKENS, 1).is_err());
}

//! Fallback from a failing provider. Needs `make model` and a machine without a GPU, so that CUDA
//! fails.

use super::*;
use crate::library::find_library;
use crate::{bundle::DEFAULT_MODEL, paths::model_path};

fn bundle_and_options(provider: Setting) -> (Bundle, Options) {
    let bundle = Bundle::open(&model_path(DEFAULT_MODEL)).expect("run `make model` first");
    let library = find_library(None).unwrap();
    let (context_tokens, kv_cache_bytes, n_threads) = (256, 64_000_000, 1);
    (bundle, Options { library, context_tokens, kv_cache_bytes, provider, n_threads })
}

const TOKENS: [u32; 3] = [750, 1887, 368];

#[test]
fn unloadable_provider_falls_back_if_automatic() {
    let (bundle, options) = bundle_and_options(Setting::Auto);
    let mut model = OnnxModel::load_on(Provider::Cuda, &bundle, &options).unwrap();
    let EngineState::Slower(message) = model.state() else { panic!("{:?}", model.state()) };
    assert!(message.starts_with("cuda failed, cpu does its work until the next start: "));
    assert_eq!(model.read(0, 0, &TOKENS, 1).unwrap().len(), bundle.manifest.vocab_size);
    let (bundle, options) = bundle_and_options(Setting::Only(Provider::Cuda));
    assert!(OnnxModel::load_on(Provider::Cuda, &bundle, &options).is_err());
}

#[test]
fn failing_provider_is_replaced_once() {
    let (bundle, options) = bundle_and_options(Setting::Auto);
    let mut model = OnnxModel::load_on(Provider::Cpu, &bundle, &options).unwrap();
    let expected = model.read(0, 0, &TOKENS, 1).unwrap().to_vec();
    // The session is really a CPU session; it fails because its input buffers are missing.
    model.loaded.provider = Provider::Cuda;
    model.loaded.slots[0].binding.clear_inputs();
    assert!(matches!(model.read(0, 3, &TOKENS, 1), Err(ModelError::Failed(_))));
    let EngineState::Slower(message) = model.state() else { panic!("{:?}", model.state()) };
    assert!(message.starts_with("cuda failed, cpu does its work until the next start: "));
    assert_eq!(model.loaded.provider, Provider::Cpu);
    assert_eq!(model.read(0, 0, &TOKENS, 1).unwrap(), expected);
    // The CPU has no fallback: a second failure changes nothing.
    model.loaded.slots[0].binding.clear_inputs();
    assert!(model.read(0, 3, &TOKENS, 1).is_err());
    assert_eq!(model.state(), EngineState::Slower(message));
}

#[test]
fn logits_buffer_shrinks_again() {
    let (bundle, options) = bundle_and_options(Setting::Only(Provider::Cpu));
    let mut model = OnnxModel::load(&bundle, &options).unwrap();
    let n_rows = |model: &OnnxModel| model.logits.capacity() / bundle.manifest.vocab_size;
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
    let n_vocab = u32::try_from(bundle.manifest.vocab_size).unwrap();
    let error = model.read(0, 0, &[1, n_vocab], 1).unwrap_err().to_string();
    assert!(error.starts_with(&format!("token {n_vocab} is outside")), "{error}");
    assert!(model.read(0, 0, &[1, n_vocab - 1], 1).is_ok());
}

//! What becomes of a provider that fails. Needs `make model`; no GPU, which is what fails here.

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
fn a_provider_that_does_not_load_is_replaced_unless_it_was_named() {
    let (bundle, options) = bundle_and_options(Setting::Auto);
    let mut model = OnnxModel::load_on(Provider::Cuda, &bundle, &options).unwrap();
    let EngineState::Slower(message) = model.state() else { panic!("{:?}", model.state()) };
    assert!(message.starts_with("cuda failed, cpu does its work until the next start: "));
    assert_eq!(model.read(0, 0, &TOKENS, 1).unwrap().len(), bundle.manifest.vocab_size);
    let (bundle, options) = bundle_and_options(Setting::Only(Provider::Cuda));
    assert!(OnnxModel::load_on(Provider::Cuda, &bundle, &options).is_err());
}

#[test]
fn a_provider_that_fails_in_a_read_is_replaced_once() {
    let (bundle, options) = bundle_and_options(Setting::Auto);
    let mut model = OnnxModel::load_on(Provider::Cpu, &bundle, &options).unwrap();
    let expected = model.read(0, 0, &TOKENS, 1).unwrap().to_vec();
    // Its session is the processor's; what fails is that buffers are missing.
    model.loaded.provider = Provider::Cuda;
    model.loaded.slots[0].binding.clear_inputs();
    assert!(matches!(model.read(0, 3, &TOKENS, 1), Err(ModelError::Failed(_))));
    let EngineState::Slower(message) = model.state() else { panic!("{:?}", model.state()) };
    assert!(message.starts_with("cuda failed, cpu does its work until the next start: "));
    assert_eq!(model.loaded.provider, Provider::Cpu);
    assert_eq!(model.read(0, 0, &TOKENS, 1).unwrap(), expected);
    // There is nothing behind it: a read that fails again changes nothing.
    model.loaded.slots[0].binding.clear_inputs();
    assert!(model.read(0, 3, &TOKENS, 1).is_err());
    assert_eq!(model.state(), EngineState::Slower(message));
}

#[test]
fn the_memory_of_many_rows_of_logits_is_given_back() {
    let (bundle, options) = bundle_and_options(Setting::Only(Provider::Cpu));
    let mut model = OnnxModel::load(&bundle, &options).unwrap();
    let n_rows = |model: &OnnxModel| model.logits.capacity() / bundle.manifest.vocab_size;
    model.read(0, 0, &[750; 40], 40).unwrap();
    assert_eq!(n_rows(&model), 40);
    model.read(0, 40, &[750; 4], 4).unwrap();
    assert_eq!(n_rows(&model), 4);
}

/// The runtime looks up what a token stands for without a look at where its table ends.
#[test]
fn a_token_that_the_model_has_not_got_is_not_read() {
    let (bundle, options) = bundle_and_options(Setting::Only(Provider::Cpu));
    let mut model = OnnxModel::load(&bundle, &options).unwrap();
    let n_vocab = u32::try_from(bundle.manifest.vocab_size).unwrap();
    let error = model.read(0, 0, &[1, n_vocab], 1).unwrap_err().to_string();
    assert!(error.starts_with(&format!("token {n_vocab} is not one of the model's")), "{error}");
    assert!(model.read(0, 0, &[1, n_vocab - 1], 1).is_ok());
}

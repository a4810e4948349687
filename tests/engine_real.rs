//! The engine's laws once more, with the default model in ONNX Runtime.
//!
//! What a scripted model can't show: that the KV buffers hold what the account says after rewinds,
//! drafts and reads that were ended early, and that sums in another order choose no other token.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::sync::{Arc, OnceLock};

use foretell::{
    bundle::{Bundle, DEFAULT_MODEL, model_path},
    engine::{
        Draft, Engine, Finish, Model, ModelError, Progress, Request,
        decoder::Decoder,
        lookup::Mode,
        onnx::{OnnxModel, Options, find_library},
        vocabulary::Vocabulary,
    },
    policy::{Place, Policy},
    prompt::Prompt,
};

const CODE: &str = "class Point:\n    def __init__(self, x, y):\n        self.x = x\n        \
    self.y = y\n\n    def get_x(self):\n        return self.x\n\n    def set_x(self, x):\n        \
    self.x = x\n\n    def get_y(self):\n        return self.y\n\n    def set_y";

fn model(n_slots: usize) -> (OnnxModel, Arc<Vocabulary>, Vec<u32>) {
    let bundle = Bundle::open(&model_path(DEFAULT_MODEL)).expect("run `make model`");
    let options = Options {
        library: find_library(None).expect("run `make model`"),
        context_tokens: 512,
        kv_cache_bytes: n_slots * 13_000_000,
        provider: foretell::engine::provider::Setting::Auto,
        n_threads: std::thread::available_parallelism().map_or(1, usize::from),
    };
    let vocabulary = Arc::new(Vocabulary::from_file(&bundle.tokenizer()).unwrap());
    let model = OnnxModel::load(&bundle, &options).unwrap();
    (model, vocabulary, bundle.manifest.eos_ids)
}

fn vocabulary() -> &'static Vocabulary {
    static VOCABULARY: OnceLock<Vocabulary> = OnceLock::new();
    VOCABULARY.get_or_init(|| {
        let bundle = Bundle::open(&model_path(DEFAULT_MODEL)).expect("run `make model`");
        Vocabulary::from_file(&bundle.tokenizer()).unwrap()
    })
}

fn start(n_slots: usize, lookup: Mode) -> Engine {
    Engine::start(move || {
        let (model, vocabulary, eos_ids) = model(n_slots);
        Ok(Decoder::new(model, vocabulary, eos_ids).with_lookup(lookup))
    })
}

fn request(text: &str, max_tokens: usize) -> Request {
    let prompt = Prompt { ids: vocabulary().encode(text), healed: Vec::new() };
    let policy = Policy::new(Place { line_before: "    ".into(), ..Place::default() });
    Request::new(prompt, policy, max_tokens)
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

fn finished(mut draft: Draft) -> Progress {
    block_on(async { while draft.now().finish.is_none() && draft.changed().await {} });
    let done = draft.now();
    assert!(!matches!(done.finish, Some(Finish::Failed(_))), "{done:?}");
    done
}

#[test]
fn a_cache_that_was_edited_and_drafted_into_answers_as_an_empty_one() {
    let (warm, cold) = (start(2, Mode::Fixed(4)), start(1, Mode::Off));
    let edited = CODE.replace("self.y = y", "self.y = y\n        self.name = None");
    for text in [CODE, &CODE[..CODE.len() - 20], &edited, CODE] {
        let cached = finished(warm.generate(request(text, 24)));
        // A prompt that shares no token takes over the slot.
        let _ = finished(cold.generate(request("#", 1)));
        let alone = finished(cold.generate(request(text, 24)));
        assert_eq!(alone.figures.reused, 0);
        assert_eq!(cached.text, alone.text);
        assert_eq!(cached.finish, alone.finish);
    }
}

#[test]
fn a_cancel_at_any_moment_leaves_a_cache_that_answers_right() {
    let engine = start(1, Mode::Off);
    let expected = finished(engine.generate(request(CODE, 12)));
    let other = format!("# {}", CODE.replace("self", "this"));
    for n_changes in [0, 1, 0, 2, 5] {
        // While it reads the prompt, or with some of the text written.
        let mut given_up = engine.generate(request(&other, 40));
        for _ in 0..n_changes {
            block_on(given_up.changed());
        }
        drop(given_up);
        let done = finished(engine.generate(request(CODE, 12)));
        assert_eq!(done.text, expected.text);
        assert_eq!(done.finish, expected.finish);
    }
}

#[test]
fn a_read_that_is_ended_early_leaves_what_was_read_before() {
    let (mut model, vocabulary, _) = model(1);
    let ids = vocabulary.encode(CODE);
    let (head, tail) = ids.split_at(ids.len() - 1);
    model.read(0, 0, head, 1).unwrap();
    let expected = model.read(0, head.len(), tail, 1).unwrap().to_vec();
    let abort = model.arm().unwrap();
    abort.call();
    let long = ids.repeat(4);
    let ended = model.read(0, head.len(), &long[..200], 1).map(<[f32]>::len);
    assert!(matches!(ended, Err(ModelError::Aborted)), "{ended:?}");
    assert_eq!(model.read(0, head.len(), tail, 1).unwrap(), expected, "to the last bit");
    // A later read does not feel the abort of an earlier one.
    abort.call();
    assert_eq!(model.read(0, head.len(), tail, 1).unwrap(), expected);
}

#[test]
fn the_rows_of_one_read_choose_what_single_reads_choose() {
    let (mut model, vocabulary, _) = model(1);
    let ids = vocabulary.encode(CODE);
    let (head, tail) = ids.split_at(ids.len() - 6);
    model.read(0, 0, head, 1).unwrap();
    let best = |logits: &[f32]| foretell::engine::sampler::argmax(logits).unwrap();
    let rows = model.read(0, head.len(), tail, tail.len()).unwrap();
    let at_once: Vec<u32> = rows.chunks(rows.len() / tail.len()).map(best).collect();
    let single: Vec<u32> = (0..tail.len())
        .map(|i| best(model.read(0, head.len() + i, &tail[i..=i], 1).unwrap()))
        .collect();
    assert_eq!(at_once, single);
}

#[test]
fn what_does_not_fit_is_refused() {
    let (mut model, ..) = model(1);
    let n_most = model.capacity();
    let error = model.read(0, n_most - 1, &[1, 2], 1).map(<[f32]>::len).unwrap_err().to_string();
    assert!(error.contains("do not fit into 512"), "{error}");
    assert!(model.read(0, 0, &[1], 2).is_err());
}

//! The engine's invariants with the default model in ONNX Runtime.
//!
//! A scripted model can't show that the KV buffers match the engine's bookkeeping after rewinds,
//! drafts and aborted reads, nor that a different summation order chooses the same tokens.

use std::sync::{Arc, OnceLock};

use fastrand::Rng;
use foretell_engine::{
    Engine, FinishReason, Generation, Model, ModelError, Progress, Prompt, Request,
    bundle::{Bundle, DEFAULT_MODEL},
    decoder::Decoder,
    kv_memory::MAX_SLOTS,
    library::find_library,
    lookup::Mode,
    onnx::{OnnxModel, Options},
    paths::model_path,
    vocabulary::Vocabulary,
};
use foretell_policy::{CursorContext, Policy};

const CODE: &str = "class Point:\n    def __init__(self, x, y):\n        self.x = x\n        \
    self.y = y\n\n    def get_x(self):\n        return self.x\n\n    def set_x(self, x):\n        \
    self.x = x\n\n    def get_y(self):\n        return self.y\n\n    def set_y";

/// A model with memory for `n_contexts` slots of the full size.
fn model(n_contexts: usize, max_slots: usize) -> (OnnxModel, Arc<Vocabulary>, Vec<u32>) {
    let bundle = Bundle::open(&model_path(DEFAULT_MODEL)).expect("run `make model`");
    let options = Options {
        library: find_library(None).expect("run `make model`"),
        context_tokens: 512,
        kv_cache_bytes: n_contexts * 13_000_000,
        max_slots,
        provider: foretell_engine::provider::Setting::Auto,
        n_threads: std::thread::available_parallelism().map_or(1, usize::from),
    };
    let vocabulary = Arc::new(Vocabulary::from_file(&bundle.tokenizer()).unwrap());
    let model = OnnxModel::load(&bundle, &options).unwrap();
    (model, vocabulary, bundle.manifest.eos_ids)
}

/// A model with a slot of the full size.
fn one_slot() -> (OnnxModel, Arc<Vocabulary>, Vec<u32>) {
    let (mut model, vocabulary, eos_ids) = model(1, 1);
    model.resize(0, model.memory().slot_rows, 0).unwrap();
    (model, vocabulary, eos_ids)
}

fn vocabulary() -> &'static Vocabulary {
    static VOCABULARY: OnceLock<Vocabulary> = OnceLock::new();
    VOCABULARY.get_or_init(|| {
        let bundle = Bundle::open(&model_path(DEFAULT_MODEL)).expect("run `make model`");
        Vocabulary::from_file(&bundle.tokenizer()).unwrap()
    })
}

fn start(n_slots: usize, lookup: Mode) -> Engine {
    start_within(n_slots, n_slots, lookup)
}

fn start_within(n_contexts: usize, max_slots: usize, lookup: Mode) -> Engine {
    Engine::start(move || {
        let (model, vocabulary, eos_ids) = model(n_contexts, max_slots);
        Ok(Decoder::new(model, vocabulary, eos_ids).with_lookup(lookup))
    })
}

fn request(text: &str, max_tokens: usize) -> Request {
    let prompt = Prompt { ids: vocabulary().encode(text), healed: Vec::new() };
    let policy =
        Policy::new(CursorContext { line_before: "    ".into(), ..CursorContext::default() });
    Request::new(prompt, policy, max_tokens)
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

fn finished(mut generation: Generation) -> Progress {
    block_on(async {
        while generation.progress().finish.is_none() && generation.changed().await {}
    });
    let done = generation.progress();
    assert!(!matches!(done.finish, Some(FinishReason::Failed(_))), "{done:?}");
    done
}

#[test]
fn warm_cache_answers_like_a_cold_one() {
    let (warm, cold) = (start(2, Mode::Fixed(4)), start(1, Mode::Off));
    let edited = CODE.replace("self.y = y", "self.y = y\n        self.name = None");
    let typed_into = format!("{CODE}{}", "        self.");
    for text in [CODE, &typed_into, &CODE[..CODE.len() - 20], &edited, CODE, CODE] {
        let cached = finished(warm.generate(request(text, 24)));
        // A prompt with no common token overwrites the only slot.
        let _ = finished(cold.generate(request("#", 1)));
        let alone = finished(cold.generate(request(text, 24)));
        assert_eq!(alone.figures.reused, 0);
        assert_eq!(cached.text, alone.text);
        assert_eq!(cached.finish, alone.finish);
    }
}

/// The places have 60 to 230 tokens; the memory is for two slots of 512.
#[test]
fn six_places_are_cached_within_the_memory_of_two_slots() {
    let (warm, cold) = (start_within(2, MAX_SLOTS, Mode::Adaptive), start(1, Mode::Off));
    let texts =
        ["Vector", "Line", "Circle", "Square", "Node"].map(|name| CODE.replace("Point", name));
    let text = texts.join("\n\n\n");
    let places: Vec<String> = [150, 250, 350, 380, 600, 700]
        .into_iter()
        .enumerate()
        .map(|(n, n_bytes)| format!("# {n}\n{}", &text[..n_bytes]))
        .collect();
    let alone: Vec<Progress> = places
        .iter()
        .map(|text| {
            let _ = finished(cold.generate(request(";", 1)));
            finished(cold.generate(request(text, 12)))
        })
        .collect();
    for round in 0..3 {
        for (n, (text, alone)) in places.iter().zip(&alone).enumerate() {
            let cached = finished(warm.generate(request(text, 12)));
            assert!(alone.figures.reused == 0 && alone.figures.read > 40);
            assert!(round == 0 || cached.figures.read <= 1, "place {n}: {:?}", cached.figures);
            assert_eq!((&cached.text, &cached.finish), (&alone.text, &alone.finish), "place {n}");
        }
    }
}

#[test]
fn cancel_keeps_the_cache_valid() {
    let engine = start(1, Mode::Off);
    let expected = finished(engine.generate(request(CODE, 12)));
    let other = format!("# {}", CODE.replace("self", "this"));
    for n_changes in [0, 1, 0, 2, 5] {
        // Cancels during the prefill, or after part of the text was generated.
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
fn aborted_read_keeps_the_cache() {
    let (mut model, vocabulary, _) = one_slot();
    let ids = vocabulary.encode(CODE);
    let (head, tail) = ids.split_at(ids.len() - 1);
    model.read(0, 0, head, 1).unwrap();
    let expected = model.read(0, head.len(), tail, 1).unwrap().to_vec();
    let abort = model.arm().unwrap();
    abort.call();
    let long = ids.repeat(4);
    let ended = model.read(0, head.len(), &long[..200], 1).map(<[f32]>::len);
    assert!(matches!(ended, Err(ModelError::Aborted)), "{ended:?}");
    assert_eq!(model.read(0, head.len(), tail, 1).unwrap(), expected, "bit-identical");
    // Aborting a finished read does not affect the next one.
    abort.call();
    assert_eq!(model.read(0, head.len(), tail, 1).unwrap(), expected);
}

#[test]
fn logits_do_not_depend_on_read_size() {
    let (mut model, vocabulary, _) = one_slot();
    let ids = vocabulary.encode(CODE);
    // The best token of each row and the bits of its logit.
    let mut read = |sizes: &[usize]| -> Vec<(u32, u32)> {
        let (mut n_past, mut best) = (0, Vec::new());
        for n_tokens in sizes.iter().cycle() {
            let tokens = &ids[n_past..ids.len().min(n_past + n_tokens)];
            if tokens.is_empty() {
                break;
            }
            let logits = model.read(0, n_past, tokens, tokens.len()).unwrap();
            best.extend(logits.chunks(logits.len() / tokens.len()).map(|row| {
                let token = foretell_engine::sampler::argmax(row).unwrap();
                (token, row[token as usize].to_bits())
            }));
            n_past += tokens.len();
        }
        best
    };
    let expected = read(&[64]);
    for sizes in [&[1][..], &[2, 1, 5], &[9, 65, 3], &[ids.len()]] {
        assert_eq!(read(sizes), expected, "in reads of {sizes:?}");
    }
}

#[test]
fn random_sessions_answer_like_a_cold_cache() {
    let (warm, cold) = (start(3, Mode::Adaptive), start(1, Mode::Off));
    let mut random = Rng::with_seed(5);
    let other = format!("# Another file.\n{}", CODE.replace("self", "this"));
    let mut files = [CODE.to_owned(), other];
    let (mut now, mut undo) = (0, files[0].clone());
    for n in 0..12 {
        let text = files[now].clone();
        let at = random.usize(..text.len() / 4) + text.len() / 2;
        match random.usize(..5) {
            0 => files[now].insert_str(at, "\n        self.name = None\n"),
            1 => drop(files[now].drain(at..at + 9)),
            2 => now = 1 - now,
            3 => files[now] = std::mem::replace(&mut undo, text),
            _ => undo = text,
        }
        // The cursor is at the end or jumps back into the text.
        let cursor = files[now].len() - random.usize(..3) * random.usize(..60);
        let prompt = &files[now][..cursor];
        if n % 3 == 1 {
            let mut given_up = warm.generate(request(prompt, 40));
            for _ in 0..random.usize(..4) {
                block_on(given_up.changed());
            }
        }
        let cached = finished(warm.generate(request(prompt, 16)));
        // A prompt that begins like neither file overwrites the cold engine's slot.
        let _ = finished(cold.generate(request(";", 1)));
        let alone = finished(cold.generate(request(prompt, 16)));
        assert_eq!(alone.figures.reused, 0);
        assert_eq!((cached.text, cached.finish), (alone.text, alone.finish), "step {n}: {prompt}");
    }
}

#[test]
fn healing_to_the_same_text_changes_nothing() {
    let engine = start(1, Mode::Adaptive);
    let free = finished(engine.generate(request(CODE, 12))).text;
    for n_healed in 1..8 {
        let mut healing = request(CODE, 12);
        healing.prompt.healed = vocabulary().encode(&free[..n_healed]);
        let text = finished(engine.generate(healing)).text;
        assert!(!text.is_empty() && free[n_healed..].starts_with(&text), "{free:?}: {text:?}");
    }
}

#[test]
fn too_long_read_is_refused() {
    let (mut model, ..) = one_slot();
    let n_most = model.capacity();
    let error = model.read(0, n_most - 1, &[1, 2], 1).map(<[f32]>::len).unwrap_err().to_string();
    assert!(error.contains("do not fit into 512"), "{error}");
    assert!(model.read(0, 0, &[1], 2).is_err());
}

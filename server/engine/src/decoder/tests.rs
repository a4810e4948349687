//! The decoder's invariants, tested with a scripted model.

mod drafts;
mod probability;

use std::sync::Arc;

use proptest::prelude::*;
use tokio::sync::watch;

use super::*;
use crate::{
    GenerationMetrics, KvMemory, Progress, Prompt,
    generation_state::Text,
    sampler::Sampling,
    scripted::{Controls, Fault, Script},
};
use foretell_policy::{CursorContext, Policy, StopRule};

const TEXT: &str = "fn main() {\n    let naïve = \"日本語 🦀\";\n    return naïve.len();\n}\n\
    fn twice(x: u32) -> u32 {\n    return x + x;\n}\n";

fn script() -> Script {
    let words = ["fn ", "    ", "return", " return", "let ", "u32", "len"];
    Script::with_words(TEXT, &words).unwrap().with_certainty(1.0)
}

/// Runs a request to its end on this thread.
fn run(decoder: &mut Decoder<Script>, request: Request) -> Progress {
    let (progress, reader) = watch::channel(Progress::default());
    decoder.run(job(request, progress), &Queue::default());
    reader.borrow().clone()
}

fn job(request: Request, progress: watch::Sender<Progress>) -> Job {
    Job { kind: Kind::Generate, request, progress, asked: Instant::now() }
}

/// A request for `context` that heals its last `n_healed` bytes.
fn request(decoder: &Decoder<Script>, context: &str, n_healed: usize) -> Request {
    let split = (0..=context.len().saturating_sub(n_healed))
        .rev()
        .find(|i| context.is_char_boundary(*i))
        .unwrap();
    let ids = decoder.vocabulary.encode(&context[..split]);
    let prompt = Prompt { ids, healed: decoder.vocabulary.encode(&context[split..]) };
    // On an indented empty line, the policy allows several lines.
    let policy =
        Policy::new(CursorContext { line_before: "    ".into(), ..CursorContext::default() });
    Request::new(prompt, policy, 40)
}

fn complete(decoder: &mut Decoder<Script>, context: &str, n_healed: usize) -> Progress {
    let request = request(decoder, context, n_healed);
    run(decoder, request)
}

#[test]
fn generation_ends_where_the_policy_stops_it() {
    let mut decoder = script().into_decoder();
    let done = complete(&mut decoder, "fn main() {\n    let naïve = ", 0);
    assert_eq!(done.text, "\"日本語 🦀\";\n    return naïve.len();");
    assert_eq!(done.finish, Some(FinishReason::Stopped(StopRule::BlockEnd)));
}

#[test]
fn second_run_reads_only_new_tokens() {
    let script = script();
    let controls = script.controls();
    let mut decoder = script.into_decoder();
    let first = complete(&mut decoder, "fn twice(x: u32) -> u32 {\n", 0);
    assert_eq!((first.figures.reused, first.figures.read), (0, 26));
    let second = complete(&mut decoder, "fn twice(x: u64) -> u32 {\n", 0);
    assert_eq!((second.figures.reused, second.figures.read), (13, 13));
    assert!(controls.reads().iter().any(|read| read.n_past == 13 && read.n_tokens == 13));
}

#[test]
fn repeated_request_needs_no_read() {
    let script = script();
    let controls = script.controls();
    let mut decoder = script.into_decoder();
    let first = complete(&mut decoder, "fn twice", 0);
    let n_reads = controls.reads().len();
    let again = complete(&mut decoder, "fn twice", 0);
    assert_eq!((again.figures.reused, again.figures.read), (8, 0));
    assert_eq!(again.text, first.text);
    assert_eq!(controls.reads().len(), n_reads);
    // The user has typed part of the text; healing its end needs no read either.
    let typed = complete(&mut decoder, "fn twice(x: u32", 3);
    assert_eq!((typed.figures.reused, typed.figures.read), (12, 0));
    assert_eq!(controls.reads().len(), n_reads, "{:?}", controls.reads());
}

#[test]
fn healed_word_is_read_in_one_step() {
    let script = script();
    let controls = script.controls();
    let mut decoder = script.into_decoder();
    let done = complete(&mut decoder, "fn main() {\n    let naïve = \"日本語", 9);
    assert!(done.text.starts_with(" 🦀"), "{}", done.text);
    let GenerationMetrics { healed, drafted, accepted, .. } = done.figures;
    assert_eq!((healed, drafted, accepted), (9, 8, 8));
    assert_eq!(controls.reads()[0].n_tokens, done.figures.read + 8);
}

#[test]
fn long_prompt_is_read_in_chunks() {
    let script = Script::new(&"ab ".repeat(100)).unwrap();
    let controls = script.controls();
    let mut decoder = script.into_decoder();
    complete(&mut decoder, &"ab ".repeat(50), 0);
    let prefill = controls.reads().iter().take(3).map(|read| read.n_tokens).collect::<Vec<_>>();
    assert_eq!(prefill, [64, 64, 22]);
}

#[test]
fn empty_prompt_keeps_the_cache() {
    let mut decoder = script().into_decoder();
    complete(&mut decoder, "fn twice(", 0);
    for (context, n_healed) in [("", 0), ("retur", 5)] {
        let done = complete(&mut decoder, context, n_healed);
        assert_eq!((done.text.as_str(), done.finish), ("", Some(FinishReason::EndOfText)));
    }
    assert_eq!(complete(&mut decoder, "fn twice(", 0).figures.read, 0);
}

#[test]
fn prompt_must_fit_into_the_context() {
    let mut decoder = script().with_capacity(16).into_decoder();
    let finish = |done: Progress| done.finish.unwrap().name();
    assert_eq!(finish(complete(&mut decoder, "fn twice(x: u32) ->", 0)), "context_full");
    // Seven prompt tokens and nine more fit; the last logits give one token beyond them.
    let full = complete(&mut decoder, "fn twic", 0);
    assert_eq!((full.text.as_str(), full.figures.generated), ("e(x: u32) ->", 10));
    assert_eq!(finish(full), "context_full");
}

#[test]
fn token_limit_and_end_of_text_stop_it() {
    let mut decoder = script().into_decoder();
    let mut few = request(&decoder, "fn twice(x: u", 0);
    few.max_tokens = 3;
    let few = run(&mut decoder, few);
    assert_eq!((few.figures.generated, few.finish), (3, Some(FinishReason::MaxTokens)));
    let mut decoder = Script::new("return x;").unwrap().into_decoder();
    let to_the_end = complete(&mut decoder, "return", 0);
    assert_eq!(
        (to_the_end.text.as_str(), to_the_end.finish),
        (" x;", Some(FinishReason::EndOfText))
    );
}

#[test]
fn invalid_utf8_ends_the_generation() {
    // The prompt ends within 本, so the generation begins with a continuation byte.
    let mut decoder = Script::new("本日").unwrap().into_decoder();
    let mut request = request(&decoder, "", 0);
    request.prompt.ids = vec![0xe6, 0x9c];
    let done = run(&mut decoder, request);
    assert_eq!((done.text.as_str(), done.finish), ("", Some(FinishReason::NotText)));
}

#[test]
fn healing_invalid_utf8_shows_nothing() {
    let mut decoder = script().into_decoder();
    let mut request = request(&decoder, "fn ", 0);
    decoder.vocabulary = Arc::new(crate::scripted::byte_vocabulary(&[], &[]).unwrap());
    request.prompt.healed = vec![0xff, 0xff];
    // Every byte is a token, so the healed bytes can be generated, but they are not UTF-8.
    let done = run(&mut decoder, request);
    assert_eq!(done.text, "");
}

#[test]
fn candidates_differ_and_the_first_is_greedy() {
    let mut decoder = script().into_decoder();
    let likeliest = complete(&mut decoder, "fn main() {\n    let ", 0).text;
    // High enough to leave the script now and then.
    let sampling = Sampling::Random { temperature: 1.5, top_k: 4, top_p: 1.0, seed: 5 };
    let several = |decoder: &mut Decoder<Script>| {
        let request = request(decoder, "fn main() {\n    let ", 0).with_candidates(6, sampling);
        run(decoder, request)
    };
    let done = several(&mut decoder);
    assert_eq!(done.text, likeliest);
    let mut all = done.alternatives.clone();
    all.push(done.text);
    assert!(all.len() > 2, "{all:?}");
    all.sort();
    all.dedup();
    assert_eq!(all.len(), done.alternatives.len() + 1);
    assert_eq!(several(&mut decoder).alternatives, done.alternatives, "the seed decides");
}

#[test]
fn error_fails_one_run_and_clears_the_cache() {
    let script = script();
    let controls = script.controls();
    let mut decoder = script.into_decoder();
    let whole = complete(&mut decoder, "fn twice(", 0);
    controls.fail_after(3, Fault::Error);
    let failed = complete(&mut decoder, "fn main(", 0);
    assert_eq!(failed.finish, Some(FinishReason::Failed(Failure::message("a scripted error"))));
    let again = complete(&mut decoder, "fn twice(", 0);
    assert_eq!(again.figures.reused, 0);
    assert_eq!(again.text, whole.text);
}

/// Drops the generation before read number `n_reads` of the model, or after its last read if there
/// are fewer.
fn cancel_at(
    decoder: Decoder<Script>,
    controls: &Controls,
    request: Request,
    n_reads: usize,
) -> (Decoder<Script>, Option<FinishReason>) {
    let (progress, reader) = watch::channel(Progress::default());
    controls.hold();
    controls.permit(n_reads);
    let mut decoder = decoder;
    let thread = std::thread::spawn(move || {
        decoder.run(job(request, progress.clone()), &Queue::default());
        // Extra reads, so that the model is held even if the run makes fewer.
        let n_past = decoder.slots.cache(0).len();
        decoder.slots.reserve(0, n_past + 1, &mut decoder.model).unwrap();
        for _ in 0..=n_reads {
            decoder.model.read(0, n_past, &[0], 1).unwrap();
        }
        (decoder, progress.borrow().clone())
    });
    controls.wait_until_held();
    drop(reader);
    controls.release();
    let (decoder, last) = thread.join().unwrap();
    (decoder, last.finish)
}

#[derive(Debug, Clone)]
enum Edit {
    Insert(usize, String),
    Delete(usize, usize),
    /// Restores the previous text.
    Undo,
    /// Switches to the other file.
    Switch,
}

fn edit() -> impl Strategy<Value = Edit> {
    let snippet = proptest::sample::select(vec![
        "x",
        "let ",
        "return",
        "\n    ",
        "日",
        "fn main() {\n",
        "}",
        " ",
        "naïve",
        "u32",
    ]);
    prop_oneof![
        4 => (any::<usize>(), snippet).prop_map(|(at, text)| Edit::Insert(at, text.into())),
        2 => (any::<usize>(), 1..12usize).prop_map(|(at, n)| Edit::Delete(at, n)),
        1 => Just(Edit::Undo),
        1 => Just(Edit::Switch),
    ]
}

/// The text before the cursor after each of the edits.
fn contexts(edits: &[Edit]) -> Vec<String> {
    let mut files = [TEXT[..60].to_owned(), "fn twice(x: u32) -> u32 {\n    ret".to_owned()];
    let mut open = 0;
    let mut before = files.clone();
    let mut contexts = vec![files[0].clone()];
    for edit in edits {
        let text = &mut files[open];
        let border = |text: &str, at: usize| {
            let at = at % (text.len() + 1);
            (at..=text.len()).find(|i| text.is_char_boundary(*i)).unwrap()
        };
        match edit {
            Edit::Insert(at, what) => {
                before[open].clone_from(text);
                // Most edits are near the end, where the user types.
                let at = border(text, if at % 3 == 0 { *at } else { text.len() });
                text.insert_str(at, what);
            }
            Edit::Delete(at, n_bytes) => {
                before[open].clone_from(text);
                let start = border(text, *at);
                let end = border(text, (start + n_bytes).min(text.len()));
                text.replace_range(start..end, "");
            }
            Edit::Undo => std::mem::swap(text, &mut before[open]),
            Edit::Switch => open = 1 - open,
        }
        contexts.push(format!("\n{}", files[open]));
    }
    contexts
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn cached_equals_cold(
        edits in proptest::collection::vec(edit(), 1..12), n_healed in 0..9usize,
    ) {
        let mut warm = script().into_decoder();
        for context in contexts(&edits) {
            let cached = complete(&mut warm, &context, n_healed);
            let cold = complete(&mut script().into_decoder(), &context, n_healed);
            prop_assert_eq!(&cached.text, &cold.text);
            prop_assert_eq!(&cached.confidence, &cold.confidence);
            prop_assert_eq!(&cached.finish, &cold.finish);
            prop_assert_eq!(cached.figures.generated, cold.figures.generated);
            prop_assert_eq!(cached.figures.healed, cold.figures.healed);
            prop_assert_eq!(cached.figures.reused + cached.figures.read, cold.figures.read);
        }
    }

    #[test]
    fn drafts_do_not_change_the_text(
        edits in proptest::collection::vec(edit(), 1..6),
        n_healed in 0..9usize,
        mode in drafts::mode(),
        seed in proptest::option::of(any::<u64>()),
        min_probability in proptest::option::of(0.01f32..1.0),
    ) {
        let sampling = seed.map_or(Sampling::Greedy, |seed| Sampling::Random {
            temperature: 1.0, top_k: 8, top_p: 0.95, seed,
        });
        let mut with = script().into_decoder().with_lookup(mode);
        let mut without = script().into_decoder();
        for context in contexts(&edits) {
            let [with, without] = [&mut with, &mut without].map(|decoder| {
                let request = request(decoder, &context, n_healed);
                run(decoder, Request { sampling, min_probability, ..request })
            });
            prop_assert_eq!(&with.text, &without.text);
            prop_assert_eq!(&with.confidence, &without.confidence);
            prop_assert_eq!(&with.finish, &without.finish);
            prop_assert_eq!(with.figures.generated, without.figures.generated);
        }
    }

    /// Most contexts have about 60 tokens, so the slots grow, and evict each other.
    #[test]
    fn several_slots_answer_like_one(
        edits in proptest::collection::vec(edit(), 1..12),
        n_slots in 2..6usize,
        step_rows in 4..90usize,
        n_rows in 301..600usize,
    ) {
        let memory = KvMemory { n_slots, n_rows, slot_rows: 301, step_rows };
        let mut several = script().with_memory(memory).into_decoder();
        for context in contexts(&edits) {
            let cached = complete(&mut several, &context, 3);
            let cold = complete(&mut script().into_decoder(), &context, 3);
            prop_assert_eq!(&cached.text, &cold.text);
            prop_assert_eq!(&cached.confidence, &cold.confidence);
            prop_assert_eq!(&cached.finish, &cold.finish);
        }
    }

    #[test]
    fn healing_keeps_what_the_user_typed(context in "[a-z日ï \n]{4,40}", n_healed in 0..9usize) {
        let mut decoder = script().into_decoder();
        let request = request(&decoder, &context, n_healed);
        let n_prompt = request.prompt.ids.len();
        let owed = decoder.vocabulary.bytes_of(&request.prompt.healed);
        let done = run(&mut decoder, request);
        // The tokens after the prompt begin with the healed bytes, or are a prefix of them if the
        // run ended early.
        let written: Vec<u8> = decoder.slots.cache(0).tokens()[n_prompt..]
            .iter()
            .flat_map(|id| decoder.vocabulary.bytes(*id).to_vec())
            .collect();
        let n_common = written.len().min(owed.len());
        prop_assert_eq!(&written[..n_common], &owed[..n_common]);
        if written.len() < owed.len() {
            prop_assert_eq!(done.text, "");
        } else {
            prop_assert!(written[owed.len()..].starts_with(done.text.as_bytes())
                || done.text.as_bytes().starts_with(&written[owed.len()..]));
        }
    }

    #[test]
    fn cancel_keeps_the_cache_valid(
        edits in proptest::collection::vec(edit(), 1..5),
        moments in proptest::collection::vec(0..4usize, 6),
    ) {
        let script = script();
        let controls = script.controls();
        let mut decoder = script.into_decoder();
        let mut is_known = false;
        for (context, n_reads) in contexts(&edits).into_iter().zip(moments) {
            let cold = complete(&mut self::script().into_decoder(), &context, 0);
            let cancelled = request(&decoder, &context, 0);
            let finish;
            (decoder, finish) = cancel_at(decoder, &controls, cancelled, n_reads);
            let is_whole = finish == cold.finish;
            prop_assert!(is_whole || finish == Some(FinishReason::Cancelled), "{:?}", finish);
            prop_assert!(!is_whole || n_reads > 0 || is_known, "no text without a read");
            is_known = true;
            let after = complete(&mut decoder, &context, 0);
            prop_assert_eq!(after.text, cold.text);
            prop_assert_eq!(after.finish, cold.finish);
        }
    }

    #[test]
    fn text_does_not_depend_on_how_bytes_are_split(
        text in "\\PC{0,20}", cuts in proptest::collection::vec(any::<usize>(), 0..8),
    ) {
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (text.len() + 1)).collect();
        cuts.extend([0, text.len()]);
        cuts.sort_unstable();
        let mut out = Text::default();
        for pair in cuts.windows(2) {
            prop_assert!(out.push(&text.as_bytes()[pair[0]..pair[1]]));
            prop_assert!(text.starts_with(out.as_str()));
        }
        prop_assert_eq!(out.as_str(), text.as_str());
    }
}

/// The log-probabilities of texts after a context, or `None` if they were not computed.
fn score(decoder: &mut Decoder<Script>, context: &str, texts: &[String]) -> Option<Vec<f64>> {
    let ids = |text: &str| decoder.vocabulary.encode(text);
    let prompt = Prompt { ids: ids(context), healed: Vec::new() };
    let scored = texts.iter().map(|it| ids(it)).collect();
    let request = Request { scored, ..Request::new(prompt, Policy::default(), 0) };
    let (progress, reader) = watch::channel(Progress::default());
    let job = Job { kind: Kind::Score, ..job(request, progress) };
    decoder.run(job, &Queue::default());
    let done = reader.borrow().clone();
    (done.finish == Some(FinishReason::Scored)).then_some(done.log_probabilities)
}

proptest! {
    #[test]
    fn warm_scores_equal_cold_ones(
        rounds in prop::collection::vec(("[a-c]{1,80}", prop::collection::vec("[a-c]{0,40}", 2)), 1..6),
    ) {
        let mut warm = script().with_slots(2).into_decoder();
        for (context, texts) in rounds {
            complete(&mut warm, &context[..context.len() / 2 + 1], 0);
            let mut cold = script().with_slots(2).into_decoder();
            let expected = score(&mut cold, &context, &texts);
            prop_assert!(expected.is_some());
            prop_assert_eq!(score(&mut warm, &context, &texts), expected);
        }
    }
}

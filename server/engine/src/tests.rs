//! The engine's thread and its queue: the order of jobs, and the effects of cancels and failures.

use super::{
    scripted::{Controls, Fault, Read, Script},
    *,
};
use foretell_policy::CursorContext;

const TEXT: &str = "fn main() =\n    let naïve = \"日本語 🦀\";\n    return naïve.len();\n}\n";

fn start(script: Script) -> (Engine, Controls) {
    let controls = script.controls();
    controls.hold();
    (Engine::start(move || Ok(script.into_decoder())), controls)
}

fn prompt(text: &str) -> Prompt {
    let vocabulary = scripted::byte_vocabulary(&[], &[]).unwrap();
    Prompt { ids: vocabulary.encode(text), healed: Vec::new() }
}

fn request(text: &str) -> Request {
    let policy = Policy::new(CursorContext { line_before: "x".into(), ..CursorContext::default() });
    Request::new(prompt(text), policy, 64)
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

fn finished(mut generation: Generation) -> Progress {
    block_on(async {
        while generation.progress().finish.is_none() && generation.changed().await {}
    });
    generation.progress()
}

/// A text of three prefill chunks that shares no token with the same text of another letter.
fn long(letter: char) -> String {
    letter.to_string().repeat(3 * decoder::PREFILL_CHUNK)
}

#[test]
fn partial_characters_are_not_shown() {
    let (engine, controls) = start(Script::new(TEXT).unwrap());
    let request = Request::new(prompt("let naïve = \""), Policy::none(), 64);
    let generation = engine.generate(request);
    let mut seen = Vec::new();
    for _ in 0..8 {
        controls.wait_until_held();
        seen.push(generation.progress().text);
        controls.permit(1);
    }
    // 日 is three tokens, and is shown after the third.
    assert_eq!(seen, ["", "", "", "日", "日", "日", "日本", "日本"]);
}

#[test]
fn panic_fails_one_run_only() {
    let (engine, controls) = start(Script::new(TEXT).unwrap());
    controls.fail_after(2, Fault::Panic);
    controls.release();
    let failed = finished(engine.generate(request("fn main")));
    assert_eq!(failed.finish.unwrap().name(), "failed");
    let again = finished(engine.generate(request("fn main")));
    assert_eq!((again.text.as_str(), again.figures.reused), ("() =", 0));
}

#[test]
fn fallback_is_reported_once_and_clears_caches() {
    let (engine, controls) = start(Script::new(TEXT).unwrap().with_slots(2));
    controls.release();
    let mut states = engine.states();
    let whole = finished(engine.generate(request("fn main")));
    finished(engine.generate(request(&long('x'))));
    assert_eq!(engine.state(), EngineState::Ready);
    states.mark_unchanged();
    controls.fail_after(0, Fault::FallsBack);
    let failed = finished(engine.generate(request(&long('y'))));
    assert_eq!(failed.finish.unwrap().name(), "failed");
    // Every slot is empty now.
    let again = finished(engine.generate(request(&long('x'))));
    assert_eq!((again.finish.unwrap().name(), again.figures.reused), ("end_of_text", 0));
    assert_eq!(finished(engine.generate(request("fn main"))).text, whole.text);
    block_on(states.changed()).unwrap();
    let slower =
        EngineState::Slower { provider: "cpu", message: "a scripted way that is slower".into() };
    assert_eq!(*states.borrow_and_update(), slower);
    drop(engine);
    assert!(block_on(states.changed()).is_err(), "the state changes once");
}

#[test]
fn broken_model_fails_every_request() {
    let (engine, controls) = start(Script::new(TEXT).unwrap());
    controls.release();
    assert_eq!(finished(engine.generate(request("fn main"))).text, "() =");
    controls.fail_after(0, Fault::Breaks);
    for _ in 0..2 {
        let failed = finished(engine.generate(request("let naïve")));
        assert_eq!(failed.finish.unwrap().name(), "failed");
    }
    assert_eq!(engine.state(), EngineState::Failed(Failure::message("a scripted end")));
}

#[test]
fn load_error_fails_every_request() {
    let engine = Engine::start::<Script>(|| anyhow::bail!("no model here"));
    let reason = Failure::message("no model here");
    assert_eq!(block_on(engine.loaded()), EngineState::Failed(reason.clone()));
    for _ in 0..2 {
        let failed = finished(engine.generate(request("x")));
        assert_eq!(failed.finish, Some(FinishReason::Failed(reason.clone())));
    }
}

#[test]
fn load_panic_fails_every_request() {
    let engine = Engine::start::<Script>(|| panic!("a bug"));
    assert_eq!(finished(engine.generate(request("x"))).finish.unwrap().name(), "failed");
    assert!(matches!(block_on(engine.loaded()), EngineState::Failed(_)));
}

#[test]
fn abandoned_request_is_skipped() {
    let (engine, controls) = start(Script::new(TEXT).unwrap());
    let first = engine.generate(request("fn main"));
    controls.wait_until_held();
    drop(engine.generate(request("let n")));
    let last = engine.generate(request("return"));
    controls.release();
    assert_eq!(finished(first).text, "() =");
    assert_eq!(finished(last).text, " naïve.len();");
    let n_tokens = |n| controls.reads().iter().any(|read| read.n_past == 0 && read.n_tokens == n);
    assert!(n_tokens("return".len()) && !n_tokens("let n".len()));
}

#[test]
fn useless_prefill_chunk_is_aborted() {
    let (engine, controls) = start(Script::new(TEXT).unwrap());
    let given_up = engine.generate(request(&long('a')));
    controls.wait_until_held();
    drop(given_up);
    let next = engine.generate(request("return"));
    // The first read never gets a permit, so it can only end by being aborted.
    controls.wait_until_read_is_ended();
    controls.release();
    assert_eq!(finished(next).text, " naïve.len();");
    assert_eq!(controls.reads()[0], Read { slot: 0, n_past: 0, n_tokens: 6 });
}

#[test]
fn dropping_the_engine_aborts_the_prefill() {
    let (engine, controls) = start(Script::new(TEXT).unwrap());
    let last = engine.generate(request(&long('a')));
    controls.wait_until_held();
    drop(last);
    drop(engine);
    controls.wait_until_read_is_ended();
}

#[test]
fn useful_prefill_chunk_is_finished() {
    let (engine, controls) = start(Script::new(TEXT).unwrap());
    let given_up = engine.generate(request(&long('a')));
    controls.wait_until_held();
    let next = engine.generate(request(&(long('a') + "b")));
    drop(given_up);
    controls.release();
    assert_eq!(finished(next).figures.reused, decoder::PREFILL_CHUNK);
}

#[test]
fn awaited_request_is_not_aborted() {
    let (engine, controls) = start(Script::new(TEXT).unwrap());
    let first = engine.generate(request("fn main"));
    controls.wait_until_held();
    let next = engine.generate(request("return"));
    controls.release();
    assert_eq!(finished(first).text, "() =");
    assert_eq!(finished(next).text, " naïve.len();");
}

#[test]
fn prewarm_only_reads_the_prompt() {
    let (engine, controls) = start(Script::new(TEXT).unwrap());
    controls.release();
    let warm = finished(engine.prefill(prompt("fn main")));
    assert_eq!((warm.text.as_str(), warm.finish), ("", Some(FinishReason::PromptRead)));
    assert_eq!(warm.figures.read, 7);
    let done = finished(engine.generate(request("fn main")));
    assert_eq!((done.figures.reused, done.figures.read), (7, 0));
}

#[test]
fn prewarm_yields_and_keeps_its_tokens() {
    let (engine, controls) = start(Script::new(TEXT).unwrap().with_slots(2));
    let warm = engine.prefill(prompt(&long('a')));
    controls.permit(1);
    controls.wait_until_held(); // before the second chunk
    let asked = engine.generate(request("return"));
    controls.wait_until_read_is_ended();
    controls.release();
    assert_eq!(finished(warm).finish, Some(FinishReason::Cancelled));
    assert_eq!(finished(asked).text, " naïve.len();");
    let later = finished(engine.generate(request(&long('a'))));
    assert_eq!(later.figures.reused, decoder::PREFILL_CHUNK);
}

#[test]
fn queue_order_is_requests_then_newest_prewarm() {
    let (engine, controls) = start(Script::new(TEXT).unwrap());
    let first = engine.generate(request("fn main"));
    controls.wait_until_held();
    let older = engine.prefill(prompt("aaaa"));
    let newer = engine.prefill(prompt("bbbbb"));
    let second = engine.generate(request("return"));
    controls.release();
    assert_eq!(finished(first).text, "() =");
    assert_eq!(finished(second).text, " naïve.len();");
    assert_eq!(finished(newer).finish, Some(FinishReason::PromptRead));
    assert_eq!(finished(older).finish, None, "the job was dropped");
    assert!(!controls.reads().iter().any(|read| read.n_past == 0 && read.n_tokens == 4));
}

/// While a user types a setting, it changes several times before the first model is loaded.
#[test]
fn models_load_one_at_a_time_and_only_if_needed() {
    let (begin, may_load) = std::sync::mpsc::channel::<()>();
    let (loads, loaded) = std::sync::mpsc::channel();
    let engine = |name: &'static str, wait: Option<std::sync::mpsc::Receiver<()>>| {
        let loads = loads.clone();
        Engine::start(move || {
            loads.send(name)?;
            wait.into_iter().for_each(|it| it.recv().unwrap());
            Ok(Script::new(TEXT)?.into_decoder())
        })
    };
    let first = engine("first", Some(may_load));
    assert_eq!(loaded.recv().unwrap(), "first");
    let in_between = engine("in between", None);
    let mut its_states = in_between.states();
    drop(in_between);
    let last = engine("last", None);
    assert!(loaded.try_recv().is_err(), "two models load at once");
    begin.send(()).unwrap();
    assert_eq!(block_on(last.loaded()), EngineState::Ready);
    while block_on(its_states.changed()).is_ok() {}
    assert_eq!(loaded.try_iter().collect::<Vec<_>>(), ["last"]);
    drop(first);
}

#[test]
fn thread_ends_with_the_last_handle() {
    let (engine, controls) = start(Script::new(TEXT).unwrap());
    controls.release();
    let generation = engine.generate(request("fn main"));
    drop(engine);
    // The pending request is still answered, and then the sender is gone.
    assert_eq!(finished(generation.clone()).text, "() =");
    let mut generation = generation;
    while block_on(generation.changed()) {}
}

/// The texts after `fn main`, scored.
fn score(engine: &Engine, texts: &[&str]) -> Generation {
    let texts = texts.iter().map(|it| prompt(it).ids).collect();
    engine.score(prompt("fn main").ids, texts)
}

#[test]
fn scores_are_the_log_probabilities_of_texts() {
    let script = Script::new(TEXT).unwrap().with_slots(2).with_doubts(&[(7, 0.25)]);
    let (engine, controls) = start(script);
    controls.release();
    let scored = finished(score(&engine, &["() ", "()+", ""]));
    assert_eq!((&scored.finish, scored.text.as_str()), (&Some(FinishReason::Scored), ""));
    let [likely, unlikely, empty] = scored.log_probabilities[..] else { panic!("{scored:?}") };
    // All tokens but the first are certain.
    assert!((likely.exp() - 0.25).abs() < 0.01, "{likely}");
    assert!(unlikely < likely - 5.0, "{unlikely}");
    assert_eq!(empty, 0.0);
    let again = finished(score(&engine, &["() ", "()+", ""]));
    assert_eq!(again.log_probabilities, scored.log_probabilities);
    assert_eq!((scored.figures.reused, again.figures.reused), (0, "fn mai".len()));
}

#[test]
fn scoring_yields_and_starts_again() {
    let (engine, controls) = start(Script::new(TEXT).unwrap().with_slots(2));
    let scoring = engine.score(prompt(&long('a')).ids, vec![vec![1], vec![2]]);
    controls.permit(1);
    controls.wait_until_held(); // before the second chunk
    let asked = engine.generate(request("return"));
    controls.wait_until_read_is_ended();
    controls.release();
    assert_eq!(finished(scoring).finish, Some(FinishReason::Cancelled));
    assert_eq!(finished(asked).text, " naïve.len();");
    let again = finished(engine.score(prompt(&long('a')).ids, vec![vec![1], vec![2]]));
    assert_eq!(again.figures.reused, decoder::PREFILL_CHUNK);
    assert_eq!(again.log_probabilities.len(), 2);
}

/// A background prefill before its second chunk, and scoring that waits.
fn scoring_in_a_prefill(n_slots: usize) -> (Engine, Controls, Generation, Generation) {
    let (engine, controls) = start(Script::new(TEXT).unwrap().with_slots(n_slots));
    let prefill = engine.prefill(prompt(&long('a')));
    controls.permit(1);
    controls.wait_until_held();
    let scoring = score(&engine, &["() ", "()+"]);
    (engine, controls, prefill, scoring)
}

#[test]
fn scoring_runs_between_the_chunks_of_a_background_prefill() {
    let (engine, controls, prefill, scoring) = scoring_in_a_prefill(3);
    controls.permit(1 + 3); // a chunk, then the prompt and two texts
    controls.wait_until_held();
    assert_eq!(scoring.progress().finish, Some(FinishReason::Scored));
    assert_eq!(prefill.progress().finish, None);
    controls.release();
    assert_eq!(finished(prefill).finish, Some(FinishReason::PromptRead));
    assert_eq!(finished(engine.prefill(prompt(&long('a')))).figures.read, 0);
}

#[test]
fn scoring_waits_for_the_slot_of_a_background_prefill() {
    let (_engine, controls, prefill, scoring) = scoring_in_a_prefill(2);
    controls.release();
    assert_eq!(finished(prefill).finish, Some(FinishReason::PromptRead));
    assert_eq!(finished(scoring).finish, Some(FinishReason::Scored));
}

#[test]
fn failed_scoring_ends_the_prefill() {
    let (_engine, controls, prefill, scoring) = scoring_in_a_prefill(3);
    controls.fail_after(1, Fault::Error);
    controls.release();
    assert!(matches!(finished(scoring).finish, Some(FinishReason::Failed(_))));
    assert_eq!(finished(prefill).finish, Some(FinishReason::Cancelled));
}

#[test]
fn scoring_spares_the_current_place() {
    for (n_slots, finish) in [(1, FinishReason::ContextFull), (2, FinishReason::Scored)] {
        let (engine, controls) = start(Script::new(TEXT).unwrap().with_slots(n_slots));
        controls.release();
        finished(engine.generate(request("fn main")));
        let scored = finished(engine.score(prompt("return").ids, vec![prompt("x").ids]));
        assert_eq!(scored.finish, Some(finish));
        let same = finished(engine.generate(request("fn main")));
        assert_eq!(same.figures.read, 0, "{n_slots} slots");
    }
}

//! Tests what is shown after the user typed or accepted part of the suggestion.

use super::*;
use crate::session::request::Source;

/// Generates tokens with the given probabilities in the document `let x`, then types each of
/// `parts` and requests a suggestion after it. Returns what is shown, and whether another
/// generation was needed.
fn continued(tokens: &[(&str, f32)], finish: FinishReason, parts: &[&str]) -> Vec<String> {
    let mut world = World::new();
    answered(&mut world, tokens, finish);
    let mut answers = vec![world.shown()];
    for part in parts {
        world.type_text(part);
        world.ask(false, Kind::Automatic);
        world.start();
        let answer = &world.asked[&world.last.unwrap()].answer;
        let is_known = matches!(answer, Some(Answer::Shows { source: Source::TypeThrough, .. }));
        let cost = if is_known { "" } else { " (generates)" };
        answers.push(format!("{}{cost}", world.shown()));
    }
    answers
}

/// Requests a suggestion and generates tokens with the given probabilities.
fn answered(world: &mut World, tokens: &[(&str, f32)], finish: FinishReason) {
    world.ask(false, Kind::Automatic);
    world.start();
    let id = *world.running.keys().next().unwrap();
    let mut progress = Progress { finish: Some(finish), ..Progress::default() };
    let mut confidence = Confidence::default();
    for (token, probability) in tokens {
        progress.text.push_str(token);
        confidence.push(progress.text.len(), probability.ln());
    }
    progress.confidence = Some(confidence);
    world.running.clear();
    world.ended.insert(id);
    world.handle(Event::Progress { id, progress });
}

/// The running generations, without prefills.
fn n_running(world: &World) -> usize {
    world.running.values().filter(|(writes, _)| *writes).count()
}

const CALL: [(&str, f32); 6] =
    [(" = load", 0.9), ("(", 0.95), ("path", 0.6), (", mode", 0.5), (")", 0.95), (";", 0.95)];

fn line_end() -> FinishReason {
    FinishReason::Stopped(StopRule::LineEnd)
}

#[test]
fn typed_text_makes_the_next_part_certain() {
    let keys = [" ", "=", " load", "(", "pat", "h"];
    assert_eq!(
        continued(&CALL, line_end(), &keys),
        [" = load(", "= load(", " load(", "(path", "path", "h", ", mode);"]
    );
}

#[test]
fn accepted_text_makes_the_next_part_certain() {
    assert_eq!(
        continued(&CALL, line_end(), &[" = load(", "path", ", mode);"]),
        [" = load(", "path", ", mode);", " (generates)"]
    );
}

#[test]
fn accepted_word_keeps_what_was_shown() {
    let tokens = [(" = a", 0.8), (" +", 0.8), (" b", 0.9), (" + c", 0.65), (";", 0.99)];
    assert_eq!(
        continued(&tokens, line_end(), &[" = ", "a ", "+ "]),
        [" = a + b", "a + b", "+ b + c;", "b + c;"]
    );
}

#[test]
fn known_text_is_not_generated_again() {
    let tokens = [(" = sum", 0.9), ("(items)", 0.3), (";", 0.9)];
    let mut world = World::new();
    answered(&mut world, &tokens, line_end());
    assert_eq!(world.shown(), " = sum");
    let rest = world.timers.iter().position(|(timer, ..)| *timer == Timer::Rest).unwrap();
    world.elapse(rest);
    let prefetched = world.state.prefetch.as_ref().map(|(at, _)| at.clone());
    let text = "let x = sum(items);\n";
    let expected = Snapshot::of_text(URIS[0], "rust", text);
    assert_eq!(prefetched, Some(Surroundings::new(&expected, text.len())));
}

#[test]
fn certain_lines_follow_one_by_one() {
    let tokens =
        [(" = 1;", 0.9), ("\nlet y", 0.6), (" = 2;", 0.7), ("\nlet z", 0.6), (" = 3;", 0.9)];
    assert_eq!(
        continued(&tokens, line_end(), &[" = 1;", "\nlet y = 2;", "\n"]),
        [" = 1;", "\nlet y = 2;", "\nlet z = 3;", "let z = 3;"]
    );
}

#[test]
fn unsure_next_line_is_not_shown() {
    let unsure = FinishReason::Stopped(StopRule::Unsure);
    let tokens = [("\n", 0.9), ("let", 0.8), (" y", 0.1)];
    let mut world = World::new();
    world.ask(false, Kind::Automatic);
    world.start();
    let id = *world.running.keys().next().unwrap();
    let mut confidence = Confidence::default();
    let mut held_back = String::new();
    for (token, probability) in tokens {
        held_back.push_str(token);
        confidence.push(held_back.len(), f32::ln(probability));
    }
    let confidence = Some(confidence);
    let progress = Progress { held_back, confidence, finish: Some(unsure), ..Progress::default() };
    world.running.clear();
    world.ended.insert(id);
    world.handle(Event::Progress { id, progress });
    let answer = world.asked[&world.last.unwrap()].answer.clone();
    assert_eq!(answer, Some(Answer::Empty(EmptyReason::NothingToSay(line_end()))));
    assert_eq!(n_running(&world), 1, "the next line is computed ahead");
}

//! Tests which source answers a request.

use super::*;

/// Plays the acts; returns the answer to each request.
fn answers(acts: &[Act]) -> Vec<String> {
    let mut world = World::new();
    acts.iter().for_each(|it| world.play(it.clone()));
    let of = |it: &Asked| match (&it.answer, it.is_superseded) {
        (Some(Answer::Shows { text, source, .. }), _) => format!("{} {text:?}", source.name()),
        (Some(Answer::Empty(reason)), _) => reason.name().to_owned(),
        (None, true) => "superseded".to_owned(),
        (None, false) => "waits".to_owned(),
    };
    world.asked.values().map(of).collect()
}

#[test]
fn typing_through_needs_no_generation() {
    let ask = Act::Ask { streams: false, kind: Kind::Automatic };
    let acts = [
        ask.clone(),
        Act::Start,
        Act::Write(0, 4),
        Act::Finish(0, 0),
        Act::Accept(2),
        ask,
        Act::Start,
    ];
    assert_eq!(answers(&acts), ["model \"g(y)\"", "type_through \"y)\""]);
}

#[test]
fn edit_supersedes_a_waiting_request() {
    let ask = Act::Ask { streams: false, kind: Kind::Automatic };
    let acts = [ask.clone(), Act::Start, Act::Write(0, 2), Act::Type(3), ask, Act::Start];
    assert_eq!(answers(&acts), ["superseded", "waits"]);
}

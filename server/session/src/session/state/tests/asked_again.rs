//! A client that asks again while the generation runs.

use super::*;

/// Asks at the same place after each of `says`, which a generation says so far; the deadline elapses
/// if there is no answer. Returns the answers.
fn asked_again(says: &[&str]) -> Vec<String> {
    let mut world = World::new();
    let mut answers = Vec::new();
    for text in says {
        world.ask(false, Kind::Automatic);
        world.start();
        let (&id, (_, progress)) = world.running.iter_mut().next().unwrap();
        progress.text = (*text).to_owned();
        let progress = progress.clone();
        world.handle(Event::Progress { id, progress });
        let last = world.last.unwrap();
        let mut waited = "";
        if world.asked[&last].answer.is_none() {
            waited = "later: ";
            let deadline = world.timers.iter().position(|it| it.0 == Timer::Deadline).unwrap();
            world.elapse(deadline);
        }
        answers.push(format!("{waited}{}", world.shown()));
    }
    answers
}

#[test]
fn asking_again_gets_more() {
    let says =
        ["merged = []", "merged = [] + a", "merged = [] + a\nwhile", "merged = [] + a\nwhile x:\n"];
    assert_eq!(
        asked_again(&says),
        ["later: merged = []", "merged = [] +", "merged = [] + a", "merged = [] + a\nwhile x:"]
    );
}

#[test]
fn asking_again_waits_for_more_until_the_deadline() {
    assert_eq!(
        asked_again(&["merged = []", "merged = [", "merged = []; x"]),
        ["later: merged = []", "later: merged = [", "merged = [];"]
    );
}

#[test]
fn typing_through_does_not_wait_for_more() {
    let mut world = World::new();
    world.ask(false, Kind::Automatic);
    world.start();
    world.write(0, 3);
    let deadline = world.timers.iter().position(|it| it.0 == Timer::Deadline).unwrap();
    world.elapse(deadline);
    assert_eq!(world.shown(), "", "too little of a first line");
    world.ask(false, Kind::Automatic);
    world.start();
    let id = *world.running.keys().next().unwrap();
    let progress = Progress { text: "merged = [] + a".into(), ..Progress::default() };
    world.handle(Event::Progress { id, progress });
    let deadline = world.timers.iter().position(|it| it.0 == Timer::Deadline).unwrap();
    world.elapse(deadline);
    assert_eq!(world.shown(), "merged = [] +");
    world.type_text("mer");
    world.ask(false, Kind::Automatic);
    world.start();
    assert_eq!(world.shown(), "ged = [] +");
}

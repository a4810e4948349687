//! Draft tokens change the time, not the text.

use super::*;
use crate::lookup::MAX_DRAFT;

/// A mode with draft tokens.
pub(super) fn mode() -> impl Strategy<Value = Mode> {
    prop_oneof![
        4 => (1..=MAX_DRAFT).prop_map(Mode::Fixed),
        1 => Just(Mode::Adaptive),
        1 => Just(Mode::OnlyPrompt),
    ]
}

#[test]
fn repeated_text_is_drafted() {
    let line = "    values.push(compute(values.len()));\n";
    let script = Script::new(&line.repeat(4)).unwrap();
    let controls = script.controls();
    let mut decoder = script.into_decoder().with_lookup(Mode::Fixed(8));
    let mut request = request(&decoder, &line.repeat(2), 0);
    request.max_tokens = 80;
    let done = run(&mut decoder, request);
    assert!(done.text.starts_with(line.trim_end()), "{}", done.text);
    let GenerationMetrics { generated, drafted, accepted, .. } = done.figures;
    assert!(accepted >= 35, "{accepted} of {drafted} draft tokens accepted, {generated} generated");
    let n_steps = controls.reads().iter().filter(|read| read.n_past >= 2 * line.len()).count();
    assert!(n_steps + accepted <= generated, "an accepted token costs no step");
}

#[test]
fn earlier_generation_is_drafted_again() {
    let n_accepted = |mode: Mode| {
        // One slot, so the first generation's tokens are only in the lookup.
        let memory = KvMemory { n_slots: 1, n_rows: 301, slot_rows: 301, step_rows: 64 };
        let mut decoder = script().with_memory(memory).into_decoder().with_lookup(mode);
        let first = complete(&mut decoder, "fn main() {\n", 0);
        let again = complete(&mut decoder, "\nfn main() {\n", 0);
        assert_eq!(again.text, first.text);
        again.figures.accepted
    };
    let [only_prompt, all] = [Mode::OnlyPrompt, Mode::Fixed(4)].map(n_accepted);
    assert!(all > only_prompt + 20, "{all} of all sources, {only_prompt} of the prompt");
}

#[test]
fn wrong_draft_of_an_earlier_generation_does_not_change_the_text() {
    let text = "a = one(x)\nb = one(y)\n";
    let mut with = Script::new(text).unwrap().into_decoder().with_lookup(Mode::Fixed(8));
    let mut without = Script::new(text).unwrap().into_decoder();
    let mut n_wrong = 0;
    for context in ["a = ", "b = ", "a = ", "b = "] {
        let expected = complete(&mut without, context, 0);
        let found = complete(&mut with, context, 0);
        assert_eq!(found.text, expected.text);
        assert_eq!(found.confidence, expected.confidence);
        n_wrong += found.figures.drafted - found.figures.accepted;
    }
    assert!(n_wrong > 0, "a draft is wrong");
}

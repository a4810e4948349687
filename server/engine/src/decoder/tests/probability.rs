//! Tests the probability of the text, and generations that end where it is low.

use super::*;
use crate::calibration::Curve;

/// The end of each part, and the probability of the text up to there in percent.
fn along(done: &Progress) -> Vec<(usize, u32)> {
    let confidence = done.confidence.as_ref().expect("a model knows its probabilities");
    let ends = confidence.pieces().iter().map(|it| it.end);
    let percent = |end| (confidence.log_probability(0, end).exp() * 100.0).round() as u32;
    ends.map(|end| (end, percent(end))).collect()
}

fn of_script(script: Script, context: &str, n_healed: usize) -> Progress {
    complete(&mut script.into_decoder(), context, n_healed)
}

#[test]
fn probability_of_the_text_so_far_is_reported() {
    let script = Script::new("a = bcd;\n").unwrap().with_doubts(&[(4, 0.8), (6, 0.5)]);
    let done = of_script(script, "a = ", 0);
    assert_eq!(done.text, "bcd;");
    // The line break ends the text.
    assert_eq!(along(&done), [(1, 80), (2, 80), (3, 40), (4, 40), (5, 40)]);
}

#[test]
fn bytes_of_a_character_count_together() {
    let script = Script::new("a = 日本;\n").unwrap().with_doubts(&[(5, 0.5), (9, 0.5)]);
    let done = of_script(script, "a = ", 0);
    assert_eq!(done.text, "日本;");
    assert_eq!(along(&done), [(3, 50), (6, 25), (7, 25), (8, 25)]);
}

#[test]
fn healed_word_is_renormalized() {
    let script = || {
        let script = Script::with_words("x return y\n", &["return"]).unwrap();
        script.with_doubts(&[(2, 0.3)])
    };
    assert_eq!(along(&of_script(script(), "x ", 0))[0], (6, 30));
    let healed = of_script(script(), "x ret", 3);
    assert_eq!(healed.text, "urn y");
    let percent = along(&healed)[0].1;
    // Of 262 tokens, `return` and `r` are compatible with `ret`.
    assert!((97..100).contains(&percent), "{percent}");
}

#[test]
fn sampler_does_not_change_probabilities() {
    let script = || Script::new("a = bcd;\n").unwrap().with_doubts(&[(4, 0.6), (6, 0.6)]);
    let mut decoder = script().into_decoder();
    let sampling = Sampling::Random { temperature: 0.2, top_k: 5, top_p: 0.9, seed: 1 };
    let sampled = Request { sampling, ..request(&decoder, "a = ", 0) };
    assert_eq!(along(&run(&mut decoder, sampled)), along(&of_script(script(), "a = ", 0)));
}

#[test]
fn unlikely_text_ends_early() {
    let script = Script::new("a = bc defg;\n").unwrap().with_doubts(&[(4, 0.8), (7, 0.5)]);
    let mut decoder = script.into_decoder();
    let mut few = |min| {
        let request = request(&decoder, "a = ", 0).with_min_probability(min);
        run(&mut decoder, request)
    };
    let unsure = few(Some(0.5));
    assert_eq!(unsure.text, "bc", "complete words");
    assert_eq!(unsure.finish, Some(FinishReason::Stopped(StopRule::Unsure)));
    assert_eq!(unsure.figures.generated, 4);
    assert_eq!(unsure.confidence.unwrap().likely_end(0, 0.5), "bc ".len());
    let whole = few(Some(0.3));
    assert_eq!((whole.text.as_str(), whole.figures.generated), ("bc defg;", 10));
    assert_eq!(few(None).text, whole.text);
}

#[test]
fn calibrated_probabilities_are_reported_and_decide() {
    let script = || Script::new("a = bcd;\n").unwrap().with_doubts(&[(4, 0.8), (6, 0.5)]);
    let mut decoder = script().into_decoder();
    let calibrated = request(&decoder, "a = ", 0).with_calibration(Some(curve()));
    let few = request(&decoder, "a = ", 0)
        .with_calibration(calibrated.calibration.clone())
        .with_min_probability(Some(0.3));
    let done = run(&mut decoder, calibrated);
    assert_eq!(along(&done), [(1, 60), (2, 60), (3, 10), (4, 10), (5, 10)]);
    let offline = of_script(script(), "a = ", 0).confidence.map(|it| it.calibrated(curve()));
    assert_eq!(done.confidence, offline);
    // The uncalibrated probability is 0.4.
    assert_eq!(run(&mut decoder, few).finish, Some(FinishReason::Stopped(StopRule::Unsure)));
}

fn curve() -> Curve {
    Curve::try_from(vec![[0.4, 0.1], [0.8, 0.6], [1.0, 0.9]]).unwrap()
}

proptest! {
    #[test]
    fn threshold_only_shortens_the_text(
        edits in proptest::collection::vec(edit(), 1..6),
        n_healed in 0..9usize,
        min in 0.0001f32..1.0,
    ) {
        let mut with = script().with_certainty(2.5).into_decoder();
        let mut without = script().with_certainty(2.5).into_decoder();
        for context in contexts(&edits) {
            let whole = complete(&mut without, &context, n_healed);
            let request = request(&with, &context, n_healed).with_min_probability(Some(min));
            let some = run(&mut with, request);
            prop_assert!(whole.text.starts_with(&some.text), "{:?} of {:?}", some, whole);
            if some.finish != Some(FinishReason::Stopped(StopRule::Unsure)) {
                prop_assert_eq!(&some.text, &whole.text);
            }
            // The common part has the same confidence.
            if let (Some(a), Some(b)) = (&some.confidence, &whole.confidence) {
                prop_assert!(b.pieces().starts_with(a.pieces()) || a.pieces().starts_with(b.pieces()));
            }
        }
    }
}

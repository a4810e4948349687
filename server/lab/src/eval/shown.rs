//! The text that a user would see at each threshold of `suggest.eagerness`. Texts are recorded once
//! without a threshold, and cut by the server's own code.

use std::collections::BTreeMap;

use foretell_config::Eagerness;
use foretell_engine::{Confidence, Progress};
use foretell_policy::READING_COST_KEYS;
use foretell_session::suggestion::{GenerationId, Suggestion, Verdict as Says};
use serde::Serialize;

use super::{
    answers::Outcome,
    cases::{open_case, truth},
};

/// The thresholds of the curve; 0 shows everything.
pub(super) const THRESHOLDS: [f32; 10] = [0.0, 0.02, 0.05, 0.08, 0.1, 0.15, 0.2, 0.25, 0.35, 0.5];

/// The thresholds of the settings' levels, after 0.
pub(super) fn levels() -> [f32; 4] {
    let named = [Eagerness::Eager, Eagerness::Balanced, Eagerness::Calm];
    let [eager, balanced, calm] = named.map(|it| it.min_probability().unwrap_or_default());
    [0.0, eager, balanced, calm]
}

/// The part of a recorded text that is shown at a threshold.
pub(super) fn shown_at(outcome: &Outcome, threshold: f32) -> String {
    shown_with(outcome, outcome.confidence(), threshold)
}

fn shown_with(outcome: &Outcome, confidence: Option<&Confidence>, threshold: f32) -> String {
    let (snapshot, cursor) = open_case(&outcome.case);
    let progress = Progress {
        text: outcome.answer.text.clone(),
        confidence: confidence.cloned(),
        finish: outcome.answer.finish.clone(),
        ..Progress::default()
    };
    let min_probability = Some(threshold).filter(|it| *it > 0.0);
    let suggestion =
        Suggestion::new(&snapshot, cursor, GenerationId(0)).with_min_probability(min_probability);
    match suggestion.verdict(&snapshot.uri, cursor, &progress) {
        Says::Shows(text) => text,
        _ => String::new(),
    }
}

/// What users see in some cases.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub(super) struct Shown {
    pub(super) cases: usize,
    /// Cases in which a text is shown.
    pub(super) shown: usize,
    /// Cases in which the shown text is a prefix of the original.
    pub(super) right: usize,
    /// Characters of shown texts that are a prefix of the original, without surrounding whitespace.
    pub(super) right_chars: usize,
    /// Characters of other shown texts.
    pub(super) wrong_chars: usize,
}

impl Shown {
    fn add(&mut self, text: &str, truth: &str) {
        let text = text.trim_end();
        let n_chars = text.trim().chars().count();
        self.cases += 1;
        if n_chars == 0 {
            return;
        }
        self.shown += 1;
        if truth.starts_with(text) {
            self.right += 1;
            self.right_chars += n_chars;
        } else {
            self.wrong_chars += n_chars;
        }
    }

    /// Keystrokes saved per case: right characters minus one keystroke per acceptance, minus
    /// [`READING_COST_KEYS`] per wrong suggestion.
    pub(super) fn net_saved(&self) -> f64 {
        let saved = (self.right_chars - self.right) as f64;
        let lost = READING_COST_KEYS * (self.shown - self.right) as f64;
        (saved - lost) / self.cases.max(1) as f64
    }

    /// The share of cases with a text, the share of right texts among them, and the right and wrong
    /// characters per case.
    pub(super) fn figures(&self) -> [f64; 4] {
        let of = |part: usize, all: usize| if all == 0 { 0.0 } else { part as f64 / all as f64 };
        [
            of(self.shown, self.cases),
            of(self.right, self.shown),
            of(self.right_chars, self.cases),
            of(self.wrong_chars, self.cases),
        ]
    }
}

/// The curve: what is shown at each threshold.
pub(super) type Curve = Vec<(f32, Shown)>;

/// The curve over some outcomes.
pub(super) fn curve<'a>(outcomes: impl Iterator<Item = &'a Outcome> + Clone) -> Curve {
    curve_with(outcomes, Outcome::confidence)
}

/// The curve over some outcomes with another confidence.
pub(super) fn curve_with<'a>(
    outcomes: impl Iterator<Item = &'a Outcome> + Clone,
    confidence: fn(&Outcome) -> Option<&Confidence>,
) -> Curve {
    THRESHOLDS
        .iter()
        .map(|threshold| {
            let mut shown = Shown::default();
            for it in outcomes.clone() {
                let text = shown_with(it, confidence(it), *threshold);
                shown.add(&text, &truth(&it.case, &text));
            }
            (*threshold, shown)
        })
        .collect()
}

/// The curve of each group of outcomes.
pub(super) fn curves(
    outcomes: &[Outcome],
    key: fn(&Outcome) -> &String,
) -> BTreeMap<String, Curve> {
    let mut groups: BTreeMap<String, Vec<&Outcome>> = BTreeMap::new();
    for it in outcomes {
        groups.entry(key(it).clone()).or_default().push(it);
    }
    groups.into_iter().map(|(name, all)| (name, curve(all.into_iter()))).collect()
}

#[cfg(test)]
mod tests {
    use foretell_engine::{
        FinishReason, GenerationMetrics,
        calibration::{Calibration, Curve, Key},
    };
    use foretell_policy::StopRule;

    use super::*;
    use crate::eval::{
        answers::{Answer, verdict_of},
        cases::Case,
    };

    /// A case whose text is wrong from the argument on.
    fn example() -> Outcome {
        let case = Case {
            path: "a.py".into(),
            language: "python".into(),
            prefix: "x = ".into(),
            suffix: "\n".into(),
            expected: "load_text(path)".into(),
            ..Case::default()
        };
        let mut confidence = Confidence::default();
        let tokens = [("load_text", 0.9f32), ("(", 0.95), ("name", 0.75), (")", 0.95)];
        let mut text = String::new();
        for (token, probability) in tokens {
            text.push_str(token);
            confidence.push(text.len(), probability.ln());
        }
        let answer = Answer {
            text,
            confidence: Some(confidence),
            finish: Some(FinishReason::Stopped(StopRule::LineEnd)),
            figures: GenerationMetrics::default(),
        };
        Outcome {
            processed: verdict_of(&answer.text, &case),
            set: String::new(),
            calibrated: None,
            other_texts: serde_json::Map::default(),
            raw: None,
            plain: None,
            unhealed: None,
            alone: None,
            ablated: None,
            uncut: None,
            answer,
            case,
        }
    }

    #[test]
    fn curve_has_every_level_in_the_order_of_the_charts() {
        assert!(levels().is_sorted() && levels().iter().all(|it| THRESHOLDS.contains(it)));
    }

    #[test]
    fn recorded_text_is_cut_as_served() {
        let outcome = example();
        let found = [0.0, 0.02, 0.1, 0.95].map(|it| shown_at(&outcome, it));
        assert_eq!(found, ["load_text(name)", "load_text(name)", "load_text(", ""]);
    }

    #[test]
    fn calibration_decides_what_is_shown() {
        let mut outcome = example();
        let curve = Curve::try_from(vec![[0.4, 0.2], [1.0, 0.7]]).unwrap();
        let key = Key::default();
        outcome.calibrate(Some(&Calibration::new(key, curve, BTreeMap::new())));
        let found = [0.0, 0.02, 0.1, 0.65].map(|it| shown_at(&outcome, it));
        assert_eq!(found, ["load_text(name)", "load_text(", "load_text(", ""]);
        let uncalibrated = curve_with([&outcome].into_iter(), |it| it.answer.confidence.as_ref());
        assert_eq!(uncalibrated[1].1.wrong_chars, "load_text(name)".len());
    }

    #[test]
    fn shown_text_must_be_a_prefix_of_the_original() {
        let mut it = Shown::default();
        for text in ["load(", "load(name)", "", "  "] {
            it.add(text, "load(path)");
        }
        assert_eq!((it.cases, it.shown, it.right), (4, 2, 1));
        assert_eq!((it.right_chars, it.wrong_chars), (5, 10));
        assert_eq!(it.figures(), [0.5, 0.5, 1.25, 2.5]);
        assert_eq!(it.net_saved(), (4.0 - READING_COST_KEYS) / 4.0);
    }
}

//! What a user would have seen at each threshold of `suggest.eagerness`, cut from texts that were
//! recorded once without a threshold, by the code that cuts them in the server.

use std::collections::BTreeMap;

use foretell_engine::Progress;
use foretell_session::suggestion::{GenerationId, Suggestion, Verdict as Says};
use serde::Serialize;

use super::{
    answers::{Answer, Outcome},
    cases::{Case, open_case, truth},
};

/// The thresholds of the curve; at 0, everything is shown.
pub(super) const THRESHOLDS: [f32; 10] = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9];

/// The part of a recorded text that is shown at a threshold.
pub(super) fn shown_at(case: &Case, answer: &Answer, threshold: f32) -> String {
    let (snapshot, cursor) = open_case(case);
    let progress = Progress {
        text: answer.text.clone(),
        confidence: answer.confidence.clone(),
        finish: answer.finish.clone(),
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

/// What users see, over some cases.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub(super) struct Shown {
    pub(super) cases: usize,
    /// Cases in which a text is shown.
    pub(super) shown: usize,
    /// Cases in which the shown text is a prefix of the original.
    pub(super) right: usize,
    /// Characters of shown texts that are a prefix of the original, without whitespace around them.
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

    /// Per case: the share shown, the share of those that is right, right and wrong characters.
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
    THRESHOLDS
        .iter()
        .map(|threshold| {
            let mut shown = Shown::default();
            for it in outcomes.clone() {
                let text = shown_at(&it.case, &it.answer, *threshold);
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
    use foretell_engine::{Confidence, FinishReason, GenerationMetrics};
    use foretell_policy::StopRule;

    use super::*;

    /// A case whose text goes wrong after its first call.
    fn example() -> (Case, Answer) {
        let case = Case {
            path: "a.py".into(),
            language: "python".into(),
            prefix: "x = ".into(),
            suffix: "\n".into(),
            expected: "load(path)".into(),
            ..Case::default()
        };
        let mut confidence = Confidence::default();
        let tokens = [("load", 0.9f32), ("(", 0.9), ("name", 0.5), (")", 0.9)];
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
        (case, answer)
    }

    #[test]
    fn recorded_text_is_cut_as_served() {
        let (case, answer) = example();
        let found = [0.0, 0.3, 0.5, 0.95].map(|it| shown_at(&case, &answer, it));
        assert_eq!(found, ["load(name)", "load(name)", "load(", ""]);
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
    }
}

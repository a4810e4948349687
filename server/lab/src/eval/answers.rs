//! Generates the text of a case with the server's configuration and with variants of it.

use anyhow::{Context, bail};
use foretell_config::prompt::{OtherFiles, Split};
use foretell_engine::{
    Confidence, FinishReason, Generation, GenerationMetrics, Progress,
    calibration::{Calibration, Place},
};
use foretell_policy::{Phase, Policy, StopRule};
use foretell_session::{
    completer::{Ablation, Completer, GenerationOptions},
    document::Snapshot,
    prompt::place,
};

use serde_json::{Map, Value};

use super::{
    cases::{Case, open_case, truth},
    measures::Verdict,
};

/// A generated text, why it ended, and what it cost.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) text: String,
    /// `None` if the generation was cancelled.
    pub(super) finish: Option<FinishReason>,
    pub(super) figures: GenerationMetrics,
    /// The model's own confidence in the text.
    pub(super) confidence: Option<Confidence>,
}

/// Selects the variants to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct AnswerOptions {
    pub(super) layout: Split,
    pub(super) compare: bool,
    pub(super) ablate: bool,
    /// Whether the model's text is also recorded before any rule.
    pub(super) uncut: bool,
    pub(super) others: bool,
    /// Whether only the variant `processed` runs.
    pub(super) is_alone: bool,
}

/// The completers to compare; they share one loaded model.
pub(super) struct Variants {
    /// As the server does it.
    pub(super) processed: Completer,
    /// The model alone: plain layout, no token healing, no policy, no other files.
    raw: Option<Completer>,
    /// `processed` in the plain layout.
    plain: Option<Completer>,
    /// `processed` without token healing.
    unhealed: Option<Completer>,
    /// `processed` without other files.
    alone: Option<Completer>,
    /// `processed` without a policy, to record texts for `--ablate` and `--uncut`.
    uncut: Option<Completer>,
    selection: AnswerOptions,
    pub(super) options: GenerationOptions,
}

/// The result of a case.
pub(super) struct Outcome {
    pub(super) case: Case,
    pub(super) set: String,
    pub(super) answer: Answer,
    /// The calibrated confidence, if there is a calibration.
    pub(super) calibrated: Option<Confidence>,
    /// The text of `processed` before any rule.
    pub(super) uncut: Option<Answer>,
    /// The texts of the other variants, by name.
    pub(super) other_texts: Map<String, Value>,
    pub(super) processed: Verdict,
    pub(super) raw: Option<Verdict>,
    pub(super) plain: Option<Verdict>,
    pub(super) unhealed: Option<Verdict>,
    pub(super) alone: Option<Verdict>,
    pub(super) ablated: Option<Ablated>,
}

/// The verdicts on a case with one rule left out at a time.
pub(super) struct Ablated {
    pub(super) without: Vec<(StopRule, Verdict)>,
    /// The texts, by the name of the rule left out.
    pub(super) texts: Map<String, Value>,
    /// Whether all rules together cut the recorded text to what the server produced.
    pub(super) is_as_served: bool,
}

impl Variants {
    /// Derives the selected variants from one loaded completer.
    ///
    /// # Errors
    /// If no model is loaded.
    pub(super) fn new(
        completer: &Completer,
        selection: AnswerOptions,
        options: GenerationOptions,
    ) -> anyhow::Result<Self> {
        let layout = selection.layout;
        let other_files = if selection.others { OtherFiles::Open } else { OtherFiles::None };
        let whole =
            Ablation { layout, healing: true, policy: true, other_files, calibration: false };
        let with = |parts| completer.with_ablation(parts).context("no model is loaded");
        let plain = Ablation { layout: Split::Plain, ..whole };
        let only_if = |is_selected, variant: anyhow::Result<Completer>| {
            if is_selected { variant.map(Some) } else { Ok(None) }
        };
        Ok(Self {
            processed: with(whole)?,
            raw: only_if(
                !selection.is_alone,
                with(Ablation {
                    healing: false,
                    policy: false,
                    other_files: OtherFiles::None,
                    ..plain
                }),
            )?,
            plain: only_if(selection.compare, with(plain))?,
            unhealed: only_if(selection.compare, with(Ablation { healing: false, ..whole }))?,
            alone: only_if(
                selection.others,
                with(Ablation { other_files: OtherFiles::None, ..whole }),
            )?,
            uncut: only_if(
                selection.ablate || selection.uncut,
                with(Ablation { policy: false, ..whole }),
            )?,
            selection,
            options,
        })
    }

    /// Generates a case's text with every variant, in an order in which consecutive prompts share
    /// most of their tokens.
    pub(super) async fn ask(&self, case: &Case, set: &str) -> anyhow::Result<Outcome> {
        let (snapshot, cursor) = open_case(case);
        let with_others = [Some(&self.processed), self.plain.as_ref(), self.unhealed.as_ref()];
        for variant in with_others.into_iter().flatten().chain(&self.uncut) {
            variant.set_others(|| case.others.iter().map(|it| it.snapshot(case)).collect());
        }
        let verdict = |answer: &Answer| verdict_of(&answer.text, case);
        let answer = self.answer(&self.processed, &snapshot, cursor).await?;
        let (mut ablated, mut uncut) = (None, None);
        if let Some(variant) = &self.uncut {
            if self.selection.ablate {
                ablated = Some(self.ablate(variant, &snapshot, cursor, case, &answer).await?);
            }
            if self.selection.uncut {
                uncut = Some(self.answer(variant, &snapshot, cursor).await?);
            }
        }
        let mut other_texts = Map::new();
        let mut verdicts = [None, None, None];
        let variants =
            [("unhealed", &self.unhealed), ("plain", &self.plain), ("alone", &self.alone)];
        for (slot, (name, variant)) in verdicts.iter_mut().zip(variants) {
            if let Some(variant) = variant {
                let answer = self.answer(variant, &snapshot, cursor).await?;
                *slot = Some(verdict(&answer));
                other_texts.insert(name.into(), answer.text.into());
            }
        }
        let mut raw = None;
        if let Some(variant) = &self.raw {
            let answer = self.raw(variant, &snapshot, cursor, &case.expected).await?;
            raw = Some(verdict(&answer));
            other_texts.insert("raw".into(), answer.text.into());
        }
        let [unhealed, plain, alone] = verdicts;
        Ok(Outcome {
            case: case.clone(),
            set: set.to_owned(),
            processed: verdict(&answer),
            raw,
            other_texts,
            answer,
            uncut,
            calibrated: None,
            plain,
            unhealed,
            alone,
            ablated,
        })
    }

    /// Generates the complete text of one variant.
    pub(super) async fn answer(
        &self,
        variant: &Completer,
        snapshot: &Snapshot,
        cursor: usize,
    ) -> anyhow::Result<Answer> {
        let generation =
            variant.generate(snapshot, cursor, &self.options).context("no model is loaded")?;
        collect(generation, |_| false).await
    }

    /// Generates the model's text without post-processing. It is cut far beyond the expected
    /// length: more text could only make it less similar.
    async fn raw(
        &self,
        variant: &Completer,
        snapshot: &Snapshot,
        cursor: usize,
        expected: &str,
    ) -> anyhow::Result<Answer> {
        let max_chars = 2 * expected.chars().count() + 40;
        let generation =
            variant.generate(snapshot, cursor, &self.options).context("no model is loaded")?;
        let mut answer = collect(generation, |text| text.chars().count() > max_chars).await?;
        if let Some((byte_idx, _)) = answer.text.char_indices().nth(max_chars) {
            answer.text.truncate(byte_idx);
        }
        Ok(answer)
    }

    /// Records the text until every policy with one rule left out has stopped it, and applies each
    /// of them to the recording.
    async fn ablate(
        &self,
        uncut: &Completer,
        snapshot: &Snapshot,
        cursor: usize,
        case: &Case,
        served: &Answer,
    ) -> anyhow::Result<Ablated> {
        let whole = self.processed.policy(snapshot, cursor, &self.options);
        let reduced: Vec<(StopRule, Policy)> = Policy::OPTIONAL
            .iter()
            .map(|stop| (*stop, whole.clone().without(vec![*stop])))
            .collect();
        let all = || reduced.iter().map(|(_, it)| it).chain([&whole]);
        let generation =
            uncut.generate(snapshot, cursor, &self.options).context("no model is loaded")?;
        let is_decided = |text: &str| all().all(|it| it.cut(text, Phase::Partial).stop.is_some());
        let Answer { text, finish, .. } = collect(generation, is_decided).await?;
        let shown = |policy: &Policy| {
            let cut =
                policy.cut(&text, finish.as_ref().map_or(Phase::Partial, FinishReason::phase));
            policy.written(&text[..cut.keep_bytes]).into_owned()
        };
        let mut ablated = Ablated { without: vec![], texts: Map::new(), is_as_served: false };
        for (stop, policy) in &reduced {
            let text = shown(policy);
            ablated.without.push((*stop, verdict_of(&text, case)));
            ablated.texts.insert(stop.name().into(), text.into());
        }
        ablated.is_as_served = shown(&whole) == served.text;
        Ok(ablated)
    }
}

impl Outcome {
    /// The confidence that decides what is shown.
    pub(super) fn confidence(&self) -> Option<&Confidence> {
        self.calibrated.as_ref().or(self.answer.confidence.as_ref())
    }

    /// Calibrates the model's confidence, as the engine does.
    pub(super) fn calibrate(&mut self, calibration: Option<&Calibration>) {
        let curve = calibration.map(|it| it.at(self.place()).clone());
        self.calibrated = match (&self.answer.confidence, curve) {
            (Some(confidence), Some(curve)) => Some(confidence.calibrated(curve)),
            _ => None,
        };
    }

    /// The kind of place, which selects the calibration's curve.
    pub(super) fn place(&self) -> Place {
        let (snapshot, cursor) = open_case(&self.case);
        place(&snapshot, cursor)
    }
}

/// Judges a text. Text after the cursor that it replaces counts as part of the expected text.
pub(super) fn verdict_of(text: &str, case: &Case) -> Verdict {
    Verdict::of(text, &truth(case, text))
}

/// Waits for a generation's end, or cancels it as soon as its text satisfies `is_enough`.
///
/// # Errors
/// If the generation fails.
pub(super) async fn collect(
    generation: Generation,
    is_enough: impl Fn(&str) -> bool,
) -> anyhow::Result<Answer> {
    let Progress { text, confidence, finish, figures, .. } = ended(generation, is_enough).await?;
    Ok(Answer { text, finish, figures, confidence })
}

/// The state of a generation at its end, or as soon as its text satisfies `is_enough`.
///
/// # Errors
/// If the generation fails.
pub(super) async fn ended(
    mut generation: Generation,
    is_enough: impl Fn(&str) -> bool,
) -> anyhow::Result<Progress> {
    loop {
        let now = generation.progress();
        if let Some(FinishReason::Failed(message)) = now.finish {
            bail!("{message}");
        }
        if now.finish.is_some() || is_enough(&now.text) || !generation.changed().await {
            return Ok(generation.progress());
        }
    }
}

//! Asks for the text of a case, by the way that the server takes and by others beside it.

use anyhow::{Context, bail};
use foretell_config::prompt::{OtherFiles, Split};
use foretell_engine::{FinishReason, Generation, GenerationMetrics};
use foretell_policy::{Phase, Policy, StopRule, n_replaced};
use foretell_session::{
    completer::{Ablation, Completer, GenerationOptions},
    document::{Documents, PositionEncoding, Snapshot},
};

use serde_json::{Map, Value, json};

use super::{cases::Case, measures::Verdict};

/// A text, why it ends, and what it cost.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) text: String,
    /// `None` if it was given up early.
    pub(super) finish: Option<FinishReason>,
    pub(super) figures: GenerationMetrics,
}

/// Which ways there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct AnswerOptions {
    pub(super) layout: Split,
    pub(super) compare: bool,
    pub(super) ablate: bool,
    pub(super) others: bool,
}

/// The ways to a text.
pub(super) struct Variants {
    /// What the server does.
    pub(super) processed: Completer,
    /// The model alone.
    raw: Completer,
    /// What the server does, in the plain layout, and without healing.
    plain: Option<Completer>,
    unhealed: Option<Completer>,
    /// What the server does, with no other files.
    alone: Option<Completer>,
    /// What the server does, with all of the text.
    uncut: Option<Completer>,
    pub(super) wanted: GenerationOptions,
}

/// What became of a case.
pub(super) struct Outcome {
    pub(super) case: Case,
    pub(super) set: String,
    pub(super) answer: Answer,
    /// The texts of the other ways.
    beside: Map<String, Value>,
    pub(super) processed: Verdict,
    pub(super) raw: Verdict,
    pub(super) plain: Option<Verdict>,
    pub(super) unhealed: Option<Verdict>,
    pub(super) alone: Option<Verdict>,
    pub(super) ablated: Option<Ablated>,
}

/// A case with one rule left out at a time.
pub(super) struct Ablated {
    pub(super) without: Vec<(StopRule, Verdict)>,
    /// The texts, by the rule that is left out.
    texts: Map<String, Value>,
    /// Whether all rules together make of the recorded text what the server made.
    pub(super) is_as_served: bool,
}

impl Outcome {
    /// The case with its texts, to be looked at.
    pub(super) fn row(&self) -> Value {
        json!({
            "path": self.case.path,
            "kind": self.case.kind,
            "language": self.case.language,
            "line_before": self.case.prefix.rsplit('\n').next(),
            "line_after": self.case.suffix.split('\n').next(),
            "expected": self.case.expected,
            "processed": self.answer.text,
            "beside": self.beside,
            "set": self.set,
            "finish": self.answer.finish.as_ref().map(FinishReason::name),
            "read": self.answer.figures.read,
            "total_ms": self.answer.figures.total_ms,
            "generated": self.answer.figures.generated,
            "as_served": self.ablated.as_ref().map(|it| it.is_as_served),
            "without": self.ablated.as_ref().map(|it| &it.texts),
        })
    }
}

impl Variants {
    /// The ways from one loaded completer.
    pub(super) fn new(
        completer: &Completer,
        wants: AnswerOptions,
        wanted: GenerationOptions,
    ) -> anyhow::Result<Self> {
        let layout = wants.layout;
        let open = if wants.others { OtherFiles::Open } else { OtherFiles::None };
        let whole = Ablation { layout, healing: true, policy: true, other_files: open };
        let with = |parts| completer.with_ablation(parts).context("no model is loaded");
        let plain = Ablation { layout: Split::Plain, ..whole };
        let only_if =
            |is, way: anyhow::Result<Completer>| if is { way.map(Some) } else { Ok(None) };
        Ok(Self {
            processed: with(whole)?,
            raw: with(Ablation {
                healing: false,
                policy: false,
                other_files: OtherFiles::None,
                ..plain
            })?,
            plain: only_if(wants.compare, with(plain))?,
            unhealed: only_if(wants.compare, with(Ablation { healing: false, ..whole }))?,
            alone: only_if(
                wants.others,
                with(Ablation { other_files: OtherFiles::None, ..whole }),
            )?,
            uncut: only_if(wants.ablate, with(Ablation { policy: false, ..whole }))?,
            wanted,
        })
    }

    /// Asks for a case's text in every way. Those that share most of what is read come together.
    pub(super) async fn ask(&self, case: &Case, set: &str) -> anyhow::Result<Outcome> {
        let (snapshot, cursor) = open(case);
        let ways = [Some(&self.processed), self.plain.as_ref(), self.unhealed.as_ref()];
        for way in ways.into_iter().flatten().chain(&self.uncut) {
            way.set_others(|| case.others.iter().map(|it| it.snapshot(case)).collect());
        }
        let verdict = |answer: &Answer| verdict_of(&answer.text, case);
        let answer = self.answer(&self.processed, &snapshot, cursor).await?;
        let ablated = match &self.uncut {
            Some(uncut) => Some(self.ablate(uncut, &snapshot, cursor, case, &answer).await?),
            None => None,
        };
        let mut texts = Map::new();
        let mut beside = [None, None, None];
        let ways = [("unhealed", &self.unhealed), ("plain", &self.plain), ("alone", &self.alone)];
        for (verdict_of, (name, way)) in beside.iter_mut().zip(ways) {
            if let Some(way) = way {
                let answer = self.answer(way, &snapshot, cursor).await?;
                *verdict_of = Some(verdict(&answer));
                texts.insert(name.into(), answer.text.into());
            }
        }
        let raw = self.raw(&snapshot, cursor, &case.expected).await?;
        texts.insert("raw".into(), raw.text.clone().into());
        let [unhealed, plain, alone] = beside;
        Ok(Outcome {
            case: case.clone(),
            set: set.to_owned(),
            processed: verdict(&answer),
            raw: verdict(&raw),
            beside: texts,
            answer,
            plain,
            unhealed,
            alone,
            ablated,
        })
    }

    /// The whole text of one way.
    pub(super) async fn answer(
        &self,
        way: &Completer,
        snapshot: &Snapshot,
        cursor: usize,
    ) -> anyhow::Result<Answer> {
        let draft = way.generate(snapshot, cursor, &self.wanted).context("no model is loaded")?;
        followed(draft, |_| false).await
    }

    /// What the model writes by itself. It is given up where nothing it could still write makes
    /// it better: far beyond the length of what was there.
    async fn raw(&self, snapshot: &Snapshot, cursor: usize, there: &str) -> anyhow::Result<Answer> {
        let most_chars = 2 * there.chars().count() + 40;
        let draft =
            self.raw.generate(snapshot, cursor, &self.wanted).context("no model is loaded")?;
        let mut answer = followed(draft, |text| text.chars().count() > most_chars).await?;
        if let Some((byte_idx, _)) = answer.text.char_indices().nth(most_chars) {
            answer.text.truncate(byte_idx);
        }
        Ok(answer)
    }

    /// Records the text as far as any rule's absence lets it through, and looks at it without each
    /// rule in turn.
    async fn ablate(
        &self,
        uncut: &Completer,
        snapshot: &Snapshot,
        cursor: usize,
        case: &Case,
        served: &Answer,
    ) -> anyhow::Result<Ablated> {
        let whole = self.processed.policy(snapshot, cursor, &self.wanted);
        let lacking: Vec<(StopRule, Policy)> = Policy::OPTIONAL
            .iter()
            .map(|stop| (*stop, whole.clone().without(vec![*stop])))
            .collect();
        let all = || lacking.iter().map(|(_, it)| it).chain([&whole]);
        let draft = uncut.generate(snapshot, cursor, &self.wanted).context("no model is loaded")?;
        let decided = |text: &str| all().all(|it| it.cut(text, Phase::Partial).stop.is_some());
        let Answer { text, finish, .. } = followed(draft, decided).await?;
        let shown = |policy: &Policy| {
            let cut = policy.cut(&text, Phase::of(finish.is_some()));
            policy.written(&text[..cut.keep_bytes]).into_owned()
        };
        let mut ablated = Ablated { without: vec![], texts: Map::new(), is_as_served: false };
        for (stop, policy) in &lacking {
            let text = shown(policy);
            ablated.without.push((*stop, verdict_of(&text, case)));
            ablated.texts.insert(stop.name().into(), text.into());
        }
        ablated.is_as_served = shown(&whole) == served.text;
        Ok(ablated)
    }
}

/// Judges a text. What it takes the place of behind the cursor is a part of what was there.
fn verdict_of(text: &str, case: &Case) -> Verdict {
    let rest = case.suffix.split('\n').next().unwrap_or_default();
    let replaced: String = rest.chars().take(n_replaced(text, rest)).collect();
    Verdict::of(text, &format!("{}{replaced}", case.expected))
}

/// The case's text as an open document, and the cursor in it, a char_idx.
fn open(case: &Case) -> (Snapshot, usize) {
    let mut documents = Documents::default();
    let text = format!("{}{}", case.prefix, case.suffix);
    documents.open(&case.path, &case.language, 1, &text);
    let snapshot = documents.snapshot(&case.path, PositionEncoding::Utf8);
    let snapshot = snapshot.unwrap_or_else(|| Snapshot::of_text(&case.path, "", &text));
    (snapshot, case.prefix.chars().count())
}

/// Waits for a draft's end, or gives it up as soon as `is_enough` says so of its text.
pub(super) async fn followed(
    mut draft: Generation,
    is_enough: impl Fn(&str) -> bool,
) -> anyhow::Result<Answer> {
    loop {
        let now = draft.progress();
        if let Some(FinishReason::Failed(message)) = now.finish {
            bail!("{message}");
        }
        if now.finish.is_some() || is_enough(&now.text) || !draft.changed().await {
            let now = draft.progress();
            return Ok(Answer { text: now.text, finish: now.finish, figures: now.figures });
        }
    }
}

//! A trial of one provider: a fixed prompt, a few tokens, and the times that both take.
//!
//! It runs in a process of its own, because a provider may crash or hang.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde::{Deserialize, Serialize};

use super::{
    EngineState, Model,
    bundle::Bundle,
    onnx::{OnnxModel, Options, device},
    provider::{Provider, Setting},
    selection::{Agreement, Figures},
    vocabulary::Vocabulary,
};

/// The tokens of a trial's prompt: what is prefilled before the first suggestion in a new file.
pub const PROMPT_TOKENS: usize = 160;
/// The tokens that a trial generates.
pub const GENERATED_TOKENS: usize = 32;
/// The most likely tokens of each step, whose logits are compared.
const TOP_TOKENS: usize = 8;
/// The largest difference of logits from the CPU's. Float16 rounds, and a recipe that quantizes
/// activations turns a rounded bit into up to 0.6; a wrong result differs by much more.
const MAX_DIFFERENCE: f32 = 1.0;

const TEXT: &str = "\
/// A stack of numbers.
pub struct Stack {
    items: Vec<i64>,
}

impl Stack {
    /// Creates an empty stack.
    pub fn new() -> Self {
        Self { items: Vec::new() }
    }

    /// Puts a number on top.
    pub fn push(&mut self, item: i64) {
        self.items.push(item);
    }

    /// Removes the number on top.
    pub fn pop(&mut self) -> Option<i64> {
        self.items.pop()
    }

    /// The number on top.
    pub fn peek(&self) -> Option<&i64> {
        self.items.last()
    }

    /// Whether there is no number.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// How many numbers there are.
    pub fn len(&self) -> usize {
        self.items.len()
    }
}
";

/// A token and its logit.
type Scored = (u32, f32);

/// The result of a trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// The name of the provider's device.
    #[serde(default)]
    pub device: String,
    /// The part of the work that the provider leaves to the CPU, if there is one.
    #[serde(default)]
    pub left_to_cpu: Option<String>,
    /// The speed.
    #[serde(flatten)]
    pub figures: Figures,
    /// The most likely tokens at each step, the most likely one first.
    pub steps: Vec<Vec<Scored>>,
}

/// The line that a trial's process prints.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Report {
    /// It ran.
    Ran(Trial),
    /// It failed for this reason.
    Failed(String),
}

/// Runs a trial of a provider. At each step, it continues with the token of `reference`, which are
/// the CPU's, or with its own most likely one if there is no reference: so all steps can be
/// compared, also those after a difference.
///
/// # Errors
/// If the provider cannot run the model, or its results are not numbers.
pub fn run(
    provider: Provider,
    bundle: &Bundle,
    options: &Options,
    reference: Option<&[u32]>,
) -> anyhow::Result<Trial> {
    let prompt = Vocabulary::from_file(&bundle.tokenizer())?.encode(TEXT);
    let options = Options { provider: Setting::Only(provider), ..options.clone() };
    let start = Instant::now();
    let mut model = OnnxModel::load(bundle, &options)?;
    let load_ms = ms(start.elapsed());
    let left_to_cpu = match model.state() {
        EngineState::Partial(message) => Some(message),
        _ => None,
    };
    let trial = measure(&mut model, &prompt, reference)?;
    let device = match provider {
        Provider::Cpu => format!("{} threads", options.n_threads),
        _ => device(&options.library, provider)?,
    };
    Ok(Trial { device, left_to_cpu, figures: Figures { load_ms, ..trial.figures }, ..trial })
}

fn measure(
    model: &mut impl Model,
    prompt: &[u32],
    reference: Option<&[u32]>,
) -> anyhow::Result<Trial> {
    model.resize(0, model.memory().slot_rows, 0)?;
    let n_prompt = PROMPT_TOKENS.min(model.capacity().saturating_sub(GENERATED_TOKENS));
    let prompt: Vec<u32> = prompt.iter().copied().cycle().take(n_prompt).collect();
    ensure!(!prompt.is_empty(), "the prompt of the trial is empty");
    // The first evaluations are not timed: they also determine how to compute the graph.
    prefill(model, &prompt)?;
    model.read(0, n_prompt, &prompt[..1], 1)?;
    let start = Instant::now();
    let logits = prefill(model, &prompt)?;
    let prefill_ms = ms(start.elapsed());
    let (mut steps, mut steps_ms) = (vec![top(logits)?], Vec::new());
    while steps.len() < GENERATED_TOKENS {
        let i = steps.len() - 1;
        let token = match reference {
            Some(reference) => *reference.get(i).context("the reference has too few tokens")?,
            None => steps[i][0].0,
        };
        let start = Instant::now();
        let logits = model.read(0, n_prompt + i, &[token], 1)?;
        steps_ms.push(ms(start.elapsed()));
        steps.push(top(logits)?);
    }
    steps_ms.sort_by(f64::total_cmp);
    let step_ms = steps_ms[steps_ms.len() / 2];
    let figures = Figures {
        load_ms: 0.0,
        first_text_ms: prefill_ms + 2.0 * step_ms,
        prefill_tokens_per_s: 1e3 * n_prompt as f64 / prefill_ms,
        decode_tokens_per_s: 1e3 / step_ms,
    };
    Ok(Trial { device: String::new(), left_to_cpu: None, figures, steps })
}

/// Prefills the prompt into an empty cache as the decoder does, and returns the logits of the next
/// token.
fn prefill<'a>(model: &'a mut impl Model, prompt: &[u32]) -> anyhow::Result<&'a [f32]> {
    let n_chunk = model.prefill_chunk();
    let n_before = (prompt.len() - 1) / n_chunk * n_chunk;
    for (i, chunk) in prompt[..n_before].chunks(n_chunk).enumerate() {
        model.read(0, i * n_chunk, chunk, 0)?;
    }
    Ok(model.read(0, n_before, &prompt[n_before..], 1)?)
}

fn top(logits: &[f32]) -> anyhow::Result<Vec<Scored>> {
    ensure!(!logits.is_empty(), "there are no logits");
    ensure!(logits.iter().all(|it| it.is_finite()), "a logit is not a finite number");
    let mut ids: Vec<u32> = (0..logits.len() as u32).collect();
    // Of equal ones, the smallest id comes first, as in the sampler.
    let order = |a: &u32, b: &u32| {
        logits[*b as usize].total_cmp(&logits[*a as usize]).then_with(|| a.cmp(b))
    };
    let n_top = TOP_TOKENS.min(ids.len());
    if n_top < ids.len() {
        ids.select_nth_unstable_by(n_top, order);
    }
    ids.truncate(n_top);
    ids.sort_by(order);
    Ok(ids.into_iter().map(|id| (id, logits[id as usize])).collect())
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

impl Trial {
    /// The most likely token at each step.
    #[must_use]
    pub fn tokens(&self) -> Vec<u32> {
        self.steps.iter().filter_map(|step| step.first()).map(|(id, _)| *id).collect()
    }

    /// Compares the results with the CPU's: they agree if all tokens are equal, or if no logit of a
    /// likely token differs by more than 1.
    ///
    /// # Errors
    /// How they disagree.
    pub fn agreement(&self, cpu: &Self) -> Result<Agreement, String> {
        let n_steps = cpu.steps.len();
        if self.steps.len() != n_steps || self.tokens().len() != n_steps {
            return Err(format!("it generated {} of {n_steps} tokens", self.tokens().len()));
        }
        let n_equal = self.tokens().iter().zip(cpu.tokens()).filter(|(a, b)| **a == *b).count();
        let steps = self.steps.iter().zip(&cpu.steps);
        let difference = steps.map(|(own, cpus)| difference(own, cpus)).fold(0.0, f32::max);
        if n_equal == n_steps || difference <= MAX_DIFFERENCE {
            return Ok(Agreement { n_equal, n_steps, difference });
        }
        let n_wrong = n_steps - n_equal;
        Err(if difference.is_finite() {
            format!("{n_wrong} of {n_steps} tokens differ, and logits by up to {difference:.1}")
        } else {
            format!("{n_wrong} of {n_steps} tokens differ")
        })
    }
}

/// The largest difference of a logit that both steps report; infinite if a step's most likely token
/// is not among the other's.
fn difference(own: &[Scored], cpus: &[Scored]) -> f32 {
    let of = |step: &[Scored], id| step.iter().find(|it| it.0 == id).map(|it| it.1);
    let is_in = |step: &[Scored], other: &[Scored]| {
        step.first().is_some_and(|(id, _)| of(other, *id).is_some())
    };
    if !is_in(own, cpus) || !is_in(cpus, own) {
        return f32::INFINITY;
    }
    let differences = own.iter().filter_map(|(id, logit)| Some((logit - of(cpus, *id)?).abs()));
    differences.fold(0.0, f32::max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scripted::Script;

    fn trial(steps: &[&[Scored]]) -> Trial {
        let figures = Figures {
            load_ms: 1.0,
            first_text_ms: 1.0,
            prefill_tokens_per_s: 1.0,
            decode_tokens_per_s: 1.0,
        };
        let steps = steps.iter().map(|it| it.to_vec()).collect();
        Trial { device: String::new(), left_to_cpu: None, figures, steps }
    }

    #[test]
    fn equal_tokens_or_close_logits_agree() {
        let cpu = trial(&[&[(1, 9.0), (2, 8.9)], &[(3, 7.0), (4, 1.0)]]);
        let check = |steps: &[&[Scored]]| {
            trial(steps).agreement(&cpu).map(|it| (it.n_equal, (it.difference * 10.0).round()))
        };
        let same_tokens: [&[Scored]; 2] = [&[(1, 5.0), (2, 4.0)], &[(3, 7.0), (4, 1.0)]];
        assert_eq!(check(&same_tokens), Ok((2, 49.0)));
        let near: [&[Scored]; 2] = [&[(2, 9.1), (1, 9.0)], &[(3, 7.1), (4, 1.0)]];
        assert_eq!(check(&near), Ok((1, 2.0)));
        let far: [&[Scored]; 2] = [&[(2, 10.5), (1, 9.0)], &[(3, 7.1), (4, 1.0)]];
        assert_eq!(check(&far), Err("1 of 2 tokens differ, and logits by up to 1.6".into()));
        let unlikely: [&[Scored]; 2] = [&[(8, 9.0), (1, 9.0)], &[(3, 7.0), (4, 1.0)]];
        assert_eq!(check(&unlikely), Err("1 of 2 tokens differ".into()));
        assert_eq!(check(&near[..1]), Err("it generated 1 of 2 tokens".into()));
    }

    #[test]
    fn most_likely_tokens_are_sorted_and_finite() {
        let mut logits = vec![0.0; 20];
        (logits[3], logits[7], logits[11]) = (2.0, 5.0, 2.0);
        let found = top(&logits).unwrap();
        assert_eq!(found[..3], [(7, 5.0), (3, 2.0), (11, 2.0)]);
        assert_eq!(found.len(), TOP_TOKENS);
        logits[0] = f32::NAN;
        assert!(top(&logits).is_err());
        assert_eq!(top(&[1.0, 2.0]).unwrap(), [(1, 2.0), (0, 1.0)]);
    }

    #[test]
    fn trial_follows_the_reference() {
        let text = "fn main() {\n    let a = 1;\n    let b = 2;\n}\n";
        let run = |reference: Option<&[u32]>| {
            let mut script = Script::new(text).unwrap();
            let prompt = script.vocabulary().encode("fn main");
            measure(&mut script, &prompt, reference)
        };
        let free = run(None).unwrap();
        assert_eq!(free.steps.len(), GENERATED_TOKENS);
        assert!(free.figures.first_text_ms > 0.0 && free.figures.decode_tokens_per_s > 0.0);
        let same = run(Some(&free.tokens())).unwrap();
        let agreed = same.agreement(&free).unwrap();
        assert_eq!((agreed.n_equal, agreed.difference), (GENERATED_TOKENS, 0.0));
        assert!(run(Some(&[1])).is_err());
    }
}

//! Turns a cursor into a generation: prompt, engine and policy.

use parking_lot::{Mutex, MutexGuard};
use std::{
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use crate::{
    about::About,
    document::{Edit, Snapshot},
    prompt,
    prompt::{
        Prompter,
        judged::{JudgedEdit, JudgedPrompt},
    },
};
use foretell_config::{
    Config, Suggest,
    engine::Kind,
    prompt::{OtherFiles, Split},
};
use foretell_engine::{
    Engine, EngineState, Generation, Model, Progress, Request, bundle::Bundle,
    calibration::Calibration, decoder::Decoder, lookup::Mode, onnx::OnnxModel, paths::model_path,
    remote::Remote, sampler::Sampling, vocabulary::Vocabulary,
};
use foretell_policy::{Policy, Scans, Style, Trees};

/// Starts generations at cursors.
#[derive(Debug)]
pub struct Completer {
    engine: Engine,
    /// Set by the engine's thread before it reports the state `Ready`.
    prompter: Arc<OnceLock<Mutex<Prompter>>>,
    trees: Arc<Trees>,
    scans: Arc<Scans>,
    has_policy: bool,
    /// The model's calibration, if it has one. Set before the prompter.
    calibration: Arc<OnceLock<Calibration>>,
    /// A description of the local engine. Set before the prompter.
    about: Arc<OnceLock<About>>,
}

/// The parts of the pipeline that are active. An evaluation switches them off one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ablation {
    /// The prompt's layout.
    pub layout: Split,
    /// Whether token healing is on.
    pub healing: bool,
    /// Whether the policy applies.
    pub policy: bool,
    /// The other files that the prompt quotes.
    pub other_files: OtherFiles,
    /// Whether the calibration is applied to probabilities.
    pub calibration: bool,
}

/// The limits of a generation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GenerationOptions {
    /// The shape of a suggestion.
    pub style: Style,
    /// The most tokens to generate.
    pub max_tokens: usize,
    /// The number of candidates: the most likely text, then random samples.
    pub n_candidates: usize,
    /// The minimum probability of shown text; the generation ends once the text falls below it.
    /// `None` shows everything.
    pub min_probability: Option<f32>,
    /// Whether the text is left as the model writes it, without the policy.
    pub is_raw: bool,
}

impl GenerationOptions {
    /// One candidate within the limits of the settings.
    #[must_use]
    pub fn one(suggest: &Suggest) -> Self {
        let min_probability = suggest.min_probability();
        Self {
            style: Style { next_line: min_probability.is_some(), ..suggest.style() },
            max_tokens: suggest.max_tokens,
            n_candidates: 1,
            min_probability,
            is_raw: false,
        }
    }

    /// The same limits without a minimum probability.
    #[must_use]
    pub fn showing_everything(self) -> Self {
        Self { min_probability: None, ..self }
    }
}

/// Sampling of candidates after the first: warm enough to differ, restricted to likely tokens.
const CANDIDATE_SAMPLING: Sampling =
    Sampling::Random { temperature: 0.8, top_k: 20, top_p: 0.9, seed: 0 };

impl Completer {
    /// Starts the engine that the settings name. [`Completer::state`] reports whether it loaded.
    #[must_use]
    pub fn start(config: &Config) -> Self {
        let settings = config.clone();
        match config.engine.kind {
            Kind::Local => {
                let (calibration, about) = <(Arc<OnceLock<_>>, Arc<OnceLock<_>>)>::default();
                let slots = (Arc::clone(&calibration), Arc::clone(&about));
                let load = move || load(&settings, &slots.0, &slots.1);
                Self { calibration, about, ..Self::start_with(load) }
            }
            Kind::Remote => Self::with_engine(|provide| {
                Engine::start_remote(move || {
                    let options = settings.engine.remote.options();
                    let remote = Remote::new(&options)?;
                    let version = env!("CARGO_PKG_VERSION");
                    tracing::info!("foretell {version}: remote engine {}", options.url);
                    provide(Prompter::for_remote(options.format, settings.prompt)?);
                    Ok(remote)
                })
            }),
        }
    }

    /// Starts an engine with any model.
    #[must_use]
    pub fn start_with<M: Model + 'static>(
        load: impl FnOnce() -> anyhow::Result<(Decoder<M>, Prompter)> + Send + 'static,
    ) -> Self {
        Self::with_engine(|provide| {
            Engine::start(move || {
                let (decoder, prompter) = load()?;
                provide(prompter);
                Ok(decoder)
            })
        })
    }

    /// A completer for an engine whose thread provides the prompter once the model is loaded.
    fn with_engine(start: impl FnOnce(Box<dyn FnOnce(Prompter) + Send>) -> Engine) -> Self {
        let prompter = Arc::new(OnceLock::new());
        let slot = Arc::clone(&prompter);
        let engine = start(Box::new(move |prompter| {
            slot.get_or_init(|| Mutex::new(prompter));
        }));
        let (trees, scans, calibration, about) = Default::default();
        Self { engine, prompter, trees, scans, has_policy: true, calibration, about }
    }

    /// A completer for the same model with other active parts and without a layout. `None` until the
    /// model is loaded.
    #[must_use]
    pub fn with_ablation(&self, parts: Ablation) -> Option<Self> {
        let prompter = self.prompter.get()?.lock();
        let prompter = prompter.variant(parts.layout, parts.healing, parts.other_files);
        let it = self.with_prompter(self.engine.clone(), prompter);
        let calibration = if parts.calibration { it.calibration } else { Arc::default() };
        Some(Self { has_policy: parts.policy, calibration, ..it })
    }

    /// A completer for the same model that serves guests: with layouts of its own, and after
    /// everything for the editor. `None` until the model is loaded.
    #[must_use]
    pub fn for_guests(&self) -> Option<Self> {
        let prompter = self.prompter.get()?.lock().without_layout();
        let it = self.with_prompter(self.engine.for_guests(), prompter);
        // A guest's texts neither replace the editor's trees nor lock them while they are parsed.
        Some(Self { trees: Arc::default(), scans: Arc::default(), ..it })
    }

    fn with_prompter(&self, engine: Engine, prompter: Prompter) -> Self {
        Self {
            engine,
            prompter: Arc::new(OnceLock::from(Mutex::new(prompter))),
            trees: Arc::clone(&self.trees),
            scans: Arc::clone(&self.scans),
            has_policy: self.has_policy,
            calibration: Arc::clone(&self.calibration),
            about: Arc::clone(&self.about),
        }
    }

    /// The engine's current state.
    #[must_use]
    pub fn state(&self) -> EngineState {
        self.engine.state()
    }

    /// A receiver of the engine's states. It does not keep the engine alive.
    #[must_use]
    pub fn states(&self) -> tokio::sync::watch::Receiver<EngineState> {
        self.engine.states()
    }

    /// Waits until the model is loaded or has failed to load.
    pub async fn loaded(&self) -> EngineState {
        self.engine.loaded().await
    }

    /// The engine's description with its measured speed. `None` until the model is loaded, and for
    /// a remote engine.
    #[must_use]
    pub fn about(&self) -> Option<About> {
        let prefill_tokens_per_s = self.engine.prefill_tokens_per_s();
        let about = self.about.get()?.clone().in_state(&self.engine.state());
        Some(About { prefill_tokens_per_s, ..about })
    }

    /// A handle on the engine, to wait until its thread has ended.
    #[must_use]
    pub fn engine(&self) -> Engine {
        self.engine.clone()
    }

    /// Shifts the prompt's anchors after an edit of a document.
    pub fn edited(&self, uri: &str, edit: &Edit) {
        if let Some(prompter) = self.prompter.get() {
            prompter.lock().edited(uri, edit);
        }
    }

    /// Finds the prompt's anchors in a text that was sent as a whole, without edits.
    pub fn follow(&self, snapshot: &Snapshot, cursor: usize) {
        if let Some(prompter) = self.prompter.get() {
            prompter.lock().follow(snapshot, cursor);
        }
    }

    /// Sets the other documents that the prompt may quote, the most important first; `others` is
    /// called only if the settings use them.
    pub fn set_others(&self, others: impl FnOnce() -> Vec<Snapshot>) {
        if self.prompter().is_none_or(|it| !it.shows_others()) {
            return;
        }
        // The prompter must not be locked here: `others` may wait for a lock whose owner waits for
        // the prompter.
        let others = others();
        if let Some(mut prompter) = self.prompter() {
            prompter.set_others(others);
        }
    }

    /// The prompter, with the latest measured speed. `None` until the model is loaded.
    fn prompter(&self) -> Option<MutexGuard<'_, Prompter>> {
        let mut prompter = self.prompter.get()?.lock();
        if let Some(tokens_per_s) = self.engine.prefill_tokens_per_s() {
            prompter.set_tokens_per_s(tokens_per_s);
        }
        prompter.set_cached(self.engine.cached());
        Some(prompter)
    }

    /// The policy for a generation at a cursor (a char_idx).
    #[must_use]
    pub fn policy(
        &self,
        snapshot: &Snapshot,
        cursor: usize,
        options: &GenerationOptions,
    ) -> Policy {
        if !self.has_policy || options.is_raw {
            return Policy::none();
        }
        let syntax = prompt::syntax(&self.trees, snapshot, cursor);
        let policy = Policy::new(prompt::cursor_context(snapshot, cursor));
        let policy = match prompt::document(snapshot, cursor) {
            Some((before, after)) => {
                policy.with_document(&self.scans, &snapshot.uri, before, after)
            }
            None => policy,
        };
        policy.with_syntax(syntax).with_style(options.style)
    }

    /// Starts a generation at a cursor (a char_idx). `None` until the model is loaded.
    #[must_use]
    pub fn generate(
        &self,
        snapshot: &Snapshot,
        cursor: usize,
        options: &GenerationOptions,
    ) -> Option<Generation> {
        let prompt = self.prompter()?.prompt(snapshot, cursor);
        let policy = self.policy(snapshot, cursor, options);
        let calibration = self.calibration.get();
        let calibration = calibration.map(|it| it.at(prompt::place(snapshot, cursor)).clone());
        let request = Request::new(prompt, policy, options.max_tokens)
            .with_min_probability(options.min_probability)
            .with_calibration(calibration);
        Some(self.engine.generate(match options.n_candidates {
            0 | 1 => request,
            n => request.with_candidates(n, CANDIDATE_SAMPLING),
        }))
    }

    /// Prefills the prompt of the first suggestion at a cursor, while the engine is idle. `None`
    /// until the model is loaded. Dropping the result cancels it.
    #[must_use]
    pub fn prefill_first(&self, snapshot: &Snapshot, cursor: usize) -> Option<Generation> {
        let prompt = self.prompter()?.prompt_at_rest(snapshot, cursor);
        Some(self.engine.prefill(prompt))
    }

    /// Prefills the widest window at a prefilled cursor that takes no longer than `within`, while
    /// the engine is idle. `None` if there is no more to prefill. Dropping the result cancels it.
    #[must_use]
    pub fn prefill_wider(
        &self,
        snapshot: &Snapshot,
        cursor: usize,
        within: Duration,
    ) -> Option<Generation> {
        let prompt = self.prompter()?.wider_within(snapshot, cursor, within)?;
        Some(self.engine.prefill(prompt))
    }

    /// Prefills the whole window at a cursor whose last prompt was narrow, while the engine is idle.
    /// `None` if there is no more to prefill. Dropping the result cancels it.
    #[must_use]
    pub fn prefill_whole(&self, snapshot: &Snapshot, cursor: usize) -> Option<Generation> {
        let prompt = self.prompter()?.wider(snapshot, cursor)?;
        Some(self.engine.prefill(prompt))
    }

    /// Scores the text with and without an edit, while the engine is idle; see [`preference`]. `None`
    /// until the model is loaded, and for a remote engine. Dropping the result cancels it.
    #[must_use]
    pub fn judge(&self, snapshot: &Snapshot, edit: &JudgedEdit) -> Option<Generation> {
        let JudgedPrompt { prompt, texts } = self.prompter.get()?.lock().judged(snapshot, edit)?;
        Some(self.engine.score(prompt, texts.into()))
    }

    /// Switches to the whole window, once it is prefilled.
    pub fn widen(&self) {
        if let Some(prompter) = self.prompter.get() {
            prompter.lock().widen();
        }
    }
}

/// How much the model prefers the text with an edit, in nats: the difference of the log-probabilities
/// of the same lines with and without it. `None` unless [`Completer::judge`] has ended with a result.
#[must_use]
pub fn preference(progress: &Progress) -> Option<f64> {
    match progress.log_probabilities[..] {
        [without, with] => Some(with - without).filter(|it| !it.is_nan()),
        _ => None,
    }
}

fn load(
    config: &Config,
    calibration: &OnceLock<Calibration>,
    about: &OnceLock<About>,
) -> anyhow::Result<(Decoder<OnnxModel>, Prompter)> {
    let (settings, started) = (&config.model, Instant::now());
    let bundle = Bundle::open(&model_path(&settings.name))?;
    let options = settings.options()?;
    let vocabulary = Vocabulary::from_file(&bundle.tokenizer())?;
    let vocabulary = Arc::new(vocabulary.with_marks(bundle.manifest.marks())?);
    let model = OnnxModel::load(&bundle, &options)?;
    if let Some(found) = bundle.calibration() {
        calibration.get_or_init(|| found);
    }
    let manifest = bundle.manifest;
    let provider = model.provider().name();
    about.get_or_init(|| About::new(&manifest, provider, options.n_threads));
    tracing::info!(
        "foretell {}: {} on {provider}, {} threads, loaded in {:.0} ms",
        env!("CARGO_PKG_VERSION"),
        manifest.name,
        options.n_threads,
        started.elapsed().as_secs_f64() * 1e3,
    );
    let window = config.prompt.within(model.capacity().saturating_sub(config.suggest.max_tokens));
    let prompter = Prompter::new(Arc::clone(&vocabulary), manifest.fim, window);
    let prompter = prompter.with_threads(options.n_threads);
    let lookup = if settings.lookup { Mode::Adaptive } else { Mode::Off };
    let decoder = Decoder::new(model, vocabulary, manifest.eos_ids).with_lookup(lookup);
    Ok((decoder, prompter))
}

#[cfg(test)]
mod tests {
    use super::*;
    use foretell_config::prompt::Window;
    use foretell_engine::{bundle::Fim, scripted::Script};

    /// Gathering may wait for a task that waits for the prompter, which would be a deadlock.
    #[tokio::test]
    async fn gathering_does_not_lock_the_prompter() {
        let completer = Completer::start_with(|| {
            let script = Script::new("x\n")?;
            let fim = script.fim();
            let fim = Fim { family: "qwen2.5-coder".into(), file_sep: Some(fim.prefix), ..fim };
            let window = Window { other_files: OtherFiles::Open, ..Window::default() };
            let prompter = Prompter::new(script.vocabulary(), Some(fim), window);
            Ok((script.into_decoder(), prompter))
        });
        assert_eq!(completer.loaded().await, EngineState::Ready);
        let mut is_free = None;
        completer.set_others(|| {
            is_free = completer.prompter.get().map(|it| it.try_lock().is_some());
            Vec::new()
        });
        assert_eq!(is_free, Some(true));
    }
}

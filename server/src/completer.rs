//! The half of a keystroke that needs the model: prompt, engine and policy in one piece.

use std::sync::{Arc, Mutex, OnceLock};

use crate::{
    bundle::{Bundle, model_path},
    config::Config,
    document::{Edit, Snapshot},
    engine::{
        Draft, Engine, Request, State,
        decoder::Decoder,
        lookup::Mode,
        onnx::{OnnxModel, Options, find_library},
        vocabulary::Vocabulary,
    },
    policy::Policy,
    prompt::{self, Prompter},
};

/// Starts drafts for cursors.
#[derive(Debug)]
pub struct Completer {
    engine: Engine,
    /// Set by the engine's thread before it says that it is ready.
    prompter: Arc<OnceLock<Mutex<Prompter>>>,
    max_tokens: usize,
}

impl Completer {
    /// Starts an engine with the model of the settings. Whether it could be loaded is told by
    /// [`Completer::state`].
    #[must_use]
    pub fn start(config: &Config) -> Self {
        let settings = config.clone();
        Self::start_with(config, move || load(&settings))
    }

    /// Starts an engine with any model.
    #[must_use]
    pub fn start_with<M: crate::engine::Model + 'static>(
        config: &Config,
        load: impl FnOnce() -> anyhow::Result<(Decoder<M>, Prompter)> + Send + 'static,
    ) -> Self {
        let prompter = Arc::new(OnceLock::new());
        let slot = Arc::clone(&prompter);
        let engine = Engine::start(move || {
            let (decoder, prompter) = load()?;
            slot.get_or_init(|| Mutex::new(prompter));
            Ok(decoder)
        });
        Self { engine, prompter, max_tokens: config.max_tokens }
    }

    /// What the engine can do now.
    #[must_use]
    pub fn state(&self) -> State {
        self.engine.state()
    }

    /// Waits until the model is loaded or has failed to load.
    pub async fn loaded(&self) -> State {
        self.engine.loaded().await
    }

    /// Gives up the engine, and waits until its thread has ended. Drafts must be dropped before.
    pub async fn end(self) {
        self.engine.end().await;
    }

    /// Follows an edit of a document.
    pub fn edited(&self, uri: &str, edit: &Edit) {
        if let Some(prompter) = self.prompter.get() {
            lock(prompter).edited(uri, edit);
        }
    }

    /// Starts a draft for the cursor, a char_idx. `None` until the model is loaded.
    #[must_use]
    pub fn draft(&self, snapshot: &Snapshot, cursor: usize) -> Option<Draft> {
        let prompt = lock(self.prompter.get()?).prompt(snapshot, cursor);
        let policy = Policy::new(prompt::place(snapshot, cursor));
        Some(self.engine.generate(Request::new(prompt, policy, self.max_tokens)))
    }

    /// Reads the whole window of a cursor whose last prompt was of a narrow one, while nothing
    /// else is to do. `None` if there is no more to read. Dropping the draft is the cancel.
    #[must_use]
    pub fn prewarm(&self, snapshot: &Snapshot, cursor: usize) -> Option<Draft> {
        let prompt = lock(self.prompter.get()?).wider(snapshot, cursor)?;
        Some(self.engine.prewarm(prompt))
    }

    /// Takes the whole window for what follows, since a prewarm has read it.
    pub fn widen(&self) {
        if let Some(prompter) = self.prompter.get() {
            lock(prompter).widen();
        }
    }
}

/// A prompter is whole after every call, so a panic in one does not spoil it for the next.
fn lock(prompter: &Mutex<Prompter>) -> std::sync::MutexGuard<'_, Prompter> {
    prompter.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn load(config: &Config) -> anyhow::Result<(Decoder<OnnxModel>, Prompter)> {
    let bundle = Bundle::open(&model_path(&config.model))?;
    let options = Options {
        library: find_library(config.library.as_deref())?,
        context_tokens: config.context_tokens,
        kv_cache_bytes: config.kv_cache_mb * 1_000_000,
        provider: config.provider,
        n_threads: config.n_threads,
    };
    let vocabulary = Arc::new(Vocabulary::from_file(&bundle.tokenizer())?);
    let model = OnnxModel::load(&bundle, &options)?;
    let manifest = bundle.manifest;
    let prompter = Prompter::new(Arc::clone(&vocabulary), manifest.fim, config.window);
    let lookup = if config.lookup { Mode::Adaptive } else { Mode::Off };
    let decoder = Decoder::new(model, vocabulary, manifest.eos_ids).with_lookup(lookup);
    Ok((decoder, prompter))
}

//! Answers guests: clients without a session, which send the text around the cursor with every
//! request (`foretell serve --http`).
//!
//! A guest gets what the editor gets, with the same prompt, KV cache, confidence and policy. Nothing
//! is kept for it but the layouts of recent prompts: a text that was sent anew has no edits, so the
//! anchor of an earlier layout is searched in it ([`Completer::follow`]). Everything for the editor
//! comes first; a generation that has to yield starts again, and evaluates only what is no longer
//! cached.

use std::sync::Arc;

use foretell_engine::{FinishReason, Generation, GenerationMetrics};

use super::{Session, driver::Driver};
use crate::{
    completer::{Completer, GenerationOptions},
    document::Snapshot,
    empty_reason::EmptyReason,
    prompt::says_nothing,
    suggestion::{GenerationId, Suggestion, Verdict},
};

/// The name of a text without a path.
const NO_PATH: &str = "guest";

/// A request with its text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GuestRequest {
    /// The path of the file; may be empty.
    pub path: String,
    /// The text before the cursor, as far as the guest sends it.
    pub before: String,
    /// The text after the cursor.
    pub after: String,
    /// Excerpts of other files: path and text. The prompt quotes them if `prompt.other_files` allows
    /// it.
    pub others: Vec<(String, String)>,
    /// The most tokens to generate. Above `suggest.max_tokens`, it counts only with `is_raw`.
    pub max_tokens: Option<usize>,
    /// Whether the guest wants the text as the model writes it, without confidence and policy.
    pub is_raw: bool,
}

/// The text of an answer so far.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct GuestPart {
    /// The text from its beginning.
    pub text: String,
    /// Set with the complete text.
    pub finish: Option<FinishReason>,
    /// The cost so far.
    pub figures: GenerationMetrics,
}

/// A text that is being generated for a guest. Dropping it is the cancel.
#[derive(Debug)]
pub struct GuestAnswer {
    job: GuestJob,
    options: GenerationOptions,
    suggestion: Suggestion,
    generation: Generation,
}

/// A place in a guest's text.
struct GuestJob {
    driver: Arc<Driver>,
    snapshot: Snapshot,
    cursor: usize,
    others: Vec<Snapshot>,
}

impl std::fmt::Debug for GuestJob {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GuestJob").finish_non_exhaustive()
    }
}

impl Session {
    /// Starts the answer to a guest.
    ///
    /// # Errors
    /// Why there is none: the settings exclude the file, or the model is not ready.
    pub fn answer_guest(&self, request: GuestRequest) -> Result<GuestAnswer, EmptyReason> {
        let suggest = self.config().suggest;
        let GuestRequest { max_tokens, is_raw, .. } = request;
        let job = self.guest_job(request)?;
        let options = GenerationOptions::one(&suggest);
        let options = if is_raw {
            let max_tokens = max_tokens.unwrap_or(options.max_tokens);
            GenerationOptions { max_tokens, is_raw, ..options.showing_everything() }
        } else {
            let max_tokens = options.max_tokens.min(max_tokens.unwrap_or(usize::MAX));
            GenerationOptions { max_tokens, ..options }
        };
        let options = GenerationOptions { max_tokens: options.max_tokens.max(1), ..options };
        let generation = job.generate(&options)?;
        let suggestion = Suggestion::new(&job.snapshot, job.cursor, GenerationId(0))
            .with_min_probability(options.min_probability);
        Ok(GuestAnswer { job, options, suggestion, generation })
    }

    /// Prefills the prompt for a guest that will ask soon, while the engine is idle.
    pub async fn prefill_for_guest(&self, request: GuestRequest) {
        let Ok(job) = self.guest_job(request) else { return };
        let started = job.completer().and_then(|it| it.prefill_first(&job.snapshot, job.cursor));
        if let Some(generation) = started {
            finish_of(generation).await;
        }
    }

    fn guest_job(&self, request: GuestRequest) -> Result<GuestJob, EmptyReason> {
        let GuestRequest { path, before, after, others, .. } = request;
        let settings = self.driver.settings();
        let is_excluded = |path: &str| settings.exclusions.contain_document(path, "");
        let path = if path.is_empty() { NO_PATH } else { &path };
        let snapshot = Snapshot::of_text(path, "", &format!("{before}{after}"));
        if !settings.config.suggest.enabled {
            return Err(EmptyReason::TurnedOff);
        } else if is_excluded(path) {
            return Err(EmptyReason::Excluded);
        } else if says_nothing(&snapshot) {
            return Err(EmptyReason::NoContext);
        }
        let others = others.iter().filter(|(path, _)| !is_excluded(path));
        let others = others.map(|(path, text)| Snapshot::of_text(path, "", text)).collect();
        let cursor = before.chars().count();
        Ok(GuestJob { driver: Arc::clone(&self.driver), snapshot, cursor, others })
    }
}

impl GuestJob {
    /// The completer, with the layouts of this text. `None` until the model is loaded.
    fn completer(&self) -> Option<Arc<Completer>> {
        let completer = self.driver.guests_completer()?;
        completer.follow(&self.snapshot, self.cursor);
        completer.set_others(|| self.others.clone());
        Some(completer)
    }

    fn generate(&self, options: &GenerationOptions) -> Result<Generation, EmptyReason> {
        let started =
            self.completer().and_then(|it| it.generate(&self.snapshot, self.cursor, options));
        started.ok_or_else(|| self.driver.why_not_started())
    }
}

impl GuestAnswer {
    /// The text as soon as it is longer than `n_bytes`, or complete.
    ///
    /// # Errors
    /// If the model fails or is replaced.
    pub async fn longer_than(&mut self, n_bytes: usize) -> Result<GuestPart, EmptyReason> {
        loop {
            let part = self.part();
            match &part.finish {
                Some(FinishReason::Failed(failure)) => {
                    return Err(EmptyReason::ModelFailed(failure.clone()));
                }
                Some(FinishReason::Cancelled) => {
                    // It has yielded to the editor.
                    self.generation = self.job.generate(&self.options)?;
                    continue;
                }
                Some(_) => return Ok(part),
                None if part.text.len() > n_bytes => return Ok(part),
                None => {}
            }
            if !self.generation.changed().await && self.generation.progress().finish.is_none() {
                // The engine's thread has ended.
                self.generation = self.job.generate(&self.options)?;
            }
        }
    }

    /// The text as it is.
    #[must_use]
    pub fn part(&self) -> GuestPart {
        let progress = self.generation.progress();
        let text = if self.options.is_raw {
            progress.text
        } else {
            match self.suggestion.verdict(&self.job.snapshot.uri, self.job.cursor, &progress) {
                Verdict::Shows(text) => text,
                _ => String::new(),
            }
        };
        GuestPart { text, finish: progress.finish, figures: progress.figures }
    }

    /// Records that the guest was sent the first `n_bytes` of the text, which therefore stay.
    pub fn sent(&mut self, n_bytes: usize) {
        self.suggestion.shown(self.job.cursor, n_bytes);
    }

    /// Ends the generation, and prefills the whole window for the guest's next request while the
    /// engine is idle.
    pub async fn widen(self) {
        let Self { job, generation, .. } = self;
        drop(generation);
        let prefill = job.completer().and_then(|it| it.prefill_whole(&job.snapshot, job.cursor));
        let Some(prefill) = prefill else { return };
        if finish_of(prefill).await == Some(FinishReason::PromptRead)
            && let Some(completer) = job.driver.guests_completer()
        {
            completer.widen();
        }
    }
}

/// Waits for the end of a generation.
async fn finish_of(mut generation: Generation) -> Option<FinishReason> {
    loop {
        let finish = generation.progress().finish;
        if finish.is_some() || !generation.changed().await {
            return finish;
        }
    }
}

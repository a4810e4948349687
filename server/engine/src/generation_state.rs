//! The text that a job has generated so far, and the part of it that readers see.

use std::{ops::ControlFlow, time::Instant};

use tokio::sync::watch;

use super::{
    Confidence, FinishReason, GenerationMetrics, Progress, Request, calibration::Calibrator,
    queue::Queue, sampler::Healing, vocabulary::Vocabulary,
};
use foretell_policy::{Cut, Phase, Policy, StopRule};

/// The part of a job that changes with every token.
pub(super) struct GenerationState<'a> {
    pub(super) figures: GenerationMetrics,
    pub(super) candidate: Candidate,
    /// The bytes of the user's last word, which the model repeats.
    healed: Vec<u8>,
    progress: &'a watch::Sender<Progress>,
    queue: &'a Queue,
    asked: Instant,
}

/// One candidate.
pub(super) struct Candidate {
    pub(super) healing: Healing,
    pub(super) n_generated: usize,
    /// The log-probability of the next token.
    pub(super) log_probability: Option<f32>,
    /// The confidence in `written`. `None` once the probability of a part is unknown.
    confidence: Option<Confidence>,
    calibrator: Calibrator,
    policy: Policy,
    text: Text,
    /// The whole text, reformatted as it would be shown.
    written: String,
    /// The length of the text that the policy has let through, in bytes.
    shown: usize,
    is_first: bool,
}

impl Candidate {
    fn new(healed: Vec<u8>, request: &Request, is_first: bool) -> Self {
        let healing = Healing::new(healed);
        Self {
            healing,
            n_generated: 0,
            log_probability: None,
            confidence: Some(Confidence::default()),
            calibrator: Calibrator::new(request.calibration.clone()),
            policy: request.policy.clone(),
            text: Text::default(),
            written: String::new(),
            shown: 0,
            is_first,
        }
    }
}

impl<'a> GenerationState<'a> {
    pub(super) fn new(
        request: &Request,
        healed: Vec<u8>,
        progress: &'a watch::Sender<Progress>,
        queue: &'a Queue,
        asked: Instant,
    ) -> Self {
        let queued_ms = ms_since(asked);
        let figures = GenerationMetrics { queued_ms, ..GenerationMetrics::default() };
        let candidate = Candidate::new(healed.clone(), request, true);
        Self { figures, candidate, healed, progress, queue, asked }
    }

    /// Generates all candidates of a request, by number. Returns the first one's reason, unless a
    /// later one fails.
    pub(super) fn candidates(
        &mut self,
        request: &Request,
        mut write: impl FnMut(usize, &mut Self) -> FinishReason,
    ) -> FinishReason {
        let is_over = |finish: &FinishReason| {
            matches!(finish, FinishReason::Cancelled | FinishReason::Failed(_))
        };
        let mut finish = write(0, self);
        for n in 1..request.n_candidates {
            if is_over(&finish) {
                break;
            }
            self.candidate = Candidate::new(self.healed.clone(), request, false);
            let other = write(n, self);
            if is_over(&other) {
                finish = other;
            }
        }
        finish
    }

    /// Publishes the log-probabilities of given texts, without waking readers.
    pub(super) fn set_log_probabilities(&self, sums: Vec<f64>) {
        self.progress.send_if_modified(|now| {
            now.log_probabilities = sums;
            false
        });
    }

    /// Waits until the last reader is dropped.
    pub(super) async fn reader_is_gone(&self) {
        self.progress.closed().await;
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.progress.is_closed() || self.queue.is_preempted()
    }

    /// Publishes the cost so far without waking readers.
    pub(super) fn publish_metrics(&self) {
        self.progress.send_if_modified(|now| {
            now.figures = self.figures;
            false
        });
    }

    /// Accepts a token and shows its text; `is_end` if it ends the text.
    pub(super) fn take(
        &mut self,
        token: u32,
        is_end: bool,
        vocabulary: &Vocabulary,
        request: &Request,
    ) -> ControlFlow<FinishReason> {
        let it = &mut self.candidate;
        // A token whose log-probability is not a number counts as impossible.
        let log_probability = it.log_probability.take().unwrap_or(f32::NEG_INFINITY);
        if it.n_generated == request.max_tokens {
            return ControlFlow::Break(FinishReason::MaxTokens);
        }
        it.n_generated += 1;
        let bytes = vocabulary.bytes(token);
        let new = it.healing.pay(bytes);
        let counted = if new.is_empty() && !is_end {
            &mut self.figures.healed
        } else {
            &mut self.figures.generated
        };
        *counted += 1;
        if is_end || bytes.is_empty() {
            return ControlFlow::Break(FinishReason::EndOfText);
        }
        let is_last = it.n_generated == request.max_tokens;
        self.write(new, Some(log_probability), request.min_probability)?;
        if is_last {
            ControlFlow::Break(FinishReason::MaxTokens)
        } else {
            ControlFlow::Continue(())
        }
    }

    /// Appends to the text and shows it. Ends the generation once the text is less likely than
    /// `min_probability`, because its probability only falls.
    pub(super) fn write(
        &mut self,
        bytes: &[u8],
        log_probability: Option<f32>,
        min_probability: Option<f32>,
    ) -> ControlFlow<FinishReason> {
        if self.is_cancelled() {
            return ControlFlow::Break(FinishReason::Cancelled);
        }
        self.publish_metrics();
        let it = &mut self.candidate;
        if !it.text.push(bytes) {
            return ControlFlow::Break(FinishReason::NotText);
        }
        it.written = it.policy.written(it.text.as_str()).into_owned();
        match (&mut it.confidence, log_probability) {
            (Some(confidence), Some(log_probability)) => {
                confidence.push(it.written.len(), it.calibrator.next(log_probability));
            }
            // A server may end its stream with an empty chunk.
            (_, None) if bytes.is_empty() => {}
            (confidence, _) => *confidence = None,
        }
        if !it.text.as_str().is_empty() && self.figures.first_token_ms.is_none() {
            self.figures.first_token_ms = Some(ms_since(self.asked));
        }
        let cut = it.policy.cut(it.text.as_str(), Phase::Partial);
        self.show(cut.keep_bytes);
        if let Some(stop) = cut.stop {
            return ControlFlow::Break(FinishReason::Stopped(stop));
        }
        let is_unsure = match (&self.candidate.confidence, min_probability) {
            (Some(confidence), Some(min_probability)) => confidence.is_below(min_probability),
            _ => false,
        };
        if is_unsure {
            return ControlFlow::Break(FinishReason::Stopped(StopRule::Unsure));
        }
        ControlFlow::Continue(())
    }

    /// Publishes the part of the text that may be shown, and the part that is held back.
    fn show(&mut self, keep_bytes: usize) {
        let it = &mut self.candidate;
        let grows = keep_bytes > it.shown;
        it.shown = it.shown.max(keep_bytes);
        if !it.is_first {
            return;
        }
        let text = it.policy.written(&it.text.as_str()[..it.shown]);
        self.progress.send_if_modified(|now| {
            if grows {
                now.text = text.into_owned();
            }
            let held_back = it.written.strip_prefix(now.text.as_str()).unwrap_or_default();
            let is_new = grows || now.held_back != held_back;
            if is_new {
                now.held_back = held_back.to_owned();
                now.confidence.clone_from(&it.confidence);
            }
            is_new
        });
    }

    /// Ends the candidate: shows what is only known to be valid at its end, and returns the reason
    /// as the policy sees it.
    pub(super) fn end_candidate(&mut self, finish: FinishReason) -> FinishReason {
        if finish == FinishReason::Stopped(StopRule::Unsure) {
            // The text is cut off, so text that the rules held back may be wrong.
            return finish;
        }
        let it = &self.candidate;
        let cut = it.policy.cut(it.text.as_str(), finish.phase());
        let is_complete = !matches!(finish, FinishReason::Cancelled | FinishReason::Failed(_));
        if is_complete && it.healing.is_done() {
            self.show(cut.keep_bytes);
        }
        let settled = is_complete.then(|| self.settled(cut));
        let it = &self.candidate;
        if let Some(text) = settled.as_ref().filter(|_| !it.is_first) {
            self.progress.send_if_modified(|now| {
                let is_new = !text.is_empty() && now.text != *text;
                let is_new = is_new && !now.alternatives.iter().any(|other| other == text);
                if is_new {
                    now.alternatives.push(text.clone());
                }
                is_new
            });
        } else if let Some(text) = settled {
            self.progress.send_if_modified(|now| {
                now.settled = (now.text != text).then_some(text);
                false
            });
        }
        // Some rules recognise only at the very end that they stopped the text.
        match (finish, cut.stop) {
            (FinishReason::EndOfText | FinishReason::MaxTokens, Some(stop)) => {
                FinishReason::Stopped(stop)
            }
            (finish, _) => finish,
        }
    }

    /// The candidate's complete text for a client that has not shown any of it.
    fn settled(&self, cut: Cut) -> String {
        let it = &self.candidate;
        let text = it.text.as_str();
        let shown = Cut { keep_bytes: it.shown, ..cut };
        let cut = it.policy.settle(text, shown);
        it.policy.written(&text[..cut.keep_bytes]).into_owned()
    }

    /// Ends the job.
    pub(super) fn end(mut self, finish: FinishReason) {
        self.figures.total_ms = ms_since(self.asked);
        tracing::debug!(finish = finish.name(), figures = ?self.figures, "run");
        self.progress.send_modify(|now| {
            now.figures = self.figures;
            now.finish = Some(finish);
        });
    }
}

/// The time since `start`, in milliseconds.
pub(super) fn ms_since(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1e3
}

/// Bytes that become text as soon as they are complete characters.
#[derive(Debug, Default)]
pub(super) struct Text {
    text: String,
    /// The beginning of an incomplete character.
    partial: Vec<u8>,
}

impl Text {
    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns `false` if the bytes cannot become text.
    pub(super) fn push(&mut self, bytes: &[u8]) -> bool {
        self.partial.extend_from_slice(bytes);
        match std::str::from_utf8(&self.partial) {
            Ok(text) => {
                self.text.push_str(text);
                self.partial.clear();
                true
            }
            Err(error) => {
                let whole: Vec<u8> = self.partial.drain(..error.valid_up_to()).collect();
                self.text.push_str(&String::from_utf8_lossy(&whole));
                error.error_len().is_none()
            }
        }
    }
}

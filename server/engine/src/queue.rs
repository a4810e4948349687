//! The jobs that wait for the engine's thread, and the running one.
//!
//! A chunk of a prompt may take half a second, so a job without a reader is aborted in
//! the middle of one, but only if that helps: another job waits, and most of the chunk is not in
//! its prompt. A user who types on needs the same tokens, and aborting each chunk for the next one
//! would never finish any.
//!
//! A guest is a client without a session: a program that sends its text with every request.
//! Everything for the editor comes before everything for guests, and preempts it. Scoring ends as soon
//! as any other job arrives, and runs between two chunks of a background prefill.

use parking_lot::{Condvar, Mutex, MutexGuard};
use std::{collections::VecDeque, sync::Arc, time::Instant};

use tokio::sync::watch;

use super::{Failure, FinishReason, Progress, Request};

/// Aborts the evaluation it was armed for, and no other.
pub struct Abort(Box<dyn Fn() + Send>);

impl Abort {
    /// Wraps the function that aborts. It is called from any thread, and possibly after the
    /// evaluation has ended.
    #[must_use]
    pub fn new(abort: impl Fn() + Send + 'static) -> Self {
        Self(Box::new(abort))
    }

    /// Aborts the evaluation.
    pub fn call(&self) {
        (self.0)();
    }
}

impl std::fmt::Debug for Abort {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Abort")
    }
}

/// The purpose of a job, the most urgent first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// A text that the user of the editor waits for.
    Generate,
    /// A prompt that the editor will request soon.
    Prefill,
    /// A text that a guest waits for.
    GuestGenerate,
    /// A prompt that a guest will request soon.
    GuestPrefill,
    /// The probabilities of given texts.
    Score,
}

impl Kind {
    /// Whether the job only prefills a prompt.
    pub(super) fn is_prefill(self) -> bool {
        matches!(self, Self::Prefill | Self::GuestPrefill)
    }

    /// Whether a newer job of the same kind replaces one that has not started.
    fn is_replaceable(self) -> bool {
        self.is_prefill() || self == Self::Score
    }

    /// Whether the job ends with the last handle on the engine.
    fn ends_with_handles(self) -> bool {
        self >= Self::GuestGenerate
    }
}

#[derive(Debug)]
pub(super) struct Job {
    pub(super) kind: Kind,
    pub(super) request: Request,
    pub(super) progress: watch::Sender<Progress>,
    pub(super) asked: Instant,
}

impl Job {
    pub(super) fn fail(&self, failure: Failure) {
        self.progress.send_modify(|it| it.finish = Some(FinishReason::Failed(failure)));
    }
}

/// The failure of requests to an engine whose thread has ended.
pub(super) fn thread_has_ended() -> Failure {
    Failure::message("the engine's thread has ended")
}

/// An evaluation that can be aborted.
#[derive(Debug)]
struct Read {
    /// The buffers' tokens after it.
    tokens: Vec<u32>,
    /// How many of them there were before.
    n_past: usize,
    abort: Abort,
}

impl Read {
    /// Whether less than half of it is useful for a prompt.
    fn is_useless_for(&self, prompt: &[u32]) -> bool {
        let n_shared = self.tokens.iter().zip(prompt).take_while(|(a, b)| a == b).count();
        2 * n_shared.saturating_sub(self.n_past) < self.tokens.len() - self.n_past
    }
}

#[derive(Debug)]
struct Running {
    kind: Kind,
    progress: watch::Sender<Progress>,
    read: Option<Read>,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Job>,
    running: Option<Running>,
    /// The last handle was dropped.
    is_closed: bool,
    /// The thread has ended.
    has_ended: bool,
}

/// See the module's documentation.
#[derive(Debug, Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

impl Queue {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    /// Adds a job. A new background prefill replaces a waiting one, and new scoring replaces waiting
    /// scoring. During a long evaluation, jobs without a reader would pile up with their texts: they
    /// are dropped here.
    pub(super) fn push(&self, job: Job) {
        let mut state = self.state();
        if state.has_ended {
            return job.fail(thread_has_ended());
        }
        let is_replaced = |it: &Job| job.kind.is_replaceable() && it.kind == job.kind;
        state.waiting.retain(|it| !it.progress.is_closed() && !is_replaced(it));
        state.waiting.push_back(job);
        state.abort_if_it_helps();
        self.changed.notify_all();
    }

    /// Waits for a job. Skips jobs without a reader. `None` once the queue is closed.
    pub(super) fn next(&self) -> Option<Job> {
        let mut state = self.state();
        loop {
            state.running = None;
            state.waiting.retain(|it| !it.progress.is_closed());
            match state.next().and_then(|index| state.waiting.remove(index)) {
                Some(job) => {
                    let (kind, progress) = (job.kind, job.progress.clone());
                    state.running = Some(Running { kind, progress, read: None });
                    return Some(job);
                }
                None if state.is_closed => return None,
                None => {
                    self.changed.wait(&mut state);
                }
            }
        }
    }

    /// Takes scoring out of the queue, to run it within the running job.
    pub(super) fn take_scoring(&self, may_run: impl Fn(&Request) -> bool) -> Option<Job> {
        let mut state = self.state();
        let is_scoring =
            |it: &Job| it.kind == Kind::Score && !it.progress.is_closed() && may_run(&it.request);
        let index = state.waiting.iter().position(is_scoring)?;
        state.waiting.remove(index)
    }

    /// Whether all handles are dropped and no waiting job has a reader.
    pub(super) fn is_abandoned(&self) -> bool {
        let state = self.state();
        state.is_closed && state.waiting.iter().all(|job| job.progress.is_closed())
    }

    /// Whether the running job must yield to a waiting one.
    pub(super) fn is_preempted(&self) -> bool {
        self.state().is_preempted()
    }

    /// Registers an evaluation of `new` tokens after `past` ones that can be aborted.
    pub(super) fn begin_read(&self, past: &[u32], new: &[u32], abort: Abort) {
        let mut state = self.state();
        if let Some(running) = &mut state.running {
            let tokens = [past, new].concat();
            running.read = Some(Read { tokens, n_past: past.len(), abort });
        }
        state.abort_if_it_helps();
    }

    /// The evaluation has ended.
    pub(super) fn end_read(&self) {
        if let Some(running) = &mut self.state().running {
            running.read = None;
        }
    }

    /// Called when a reader is dropped.
    pub(super) fn reader_is_gone(&self) {
        self.state().abort_if_it_helps();
    }

    /// Called when the last handle is dropped. A process that exits while the runtime computes
    /// destroys its memory in use, and the next model needs the memory of this one, so the jobs of
    /// guests end. They ask again.
    pub(super) fn close(&self) {
        let mut state = self.state();
        state.is_closed = true;
        state.waiting.retain(|it| !it.kind.ends_with_handles());
        state.abort_if_it_helps();
        self.changed.notify_all();
    }
}

impl State {
    /// The index of the job to run next: of the most urgent ones, the first. Those without a reader
    /// are left out.
    fn next(&self) -> Option<usize> {
        let jobs = self.waiting.iter().enumerate().filter(|(_, job)| !job.progress.is_closed());
        jobs.min_by_key(|(_, job)| job.kind).map(|(index, _)| index)
    }

    fn is_preempted(&self) -> bool {
        let Some(Running { kind, .. }) = self.running else { return false };
        let is_urgent = |job: &Job| job.kind < kind && !job.progress.is_closed();
        let yields = kind != Kind::Generate && self.waiting.iter().any(is_urgent);
        yields || (self.is_closed && kind.ends_with_handles())
    }

    fn abort_if_it_helps(&mut self) {
        let is_preempted = self.is_preempted();
        let next = self.next();
        let Some(running) = &mut self.running else {
            return;
        };
        if !is_preempted && !running.progress.is_closed() {
            return;
        }
        if self.is_closed {
            running.read.take().iter().for_each(|read| read.abort.call());
            return;
        }
        let Some(next) = next else { return };
        let wanted = &self.waiting[next].request.prompt.ids;
        if let Some(read) = running.read.take_if(|read| read.is_useless_for(wanted)) {
            tracing::debug!(n_past = read.n_past, "cancel: the read is ended early");
            read.abort.call();
        }
    }
}

/// Owned by the engine's thread: when it ends, for whatever reason, waiting jobs fail.
#[derive(Debug)]
pub(super) struct Worker(pub(super) Arc<Queue>);

impl Drop for Worker {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.has_ended = true;
        state.running = None;
        for job in state.waiting.drain(..) {
            job.fail(thread_has_ended());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Prompt;
    use foretell_policy::Policy;

    fn ask(queue: &Queue, kind: Kind, id: u32) -> watch::Receiver<Progress> {
        let (progress, reader) = watch::channel(Progress::default());
        let prompt = Prompt { ids: vec![id], healed: Vec::new() };
        let request = Request::new(prompt, Policy::default(), 1);
        queue.push(Job { kind, request, progress, asked: Instant::now() });
        reader
    }

    fn next(queue: &Queue) -> Option<u32> {
        queue.next().map(|job| job.request.prompt.ids[0])
    }

    #[test]
    fn abandoned_jobs_are_dropped() {
        let queue = Queue::default();
        let first = ask(&queue, Kind::Generate, 1);
        (2..100).for_each(|id| drop(ask(&queue, Kind::Generate, id)));
        let last = ask(&queue, Kind::Generate, 100);
        let waiting: Vec<u32> =
            queue.state().waiting.iter().map(|job| job.request.prompt.ids[0]).collect();
        assert_eq!(waiting, [1, 100], "the order is kept");
        assert_eq!(next(&queue), Some(1));
        drop((first, last));
    }

    #[test]
    fn everything_for_the_editor_precedes_guests() {
        let queue = Queue::default();
        let background = ask(&queue, Kind::GuestPrefill, 6);
        let guests = [1, 2].map(|id| ask(&queue, Kind::GuestGenerate, id));
        assert_eq!(next(&queue), Some(1));
        assert!(!queue.is_preempted(), "guests wait for each other");
        let replaced = ask(&queue, Kind::Prefill, 3);
        assert!(queue.is_preempted(), "a guest yields even to a prefill");
        let prefill = ask(&queue, Kind::Prefill, 4);
        let editor = ask(&queue, Kind::Generate, 5);
        assert_eq!([next(&queue), next(&queue)], [Some(5), Some(4)]);
        assert_eq!(next(&queue), Some(2));
        queue.close();
        assert!(queue.is_preempted(), "a model that is no longer wanted serves no guest");
        assert_eq!(next(&queue), None);
        drop((background, guests, replaced, prefill, editor));
    }

    #[test]
    fn scoring_yields_to_every_other_job() {
        let queue = Queue::default();
        let replaced = ask(&queue, Kind::Score, 1);
        let scoring = ask(&queue, Kind::Score, 2);
        assert_eq!(next(&queue), Some(2), "the latest one");
        let others = [Kind::GuestPrefill, Kind::GuestGenerate, Kind::Prefill, Kind::Generate];
        for kind in others {
            assert!(!queue.is_preempted());
            let other = ask(&queue, kind, 3);
            assert!(queue.is_preempted(), "{kind:?}");
            drop(other);
        }
        drop((replaced, scoring));
    }
}

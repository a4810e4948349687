//! What the client was told of how things are, and what is news to it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::lsp_ext::StatusParams;

/// What the client was told last.
#[derive(Debug, Clone, Default)]
pub(super) struct LastStatus(Arc<Mutex<Option<StatusParams>>>);

impl LastStatus {
    fn last(&self) -> MutexGuard<'_, Option<StatusParams>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it is something that an answer to a request takes back.
    pub(super) fn is_passing(&self) -> bool {
        self.last().as_ref().is_some_and(|it| it.state == "thinking" || it.state == "failed")
    }

    /// Whether to tell this. A failure is told once, however many requests it makes fail.
    /// It stands until something works: that the model is asked again is no news.
    pub(super) fn is_due(&self, status: &StatusParams) -> bool {
        let mut last = self.last();
        let has_failed = last.as_ref().is_some_and(|it| it.state == "failed");
        if has_failed && (status.state == "thinking" || last.as_ref() == Some(status)) {
            return false;
        }
        *last = Some(status.clone());
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_told_once_and_stands_until_something_works() {
        let told = LastStatus::default();
        let is_due = |state: &str, message: Option<&str>| {
            let message = message.map(str::to_owned);
            told.is_due(&StatusParams { state: state.to_owned(), message, remote: None })
        };
        assert!(is_due("thinking", None) && is_due("failed", Some("a")));
        assert!(!is_due("thinking", None) && !is_due("failed", Some("a")) && told.is_passing());
        assert!(is_due("failed", Some("b")), "another one is news");
        assert!(is_due("ready", None) && !told.is_passing());
        assert!(is_due("thinking", None) && is_due("failed", Some("b")));
    }
}

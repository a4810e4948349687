//! `foretell/status`: what the client knows about the engine.

use std::sync::Arc;

use foretell_engine::EngineState;
use foretell_session::session::{EmptyReason, Session};
use parking_lot::Mutex;
use tokio::time::timeout;
use tower_lsp::{Client, gen_lsp_types as lsp};

use super::{
    CLIENT_PATIENCE, LOADING,
    lsp_ext::{Options, Status, StatusParams, StatusState},
};

/// The last status that was sent; a repeated one is not sent again.
#[derive(Debug, Clone, Default)]
pub(super) struct LastStatus(Arc<Mutex<Option<StatusParams>>>);

impl LastStatus {
    /// Whether the next answered request ends this status.
    pub(super) fn is_transient(&self) -> bool {
        let transient = [StatusState::Thinking, StatusState::Failed];
        let last = self.0.lock();
        last.as_ref().is_some_and(|it| transient.contains(&it.state) || it.reason.is_some())
    }

    /// Whether to send a status; if so, it becomes the last one. A failure is sent once, however
    /// many requests fail by it, and lasts until something works.
    pub(super) fn is_new(&self, status: &StatusParams) -> bool {
        let mut last = self.0.lock();
        let has_failed = last.as_ref().is_some_and(|it| it.state == StatusState::Failed);
        if has_failed && (status.state == StatusState::Thinking || last.as_ref() == Some(status)) {
            return false;
        }
        *last = Some(status.clone());
        true
    }
}

/// Sends the status to clients that ask for it.
#[derive(Debug)]
pub(super) struct StatusReporter {
    pub(super) client: Client,
    pub(super) options: Options,
    pub(super) last: LastStatus,
}

impl StatusReporter {
    /// Sends a status unless the client knows it.
    pub(super) async fn send(&self, session: &Session, state: StatusState, message: Option<&str>) {
        let message = message.map(str::to_owned);
        self.send_params(session, StatusParams { state, message, ..StatusParams::default() }).await;
    }

    async fn send_params(&self, session: &Session, params: StatusParams) {
        let remote = session.config().engine.remote_url().map(str::to_owned);
        let params = StatusParams { remote, ..params };
        if self.last.is_new(&params) && self.options.status {
            self.client.send_notification::<Status>(params).await;
        }
    }

    /// Sends the state of the engine.
    pub(super) async fn send_engine_state(&self, session: &Session, state: &EngineState) {
        self.send_params(session, params(session, state)).await;
    }

    /// Sends the state of the engine and the reason for the empty response.
    pub(super) async fn send_reason(&self, session: &Session, reason: &EmptyReason) {
        let params = params(session, &session.state());
        let message = params.message.or_else(|| Some(reason.to_string()));
        let reason = Some(reason.name().to_owned());
        self.send_params(session, StatusParams { reason, message, ..params }).await;
    }
    /// Shows the user that the engine works worse than before. A model that fails to load is in the
    /// status only.
    async fn warn_of_degradation(&self, state: &EngineState, is_loading: bool) {
        let message = match state {
            EngineState::Slower { message, .. } => message.clone(),
            EngineState::Failed(failure) if !is_loading => failure.to_string(),
            _ => return,
        };
        let message = format!("foretell: {message}");
        self.client.show_message(lsp::MessageType::Warning, message).await;
    }

    /// Whether the client shows progress while the model loads.
    async fn has_progress(&self) -> bool {
        let created = self.client.create_work_done_progress(LOADING.into());
        self.options.has_progress && matches!(timeout(CLIENT_PATIENCE, created).await, Ok(Ok(())))
    }

    /// Reports that the model is loading, how that ends, and every later change.
    pub(super) async fn follow_engine(self, session: Arc<Session>) {
        let state = session.state();
        self.send_engine_state(&session, &state).await;
        if state == EngineState::Loading && self.has_progress().await {
            let progress = self.client.progress(LOADING.into(), "Foretell");
            let progress = progress.with_message("loading the model").begin().await;
            session.loaded().await;
            progress.finish().await;
        }
        let Some(mut states) = session.states() else { return };
        if state == EngineState::Loading {
            let is_loaded = states.wait_for(|it| *it != EngineState::Loading).await.is_ok();
            let state = if is_loaded { states.borrow().clone() } else { session.state() };
            self.send_engine_state(&session, &state).await;
            self.warn_of_degradation(&state, true).await;
        }
        states.mark_unchanged();
        while states.changed().await.is_ok() {
            let state = states.borrow_and_update().clone();
            self.send_engine_state(&session, &state).await;
            self.warn_of_degradation(&state, false).await;
        }
    }
}

/// The status for a state of the engine.
fn params(session: &Session, state: &EngineState) -> StatusParams {
    let (state, message) = match state {
        _ if !session.config().suggest.enabled => (StatusState::Off, None),
        EngineState::Failed(failure) => (StatusState::Failed, Some(failure.to_string())),
        EngineState::Ready => (StatusState::Ready, None),
        EngineState::Slower { message, .. } | EngineState::Partial(message) => {
            (StatusState::Ready, Some(message.clone()))
        }
        EngineState::Loading => (StatusState::Loading, None),
    };
    StatusParams { state, message, ..StatusParams::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failure_is_sent_once_until_ready() {
        use StatusState::{Failed, Ready, Thinking};
        let last = LastStatus::default();
        let is_new = |state, message: Option<&str>| {
            let message = message.map(str::to_owned);
            last.is_new(&StatusParams { state, message, ..StatusParams::default() })
        };
        assert!(is_new(Thinking, None) && is_new(Failed, Some("a")));
        assert!(!is_new(Thinking, None) && !is_new(Failed, Some("a")) && last.is_transient());
        assert!(is_new(Failed, Some("b")), "another message is a new failure");
        assert!(is_new(Ready, None) && !last.is_transient());
        assert!(is_new(Thinking, None) && is_new(Failed, Some("b")));
    }
}

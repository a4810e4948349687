//! The session that the handlers share, and the forms of a response.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    http::{StatusCode, header},
    response::{IntoResponse, Response, Sse, sse::Event},
};
use foretell_session::session::{GuestRequest, Session};
use futures_util::stream;
use serde_json::Value;

use crate::{
    Options,
    answer::{Answer, Piece},
    background::Background,
    error::ApiError,
};

/// The session that answers, and how.
pub(crate) struct Server {
    pub(crate) session: Arc<Session>,
    pub(crate) is_raw: bool,
    /// How long a client may take to send a body.
    pub(crate) body_time: Duration,
    prefill: Background,
}

impl Server {
    /// Answers from a session.
    pub(crate) fn new(session: Arc<Session>, options: &Options) -> Self {
        let Options { is_raw, send_time: body_time, .. } = *options;
        Self { session, is_raw, body_time, prefill: Background::default() }
    }

    /// The model's name.
    pub(crate) fn model(&self) -> String {
        self.session.config().model.name
    }

    /// Prefills a prompt in the background.
    pub(crate) fn prefill(self: &Arc<Self>, request: GuestRequest) {
        let server = Arc::clone(self);
        self.in_background(async move { server.session.prefill_for_guest(request).await });
    }

    /// Ends an answer, and prefills the prompt of the client's next request in the background.
    pub(crate) fn finish(self: &Arc<Self>, answer: Answer) {
        if let Some(guest) = answer.into_guest() {
            self.in_background(guest.widen());
        }
    }

    fn in_background(self: &Arc<Self>, prefill: impl Future<Output = ()> + Send + 'static) {
        let server = Arc::clone(self);
        let prefill = async {
            prefill.await;
            Ok(())
        };
        self.prefill.run(async move { server.until_end(prefill).await });
    }

    /// Runs to the end of the future or of the session. A generation must not outlive the session:
    /// the process waits for the engine before it exits.
    pub(crate) async fn until_end<T>(
        &self,
        future: impl Future<Output = Result<T, ApiError>>,
    ) -> Result<T, ApiError> {
        tokio::select! {
            it = future => it,
            () = self.session.ended() => {
                Err(ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "the server ends"))
            }
        }
    }
}

/// A response with JSON.
pub(crate) fn json_response(value: &Value) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], value.to_string()).into_response()
}

/// A response whose text arrives in parts, as server-sent events. `write` turns a part into events.
pub(crate) fn events(
    server: &Arc<Server>,
    answer: Answer,
    write: impl Fn(&Piece) -> Vec<String> + Send + 'static,
) -> Response {
    let server = Arc::clone(server);
    let state = (server, Some(answer), Vec::<String>::new().into_iter(), write);
    let events = stream::unfold(state, |(server, mut answer, mut lines, write)| async move {
        loop {
            if let Some(line) = lines.next() {
                let event = Event::default().data(line);
                return Some((Ok::<_, Infallible>(event), (server, answer, lines, write)));
            }
            let mut running = answer.take()?;
            lines = match server.until_end(running.next()).await {
                Ok(piece) => {
                    match piece.end {
                        Some(_) => server.finish(running),
                        None => answer = Some(running),
                    }
                    write(&piece).into_iter()
                }
                Err(error) => vec![error.json().to_string()].into_iter(),
            };
        }
    });
    Sse::new(events).into_response()
}

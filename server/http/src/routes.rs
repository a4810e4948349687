//! The paths, and what their handlers share.

use std::{convert::Infallible, sync::Arc};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    middleware,
    response::{IntoResponse, Response, Sse, sse::Event},
    routing::{get, post},
};
use foretell_engine::EngineState;
use foretell_session::session::{EmptyReason, GuestRequest, Session};
use futures_util::stream;
use serde_json::{Value, json};

use crate::{
    Options,
    answer::{Answer, Piece},
    error::ApiError,
    guard::{self, Guard},
    llama_cpp, openai,
};

/// The session that answers, and how.
pub(crate) struct Server {
    pub(crate) session: Arc<Session>,
    pub(crate) is_raw: bool,
}

impl Server {
    /// The model's name.
    pub(crate) fn model(&self) -> String {
        self.session.config().model.name
    }

    /// Prefills a prompt in the background.
    pub(crate) fn prefill(self: &Arc<Self>, request: GuestRequest) {
        let server = Arc::clone(self);
        tokio::spawn(async move {
            server
                .until_end(async {
                    server.session.prefill_for_guest(request).await;
                    Ok(())
                })
                .await
        });
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

/// All paths, behind the guard.
pub(crate) fn router(session: Arc<Session>, options: &Options) -> Router {
    let server = Arc::new(Server { session, is_raw: options.is_raw });
    let guard = Arc::new(Guard::new(options));
    Router::new()
        .route("/infill", post(llama_cpp::infill))
        .route("/completion", post(llama_cpp::completion))
        .route("/completions", post(llama_cpp::completion))
        .route("/v1/completions", post(openai::completions))
        .route("/health", get(health))
        .route("/v1/health", get(health))
        .route("/props", get(props))
        .route("/models", get(models))
        .route("/v1/models", get(models))
        .fallback(|| async { ApiError::new(StatusCode::NOT_FOUND, "no such path") })
        .method_not_allowed_fallback(|| async {
            ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "this path has another method")
        })
        .layer(middleware::from_fn_with_state(guard, guard::check))
        .with_state(server)
}

async fn health(State(server): State<Arc<Server>>) -> Result<Response, ApiError> {
    let error = match server.session.state() {
        EngineState::Loading => ApiError::of(&EmptyReason::ModelLoading),
        EngineState::Failed(failure) => ApiError::of(&EmptyReason::ModelFailed(failure)),
        _ => None,
    };
    error.map_or_else(|| Ok(json_response(&json!({"status": "ok"}))), Err)
}

async fn models(State(server): State<Arc<Server>>) -> Response {
    let model =
        json!({"id": server.model(), "object": "model", "created": 0, "owned_by": "foretell"});
    json_response(&json!({"object": "list", "data": [model]}))
}

async fn props(State(server): State<Arc<Server>>) -> Response {
    let n_ctx = server.session.config().model.context_tokens;
    json_response(&json!({
        "default_generation_settings": {"n_ctx": n_ctx, "params": {"n_predict": -1}},
        "total_slots": 1,
        "model_alias": server.model(),
        "build_info": concat!("foretell ", env!("CARGO_PKG_VERSION")),
    }))
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
                        Some(_) => running.finish(),
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

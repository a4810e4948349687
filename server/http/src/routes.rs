//! The paths, and the handlers that run no model.

use std::sync::Arc;

use axum::{
    Router,
    extract::State,
    http::StatusCode,
    middleware,
    response::Response,
    routing::{get, post},
};
use foretell_engine::EngineState;
use foretell_session::session::{EmptyReason, Session};
use serde_json::json;

use crate::{
    Options,
    error::ApiError,
    guard::{self, Guard},
    llama_cpp, openai,
    server::{Server, json_response},
};

/// All paths, behind the guard.
pub(crate) fn router(session: Arc<Session>, options: &Options) -> Router {
    let server = Arc::new(Server::new(session, options));
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

//! Errors, in the form that llama.cpp and OpenAI's clients read.

use axum::{
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use foretell_session::session::EmptyReason;
use serde_json::{Value, json};

/// An error for the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ApiError {
    status: StatusCode,
    kind: &'static str,
    message: String,
}

impl ApiError {
    pub(crate) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        let kind = match status {
            StatusCode::UNAUTHORIZED => "authentication_error",
            StatusCode::FORBIDDEN => "permission_error",
            StatusCode::NOT_FOUND => "not_found_error",
            StatusCode::SERVICE_UNAVAILABLE => "unavailable_error",
            StatusCode::INTERNAL_SERVER_ERROR => "server_error",
            _ => "invalid_request_error",
        };
        Self { status, kind, message: message.into() }
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// The error if the model is not ready; `None` if there is just no text.
    pub(crate) fn of(reason: &EmptyReason) -> Option<Self> {
        match reason {
            // llama.cpp's own message, which clients know.
            EmptyReason::ModelLoading => {
                Some(Self::new(StatusCode::SERVICE_UNAVAILABLE, "Loading model"))
            }
            EmptyReason::ModelFailed(failure) => {
                Some(Self::new(StatusCode::INTERNAL_SERVER_ERROR, failure.to_string()))
            }
            _ => None,
        }
    }

    pub(crate) fn json(&self) -> Value {
        let Self { status, kind, message } = self;
        json!({"error": {"code": status.as_u16(), "message": message, "type": kind}})
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        (self.status, [(header::CONTENT_TYPE, "application/json")], self.json().to_string())
            .into_response()
    }
}

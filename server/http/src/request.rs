//! Reads the body of a request.

use std::time::Duration;

use axum::{
    body::{Body, to_bytes},
    http::StatusCode,
};
use serde::{Deserialize, de::DeserializeOwned};

use crate::error::ApiError;

/// The longest body. Clients send some hundred lines around the cursor, and excerpts.
pub(crate) const MAX_BODY_BYTES: usize = 2 << 20;
/// The most strings in `stop`. Each is searched in each part of a text.
const MAX_STOPS: usize = 64;

/// Reads a body as JSON, for which the client has `time`. Fields that this server does not know are
/// ignored.
pub(crate) async fn json<T: DeserializeOwned>(body: Body, time: Duration) -> Result<T, ApiError> {
    let bytes = tokio::time::timeout(time, to_bytes(body, MAX_BODY_BYTES)).await;
    let bytes = bytes
        .map_err(|_| ApiError::new(StatusCode::REQUEST_TIMEOUT, "the body takes too long"))?
        .map_err(|_| {
            let message = format!("the body is longer than {MAX_BODY_BYTES} bytes, or incomplete");
            ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, message)
        })?;
    // Without the quoted values, which may be the user's text.
    serde_json::from_slice(&bytes).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        ApiError::invalid(format!("invalid JSON, or a field of another type, at {line}:{column}"))
    })
}

/// One text or several.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub(crate) enum Texts {
    One(String),
    Many(Vec<String>),
}

impl Texts {
    pub(crate) fn into_vec(self) -> Vec<String> {
        match self {
            Self::One(text) => vec![text],
            Self::Many(texts) => texts,
        }
    }
}

/// The only text of a field.
pub(crate) fn text_of(texts: Option<Texts>) -> Result<String, ApiError> {
    let mut texts = texts.map(Texts::into_vec).unwrap_or_default();
    match (texts.pop(), texts.pop()) {
        (text, None) => Ok(text.unwrap_or_default()),
        _ => Err(ApiError::invalid("only one prompt per request")),
    }
}

/// The strings before which a text ends.
pub(crate) fn stops(texts: Option<Texts>) -> Result<Vec<String>, ApiError> {
    let stops = texts.map(Texts::into_vec).unwrap_or_default();
    if stops.len() > MAX_STOPS {
        return Err(ApiError::invalid(format!("more than {MAX_STOPS} stop strings")));
    }
    Ok(stops)
}

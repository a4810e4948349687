//! OpenAI's `/v1/completions`, with `prompt` and `suffix` or with FIM markers in the prompt.

use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use axum::{body::Body, extract::State, response::Response};
use foretell_session::session::GuestRequest;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    answer::{Answer, End, Limits, Piece},
    error::ApiError,
    fim_prompt::{self, FimPrompt},
    request::{self, Texts, text_of},
    server::{Server, events, json_response},
};

/// The fields that have a meaning here. Sampling is always greedy.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Fields {
    prompt: Option<Texts>,
    suffix: Option<String>,
    max_tokens: Option<i64>,
    stop: Option<Texts>,
    stream: Option<bool>,
    raw: Option<bool>,
}

/// `POST /v1/completions`.
pub(crate) async fn completions(
    State(server): State<Arc<Server>>,
    body: Body,
) -> Result<Response, ApiError> {
    let fields: Fields = request::json(body, server.body_time).await?;
    let prompt = text_of(fields.prompt)?;
    let parts = match fields.suffix.filter(|it| !it.is_empty()) {
        Some(after) => FimPrompt { before: prompt, after, ..FimPrompt::default() },
        None => fim_prompt::split(&prompt)
            .unwrap_or(FimPrompt { before: prompt, ..FimPrompt::default() }),
    };
    let FimPrompt { before, after, path, others } = parts;
    let max_tokens = fields.max_tokens.and_then(|it| usize::try_from(it).ok());
    let is_raw = fields.raw.unwrap_or(server.is_raw);
    let guest = GuestRequest { path, before, after, others, max_tokens, is_raw };
    let limits = Limits { stops: request::stops(fields.stop)?, max_time: None };
    let completion = Completion::new(&server);
    let mut answer = Answer::start(&server.session, guest, limits)?;
    if fields.stream.unwrap_or(false) {
        let write = move |piece: &Piece| {
            let mut lines = vec![completion.json(piece).to_string()];
            lines.extend(piece.end.is_some().then(|| "[DONE]".to_owned()));
            lines
        };
        return Ok(events(&server, answer, write));
    }
    let piece = server.until_end(answer.whole()).await?;
    server.finish(answer);
    Ok(json_response(&completion.json(&piece)))
}

/// The fields that all parts of a response have in common.
struct Completion {
    id: String,
    created: u64,
    model: String,
}

impl Completion {
    fn new(server: &Server) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let id = format!("cmpl-{:x}", now.as_nanos());
        Self { id, created: now.as_secs(), model: server.model() }
    }

    fn json(&self, piece: &Piece) -> Value {
        let Self { id, created, model } = self;
        let finish_reason = piece.end.as_ref().map(|it| match it {
            End::Limit => "length",
            End::Text | End::Word(_) => "stop",
        });
        let choice = json!({
            "text": piece.text,
            "index": 0,
            "logprobs": null,
            "finish_reason": finish_reason,
        });
        let mut json = json!({
            "id": id,
            "object": "text_completion",
            "created": created,
            "model": model,
            "choices": [choice],
        });
        if piece.end.is_some() {
            let (n_prompt, n_text) =
                (piece.figures.reused + piece.figures.read, piece.figures.generated);
            json["usage"] = json!({
                "prompt_tokens": n_prompt,
                "completion_tokens": n_text,
                "total_tokens": n_prompt + n_text,
                "prompt_tokens_details": {"cached_tokens": piece.figures.reused},
            });
        }
        json
    }
}

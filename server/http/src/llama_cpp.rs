//! llama.cpp's `/infill` and `/completion`, as in its `tools/server/README.md`.

use std::{sync::Arc, time::Duration};

use axum::{body::Body, extract::State, response::Response};
use foretell_engine::GenerationMetrics;
use foretell_session::session::GuestRequest;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{
    answer::{Answer, End, Limits, Piece},
    error::ApiError,
    fim_prompt::{self, FimPrompt},
    request::{self, Texts, text_of},
    server::{Server, events, json_response},
};

/// The most excerpts that are looked at. llama.vim sends 16.
const MAX_EXTRAS: usize = 64;

/// The fields that have a meaning here. Sampling is always greedy, and the KV cache is always used.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Fields {
    input_prefix: Option<String>,
    input_suffix: Option<String>,
    input_extra: Option<Vec<Extra>>,
    prompt: Option<Texts>,
    n_predict: Option<i64>,
    /// OpenAI's name, which some clients send here, too.
    max_tokens: Option<i64>,
    stop: Option<Texts>,
    stream: Option<bool>,
    t_max_predict_ms: Option<i64>,
    response_fields: Option<Vec<String>>,
    raw: Option<bool>,
}

/// An excerpt of another file.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Extra {
    text: Option<String>,
    filename: Option<String>,
}

/// `POST /infill`.
pub(crate) async fn infill(
    State(server): State<Arc<Server>>,
    body: Body,
) -> Result<Response, ApiError> {
    let mut fields: Fields = request::json(body, server.body_time).await?;
    let prompt = text_of(fields.prompt.take())?;
    let before = fields.input_prefix.take().unwrap_or_default() + &prompt;
    let after = fields.input_suffix.take().unwrap_or_default();
    let extras = fields.input_extra.take().unwrap_or_default().into_iter().take(MAX_EXTRAS);
    let files: Vec<(String, String)> =
        extras.map(|it| (it.filename.unwrap_or_default(), it.text.unwrap_or_default())).collect();
    // llama.vim sends excerpts of the file itself, too: they name it.
    let (own, others) = files.into_iter().partition::<Vec<_>, _>(|(_, text)| {
        !text.trim().is_empty() && (before.contains(text) || after.contains(text))
    });
    let path = own.into_iter().map(|(path, _)| path).next_back().unwrap_or_default();
    respond(&server, fields, FimPrompt { before, after, path, others }).await
}

/// `POST /completion`: the prompt may have the FIM markers of any family.
pub(crate) async fn completion(
    State(server): State<Arc<Server>>,
    body: Body,
) -> Result<Response, ApiError> {
    let mut fields: Fields = request::json(body, server.body_time).await?;
    let prompt = text_of(fields.prompt.take())?;
    let parts = fim_prompt::split(&prompt);
    let parts = parts.unwrap_or(FimPrompt { before: prompt, ..FimPrompt::default() });
    respond(&server, fields, parts).await
}

async fn respond(
    server: &Arc<Server>,
    fields: Fields,
    parts: FimPrompt,
) -> Result<Response, ApiError> {
    let FimPrompt { before, after, path, others } = parts;
    let max_tokens = fields.n_predict.or(fields.max_tokens);
    let max_tokens = max_tokens.and_then(|it| usize::try_from(it).ok());
    let is_raw = fields.raw.unwrap_or(server.is_raw);
    let guest = GuestRequest { path, before, after, others, max_tokens, is_raw };
    let max_time = fields.t_max_predict_ms.and_then(|it| u64::try_from(it).ok());
    let limits = Limits {
        stops: request::stops(fields.stop)?,
        max_time: max_time.filter(|it| *it > 0).map(Duration::from_millis),
    };
    let model = server.model();
    if max_tokens == Some(0) {
        // The client wants the prompt to be prefilled.
        server.prefill(guest);
        let figures = GenerationMetrics::default();
        let piece = Piece { text: String::new(), end: Some(End::Limit), figures };
        return Ok(json_response(&selected(last(&piece, &model), fields.response_fields)));
    }
    let mut answer = Answer::start(&server.session, guest, limits)?;
    if fields.stream.unwrap_or(false) {
        let write = move |piece: &Piece| match piece.end {
            None => vec![chunk(piece).to_string()],
            Some(_) => vec![last(piece, &model).to_string()],
        };
        return Ok(events(server, answer, write));
    }
    let piece = server.until_end(answer.whole()).await?;
    server.finish(answer);
    Ok(json_response(&selected(last(&piece, &model), fields.response_fields)))
}

/// A part of a streamed text.
fn chunk(Piece { text, figures, .. }: &Piece) -> Value {
    json!({
        "index": 0,
        "content": text,
        "tokens": [],
        "stop": false,
        "id_slot": 0,
        "tokens_predicted": figures.generated,
        "tokens_evaluated": figures.reused + figures.read,
    })
}

/// The response with the end of the text.
fn last(piece: &Piece, model: &str) -> Value {
    let Piece { text, end, figures } = piece;
    let (stop_type, word) = match end {
        Some(End::Word(word)) => ("word", word.as_str()),
        Some(End::Limit) => ("limit", ""),
        Some(End::Text) => ("eos", ""),
        None => ("none", ""),
    };
    let GenerationMetrics { reused, read, generated, prefill_ms, decode_ms, .. } = *figures;
    json!({
        "index": 0,
        "content": text,
        "tokens": [],
        "id_slot": 0,
        "stop": true,
        "model": model,
        "tokens_predicted": generated,
        "tokens_evaluated": reused + read,
        "has_new_line": text.contains('\n'),
        "truncated": false,
        "stop_type": stop_type,
        "stopping_word": word,
        "tokens_cached": reused + read + generated,
        "timings": {
            "cache_n": reused,
            "prompt_n": read,
            "prompt_ms": prefill_ms,
            "prompt_per_token_ms": ratio(prefill_ms, read as f64),
            "prompt_per_second": ratio(1e3 * read as f64, prefill_ms),
            "predicted_n": generated,
            "predicted_ms": decode_ms,
            "predicted_per_token_ms": ratio(decode_ms, generated as f64),
            "predicted_per_second": ratio(1e3 * generated as f64, decode_ms),
        },
    })
}

fn ratio(a: f64, b: f64) -> f64 {
    if b > 0.0 { a / b } else { 0.0 }
}

/// The fields that the client asks for, by path; all without a list.
fn selected(response: Value, fields: Option<Vec<String>>) -> Value {
    let Some(fields) = fields.filter(|it| !it.is_empty()) else { return response };
    let found = fields.into_iter().filter_map(|path| {
        let value = response.pointer(&format!("/{path}"))?.clone();
        Some((path, value))
    });
    Value::Object(found.collect::<Map<_, _>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selected_fields_keep_their_paths() {
        let figures = GenerationMetrics { read: 4, prefill_ms: 8.0, ..Default::default() };
        let piece = Piece { text: "a\nb".into(), end: Some(End::Text), figures };
        let fields = ["content", "timings/prompt_per_token_ms", "truncated", "missing", ""];
        let fields = fields.map(str::to_owned).to_vec();
        let expected =
            json!({"content": "a\nb", "timings/prompt_per_token_ms": 2.0, "truncated": false});
        assert_eq!(selected(last(&piece, "m"), Some(fields)), expected);
    }
}

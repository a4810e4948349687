//! The connection to a server. The only file that uses `reqwest`, and so the only one that opens a
//! socket.

use std::{
    error::Error,
    fmt::Display,
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use reqwest::{
    Response, StatusCode, Url,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue},
    redirect::Policy,
};
use serde::Serialize;

use super::{
    Options, RemoteError, bearer_token,
    excerpt::excerpt,
    sse::{SseDecoder, TextChunk},
};

/// The body of a request, as in OpenAI's completions protocol.
#[derive(Debug, Serialize)]
pub(super) struct CompletionRequest<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) model: &'a str,
    pub(super) prompt: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) suffix: Option<&'a str>,
    pub(super) max_tokens: usize,
    pub(super) stream: bool,
    /// Requests the log-probability of each token. Servers may ignore it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) logprobs: Option<u8>,
    pub(super) temperature: f32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) top_p: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) seed: Option<u64>,
}

/// A client of one server.
#[derive(Debug)]
pub(super) struct Client {
    http: reqwest::Client,
    url: Url,
    /// The address in messages: scheme, host and port.
    at: String,
    /// Whether an earlier answer may have left a connection open.
    may_be_open: Arc<AtomicBool>,
}

/// The answer to a request while it arrives. Dropping it early closes the connection, so that the
/// server can stop.
#[derive(Debug)]
pub(super) struct Answer {
    response: Response,
    events: SseDecoder,
    at: String,
    may_be_open: Arc<AtomicBool>,
}

impl Client {
    /// A client for these options; nothing is connected yet.
    pub(super) fn new(options: &Options) -> Result<Self, RemoteError> {
        let url = address(&options.url).map_err(RemoteError::Setting)?;
        let at = url.origin().ascii_serialization();
        let is_here = is_this_machine(&url);
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
        if let Some(token) = bearer_token::read(options).map_err(RemoteError::Setting)? {
            if url.scheme() != "https" && !is_here {
                return Err(RemoteError::Setting(format!(
                    "the token of the remote engine would be sent to {at} unencrypted: use https in engine.remote.url"
                )));
            }
            let mut value = HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| {
                RemoteError::Setting("the token of the remote engine is not a line of text".into())
            })?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        // A second call finds it installed already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut http = reqwest::Client::builder()
            .default_headers(headers)
            .user_agent(concat!("foretell/", env!("CARGO_PKG_VERSION")))
            // The user's code goes where the settings say and nowhere else.
            .redirect(Policy::none())
            .referer(false)
            .tcp_nodelay(true);
        if is_here {
            http = http.no_proxy();
        }
        let http = http.build().map_err(|error| RemoteError::Start(error.into()))?;
        Ok(Self { http, url, at, may_be_open: Arc::default() })
    }

    /// Sends a request and waits until the server starts to answer.
    pub(super) async fn ask(&self, ask: &CompletionRequest<'_>) -> Result<Answer, RemoteError> {
        let body = serde_json::to_vec(ask).map_err(|error| RemoteError::Start(error.into()))?;
        let send = || {
            let request = self.http.post(self.url.clone()).header(CONTENT_TYPE, "application/json");
            request.body(body.clone()).send()
        };
        let mut response = send().await;
        // A server may close an idle connection at the moment of a request.
        if response.as_ref().is_err_and(|it| !it.is_connect())
            && self.may_be_open.swap(false, Ordering::Relaxed)
        {
            response = send().await;
        }
        let response = response.map_err(|error| {
            let what = chain(&error);
            self.failed(format!(
                "cannot be reached: {what}; check that it runs and that engine.remote.url is right"
            ))
        })?;
        let status = response.status();
        if status != StatusCode::OK {
            return Err(self.refused(status, response).await);
        }
        let kind = response.headers().get(CONTENT_TYPE).and_then(|it| it.to_str().ok());
        if !kind.unwrap_or_default().starts_with("text/event-stream") {
            let kind = kind.unwrap_or("an unnamed type");
            return Err(self.failed(format!(
                "answers with {kind} instead of an event stream; it must support streaming on OpenAI's /v1/completions"
            )));
        }
        let may_be_open = Arc::clone(&self.may_be_open);
        Ok(Answer { response, events: SseDecoder::default(), at: self.at.clone(), may_be_open })
    }

    async fn refused(&self, status: StatusCode, mut response: Response) -> RemoteError {
        let to_do = match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                "check engine.remote.token_env or token_file"
            }
            StatusCode::NOT_FOUND => "check engine.remote.url and engine.remote.model",
            it if it.is_redirection() => "engine.remote.url must be the final address",
            it if it.is_server_error() => "see the server's log",
            _ => "check engine.remote.model and engine.remote.format",
        };
        let said = match response.chunk().await {
            Ok(Some(bytes)) => excerpt(&String::from_utf8_lossy(&bytes)),
            _ => String::new(),
        };
        let said = if said.is_empty() { said } else { format!(" ({said})") };
        self.failed(format!("answers {status}{said}: {to_do}"))
    }

    /// The error for a silent server.
    pub(super) fn is_silent(&self, timeout: Duration) -> RemoteError {
        let ms = timeout.as_millis();
        self.failed(format!("was silent for {ms} ms (engine.remote.timeout_ms)"))
    }

    fn failed(&self, what: String) -> RemoteError {
        RemoteError::Answer { at: self.at.clone(), what }
    }
}

impl Answer {
    /// The next chunk of text; `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<TextChunk>, RemoteError> {
        let failed = |at: &str, what| RemoteError::Answer { at: at.to_owned(), what };
        loop {
            if let Some(piece) = self.events.next().map_err(|what| failed(&self.at, what))? {
                return Ok(Some(piece));
            }
            let chunk = self.response.chunk().await.map_err(|error| {
                failed(
                    &self.at,
                    format!("closed the connection in the middle of its answer: {}", chain(&error)),
                )
            })?;
            match chunk {
                Some(bytes) => self.events.push(&bytes),
                None if self.events.is_done() => {
                    self.may_be_open.store(true, Ordering::Relaxed);
                    return Ok(None);
                }
                None => {
                    return Err(failed(&self.at, "ended its answer before it was complete".into()));
                }
            }
        }
    }
}

/// The URL of a server's completions. An error says what to do.
fn address(url: &str) -> Result<Url, String> {
    if url.is_empty() {
        return Err(
            "engine.kind is \"remote\", but engine.remote.url is not set: enter the server's address, such as \"http://127.0.0.1:8000\""
                .into(),
        );
    }
    // A password may precede an @.
    let shown = url.rfind('@').map_or(url, |at| &url[at..]);
    let invalid = |why: &dyn Display| {
        format!(
            "engine.remote.url is {shown:?}: {why}; expected an address like \"https://host:8000\""
        )
    };
    let mut parsed = Url::parse(url).map_err(|error| invalid(&error))?;
    if !["http", "https"].contains(&parsed.scheme()) || parsed.host().is_none() {
        return Err(invalid(&"neither http nor https"));
    }
    if !parsed.username().is_empty() || parsed.password().is_some() {
        return Err(
            "engine.remote.url contains a user name or password: use engine.remote.token_env or token_file instead"
                .into(),
        );
    }
    let path = parsed.path().trim_end_matches('/');
    let path = match path {
        _ if path.ends_with("/completions") => path.to_owned(),
        _ if path.ends_with("/v1") => format!("{path}/completions"),
        _ => format!("{path}/v1/completions"),
    };
    parsed.set_path(&path);
    parsed.set_fragment(None);
    Ok(parsed)
}

fn is_this_machine(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let ip = host.trim_matches(['[', ']']).parse::<IpAddr>();
    host == "localhost" || ip.is_ok_and(|ip| ip.is_loopback())
}

/// An error with its causes; the address is mentioned elsewhere.
fn chain(error: &reqwest::Error) -> String {
    let (mut text, mut cause) = (String::new(), error.source());
    while let Some(error) = cause {
        let one = error.to_string();
        if !text.ends_with(&one) {
            text = if text.is_empty() { one } else { format!("{text}: {one}") };
        }
        cause = error.source();
    }
    if text.is_empty() { error.to_string() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn completions_url_is_derived() {
        for (url, expected) in [
            ("http://127.0.0.1:8000", "http://127.0.0.1:8000/v1/completions"),
            ("http://127.0.0.1:8000/", "http://127.0.0.1:8000/v1/completions"),
            ("https://host/team/v1", "https://host/team/v1/completions"),
            ("https://host/v1/completions", "https://host/v1/completions"),
        ] {
            assert_eq!(address(url).map(String::from).as_deref(), Ok(expected));
        }
        for (url, why) in [
            ("", "is not set"),
            ("host:8000", "neither http nor https"),
            ("ftp://host", "neither http nor https"),
            ("https://", "empty host"),
            ("https://me:secret@host", "contains a user name or password"),
            ("htps://me:secret@host", "neither http nor https"),
            ("https://me:secret@", "empty host"),
        ] {
            let error = address(url).unwrap_err();
            assert!(error.contains(why) && !error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn token_requires_https_or_localhost() {
        let client = |url: &str| {
            let token_env = Some("PATH".to_owned());
            Client::new(&Options { url: url.into(), token_env, ..Options::default() })
        };
        for url in ["http://127.0.0.1:1", "http://[::1]:1", "http://localhost:1", "https://host"] {
            assert!(client(url).is_ok(), "{url}");
        }
        let error = client("http://10.0.0.1:8000").unwrap_err().to_string();
        assert!(error.contains("use https"), "{error}");
        let token = std::env::var("PATH").unwrap();
        assert!(!error.contains(&token), "the message quotes the token: {error}");
    }
}

//! Refuses requests that do not come from a program of the user.
//!
//! A website can make the user's browser send requests to loopback addresses. It cannot read the
//! responses unless they have CORS headers, which this server never sends, or unless its own name
//! resolves to a loopback address (DNS rebinding), which the `Host` header reveals.

use std::{net::IpAddr, sync::Arc};

use axum::{
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use subtle::ConstantTimeEq;

use crate::{Options, error::ApiError};

/// The path that needs no token: it reveals only that a server runs, as in llama.cpp.
const PUBLIC_PATH: &str = "/health";

/// The clients that may send requests.
#[derive(Debug)]
pub(crate) struct Guard {
    token: Option<String>,
    is_any: bool,
}

impl Guard {
    pub(crate) fn new(options: &Options) -> Self {
        Self { token: options.token.clone(), is_any: options.is_any }
    }

    fn refusal(&self, request: &Request) -> Option<ApiError> {
        let headers = request.headers();
        let refuse = |status, message: &str| Some(ApiError::new(status, message));
        // Other machines use this one's name. A website does not know the token.
        if !self.is_any && !is_for_loopback(request) {
            return refuse(StatusCode::FORBIDDEN, "the Host header must name a loopback address");
        }
        if headers.get_all(header::ORIGIN).iter().any(|it| is_website(it.as_bytes())) {
            return refuse(StatusCode::FORBIDDEN, "requests of websites are refused");
        }
        let needs_token = request.uri().path() != PUBLIC_PATH;
        if let Some(token) = self.token.as_ref().filter(|_| needs_token)
            && !has_token(headers, token)
        {
            return refuse(StatusCode::UNAUTHORIZED, "Invalid API Key");
        }
        None
    }
}

/// Refuses a request, or passes it on.
pub(crate) async fn check(
    State(guard): State<Arc<Guard>>,
    request: Request,
    next: Next,
) -> Response {
    match guard.refusal(&request) {
        Some(error) => error.into_response(),
        None => next.run(request).await,
    }
}

fn is_for_loopback(request: &Request) -> bool {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let host = hosts.next().and_then(|it| it.to_str().ok());
    let is_only = hosts.next().is_none();
    // A request to a proxy names its host twice.
    let named = request.uri().authority().is_none_or(|it| is_loopback(it.as_str()));
    is_only && named && host.is_some_and(is_loopback)
}

/// Whether a host with an optional port is a loopback address.
fn is_loopback(host: &str) -> bool {
    let (name, rest) = match host.strip_prefix('[').and_then(|it| it.split_once(']')) {
        Some(parts) => parts,
        None => host.split_at(host.find(':').unwrap_or(host.len())),
    };
    let is_port = |it: &str| it.parse::<u16>().is_ok();
    (rest.is_empty() || rest.strip_prefix(':').is_some_and(is_port))
        && (name.eq_ignore_ascii_case("localhost")
            || name.parse::<IpAddr>().is_ok_and(|it| it.is_loopback()))
}

/// Whether an `Origin` header is that of a website. A sandboxed frame of one sends `null`; editors
/// with a browser inside send schemes of their own.
fn is_website(origin: &[u8]) -> bool {
    let origin = origin.to_ascii_lowercase();
    origin.starts_with(b"http:") || origin.starts_with(b"https:") || origin == b"null"
}

/// Whether the request has the token. The comparison takes the same time for every wrong one.
fn has_token(headers: &HeaderMap, token: &str) -> bool {
    let sent = headers.get(header::AUTHORIZATION).map(|it| it.as_bytes()).unwrap_or_default();
    let expected = format!("Bearer {token}");
    sent.ct_eq(expected.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;

    const TOKEN: &str = "0123456789abcdef";

    fn status(guard: &Guard, headers: &[(&str, &str)]) -> u16 {
        let mut request = Request::builder().uri("/infill");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let refusal = guard.refusal(&request.body(Body::empty()).unwrap());
        refusal.map_or(200, |it| it.into_response().status().as_u16())
    }

    #[test]
    fn only_loopback_names_are_hosts() {
        let guard = Guard { token: None, is_any: false };
        for host in ["localhost", "LOCALHOST:8012", "127.0.0.1:8012", "[::1]:8012", "127.8.9.1"] {
            assert_eq!(status(&guard, &[("host", host)]), 200, "{host}");
        }
        for host in [
            "evil.example",
            "127.0.0.1.evil.example",
            "localhost.evil.example:8012",
            "",
            "[::1]evil.example",
            "localhost:evil",
        ] {
            assert_eq!(status(&guard, &[("host", host)]), 403, "{host}");
        }
        assert_eq!(status(&guard, &[]), 403);
        assert_eq!(status(&guard, &[("host", "localhost"), ("host", "evil.example")]), 403);
    }

    #[test]
    fn websites_are_refused() {
        let guard = Guard { token: None, is_any: false };
        let from = |origin| status(&guard, &[("host", "localhost"), ("origin", origin)]);
        assert_eq!(["https://evil.example", "HTTP://localhost:3000", "null"].map(from), [403; 3]);
        assert_eq!(from("vscode-file://vscode-app"), 200);
    }

    #[test]
    fn token_is_required_from_everybody() {
        let guard = Guard { token: Some(TOKEN.into()), is_any: true };
        let sent = |value: &str| status(&guard, &[("host", "box"), ("authorization", value)]);
        assert_eq!(sent(&format!("Bearer {TOKEN}")), 200);
        for wrong in ["", TOKEN, "Bearer ", "Bearer 0123456789abcdeF", "Bearer 0123456789abcdef0"] {
            assert_eq!(sent(wrong), 401, "{wrong}");
        }
        assert_eq!(status(&guard, &[]), 401);
    }
}

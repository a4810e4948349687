//! HTTP in, HTTP out: llama.cpp's `/infill` and OpenAI's `/v1/completions`, for clients that do not
//! speak LSP (docs/http.md).
//!
//! Each request contains its text, so there is nothing to keep between two of them: the session
//! answers them as those of a guest. The server runs in a thread of its own, so that no client can
//! delay the editor's messages.
//!
//! **Architecture Invariant:** only `listener` opens sockets, and only when the user asked for it.
//! [`guard`] sees every request first.

mod answer;
mod background;
mod error;
mod fim_prompt;
mod guard;
mod listener;
mod llama_cpp;
mod openai;
mod request;
mod routes;
mod server;
mod stop;

use std::{io, net::SocketAddr, sync::Arc, thread, time::Duration};

use foretell_session::session::Session;

/// The shortest token, in characters.
const MIN_TOKEN_CHARS: usize = 16;

/// How long a client may take to send a request's headers, and then its body.
pub const SEND_TIME: Duration = Duration::from_secs(10);

/// Where to listen, and for whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The address.
    pub address: SocketAddr,
    /// Whether the address may be reachable from other machines. This requires a token.
    pub is_any: bool,
    /// The token that clients have to send, as in `Authorization: Bearer TOKEN`.
    pub token: Option<String>,
    /// Whether texts are returned as the model writes them, without confidence and policy.
    pub is_raw: bool,
    /// [`SEND_TIME`], or less in a test.
    pub send_time: Duration,
}

/// Why the server does not listen.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// Other machines could reach the address.
    #[error("{0}: other machines could reach this address; `--http-any` allows it")]
    NotLoopback(SocketAddr),
    /// Other machines can reach the address, and there is no token.
    #[error("`--http-any` requires a token: `--http-token-file` or FORETELL_HTTP_TOKEN")]
    NoToken,
    /// The token is easy to guess.
    #[error("the token must have at least {MIN_TOKEN_CHARS} characters and no white space")]
    WeakToken,
    /// The system refuses the address.
    #[error("cannot listen on {0}: {1}")]
    Listen(SocketAddr, #[source] io::Error),
    /// The system refuses the thread.
    #[error("cannot start the HTTP server: {0}")]
    Start(#[source] io::Error),
}

impl Options {
    /// Checks that only permitted clients can connect.
    ///
    /// # Errors
    /// Why not.
    pub fn check(&self) -> Result<(), HttpError> {
        let is_weak = |token: &String| {
            token.chars().count() < MIN_TOKEN_CHARS || token.contains(char::is_whitespace)
        };
        if !self.address.ip().is_loopback() && !self.is_any {
            Err(HttpError::NotLoopback(self.address))
        } else if self.is_any && self.token.is_none() {
            Err(HttpError::NoToken)
        } else if self.token.as_ref().is_some_and(is_weak) {
            Err(HttpError::WeakToken)
        } else {
            Ok(())
        }
    }
}

/// Listens, and answers in a thread of its own until the session ends. Returns the address.
///
/// # Errors
/// If the options are not safe, or the system refuses the address.
pub fn serve(session: Arc<Session>, options: Options) -> Result<SocketAddr, HttpError> {
    options.check()?;
    let listener = listener::bind(options.address);
    let (listener, address) = listener.map_err(|it| HttpError::Listen(options.address, it))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(HttpError::Start)?;
    let work = move || {
        let router = routes::router(Arc::clone(&session), &options);
        let listen = listener::listen(listener, router, options.send_time, &session);
        if let Err(error) = runtime.block_on(listen) {
            tracing::error!("the HTTP server ends: {error}");
        }
    };
    thread::Builder::new().name("http".into()).spawn(work).map_err(HttpError::Start)?;
    tracing::info!("listening on http://{address}");
    Ok(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_machines_need_consent_and_a_token() {
        let check = |address: &str, is_any, token: Option<&str>| {
            let (address, token) = (address.parse().unwrap(), token.map(str::to_owned));
            let options = Options { address, is_any, token, is_raw: false, send_time: SEND_TIME };
            options.check().map_err(|it| it.to_string().split(':').next().unwrap().to_owned())
        };
        let secret = Some("0123456789abcdef");
        assert_eq!(check("127.0.0.1:0", false, None), Ok(()));
        assert_eq!(check("[::1]:0", false, secret), Ok(()));
        assert_eq!(check("0.0.0.0:0", true, secret), Ok(()));
        assert_eq!(check("0.0.0.0:8012", false, secret), Err("0.0.0.0".to_owned()));
        assert!(check("0.0.0.0:0", true, None).unwrap_err().contains("requires a token"));
        assert!(check("127.0.0.1:0", false, Some("short")).unwrap_err().contains("at least 16"));
    }
}

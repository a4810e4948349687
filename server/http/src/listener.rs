//! Accepts connections, and limits their number, their headers and how long they may be silent.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    sync::Arc,
    time::Duration,
};

use axum::Router;
use foretell_session::session::Session;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{net::TcpStream, sync::Semaphore};

/// The most connections at a time. With [`crate::request::MAX_BODY_BYTES`], this limits the memory.
const MAX_CONNECTIONS: usize = 32;
const MAX_HEADERS: usize = 64;
const MAX_HEAD_BYTES: usize = 1 << 15;
/// The pause after the system refused a connection, for example because too many files are open.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The response to a connection beyond [`MAX_CONNECTIONS`].
const BUSY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\n\
    connection: close\r\ncontent-length: 83\r\n\r\n\
    {\"error\":{\"code\":503,\"message\":\"too many connections\",\"type\":\"unavailable_error\"}}\n";

/// Opens a socket. Returns its address, too, because the system may choose the port.
pub(crate) fn bind(address: SocketAddr) -> io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// Serves connections until the session ends. A client has `head_time` to send a request's headers,
/// also between two requests.
pub(crate) async fn listen(
    listener: TcpListener,
    router: Router,
    head_time: Duration,
    session: &Session,
) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let connections = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let accepted = tokio::select! {
            it = listener.accept() => it,
            () = session.ended() => return Ok(()),
        };
        let Ok((stream, _)) = accepted else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let Ok(permit) = Arc::clone(&connections).try_acquire_owned() else {
            // If this does not fit into the empty buffer of the socket, it is lost.
            let _ = stream.try_write(BUSY);
            continue;
        };
        let router = router.clone();
        tokio::spawn(async move {
            serve(stream, router, head_time).await;
            drop(permit);
        });
    }
}

/// Serves one connection. If the client closes it, hyper drops the running handler, and with it the
/// generation.
async fn serve(stream: TcpStream, router: Router, head_time: Duration) {
    // A response of two packets would otherwise wait for an acknowledgement of the first.
    let _ = stream.set_nodelay(true);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(head_time)
        .max_headers(MAX_HEADERS)
        .max_header_size(MAX_HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    if let Err(error) = connection.await {
        tracing::debug!("connection: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn busy_response_is_as_long_as_it_says() {
        let text = std::str::from_utf8(BUSY).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.ends_with(&format!("content-length: {}", body.len())), "{}", body.len());
    }
}

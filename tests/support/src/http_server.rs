//! A fake inference server for tests, over plain TCP or TLS: it sends what the test says, when the
//! test says it. No sleeps.

use std::{
    io::{BufRead, BufReader, ErrorKind, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};

/// Longer than any working step takes, even on a slow machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A connection, encrypted or not.
trait Wire: Read + Write + Send {}
impl<T: Read + Write + Send> Wire for T {}

/// A server on a free local port.
pub struct HttpServer {
    /// `host:port`.
    pub address: String,
    asked: mpsc::Receiver<PendingRequest>,
}

/// A request that the test answers.
pub struct PendingRequest {
    /// The first line: method, path, version.
    pub line: String,
    /// The headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Value,
    wire: BufReader<Box<dyn Wire>>,
}

impl HttpServer {
    /// A server without TLS.
    pub fn start() -> Self {
        Self::start_with(|stream| Box::new(stream))
    }

    /// A server with TLS.
    pub fn start_tls(config: ServerConfig) -> Self {
        let config = Arc::new(config);
        Self::start_with(move |stream| {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            Box::new(StreamOwned::new(connection, stream))
        })
    }

    fn start_with(wrap: impl Fn(TcpStream) -> Box<dyn Wire> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (tx, asked) = mpsc::channel();
        let wrap = Arc::new(wrap);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (wrap, tx) = (Arc::clone(&wrap), tx.clone());
                thread::spawn(move || {
                    let stream = stream.unwrap();
                    stream.set_read_timeout(Some(PATIENCE)).unwrap();
                    let wire = BufReader::new(wrap(stream));
                    // `read` fails after a refused handshake, `send` after the end of the test.
                    if let Some(asked) = PendingRequest::read(wire) {
                        let _ = tx.send(asked);
                    }
                });
            }
        });
        Self { address, asked }
    }

    /// The next request.
    pub fn next(&self) -> PendingRequest {
        self.asked.recv_timeout(PATIENCE).expect("a request")
    }

    /// Whether no further request has arrived yet.
    pub fn is_idle(&self) -> bool {
        self.asked.try_recv().is_err()
    }
}

impl PendingRequest {
    fn read(mut wire: BufReader<Box<dyn Wire>>) -> Option<Self> {
        let mut lines = Vec::new();
        loop {
            let mut text = String::new();
            wire.read_line(&mut text).ok().filter(|n| *n > 0)?;
            match text.trim_end() {
                "" => break,
                text => lines.push(text.to_owned()),
            }
        }
        let headers: Vec<(String, String)> = lines[1..]
            .iter()
            .filter_map(|it| it.split_once(": "))
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
            .collect();
        let length = headers.iter().find(|(name, _)| name == "content-length");
        let mut body = vec![0; length.map_or(0, |(_, it)| it.parse().unwrap())];
        wire.read_exact(&mut body).ok()?;
        let body = serde_json::from_slice(&body).unwrap();
        Some(Self { line: lines.swap_remove(0), headers, body, wire })
    }

    /// The next request on the same connection.
    pub fn next_on_connection(self) -> Self {
        Self::read(self.wire).expect("the client keeps the connection")
    }

    /// The value of a header; `name` is in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(it, _)| it == name).map(|(_, value)| value.as_str())
    }

    fn send(&mut self, text: &str) {
        self.try_send(text).expect("the client reads");
    }

    fn try_send(&mut self, text: &str) -> std::io::Result<()> {
        let wire = self.wire.get_mut();
        wire.write_all(text.as_bytes()).and_then(|()| wire.flush())
    }

    /// Sends a whole answer and closes the connection.
    pub fn respond(mut self, status: &str, kind: &str, body: &str) {
        let n = body.len();
        self.send(&format!(
            "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\nlocation: http://127.0.0.1:1/\r\n\
             content-length: {n}\r\nconnection: close\r\n\r\n{body}"
        ));
    }

    /// Begins a streamed answer (server-sent events).
    pub fn begin_stream(&mut self) {
        self.send(
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n\
             transfer-encoding: chunked\r\n\r\n",
        );
    }

    /// Sends `part` of the answer verbatim, as one HTTP chunk.
    pub fn send_part(&mut self, part: &str) {
        self.send(&format!("{:x}\r\n{part}\r\n", part.len()));
    }

    /// Sends a piece of the text as a completion chunk.
    pub fn send_text(&mut self, text: &str) {
        let chunk = json!({"choices": [{"index": 0, "text": text, "finish_reason": null}]});
        self.send_part(&format!("data: {chunk}\n\n"));
    }

    /// Sends text until the client closes the connection; panics if it never does.
    pub fn send_endless_text(mut self) {
        for n in 0..100_000 {
            let chunk = json!({"choices": [{"index": 0, "text": format!("+{n:06} ")}]});
            let part = format!("data: {chunk}\n\n");
            if self.try_send(&format!("{:x}\r\n{part}\r\n", part.len())).is_err() {
                return;
            }
        }
        panic!("the client reads on");
    }

    /// Ends the answer with a finish reason. The client may have closed the connection already.
    pub fn end_stream(&mut self, reason: &str) {
        let chunk = json!({"choices": [{"index": 0, "text": "", "finish_reason": reason}]});
        let part = format!("data: {chunk}\n\ndata: [DONE]\n\n");
        let _ = self.try_send(&format!("{:x}\r\n{part}\r\n0\r\n\r\n", part.len()));
    }

    /// Closes the connection without an answer, or in the middle of it.
    pub fn hang_up(self) {}

    /// Waits until the client has closed the connection.
    pub fn wait_for_close(mut self) {
        let mut rest = [0; 64];
        match self.wire.read(&mut rest) {
            Ok(0) => {}
            Ok(n) => panic!("the client says {:?}", String::from_utf8_lossy(&rest[..n])),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                panic!("the connection stays open")
            }
            // A client that leaves in the middle may reset the connection.
            Err(_) => {}
        }
    }
}

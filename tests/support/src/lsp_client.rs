//! A language client for tests over any pair of pipes: framing, request ids, and a queue of
//! messages in order of arrival.

use std::{
    io::{BufRead, BufReader, Read, Write},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        Arc, Condvar, Mutex,
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

/// Longer than any working step takes, even on a slow machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// A client and, if it started one, the server's process.
pub struct Client {
    output: Option<Box<dyn Write + Send>>,
    messages: mpsc::Receiver<Value>,
    /// Messages that have arrived and were not taken yet.
    kept: Vec<Value>,
    next_id: i64,
    process: Option<Child>,
    /// The configuration folder of that process.
    config: Option<tempfile::TempDir>,
    /// Whether the reading thread may pass on messages.
    reads: Arc<(Mutex<bool>, Condvar)>,
}

impl Client {
    /// A client that reads from `input` and writes to `output`.
    pub fn new(input: impl Read + Send + 'static, output: impl Write + Send + 'static) -> Self {
        let (tx, messages) = mpsc::channel();
        let reads = Arc::new((Mutex::new(true), Condvar::new()));
        let gate = Arc::clone(&reads);
        thread::spawn(move || {
            let mut input = BufReader::new(input);
            while let Some(message) = read_message(&mut input) {
                drop(gate.1.wait_while(gate.0.lock().unwrap(), |reads| !*reads).unwrap());
                if tx.send(message).is_err() {
                    break;
                }
            }
        });
        let output: Box<dyn Write + Send> = Box::new(output);
        let (process, config) = (None, None);
        Self {
            output: Some(output),
            messages,
            kept: Vec::new(),
            next_id: 1,
            process,
            config,
            reads,
        }
    }

    /// Starts a server and connects to its stdin and stdout. An empty configuration folder isolates
    /// it from the developer's settings, and it saves no counts.
    pub fn start(command: &mut Command) -> Self {
        let config = tempfile::tempdir().unwrap();
        std::fs::create_dir(config.path().join("foretell")).unwrap();
        let file = config.path().join("foretell/foretell.toml");
        std::fs::write(file, "[stats]\nkeep = false\n").unwrap();
        let mut process = command
            .env("XDG_CONFIG_HOME", config.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the server can be started");
        let (stdin, stdout) = (process.stdin.take().unwrap(), process.stdout.take().unwrap());
        let mut client = Self::new(stdout, stdin);
        client.process = Some(process);
        client.config = Some(config);
        client
    }

    /// Sends bytes verbatim.
    pub fn send_raw(&mut self, bytes: &[u8]) {
        let output = self.output.as_mut().expect("the pipe is open");
        output.write_all(bytes).and_then(|()| output.flush()).expect("the server reads");
    }

    fn send(&mut self, message: &Value) {
        let body = message.to_string();
        self.send_raw(format!("Content-Length: {}\r\n\r\n{body}", body.len()).as_bytes());
    }

    /// Stops reading, so that the server's messages fill the pipe.
    pub fn stop_reading(&mut self) {
        *self.reads.0.lock().unwrap() = false;
    }

    /// Undoes `stop_reading`.
    pub fn resume_reading(&mut self) {
        *self.reads.0.lock().unwrap() = true;
        self.reads.1.notify_all();
    }

    /// Answers a request of the server.
    pub fn answer_to(&mut self, request: &Value, result: Value) {
        self.send(&json!({"jsonrpc": "2.0", "id": request["id"], "result": result}));
    }

    /// Sends a notification.
    pub fn notify(&mut self, method: &str, params: Value) {
        self.send(&json!({"jsonrpc": "2.0", "method": method, "params": params}));
    }

    /// Sends a request and returns its id.
    pub fn request(&mut self, method: &str, params: Value) -> i64 {
        let id = self.next_id;
        self.next_id += 1;
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
        id
    }

    /// Waits for the answer to a request; returns the whole message.
    pub fn answer(&mut self, id: i64) -> Value {
        self.wait_for(|message| message["id"] == id && message.get("method").is_none())
            .unwrap_or_else(|| panic!("no answer to request {id} within {PATIENCE:?}"))
    }

    /// The next message that `wanted` accepts; others stay in the queue.
    pub fn wait_for(&mut self, wanted: impl Fn(&Value) -> bool) -> Option<Value> {
        if let Some(i) = self.kept.iter().position(&wanted) {
            return Some(self.kept.remove(i));
        }
        let patience = Instant::now() + PATIENCE;
        loop {
            let left = patience.saturating_duration_since(Instant::now());
            match self.messages.recv_timeout(left) {
                Ok(message) if wanted(&message) => return Some(message),
                Ok(message) => self.kept.push(message),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return None,
            }
        }
    }

    /// The server's next message, if one arrives before `due`.
    pub fn next_before(&mut self, due: Instant) -> Option<Value> {
        if !self.kept.is_empty() {
            return Some(self.kept.remove(0));
        }
        self.messages.recv_timeout(due.saturating_duration_since(Instant::now())).ok()
    }

    /// Drops the messages that were not taken.
    pub fn forget(&mut self) {
        self.kept.clear();
    }

    /// The messages that have arrived and were not taken.
    pub fn kept(&self) -> &[Value] {
        &self.kept
    }

    /// The server's process.
    pub fn process_id(&self) -> u32 {
        self.process.as_ref().expect("it is a process").id()
    }

    /// The server's configuration folder.
    pub fn config_folder(&self) -> &Path {
        self.config.as_ref().expect("it is a process").path()
    }

    /// Waits for the process to end, without sending anything.
    pub fn ended(mut self) -> ExitStatus {
        wait(self.process.take().expect("it is a process"))
    }

    /// Whether the server closes its output; drops the messages before that.
    pub fn is_closed(&mut self) -> bool {
        loop {
            match self.messages.recv_timeout(PATIENCE) {
                Ok(_) => {}
                Err(error) => return error == RecvTimeoutError::Disconnected,
            }
        }
    }

    /// All messages until the server closes its output, starting with those not taken yet.
    pub fn rest(&mut self) -> Vec<Value> {
        let mut rest = std::mem::take(&mut self.kept);
        while let Ok(message) = self.messages.recv_timeout(PATIENCE) {
            rest.push(message);
        }
        rest
    }

    /// Waits until the real model is loaded; needs `initializationOptions.status`.
    pub fn wait_until_ready(&mut self) {
        let is_loaded =
            |it: &Value| it["method"] == "foretell/status" && it["params"]["state"] != "loading";
        let status = self.wait_for(is_loaded).expect("a status");
        assert_eq!(status["params"], json!({"state": "ready"}), "run `make model` first");
    }

    /// Sends `initialize` with `params`, then `initialized`; returns the result.
    pub fn initialize(&mut self, params: Value) -> Value {
        let id = self.request("initialize", params);
        let result = self.answer(id)["result"].clone();
        self.notify("initialized", json!({}));
        result
    }

    /// Sends `shutdown` and `exit`, and waits for the process to end.
    pub fn end(mut self) -> Option<ExitStatus> {
        let id = self.request("shutdown", Value::Null);
        self.answer(id);
        self.notify("exit", Value::Null);
        self.process.take().map(wait)
    }

    /// Closes the server's input without `shutdown`.
    pub fn close_output(&mut self) {
        self.output = None;
    }

    /// Closes the server's input without `shutdown`, and waits for the process to end.
    pub fn hang_up(mut self) -> Option<ExitStatus> {
        self.close_output();
        self.process.take().map(wait)
    }
}

/// Waits for a process to end; kills it and panics after `PATIENCE`.
pub fn wait(mut process: Child) -> ExitStatus {
    let process_id = process.id().to_string();
    let (tx, ended) = mpsc::channel();
    thread::spawn(move || tx.send(process.wait().expect("it is ours")));
    ended.recv_timeout(PATIENCE).unwrap_or_else(|_| {
        let _ = Command::new("kill").args(["-9", &process_id]).status();
        panic!("the server did not exit within {PATIENCE:?}")
    })
}

impl Drop for Client {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

fn read_message(input: &mut impl BufRead) -> Option<Value> {
    let mut length = None;
    loop {
        let mut line = String::new();
        if input.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim_end().split_once(": ") {
            Some(("Content-Length", n)) => length = n.parse().ok(),
            Some(_) => {}
            None => break,
        }
    }
    let mut body = vec![0; length.expect("stdout carries framed messages and nothing else")];
    input.read_exact(&mut body).ok()?;
    Some(serde_json::from_slice(&body).expect("a message is JSON"))
}

//! Measures the server's own cost per keystroke: the time from a change and a request to the
//! response, with a model that takes no time.

use parking_lot::Mutex;
use std::{io::Write, sync::Arc, time::Instant};

use anyhow::{Context, ensure};
use foretell_config::Config;
use foretell_engine::scripted::Script;
use foretell_lsp as server;
use foretell_lsp::Startup;
use foretell_session::{completer::Completer, prompt::Prompter, session::Session};
use serde_json::{Value, json};
use tokio::io::{
    AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, DuplexStream, ReadHalf, WriteHalf,
};

use super::report::Report;

/// The line that the model generates and that is typed.
const LINE: &str = "    let answer = compute(first, second, third);";
const N_INDENT: usize = 4;
const URI: &str = "file:///bench.rs";

/// A document of a certain size and shape.
struct Case {
    name: &'static str,
    /// The text before the typed line.
    before: String,
}

/// Reports the time per keystroke for documents of several sizes, each typed `rounds` times.
///
/// # Errors
/// If the server responds with an error or an unexpected suggestion.
pub(super) fn run(report: &mut Report<impl Write>, rounds: usize) -> anyhow::Result<()> {
    let line = "    some_call(with, some, arguments); // and a remark\n";
    let lines = |n_bytes: usize| line.repeat(n_bytes / line.len());
    let long_line = |n_bytes: usize| format!("let x = \"{}\";\n", "x".repeat(n_bytes));
    let cases = [
        Case { name: "10 KB", before: lines(10_000) },
        Case { name: "1 MB", before: lines(1_000_000) },
        Case { name: "50 MB", before: lines(50_000_000) },
        Case { name: "a line of 5 MB", before: long_line(5_000_000) },
    ];
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    report.times("A keystroke typed into a suggestion, from change to response")?;
    for Case { name, before } in cases {
        report.times_of(name, runtime.block_on(keystroke_times_ms(&before, rounds))?)?;
    }
    Ok(())
}

async fn keystroke_times_ms(before: &str, rounds: usize) -> anyhow::Result<Vec<f64>> {
    let mut client = Client::start()?;
    client.open(before).await?;
    let line = before.matches('\n').count();
    let mut times = Vec::new();
    for _ in 0..rounds {
        // The suggestion is requested before the first keystroke; the last two characters of the
        // line are not typed.
        client.edit(line, N_INDENT..LINE.len(), "").await?;
        let first = client.suggestion(line, N_INDENT).await?;
        ensure!(!first.is_empty(), "no suggestion before the first keystroke");
        for (i, key) in LINE.char_indices().skip(N_INDENT).take(LINE.len() - N_INDENT - 2) {
            let start = Instant::now();
            client.edit(line, i..i, key.encode_utf8(&mut [0; 4])).await?;
            let rest = client.suggestion(line, i + 1).await?;
            times.push(start.elapsed().as_secs_f64() * 1e3);
            ensure!(
                rest == LINE[i + 1..],
                "unexpected suggestion {rest:?} after {:?}",
                &LINE[..=i]
            );
        }
    }
    Ok(times)
}

/// An LSP client in this process.
struct Client {
    input: BufReader<ReadHalf<DuplexStream>>,
    output: WriteHalf<DuplexStream>,
    version: i32,
    next_id: i64,
}

impl Client {
    fn start() -> anyhow::Result<Self> {
        let (ours, theirs) = tokio::io::duplex(1 << 20);
        let script = Mutex::new(Some(Script::new(&format!("{LINE}\n"))?));
        let load = move |config: &Config| {
            let script = script.lock().take();
            let window = config.prompt;
            Completer::start_with(move || {
                let script = script.context("the model was loaded twice")?;
                let prompter = Prompter::new(script.vocabulary(), Some(script.fim()), window);
                Ok((script.into_decoder(), prompter))
            })
        };
        let session = Arc::new(Session::new(Box::new(load)));
        let (input, output) = tokio::io::split(theirs);
        let serve = server::serve(session, Startup::default(), Box::new(input), Box::new(output));
        tokio::spawn(serve);
        let (input, output) = tokio::io::split(ours);
        Ok(Self { input: BufReader::new(input), output, version: 1, next_id: 0 })
    }

    async fn open(&mut self, before: &str) -> anyhow::Result<()> {
        let capabilities = json!({"general": {"positionEncodings": ["utf-8"]}});
        let id = self.request("initialize", json!({"capabilities": capabilities})).await?;
        self.response(id).await?;
        self.send(json!({"method": "initialized", "params": {}})).await?;
        let text = format!("{before}{LINE}\n}}\n");
        let document = json!({"uri": URI, "languageId": "rust", "version": 1, "text": text});
        let params = json!({"textDocument": document});
        self.send(json!({"method": "textDocument/didOpen", "params": params})).await
    }

    async fn edit(
        &mut self,
        line: usize,
        cols: std::ops::Range<usize>,
        text: &str,
    ) -> anyhow::Result<()> {
        self.version += 1;
        let at = |col: usize| json!({"line": line, "character": col});
        let change = json!({"range": {"start": at(cols.start), "end": at(cols.end)}, "text": text});
        let document = json!({"uri": URI, "version": self.version});
        let params = json!({"textDocument": document, "contentChanges": [change]});
        self.send(json!({"method": "textDocument/didChange", "params": params})).await
    }

    /// Requests the suggestion at a position, and repeats the request while the model loads.
    async fn suggestion(&mut self, line: usize, col: usize) -> anyhow::Result<String> {
        let params = json!({
            "textDocument": {"uri": URI},
            "position": {"line": line, "character": col},
            "context": {"triggerKind": 2},
        });
        loop {
            let id = self.request("textDocument/inlineCompletion", params.clone()).await?;
            let result = self.response(id).await?;
            let text = result["items"][0]["insertText"].as_str().unwrap_or_default();
            // Only the first request, after one edit, may find the model still loading.
            if !text.is_empty() || self.version > 2 {
                return Ok(text.to_owned());
            }
        }
    }

    async fn request(&mut self, method: &str, params: Value) -> anyhow::Result<i64> {
        self.next_id += 1;
        let id = self.next_id;
        self.send(json!({"id": id, "method": method, "params": params})).await?;
        Ok(id)
    }

    async fn send(&mut self, mut message: Value) -> anyhow::Result<()> {
        message["jsonrpc"] = json!("2.0");
        let body = message.to_string();
        let head = format!("Content-Length: {}\r\n\r\n", body.len());
        self.output.write_all(head.as_bytes()).await?;
        Ok(self.output.write_all(body.as_bytes()).await?)
    }

    async fn response(&mut self, id: i64) -> anyhow::Result<Value> {
        loop {
            let mut length = 0;
            loop {
                let mut line = String::new();
                self.input.read_line(&mut line).await?;
                match line.trim_end().split_once(": ") {
                    Some(("Content-Length", n)) => length = n.parse()?,
                    Some(_) => {}
                    None => break,
                }
            }
            let mut body = vec![0; length];
            self.input.read_exact(&mut body).await?;
            let mut message: Value = serde_json::from_slice(&body)?;
            if message["id"] == id && message.get("method").is_none() {
                ensure!(message.get("error").is_none(), "{message}");
                return Ok(message["result"].take());
            }
        }
    }
}

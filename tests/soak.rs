//! A working day with the real server and the real model, without its pauses: retypes lines of real
//! files, with focus changes, rejected and accepted suggestions, and other clients that come and
//! go. `make soak` runs it.
//!
//! Usage: `sessions soak SERVER MINUTES FILE...`. Prints the server's resource usage each minute.
//! Fails if
//! - its memory, with or without the model's mapped pages, grows by more than 5 % between the
//!   warm-up and the end, or its number of handles grows at all,
//! - it ever has more threads than the compute threads and a few others, or
//! - one of several servers does not share the model's weights.
//!
//! The warm-up lasts half of the time and at most ten minutes, so that every slot of the KV cache
//! was full once.

use std::{
    error::Error,
    process::{Command, ExitCode},
    time::{Duration, Instant},
};

use foretell_session::stats::{draw::rounded, quantile};
use foretell_test_support::lsp_client::Client;
use serde_json::{Value, json};

/// Threads besides the compute threads: main, the engine's, a worker and four that may block.
const N_OTHER_THREADS: usize = 8;

/// How many servers run at once in the last step.
const N_SERVERS: usize = 5;

struct File {
    uri: String,
    lines: Vec<String>,
    text: String,
    cursor: usize,
    version: i64,
    /// The index of the next line to type, modulo the number of lines.
    next: usize,
}

impl File {
    fn position(&self, byte_idx: usize) -> Value {
        let before = &self.text[..byte_idx];
        let line_start = before.rfind('\n').map_or(0, |i| i + 1);
        json!({"line": before.matches('\n').count(), "character": byte_idx - line_start})
    }

    /// Deletes the next line and puts the cursor in its place. Returns the change, and the line if
    /// it is worth typing.
    fn take_line(&mut self) -> (Value, Option<String>) {
        let n = self.next % self.lines.len();
        self.next += 7;
        let start: usize = self.lines[..n].iter().map(String::len).sum();
        let line = self.lines[n].trim_end().to_owned();
        let end = start + line.len();
        let indent = line.len() - line.trim_start().len();
        self.cursor = start + indent;
        let change = self.replace(start + indent, end, "");
        (change, Some(line[indent..].to_owned()).filter(|it| it.len() > 8))
    }

    fn replace(&mut self, start: usize, end: usize, text: &str) -> Value {
        let range = json!({"start": self.position(start), "end": self.position(end)});
        self.text.replace_range(start..end, text);
        self.version += 1;
        json!({"textDocument": {"uri": self.uri, "version": self.version},
            "contentChanges": [{"range": range, "text": text}]})
    }

    /// Restores the original text.
    fn restore(&mut self) -> Value {
        self.text = self.lines.concat();
        self.version += 1;
        json!({"textDocument": {"uri": self.uri, "version": self.version},
            "contentChanges": [{"text": self.text}]})
    }
}

/// The resource usage of a server's process.
#[derive(Debug, Clone, Copy)]
struct ProcessUsage {
    resident_kb: u64,
    anonymous_kb: u64,
    n_handles: usize,
    n_threads: usize,
}

fn field(text: &str, name: &str) -> u64 {
    let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|it| it.parse().ok()).unwrap_or(0)
}

fn process_usage(process_id: u32) -> ProcessUsage {
    let folder = format!("/proc/{process_id}");
    let status = std::fs::read_to_string(format!("{folder}/status")).unwrap();
    ProcessUsage {
        resident_kb: field(&status, "VmRSS:"),
        anonymous_kb: field(&status, "RssAnon:"),
        n_handles: std::fs::read_dir(format!("{folder}/fd")).unwrap().count(),
        n_threads: std::fs::read_dir(format!("{folder}/task")).unwrap().count(),
    }
}

fn start(server: &str) -> Client {
    let mut command = Command::new(server);
    let mut client = Client::start(command.arg("serve").env("FORETELL_LOG", "error"));
    client.initialize(json!({"processId": std::process::id(), "rootUri": null,
        "capabilities": {"general": {"positionEncodings": ["utf-8"]}},
        "initializationOptions": {"status": true, "streaming": true}}));
    let is_loaded =
        |it: &Value| it["method"] == "foretell/status" && it["params"]["state"] != "loading";
    let status = client.wait_for(is_loaded).expect("a status");
    assert_eq!(status["params"]["state"], "ready", "{status}");
    client
}

fn ask(client: &mut Client, file: &File) -> i64 {
    let params = json!({"textDocument": {"uri": file.uri}, "position": file.position(file.cursor),
        "context": {"triggerKind": 2}});
    client.request("textDocument/inlineCompletion", params)
}

/// Requests a suggestion at the cursor; returns its text and the time in milliseconds.
fn see(client: &mut Client, file: &File) -> (String, f64) {
    let started = Instant::now();
    let id = ask(client, file);
    let answer = client.answer(id);
    let ms = started.elapsed().as_secs_f64() * 1e3;
    assert!(answer["result"]["items"].is_array(), "{answer}");
    (answer["result"]["items"][0]["insertText"].as_str().unwrap_or_default().to_owned(), ms)
}

/// Counts of what was done, and the time to the first text at each new position.
#[derive(Default)]
struct Done {
    n_keys: usize,
    n_lines: usize,
    n_clients: usize,
    first_ms: Vec<f64>,
}

fn type_a_line(client: &mut Client, file: &mut File, done: &mut Done) {
    let (change, line) = file.take_line();
    client.notify("textDocument/didChange", change);
    client.notify("textDocument/didFocus", json!({"textDocument": {"uri": file.uri}}));
    let Some(line) = line else {
        client.notify("textDocument/didChange", file.restore());
        return;
    };
    let (mut offer, ms) = see(client, file);
    if !offer.is_empty() {
        done.first_ms.push(ms);
    }
    let mut running = None;
    for (n, key) in line.chars().enumerate() {
        let at = file.cursor;
        let change = file.replace(at, at, key.encode_utf8(&mut [0; 4]));
        file.cursor += key.len_utf8();
        client.notify("textDocument/didChange", change);
        done.n_keys += 1;
        // Every fifth answer is awaited; the other requests are superseded or ignored.
        if n % 5 == 4 {
            offer = see(client, file).0;
            if line[..].ends_with(offer.trim_end()) && offer.len() > 3 {
                break; // accepted
            }
        } else {
            running = Some(ask(client, file));
        }
    }
    if let Some(id) = running {
        client.answer(id);
    }
    client.notify("textDocument/didChange", file.restore());
    client.forget();
    done.n_lines += 1;
}

pub fn run(arguments: &[String]) -> Result<ExitCode, Box<dyn Error>> {
    let [server, minutes, paths @ ..] = arguments else {
        return Err("usage: sessions soak SERVER MINUTES FILE...".into());
    };
    let minutes: u64 = minutes.parse().expect("a number of minutes");
    let mut files: Vec<File> = paths.iter().map(|path| open_file(path)).collect();
    let mut client = start(server);
    files.iter().for_each(|file| open(&mut client, file));
    let process_id = client.process_id();
    println!(
        "minute |   lines    keys clients | first text, ms | resident kB  anonymous kB  handles threads"
    );
    let (begin, mut done, mut first_medians, mut all) =
        (Instant::now(), Done::default(), Vec::new(), Vec::new());
    for minute in 1..=minutes {
        let end = begin + Duration::from_secs(60 * minute);
        while Instant::now() < end {
            for file in &mut files {
                for _ in 0..3 {
                    type_a_line(&mut client, file, &mut done);
                }
            }
        }
        // A second window is opened and used, then closed or, every other time, killed.
        let mut other = start(server);
        open(&mut other, &files[0]);
        see(&mut other, &files[0]);
        done.n_clients += 1;
        if minute % 2 == 0 {
            other.end();
        }
        let now = process_usage(process_id);
        let first = quantile(&std::mem::take(&mut done.first_ms), 0.5);
        let Done { n_lines, n_keys, n_clients, .. } = done;
        println!(
            "{minute:>6} | {n_lines:>7} {n_keys:>7} {n_clients:>7} | {:>14} | {:>11} {:>13} {:>8} \
             {:>7}",
            rounded(first, 0),
            now.resident_kb,
            now.anonymous_kb,
            now.n_handles,
            now.n_threads
        );
        first_medians.extend(first);
        all.push(now);
    }
    let n_warm = (all.len() / 2).clamp(1, 10) - 1;
    let (warm, last) = (all[n_warm], all[all.len() - 1]);
    let growth = |of: fn(&ProcessUsage) -> u64| 100.0 * (of(&last) as f64 / of(&warm) as f64 - 1.0);
    let (resident, anonymous) = (growth(|it| it.resident_kb), growth(|it| it.anonymous_kb));
    let ms = |of: &[f64]| rounded(quantile(of, 0.5), 0);
    let third = first_medians.len().div_ceil(3);
    println!(
        "\nfrom minute {} to {minutes}: anonymous memory {anonymous:+.1} %, resident memory with \
         the model's pages {resident:+.1} %; handles {} to {}, threads {} to {}; first text \
         {} ms in the first third, {} ms in the last",
        n_warm + 1,
        warm.n_handles,
        last.n_handles,
        warm.n_threads,
        last.n_threads,
        ms(&first_medians[..third]),
        ms(&first_medians[first_medians.len() - third..]),
    );
    client.end();
    let is_shared = measure_many_servers(server, &files[0]);
    // The maximum, since blocking threads come and go.
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let most_threads = all.iter().map(|it| it.n_threads).max().unwrap_or(0);
    let is_well = anonymous <= 5.0
        && resident <= 5.0
        && last.n_handles <= warm.n_handles
        && most_threads <= cores + N_OTHER_THREADS
        && is_shared;
    Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn open(client: &mut Client, file: &File) {
    let document = json!({"uri": file.uri, "languageId": "rust", "version": 1, "text": file.text});
    client.notify("textDocument/didOpen", json!({"textDocument": document}));
}

fn open_file(path: &str) -> File {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
    File { uri: format!("file:///{path}"), lines, text, cursor: 0, version: 1, next: 5 }
}

/// Runs several servers at once and prints their private and shared memory. Returns whether each
/// shares more than half of its memory.
fn measure_many_servers(server: &str, file: &File) -> bool {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    println!("\n{N_SERVERS} servers at once, {cores} cores");
    println!("server |  first text, ms | private kB  shared kB | threads");
    let mut clients: Vec<Client> = (0..N_SERVERS).map(|_| start(server)).collect();
    let mut first_ms = Vec::new();
    for client in &mut clients {
        open(client, file);
        first_ms.push(see(client, file).1);
    }
    let mut is_shared = true;
    for (n, (client, ms)) in clients.iter().zip(first_ms).enumerate() {
        let process_id = client.process_id();
        let rollup = std::fs::read_to_string(format!("/proc/{process_id}/smaps_rollup")).unwrap();
        let private = field(&rollup, "Private_Clean:") + field(&rollup, "Private_Dirty:");
        let shared = field(&rollup, "Rss:") - private;
        is_shared &= private < shared;
        let n_threads = process_usage(process_id).n_threads;
        println!("{:>6} | {ms:>15.0} | {private:>10} {shared:>10} | {n_threads:>7}", n + 1);
    }
    for client in clients {
        client.end();
    }
    is_shared
}

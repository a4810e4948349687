//! Types lines of a real file at a user's pace, with the real server and the real model, and prints
//! measures of what the user would see. `make bench` runs it.
//!
//! Usage: `sessions paced SERVER FILE LINE N_LINES WORDS_A_MINUTE [plain] [next-edit] [pauses]`. Opens
//! FILE without N_LINES lines from LINE (counted from 1) on and types them; a word is five characters.
//! With `plain`, the client does not support streaming; with `next-edit`, it shows the next edit, which
//! is off otherwise; with `pauses`, the user looks up for a second at the end of each line.

use std::{
    error::Error,
    process::{Command, ExitCode},
    time::{Duration, Instant},
};

use foretell_lab::flashed::n_wrong_chars;
use foretell_session::stats::{Millis, draw::rounded};
use foretell_test_support::lsp_client::Client;
use serde_json::{Value, json};

use crate::{
    median_and_p95,
    paced_offers::{Judgements, Offers},
};

/// The pause before the first key and after the last one.
const FIRST_LOOK: Duration = Duration::from_secs(4);
/// The pause at the end of a line, if there is one.
const LINE_PAUSE: Duration = Duration::from_secs(1);

/// The editor's document and ghost text, and measures of what was shown.
struct Editor {
    client: Client,
    uri: String,
    text: String,
    cursor: usize,
    version: i64,
    /// The last request's id and time; older ones are superseded.
    asked: Option<(i64, Instant)>,
    /// When the last edit was sent.
    edited: Instant,
    grey: String,
    /// The text that the user types at the cursor.
    to_come: String,
    /// Characters that appeared and were not typed.
    n_wrong_chars: usize,
    first_text_ms: Vec<f64>,
    n_flickers: usize,
    n_stale: usize,
    offers: Offers,
}

/// A message that arrives within this time after an edit may have been sent before it, and does not
/// count as stale.
const ON_ITS_WAY: Duration = Duration::from_millis(20);

impl Editor {
    fn position(&self) -> Value {
        let before = &self.text[..self.cursor];
        let line_start = before.rfind('\n').map_or(0, |i| i + 1);
        json!({"line": before.matches('\n').count(), "character": self.cursor - line_start})
    }

    fn type_key(&mut self, key: &str) {
        let at = self.position();
        self.offers.end_pause(self.edited);
        self.text.insert_str(self.cursor, key);
        self.cursor += key.len();
        self.version += 1;
        self.client.notify(
            "textDocument/didChange",
            json!({
                "textDocument": {"uri": self.uri, "version": self.version},
                "contentChanges": [{"range": {"start": at, "end": at}, "text": key}],
            }),
        );
        self.edited = Instant::now();
        let rest = self.grey.strip_prefix(key).unwrap_or_default().to_owned();
        self.grey = rest;
        self.to_come.drain(..key.len());
        self.ask();
    }

    fn ask(&mut self) {
        let params = json!({
            "textDocument": {"uri": self.uri}, "position": self.position(),
            "context": {"triggerKind": 2},
        });
        let id = self.client.request("textDocument/inlineCompletion", params);
        self.asked = Some((id, Instant::now()));
    }

    /// Processes the server's messages until `due`.
    fn look_until(&mut self, due: Instant) {
        while let Some(message) = self.client.next_before(due) {
            if message["method"] == "foretell/inlineCompletion/update" {
                let params = &message["params"];
                let is_ours = params["textDocument"]["version"] == self.version
                    && params["position"] == self.position();
                self.item(is_ours, &params["item"]["insertText"]);
            } else if message["method"] == "foretell/nextEdit" {
                let edit = &message["params"]["edits"][0];
                if edit["textDocument"]["version"] == self.version {
                    self.offers.add(edit, &self.text, self.cursor, &self.to_come);
                }
            } else if let Some(items) = message["result"]["items"].as_array() {
                let asked = self.asked.filter(|(id, _)| message["id"] == *id);
                match (items.first(), asked) {
                    (Some(item), asked) => {
                        if let (Some((_, when)), true) = (asked, self.grey.is_empty()) {
                            self.first_text_ms.push(when.elapsed().as_secs_f64() * 1e3);
                        }
                        let is_here = item["range"]["start"] == self.position();
                        self.item(asked.is_some() && is_here, &item["insertText"]);
                    }
                    (None, Some(_)) => {
                        self.n_flickers += usize::from(!self.grey.is_empty());
                        self.grey.clear();
                    }
                    (None, None) => {}
                }
            }
        }
    }

    fn item(&mut self, is_ours: bool, text: &Value) {
        if !is_ours {
            self.n_stale += usize::from(self.edited.elapsed() > ON_ITS_WAY);
            return;
        }
        let text = text.as_str().unwrap_or_default();
        let is_longer = text.starts_with(&self.grey);
        self.n_flickers += usize::from(!is_longer);
        let n_seen_bytes = if is_longer { self.grey.len() } else { 0 };
        self.n_wrong_chars += n_wrong_chars(text, n_seen_bytes, &self.to_come);
        text.clone_into(&mut self.grey);
    }

    fn counts(&mut self) -> Value {
        let command = json!({"command": "foretell.stats"});
        let id = self.client.request("workspace/executeCommand", command);
        self.client.answer(id)["result"]["counts"].clone()
    }
}

/// How the session differs from the usual one.
struct Options {
    streams: bool,
    shows_edits: bool,
    pauses: bool,
}

pub fn run(arguments: &[String]) -> Result<ExitCode, Box<dyn Error>> {
    let usage = "usage: sessions paced SERVER FILE LINE N_LINES WORDS_A_MINUTE [plain] [next-edit] \
                 [pauses]";
    let [server, file, line, n_lines, words, options @ ..] = arguments else {
        return Err(usage.into());
    };
    if options.iter().any(|it| !["plain", "next-edit", "pauses"].contains(&it.as_str())) {
        return Err(usage.into());
    }
    let has = |name: &str| options.iter().any(|it| it == name);
    let options =
        Options { streams: !has("plain"), shows_edits: has("next-edit"), pauses: has("pauses") };
    let text = std::fs::read_to_string(file).map_err(|error| format!("{file}: {error}"))?;
    let (from, n_lines): (usize, usize) = (line.parse()?, n_lines.parse()?);
    let between_keys = Duration::from_secs_f64(60.0 / 5.0 / words.parse::<f64>()?);
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    if from == 0 || from + n_lines > lines.len() {
        return Err(format!("{file} has no lines {from} to {}", from + n_lines - 1).into());
    }
    let (before, rest) = lines.split_at(from - 1);
    let (typed, after) = rest.split_at(n_lines);
    let typed = typed.concat();
    let document = format!("{}\n{}", before.concat(), after.concat());

    let mut command = Command::new(server);
    command
        .arg("serve")
        .env("FORETELL_LOG", std::env::var("FORETELL_LOG").unwrap_or("error".into()));
    let folder = tempfile::tempdir()?;
    let logged = options.shows_edits.then(|| Judgements::of(&mut command, folder.path()));
    let judgements = logged.transpose()?;
    let mut client = Client::start(&mut command);
    let encodings = json!({"general": {"positionEncodings": ["utf-8"]}});
    client.initialize(json!({"processId": null, "rootUri": null, "capabilities": encodings,
        "initializationOptions": {"status": true, "streaming": options.streams,
            "nextEdit": options.shows_edits,
            "settings": {"next_edit": {"enabled": options.shows_edits}}}}));
    let loaded = client.wait_for(|message| {
        message["method"] == "foretell/status" && message["params"]["state"] != "loading"
    });
    if let Some(message) = loaded.as_ref().and_then(|it| it["params"]["message"].as_str()) {
        return Err(message.into());
    }
    let uri = format!("file:///typed/{}", file.rsplit('/').next().unwrap_or(file));
    let opened = json!({"uri": uri, "languageId": language(file), "version": 1, "text": document});
    client.notify("textDocument/didOpen", json!({"textDocument": opened}));
    let mut editor = Editor {
        client,
        uri,
        text: document,
        cursor: before.concat().len(),
        version: 1,
        asked: None,
        edited: Instant::now(),
        grey: String::new(),
        to_come: typed.trim_end().to_owned(),
        n_wrong_chars: 0,
        first_text_ms: Vec::new(),
        n_flickers: 0,
        n_stale: 0,
        offers: Offers::default(),
    };
    editor.ask();
    editor.look_until(Instant::now() + FIRST_LOOK);
    let cold_ms = editor.first_text_ms.first().copied();
    editor.first_text_ms.clear();
    let cold = editor.counts();
    let cold_cpu_s = cpu_s(editor.client.process_id());

    let (mut n_keys, mut n_predicted) = (0, 0);
    let mut due = Instant::now();
    for key in keys(typed.trim_end()) {
        n_keys += 1;
        n_predicted += usize::from(editor.grey.starts_with(key));
        if std::env::var_os("TRACE").is_some() {
            let mark = if editor.grey.starts_with(key) {
                '.'
            } else if editor.grey.is_empty() {
                'o'
            } else {
                'x'
            };
            println!("{mark} {key:?} grey {:?}", editor.grey);
        }
        if options.pauses && key.starts_with('\n') {
            due += LINE_PAUSE;
            editor.look_until(due);
        }
        editor.type_key(key);
        due += between_keys.mul_f64(key.chars().filter(|c| *c != ' ').count().max(1) as f64);
        editor.look_until(due);
    }
    editor.look_until(Instant::now() + FIRST_LOOK);
    editor.offers.end_pause(editor.edited);
    let all = editor.counts();
    report(file, n_keys, n_predicted, words, options.streams);
    println!("stale items {}, flickers {}", editor.n_stale, editor.n_flickers);
    println!("wrong characters flashed: {}", editor.n_wrong_chars);
    match (cold_cpu_s, cpu_s(editor.client.process_id())) {
        (Some(cold), Some(all)) => println!("CPU time since the first key: {:.1} s", all - cold),
        _ => println!("CPU time: not known on this system"),
    }
    println!(
        "first text in a cold file: {}; after an empty screen: {}",
        cold_ms.map_or("none".to_owned(), |ms| format!("{ms:.0} ms")),
        median_and_p95(&editor.first_text_ms)
    );
    session(&cold, &all);
    if let Some(judgements) = judgements {
        editor.offers.report(&judgements);
    }
    editor.client.end();
    Ok(ExitCode::SUCCESS)
}

/// The CPU time of a process in seconds, from Linux's statistics in hundredths of a second.
fn cpu_s(process_id: u32) -> Option<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{process_id}/stat")).ok()?;
    // The name in parentheses may contain spaces.
    let (_, fields) = stat.rsplit_once(')')?;
    let times: Vec<f64> =
        fields.split_whitespace().skip(11).take(2).filter_map(|it| it.parse().ok()).collect();
    (times.len() == 2).then(|| times.iter().sum::<f64>() / 100.0)
}

/// Splits a text into keystrokes: one character each, and a line break with the indentation that an
/// editor inserts after it.
fn keys(text: &str) -> Vec<&str> {
    let mut keys = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let n_bytes = if first == '\n' {
            let next = &rest[1..];
            let indent = next.len() - next.trim_start_matches([' ', '\t']).len();
            1 + indent
        } else {
            first.len_utf8()
        };
        let (key, tail) = rest.split_at(n_bytes);
        keys.push(key);
        rest = tail;
    }
    keys
}

fn report(file: &str, n_keys: usize, n_predicted: usize, words: &str, streams: bool) {
    println!(
        "{file}: {n_keys} keys at {words} words a minute{}; the shown text predicted {n_predicted} \
         of them ({:.0} %)",
        if streams { "" } else { ", without streaming" },
        100.0 * n_predicted as f64 / n_keys.max(1) as f64
    );
}

/// The editor's name for the language of a file.
fn language(file: &str) -> &str {
    match file.rsplit('.').next().unwrap_or_default() {
        "rs" => "rust",
        "py" => "python",
        "ts" => "typescript",
        "js" => "javascript",
        other => other,
    }
}

/// Prints the server's counts since the first key.
fn session(cold: &Value, all: &Value) {
    let n =
        |counts: &Value, path: &str| counts.pointer(path).and_then(Value::as_f64).unwrap_or(0.0);
    let since = |path: &str| n(all, path) - n(cold, path);
    let shown: f64 = all["shown"]
        .as_object()
        .map_or(0.0, |it| it.keys().map(|k| since(&format!("/shown/{k}"))).sum());
    let by_model = since("/shown/model") + since("/shown/running_draft");
    println!(
        "requests {}, superseded {}; shown {shown}, {:.0} % of them without the model",
        since("/requests"),
        since("/superseded"),
        100.0 * (shown - by_model) / shown.max(1.0)
    );
    println!("shown by source: {}", all["shown"]);
    let runs = since("/model/runs");
    println!(
        "model runs {runs}: {:.1} tokens prefilled per run, {:.1} generated; {:.0} % of those never shown",
        since("/model/read") / runs.max(1.0),
        since("/model/generated") / runs.max(1.0),
        100.0 * since("/model/wasted") / since("/model/generated").max(1.0)
    );
    for (name, what) in
        [("first_text_ms", "from the model"), ("other_text_ms", "without the model")]
    {
        let times: Millis = serde_json::from_value(all[name].clone()).unwrap_or_default();
        let at = |q| rounded(times.quantile(q), 1);
        println!("in the server, {what}: {} ms (median), {} ms (p95)", at(0.5), at(0.95));
    }
}

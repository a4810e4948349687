//! Measures the first suggestion at places where the cursor rested for a second, and the cost of
//! prefilling them, with the real server process and the real model. `make focus` runs it.
//!
//! Usage: `sessions focus SERVER FILE...`. In each file, the cursor rests at the start of some
//! lines; then the line's first character is typed.

use std::{
    error::Error,
    fs,
    process::{Command, ExitCode},
    thread::sleep,
    time::{Duration, Instant},
};

use foretell_session::stats::{draw::rounded, quantile};
use foretell_test_support::lsp_client::Client;
use serde_json::{Value, json};

const SECOND: Duration = Duration::from_secs(1);
/// The number of places visited in each file.
const PLACES: usize = 3;
/// The number of files to return to.
const RETURNS: usize = 6;

/// A line of a file from its first character on.
struct Place {
    uri: String,
    line: usize,
    /// The column of the first character.
    col: usize,
    first: char,
}

/// Places in a file: lines of code, evenly spread.
fn places(uri: &str, text: &str) -> Vec<Place> {
    let lines: Vec<&str> = text.lines().collect();
    let place = |n: usize| {
        let from = (n + 1) * lines.len() / (PLACES + 1);
        let (line, text) = lines
            .iter()
            .enumerate()
            .skip(from)
            .find(|(_, it)| it.is_ascii() && it.starts_with(' ') && it.trim().len() > 12)?;
        let first = text.trim_start().chars().next()?;
        Some(Place { uri: uri.to_owned(), line, col: text.len() - text.trim_start().len(), first })
    };
    (0..PLACES).filter_map(place).collect()
}

/// The editor: its server and the versions of its documents.
struct Editor {
    client: Client,
    version: i64,
}

impl Editor {
    fn focus(&mut self, place: &Place) {
        let position = json!({"line": place.line, "character": place.col});
        let params = json!({"textDocument": {"uri": place.uri}, "position": position});
        self.client.notify("textDocument/didFocus", params);
    }

    /// Removes the rest of the place's line, as before it is typed.
    fn clear(&mut self, place: &Place) {
        let start = json!({"line": place.line, "character": place.col});
        let end = json!({"line": place.line, "character": 10_000});
        self.change(place, json!({"start": start, "end": end}), "");
    }

    fn change(&mut self, place: &Place, range: Value, text: &str) {
        self.version += 1;
        let document = json!({"uri": place.uri, "version": self.version});
        let changes = json!([{"range": range, "text": text}]);
        let params = json!({"textDocument": document, "contentChanges": changes});
        self.client.notify("textDocument/didChange", params);
    }

    /// Types the first character. Returns how long the response took, and whether it contained a
    /// text.
    fn type_first(&mut self, place: &Place) -> (f64, bool) {
        let at = json!({"line": place.line, "character": place.col});
        let started = Instant::now();
        self.change(place, json!({"start": at, "end": at}), &place.first.to_string());
        let position = json!({"line": place.line, "character": place.col + 1});
        let params = json!({"textDocument": {"uri": place.uri}, "position": position,
            "context": {"triggerKind": 2}});
        let id = self.client.request("textDocument/inlineCompletion", params);
        let answer = self.client.answer(id);
        let has_text = answer["result"]["items"].as_array().is_some_and(|it| !it.is_empty());
        (started.elapsed().as_secs_f64() * 1e3, has_text)
    }

    /// The CPU time of the server, in seconds.
    fn cpu_s(&self) -> Result<f64, Box<dyn Error>> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.client.process_id()))?;
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
        let ticks = |n: usize| fields.get(n).and_then(|it| it.parse::<f64>().ok()).unwrap_or(0.0);
        // Ticks of the user interface are hundredths of a second on Linux.
        Ok((ticks(11) + ticks(12)) / 100.0)
    }
}

fn report(what: &str, times: &[(f64, bool)]) {
    let ms: Vec<f64> = times.iter().map(|it| it.0).collect();
    let n_texts = times.iter().filter(|it| it.1).count();
    let at = |q: f64| rounded(quantile(&ms, q), 0);
    println!(
        "{what:<44} median {:>5} ms, p95 {:>5} ms ({} places, {n_texts} with a text)",
        at(0.5),
        at(0.95),
        ms.len()
    );
}

pub fn run(arguments: &[String]) -> Result<ExitCode, Box<dyn Error>> {
    let [server, files @ ..] = arguments else {
        return Err("usage: sessions focus SERVER FILE...".into());
    };
    let mut client = Client::start(Command::new(server).arg("serve").env("FORETELL_LOG", "error"));
    client.initialize(json!({"processId": null, "rootUri": null,
        "capabilities": {"general": {"positionEncodings": ["utf-8"]}},
        "initializationOptions": {"status": true, "streaming": true}}));
    client.wait_until_ready();
    let mut editor = Editor { client, version: 1 };
    let mut all = Vec::new();
    for file in files {
        let text = fs::read_to_string(file).map_err(|error| format!("{file}: {error}"))?;
        let uri = format!("file:///{file}");
        let language = if file.ends_with(".py") { "python" } else { "rust" };
        let document = json!({"uri": uri, "languageId": language, "version": 1, "text": text});
        editor.client.notify("textDocument/didOpen", json!({"textDocument": document}));
        all.extend(places(&uri, &text));
    }
    // Alternates between files.
    all.sort_by_key(|it| (it.line % PLACES, it.uri.clone()));
    for place in &all {
        editor.clear(place);
    }

    let n_cpu = all.len().min(10);
    let before = editor.cpu_s()?;
    for place in &all[..n_cpu] {
        editor.focus(place);
        sleep(SECOND);
    }
    println!("CPU time of {n_cpu} rests of a second: {:.1} s", editor.cpu_s()? - before);
    sleep(SECOND + SECOND / 2);
    let before = editor.cpu_s()?;
    sleep(3 * SECOND);
    println!("CPU time in 3 s after 2.5 s of rest: {:.2} s", editor.cpu_s()? - before);

    let mut rested = Vec::new();
    for place in &all {
        editor.focus(place);
        sleep(SECOND);
        rested.push(editor.type_first(place));
        sleep(SECOND / 2);
    }
    report("first suggestion after a rest of 1 s", &rested);
    // Switches back and forth between two files, typing immediately.
    let (mut returned, mut unrested) = (Vec::new(), Vec::new());
    for pair in all.chunks(2).take(RETURNS) {
        for place in pair {
            editor.clear(place);
            editor.focus(place);
            sleep(SECOND);
        }
        for place in pair {
            editor.focus(place);
            returned.push(editor.type_first(place));
        }
    }
    report("back in one of the last two places, at once", &returned);
    for place in all.iter().rev().take(RETURNS) {
        editor.clear(place);
        unrested.push(editor.type_first(place));
    }
    report("elsewhere without a rest", &unrested);
    editor.client.end();
    Ok(ExitCode::SUCCESS)
}

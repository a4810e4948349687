//! Times from the last key of an edit to the offer of the next one, with the real server and the
//! real model.
//!
//! Usage: `sessions next-edit SERVER N [asks]`. Renames a parameter N times, which needs no model,
//! and makes a change twice N times, which the model judges. Types at 80 words a minute; with
//! `asks`, a suggestion is requested after each key, as editors do.

use std::{
    error::Error,
    process::{Command, ExitCode},
    time::{Duration, Instant},
};

use foretell_test_support::{editor_sim::Typist, lsp_client::Client};
use serde_json::json;

use crate::median_and_p95;

const BETWEEN_KEYS: Duration = Duration::from_millis(150);
/// How long an offer may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// The text above the edited places.
const AROUND: &str = include_str!("fixtures/code/bundle.rs");

pub fn run(arguments: &[String]) -> Result<ExitCode, Box<dyn Error>> {
    let (asks, arguments) = match arguments.split_last() {
        Some((last, rest)) if last == "asks" => (true, rest),
        _ => (false, arguments),
    };
    let [server, n] = arguments else {
        return Err("usage: sessions next-edit SERVER N [asks]".into());
    };
    let n: usize = n.parse()?;
    let renamed = "fn area(width: u32, ˇheight: u32) -> u32 {\n    width * height + height\n}\n";
    let repeated = "fn report(log: &Log, size: u32) {\n    log.ˇwrite(\"start\", size);\n    \
        log.write(\"middle\", size);\n    log.write(\"end\", size);\n    log.close();\n}\n";
    let edits = [
        ("without the model", renamed, "height".len(), None, "extent"),
        ("with the judge", repeated, "write".len(), Some("(\"start\", size);\n    log."), "emit"),
    ];
    let mut client = start(server);
    for (name, marked, n_removed, gap, typed) in edits {
        let mut times = Vec::new();
        let mut n_missing = 0;
        for i in 0..n {
            // A new document each time, with another name.
            let text = format!("{AROUND}\n{marked}");
            let mut typist = Typist::open(client, &format!("file:///{typed}{i}.rs"), &text);
            let new = format!("{typed}{i}");
            let mut last_key = type_over(&mut typist, n_removed, &new, asks);
            if let Some(gap) = gap {
                typist.cursor += gap.len();
                last_key = type_over(&mut typist, n_removed, &new, asks);
            }
            match wait_for_offer(&mut typist.client, last_key, &new) {
                Some(ms) => times.push(ms),
                None => n_missing += 1,
            }
            client = typist.client;
        }
        println!("{name}: {}; {n_missing} without an offer", median_and_p95(&times));
    }
    client.end();
    Ok(ExitCode::SUCCESS)
}

fn start(server: &str) -> Client {
    let mut client = Client::start(Command::new(server).arg("serve").env("FORETELL_LOG", "error"));
    client.initialize(json!({"processId": null, "rootUri": null,
        "capabilities": {"general": {"positionEncodings": ["utf-8"]}},
        "initializationOptions": {"status": true, "nextEdit": true, "streaming": true,
            "settings": {"next_edit": {"eagerness": "eager"}}}}));
    client.wait_until_ready();
    client
}

/// Replaces the text after the cursor; returns the time of the last key.
fn type_over(typist: &mut Typist, n_removed: usize, new: &str, asks: bool) -> Instant {
    typist.cursor += n_removed;
    typist.replace(n_removed, "");
    let mut last = Instant::now();
    for key in new.chars() {
        let _ = typist.client.next_before(last + BETWEEN_KEYS);
        std::thread::sleep((last + BETWEEN_KEYS).saturating_duration_since(Instant::now()));
        last = Instant::now();
        typist.type_text(&key.to_string());
        if asks {
            typist.ask();
        }
    }
    last
}

/// The time until the offer of the complete new text.
fn wait_for_offer(client: &mut Client, last_key: Instant, new: &str) -> Option<f64> {
    while let Some(message) = client.next_before(last_key + PATIENCE) {
        let is_offer = message["method"] == "foretell/nextEdit";
        if is_offer && message["params"]["edits"][0]["text"] == new {
            return Some(last_key.elapsed().as_secs_f64() * 1e3);
        }
    }
    None
}

//! Types lines of a file with the real server process and the real model, and prints the suggestion
//! after each key.
//!
//! Usage: `sessions typed SERVER FILE LINE N_LINES`. Opens FILE without N_LINES lines from LINE
//! (counted from 1) on, and types them.

use std::{
    error::Error,
    process::{Command, ExitCode},
    time::Duration,
};

use foretell_lab::flashed::n_wrong_chars;
use foretell_session::stats::{draw::rounded, quantile};
use foretell_test_support::editor_sim::{Seen, Typist};
use foretell_test_support::lsp_client::Client;
use serde_json::json;

pub fn run(arguments: &[String]) -> Result<ExitCode, Box<dyn Error>> {
    let [server, file, line, n_lines] = arguments else {
        return Err("usage: sessions typed SERVER FILE LINE N_LINES".into());
    };
    let text = std::fs::read_to_string(file).map_err(|error| format!("{file}: {error}"))?;
    let (from, n_lines): (usize, usize) = (line.parse()?, n_lines.parse()?);
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    if from == 0 || from + n_lines > lines.len() {
        return Err(format!("{file} has no lines {from} to {}", from + n_lines - 1).into());
    }
    let (before, rest) = lines.split_at(from - 1);
    let (typed, after) = rest.split_at(n_lines);
    let marked = format!("{}ˇ\n{}", before.concat(), after.concat());

    let mut client = Client::start(Command::new(server).arg("serve").env("FORETELL_LOG", "error"));
    let encodings = json!({"general": {"positionEncodings": ["utf-8"]}});
    client.initialize(json!({"processId": null, "rootUri": null, "capabilities": encodings,
        "initializationOptions": {"status": true}}));
    let status = client.wait_for(|message| {
        message["method"] == "foretell/status" && message["params"]["state"] != "loading"
    });
    if let Some(message) =
        status.and_then(|status| status["params"]["message"].as_str().map(String::from))
    {
        return Err(message.into());
    }
    println!("{file}, {} lines; typing lines {from} to {}", lines.len(), from + n_lines - 1);
    let mut typist = Typist::open(client, "file:///typed", &marked);
    let (cold_text, cold) = typist.ask_and_see();
    report("(opened)", &cold_text, cold);

    let mut predicted = (0, 0);
    let (mut by_model, mut without) = (Vec::new(), Vec::new());
    let typed = typed.concat();
    let mut to_come = typed.trim_end_matches('\n');
    let mut n_wrong = match &cold_text {
        Seen::Grey(text) => n_wrong_chars(text, 0, to_come),
        _ => 0,
    };
    let mut seen = cold_text;
    for key in to_come.chars() {
        to_come = &to_come[key.len_utf8()..];
        if let Seen::Grey(text) = &seen {
            predicted = (predicted.0 + usize::from(text.starts_with(key)), predicted.1 + 1);
        }
        let kept = matches!(&seen, Seen::Grey(text) if text.starts_with(key) && text.len() > 1);
        typist.type_text(key.encode_utf8(&mut [0; 4]));
        let (now, took) = typist.ask_and_see();
        if kept { &mut without } else { &mut by_model }.push(took);
        report(&format!("{key:?}"), &now, took);
        if let Seen::Grey(text) = &now {
            let rest = match &seen {
                Seen::Grey(before) => before.strip_prefix(key).unwrap_or_default(),
                _ => "",
            };
            let n_seen_bytes = if text.starts_with(rest) { rest.len() } else { 0 };
            n_wrong += n_wrong_chars(text, n_seen_bytes, to_come);
        }
        seen = now;
    }
    println!("\nthe shown text predicted {} of {} keys", predicted.0, predicted.1);
    println!("wrong characters flashed: {n_wrong}");
    println!("time from a request to ghost text:");
    println!("  the first one, in a cold file            {:8.1} ms", ms(cold));
    if let Some(next) = by_model.first() {
        println!("  the next key that needs the model        {:8.1} ms", ms(*next));
    }
    println!(
        "  median of {:3} keys that need the model   {:>8} ms",
        by_model.len(),
        median(&by_model)
    );
    println!(
        "  median of {:3} keys typed through         {:>8} ms",
        without.len(),
        median(&without)
    );
    typist.client.end();
    Ok(ExitCode::SUCCESS)
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn median(times: &[Duration]) -> String {
    let times: Vec<f64> = times.iter().copied().map(ms).collect();
    rounded(quantile(&times, 0.5), 1)
}

fn report(key: &str, seen: &Seen, took: Duration) {
    let shown = match seen {
        Seen::Grey(text) => format!("{text:?}"),
        Seen::Nothing => "-".to_owned(),
        Seen::Superseded => "superseded".to_owned(),
    };
    println!("{key:>8} {:8.1} ms  {shown}", ms(took));
}

//! The real server process with the real model, in a real file. Needs `make model`.

use std::{fs::File, process::Command};

use foretell_test_support::editor_sim::{Seen, Typist};
use foretell_test_support::lsp_client::Client;
use serde_json::{Value, json};

/// Beside those that compute: the main one, the engine's, a worker and four that may block.
const N_OTHER_THREADS: usize = 8;

/// A real file of a few hundred lines, frozen.
const REAL_FILE: &str = include_str!("fixtures/code/bundle.rs");

/// The real file without the lines that begin with `line` and those behind it, `n_lines` in all,
/// the cursor in their place; and these lines.
fn without(line: &str, n_lines: usize) -> (String, String) {
    let start = REAL_FILE.find(line).expect("the file has this line");
    let rest = &REAL_FILE[start..];
    let ends = rest.match_indices('\n').nth(n_lines - 1).expect("and those behind it").0;
    (format!("{}ˇ{}", &REAL_FILE[..start], &rest[ends..]), rest[..ends].to_owned())
}

/// Starts a server that logs to a file, and waits until it has loaded the model.
fn start(log: &File) -> Client {
    start_with(log, &json!({}))
}

fn start_with(log: &File, settings: &Value) -> Client {
    let mut command = Command::new(env!("CARGO_BIN_EXE_foretell"));
    command.env("FORETELL_LOG", "foretell=info").stderr(log.try_clone().unwrap());
    let mut client = Client::start(&mut command);
    client.initialize(json!({
        "processId": null, "rootUri": null,
        "capabilities": {"general": {"positionEncodings": ["utf-8"]}},
        "initializationOptions": {"status": true, "settings": settings},
    }));
    client.wait_until_ready();
    client
}

#[test]
fn two_lines_are_typed_in_a_real_file() {
    let folder = tempfile::tempdir().unwrap();
    let log_path = folder.path().join("log");
    let log = File::create(&log_path).unwrap();
    let (marked, typed) = without("        let manifest_path = path.join(MANIFEST);", 2);
    let mut typist = Typist::open(start(&log), "file:///bundle.rs", &marked);
    let (mut seen, _) = typist.ask_and_see();
    let (mut n_foretold, mut n_shown, mut n_kept) = (0, 0, 0);
    for (i, key) in typed.chars().enumerate() {
        let foretold = match &seen {
            Seen::Grey(text) => text.strip_prefix(key).map(str::to_owned),
            _ => None,
        };
        n_shown += usize::from(matches!(seen, Seen::Grey(_)));
        n_foretold += usize::from(foretold.is_some());
        typist.type_text(&key.to_string());
        if i % 8 == 7 {
            // Two requests at one place: the first is superseded or answered, but never lost.
            let (first, second) = (typist.ask(), typist.ask());
            assert_ne!(typist.see(first), Seen::Nothing);
            seen = typist.see(second);
        } else {
            seen = typist.ask_and_see().0;
        }
        // What was shown and typed into stays: it may grow, and never changes.
        if let Some(rest) = foretold.filter(|rest| !rest.is_empty()) {
            n_kept += 1;
            match &seen {
                Seen::Grey(now) => assert!(now.starts_with(rest.as_str()), "{rest:?} → {now:?}"),
                other => panic!("{rest:?} was shown, then {other:?}"),
            }
        }
    }
    assert!(typist.text.contains(&typed), "the text is what was typed");
    let status = typist.client.end().unwrap();
    assert!(status.success());

    let log = std::fs::read_to_string(log_path).unwrap();
    let n_type_through = log.matches("type_through").count();
    println!("{n_foretold} of {n_shown} keys foretold, {n_type_through} answers without the model");
    assert!(n_type_through >= n_kept, "typing into a suggestion calls no model:\n{log}");
    assert!(n_foretold * 2 > n_shown, "only {n_foretold} of {n_shown} keys were foretold");
    assert!(!log.contains("manifest_path"), "the user's code is not in the log:\n{log}");
}

#[test]
fn an_answer_after_a_cancel_is_the_one_of_a_cold_server() {
    let folder = tempfile::tempdir().unwrap();
    let log = File::create(folder.path().join("log")).unwrap();
    let (marked, _) = without("        let manifest_path = path.join(MANIFEST);", 1);

    // How much of a line is there when it is due is a matter of time: it is due when it is whole.
    let settings = json!({"suggest": {"deadline_ms": 60_000}});
    let start = || start_with(&log, &settings);
    let mut typist = Typist::open(start(), "file:///bundle.rs", &marked);
    let first = typist.ask(); // a file that was never read: the edit comes in its prefill
    typist.type_text("        let text = ");
    let second = typist.ask();
    assert_eq!(typist.see(first), Seen::Superseded);
    let warm = typist.see(second);

    let marked = marked.replace('ˇ', "        let text = ˇ");
    let (cold, _) = Typist::open(start(), "file:///bundle.rs", &marked).ask_and_see();
    assert!(matches!(&cold, Seen::Grey(text) if text.len() > 3), "{cold:?}");
    assert_eq!(warm, cold);
}

/// What a process has taken of the memory for itself, in kilobytes.
#[cfg(target_os = "linux")]
fn own_kb(process_id: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process_id}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("RssAnon:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Bytes of a file from `begin` on that a process has mapped, and those of them that it has for
/// itself.
#[cfg(target_os = "linux")]
fn mapped_from(process_id: u32, name: &str, begin: u64) -> (u64, u64) {
    let smaps = std::fs::read_to_string(format!("/proc/{process_id}/smaps")).unwrap();
    let hex = |text: &str| u64::from_str_radix(text, 16).unwrap();
    let (mut n_mapped, mut n_own_kb, mut is_meant) = (0, 0, false);
    for line in smaps.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        if let Some((start, end)) = words[0].split_once('-') {
            let (n_bytes, offset) = (hex(end) - hex(start), hex(words[2]));
            is_meant = line.ends_with(name) && offset + n_bytes > begin;
            if is_meant {
                n_mapped += n_bytes.min(offset + n_bytes - begin);
            }
        } else if is_meant && words[0] == "Anonymous:" {
            n_own_kb += words[1].parse::<u64>().unwrap();
        }
    }
    (n_mapped, n_own_kb * 1024)
}

#[test]
#[cfg(target_os = "linux")]
fn the_weights_are_mapped_and_no_server_has_them_for_itself() {
    let path = foretell_engine::paths::model_path(foretell_engine::bundle::DEFAULT_MODEL);
    let bundle = foretell_engine::bundle::Bundle::open(&path).expect("run `make model` first");
    assert_eq!(
        bundle.model(),
        path.join("shared.onnx"),
        "`make model` again: it was made elsewhere"
    );
    let (packed, file) = (bundle.manifest.packed_bytes, "model.onnx.data");
    let begin = bundle.manifest.files[file].size - packed;
    let folder = tempfile::tempdir().unwrap();
    let log = File::create(folder.path().join("log")).unwrap();
    let servers = [start(&log), start(&log)];
    for server in &servers {
        let id = server.process_id();
        let (n_mapped, n_own) = mapped_from(id, file, begin);
        println!("{} kB of its own, {} of {packed} bytes mapped", own_kb(id), n_mapped);
        // Each piece begins at a page.
        assert!(n_mapped * 100 > packed * 99 && packed > 100_000_000, "{n_mapped} of {packed}");
        assert_eq!(n_own, 0);
        assert!(own_kb(id) * 1024 < packed, "what is mapped is not there a second time");
        // Threads that compute, and those that read, write and wait.
        let threads = std::fs::read_dir(format!("/proc/{id}/task")).unwrap().count();
        let n_cores = std::thread::available_parallelism().unwrap().get();
        assert!(threads <= n_cores + N_OTHER_THREADS, "{threads} threads on {n_cores} cores");
    }
}

/// `FORETELL_EDITS` is another number; `cancel_storm` does it with a scripted model.
#[test]
#[cfg(target_os = "linux")]
fn after_20_000_edits_the_last_request_is_answered_as_by_a_quiet_server() {
    let n_edits = std::env::var("FORETELL_EDITS").map_or(20_000, |n| n.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let log = File::create(folder.path().join("log")).unwrap();
    let (marked, _) = without("        let manifest_path = path.join(MANIFEST);", 1);
    let mut answers = Vec::new();
    for n_edits in [0, n_edits] {
        let mut typist = Typist::open(start(&log), "file:///bundle.rs", &marked);
        typist.type_text("        let manifest");
        typist.ask_and_see();
        let started = std::time::Instant::now();
        let process_id = typist.client.process_id();
        let (mut running, mut kb) = (std::collections::VecDeque::new(), Vec::new());
        let mut n_typed = 0;
        for i in 0..n_edits {
            // Never the same twice.
            let text = format!("~{i}");
            typist.replace(n_typed, &text);
            n_typed = text.len();
            running.push_back(typist.ask());
            if running.len() > 100 {
                typist.client.answer(running.pop_front().unwrap());
            }
            if i % (n_edits / 5).max(1) == 0 {
                kb.push(own_kb(process_id));
            }
        }
        let storm_s = started.elapsed().as_secs_f64();
        typist.replace(n_typed + "manifest".len(), "text = ");
        let (seen, took) = typist.ask_and_see();
        for id in running {
            typist.client.answer(id);
        }
        kb.push(own_kb(process_id));
        println!(
            "{n_edits} edits in {storm_s:.1} s, then {took:.0?}; its own memory in kB: {kb:?}"
        );
        let (early, late) = (kb[kb.len().min(2) - 1], kb[kb.len() - 1]);
        assert!(late < early + 4_000, "{kb:?}");
        answers.push(seen);
    }
    let [Seen::Grey(quiet), Seen::Grey(last)] = &answers[..] else { panic!("{answers:?}") };
    // What is told of a line depends on how far it was written when it was due.
    assert!(quiet.starts_with(last.as_str()) || last.starts_with(quiet.as_str()), "{answers:?}");
    assert!(quiet.len() > 3 && last.len() > 3, "{answers:?}");
}

#[test]
fn the_server_ends_when_its_client_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let log = File::create(folder.path().join("log")).unwrap();
    let (marked, _) = without("        let manifest_path = path.join(MANIFEST);", 1);
    let mut typist = Typist::open(start(&log), "file:///bundle.rs", &marked);
    typist.ask(); // it is in the middle of a prefill
    let started = std::time::Instant::now();
    assert!(typist.client.hang_up().unwrap().success());
    println!("ended {} ms after the client", started.elapsed().as_millis());
}

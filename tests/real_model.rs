//! The real server process with the real model in a real source file. Needs `make model`.

use std::{fs::File, process::Command};

use foretell_test_support::editor_sim::{Seen, Typist};
use foretell_test_support::lsp_client::Client;
use serde_json::{Value, json};

/// Threads besides the compute threads: main, the engine's, a worker and four that may block.
const N_OTHER_THREADS: usize = 8;

/// A frozen real source file of a few hundred lines.
const REAL_FILE: &str = include_str!("fixtures/code/bundle.rs");

/// Cuts `n_lines` lines from the real file, beginning at `line`. Returns the file with the cursor
/// in their place, and the lines.
fn without(line: &str, n_lines: usize) -> (String, String) {
    let start = REAL_FILE.find(line).expect("the file has this line");
    let rest = &REAL_FILE[start..];
    let ends = rest.match_indices('\n').nth(n_lines - 1).expect("the file has enough lines").0;
    (format!("{}ˇ{}", &REAL_FILE[..start], &rest[ends..]), rest[..ends].to_owned())
}

/// Starts a server that logs to `log`, and waits until the model is loaded.
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
fn typed_lines_are_predicted() {
    let folder = tempfile::tempdir().unwrap();
    let log_path = folder.path().join("log");
    let log = File::create(&log_path).unwrap();
    let (marked, typed) = without("        let manifest_path = path.join(MANIFEST);", 2);
    // Whether the model is sure of a text is another question.
    let client = start_with(&log, &json!({"suggest": {"eagerness": 0}}));
    let mut typist = Typist::open(client, "file:///bundle.rs", &marked);
    let (mut seen, _) = typist.ask_and_see();
    let (mut n_predicted, mut n_shown, mut n_kept) = (0, 0, 0);
    for (i, key) in typed.chars().enumerate() {
        let predicted = match &seen {
            Seen::Grey(text) => text.strip_prefix(key).map(str::to_owned),
            _ => None,
        };
        n_shown += usize::from(matches!(seen, Seen::Grey(_)));
        n_predicted += usize::from(predicted.is_some());
        typist.type_text(&key.to_string());
        if i % 8 == 7 {
            // Two requests at one position: the first is superseded or answered with a suggestion.
            let (first, second) = (typist.ask(), typist.ask());
            assert_ne!(typist.see(first), Seen::Nothing);
            seen = typist.see(second);
        } else {
            seen = typist.ask_and_see().0;
        }
        // Text that the user types into may grow but never changes.
        if let Some(rest) = predicted.filter(|rest| !rest.is_empty()) {
            n_kept += 1;
            match &seen {
                Seen::Grey(now) => assert!(now.starts_with(rest.as_str()), "{rest:?} → {now:?}"),
                other => panic!("{rest:?} was shown, then {other:?}"),
            }
        }
    }
    assert!(typist.text.contains(&typed), "the edits give the typed text");
    let status = typist.client.end().unwrap();
    assert!(status.success());

    let log = std::fs::read_to_string(log_path).unwrap();
    let n_type_through = log.matches("type_through").count();
    println!(
        "{n_predicted} of {n_shown} keys predicted, {n_type_through} answers without the model"
    );
    assert!(n_type_through >= n_kept, "typing through needs no model:\n{log}");
    assert!(n_predicted * 2 > n_shown, "only {n_predicted} of {n_shown} keys were predicted");
    assert!(!log.contains("manifest_path"), "the user's code is in the log:\n{log}");
}

#[test]
fn cancel_gives_the_same_answer_as_a_cold_start() {
    let folder = tempfile::tempdir().unwrap();
    let log = File::create(folder.path().join("log")).unwrap();
    let (marked, _) = without("        let manifest_path = path.join(MANIFEST);", 1);

    // With a short deadline the answer's length depends on timing, so wait for the whole line. The
    // model is not sure of it.
    let settings = json!({"suggest": {"deadline_ms": 60_000, "eagerness": 0}});
    let start = || start_with(&log, &settings);
    let mut typist = Typist::open(start(), "file:///bundle.rs", &marked);
    let first = typist.ask(); // the edit comes during the prefill of the uncached file
    typist.type_text("        let text = ");
    let second = typist.ask();
    assert_eq!(typist.see(first), Seen::Superseded);
    let warm = typist.see(second);

    let marked = marked.replace('ˇ', "        let text = ˇ");
    let (cold, _) = Typist::open(start(), "file:///bundle.rs", &marked).ask_and_see();
    assert!(matches!(&cold, Seen::Grey(text) if text.len() > 3), "{cold:?}");
    assert_eq!(warm, cold);
}

/// The anonymous memory of a process.
#[cfg(target_os = "linux")]
fn anonymous_kb(process_id: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process_id}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("RssAnon:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// The bytes of file `name` from offset `begin` on that a process has mapped, and how many of them
/// are private copies.
#[cfg(target_os = "linux")]
fn mapped_from(process_id: u32, name: &str, begin: u64) -> (u64, u64) {
    let smaps = std::fs::read_to_string(format!("/proc/{process_id}/smaps")).unwrap();
    let hex = |text: &str| u64::from_str_radix(text, 16).unwrap();
    let (mut n_mapped, mut n_anonymous_kb, mut is_wanted) = (0, 0, false);
    for line in smaps.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        if let Some((start, end)) = words[0].split_once('-') {
            let (n_bytes, offset) = (hex(end) - hex(start), hex(words[2]));
            is_wanted = line.ends_with(name) && offset + n_bytes > begin;
            if is_wanted {
                n_mapped += n_bytes.min(offset + n_bytes - begin);
            }
        } else if is_wanted && words[0] == "Anonymous:" {
            n_anonymous_kb += words[1].parse::<u64>().unwrap();
        }
    }
    (n_mapped, n_anonymous_kb * 1024)
}

#[test]
#[cfg(target_os = "linux")]
fn servers_share_the_mapped_weights() {
    let path = foretell_engine::paths::model_path(foretell_engine::bundle::DEFAULT_MODEL);
    let bundle = foretell_engine::bundle::Bundle::open(&path).expect("run `make model` first");
    assert_eq!(
        bundle.model(),
        path.join("shared.onnx"),
        "run `make model` again: the packed weights were not built on this machine"
    );
    let (packed, file) = (bundle.manifest.packed_bytes, "model.onnx.data");
    let begin = bundle.manifest.files[file].size - packed;
    let folder = tempfile::tempdir().unwrap();
    let log = File::create(folder.path().join("log")).unwrap();
    let servers = [start(&log), start(&log)];
    for server in &servers {
        let id = server.process_id();
        let (n_mapped, n_own) = mapped_from(id, file, begin);
        println!("{} kB anonymous, {} of {packed} bytes mapped", anonymous_kb(id), n_mapped);
        // Tensors start at page boundaries, so the padding is not mapped.
        assert!(n_mapped * 100 > packed * 99 && packed > 100_000_000, "{n_mapped} of {packed}");
        assert_eq!(n_own, 0);
        assert!(
            anonymous_kb(id) * 1024 < packed,
            "the mapped weights are also in anonymous memory"
        );
        let threads = std::fs::read_dir(format!("/proc/{id}/task")).unwrap().count();
        let n_cores = std::thread::available_parallelism().unwrap().get();
        assert!(threads <= n_cores + N_OTHER_THREADS, "{threads} threads on {n_cores} cores");
    }
}

/// `FORETELL_EDITS` overrides the number; `cancel_storm` is the same with a scripted model.
#[test]
#[cfg(target_os = "linux")]
fn answer_after_20_000_edits_is_unchanged() {
    let n_edits = std::env::var("FORETELL_EDITS").map_or(20_000, |n| n.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let log = File::create(folder.path().join("log")).unwrap();
    let (marked, _) = without("        let manifest_path = path.join(MANIFEST);", 1);
    let mut answers = Vec::new();
    for n_edits in [0, n_edits] {
        let everything = json!({"suggest": {"eagerness": 0}});
        let server = start_with(&log, &everything);
        let mut typist = Typist::open(server, "file:///bundle.rs", &marked);
        typist.type_text("        let manifest");
        typist.ask_and_see();
        let started = std::time::Instant::now();
        let process_id = typist.client.process_id();
        let (mut running, mut kb) = (std::collections::VecDeque::new(), Vec::new());
        let mut n_typed = 0;
        for i in 0..n_edits {
            // Unique, so that nothing can be reused.
            let text = format!("~{i}");
            typist.replace(n_typed, &text);
            n_typed = text.len();
            running.push_back(typist.ask());
            if running.len() > 100 {
                typist.client.answer(running.pop_front().unwrap());
            }
            // Not after the last answer: the logits of a whole generation take megabytes.
            if i % (n_edits / 5).max(1) == 0 || i == n_edits - 1 {
                kb.push(anonymous_kb(process_id));
            }
        }
        let storm_s = started.elapsed().as_secs_f64();
        typist.replace(n_typed + "manifest".len(), "text = ");
        let (seen, took) = typist.ask_and_see();
        for id in running {
            typist.client.answer(id);
        }
        println!("{n_edits} edits in {storm_s:.1} s, then {took:.0?}; anonymous kB: {kb:?}");
        let grown_kb =
            kb.last().zip(kb.get(1)).map_or(0, |(late, early)| late.saturating_sub(*early));
        assert!(grown_kb < 4_000, "{kb:?}");
        answers.push(seen);
    }
    let [Seen::Grey(quiet), Seen::Grey(last)] = &answers[..] else { panic!("{answers:?}") };
    // How much of the line is answered depends on how much was generated by the deadline.
    assert!(quiet.starts_with(last.as_str()) || last.starts_with(quiet.as_str()), "{answers:?}");
    assert!(quiet.len() > 3 && last.len() > 3, "{answers:?}");
}

#[test]
fn server_exits_when_its_client_hangs_up() {
    let folder = tempfile::tempdir().unwrap();
    let log = File::create(folder.path().join("log")).unwrap();
    let (marked, _) = without("        let manifest_path = path.join(MANIFEST);", 1);
    let mut typist = Typist::open(start(&log), "file:///bundle.rs", &marked);
    typist.ask(); // the prefill is running
    let started = std::time::Instant::now();
    assert!(typist.client.hang_up().unwrap().success());
    println!("ended {} ms after the client", started.elapsed().as_millis());
}

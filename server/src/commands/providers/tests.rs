//! Scripted providers: shell scripts in place of `foretell try-provider`.

use std::{
    fs,
    io::Read,
    path::Path,
    sync::mpsc::{RecvTimeoutError, channel},
    thread,
    time::Instant,
};

use foretell_engine::{selection::Figures, trial::Report};

use super::*;

/// How long a trial may take here; the CPU has twice as long.
const LIMIT: Duration = Duration::from_secs(1);

/// A report of a provider that generates these tokens.
fn report(first_text_ms: f64, tokens: &[u32]) -> String {
    let figures = Figures {
        load_ms: 1.0,
        first_text_ms,
        prefill_tokens_per_s: 100.0,
        decode_tokens_per_s: 20.0,
    };
    let steps = tokens.iter().map(|it| vec![(*it, 9.0), (it + 1, 2.0)]).collect();
    serde_json::to_string(&Report::Ran(Trial { figures, steps })).unwrap()
}

fn script(text: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", text]);
    command
}

fn prints(report: &str) -> String {
    format!("echo '{report}'")
}

fn run(text: &str) -> Result<f64, String> {
    trial_process::run(&mut script(text), LIMIT).map(|it| it.figures.first_text_ms)
}

#[test]
fn fastest_correct_provider_is_found() {
    let available = Provider::ALL
        .map(|provider| Available { provider, device: format!("{} device", provider.name()) });
    let folder = tempfile::tempdir().unwrap();
    let command = |provider: Provider, reference: &[u32]| {
        let text = match provider {
            Provider::Cpu => format!("{}; exec sleep 0.1", prints(&report(800.0, &[1, 2, 3]))),
            Provider::WebGpu => prints(&report(90.0, reference)),
            Provider::Cuda => prints(&report(20.0, &[1, 2, 9])),
            Provider::CoreMl => format!("{}; kill -SEGV $$", prints(&report(10.0, reference))),
            Provider::Mlx => "exec sleep 1000".to_owned(),
        };
        let mut command = script(&text);
        command.current_dir(folder.path());
        command
    };
    let (mut tried, start) = (Vec::new(), Instant::now());
    let mut on_start = |it: &Available| {
        tried.push(it.provider);
        Ok(())
    };
    let outcomes = measure(&available, &command, LIMIT, &mut on_start).unwrap();
    assert!(start.elapsed() < 10 * LIMIT, "{:?}", start.elapsed());
    assert_eq!((tried[0], tried.len()), (Provider::Cpu, Provider::ALL.len()));
    let record = Record { outcomes, ..Record::default() };
    assert_eq!(record.selected().unwrap().provider, "webgpu");
    let lines = table::lines(&table::rows(&record)).join("\n");
    expect_test::expect![[r#"
        provider  device         correct  first text  tokens/s  reason
        cpu       cpu device     yes      0.8 s       20.0      the reference
        coreml    coreml device  -        -           -         crashed (signal: 11 (SIGSEGV))
        cuda      cuda device    no       20 ms       20.0      1 of 3 tokens differ
        mlx       mlx device     -        -           -         no result after 1 s
        webgpu    webgpu device  yes      90 ms       20.0      the same tokens"#]]
    .assert_eq(&lines);
    let summary = table::summary(&record);
    assert!(
        summary.starts_with("webgpu (webgpu device), 90 ms to the first suggestion; cpu: 0.8 s, "),
        "{summary}"
    );
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn nothing_qualifies_without_the_cpus_tokens() {
    let available = [Provider::WebGpu, Provider::Cpu]
        .map(|provider| Available { provider, device: String::new() });
    let mut tried = Vec::new();
    let mut on_start = |it: &Available| {
        tried.push(it.provider);
        Ok(())
    };
    let outcomes = measure(&available, &|_, _| script("exit 3"), LIMIT, &mut on_start).unwrap();
    assert_eq!(tried, [Provider::Cpu]);
    let record = Record { outcomes, ..Record::default() };
    assert_eq!(record.selected(), None);
    assert_eq!(record.why_not(&record.outcomes[0]), Some("crashed (exit status: 3)"));
}

#[test]
fn result_is_found_among_other_output() {
    let report = report(90.0, &[1, 2]);
    let before = "head -c 3000000 /dev/zero; echo";
    let after = "echo bye >&2; echo '{\"ran\": 1}'; echo bye";
    assert_eq!(run(&format!("{before}; echo '{report}'; {after}")), Ok(90.0));
}

#[test]
fn missing_result_has_a_reason() {
    let fails = |text: &str, expected: &str| assert_eq!(run(text), Err(expected.to_owned()));
    fails("echo hello; echo '{\"ran\":'", "ended without a result (exit status: 0)");
    fails("echo oops >&2; echo >&2; kill -ABRT $$", "crashed (signal: 6 (SIGABRT)): oops");
    fails("echo '{\"failed\":\"no device\"}'; exit 1", "no device");
    let nan = report(90.0, &[1]).replace("9.0", "null");
    fails(&prints(&nan), "ended without a result (exit status: 0)");
    let missing = trial_process::run(&mut Command::new("/no/such"), LIMIT).unwrap_err();
    assert!(missing.starts_with("cannot be tried: "), "{missing}");
}

/// A program that hangs or ends is killed with the programs that it started.
#[test]
fn nothing_is_left_behind() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for (rest, expected) in [
        ("wait", Err("no result after 1 s".to_owned())),
        ("trap '' TERM INT; while :; do sleep 1000; done", Err("no result after 1 s".to_owned())),
        (&prints(&report(90.0, &[1])), Ok(90.0)),
    ] {
        let all_ended = when_closed(&pipe);
        // Each program keeps the pipe open.
        let text = format!("exec 3>'{}'; sh -c 'sleep 1000 & wait' & {rest}", pipe.display());
        assert_eq!(run(&text), expected, "{rest}");
        assert_ne!(all_ended.recv_timeout(10 * LIMIT), Err(RecvTimeoutError::Timeout), "{rest}");
    }
}

/// Reports once all programs that write to a pipe have ended.
fn when_closed(pipe: &Path) -> std::sync::mpsc::Receiver<()> {
    let (sender, receiver) = channel();
    let pipe = pipe.to_owned();
    thread::spawn(move || {
        let mut opened = fs::File::open(pipe).unwrap();
        opened.read_to_end(&mut Vec::new()).unwrap();
        sender.send(()).unwrap();
    });
    receiver
}

/// Candidates for a bundle that does not exist, with records in a folder.
fn candidates(folder: &Path, library: &str) -> Candidates {
    let manifest = serde_json::json!({
        "format": 1, "name": "tiny", "licence": "MIT", "architecture": "qwen2", "target": "cpu",
        "quantization": "int8", "n_layers": 1, "n_kv_heads": 1, "head_dim": 1,
        "kv_dtype": "float32", "context_length": 1, "vocab_size": 1, "eos_ids": [], "fim": null,
        "files": {},
    });
    let manifest = serde_json::from_value(manifest).unwrap();
    let available = [Provider::WebGpu, Provider::Cpu]
        .map(|provider| Available { provider, device: String::new() });
    let options = Options {
        library: library.into(),
        context_tokens: 256,
        kv_cache_bytes: 1,
        max_slots: 1,
        provider: Setting::Auto,
        n_threads: 1,
    };
    Candidates {
        bundle: Bundle { path: "/none".into(), manifest },
        versions: Versions::now(&options.library, &available),
        options,
        available: available.to_vec(),
        records: Records::new(folder.join("providers")),
    }
}

#[test]
fn providers_are_measured_again_after_a_change() {
    let folder = tempfile::tempdir().unwrap();
    let before = candidates(folder.path(), "/lib.so.1");
    let command = |provider, reference: &[u32]| {
        script(&match provider {
            Provider::Cpu => prints(&report(800.0, &[1, 2])),
            _ => prints(&report(90.0, reference)),
        })
    };
    assert_eq!(before.why_measure(), Some("the first start with this model".into()));
    let measure = || before.measure_with(&command, LIMIT, &mut |_| Ok(()));
    assert_eq!(measure().unwrap().selected().unwrap().provider, "webgpu");
    assert_eq!(before.why_measure(), None);
    assert!(before.records.remember_failure(&before.bundle, Provider::WebGpu, "lost"));
    assert_eq!(before.why_measure(), None, "a failure is no reason to try it again");
    assert_eq!(before.current().unwrap().selected().unwrap().provider, "cpu");
    let after = candidates(folder.path(), "/lib.so.2");
    assert_eq!(after.why_measure(), Some("a change of the ONNX Runtime library".into()));
    assert_eq!(after.current(), None);
    // Measuring again forgets the failure.
    assert_eq!(measure().unwrap().selected().unwrap().provider, "webgpu");
    // A failure of the CPU leaves the record as it is.
    let fails = before.measure_with(&|_, _| script("exit 3"), LIMIT, &mut |_| Ok(()));
    let error = fails.unwrap_err().to_string();
    assert!(error.ends_with("failed: crashed (exit status: 3)"), "{error}");
    assert_eq!(before.current().unwrap().selected().unwrap().provider, "webgpu");
    let _lock = before.records.lock().unwrap();
    let error = measure().unwrap_err().to_string();
    assert!(error.starts_with("another Foretell process is measuring"), "{error}");
    let mut left: Vec<_> = fs::read_dir(folder.path().join("providers"))
        .unwrap()
        .map(|it| it.unwrap().path().extension().map(|it| it.to_string_lossy().into_owned()))
        .collect();
    left.sort();
    assert_eq!(left, [None, Some("json".into())], "the lock and the record");
}

#[test]
fn trial_gets_its_arguments() {
    let folder = tempfile::tempdir().unwrap();
    let Candidates { bundle, options, .. } = candidates(folder.path(), "/lib.so");
    let arguments = |reference: &[u32], priority| {
        let program = Path::new("foretell");
        let command =
            trial_command(program, &bundle, &options, Provider::WebGpu, reference, priority);
        let arguments = command.get_args().map(|it| it.to_string_lossy().into_owned());
        arguments.collect::<Vec<_>>().join(" ")
    };
    let all = "try-provider --provider webgpu --model /none --library /lib.so --threads 1";
    assert_eq!(arguments(&[], Priority::Normal), all);
    let all = format!("{all} --reference 1,22 --background");
    assert_eq!(arguments(&[1, 22], Priority::Background), all);
}

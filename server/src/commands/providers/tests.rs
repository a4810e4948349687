//! Scripted providers: shell scripts in place of `foretell try-provider`.

use std::{
    fs,
    io::Read,
    path::Path,
    sync::mpsc::{RecvTimeoutError, channel},
    thread,
    time::Instant,
};

use foretell_engine::{
    Engine, FinishReason, Prompt, Request, scripted::Script, selection::Figures, trial::Report,
};
use foretell_policy::Policy;

use super::*;
use crate::commands::serve::measure_once_loaded;

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
    let (device, left_to_cpu) = ("a device".to_owned(), None);
    serde_json::to_string(&Report::Ran(Trial { device, left_to_cpu, figures, steps })).unwrap()
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
    let folder = tempfile::tempdir().unwrap();
    let command = |provider: Provider, reference: &[u32]| {
        let text = match provider {
            Provider::Cpu => format!("{}; exec sleep 0.1", prints(&report(800.0, &[1, 2, 3]))),
            Provider::WebGpu => {
                let part = r#""left_to_cpu":"webgpu leaves a part of model.onnx to the CPU""#;
                prints(&report(90.0, reference).replace(r#""left_to_cpu":null"#, part))
            }
            Provider::Cuda => prints(&report(20.0, &[1, 2, 9])),
            Provider::CoreMl => format!("{}; kill -SEGV $$", prints(&report(10.0, reference))),
            Provider::Mlx => "exec sleep 1000".to_owned(),
        };
        let mut command = script(&text);
        command.current_dir(folder.path());
        command
    };
    let (mut tried, start) = (Vec::new(), Instant::now());
    let mut on_start = |it: Provider| {
        tried.push(it);
        Ok(())
    };
    let outcomes = measure(&Provider::ALL, &command, LIMIT, &mut on_start).unwrap();
    assert!(start.elapsed() < 10 * LIMIT, "{:?}", start.elapsed());
    assert_eq!((tried[0], tried.len()), (Provider::Cpu, Provider::ALL.len()));
    let record = Record { outcomes, ..Record::default() };
    assert_eq!(record.selected().unwrap().provider, "webgpu");
    let lines = table::lines(&table::rows(&record)).join("\n");
    expect_test::expect![[r#"
        provider  device    correct  first text  tokens/s  reason
        cpu       a device  yes      0.8 s       20.0      the reference
        coreml    -         -        -           -         crashed (signal: 11 (SIGSEGV))
        cuda      a device  no       20 ms       20.0      1 of 3 tokens differ
        mlx       -         -        -           -         no result after 1 s
        webgpu    a device  yes      90 ms       20.0      the same tokens; webgpu leaves a part of model.onnx to the CPU"#]]
    .assert_eq(&lines);
    let summary = table::summary(&record);
    assert!(
        summary.starts_with("webgpu (a device), 90 ms to the first suggestion; cpu: 0.8 s, "),
        "{summary}"
    );
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn nothing_qualifies_without_the_cpus_tokens() {
    let providers = [Provider::WebGpu, Provider::Cpu];
    let mut tried = Vec::new();
    let mut on_start = |it: Provider| {
        tried.push(it);
        Ok(())
    };
    let outcomes = measure(&providers, &|_, _| script("exit 3"), LIMIT, &mut on_start).unwrap();
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
    let providers = vec![Provider::WebGpu, Provider::Cpu];
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
        versions: Versions::now(&options.library, &providers),
        options,
        providers,
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

/// As in a server that starts after an update: the model answers while the providers are measured.
/// One of them hangs, and one waits until the model has answered.
#[test]
fn server_measures_in_the_background_while_its_model_answers() {
    let folder = tempfile::tempdir().unwrap();
    let [started, goes_on, leftover] = ["started", "goes-on", "leftover"].map(|name| {
        let pipe = folder.path().join(name);
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        pipe
    });
    let records = candidates(folder.path(), "/lib.so.2");
    let all_ended = when_closed(&leftover);
    // The pipe stays open between the trials.
    let open_pipe = fs::File::options().write(true).open(&leftover).unwrap();
    let names = [&started, &goes_on, &leftover].map(|it| it.display().to_string());
    let (sender, measured) = channel();
    let before = Instant::now();
    let measure = {
        let mut candidates = candidates(folder.path(), "/lib.so.2");
        candidates.providers.push(Provider::Mlx);
        move || {
            let command = |provider, reference: &[u32]| {
                let [started, goes_on, leftover] = &names;
                script(&match provider {
                    Provider::Cpu => format!(
                        "exec 3>{leftover}; echo >{started}; read line <{goes_on}; {}",
                        prints(&report(800.0, &[1, 2]))
                    ),
                    Provider::Mlx => format!("exec 3>{leftover}; sleep 1000 & wait"),
                    _ => format!("exec 3>{leftover}; {}", prints(&report(90.0, reference))),
                })
            };
            let limit = Duration::from_secs(5);
            let result = candidates
                .measure_if_changed(|| candidates.measure_with(&command, limit, &mut |_| Ok(())));
            sender.send(result.map_err(|it| it.to_string())).unwrap();
            Ok(())
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let script = Script::new("let a = 1;\n").unwrap();
    let prompt = Prompt { ids: script.vocabulary().encode("let a"), healed: Vec::new() };
    let engine = Engine::start(move || Ok(script.into_decoder()));
    measure_once_loaded(engine.states(), runtime.handle(), measure);
    // Opening the pipe waits until the first trial runs.
    fs::read(&started).unwrap();
    let mut generation = engine.generate(Request::new(prompt, Policy::none(), 4));
    runtime.block_on(async { while generation.changed().await {} });
    assert_eq!(generation.progress().finish, Some(FinishReason::MaxTokens));
    assert_eq!(records.record(), None, "nothing is selected yet");
    fs::write(&goes_on, "\n").unwrap();
    assert_eq!(measured.recv_timeout(Duration::from_secs(60)), Ok(Ok(())));
    assert!(before.elapsed() < Duration::from_secs(60));
    assert_eq!(records.records.selected(&records.bundle), Some(Provider::WebGpu));
    drop(open_pipe);
    assert_ne!(
        all_ended.recv_timeout(10 * LIMIT),
        Err(RecvTimeoutError::Timeout),
        "a trial is left"
    );
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

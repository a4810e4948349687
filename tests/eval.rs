//! `foretell eval` with the real model: invariants of the measures. Needs `make model`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

fn sets() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("tests/eval")
}

fn eval(settings: &str, arguments: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("foretell/foretell.toml");
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, settings).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_foretell"));
    command.arg("eval").args(arguments).env("XDG_CONFIG_HOME", folder.path()).output().unwrap()
}

/// The JSON report of a successful run.
fn report(output: &Output) -> Value {
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn policy_improves_raw_model_output() {
    let files = ["cases-dev.jsonl", "negatives-dev.jsonl", "replays.jsonl"]
        .map(|name| sets().join(name).to_string_lossy().into_owned());
    let mut arguments = vec!["--quick", "--json", "--ablate", "--cases"];
    arguments.extend(files.iter().map(String::as_str));
    let report = report(&eval("", &arguments));
    println!("{report:#}");
    let measure = |way: &str, name: &str| {
        let value = report[way][name].as_f64().unwrap_or_else(|| panic!("{way}.{name}: {report}"));
        assert!((0.0..=1.0).contains(&value), "{way}.{name} is {value}");
        value
    };
    for way in ["raw", "processed"] {
        let names = ["exact_first_line", "exact", "share_shown", "wrong_show_rate"];
        let [line, exact, shown, wrong] = names.map(|name| measure(way, name));
        assert!(exact <= line, "{way}: an exact text has an exact first line");
        assert!(wrong <= shown, "{way}: only shown texts count as wrong");
        measure(way, "edit_similarity");
    }
    let [processed, raw] = ["processed", "raw"].map(|way| measure(way, "precision_when_shown"));
    assert!(processed >= raw, "{processed} < {raw}");
    assert!(measure("processed", "wrong_show_rate") <= measure("raw", "wrong_show_rate"));

    let n_cases = report["processed"]["cases"].as_u64().unwrap();
    let reasons = report["nothing"].as_object().unwrap();
    let n_nothing: u64 = reasons.values().map(|n| n.as_u64().unwrap()).sum();
    let n_shown = (n_cases as f64 * measure("processed", "share_shown")).round() as u64;
    assert_eq!(n_shown + n_nothing, n_cases, "every empty result has a reason");
    assert!(reasons.get("cancelled").is_none(), "{reasons:?}");
    assert_eq!(report["ablation_differs"], 0, "the policy cuts the whole text the same way");

    let [anchored, plain] = ["processed", "plain"].map(|layout| &report["replays"][layout]);
    assert_eq!(anchored["keys"], plain["keys"]);
    let n_read = |it: &Value| it["tokens_read_per_key_without_first"].as_f64().unwrap();
    assert!(n_read(anchored) < n_read(plain), "the anchor saves prefill: {}", report["replays"]);
}

/// As in HumanEval infilling: the cursor is at the start of the line after the cut.
#[test]
fn line_cut_with_its_line_break_is_restored() {
    let case = |prompt: &str, suffix: &str, solution: &str| json!({"task_id": "t", "prompt": prompt, "suffix": suffix, "canonical_solution": solution});
    let total = "def total(values):\n    result = 0\n    for value in values:\n";
    let largest = "def largest(values):\n    best = values[0]\n    for value in values:\n        if value > best:\n";
    let cases = [
        case(total, "    return result\n", "        result += value\n"),
        case(largest, "    return best\n", "            best = value\n"),
    ];
    let file = tempfile::NamedTempFile::new().unwrap();
    let lines: String = cases.iter().map(|it| format!("{it}\n")).collect();
    fs::write(file.path(), lines).unwrap();
    let report = report(&eval("", &["--json", "--cases", &file.path().to_string_lossy()]));
    assert_eq!(report["processed"]["exact"], 1.0, "{report:#}");
}

/// Each case ends with a text or a reason, and its prompt fits into the model's context.
#[test]
fn strange_texts_end_with_a_reason() {
    let case = |name: &str, prefix: &str, suffix: &str| json!({"path": name, "kind": name, "prefix": prefix, "suffix": suffix, "expected": ""});
    let binary: String = (0..4_000u32).map(|i| char::from((i * 7 % 256) as u8)).collect();
    let minified = "var a=function(b){return b+1};".repeat(170_000);
    let white = " \t\n\u{a0}\u{3000}".repeat(200);
    let long = "    total += values[index] * 3;\n".repeat(12_000);
    let markers = "let end = \"<|im_end|><|endoftext|><|fim_middle|>\";\nlet start = \"<|fim_";
    let cases = [
        case("binary", &format!("\0\u{fffd}{binary}"), "\u{1}\u{fffd}\0"),
        case("minified", &minified, "f(a);"),
        case("white space", &white, " \n\t"),
        case("empty", "", ""),
        case("line ends", "let a = 1;\r\nlet b = 2;\rlet c = 3;\nlet d = ", ";\r\n}\r"),
        case("right to left", "// שלום עולם، مرحبا\nlet שם = \"", "\";\n"),
        case("han", "// 计算两个数的和\nfn 加(甲: i32, 乙: i32) -> i32 {\n    ", "\n}\n"),
        case("markers", markers, "\";\n<|fim_suffix|><|file_sep|>\n"),
        case("emoji", "let family = \"👨‍👩‍👧‍👦🏳️‍🌈é\u{301}", "\";\n"),
        case("long", &long, "}\n"),
    ];
    let folder = tempfile::tempdir().unwrap();
    let (file, texts) = (folder.path().join("strange.jsonl"), folder.path().join("texts.jsonl"));
    fs::write(&file, cases.iter().map(|it| format!("{it}\n")).collect::<String>()).unwrap();
    // The requested window is larger than the model's context.
    let settings = "[model]\ncontext_tokens = 256\n[suggest]\nmax_tokens = 32\n";
    let (file, texts_arg) = (file.to_str().unwrap(), texts.to_str().unwrap());
    let arguments = ["--json", "--before-tokens", "2000", "--texts", texts_arg, "--cases", file];
    let report = report(&eval(settings, &arguments));
    assert_eq!(report["processed"]["cases"], cases.len());

    let rows = fs::read_to_string(&texts).unwrap();
    let rows: Vec<Value> = rows.lines().map(|it| serde_json::from_str(it).unwrap()).collect();
    assert_eq!(rows.len(), cases.len());
    for row in rows {
        let finish = row["finish"].as_str().unwrap_or_else(|| panic!("no reason: {row}"));
        println!("{}: {:?}, {finish}, {} read", row["kind"], row["processed"], row["read"]);
        assert!(!["failed", "cancelled", "context_full"].contains(&finish), "{row}");
        assert!(row["read"].as_u64().unwrap() <= 256 - 32, "{row}");
    }
}

/// Needs no model, because the texts are recorded.
#[test]
fn calibration_of_recorded_texts_lowers_their_error() {
    let row = |i: usize| {
        let is_right = i.is_multiple_of(2);
        let text = if is_right { "load(path)" } else { "load(name)" };
        let last = if is_right { 0.8f64 } else { 0.3 };
        json!({
            "path": "a.py", "language": "python", "kind": "mid_line", "set": "dev",
            "prefix": "x = ", "suffix": "\n", "expected": "load(path)",
            "model": {"model": "m", "quantization": "mixed", "source_sha256": "00"},
            "processed": text, "beside": {}, "finish": "line_end",
            "pieces": [[5, 0.9f64.ln()], [text.len(), last.ln()]],
        })
    };
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let rows: String = (0..80).map(|i| format!("{}\n", row(i))).collect();
    fs::write(path("texts.jsonl"), rows).unwrap();
    let arguments = ["--recorded", &path("texts.jsonl"), "--calibrate", &path("fit.json")];
    let output = eval("", &arguments);
    let printed = String::from_utf8_lossy(&output.stdout);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && printed.contains("isotonic, by kind of place"), "{error}");
    let written: Value = serde_json::from_slice(&fs::read(path("fit.json")).unwrap()).unwrap();
    assert_eq!((&written["quantization"], &written["format"]), (&json!("mixed"), &json!(1)));

    let judged = ["--json", "--recorded", &path("texts.jsonl"), "--calibration", &path("fit.json")];
    let report = report(&eval("", &judged));
    let error = |group: &str| report["reliability"][group]["calibration_error"].as_f64().unwrap();
    assert!(error("all") < error("all, uncalibrated") / 2.0, "{}", report["reliability"]);

    fs::write(path("fit.json"), "{}").unwrap();
    let output = eval("", &judged);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && error.contains("not a calibration"), "{error}");
}

#[test]
fn invalid_case_file_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("wrong.jsonl");
    fs::write(&file, "{\"prefix\": \"a\"}\n").unwrap();
    for (path, said) in [
        (file.to_str().unwrap(), "wrong.jsonl:1: expected one of the fields `expected`"),
        ("/no/such/file", "/no/such/file: No such file"),
    ] {
        let output = eval("", &["--cases", path]);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && error.contains(said), "{error}");
    }
}

#[test]
fn case_sets_match_their_checksums() {
    let sums = fs::read_to_string(sets().join("SHA256SUMS")).unwrap();
    let (mut n_cases, mut n_negatives) = (0, 0);
    for line in sums.lines() {
        let (sum, name) = line.split_once("  ").unwrap();
        let text = fs::read(sets().join(name)).unwrap();
        let is: String = Sha256::digest(&text).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(is, sum, "{name}");
        let n_rows = text.iter().filter(|byte| **byte == b'\n').count();
        match name.split('-').next() {
            Some("cases") => n_cases += n_rows,
            Some("negatives") => n_negatives += n_rows,
            _ => {}
        }
    }
    assert!(n_cases >= 300 && n_negatives >= 60, "{n_cases} cases, {n_negatives} negatives");
}

//! `foretell doctor` and `foretell model`, and the shell completions and manual pages for packages.

use std::{os::unix::process::ExitStatusExt, process::Stdio};

use expect_test::{Expect, expect};
use serde_json::Value;

use crate::command::{check_error, copy_default_bundle, foretell, run};

/// A data folder with the real runtime library and no model.
fn empty_data_folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let library = foretell_engine::paths::data_folder().join("lib");
    std::os::unix::fs::symlink(library, folder.path().join("lib")).unwrap();
    folder
}

#[test]
fn doctor_reports_rates_and_editors() {
    let home = tempfile::tempdir().unwrap();
    let helix = home.path().join("bin/hx");
    std::fs::create_dir_all(helix.parent().unwrap()).unwrap();
    std::os::unix::fs::symlink("/bin/sh", &helix).unwrap();
    let settings = home.path().join("helix/languages.toml");
    std::fs::create_dir_all(settings.parent().unwrap()).unwrap();
    let doctor = |arguments: &[&str]| {
        let mut command = foretell(&[&["doctor"], arguments].concat());
        command.env("XDG_CONFIG_HOME", home.path()).env("PATH", helix.parent().unwrap());
        run(&mut command)
    };
    let (output, out, _) = doctor(&["--retry-providers"]);
    assert!(output.status.success(), "{out}");
    for part in [
        "✓ library   ",
        "✓ provider  cpu, ",
        "            nothing to measure: there is no choice\n",
        "✓ model     qwen2.5-coder-0.5b",
        "✓ licence   Apache-2.0 (model): free for any use",
        "✓ eagerness shows what saves keystrokes on average, with a calibrated probability of at least 10 %\n",
        "            calibration measured for qwen2.5-coder-0.5b, ",
        "✓ speed     prefill ",
        " latency   about ",
        "! command   `foretell` is not in PATH",
        "! editor    Helix: not set up\n            → see ",
    ] {
        assert!(out.contains(part), "{part} in:\n{out}");
    }
    std::fs::write(&settings, "[language-server.foretell]\n").unwrap();
    let (output, out, _) = doctor(&["--json"]);
    assert!(output.status.success(), "{out}");
    let json: Value = serde_json::from_str(&out).unwrap();
    // Whether there is advice depends on the machine.
    let advice = &json["advice"];
    assert!(json["ok"] == true && (advice.is_null() || advice.is_object()), "{json}");
    for rate in ["load_ms", "prefill_tokens_per_s", "decode_tokens_per_s"] {
        assert!(json["rates"][rate].as_f64().unwrap() > 0.0, "{rate} in {json}");
    }
    let line_ms = 1e4 / json["rates"]["decode_tokens_per_s"].as_f64().unwrap();
    assert!((json["latency"]["line_ms"].as_f64().unwrap() - line_ms).abs() < 0.01, "{json}");
    let editor = serde_json::json!({
        "name": "Helix", "program": helix, "set_up_in": settings, "page": "editors/helix/README.md",
    });
    assert_eq!(json["editors"], serde_json::json!([editor]));
}

#[test]
fn trial_prints_one_line_and_ends_with_its_parent() {
    let mut command = foretell(&["try-provider", "--provider", "cpu"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let parent = child.stdin.take();
    let output = child.wait_with_output().unwrap();
    drop(parent);
    assert!(output.status.success());
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["ran"]["steps"].as_array().unwrap().len(), 32, "{report}");
    assert!(report["ran"]["first_text_ms"].as_f64().unwrap() > 0.0, "{report}");
    let mut command = foretell(&["try-provider", "--provider", "cuda"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let parent = child.stdin.take();
    let output = child.wait_with_output().unwrap();
    drop(parent);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(!output.status.success() && report["failed"].is_string(), "{report}");
    let mut command = foretell(&["try-provider", "--provider", "cpu"]);
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert_eq!((output.status.signal(), &*output.stdout), (Some(9), &b""[..]));
}

#[test]
fn doctor_reports_the_calibration() {
    let (bundle, home) = (copy_default_bundle(), tempfile::tempdir().unwrap());
    let doctor = || {
        let path = bundle.path().to_str().unwrap();
        let mut command = foretell(&["doctor", "--quick", "--json", "--model", path]);
        let (output, out, _) = run(command.env("XDG_CONFIG_HOME", home.path()));
        assert!(output.status.success(), "{out}");
        let json: Value = serde_json::from_str(&out).unwrap();
        let is_it = |check: &&Value| check["name"] == "eagerness";
        let check = json["checks"].as_array().unwrap().iter().find(is_it).unwrap();
        let of = |key: &str| check[key].as_str().unwrap_or_default().to_owned();
        (json["calibration"].clone(), of("mark"), of("text"))
    };
    let (calibration, mark, _) = doctor();
    assert_eq!((&calibration["model"], &*mark), (&"qwen2.5-coder-0.5b".into(), "good"));
    let file = bundle.path().join("calibration.json");
    let text = std::fs::read_to_string(&file).unwrap();
    let sha256 = calibration["source_sha256"].as_str().unwrap();
    std::fs::remove_file(&file).unwrap();
    std::fs::write(&file, text.replace(sha256, "00ff")).unwrap();
    let (calibration, mark, text) = doctor();
    assert_eq!((calibration, &*mark), (Value::Null, "attention"));
    assert!(text.contains("made for another model: source_sha256 is \"00ff\""), "{text}");
    std::fs::remove_file(&file).unwrap();
    let (calibration, mark, text) = doctor();
    assert_eq!((calibration, &*mark), (Value::Null, "attention"));
    assert!(text.contains("no calibration was measured for this model"), "{text}");
    let settings = home.path().join("foretell/foretell.toml");
    std::fs::create_dir_all(settings.parent().unwrap()).unwrap();
    std::fs::write(settings, "[suggest]\neagerness = 0\n").unwrap();
    let (_, mark, text) = doctor();
    assert_eq!((&*mark, &*text), ("good", "all suggestions are shown"));
}

#[test]
fn quick_doctor_does_not_load_the_model() {
    let (output, out, _) = run(&mut foretell(&["doctor", "--quick", "--json"]));
    assert!(output.status.success(), "{out}");
    let json: Value = serde_json::from_str(&out).unwrap();
    let checks = json["checks"].as_array().unwrap();
    let mark = |name: &str| {
        checks.iter().find(|it| it["name"] == name).and_then(|it| it["mark"].as_str()).unwrap()
    };
    let marks = ["library", "model", "speed"].map(mark);
    assert_eq!(marks, ["good", "good", "skipped"]);
    assert_eq!((&json["rates"], &json["advice"]), (&Value::Null, &Value::Null));
}

#[test]
fn doctor_reports_what_is_missing() {
    let home = tempfile::tempdir().unwrap();
    let doctor = |arguments: &[&str]| {
        let mut command = foretell(&[&["doctor"], arguments].concat());
        let (output, out, err) =
            run(command.env("XDG_CONFIG_HOME", home.path()).env("PATH", home.path()));
        assert_eq!((err.as_str(), output.status.code()), ("", Some(1)), "{out}");
        out
    };
    let out = doctor(&["--model", "none/such"]);
    let here = std::env::current_dir().unwrap().join("none/such");
    let missing = format!("✗ model     no model at {}: run `foretell setup`", here.display());
    assert!(out.contains(&missing), "{out}");
    assert!(out.contains("- speed     not measured: no model"), "{out}");
    assert!(out.contains("! editors   no supported editor is in PATH"), "{out}");
    let out = doctor(&["--library", "none/such"]);
    assert!(
        out.contains("✗ library   the ONNX Runtime library was not found; run `foretell"),
        "{out}"
    );
    assert!(out.contains("- speed     not measured: no library"), "{out}");
    let settings = home.path().join("foretell/foretell.toml");
    std::fs::create_dir_all(settings.parent().unwrap()).unwrap();
    std::fs::write(settings, "[suggest]\nmax_line = 4\n").unwrap();
    let json: Value = serde_json::from_str(&doctor(&["--json", "--model", "none/such"])).unwrap();
    assert_eq!((&json["ok"], &json["rates"]), (&false.into(), &Value::Null), "{json}");
    let bad = |name: &str| {
        let checks = json["checks"].as_array().unwrap();
        checks.iter().any(|it| it["name"] == name && it["mark"] == "bad")
    };
    assert!(bad("settings") && bad("model") && !bad("library"), "{json}");
}

#[test]
fn model_use_keeps_comments_in_settings() {
    let (home, bundle) = (tempfile::tempdir().unwrap(), copy_default_bundle());
    let data = empty_data_folder();
    let model = |arguments: &[&str]| {
        let mut command = foretell(&[&["model"], arguments].concat());
        run(command.env("FORETELL_HOME", data.path()).env("XDG_CONFIG_HOME", home.path()))
    };
    let (output, out, _) = model(&["list"]);
    assert!(output.status.success() && out.contains("* qwen2.5-coder-0.5b "), "{out}");
    assert!(out.contains("No models in "), "{out}");
    // A settings file is often a link into a folder of dotfiles.
    let dotfile = home.path().join("dotfile");
    std::fs::write(&dotfile, "# mine\n[model]\nname = 'other' # for now\nthreads = 2\n").unwrap();
    let file = home.path().join("foretell/foretell.toml");
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::os::unix::fs::symlink(&dotfile, &file).unwrap();
    let models = data.path().join("models");
    std::fs::create_dir_all(&models).unwrap();
    std::os::unix::fs::symlink(bundle.path(), models.join("mine")).unwrap();
    let (output, out, err) = model(&["use", "mine"]);
    assert!(output.status.success() && out.contains("Apache-2.0"), "{out}{err}");
    assert_eq!(
        std::fs::read_to_string(&dotfile).unwrap(),
        "# mine\n[model]\nname = \"mine\" # for now\nthreads = 2\n"
    );
    assert!(file.is_symlink());
    let (_, out, _) = model(&["list", "--json"]);
    let json: Value = serde_json::from_str(&out).unwrap();
    let of = |name: &str| {
        json["models"].as_array().unwrap().iter().find(|it| it["name"] == name).unwrap().clone()
    };
    assert_eq!((&of("mine")["is_used"], &of("mine")["is_here"]), (&true.into(), &true.into()));
    assert_eq!(of("qwen2.5-coder-1.5b")["bytes"], 1_117_320_768);
    let verified = data.path().join("verified");
    std::fs::create_dir(&verified).unwrap();
    std::fs::write(verified.join("of-a-removed-model"), "/no/such/model\n").unwrap();
    let (output, out, _) = model(&["remove", "mine"]);
    assert!(output.status.success() && out.contains("Your settings still name it"), "{out}");
    assert!(!models.join("mine").is_symlink() && bundle.path().join("foretell.json").exists());
    assert_eq!(std::fs::read_dir(&models).unwrap().count(), 0);
    for folder in ["locks", "verified"] {
        assert_eq!(std::fs::read_dir(data.path().join(folder)).unwrap().count(), 0, "{folder}");
    }
    // The remains of a killed run.
    for left in [".partial-mine~removed/data", ".old-mine/data", ".partial-mine-too~x/data"] {
        std::fs::create_dir_all(models.join(left)).unwrap();
    }
    let (output, out, err) = model(&["remove", "mine"]);
    assert!(output.status.success(), "{out}{err}");
    let left: Vec<_> =
        std::fs::read_dir(&models).unwrap().map(|it| it.unwrap().file_name()).collect();
    assert_eq!(left, [".partial-mine-too~x"], "another model's files stay");
    assert_eq!(model(&["remove", "mine"]).0.status.code(), Some(1));
}

#[test]
fn unknown_model_error_says_what_to_do() {
    let data = empty_data_folder();
    let other = tempfile::tempdir().unwrap();
    let fails = |arguments: &[&str], expected: Expect| {
        let mut command = foretell(&[&["model"], arguments].concat());
        command.env("FORETELL_HOME", data.path()).env("XDG_CONFIG_HOME", other.path());
        check_error(&mut command, 1, data.path(), &expected);
    };
    fails(
        &["use", "qwen2.5-coder-1.5b"],
        expect![[r#"
            foretell: the model qwen2.5-coder-1.5b is not installed; `foretell model add qwen2.5-coder-1.5b` fetches it
        "#]],
    );
    fails(
        &["use", "no-such"],
        expect![[r#"
            foretell: there is no model "no-such": `foretell model list` shows all models
        "#]],
    );
    fails(
        &["remove", "../lib"],
        expect![[r#"
            foretell: "../lib" is not a model name; `foretell model list` shows the installed models
        "#]],
    );
    fails(
        &["remove", "no-such"],
        expect![[r#"
            foretell: there is no model "no-such" in DIR; `foretell model list` shows the installed models
        "#]],
    );
    assert_eq!(std::fs::read_dir(other.path()).unwrap().count(), 0);
}

#[test]
fn completions_and_man_pages_are_generated() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let (output, out, err) = run(&mut foretell(&["completions", shell]));
        assert!(output.status.success() && out.contains("doctor"), "{shell}: {err}");
        assert!(out.contains("json"), "{shell}");
        // The generators for Elvish and PowerShell complete no values.
        let has_values = !["elvish", "powershell"].contains(&shell);
        assert_eq!(out.contains("qwen2.5-coder-1.5b"), has_values, "{shell}");
    }
    let folder = tempfile::tempdir().unwrap();
    let (output, _, err) = run(&mut foretell(&["man", &folder.path().to_string_lossy()]));
    assert!(output.status.success(), "{err}");
    let page = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    assert!(page("foretell.1").contains("foretell\\-doctor(1)"), "{}", page("foretell.1"));
    let steps = page("foretell.1");
    let (_, steps) = steps.split_once("First steps").unwrap();
    assert!(steps.matches("\n\n").count() >= 4, "a blank line ends each step: {steps}");
    assert!(
        page("foretell-model-use.1").contains("model.name"),
        "{}",
        page("foretell-model-use.1")
    );
}

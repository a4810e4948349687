use expect_test::{Expect, expect};
use serde_json::json;

use super::*;
use crate::Trigger;

fn messages(layers: &[Layer]) -> String {
    merge(layers).1.iter().map(|it| format!("{it}\n")).collect()
}

#[track_caller]
fn check(values: Value, expected: &Expect) {
    expected.assert_eq(&messages(&[Layer::new("client", values)]));
}

#[test]
fn later_layers_override_earlier_ones() {
    let (config, invalid) = merge(&[
        Layer::new("file", json!({"suggest": {"max_lines": 4, "trigger": "manual"}})),
        Layer::new("client", json!({"suggest": {"max_lines": 8}, "model": {"threads": 3}})),
    ]);
    assert_eq!(invalid, []);
    assert_eq!(config.suggest.max_lines, 8);
    assert_eq!(config.suggest.trigger, Trigger::Manual);
    assert_eq!(config.model.n_threads(), 3);
    assert_eq!(merge(&[]).0, Config::default());
}

#[test]
fn invalid_setting_is_reported() {
    let values = json!({"suggest": {"max_lines": "many", "max_tokens": 64, "delay_ms": -1}});
    let (config, _) = merge(&[Layer::new("client", values.clone())]);
    assert_eq!(config.suggest.max_tokens, 64);
    assert_eq!(config.suggest.max_lines, Config::default().suggest.max_lines);
    check(
        values,
        &expect![[r#"
            client: "suggest.delay_ms" is -1; the minimum is 0
            client: "suggest.max_lines" is "many"; expected a whole number
        "#]],
    );
}

#[test]
fn unknown_setting_gets_a_hint() {
    check(
        json!({"suggest": {"dealy_ms": 40}, "sugest": {"delay_ms": 40}, "ghost": 1, "models": 1}),
        &expect![[r#"
            client: "ghost" is not a setting
            client: "models" is not a setting
            client: "sugest" is not a setting
            client: "suggest.dealy_ms" is not a setting; did you mean "suggest.delay_ms"?
        "#]],
    );
}

#[test]
fn out_of_range_values_are_reported() {
    check(
        json!({"model": {"context_tokens": 10, "provider": "tpu"}, "suggest": {"candidates": 99}}),
        &expect![[r#"
            client: "model.context_tokens" is 10; the minimum is 256
            client: "model.provider" is "tpu": "tpu" is no provider; there are auto, cpu, webgpu, cuda, coreml and mlx
            client: "suggest.candidates" is 99; the maximum is 8
        "#]],
    );
}

#[test]
fn keys_may_be_written_with_dots() {
    let (config, invalid) = merge(&[Layer::new("client", json!({"suggest.max_lines": 3}))]);
    assert_eq!((config.suggest.max_lines, invalid), (3, vec![]));
}

#[test]
fn languages_map_is_one_setting() {
    let values = json!({"suggest": {"languages": {"markdown": false}}});
    let (config, invalid) = merge(&[Layer::new("client", values)]);
    assert_eq!(invalid, []);
    assert!(!config.suggest.language_is_on("markdown"));
    assert!(config.suggest.language_is_on("rust"));
}

#[test]
fn empty_list_counts_as_empty_group() {
    check(json!([]), &expect![""]);
    check(json!({"suggest": []}), &expect![""]);
    let messages = messages(&[Layer::new("client", json!({"suggest": [1]}))]);
    assert!(messages.contains("suggest"), "{messages}");
}

#[test]
fn star_matches_other_languages() {
    let values = json!({"suggest": {"languages": {"*": false, "rust": true}}});
    let (config, _) = merge(&[Layer::new("client", values)]);
    assert!(!config.suggest.language_is_on("markdown"));
    assert!(config.suggest.language_is_on("rust"));
}

#[test]
fn workspace_cannot_choose_the_library() {
    let folder = tempfile::tempdir().unwrap();
    let text = "[model]\nlibrary = \"evil.so\"\nlookup = false\n[workspace]\ntrusted = [\"/\"]\n";
    std::fs::write(folder.path().join(FILE_NAME), text).unwrap();
    let layer = Layer::of_workspace(folder.path()).unwrap().unwrap();
    let (config, invalid) = merge(&[layer]);
    assert_eq!(config.model.library, None);
    assert!(config.workspace.trusted.is_empty());
    assert!(!config.model.lookup);
    assert_eq!(invalid.len(), 2, "{invalid:?}");
}

#[test]
fn workspace_cannot_weaken_the_users_settings() {
    let folder = tempfile::tempdir().unwrap();
    let merge = |text: &str| {
        std::fs::write(folder.path().join(FILE_NAME), text).unwrap();
        merge(&[Layer::of_workspace(folder.path()).unwrap().unwrap()])
    };
    for path in ["/w/evil", "../evil", "..", "a/b", "a\\\\b", "c:evil"] {
        let (config, invalid) = merge(&format!("[model]\nname = \"{path}\"\n"));
        assert_eq!((config, invalid.len()), (Config::default(), 1), "{path}");
    }
    let (config, invalid) =
        merge("model.name = \"smollm2-135m\"\nsuggest.exclude = [\"**/*.gen.rs\"]\n");
    assert_eq!((config.model.name.as_str(), invalid), ("smollm2-135m", vec![]));
    let exclude = [&Config::default().suggest.exclude[..], &["**/*.gen.rs".to_owned()]].concat();
    assert_eq!(config.suggest.exclude, exclude);
}

/// Opening a pipe blocks until it has a writer; a link may lead to a file with secrets.
#[test]
#[cfg(unix)]
fn workspace_file_must_be_a_regular_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE_NAME);
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    let error = Layer::of_workspace(folder.path()).unwrap_err().to_string();
    assert!(error.contains("foretell.toml: not a file"), "{error}");
    std::fs::remove_file(&path).unwrap();
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "model.lookup = false\n").unwrap();
    std::os::unix::fs::symlink(&secret, &path).unwrap();
    let error = Layer::of_workspace(folder.path()).unwrap_err().to_string();
    assert!(error.contains("foretell.toml: a symbolic link"), "{error}");
    assert!(Layer::of_file(&path).unwrap().is_some(), "the user's own file may be a link");
}

#[test]
fn dotted_keys_obey_workspace_limits() {
    let folder = tempfile::tempdir().unwrap();
    let text = "\"model.library\" = \"evil.so\"\n\"workspace.trusted\" = [\"/\"]\n";
    std::fs::write(folder.path().join(FILE_NAME), text).unwrap();
    let (config, invalid) = merge(&[Layer::of_workspace(folder.path()).unwrap().unwrap()]);
    assert_eq!(config, Config::default());
    assert_eq!(invalid.len(), 2, "{invalid:?}");
}

#[test]
fn toml_error_names_the_line() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(FILE_NAME), "[suggest]\nmax_lines = \n").unwrap();
    let error = Layer::of_workspace(folder.path()).unwrap_err().to_string();
    assert!(error.contains("foretell.toml:2: "), "{error}");
    // The message does not quote the line, since the file may be a secret under this name.
    let text = "[default]\naws_secret_access_key wJalrXUtnFEMI\n";
    std::fs::write(folder.path().join(FILE_NAME), text).unwrap();
    let error = Layer::of_workspace(folder.path()).unwrap_err().to_string();
    assert!(error.contains("foretell.toml:2: ") && !error.contains("wJalr"), "{error}");
    assert!(Layer::of_workspace(&folder.path().join("absent")).unwrap().is_none());
}

#[test]
fn every_setting_is_documented() {
    let keys = settings();
    assert!(!keys.is_empty());
    for key in keys {
        let description = schema_of(&key).unwrap().get("description").and_then(Value::as_str);
        assert!(description.is_some_and(|it| it.len() > 10), "{key} has no documentation");
    }
}

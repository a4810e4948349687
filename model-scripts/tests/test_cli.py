"""The command line: exit codes, messages, and killed runs."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import gguf
import pytest
import toy

from foretell_models import bundle, cli, files, runtime_library
from foretell_models.errors import NoSpace


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("FORETELL_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def source(tmp_path):
    w = toy.weights(toy.config("qwen2"))
    return toy.write_gguf(tmp_path / "toy.gguf", w, gguf.GGMLQuantizationType.Q8_0)


@pytest.fixture
def catalogue(tmp_path, source):
    path = tmp_path / "catalogue.toml"
    path.write_text(
        '[models.toy]\ntitle = "Toy"\nlicence = "MIT"\narchitecture = "qwen2"\n'
        f'[[models.toy.sources]]\nkind = "url"\nurl = "{source.as_uri()}"\nfile = "toy.gguf"\n'
        f'size = {source.stat().st_size}\nsha256 = "{files.sha256_of(source)}"\n'
    )
    return path


def run(*arguments):
    return cli.main([str(argument) for argument in arguments])


def manifest(folder):
    return json.loads((folder / "foretell.json").read_text())


def test_second_add_does_nothing(home, catalogue, capsys):
    assert run("add", "toy", "--catalogue", catalogue) == 0
    folder = home / "models" / "toy"
    made = manifest(folder)
    assert made["title"] == "Toy" and made["licence"] == "MIT"
    assert not (home / "sources" / "toy").exists()
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert run("add", "toy", "--catalogue", catalogue) == 0
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == before
    error = capsys.readouterr().err
    assert (
        "toy is up to date" in error and "peak memory" in error and "verified: completed" in error
    )
    library = {path.name for path in (home / "lib").iterdir()}
    assert any("onnxruntime" in name for name in library)


def test_add_works_without_privileges(home, catalogue):
    command = [sys.executable, "-m", "foretell_models", "add", "toy", "--catalogue", catalogue]
    if os.geteuid() == 0:
        command = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", *command]
    subprocess.run(command, check=True)
    assert (home / "models" / "toy" / "model.onnx.data").stat().st_mode & 0o777 == 0o444
    subprocess.run([*command, "--quantization", "fp32"], check=True)
    assert manifest(home / "models" / "toy")["quantization"] == "fp32"


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps user data private")
def test_data_folder_is_private_unless_shared(home, catalogue):
    def modes():
        found = {path: path.stat().st_mode & 0o777 for path in (home, *home.rglob("*"))}
        return {mode for path, mode in found.items() if path.is_dir()}

    before = os.umask(0o022)
    try:
        assert run("add", "toy", "--catalogue", catalogue, "--keep-source") == 0
        assert modes() == {0o700}
        home.chmod(0o755)
        (home / "models").chmod(0o755)
        assert run("add", "toy", "--catalogue", catalogue, "--force") == 0
        assert home.stat().st_mode & 0o777 == (home / "models").stat().st_mode & 0o777 == 0o755
        out = home.parent / "elsewhere" / "toy"
        assert run("import", home / "sources/toy/toy.gguf", "--out", out) == 0
        assert out.stat().st_mode & 0o777 == out.parent.stat().st_mode & 0o777 == 0o755
    finally:
        os.umask(before)


def test_unfinished_work_of_other_models_is_kept(home, catalogue):
    with files.new_folder(home / "models" / "toy-base") as others:
        assert run("add", "toy", "--catalogue", catalogue) == 0
        assert others.is_dir()


def test_add_rebuilds_outdated_bundle(home, catalogue):
    folder = home / "models" / "toy"
    assert run("add", "toy", "--catalogue", catalogue) == 0
    assert run("add", "toy", "--catalogue", catalogue, "--quantization", "fp32") == 0
    assert manifest(folder)["quantization"] == "fp32"
    data = folder / "model.onnx.data"
    assert data.stat().st_mode & 0o777 == 0o444
    data.unlink()
    data.write_bytes(b"")
    assert run("add", "toy", "--catalogue", catalogue) == 0
    bundle.check_sizes(folder, bundle.read_manifest(folder))
    (folder / "foretell.json").write_text(json.dumps(manifest(folder) | {"importer": 0}))
    assert run("add", "toy", "--catalogue", catalogue, "--keep-source") == 0
    assert manifest(folder)["importer"] == bundle.IMPORTER
    assert (home / "sources" / "toy" / "toy.gguf").is_file()


def test_target_defaults_to_installed_library(home, catalogue, monkeypatch):
    monkeypatch.setattr(runtime_library, "target", lambda: "cuda")
    assert run("add", "toy", "--catalogue", catalogue) == 0
    assert manifest(home / "models" / "toy")["target"] == "cuda"
    assert run("add", "toy", "--catalogue", catalogue, "--target", "cpu") == 0
    assert manifest(home / "models" / "toy")["target"] == "cpu"


def test_second_add_imports_no_heavy_module(home, catalogue):
    assert run("add", "toy", "--catalogue", catalogue) == 0
    command = [sys.executable, "-X", "importtime", "-m", "foretell_models", "add", "toy"]
    result = subprocess.run(
        [*command, "--catalogue", str(catalogue)], capture_output=True, text=True, check=True
    )
    for heavy in ("numpy", "onnx", "onnxruntime", "gguf", "tokenizers"):
        assert f" {heavy}\n" not in result.stderr


def test_verify_list_path_and_remove(home, catalogue, capsys):
    run("add", "toy", "--catalogue", catalogue)
    capsys.readouterr()
    assert run("verify", "toy") == 0
    output = capsys.readouterr().out
    assert "toy: Toy, mixed, cpu\ncompletion: '" in output and "tokens/s" in output
    assert run("list") == 0
    assert capsys.readouterr().out.startswith("toy\tToy\tMIT\tmixed")
    assert run("path", "toy") == 0
    assert Path(capsys.readouterr().out.strip()) == home / "models" / "toy"
    assert run("remove", "toy") == 0
    assert run("list") == 0
    assert "toy\t" not in capsys.readouterr().out
    assert run("remove", "toy") == 2
    assert "there is no model 'toy'" in capsys.readouterr().err


def test_damaged_bundle_is_listed_as_damaged(home, catalogue, capsys):
    run("add", "toy", "--catalogue", catalogue)
    (home / "models" / "toy" / "tokenizer.json").unlink()
    (home / "models" / "a\x1b[2J").mkdir()
    run("list")
    seen = capsys.readouterr().out
    assert "toy\tdamaged: " in seen and "a\u241b[2J\tdamaged: " in seen and "\x1b" not in seen
    assert run("verify", "toy") == 8


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("add", "nothing"), 2, "known: qwen2.5-coder-0.5b"),
        (("remove", "../x"), 2, "not a model name"),
        (("verify", "/nowhere"), 2, "not a model name"),
        (("import", "/nowhere.gguf", "--out", "{tmp}/out"), 2, "does not exist"),
        (("import", "{source}", "--out", "{tmp}"), 2, "is not a bundle"),
        (
            ("import", "{source}", "--out", "{tmp}/out", "--quantization", "int3"),
            2,
            "known: fp32, fp16, lossless, int8",
        ),
        (("import", "{tmp}/zero", "--out", "{tmp}/out"), 3, "too short"),
        (("verify", "{tmp}"), 8, "is not a bundle"),
        (("import", "{tmp}/\x1b[2J\u202e", "--out", "{tmp}/out"), 2, "\u241b[2J\ufffd"),
        (
            ("import", "{source}", "--out", "{tmp}/out", "--title", "\x1b[2J"),
            2,
            "control or invisible",
        ),
    ],
    ids=str,
)
def test_exit_codes_and_messages(home, source, tmp_path, capsys, arguments, code, message):
    (tmp_path / "zero").write_bytes(b"")
    filled = [text.format(tmp=tmp_path, source=source) for text in arguments]
    assert run(*filled) == code
    error = capsys.readouterr().err
    assert message in error and error.startswith("error: ") and "Traceback" not in error
    assert "\x1b" not in error
    assert not (tmp_path / "out").exists()


def test_usage_error_escapes_control_characters(capsys):
    with pytest.raises(SystemExit):
        run("list", "\x1b[2J")
    assert "unrecognized arguments: \u241b[2J" in capsys.readouterr().err


def test_model_without_fim_tokens_warns(tmp_path, capsys):
    w = toy.weights(toy.config("llama"))
    source = toy.write_gguf(tmp_path / "toy.gguf", w, with_fim=False)
    assert run("import", source, "--out", tmp_path / "out") == 0
    assert "warning: out has no fill-in-the-middle tokens" in capsys.readouterr().err
    assert manifest(tmp_path / "out")["fim"] is None
    assert run("verify", tmp_path / "out") == 0


def test_fim_tokens_are_recorded(source, tmp_path):
    assert run("import", source, "--out", tmp_path / "out", "--licence", "Apache-2.0") == 0
    made = manifest(tmp_path / "out")
    assert made["fim"]["family"] == "qwen2.5-coder"
    assert made["fim"]["order"] == "prefix_suffix_middle"
    assert {made["fim"][part] for part in ("prefix", "suffix", "middle")} < set(made["eos_ids"])


@pytest.mark.parametrize(
    ("file", "metadata"),
    [
        ("Granite-4.0.gguf", {}),
        ("model.gguf", {"general.name": "Granite 4.0 Nano"}),
        ("granite", {}),
    ],
)
def test_any_model_name_identifies_family(tmp_path, file, metadata):
    """The name that the user chooses need not mention the family."""
    w, source = toy.weights(toy.config("qwen2")), tmp_path / file
    if source.suffix:
        toy.write_gguf(source, w, metadata=metadata)
    else:
        toy.write_folder(source, w)
    assert run("import", source, "--out", tmp_path / "out", "--name", "m") == 0
    assert manifest(tmp_path / "out")["fim"]["family"] == "granite"


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("tokenizer.ggml.model", "llama", "tokenizer model 'llama' is not supported"),
        ("tokenizer.ggml.pre", "viking", "pre-tokenizer 'viking' is not supported; known:"),
    ],
)
def test_unknown_tokenizer_is_rejected(tmp_path, capsys, key, value, message, monkeypatch):
    adders = {
        "tokenizer.ggml.model": "add_tokenizer_model",
        "tokenizer.ggml.pre": "add_tokenizer_pre",
    }
    true = getattr(gguf.GGUFWriter, adders[key])
    monkeypatch.setattr(gguf.GGUFWriter, adders[key], lambda self, _: true(self, value))
    source = toy.write_gguf(tmp_path / "toy.gguf", toy.weights(toy.config("qwen2")))
    assert run("import", source, "--out", tmp_path / "out") == 3
    error = capsys.readouterr().err
    assert message in error and "--tokenizer" in error


def test_vocabulary_larger_than_model_is_rejected(tmp_path, capsys):
    w = toy.weights(toy.config("qwen2", vocab_size=200))
    source = toy.write_gguf(tmp_path / "toy.gguf", w)
    assert run("import", source, "--out", tmp_path / "out") == 3
    assert "the tokenizer has 286 tokens, but the model has 200 rows" in capsys.readouterr().err


def start_import(source, out):
    command = [sys.executable, "-m", "foretell_models", "import", str(source), "--out", str(out)]
    command += ["--quantization", "int4"]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


def wait_for(condition, process):
    """Polls until `condition()`; fails if the process ends first."""
    while not condition():
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.001)


def test_killed_import_can_be_rerun(home, tmp_path, capsys):
    w = toy.weights(toy.config("qwen2", n_layers=6, hidden=512, ffn=2048, n_heads=32))
    source = toy.write_gguf(tmp_path / "toy.gguf", w)
    models = home / "models"
    process = start_import(source, models / "toy")
    wait_for(lambda: list(models.glob(".partial-toy~*/model.onnx.data")), process)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not (models / "toy").exists()
    assert run("list") == 0
    assert not capsys.readouterr().out.startswith("toy")
    assert list(models.glob(".partial-*")), "killed too late to test anything"
    assert run("import", source, "--out", models / "toy") == 0
    assert run("verify", "toy") == 0
    assert not list(models.glob(".partial-*"))


def test_old_bundle_is_restored_after_kill(tmp_path):
    (tmp_path / ".old-toy").mkdir()
    (tmp_path / ".old-toy" / "file").write_text("old")
    files.clean_up(tmp_path / "toy")
    assert (tmp_path / "toy" / "file").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["toy"]


def test_remove_deletes_leftovers_without_bundle(home):
    models, sources = home / "models", home / "sources"
    others = {".partial-toy-base~removed", ".partial-toy-base-abcd_123", ".partial-toy-a-removed"}
    for name in others | {".partial-toy~removed", ".partial-toy-abcd_123", ".old-toy"}:
        (models / name).mkdir(parents=True)
    for name in (".partial-toy-removed", ".partial-toy~removed"):
        (sources / name).mkdir(parents=True)
    (sources / "toy").symlink_to(models)
    assert run("remove", "toy") == 0
    assert {path.name for path in models.iterdir()} == others
    assert not any(sources.iterdir())
    assert run("remove", "toy") == 2


def test_next_run_finishes_killed_remove(home, catalogue, monkeypatch):
    run("add", "toy", "--catalogue", catalogue)
    monkeypatch.setattr(files.shutil, "rmtree", lambda *_, **__: None)
    assert run("remove", "toy") == 0
    assert [path.name for path in (home / "models").iterdir()] == [".partial-toy~removed"]
    monkeypatch.undo()
    monkeypatch.setenv("FORETELL_HOME", str(home))
    assert run("add", "toy", "--catalogue", catalogue) == 0
    assert [path.name for path in (home / "models").iterdir()] == ["toy"]


def test_new_keeps_restored_bundle(tmp_path, source, capsys):
    (tmp_path / ".old-toy").mkdir()
    (tmp_path / ".old-toy" / "foretell.json").write_text("old")
    assert run("import", source, "--out", tmp_path / "toy", "--new") == 2
    assert "exists: choose another name" in capsys.readouterr().err
    assert (tmp_path / "toy" / "foretell.json").read_text() == "old"


def test_failed_replacement_keeps_old_bundle(tmp_path):
    final = tmp_path / "toy"
    final.mkdir()
    (final / "file").write_text("old")
    with pytest.raises(KeyError), files.new_folder(final) as folder:
        (folder / "file").write_text("new")
        raise KeyError
    assert (final / "file").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["toy"]
    with files.new_folder(final) as folder:
        (folder / "file").write_text("new")
    assert (final / "file").read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["toy"]


def test_missing_space_is_reported_before_download(tmp_path):
    with pytest.raises(
        NoSpace, match=r"needs 1000000000000000 MB .* free some space and run again"
    ):
        files.require_space(tmp_path, 10**21, "fetching the moon")


IMPORT_WITHOUT_SPACE = """
mkdir -p "$1"
mount -t tmpfs -o size=100k tmpfs "$1"
"$2" -m foretell_models import "$3" --out "$1/toy" --quantization "$4"
code=$?
find "$1" -name '*.onnx*'
exit $code
"""


@pytest.mark.usefixtures("user_namespace")
@pytest.mark.parametrize("quantization", ["int8", "fp32"])
def test_import_on_full_disk_leaves_nothing(tmp_path, source, quantization):
    script = ["sh", "-c", IMPORT_WITHOUT_SPACE, "sh", str(tmp_path / "small"), sys.executable]
    command = ["unshare", "--map-root-user", "--mount", *script, str(source), quantization]
    result = subprocess.run(command, capture_output=True, text=True, env=os.environ, check=False)
    assert result.returncode == 6, result.stderr
    assert "no space left" in result.stderr and "Traceback" not in result.stderr
    assert result.stdout == ""


@pytest.mark.skipif(os.name == "nt", reason="Windows has system telemetry instead of files")
def test_runtime_writes_no_telemetry_files(tmp_path):
    code = (
        "import sys; from pathlib import Path; from foretell_models import tiny, verify;"
        "folder = Path(sys.argv[1]); verify.run(folder, tiny.make(folder))"
    )
    home = tmp_path / "home"
    home.mkdir()
    environment = os.environ | {"HOME": str(home), "TMPDIR": str(home)}
    environment.pop("ORT_DISABLE_TELEMETRY", None)
    environment.pop("XDG_CACHE_HOME", None)
    arguments = [sys.executable, "-c", code, str(tmp_path / "tiny")]
    subprocess.run(arguments, env=environment, check=True, capture_output=True)
    assert not list(home.rglob("*"))

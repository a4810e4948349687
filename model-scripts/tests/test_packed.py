"""Packed weights: shared where they fit, without effect on what the model says."""

import subprocess
import sys

import numpy as np
import onnx
import pytest
import toy

from foretell_models import cli, packed, paths, verify
from foretell_models.bundle import SHARED, read_manifest
from foretell_models.errors import BadBundle, HashMismatch
from foretell_models.session import Session

OWN_KB = """
import sys
from pathlib import Path
from foretell_models.bundle import read_manifest
from foretell_models.session import Session
folder = Path(sys.argv[1])
session = Session(folder, read_manifest(folder), 64)
lines = Path("/proc/self/status").read_text().splitlines()
print(next(line.split()[1] for line in lines if line.startswith("RssAnon:")))
"""


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A data folder of its own: what is imported here is not known elsewhere."""
    monkeypatch.setenv("FORETELL_HOME", str(tmp_path / "home"))


def imported(tmp_path, **sizes):
    """A bundle of int8 matrices."""
    source = toy.write_gguf(tmp_path / "toy.gguf", toy.weights(toy.config("qwen2", **sizes)))
    out = tmp_path / "out"
    arguments = ["import", str(source), "--out", str(out), "--quantization", "int8"]
    assert cli.main(arguments) == 0
    return out


@pytest.fixture
def folder(tmp_path):
    return imported(tmp_path)


def logits(folder):
    return Session(folder, read_manifest(folder), 64, threads=1).step(list(range(20, 40)), 20)


def test_they_lie_behind_the_weights_and_change_nothing(folder):
    manifest = read_manifest(folder)
    entries = prepacked(folder / SHARED)
    assert entries and not prepacked(folder / "model.onnx")
    size = manifest.files["model.onnx.data"].size
    for _, place in (entry.split("|") for entry in entries):
        start, length, _ = place.split(";")
        assert int(start) % 4096 == 0
        assert size - manifest.packed_bytes <= int(start) <= int(start) + int(length) <= size
    assert packed.graph_of(folder, manifest) == folder / SHARED
    with_them = logits(folder)
    forget(manifest)
    assert packed.graph_of(folder, manifest) == folder / "model.onnx"
    np.testing.assert_array_equal(with_them, logits(folder))


def test_those_of_another_machine_are_not_used(folder, monkeypatch):
    """The runtime's key is a hash of what it makes itself: only then it looks at what is there."""
    expected, manifest = logits(folder), read_manifest(folder)
    monkeypatch.setattr(packed, "graph_of", lambda *_: folder / SHARED)
    (folder / "model.onnx.data").chmod(0o644)
    with (folder / "model.onnx.data").open("r+b") as file:
        file.seek(-manifest.packed_bytes, 2)
        file.write(b"\x01" * manifest.packed_bytes)
    assert not np.array_equal(logits(folder), expected)
    change_keys(folder)
    np.testing.assert_array_equal(logits(folder), expected)


def test_a_graph_that_was_changed_is_refused(folder):
    change_keys(folder)
    with pytest.raises(HashMismatch):
        logits(folder)


@pytest.mark.parametrize("key", ["prepacked", "prepacked_0", "prepackedX"])
def test_a_graph_for_every_machine_has_none(folder, key):
    """Whatever begins so, the runtime takes for one; it believes the length and reads on."""
    model = onnx.load(folder / "model.onnx", load_external_data=False)
    tensor = next(it for it in model.graph.initializer if it.external_data)
    tensor.external_data.add(key=key, value="MatMulNBits+1|0;16;0")
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(BadBundle, match="refers to packed weights"):
        verify.run(folder, read_manifest(folder))


def test_an_import_works_where_they_can_not_be_made(tmp_path, monkeypatch, capsys):
    def fail(*_):
        raise OSError("no space left on the device")

    monkeypatch.setattr(packed, "_saved", fail)
    folder = imported(tmp_path)
    assert "will not share the weights of this model: no space left" in capsys.readouterr().err
    manifest = read_manifest(folder)
    assert manifest.packed_bytes == 0 and SHARED not in manifest.files
    verify.verify(folder)


@pytest.mark.skipif(sys.platform != "linux", reason="memory by kind is told by Linux only")
def test_they_are_mapped(tmp_path):
    folder = imported(tmp_path, n_layers=6, hidden=512, ffn=2048, n_heads=32)

    def own_bytes():
        command = [sys.executable, "-c", OWN_KB, str(folder)]
        return int(subprocess.run(command, check=True, capture_output=True).stdout) * 1024

    manifest = read_manifest(folder)
    shared = own_bytes()
    forget(manifest)
    assert own_bytes() - shared > 0.8 * manifest.packed_bytes > 10e6


def prepacked(path):
    graph = onnx.load(path, load_external_data=False).graph
    entries = [entry for tensor in graph.initializer for entry in tensor.external_data]
    return [entry.value for entry in entries if entry.key.startswith("prepacked_")]


def forget(manifest):
    paths.made_here(manifest.files[SHARED].sha256).unlink()


def change_keys(folder):
    path = folder / SHARED
    model = onnx.load(path, load_external_data=False)
    for tensor in model.graph.initializer:
        for entry in tensor.external_data:
            if entry.key.startswith("prepacked_"):
                entry.value = entry.value.replace("+", "+1")
    path.write_bytes(model.SerializeToString())

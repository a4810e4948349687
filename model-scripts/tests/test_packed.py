"""Packed weights: shared where they fit, without effect on what the model says."""

import subprocess
import sys

import numpy as np
import onnx
import pytest
import toy

from foretell_models import cli, packed
from foretell_models.bundle import read_manifest
from foretell_models.errors import HashMismatch
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


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A bundle of int8 matrices, imported into a data folder of its own."""
    monkeypatch.setenv("FORETELL_HOME", str(tmp_path / "home"))
    source = toy.write_gguf(tmp_path / "toy.gguf", toy.weights(toy.config("qwen2")))
    out = tmp_path / "out"
    arguments = ["import", str(source), "--out", str(out), "--quantization", "int8"]
    assert cli.main(arguments) == 0
    return out


def logits(folder):
    return Session(folder, read_manifest(folder), 64, threads=1).step(list(range(20, 40)), 20)


def test_they_lie_behind_the_weights_and_change_nothing(folder):
    manifest = read_manifest(folder)
    entries = prepacked(folder / packed.GRAPH)
    assert entries and not prepacked(folder / "model.onnx")
    size = manifest.files["model.onnx.data"].size
    for _, place in (entry.split("|") for entry in entries):
        start, length, _ = place.split(";")
        assert int(start) % 4096 == 0
        assert size - manifest.packed_bytes <= int(start) <= int(start) + int(length) <= size
    assert packed.graph_of(folder, manifest) == folder / packed.GRAPH
    with_them = logits(folder)
    forget(manifest)
    assert packed.graph_of(folder, manifest) == folder / "model.onnx"
    np.testing.assert_array_equal(with_them, logits(folder))


def test_those_of_another_machine_are_not_used(folder, monkeypatch):
    """The runtime's key is a hash of what it makes itself: only then it looks at what is there."""
    expected, manifest = logits(folder), read_manifest(folder)
    monkeypatch.setattr(packed, "graph_of", lambda *_: folder / packed.GRAPH)
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


@pytest.mark.skipif(sys.platform != "linux", reason="memory by kind is told by Linux only")
def test_the_default_models_are_mapped(default_bundle):
    manifest = read_manifest(default_bundle)
    command = [sys.executable, "-c", OWN_KB, str(default_bundle)]
    own = int(subprocess.run(command, check=True, capture_output=True).stdout) * 1024
    assert manifest.packed_bytes > 400e6 and own < 300e6


def prepacked(path):
    graph = onnx.load(path, load_external_data=False).graph
    entries = [entry for tensor in graph.initializer for entry in tensor.external_data]
    return [entry.value for entry in entries if entry.key.startswith("prepacked_")]


def forget(manifest):
    from foretell_models import paths

    (paths.data_folder() / "made-here" / manifest.files[packed.GRAPH].sha256).unlink()


def change_keys(folder):
    path = folder / packed.GRAPH
    model = onnx.load(path, load_external_data=False)
    for tensor in model.graph.initializer:
        for entry in tensor.external_data:
            if entry.key.startswith("prepacked_"):
                entry.value = entry.value.replace("+", "+1")
    path.write_bytes(model.SerializeToString())

"""Packed weights: shared if they match, with no effect on the logits."""

import mmap
import os
import re
import subprocess
import sys

import conftest
import numpy as np
import onnx
import pytest
import toy

from foretell_models import cli, files, packed, paths, verify
from foretell_models.bundle import SHARED, read_manifest
from foretell_models.errors import BadBundle, HashMismatch
from foretell_models.session import Session

SMAPS_WITH_THE_MODEL = """
import sys
from pathlib import Path
from foretell_models.bundle import read_manifest
from foretell_models.session import Session
folder = Path(sys.argv[1])
session = Session(folder, read_manifest(folder), 64)
session.step([20], 1)
print(Path("/proc/self/smaps").read_text())
"""


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A separate data folder, so that markers have no effect outside a test."""
    monkeypatch.setenv("FORETELL_HOME", str(tmp_path / "home"))


def imported(tmp_path, quantization="int8"):
    """A bundle with int8 matrices."""
    source = toy.write_gguf(tmp_path / "toy.gguf", toy.weights(toy.config("qwen2")))
    out = tmp_path / "out"
    arguments = ["import", str(source), "--out", str(out), "--quantization", quantization]
    assert cli.main(arguments) == 0
    return out


@pytest.fixture(params=["int8", "w8a8"])
def folder(tmp_path, request):
    return imported(tmp_path, request.param)


def logits(folder):
    return Session(folder, read_manifest(folder), 64, threads=1).step(list(range(20, 40)), 20)


def test_packed_weights_do_not_change_logits(folder):
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


def test_packed_weights_with_other_keys_are_ignored(folder, monkeypatch):
    """The runtime uses packed weights only if their key is the hash of what it would pack."""
    expected, manifest = logits(folder), read_manifest(folder)
    monkeypatch.setattr(packed, "graph_of", lambda *_: folder / SHARED)
    (folder / "model.onnx.data").chmod(0o644)
    with (folder / "model.onnx.data").open("r+b") as file:
        file.seek(-manifest.packed_bytes, 2)
        file.write(b"\x01" * manifest.packed_bytes)
    assert not np.array_equal(logits(folder), expected)
    change_keys(folder)
    np.testing.assert_array_equal(logits(folder), expected)


@pytest.mark.parametrize("mark", [b"", b"x", b"\xff", "{cut}", "{size}0", "{size}\n"])
def test_data_size_must_match_marker(folder, mark):
    """The runtime would read beyond the end of a truncated data file."""
    manifest = read_manifest(folder)
    size = manifest.files["model.onnx.data"].size
    path = paths.local_graph_marker(manifest.files[SHARED].sha256)
    assert path.read_bytes() == b"%d" % size
    if isinstance(mark, str):
        mark = mark.format(size=size, cut=size - manifest.packed_bytes).encode()
    path.write_bytes(mark)
    is_taken = mark.strip() == b"%d" % size
    assert packed.graph_of(folder, manifest) == folder / (SHARED if is_taken else "model.onnx")


def test_only_markers_of_tests_are_removed(tmp_path):
    with conftest.temporary_markers():
        files.write_file(paths.local_graph_marker("0" * 64), b"somebody else's")
        folder = imported(tmp_path)
    assert [path.name for path in paths.local_graph_marker("").iterdir()] == ["0" * 64]
    assert packed.graph_of(folder, read_manifest(folder)) == folder / "model.onnx"


def test_changed_graph_is_rejected(folder):
    change_keys(folder)
    with pytest.raises(HashMismatch):
        logits(folder)


@pytest.mark.parametrize("key", ["prepacked", "prepacked_0", "prepackedX"])
def test_portable_graph_has_no_packed_weights(folder, key):
    """The runtime trusts the length in any entry with this prefix, and could read out of bounds."""
    model = onnx.load(folder / "model.onnx", load_external_data=False)
    tensor = next(it for it in model.graph.initializer if it.external_data)
    tensor.external_data.add(key=key, value="MatMulNBits+1|0;16;0")
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(BadBundle, match="refers to packed weights"):
        verify.run(folder, read_manifest(folder))


def fail(*_):
    raise OSError("no space left on the device")


def cut_off(folder, out, saved=packed._saved):
    path = saved(folder, out)
    os.truncate(out / "model.onnx.data", 5000)
    return path


def not_loaded(folder, manifest):
    if SHARED in manifest.files:
        raise BadBundle("it is not loaded")
    return folder / "model.onnx"


@pytest.mark.parametrize(
    ("function", "instead", "message"),
    [
        ("_saved", fail, "no space left"),
        ("_saved", cut_off, "the runtime wrote less than"),
        ("graph_of", not_loaded, "it is not loaded"),
    ],
)
def test_import_works_without_packed_weights(
    tmp_path, monkeypatch, capsys, function, instead, message
):
    monkeypatch.setattr(packed, function, instead)
    folder = imported(tmp_path)
    assert f"will not share the weights of this model: {message}" in capsys.readouterr().err
    manifest = read_manifest(folder)
    assert manifest.packed_bytes == 0 and SHARED not in manifest.files
    assert not (folder / SHARED).exists()
    assert not paths.local_graph_marker("").exists() or not any(
        paths.local_graph_marker("").iterdir()
    )
    verify.verify(folder)


@pytest.mark.skipif(
    sys.platform != "linux" or mmap.PAGESIZE > packed._ALIGNMENT,
    reason="needs /proc/self/smaps, and pages no larger than the alignment in the file",
)
def test_packed_weights_are_mapped_and_shared(folder):
    manifest = read_manifest(folder)
    size = manifest.files["model.onnx.data"].size
    begin = size - manifest.packed_bytes
    begin += -begin % mmap.PAGESIZE

    def mapped():
        """Bytes of the packed weights that are mapped, and how many of them are private copies."""
        command = [sys.executable, "-c", SMAPS_WITH_THE_MODEL, str(folder)]
        smaps = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        n_bytes = n_own = 0
        # A header (addresses, permissions, offset, device, inode, path), then one figure per line.
        for area in re.split(r"^(?=[0-9a-f]+-[0-9a-f]+ )", smaps, flags=re.MULTILINE):
            head, _, figures = area.partition("\n")
            if not head.endswith("/model.onnx.data"):
                continue
            first, last = (int(it, 16) for it in head.split()[0].split("-"))
            offset = int(head.split()[2], 16)
            # The system may merge the first mapping with that of the weights before it.
            if n_here := max(0, offset + last - first - max(offset, begin)):
                n_bytes += n_here
                n_own += int(re.search(r"^Anonymous: +(\d+) kB", figures, re.MULTILINE)[1]) * 1024
        return n_bytes, n_own

    n_bytes, n_own = mapped()
    assert n_bytes >= size - begin > 0 and n_own == 0
    forget(manifest)
    assert mapped() == (0, 0)


def prepacked(path):
    graph = onnx.load(path, load_external_data=False).graph
    entries = [entry for tensor in graph.initializer for entry in tensor.external_data]
    return [entry.value for entry in entries if entry.key.startswith("prepacked_")]


def forget(manifest):
    paths.local_graph_marker(manifest.files[SHARED].sha256).unlink()


def change_keys(folder):
    path = folder / SHARED
    model = onnx.load(path, load_external_data=False)
    for tensor in model.graph.initializer:
        for entry in tensor.external_data:
            if entry.key.startswith("prepacked_"):
                entry.value = entry.value.replace("+", "+1")
    path.write_bytes(model.SerializeToString())

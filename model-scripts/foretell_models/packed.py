"""Packed weights: ONNX Runtime's in-memory layout of the weights, stored in the data file.

When the runtime loads a graph, it packs the quantized weights for the CPU's instructions, in the
process's private memory. It can save packed weights with the external data
(`session.save_external_prepacked_constant_initializers`) and map them later. Then processes share
them, and the system may evict them. The runtime compares their hash with that of what it would pack
itself, so it ignores packed weights from another machine or another runtime version.

But the runtime does not check the lengths in a graph. So packed weights are used only with a graph
that was made on this machine: a file in the data folder, named after the graph's hash, contains the
size of the data that the graph refers to.
"""

import os
import tempfile
from pathlib import Path

from foretell_models import files, paths
from foretell_models.bundle import SHARED, Manifest
from foretell_models.errors import BadBundle
from foretell_models.onnx_writer import DATA_FILE
from foretell_models.progress import warn

_KINDS = ("MatMulNBits", "MatMulIntegerToFloat")
# Only whole pages can be mapped.
_ALIGNMENT = 4096


def add(folder: Path) -> int:
    """Appends packed weights to the data file and writes the graph that refers to them.

    Returns the number of bytes appended. If the runtime packs nothing, or packing fails, it is 0
    and there is no such graph: the bundle works, but servers do not share its weights.
    """
    data = folder / DATA_FILE
    before = data.stat().st_size
    try:
        _append(folder, before)
        if (folder / SHARED).exists():
            mark_local(folder / SHARED, data.stat().st_size)
    except Exception as error:  # ONNX Runtime's exceptions have no common base class.
        drop(folder, data.stat().st_size - before, error)
    return data.stat().st_size - before


def mark_local(shared: Path, n_bytes: int) -> None:
    """Records that a graph was made on this machine, for a data file of `n_bytes`."""
    files.write_file(paths.local_graph_marker(files.sha256_of(shared)), b"%d" % n_bytes)


def drop(folder: Path, n_packed: int, why: Exception) -> None:
    """Undoes `add`, with a warning."""
    warn(f"concurrent servers will not share the weights of this model: {why}")
    shared, data = folder / SHARED, folder / DATA_FILE
    if shared.exists():
        paths.local_graph_marker(files.sha256_of(shared)).unlink(missing_ok=True)
        shared.unlink()
    os.truncate(data, data.stat().st_size - n_packed)


def _append(folder: Path, n_bytes: int) -> None:
    import onnx

    model = onnx.load(folder / "model.onnx", load_external_data=False)
    if not any(node.op_type in _KINDS for node in model.graph.node):
        return
    found = False
    own = {tensor.name: tensor for tensor in model.graph.initializer}
    # The runtime writes a copy of the weights together with the packed weights.
    files.require_space(folder, 5 * n_bytes // 2, "packing the weights for the CPU")
    with tempfile.TemporaryDirectory(dir=folder) as name:
        saved = _saved(folder, Path(name))
        with (Path(name) / DATA_FILE).open("rb") as source, (folder / DATA_FILE).open("ab") as data:
            for tensor in onnx.load(saved, load_external_data=False).graph.initializer:
                for entry in tensor.external_data:
                    kind, _, place = entry.value.partition("|")
                    parts = place.split(";")  # offset, length, checksum
                    # Tensors of these operators have exactly one packed buffer.
                    if not kind.startswith(_KINDS) or len(parts) != 3 or tensor.name not in own:
                        continue
                    data.write(bytes(-data.tell() % _ALIGNMENT))
                    place = f"{data.tell()};{parts[1]};{parts[2]}"
                    source.seek(int(parts[0]))
                    buffer = source.read(int(parts[1]))
                    if len(buffer) != int(parts[1]):
                        raise BadBundle(f"the runtime wrote less than {parts[1]} bytes of {kind}")
                    data.write(buffer)
                    own[tensor.name].external_data.add(key=entry.key, value=f"{kind}|{place}")
                    found = True
    if found:
        (folder / SHARED).write_bytes(model.SerializeToString())


def _saved(folder: Path, out: Path) -> Path:
    """Lets the runtime save a copy of the graph with its packed weights; returns its path."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.log_severity_level = 3
    path = out / "model.onnx"
    options.optimized_model_filepath = str(path)
    for key, value in (
        ("save_external_prepacked_constant_initializers", "1"),
        ("optimized_model_external_initializers_file_name", DATA_FILE),
        ("optimized_model_external_initializers_min_size_in_bytes", "1024"),
    ):
        options.add_session_config_entry(f"session.{key}", value)
    ort.InferenceSession(folder / "model.onnx", options, providers=["CPUExecutionProvider"])
    return path


def graph_of(folder: Path, manifest: Manifest) -> Path:
    """The graph to load: the one with packed weights if it was made on this machine."""
    info = manifest.files.get(SHARED)
    if info and _length_of_data(info.sha256) == b"%d" % manifest.files[DATA_FILE].size:
        files.check_file(folder / SHARED, info.size, info.sha256)
        return folder / SHARED
    return folder / "model.onnx"


def _length_of_data(sha256: str) -> bytes:
    """The data size recorded for a graph; empty if the graph was not made on this machine."""
    try:
        return paths.local_graph_marker(sha256).read_bytes().strip()
    except OSError:
        return b""

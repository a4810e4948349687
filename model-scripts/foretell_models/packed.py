"""Weights as ONNX Runtime lays them out in memory, kept in the data file.

Loading a graph, the runtime lays the quantized weights out anew for the processor's instructions,
in memory of the process's own. It can save what it made beside the external data
(`session.save_external_prepacked_constant_initializers`) and map that: processes share it, and the
system may drop it. It compares what it finds with what it would make itself, by a hash, so a bundle
from another machine, or another version of the runtime, does no harm: it is not used.

But the runtime believes what a graph says of the lengths. So only a graph that was made here is
loaded with them: its hash is the name of a file in the data folder, which holds the length of the
data that it refers to.
"""

import os
import tempfile
from pathlib import Path

from foretell_models import files, paths
from foretell_models.bundle import SHARED, Manifest
from foretell_models.errors import BadBundle
from foretell_models.onnx_writer import DATA_FILE
from foretell_models.progress import warn

_KIND = "MatMulNBits"
# Pages are mapped as wholes.
_ALIGNMENT = 4096


def add(folder: Path) -> int:
    """Appends the packed weights to the data file, and writes the graph that refers to them.

    Returns how many bytes were appended: 0, and no graph, where the runtime packs nothing, or where
    it does not work, which costs memory and not the bundle.
    """
    data = folder / DATA_FILE
    before = data.stat().st_size
    try:
        _append(folder, before)
        if (folder / SHARED).exists():
            mark(folder / SHARED, data.stat().st_size)
    except Exception as error:  # ONNX Runtime has an exception a cause, without a common base.
        drop(folder, data.stat().st_size - before, error)
    return data.stat().st_size - before


def mark(shared: Path, n_bytes: int) -> None:
    """Says that a graph was made here, for data of `n_bytes`."""
    files.write_file(paths.made_here(files.sha256_of(shared)), b"%d" % n_bytes)


def drop(folder: Path, n_packed: int, why: Exception) -> None:
    """Takes back what `add` has done, and warns of it."""
    warn(f"several servers will not share the weights of this model: {why}")
    shared, data = folder / SHARED, folder / DATA_FILE
    if shared.exists():
        paths.made_here(files.sha256_of(shared)).unlink(missing_ok=True)
        shared.unlink()
    os.truncate(data, data.stat().st_size - n_packed)


def _append(folder: Path, n_bytes: int) -> None:
    import onnx

    model = onnx.load(folder / "model.onnx", load_external_data=False)
    if not any(node.op_type == _KIND for node in model.graph.node):
        return
    found = False
    own = {tensor.name: tensor for tensor in model.graph.initializer}
    # The runtime writes the weights once more, with what it has made of them.
    files.need_space(folder, 5 * n_bytes // 2, "laying the weights out for the processor")
    with tempfile.TemporaryDirectory(dir=folder) as name:
        saved = _saved(folder, Path(name))
        with (Path(name) / DATA_FILE).open("rb") as source, (folder / DATA_FILE).open("ab") as data:
            for tensor in onnx.load(saved, load_external_data=False).graph.initializer:
                for entry in tensor.external_data:
                    kind, _, place = entry.value.partition("|")
                    parts = place.split(";")  # offset, length, checksum
                    # Of this kind each has one buffer.
                    if not kind.startswith(_KIND) or len(parts) != 3 or tensor.name not in own:
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
    """The runtime's own copy of a graph, with the packed weights beside it."""
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
    """The graph to be loaded: the one with the packed weights if it was made here."""
    info = manifest.files.get(SHARED)
    if info and _length_of_data(info.sha256) == b"%d" % manifest.files[DATA_FILE].size:
        files.check_file(folder / SHARED, info.size, info.sha256)
        return folder / SHARED
    return folder / "model.onnx"


def _length_of_data(sha256: str) -> bytes:
    """What the mark of a graph says; nothing if it was not made here."""
    try:
        return paths.made_here(sha256).read_bytes().strip()
    except OSError:
        return b""

"""Bundles on disk: no path leaves the folder, and incomplete bundles are rejected."""

import dataclasses
import json
import shutil

import onnx
import pytest

from foretell_models import bundle, tiny, tokenizer, verify
from foretell_models.errors import BadBundle, HashMismatch


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundles") / "tiny"
    tiny.make(folder)
    return folder


@pytest.fixture
def folder(made, tmp_path):
    return shutil.copytree(made, tmp_path / "tiny")


def change(folder, **fields):
    path = folder / bundle.MANIFEST
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def test_manifest_round_trips(folder):
    manifest = bundle.read_manifest(folder)
    (folder / bundle.MANIFEST).write_bytes(manifest.to_json())
    assert bundle.read_manifest(folder) == manifest
    verify.verify(folder)


@pytest.mark.parametrize(
    "name", ["../x", "/etc/passwd", "a/b", "..", ".", "", "C:\\x", "..\\x", "a\\b", "x\0", ".hid"]
)
def test_path_traversal_in_manifest_is_rejected(folder, name):
    files = json.loads((folder / bundle.MANIFEST).read_text())["files"]
    change(folder, files=files | {name: {"size": 1, "sha256": "0" * 64}})
    with pytest.raises(BadBundle, match="leads out of the bundle"):
        bundle.read_manifest(folder)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"format": 2}, "format 2 is not supported"),
        ({"format": None}, "format None"),
        ({"files": {}}, "model.onnx is not listed"),
        ({"files": {"model.onnx": {"size": "1", "sha256": "0" * 64}}}, "malformed"),
        ({"files": {"model.onnx": {"size": 1, "sha256": "../" * 20}}}, "malformed"),
        ({"files": []}, "wrong type"),
        ({"fim": {"family": "x"}}, "wrong type"),
        ({"fim": "yes"}, "wrong type"),
        ({"source": None}, "wrong type"),
        ({"eos_ids": [1 << 20]}, "not in the vocabulary"),
        ({"eos_ids": "all"}, "not in the vocabulary"),
        ({"n_layers": 0}, "n_layers"),
        ({"head_dim": 1 << 60}, "head_dim"),
        ({"hidden_size": -1}, "hidden_size is -1"),
        ({"packed_bytes": "1"}, "packed_bytes is '1'"),
        ({"kv_dtype": "int3"}, "kv_dtype"),
        ({"title": 7}, "title is 7"),
        ({"title": "\x1b[2J"}, "title contains control or invisible characters"),
        ({"licence": "MIT\n"}, "licence contains"),
        ({"name": "a\u202eb"}, "name contains"),
        ({"quantization": "int\u200b8"}, "quantization contains"),
    ],
    ids=str,
)
def test_malformed_manifest_is_rejected(folder, fields, message):
    change(folder, **fields)
    with pytest.raises(BadBundle, match=message):
        bundle.read_manifest(folder)


@pytest.mark.parametrize("content", ["", "[]", "{", "[" * 100_000, "\x00"])
def test_non_object_manifest_is_rejected(folder, content):
    (folder / bundle.MANIFEST).write_text(content)
    with pytest.raises(BadBundle):
        bundle.read_manifest(folder)


@pytest.mark.parametrize(
    "location", ["../model.onnx.data", "/etc/passwd", "sub/../model.onnx.data", "other.data", ""]
)
def test_external_data_outside_bundle_is_rejected(folder, location):
    (folder.parent / "model.onnx.data").write_bytes(b"\0" * (1 << 20))
    model = onnx.load(folder / "model.onnx", load_external_data=False)
    tensor = next(t for t in model.graph.initializer if t.external_data)
    next(entry for entry in tensor.external_data if entry.key == "location").value = location
    onnx.save(model, folder / "model.onnx")
    with pytest.raises(BadBundle, match=r"refers to the data file"):
        verify.run(folder, bundle.read_manifest(folder))


def outside():
    """A tensor whose data is outside the bundle."""
    tensor = onnx.TensorProto(name="x", data_location=onnx.TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="../x")
    return tensor


def sparse():
    return onnx.SparseTensorProto(values=outside())


@pytest.mark.parametrize(
    "attribute",
    [
        {"t": outside()},
        {"tensors": [outside()]},
        {"sparse_tensor": sparse()},
        {"sparse_tensors": [sparse()]},
        {"g": onnx.GraphProto(initializer=[outside()])},
        {"graphs": [onnx.GraphProto(sparse_initializer=[sparse()])]},
    ],
    ids=lambda it: next(iter(it)),
)
@pytest.mark.parametrize("is_default", [False, True])
def test_external_data_of_functions_is_checked(folder, attribute, is_default):
    model = onnx.load(folder / "model.onnx", load_external_data=False)
    function, attribute = onnx.FunctionProto(name="f"), onnx.AttributeProto(name="a", **attribute)
    if is_default:
        function.attribute_proto.append(attribute)
    else:
        function.node.append(onnx.NodeProto(op_type="Constant", attribute=[attribute]))
    model.functions.append(function)
    onnx.save(model, folder / "model.onnx")
    with pytest.raises(BadBundle, match=r"refers to the data file"):
        bundle.check_references(folder)


def test_packed_weights_in_other_graphs_are_rejected(folder):
    model = onnx.load(folder / "model.onnx", load_external_data=False)
    model.graph.doc_string = "prepacked"
    onnx.save(model, folder / "other.onnx")
    with pytest.raises(BadBundle, match=r"other.onnx: refers to packed weights"):
        bundle.check_references(folder)


def test_tokenizer_that_panics_on_load_is_rejected(folder):
    path = folder / "tokenizer.json"
    fields = json.loads(path.read_text())
    fields["model"] |= {"vocab": {"a": 0, "b": 1, "": 2}, "merges": ["a b"]}
    path.write_text(json.dumps(fields))
    with pytest.raises(BadBundle, match="not a tokenizer"):
        verify.run(folder, bundle.read_manifest(folder))


def test_padding_and_truncation_are_ignored(folder):
    path = folder / "tokenizer.json"
    cut = {"direction": "Right", "max_length": 4, "strategy": "LongestFirst", "stride": 0}
    pad = {"strategy": {"Fixed": 64}, "direction": "Right", "pad_to_multiple_of": None}
    pad |= {"pad_id": 0, "pad_type_id": 0, "pad_token": "!"}
    plain = tokenizer.load(path).encode("a b c d e f g h").ids
    fields = json.loads(path.read_text()) | {"truncation": cut, "padding": pad}
    path.write_text(json.dumps(fields))
    assert tokenizer.load(path).encode("a b c d e f g h").ids == plain


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"context_length": 8}, "do not fit a buffer of 8"),
        ({"head_dim": 8}, "invalid dimensions"),
    ],
    ids=str,
)
def test_model_that_fails_to_run_is_bad_bundle(folder, fields, message):
    manifest = dataclasses.replace(bundle.read_manifest(folder), **fields)
    with pytest.raises(BadBundle, match=message):
        verify.run(folder, manifest)


def test_tokenizer_that_panics_on_text_is_bad_bundle(folder, monkeypatch):
    class Panic(BaseException):
        """Not an `Exception`, like pyo3's `PanicException`."""

    class Tokenizer:
        def encode(self, *_, **__):
            raise Panic("index out of bounds")

    monkeypatch.setattr(tokenizer, "load", lambda _: Tokenizer())
    with pytest.raises(BadBundle, match="index out of bounds"):
        verify.run(folder, bundle.read_manifest(folder))


@pytest.mark.parametrize(
    ("key", "value"), [("offset", "-5"), ("length", str(1 << 60)), ("offset", "x")]
)
def test_external_data_beyond_file_is_rejected(folder, key, value):
    model = onnx.load(folder / "model.onnx", load_external_data=False)
    tensor = next(t for t in model.graph.initializer if t.external_data)
    next(entry for entry in tensor.external_data if entry.key == key).value = value
    onnx.save(model, folder / "model.onnx")
    with pytest.raises(BadBundle, match="is outside"):
        verify.run(folder, bundle.read_manifest(folder))


@pytest.mark.parametrize("name", ["model.onnx", "model.onnx.data", "tokenizer.json"])
def test_changed_byte_is_detected(folder, name):
    data = bytearray((folder / name).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / name).write_bytes(data)
    with pytest.raises(HashMismatch, match=r"expected sha256 [0-9a-f]{64}, found [0-9a-f]{64}"):
        verify.verify(folder)


def test_short_missing_or_linked_file_is_detected(folder):
    manifest = bundle.read_manifest(folder)
    target = folder / "tokenizer.json"
    data = target.read_bytes()
    target.write_bytes(data[:-1])
    with pytest.raises(BadBundle, match="expected"):
        bundle.check_sizes(folder, manifest)
    target.unlink()
    with pytest.raises(BadBundle, match="missing"):
        bundle.check_sizes(folder, manifest)
    (folder.parent / "elsewhere").write_bytes(data)
    target.symlink_to(folder.parent / "elsewhere")
    with pytest.raises(BadBundle, match="not a regular file"):
        bundle.check_sizes(folder, manifest)


def test_invalid_graph_is_bad_bundle(folder):
    (folder / "model.onnx").write_bytes(b"\xff" * 500)
    with pytest.raises(BadBundle, match="not an ONNX model"):
        verify.run(folder, bundle.read_manifest(folder))


def test_manifest_graph_mismatch_is_detected(folder):
    manifest = dataclasses.replace(bundle.read_manifest(folder), vocab_size=321)
    with pytest.raises(BadBundle, match="321"):
        verify.run(folder, manifest)


def test_tiny_bundle_is_small_and_reproducible(made, tmp_path):
    again = tmp_path / "again"
    tiny.make(again)
    sizes = [path.stat().st_size for path in made.iterdir()]
    assert sum(sizes) < 400_000
    for path in made.iterdir():
        assert (again / path.name).read_bytes() == path.read_bytes(), path.name
    tiny.make(tmp_path / "other", seed=1)
    data = "model.onnx.data"
    assert (tmp_path / "other" / data).read_bytes() != (made / data).read_bytes()

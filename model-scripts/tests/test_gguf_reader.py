"""Damaged and malicious GGUF files raise `BadSource` and nothing else."""

import struct
import tracemalloc

import numpy as np
import pytest
import toy

from foretell_models.errors import BadSource
from foretell_models.gguf_reader import GgufFile
from foretell_models.gguf_weights import GgufWeights
from foretell_models.tokenizer import from_gguf


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    path = tmp_path_factory.mktemp("gguf") / "toy.gguf"
    return toy.write_gguf(path, toy.weights(toy.config("qwen2", n_layers=1))).read_bytes()


def write(tmp_path, data):
    path = tmp_path / "bad.gguf"
    path.write_bytes(data)
    return path


def read_all(path):
    """Reads everything that an import reads from a file."""
    file = GgufFile(path)
    weights = GgufWeights(file)
    from_gguf(file.metadata, weights.config.vocab_size, path)
    for tensor in file.tensors.values():
        file.rows(tensor, 0, tensor.shape[0] if len(tensor.shape) > 1 else 1)


def test_valid_file_is_read(good, tmp_path):
    read_all(write(tmp_path, good))


def test_wrong_magic_is_rejected(good, tmp_path):
    with pytest.raises(BadSource, match="not a GGUF file"):
        GgufFile(write(tmp_path, b"PK\3\4" + good[4:]))


@pytest.mark.parametrize("version", [0, 1, 4, 3 << 24])
def test_unknown_version_is_rejected(good, version, tmp_path):
    with pytest.raises(BadSource, match=r"version .* not supported"):
        GgufFile(write(tmp_path, good[:4] + struct.pack("<I", version) + good[8:]))


def test_any_truncation_is_detected(good, tmp_path):
    """Truncates the file at 200 places, in the header and in the tensors."""
    for end in np.linspace(0, len(good) - 1, 200).astype(int):
        with pytest.raises(BadSource, match=r"truncated|too short"):
            GgufFile(write(tmp_path, good[:end]))


@pytest.mark.parametrize("at", [8, 16], ids=["tensors", "metadata"])
def test_huge_counts_allocate_nothing(good, at, tmp_path):
    path = write(tmp_path, good[:at] + struct.pack("<Q", 1 << 60) + good[at + 8 :])
    tracemalloc.start()
    with pytest.raises(BadSource, match="truncated"):
        GgufFile(path)
    assert tracemalloc.get_traced_memory()[1] < 1 << 22
    tracemalloc.stop()


def test_oversized_array_is_rejected(tmp_path):
    key = struct.pack("<Q", 1) + b"k" + struct.pack("<IIQ", 9, 0, 1 << 28)
    path = write(tmp_path, b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + key)
    with path.open("rb+") as file:
        file.truncate(1 << 29)
    with pytest.raises(BadSource, match="an array of 268435456 items"):
        GgufFile(path)


def test_unknown_tensor_type_is_rejected(good, tmp_path):
    at = good.index(b"output_norm.weight") + len(b"output_norm.weight") + 4 + 8
    with pytest.raises(BadSource, match=r"'output_norm.weight' has the unknown type 250"):
        GgufFile(write(tmp_path, good[:at] + struct.pack("<I", 250) + good[at + 4 :]))


def test_unsupported_tensor_type_is_rejected(good, tmp_path):
    name = b"blk.0.attn_q.bias"
    at = good.index(name) + len(name) + 4 + 8
    int32 = struct.pack("<I", 26)  # I32: as large as F32
    with pytest.raises(BadSource, match=r"stored as I32, which is not supported; known: F32"):
        GgufWeights(GgufFile(write(tmp_path, good[:at] + int32 + good[at + 4 :])))


def test_tensor_beyond_file_end_is_rejected(good, tmp_path):
    name = b"output_norm.weight"
    at = good.index(name) + len(name) + 4 + 8 + 4
    with pytest.raises(BadSource, match="should end at byte"):
        GgufFile(write(tmp_path, good[:at] + struct.pack("<Q", 1 << 40) + good[at + 8 :]))


def test_unknown_architecture_lists_known_ones(good, tmp_path):
    data = good.replace(b"qwen2", b"qwert")
    with pytest.raises(BadSource, match=r"'qwert' is not supported; known: gemma, llama, qwen2"):
        GgufWeights(GgufFile(write(tmp_path, data)))


def test_missing_tensor_is_named(good, tmp_path):
    data = good.replace(b"blk.0.ffn_up.weight", b"blk.0.ffn_xx.weight")
    with pytest.raises(BadSource, match=r"'blk.0.ffn_up.weight' is missing"):
        GgufWeights(GgufFile(write(tmp_path, data)))


def test_unknown_tensor_is_named(tmp_path):
    w = toy.weights(toy.config("qwen2", n_layers=1))
    w.tensors["0.o_bias"] = np.ones(96, np.float32)
    GgufWeights(GgufFile(toy.write_gguf(tmp_path / "bias.gguf", w)))
    data = (tmp_path / "bias.gguf").read_bytes().replace(b"attn_output.bias", b"attn_sinkss.bias")
    with pytest.raises(BadSource, match=r"'blk.0.attn_sinkss.bias'"):
        GgufWeights(GgufFile(write(tmp_path, data)))


def test_wrong_shape_is_named(tmp_path):
    w = toy.weights(toy.config("qwen2", n_layers=1))
    w.tensors["0.up"] = w.tensors["0.up"][:, :64].copy()
    with pytest.raises(BadSource, match=r"'blk.0.ffn_up.weight' is \(160, 64\), expected"):
        GgufWeights(GgufFile(toy.write_gguf(tmp_path / "shape.gguf", w)))


def test_random_damage_raises_no_other_error(good, tmp_path):
    """With random bytes overwritten, reading either succeeds or raises `BadSource`."""
    random = np.random.default_rng(5)
    n_rejected = 0
    header = good.index(b"blk.0.attn_k.bias") + 2000
    for _ in range(300):
        data = bytearray(good)
        for _ in range(random.integers(1, 5)):
            at = int(random.integers(0, header))
            data[at] = int(random.integers(0, 256))
        try:
            read_all(write(tmp_path, bytes(data)))
        except BadSource:
            n_rejected += 1
    assert n_rejected > 30

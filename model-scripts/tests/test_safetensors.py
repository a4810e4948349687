"""Damaged and malicious Hugging Face folders raise `BadSource`."""

import json
import math
import struct

import numpy as np
import pytest
import toy
from tokenizers import AddedToken, Tokenizer

from foretell_models.errors import BadSource
from foretell_models.importer import ImportOptions, import_checkpoint
from foretell_models.safetensors_weights import SafetensorsWeights, _llama3_divisors


@pytest.fixture
def folder(tmp_path):
    return toy.write_folder(tmp_path / "hub", toy.weights(toy.config("qwen2")), shards=2)


def change(path, **fields):
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def test_missing_shard_is_named(folder):
    (folder / "model-00002-of-00002.safetensors").unlink()
    with pytest.raises(BadSource, match="1 of 2 shards are missing, the first model-00002-of"):
        SafetensorsWeights(folder)


@pytest.mark.parametrize("name", ["../x.safetensors", "/etc/passwd", "a/b", "..\\x"])
def test_shard_outside_folder_is_rejected(folder, name):
    index = folder / "model.safetensors.index.json"
    mapping = json.loads(index.read_text())["weight_map"]
    change(index, weight_map=mapping | {"model.norm.weight": name})
    with pytest.raises(BadSource, match="leads out of the folder"):
        SafetensorsWeights(folder)


def test_any_truncation_is_detected(folder):
    path = folder / "model-00001-of-00002.safetensors"
    data = path.read_bytes()
    for end in np.linspace(0, len(data) - 1, 100).astype(int):
        path.write_bytes(data[:end])
        with pytest.raises(BadSource, match="truncated"):
            SafetensorsWeights(folder)


@pytest.mark.parametrize(
    "entry",
    [
        {"dtype": "F32", "shape": [96], "data_offsets": [0, 1 << 50]},
        {"dtype": "F32", "shape": [-96], "data_offsets": [0, 384]},
        {"dtype": "F32", "shape": [96], "data_offsets": [384, 0]},
        {"dtype": "F32", "shape": [97], "data_offsets": [0, 384]},
        {"dtype": "F32", "shape": [1.5], "data_offsets": [0, 384]},
        {"dtype": "F32", "shape": 96, "data_offsets": [0, 384]},
        {"dtype": "F32"},
        7,
    ],
    ids=str,
)
def test_damaged_header_is_rejected(folder, entry):
    path = folder / "model-00001-of-00002.safetensors"
    header = json.dumps({"model.norm.weight": entry}).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header + b"\0" * 1000)
    with pytest.raises(BadSource):
        SafetensorsWeights(folder)


LLAMA3 = {
    "rope_type": "llama3", "factor": 8, "low_freq_factor": 1, "high_freq_factor": 4,
    "original_max_position_embeddings": 64,
}  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"model_type": "mamba"}, "'mamba' is not supported; known: gemma"),
        ({"model_type": 3}, "not supported"),
        ({"num_attention_heads": 0}, "0 attention heads"),
        ({"num_attention_heads": "six"}, "'six'"),
        ({"num_key_value_heads": 4}, "do not fit together"),
        ({"num_hidden_layers": 10**9}, "layers"),
        ({"vocab_size": 321}, "expected"),
        ({"rope_scaling": {"rope_type": "yarn", "factor": 2}}, "'yarn' is not supported"),
        ({"rope_scaling": {"rope_type": "linear"}}, "factor"),
        ({"tie_word_embeddings": False}, "'lm_head.weight' is missing"),
        ({"head_dim": 10**12, "rope_scaling": LLAMA3}, "head size"),
        ({"rope_scaling": LLAMA3 | {"low_freq_factor": 0}}, "rope scaling"),
        ({"rope_scaling": LLAMA3 | {"factor": 0}}, "rope scaling"),
        ({"hidden_size": math.inf}, "hidden_size is inf"),
        ({"rms_norm_eps": 10**400}, "rms_norm_eps is 10"),
        ({"rope_theta": 10**400}, "rope_theta is 10"),
        ({"rope_scaling": LLAMA3 | {"factor": 10**400}}, "rope scaling"),
    ],
    ids=str,
)
def test_invalid_config_is_rejected(folder, fields, message):
    change(folder / "config.json", **fields)
    with pytest.raises(BadSource, match=message):
        SafetensorsWeights(folder)


def test_tokenizer_larger_than_model_is_rejected(folder, tmp_path):
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.add_tokens([AddedToken(f"<extra{index}>") for index in range(40)])
    tokenizer.save(str(folder / "tokenizer.json"))
    with pytest.raises(BadSource, match="has the id 325, but the model has 320 rows"):
        import_checkpoint(folder, tmp_path / "out", ImportOptions("x", "x", "MIT", "int8"))
    assert not (tmp_path / "out").exists()


def test_invalid_tokenizer_is_rejected(folder, tmp_path):
    (folder / "tokenizer.json").write_text("{}")
    with pytest.raises(BadSource, match="not a tokenizer"):
        import_checkpoint(folder, tmp_path / "out", ImportOptions("x", "x", "MIT", "int8"))


def test_llama3_divisors_slow_only_long_waves():
    table = {
        "factor": 8.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 8192,
    }
    divisors = _llama3_divisors(table, 500000.0, 128)
    assert divisors[0] == 1.0 and divisors[-1] == 8.0
    assert list(divisors) == sorted(divisors)
    assert sum(1 < divisor < 8 for divisor in divisors) > 3

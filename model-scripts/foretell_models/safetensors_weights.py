"""A Hugging Face folder (config.json, safetensors, tokenizer.json) as a `Weights` source.

Tensors are read from the file by rows, so only part of one is in memory at a time.
"""

import hashlib
import json
import math
import struct
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from foretell_models import files
from foretell_models.bundle import Source, is_safe_name
from foretell_models.errors import BadSource
from foretell_models.model_config import (
    Floats,
    ModelConfig,
    family_of,
    required_tensors,
    tensor_shapes,
)
from foretell_models.quantize import Grid

_MAX_HEADER = 100 << 20  # The format's own limit.
_MAX_JSON = 64 << 20
_SIZES = {"F32": 4, "F16": 2, "BF16": 2, "F64": 8}
_INDEX = "model.safetensors.index.json"

_TOP = {"embed": "model.embed_tokens", "head": "lm_head", "final_norm": "model.norm"}
_LAYER = {
    "attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm",
    "q": "self_attn.q_proj", "k": "self_attn.k_proj", "v": "self_attn.v_proj",
    "o": "self_attn.o_proj", "gate": "mlp.gate_proj", "up": "mlp.up_proj",
    "down": "mlp.down_proj",
}  # fmt: skip
_STARCODER = {"up": "mlp.c_fc", "down": "mlp.c_proj"}


@dataclass(frozen=True)
class _Tensor:
    path: Path
    kind: str
    shape: tuple[int, ...]
    offset: int


class SafetensorsWeights:
    """Tensors by their common names, from one file or several shards."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        fields = _read_json(folder / "config.json")
        self._tensors: dict[str, _Tensor] = {}
        self._shards = _shards(folder)
        for shard in self._shards:
            for name, tensor in _read_header(shard).items():
                if name in self._tensors:
                    raise BadSource(f"{shard}: tensor {name!r} is in another shard too")
                self._tensors[name] = tensor
        self.config = _config(folder, fields)
        self.eos_ids = _eos_ids(folder, fields)
        # Some files with tied embeddings contain a copy of the head, which must be ignored.
        self._tied = fields.get("tie_word_embeddings", self.config.architecture == "gemma") is True
        self._check(tensor_shapes(self.config))

    def _check(self, shapes: dict[str, tuple[int, ...]]) -> None:
        for name in required_tensors(self.config) + ([] if self._tied else ["head"]):
            if not self.has(name):
                raise BadSource(f"{self.folder}: tensor {self._name(name)!r} is missing")
        for name, shape in shapes.items():
            if not self.has(name):
                continue
            tensor = self._tensors[self._name(name)]
            if tensor.shape != shape:
                raise BadSource(
                    f"{tensor.path}: tensor {self._name(name)!r} is {tensor.shape}, "
                    f"expected {shape}"
                )
            if tensor.kind not in _SIZES:
                raise BadSource(
                    f"{tensor.path}: tensor {self._name(name)!r} is stored as {tensor.kind}, which "
                    f"is not supported; known: {', '.join(_SIZES)}"
                )

    def _name(self, name: str) -> str:
        """Hugging Face's tensor name: `3.q_bias` is `model.layers.3.self_attn.q_proj.bias`."""
        ending = "weight"
        if name.endswith("_bias"):
            name, ending = name.removesuffix("_bias"), "bias"
        if "." not in name:
            return f"{_TOP[name]}.{ending}"
        layer, part = name.split(".")
        gated = self.config.family.gated
        inner = _LAYER[part] if gated else _STARCODER.get(part, _LAYER[part])
        return f"model.layers.{layer}.{inner}.{ending}"

    def has(self, name: str) -> bool:
        """Whether the checkpoint has and uses this tensor."""
        return not (name == "head" and self._tied) and self._name(name) in self._tensors

    def storage(self, name: str) -> str:
        """The format's name for the tensor's type."""
        return self._tensors[self._name(name)].kind

    def grid(self, name: str, start: int, stop: int) -> Grid | None:
        """None, because these files store floats."""
        return None

    def rows(self, name: str, start: int, stop: int) -> Floats:
        """Rows as float32; NaN and infinity raise `BadSource`."""
        tensor = self._tensors[self._name(name)]
        width = math.prod(tensor.shape[1:])
        values = self._read(tensor, start * width, (stop - start) * width)
        return values.reshape(stop - start, width)

    def vector(self, name: str) -> Floats:
        """A whole one-dimensional tensor."""
        tensor = self._tensors[self._name(name)]
        values = self._read(tensor, 0, tensor.shape[0])
        if self.config.family.norm_plus_one and name.endswith("norm"):
            return values + 1
        return values

    def _read(self, tensor: _Tensor, first: int, count: int) -> Floats:
        size = _SIZES[tensor.kind]
        with tensor.path.open("rb") as file:
            file.seek(tensor.offset + first * size)
            data = np.fromfile(file, np.uint8, count * size)
        if data.size != count * size:
            raise BadSource(f"{tensor.path}: the file shrank while reading it")
        if tensor.kind == "BF16":
            values = (data.view(np.uint16).astype(np.uint32) << 16).view(np.float32)
        else:
            kind = {"F32": np.float32, "F16": np.float16, "F64": np.float64}[tensor.kind]
            values = data.view(kind).astype(np.float32)
        if not np.isfinite(values).all():
            raise BadSource(f"{tensor.path}: a tensor has values that are not finite")
        return values

    def describe(self) -> Source:
        """The manifest's `source` entry, with one hash over the files' names and hashes."""
        digest, size = hashlib.sha256(), 0
        for path in sorted([self.folder / "config.json", *self._shards]):
            digest.update(f"{files.sha256_of(path)}  {path.name}\n".encode())
            size += path.stat().st_size
        return Source("safetensors", self.folder.name, size, digest.hexdigest())


def _shards(folder: Path) -> list[Path]:
    """The files with the tensors; raises `BadSource` if the index names missing or outside ones."""
    index = folder / _INDEX
    if not index.is_file():
        single = folder / "model.safetensors"
        if not single.is_file():
            raise BadSource(f"{folder}: neither model.safetensors nor {_INDEX} exists")
        return [single]
    mapping = _read_json(index).get("weight_map")
    if not isinstance(mapping, dict) or not mapping:
        raise BadSource(f"{index}: weight_map is missing")
    names = sorted({str(name) for name in mapping.values()})
    for name in names:
        if not is_safe_name(name):
            raise BadSource(f"{index}: the shard name {name!r} leads out of the folder; rejected")
    if missing := [name for name in names if not (folder / name).is_file()]:
        raise BadSource(
            f"{index}: {len(missing)} of {len(names)} shards are missing, the first {missing[0]}; "
            "fetch them and run again"
        )
    return [folder / name for name in names]


def _read_json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise BadSource(f"{path} is missing: not a model folder")
    if path.stat().st_size > _MAX_JSON:
        raise BadSource(f"{path}: larger than {_MAX_JSON} bytes")
    try:
        fields = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise BadSource(f"{path}: not JSON: {error}") from None
    if not isinstance(fields, dict):
        raise BadSource(f"{path}: not a JSON object")
    return fields


def _read_header(path: Path) -> dict[str, _Tensor]:
    """The location of each tensor; every offset is checked against the file size."""
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(8)
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else size
        if length > min(_MAX_HEADER, size - 8):
            raise BadSource(f"{path}: truncated or not a safetensors file; fetch it again")
        try:
            header = json.loads(file.read(length))
            header.pop("__metadata__", None)
            return {
                str(name): _tensor(path, name, entry, 8 + length, size)
                for name, entry in header.items()
            }
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise BadSource(f"{path}: the header is damaged: {error}") from None


def _tensor(path: Path, name: str, entry: Any, base: int, size: int) -> _Tensor:
    shape, (first, last) = tuple(entry["shape"]), entry["data_offsets"]
    numbers = (*shape, first, last)
    if not all(type(number) is int and number >= 0 for number in numbers):
        raise BadSource(f"{path}: tensor {name!r}: shape or offsets are not non-negative integers")
    if first > last or base + last > size:
        raise BadSource(
            f"{path}: truncated or damaged: tensor {name!r} should end at byte {base + last}, the "
            f"file has {size}; fetch it again"
        )
    kind = str(entry["dtype"])
    if kind in _SIZES and last - first != math.prod(shape) * _SIZES[kind]:
        raise BadSource(f"{path}: tensor {name!r}: {last - first} bytes do not match shape {shape}")
    return _Tensor(path, kind, shape, base + first)


def _config(folder: Path, fields: dict[str, Any]) -> ModelConfig:
    where = folder / "config.json"
    architecture = fields.get("model_type")
    family = family_of(architecture, where)
    assert isinstance(architecture, str)

    def number(key: str, default: float | None = None) -> Any:
        value = fields.get(key)
        value = default if value is None else value
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise BadSource(f"{where}: {key} is {value!r}, not a number")
        # An integer can be too large for a float.
        if not abs(value) <= sys.float_info.max:
            raise BadSource(f"{where}: {key} is {value!r}, which is not finite or too large")
        return value

    heads, hidden = int(number("num_attention_heads")), int(number("hidden_size"))
    if heads < 1:
        raise BadSource(f"{where}: {heads} attention heads, at least 1 is required")
    head_dim = int(number("head_dim", hidden // heads))
    windowed = fields.get("use_sliding_window", architecture == "starcoder2")
    config = ModelConfig(
        architecture=architecture,
        n_layers=int(number("num_hidden_layers")),
        hidden=hidden,
        ffn=int(number("intermediate_size")),
        n_heads=heads,
        n_kv_heads=int(number("num_key_value_heads", heads)),
        head_dim=head_dim,
        vocab_size=int(number("vocab_size")),
        context_length=int(number("max_position_embeddings")),
        norm_eps=float(number("rms_norm_eps" if family.norm == "rms" else "norm_epsilon")),
        rope_theta=float(number("rope_theta", _rope_parameters(fields).get("rope_theta", 10000.0))),
        window=int(number("sliding_window", 0)) if windowed else 0,
    )
    # Check the sizes before `_rope_scaling` makes a list of `head_dim` elements.
    config.check(where)
    scale, divisors = _rope_scaling(where, fields, head_dim)
    config = replace(config, rope_scale=scale, rope_divisors=divisors)
    config.check(where)
    return config


def _rope_parameters(fields: dict[str, Any]) -> dict[str, Any]:
    """The rotary table: in newer files, it has all rotary fields; in older ones, only scaling."""
    table = fields.get("rope_parameters") or fields.get("rope_scaling") or {}
    return table if isinstance(table, dict) else {}


def _rope_scaling(
    where: Path, fields: dict[str, Any], head_dim: int
) -> tuple[float, tuple[float, ...]]:
    """(divisor of the positions, divisor of each frequency); the latter is empty if all are 1."""
    table = _rope_parameters(fields)
    kind = table.get("rope_type", table.get("type", "default"))
    if kind == "default":
        return 1.0, ()
    try:
        factor = float(table["factor"])
        if kind == "linear":
            return factor, ()
        if kind == "llama3":
            theta = float(fields.get("rope_theta", table.get("rope_theta", 10000.0)))
            return 1.0, _llama3_divisors(table, theta, head_dim)
    except (KeyError, TypeError, ValueError, ArithmeticError) as error:
        raise BadSource(f"{where}: rope scaling: {error}") from None
    raise BadSource(f"{where}: rope scaling {kind!r} is not supported; known: linear, llama3")


def _llama3_divisors(table: dict[str, Any], theta: float, head_dim: int) -> tuple[float, ...]:
    """Llama 3.1: long waves are slowed by `factor`, short ones kept, those in between blended."""
    low, high = float(table["low_freq_factor"]), float(table["high_freq_factor"])
    factor, original = float(table["factor"]), float(table["original_max_position_embeddings"])
    divisors = []
    for index in range(0, head_dim, 2):
        wave = 2 * math.pi * theta ** (index / head_dim)
        if wave < original / high:
            divisors.append(1.0)
        elif wave > original / low:
            divisors.append(factor)
        else:
            blend = (original / wave - low) / (high - low)
            divisors.append(1 / ((1 - blend) / factor + blend))
    return tuple(divisors)


def _eos_ids(folder: Path, fields: dict[str, Any]) -> list[int]:
    """The end tokens in generation_config.json, or else in config.json."""
    path = folder / "generation_config.json"
    declared = (_read_json(path) if path.is_file() else {}).get("eos_token_id")
    declared = fields.get("eos_token_id") if declared is None else declared
    return [
        token
        for token in (declared if isinstance(declared, list) else [declared])
        if type(token) is int
    ]

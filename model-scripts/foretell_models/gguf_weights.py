"""A GGUF checkpoint as a `Weights` source."""

from typing import Any

import numpy as np

from foretell_models import blocks
from foretell_models.errors import BadSource
from foretell_models.gguf_reader import GgufFile
from foretell_models.model_config import (
    Floats,
    ModelConfig,
    family_of,
    required_tensors,
    tensor_shapes,
)
from foretell_models.quantize import Grid

_TOP = {"embed": "token_embd", "head": "output", "final_norm": "output_norm"}
_LAYER = {
    "attn_norm": "attn_norm", "q": "attn_q", "k": "attn_k", "v": "attn_v", "o": "attn_output",
    "ffn_norm": "ffn_norm", "gate": "ffn_gate", "up": "ffn_up", "down": "ffn_down",
}  # fmt: skip


def gguf_name(name: str) -> str:
    """GGUF's name for a tensor: `3.q_bias` is `blk.3.attn_q.bias`."""
    ending = "weight"
    if name.endswith("_bias"):
        name, ending = name.removesuffix("_bias"), "bias"
    if "." not in name:
        return f"{_TOP[name]}.{ending}"
    layer, part = name.split(".")
    return f"blk.{layer}.{_LAYER[part]}.{ending}"


class GgufWeights:
    """Tensors by their common names; rows of Q and K are in the order for rotating halves."""

    def __init__(self, file: GgufFile) -> None:
        self._file = file
        self.config = _config(file)
        self._shapes = tensor_shapes(self.config)
        for name in required_tensors(self.config):
            if not self.has(name):
                raise BadSource(f"{file.path}: tensor {gguf_name(name)!r} is missing")
        for name, shape in self._shapes.items():
            tensor = file.tensors.get(gguf_name(name))
            if tensor is None:
                continue
            if tensor.shape != shape:
                raise BadSource(
                    f"{file.path}: tensor {tensor.name!r} is {tensor.shape}, expected {shape}"
                )
            if tensor.kind not in blocks.KNOWN:
                raise BadSource(
                    f"{file.path}: tensor {tensor.name!r} is stored as {tensor.kind.name}, which "
                    f"is not supported; known: {', '.join(kind.name for kind in blocks.KNOWN)}"
                )
        self._reject_unknown_tensors()

    def _reject_unknown_tensors(self) -> None:
        """Raises `BadSource` for a tensor that the graph would ignore: results would be wrong."""
        known = {gguf_name(name) for name in self._shapes} | {"rope_freqs.weight"}
        if unknown := sorted(set(self._file.tensors) - known):
            raise BadSource(
                f"{self._file.path}: {len(unknown)} tensors that do not belong to architecture "
                f"{self.config.architecture!r}, the first {unknown[0]!r}"
            )

    def has(self, name: str) -> bool:
        """Whether the file has this tensor."""
        return gguf_name(name) in self._file.tensors

    def storage(self, name: str) -> str:
        """GGUF's name for the tensor's type."""
        return str(self._file.tensors[gguf_name(name)].kind.name)

    def rows(self, name: str, start: int, stop: int) -> Floats:
        """Rows as float32."""
        tensor = self._file.tensors[gguf_name(name)]
        try:
            return blocks.to_float(self._bytes(name, start, stop), tensor.kind)
        except BadSource as error:
            raise BadSource(f"{self._file.path}: {tensor.name!r}: {error}") from None

    def grid(self, name: str, start: int, stop: int) -> Grid | None:
        """The same rows as the stored integers; None for the float types."""
        return blocks.to_grid(
            self._bytes(name, start, stop), self._file.tensors[gguf_name(name)].kind
        )

    def vector(self, name: str) -> Floats:
        """A whole one-dimensional tensor; biases of Q and K are in the order of their rows."""
        tensor = self._file.tensors[gguf_name(name)]
        values = blocks.to_float(self._file.rows(tensor, 0, 1), tensor.kind)[0]
        order = self._order(name.removesuffix("_bias")) if name.endswith("_bias") else None
        ordered: Floats = values if order is None else values[order]
        return ordered

    def _bytes(self, name: str, start: int, stop: int) -> Any:
        tensor = self._file.tensors[gguf_name(name)]
        order = self._order(name)
        if order is None:
            return self._file.rows(tensor, start, stop)
        return self._file.rows(tensor, 0, tensor.shape[0])[order[start:stop]]

    def _order(self, name: str) -> Any:
        """The row order that undoes GGUF's interleaving of Q and K, or None.

        GGUF's llama stores each head's rows as pairs (0, half), (1, half + 1), ...
        """
        part = name.rpartition(".")[2]
        if part not in ("q", "k") or not self.config.family.gguf_interleaved_rope:
            return None
        c = self.config
        heads = c.n_heads if part == "q" else c.n_kv_heads
        index = np.arange(heads * c.head_dim).reshape(heads, c.head_dim // 2, 2)
        return index.swapaxes(1, 2).reshape(-1)


def _config(file: GgufFile) -> ModelConfig:
    meta = file.metadata
    architecture = meta.get("general.architecture")
    family_of(architecture, file.path)

    def number(key: str, default: float | None = None) -> Any:
        value = meta.get(f"{architecture}.{key}", default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise BadSource(
                f"{file.path}: metadata {architecture}.{key} is {value!r}, not a number"
            )
        return value

    heads = int(number("attention.head_count"))
    hidden = int(number("embedding_length"))
    if heads < 1:
        raise BadSource(f"{file.path}: {heads} attention heads, at least 1 is required")
    head_dim = int(number("attention.key_length", hidden // heads))
    for key in ("rope.dimension_count", "attention.value_length"):
        if int(number(key, head_dim)) != head_dim:
            raise BadSource(f"{file.path}: {architecture}.{key} differs from the head size")
    kind = meta.get(f"{architecture}.rope.scaling.type", "none")
    if kind not in ("none", "linear"):
        raise BadSource(f"{file.path}: rope scaling {kind!r} is not supported; known: linear")
    layer_norm = family_of(architecture, file.path).norm == "layer"
    epsilon = "attention.layer_norm_epsilon" if layer_norm else "attention.layer_norm_rms_epsilon"
    embed = file.tensors.get("token_embd.weight")
    config = ModelConfig(
        architecture=str(architecture),
        n_layers=int(number("block_count")),
        hidden=hidden,
        ffn=int(number("feed_forward_length")),
        n_heads=heads,
        n_kv_heads=int(number("attention.head_count_kv", heads)),
        head_dim=head_dim,
        vocab_size=embed.shape[0] if embed else 0,
        context_length=int(number("context_length")),
        norm_eps=float(number(epsilon)),
        rope_theta=float(number("rope.freq_base", 10000.0)),
        window=int(number("attention.sliding_window", 0)),
        rope_divisors=_divisors(file),
        rope_scale=float(number("rope.scaling.factor", 1.0)) if kind == "linear" else 1.0,
    )
    config.check(file.path)
    return config


def _divisors(file: GgufFile) -> tuple[float, ...]:
    """The divisor of each rotary frequency, which Llama 3 stores as a tensor; empty if absent."""
    tensor = file.tensors.get("rope_freqs.weight")
    if tensor is None:
        return ()
    if tensor.kind not in blocks.KNOWN or len(tensor.shape) != 1 or tensor.n_bytes > 1 << 16:
        raise BadSource(f"{file.path}: rope_freqs.weight is not a short vector of numbers")
    return tuple(blocks.to_float(file.rows(tensor, 0, 1), tensor.kind)[0].tolist())

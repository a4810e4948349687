"""The configuration and tensors of a decoder, independent of the checkpoint's file format."""

import math
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from foretell_models.errors import BadSource
from foretell_models.quantize import Grid

Floats = npt.NDArray[np.float32]

#: Maximum rows of a graph's rotary tables: enough for code prompts, and the tables stay small.
MAX_CONTEXT = 8192


@dataclass(frozen=True)
class Family:
    """How an architecture differs from others, apart from its sizes."""

    norm: Literal["rms", "layer"] = "rms"
    activation: Literal["silu", "gelu_tanh"] = "silu"
    gated: bool = True
    #: The embedding is multiplied by the square root of the width (Gemma).
    scaled_embedding: bool = False
    #: Hugging Face stores the norm's weight minus one (Gemma); GGUF stores the full weight.
    norm_plus_one: bool = False
    #: GGUF stores the rows of Q and K so that rotary pairs are adjacent (llama).
    gguf_interleaved_rope: bool = False


FAMILIES: dict[str, Family] = {
    "llama": Family(gguf_interleaved_rope=True),
    "qwen2": Family(),
    "starcoder2": Family(norm="layer", activation="gelu_tanh", gated=False),
    "gemma": Family(activation="gelu_tanh", scaled_embedding=True, norm_plus_one=True),
}


def family_of(architecture: object, where: object) -> Family:
    """The family of an architecture; raises `BadSource`, which lists the known ones."""
    if not isinstance(architecture, str) or architecture not in FAMILIES:
        raise BadSource(
            f"{where}: architecture {architecture!r} is not supported; "
            f"known: {', '.join(sorted(FAMILIES))}"
        )
    return FAMILIES[architecture]


@dataclass(frozen=True)
class ModelConfig:
    """Sizes and constants of one decoder."""

    architecture: str
    n_layers: int
    hidden: int
    ffn: int
    n_heads: int
    n_kv_heads: int
    head_dim: int
    vocab_size: int
    context_length: int
    norm_eps: float
    rope_theta: float
    #: Sliding attention window in tokens; 0 for none.
    window: int = 0
    #: Divisors of the rotary frequencies, one per pair of dimensions (Llama 3); may be empty.
    rope_divisors: tuple[float, ...] = field(default=(), repr=False)
    #: Positions are divided by this (linear rope scaling).
    rope_scale: float = 1.0

    @property
    def family(self) -> Family:
        """The properties of the architecture."""
        return FAMILIES[self.architecture]

    def check(self, where: object) -> None:
        """Raises `BadSource` if a size is out of range or the sizes are inconsistent."""
        limits = {
            "layers": (self.n_layers, 1 << 10),
            "width": (self.hidden, 1 << 16),
            "feed-forward width": (self.ffn, 1 << 18),
            "heads": (self.n_heads, 1 << 10),
            "KV heads": (self.n_kv_heads, self.n_heads),
            "head size": (self.head_dim, 1 << 10),
            "vocabulary": (self.vocab_size, 1 << 22),
            "context": (self.context_length, 1 << 24),
        }
        for what, (value, most) in limits.items():
            if not 1 <= value <= most:
                raise BadSource(f"{where}: {what} is {value}, not between 1 and {most}")
        if self.n_heads % self.n_kv_heads or self.head_dim % 2:
            raise BadSource(
                f"{where}: {self.n_heads} heads, {self.n_kv_heads} KV heads of size "
                f"{self.head_dim} do not fit together"
            )
        if not (0 < self.norm_eps < 1 and 0 < self.rope_theta < 1e12):
            raise BadSource(
                f"{where}: norm epsilon {self.norm_eps} or rotary base {self.rope_theta} is out of "
                "range"
            )
        if self.rope_divisors and len(self.rope_divisors) != self.head_dim // 2:
            raise BadSource(
                f"{where}: {len(self.rope_divisors)} rotary divisors, expected {self.head_dim // 2}"
            )
        divisors = (*self.rope_divisors, self.rope_scale)
        if not all(0 < divisor < math.inf for divisor in divisors):
            raise BadSource(f"{where}: rope scaling by {divisors}, not by positive finite numbers")

    def rotary(self, length: int) -> tuple[Floats, Floats]:
        """Cosine and sine of every position and frequency, each float32 [length, head_dim / 2]."""
        exponent = np.arange(0, self.head_dim, 2, dtype=np.float64) / self.head_dim
        frequency = self.rope_theta**-exponent
        if self.rope_divisors:
            frequency = frequency / np.asarray(self.rope_divisors)
        angle = np.arange(length, dtype=np.float64)[:, None] / self.rope_scale * frequency[None]
        return np.cos(angle).astype(np.float32), np.sin(angle).astype(np.float32)


class Weights(Protocol):
    """A checkpoint in any format; tensors have the names of `tensor_shapes`.

    Matrices are [outputs, inputs]; vectors are one row.
    """

    config: ModelConfig

    def has(self, name: str) -> bool:
        """Whether the checkpoint has this tensor."""

    def rows(self, name: str, start: int, stop: int) -> Floats:
        """Rows of a matrix as float32."""

    def grid(self, name: str, start: int, stop: int) -> Grid | None:
        """The same rows as the integers that the file stores; None if it stores floats."""

    def storage(self, name: str) -> str:
        """The name of the tensor's type in the file's format (`Q4_K`, `BF16`)."""

    def vector(self, name: str) -> Floats:
        """A whole one-dimensional tensor."""


def tensor_shapes(config: ModelConfig) -> dict[str, tuple[int, ...]]:
    """Names and shapes of all tensors that a decoder of this configuration may have."""
    c = config
    q, kv = c.n_heads * c.head_dim, c.n_kv_heads * c.head_dim
    shapes: dict[str, tuple[int, ...]] = {
        "embed": (c.vocab_size, c.hidden),
        "head": (c.vocab_size, c.hidden),
        "final_norm": (c.hidden,),
        "final_norm_bias": (c.hidden,),
    }
    layer: dict[str, tuple[int, ...]] = {
        "attn_norm": (c.hidden,), "attn_norm_bias": (c.hidden,),
        "q": (q, c.hidden), "k": (kv, c.hidden), "v": (kv, c.hidden), "o": (c.hidden, q),
        "q_bias": (q,), "k_bias": (kv,), "v_bias": (kv,), "o_bias": (c.hidden,),
        "ffn_norm": (c.hidden,), "ffn_norm_bias": (c.hidden,),
        "up": (c.ffn, c.hidden), "down": (c.hidden, c.ffn),
        "up_bias": (c.ffn,), "down_bias": (c.hidden,),
    }  # fmt: skip
    if c.family.gated:
        layer["gate"] = (c.ffn, c.hidden)
    for index in range(c.n_layers):
        shapes.update({f"{index}.{name}": shape for name, shape in layer.items()})
    return shapes


def required_tensors(config: ModelConfig) -> list[str]:
    """The tensors that every checkpoint must have; without a `head`, `embed` is used for it."""
    optional_suffix = "_bias"
    names = [name for name in tensor_shapes(config) if not name.endswith(optional_suffix)]
    if config.family.norm == "layer":
        names += [name for name in tensor_shapes(config) if name.endswith("norm_bias")]
    names.remove("head")
    return names

"""Rotates a decoder's residual stream, so that no channel is much larger than the others.

An orthogonal change of basis commutes with RMS normalization once the norm's gains are part of the
next matrices. So it can be folded into the weights, and the model computes the same function. In
the new basis each channel is a mixture of many, which rounds to 8 bits with a smaller error: the
scale of a token is no longer set by a few outlier channels (QuaRot, arXiv:2404.00456).
"""

import math

import numpy as np

from foretell_models.model_config import Floats, ModelConfig, Weights, tensor_shapes
from foretell_models.quantize import Grid

_INPUTS = {
    "q": "attn_norm",
    "k": "attn_norm",
    "v": "attn_norm",
    "gate": "ffn_norm",
    "up": "ffn_norm",
}
_OUTPUTS = ("o", "down")
_SEED = 1


class Rotation:
    """The orthogonal matrix `signs * (cosine transform (x) Hadamard)` of a given size.

    Hadamard matrices exist for powers of two; a cosine transform covers the odd factor of the size.
    """

    def __init__(self, size: int) -> None:
        power = size & -size
        odd = size // power
        self._signs = np.random.default_rng(_SEED).choice([-1.0, 1.0], size).astype(np.float32)
        hadamard = np.ones((1, 1))
        while len(hadamard) < power:
            hadamard = np.block([[hadamard, hadamard], [hadamard, -hadamard]])
        self._hadamard = (hadamard / math.sqrt(power)).astype(np.float32)
        row, column = np.mgrid[:odd, :odd]
        cosine = np.cos(np.pi * (2 * row + 1) * column / (2 * odd)) * math.sqrt(2 / odd)
        cosine[:, 0] = 1 / math.sqrt(odd)
        self._cosine = cosine.astype(np.float32)

    def apply(self, rows: Floats) -> Floats:
        """`rows @ matrix`, for rows [n, size]."""
        grid = (rows * self._signs).reshape(len(rows), len(self._cosine), len(self._hadamard))
        rotated: Floats = np.matmul(self._cosine.T, grid @ self._hadamard)
        return rotated.reshape(rows.shape)


class RotatedWeights:
    """A `Weights` source with another's weights, in a rotated basis of the residual stream.

    All gains of norms are 1. The gains of the final norm are part of the head, so there is always a
    `head`.
    """

    def __init__(self, weights: Weights) -> None:
        self.config: ModelConfig = weights.config
        self._weights = weights
        self._rotation = Rotation(self.config.hidden)
        self._shapes = tensor_shapes(self.config)
        self._whole: tuple[str, Floats] | None = None

    @staticmethod
    def applies_to(config: ModelConfig) -> bool:
        """Whether the model can be rotated: subtracting a mean does not commute with a rotation."""
        return config.family.norm == "rms"

    def has(self, name: str) -> bool:
        """Whether the tensor exists."""
        return name == "head" or self._weights.has(name)

    def storage(self, name: str) -> str:
        """The type of the tensor in the source."""
        return self._weights.storage(self._source(name))

    def grid(self, name: str, start: int, stop: int) -> Grid | None:
        """None, because rotated weights are floats."""
        return None

    def vector(self, name: str) -> Floats:
        """A vector; ones for a norm."""
        values = self._weights.vector(name)
        if name.endswith("norm"):
            return np.ones_like(values)
        part = name.removesuffix("_bias").rpartition(".")[2]
        return self._rotation.apply(values[None])[0] if part in _OUTPUTS else values

    def rows(self, name: str, start: int, stop: int) -> Floats:
        """Rows of a matrix."""
        layer, _, part = name.rpartition(".")
        if part in _OUTPUTS:
            return self._rotated_outputs(name)[start:stop]
        rows = self._weights.rows(self._source(name), start, stop)
        norm = "final_norm" if part == "head" else f"{layer}.{_INPUTS.get(part, '')}"
        if part != "embed":
            rows = rows * self._weights.vector(norm)
        return self._rotation.apply(rows)

    def _source(self, name: str) -> str:
        return "embed" if name == "head" and not self._weights.has("head") else name

    def _rotated_outputs(self, name: str) -> Floats:
        """The whole matrix, rotated along its outputs; the last one is kept for its other rows."""
        if self._whole is None or self._whole[0] != name:
            rows = self._weights.rows(name, 0, self._shapes[name][0])
            self._whole = (name, np.ascontiguousarray(self._rotation.apply(rows.T).T))
        return self._whole[1]

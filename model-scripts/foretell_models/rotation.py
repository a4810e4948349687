"""Rotates the inputs of a decoder's matrices, so that no channel is much larger than the others.

The model computes the same function in another basis (QuaRot, arXiv:2404.00456). Each channel is
then a mixture of many, which rounds to 8 bits with a smaller error: a token's scale is no longer
set by a few outlier channels.

- The residual stream: an orthogonal change of basis commutes with RMS normalization once the norm's
  gains are part of the next matrices, so the weights absorb it.
- The attention output: attention averages values, so the matrices before and after absorb it.
- The input of the down projection follows a product of two activations, so the graph multiplies it
  by a small Hadamard matrix, block by block.
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
#: Largest size of the blocks that the graph rotates.
_BLOCK = 64
#: Largest Hadamard matrix that a rotation multiplies by; larger ones are products of two.
_DENSE = 128
_SEED = 1


def hadamard(size: int) -> Floats:
    """The symmetric orthogonal matrix of ones and minus ones, for a power of two."""
    matrix = np.ones((1, 1))
    while len(matrix) < size:
        matrix = np.block([[matrix, matrix], [matrix, -matrix]])
    scaled: Floats = (matrix / math.sqrt(size)).astype(np.float32)
    return scaled


class Rotation:
    """The orthogonal matrix `signs * (cosine transform (x) Hadamard)` of a given size.

    Hadamard matrices exist for powers of two; a cosine transform covers the odd factor of the size.
    """

    def __init__(self, size: int) -> None:
        power = size & -size
        odd = size // power
        self._signs = np.random.default_rng(_SEED).choice([-1.0, 1.0], size).astype(np.float32)
        # A Hadamard matrix is the Kronecker product of two smaller ones, which take far less time.
        inner = 1 << (power.bit_length() // 2) if power > _DENSE else power
        self._inner, self._outer = hadamard(inner), hadamard(power // inner)
        row, column = np.mgrid[:odd, :odd]
        cosine = np.cos(np.pi * (2 * row + 1) * column / (2 * odd)) * math.sqrt(2 / odd)
        cosine[:, 0] = 1 / math.sqrt(odd)
        self._cosine = cosine.astype(np.float32)

    def apply(self, rows: Floats) -> Floats:
        """`rows @ matrix`, for rows [n, size]."""
        grid = (rows * self._signs).reshape(-1, len(self._inner)) @ self._inner
        if len(self._outer) > 1:
            grid = np.matmul(self._outer, grid.reshape(-1, len(self._outer), len(self._inner)))
        grid = grid.reshape(len(rows), len(self._cosine), -1)
        rotated: Floats = np.matmul(self._cosine.T, grid)
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
        self._head = Rotation(self.config.head_dim)
        width = self.config.ffn
        #: The matrix that the graph multiplies each block of the down projection's input by.
        self.block: Floats = hadamard(min(_BLOCK, width & -width))
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
        if part == "v":
            return self._head.apply(values.reshape(-1, self.config.head_dim)).reshape(-1)
        return self._rotation.apply(values[None])[0] if part in _OUTPUTS else values

    def rows(self, name: str, start: int, stop: int) -> Floats:
        """Rows of a matrix."""
        if name.rpartition(".")[2] in (*_OUTPUTS, "v"):
            return self._whole_matrix(name)[start:stop]
        return self._inputs_rotated(name, self._weights.rows(self._source(name), start, stop))

    def _inputs_rotated(self, name: str, rows: Floats) -> Floats:
        layer, _, part = name.rpartition(".")
        if part == "o":
            return self._head.apply(rows.reshape(-1, self.config.head_dim)).reshape(rows.shape)
        if part == "down":
            # Two dimensions: NumPy multiplies stacks of small matrices one by one.
            return (rows.reshape(-1, len(self.block)) @ self.block).reshape(rows.shape)
        if part != "embed":
            norm = "final_norm" if part == "head" else f"{layer}.{_INPUTS[part]}"
            rows = rows * self._weights.vector(norm)
        return self._rotation.apply(rows)

    def _whole_matrix(self, name: str) -> Floats:
        """A matrix whose outputs are rotated, too; the last one is kept for its other rows."""
        if self._whole is None or self._whole[0] != name:
            rows = self._inputs_rotated(name, self._weights.rows(name, 0, self._shapes[name][0]))
            if name.endswith(".v"):
                blocks = rows.reshape(-1, self.config.head_dim, rows.shape[1])
                rotated = [self._head.apply(block.T).T for block in blocks]
                rows = np.concatenate(rotated)
            else:
                rows = self._rotation.apply(rows.T).T
            self._whole = (name, np.ascontiguousarray(rows))
        return self._whole[1]

    def _source(self, name: str) -> str:
        return "embed" if name == "head" and not self._weights.has("head") else name

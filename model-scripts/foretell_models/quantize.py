"""Quantizes float32 rows to integers with one scale per block, in the layout of MatMulNBits.

A block is `block` consecutive values of a row. MatMulNBits computes `(q - zero) * scale`; without
explicit zero points, zero is 8 for 4 bits and 128 for 8 bits.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.uint8]

_TINY = np.float32(1e-12)


@dataclass(frozen=True)
class Grid:
    """The exact content of a block format: `values * scale + minimum`.

    `values` is int8 [rows, blocks, block], `scale` float32 [rows, blocks], and `minimum` is like
    `scale` or None.
    """

    values: npt.NDArray[np.int8]
    scale: Floats
    minimum: Floats | None

    @property
    def block(self) -> int:
        """Values per block."""
        return int(self.values.shape[-1])

    def dense(self) -> Floats:
        """The rows as float32 [rows, columns]."""
        dense = self.values * self.scale[..., None]
        if self.minimum is not None:
            dense += self.minimum[..., None]
        return dense.reshape(len(self.values), -1)


@dataclass(frozen=True)
class Packed:
    """Rows for MatMulNBits: `data` uint8 [rows, blocks, bytes], `scale` float32 [rows, blocks].

    `zero`, uint8 [rows, bytes], is packed like the data; None means the default. `minimum`, float32
    [rows, blocks], is added to each block; None means nothing is added.
    """

    data: Bytes
    scale: Floats
    zero: Bytes | None = None
    minimum: Floats | None = None


def _blocks(rows: Floats, block: int) -> Floats:
    """Reshapes rows to [rows, blocks, block]; pads the last block of a row with zeros."""
    n, width = rows.shape
    count = -(-width // block)
    if count * block == width:
        return rows.reshape(n, count, block)
    padded = np.zeros((n, count * block), np.float32)
    padded[:, :width] = rows
    return padded.reshape(n, count, block)


def _pack(values: npt.NDArray[np.uint8], bits: int) -> Bytes:
    """Packs two 4-bit values per byte, the first in the low half; keeps 8-bit values."""
    if bits == 8:
        return values
    if values.shape[-1] % 2:
        padding = np.zeros((*values.shape[:-1], 1), np.uint8)
        values = np.concatenate([values, padding], axis=-1)
    packed: Bytes = values[..., 0::2] | (values[..., 1::2] << np.uint8(4))
    return packed


def int8(rows: Floats, block: int = 32) -> Packed:
    """Rounds to the nearest of 255 steps, symmetric about zero."""
    x = _blocks(rows, block)
    scale = np.maximum(np.abs(x).max(-1) / np.float32(127), _TINY)
    shifted = np.rint(x / scale[..., None]) + np.float32(128)
    return Packed(shifted.astype(np.uint8), scale)


def exact(grid: Grid, bits: int) -> Packed:
    """Keeps the stored integers; raises `ValueError` if they need more bits."""
    half = 1 << (bits - 1)
    if grid.values.min() < -half or grid.values.max() >= half:
        raise ValueError(f"the grid needs more than {bits} bits")
    data = (grid.values.astype(np.int16) + half).astype(np.uint8)
    return Packed(_pack(data, bits), grid.scale, None, grid.minimum)


def int4(rows: Floats, block: int = 32, importance: Floats | None = None) -> Packed:
    """Rounds to 16 steps with an integer zero point; searches the scales of least squared error.

    `importance` [columns] weights the error of each column (mean square of the column's inputs).
    """
    x = _blocks(rows, block)
    if importance is None:
        weight = np.ones((1, *x.shape[1:]), np.float32)
    else:
        weight = _blocks(importance[None], block)
    low, high = np.minimum(x.min(-1), 0), np.maximum(x.max(-1), 0)
    best_error = np.full(low.shape, np.inf, np.float32)
    best_q = np.zeros(x.shape, np.uint8)
    best_scale, best_zero = np.zeros_like(low), np.zeros(low.shape, np.uint8)
    for shrink in (0.8, 0.85, 0.9, 0.95, 1.0):
        scale = np.maximum((high - low) * np.float32(shrink / 15), _TINY)
        zero = np.clip(np.rint(-low * np.float32(shrink) / scale), 0, 15)
        q = np.clip(np.rint(x / scale[..., None]) + zero[..., None], 0, 15)
        centred = q - zero[..., None]
        power = (weight * centred * centred).sum(-1)
        # For given integers, the scale of least weighted error has a closed form.
        fitted = np.where(
            power > 0, (weight * centred * x).sum(-1) / np.maximum(power, _TINY), scale
        )
        error = (weight * (centred * fitted[..., None] - x) ** 2).sum(-1)
        better = error < best_error
        best_error = np.where(better, error, best_error)
        best_q = np.where(better[..., None], q.astype(np.uint8), best_q)
        best_scale = np.where(better, fitted, best_scale).astype(np.float32)
        best_zero = np.where(better, zero.astype(np.uint8), best_zero)
    return Packed(_pack(best_q, 4), best_scale, _pack(best_zero, 4))


#: The largest sum of two neighbours of one sign: 255 times this fits in 16 bits.
_PAIR = 128


def int8_outputs(rows: Floats) -> tuple[npt.NDArray[np.int8], Floats]:
    """Rounds each row to 8 bits with one scale; returns the integers and the scales [rows].

    CPUs without VNNI add the products of two neighbours with unsigned 8-bit inputs in 16 bits,
    saturating. So the integers of a pair with the same sign add up to at most 128, which makes the
    sums exact on every CPU and costs less precision than 7 bits.
    """
    largest = np.abs(rows).max(-1)
    even, odd = rows[:, 0:-1:2], rows[:, 1::2]
    same = np.where(even * odd > 0, np.abs(even + odd), 0)
    pair = same.max(-1) if same.size else np.zeros_like(largest)
    scale = np.maximum(np.maximum(largest / np.float32(127), pair / np.float32(_PAIR)), _TINY)
    values = np.clip(np.rint(rows / scale[:, None]), -127, 127).astype(np.int16)
    even, odd = values[:, 0:-1:2], values[:, 1::2]
    # Rounding both up can exceed the limit by one.
    excess = np.where(even * odd > 0, np.maximum(np.abs(even + odd) - _PAIR, 0), 0)
    even -= np.sign(even) * excess
    return values.astype(np.int8), scale

"""Converts GGUF's block formats to float32, or to the stored integers and scales.

The formats are defined in ggml's `ggml-quants.h` and `ggml-common.h`. The `gguf` package converts
to floats. The conversion to integers is our own: a bundle that keeps the stored integers is
lossless.
"""

import numpy as np
import numpy.typing as npt
from gguf.constants import GGMLQuantizationType as Kind
from gguf.quants import dequantize

from foretell_models.errors import BadSource
from foretell_models.quantize import Grid

Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]

#: The tensor types that an import supports.
KNOWN = (
    Kind.F32, Kind.F16, Kind.BF16, Kind.Q4_0, Kind.Q4_1, Kind.Q5_0, Kind.Q5_1, Kind.Q8_0,
    Kind.Q4_K, Kind.Q5_K, Kind.Q6_K,
)  # fmt: skip


def to_float(data: Bytes, kind: Kind) -> Floats:
    """Converts rows of bytes to float32 [rows, columns]; NaN and infinity raise `BadSource`."""
    with np.errstate(over="ignore", invalid="ignore"):
        dense = np.asarray(dequantize(data, kind), np.float32).reshape(len(data), -1)
    if not np.isfinite(dense).all():
        raise BadSource("a tensor has values that are not finite")
    return dense


def to_grid(data: Bytes, kind: Kind) -> Grid | None:
    """Converts rows of bytes to the stored integers; None for the float types."""
    reader = _READERS.get(kind)
    return reader(data) if reader else None


def _half(data: Bytes) -> Floats:
    """Converts pairs of bytes from float16 to float32; drops the last dimension."""
    return np.ascontiguousarray(data).view(np.float16)[..., 0].astype(np.float32)


def _nibbles(data: Bytes) -> Bytes:
    """Splits [..., n] bytes into [..., 2n] nibbles: all low halves, then all high halves."""
    return np.concatenate([data & 15, data >> 4], axis=-1)


def _fifth_bits(data: Bytes) -> Bytes:
    """Unpacks four bytes to 32 bits, lowest first."""
    return np.unpackbits(data, axis=-1, bitorder="little")


def _q4_0(data: Bytes) -> Grid:
    b = data.reshape(len(data), -1, 18)
    return Grid(_nibbles(b[..., 2:]).astype(np.int8) - np.int8(8), _half(b[..., :2]), None)


def _q4_1(data: Bytes) -> Grid:
    b = data.reshape(len(data), -1, 20)
    scale, minimum = _half(b[..., :2]), _half(b[..., 2:4])
    # Centred on 8, so that the signed 4-bit kernel can use the same integers.
    return Grid(_nibbles(b[..., 4:]).astype(np.int8) - np.int8(8), scale, minimum + 8 * scale)


def _q5_0(data: Bytes) -> Grid:
    b = data.reshape(len(data), -1, 22)
    values = _nibbles(b[..., 6:]) | (_fifth_bits(b[..., 2:6]) << 4)
    return Grid(values.astype(np.int8) - np.int8(16), _half(b[..., :2]), None)


def _q5_1(data: Bytes) -> Grid:
    b = data.reshape(len(data), -1, 24)
    scale, minimum = _half(b[..., :2]), _half(b[..., 2:4])
    values = _nibbles(b[..., 8:]) | (_fifth_bits(b[..., 4:8]) << 4)
    return Grid(values.astype(np.int8) - np.int8(16), scale, minimum + 16 * scale)


def _q8_0(data: Bytes) -> Grid:
    b = data.reshape(len(data), -1, 34)
    return Grid(np.ascontiguousarray(b[..., 2:]).view(np.int8), _half(b[..., :2]), None)


def _k_scales(packed: Bytes) -> tuple[Floats, Floats]:
    """Unpacks 12 bytes to eight 6-bit scales and eight 6-bit minima (Q4_K and Q5_K)."""
    low, middle, high = packed[..., :4], packed[..., 4:8], packed[..., 8:12]
    scale = np.concatenate([low & 63, (high & 15) | ((low >> 6) << 4)], axis=-1)
    minimum = np.concatenate([middle & 63, (high >> 4) | ((middle >> 6) << 4)], axis=-1)
    return scale.astype(np.float32), minimum.astype(np.float32)


def _q4_k(data: Bytes) -> Grid:
    n = len(data)
    b = data.reshape(n, -1, 144)
    scale, minimum = _k_scales(b[..., 4:16])
    scale, minimum = _half(b[..., :2])[..., None] * scale, _half(b[..., 2:4])[..., None] * minimum
    # Every 32 bytes store two blocks of 32: one in the low halves, one in the high halves.
    values = _nibbles(b[..., 16:].reshape(n, -1, 4, 32)).reshape(n, -1, 32)
    scale, minimum = scale.reshape(n, -1), minimum.reshape(n, -1)
    return Grid(values.astype(np.int8) - np.int8(8), scale, 8 * scale - minimum)


def _q5_k(data: Bytes) -> Grid:
    n = len(data)
    b = data.reshape(n, -1, 176)
    scale, minimum = _k_scales(b[..., 4:16])
    scale, minimum = _half(b[..., :2])[..., None] * scale, _half(b[..., 2:4])[..., None] * minimum
    low = _nibbles(b[..., 48:].reshape(n, -1, 4, 32)).reshape(n, -1, 8, 32)
    bits = (b[..., None, 16:48] >> np.arange(8, dtype=np.uint8)[:, None]) & 1
    values = (low | (bits << 4)).reshape(n, -1, 32).astype(np.int8) - np.int8(16)
    scale, minimum = scale.reshape(n, -1), minimum.reshape(n, -1)
    return Grid(values, scale, 16 * scale - minimum)


def _q6_k(data: Bytes) -> Grid:
    n = len(data)
    b = data.reshape(n, -1, 210)
    low = b[..., :128].reshape(n, -1, 2, 1, 64) >> np.array([0, 4], np.uint8)[:, None]
    high = b[..., 128:192].reshape(n, -1, 2, 1, 32) >> np.array([0, 2, 4, 6], np.uint8)[:, None]
    values = (low & 15).reshape(n, -1, 2, 4, 32) | ((high & 3) << 4)
    scale = np.ascontiguousarray(b[..., 192:208]).view(np.int8).astype(np.float32)
    scale = scale * _half(b[..., 208:210])[..., None]
    centred = values.reshape(n, -1, 16).astype(np.int8) - np.int8(32)
    return Grid(centred, scale.reshape(n, -1), None)


_READERS = {
    Kind.Q4_0: _q4_0, Kind.Q4_1: _q4_1, Kind.Q5_0: _q5_0, Kind.Q5_1: _q5_1, Kind.Q8_0: _q8_0,
    Kind.Q4_K: _q4_k, Kind.Q5_K: _q5_k, Kind.Q6_K: _q6_k,
}  # fmt: skip

"""Quantization, and ONNX Runtime's MatMulNBits on its output, compared with plain products."""

import numpy as np
import onnxruntime as ort
import pytest

from foretell_models import quantize
from foretell_models.linear import LinearWriter
from foretell_models.onnx_writer import DataFile, GraphWriter
from foretell_models.quantize import Grid
from foretell_models.recipe import RECIPES, Storage

RANDOM = np.random.default_rng(3)
ROWS = RANDOM.standard_normal((48, 96)).astype(np.float32)


def dense(packed, bits, block):
    """Dequantizes a `Packed` as the documentation of MatMulNBits specifies."""
    data, zero = packed.data, np.full(packed.scale.shape, 1 << (bits - 1))
    if bits == 4:
        data = np.stack([data & 15, data >> 4], -1).reshape(*data.shape[:2], -1)
        if packed.zero is not None:
            both = np.stack([packed.zero & 15, packed.zero >> 4], -1).reshape(len(data), -1)
            zero = both[:, : packed.scale.shape[1]]
    values = (data.astype(np.float32) - zero[..., None]) * packed.scale[..., None]
    return values.reshape(len(data), -1)


@pytest.mark.parametrize("block", [16, 32, 64])
def test_int8_error_is_at_most_half_a_step(block):
    packed = quantize.int8(ROWS, block)
    error = np.abs(dense(packed, 8, block)[:, :96] - ROWS)
    steps = np.repeat(packed.scale, block, axis=1)[:, :96]
    assert (error <= steps * 0.501).all()


def test_int4_search_beats_plain_rounding():
    searched = dense(quantize.int4(ROWS), 4, 32)
    x = ROWS.reshape(48, 3, 32)
    low, high = x.min(-1, keepdims=True), x.max(-1, keepdims=True)
    scale = (high - low) / 15
    zero = np.rint(-low / scale)
    plain = ((np.clip(np.rint(x / scale) + zero, 0, 15) - zero) * scale).reshape(48, 96)
    assert ((searched - ROWS) ** 2).sum() < 0.95 * ((plain - ROWS) ** 2).sum()


def test_int4_uses_importance():
    weight = np.where(np.arange(96) % 4 == 0, 100, 0.01).astype(np.float32)
    even = (dense(quantize.int4(ROWS), 4, 32) - ROWS) ** 2
    weighed = (dense(quantize.int4(ROWS, 32, weight), 4, 32) - ROWS) ** 2
    assert (weighed * weight).sum() < 0.8 * (even * weight).sum()


def test_zeros_stay_zeros():
    zeros = np.zeros((2, 64), np.float32)
    for packed, bits in ((quantize.int8(zeros), 8), (quantize.int4(zeros), 4)):
        np.testing.assert_array_equal(dense(packed, bits, 32), zeros)


def test_exact_rejects_values_that_need_more_bits():
    grid = Grid(np.full((1, 1, 32), 9, np.int8), np.ones((1, 1), np.float32), None)
    with pytest.raises(ValueError, match="more than 4 bits"):
        quantize.exact(grid, 4)


class OneMatrix:
    """A `Weights` source with a single matrix, with or without stored integers."""

    def __init__(self, grid=None):
        from toy import config

        self.config = config("qwen2", hidden=96, ffn=48)
        self._grid = grid

    def has(self, name):
        return False

    def rows(self, name, start, stop):
        rows = self._grid.dense() if self._grid else ROWS
        return rows[start:stop]

    def grid(self, name, start, stop):
        g = self._grid
        if g is None:
            return None
        minimum = None if g.minimum is None else g.minimum[start:stop]
        return Grid(g.values[start:stop], g.scale[start:stop], minimum)

    def storage(self, name):
        return "F32"


def grid_of(bits, block, minimum):
    half = 1 << (bits - 1)
    values = RANDOM.integers(-half, half, (48, 96 // block, block)).astype(np.int8)
    scale = RANDOM.uniform(0.01, 0.02, (48, 96 // block)).astype(np.float32)
    extra = RANDOM.standard_normal(scale.shape).astype(np.float32) if minimum else None
    return Grid(values, scale, extra)


@pytest.mark.parametrize(
    "storage",
    [
        Storage(32),
        Storage(8),
        Storage(8, 64),
        Storage(4),
        Storage(8, 16, exact=True),
        Storage(8, 32, exact=True, minimum=True),
        Storage(4, 32, exact=True),
        Storage(4, 32, exact=True, minimum=True),
    ],
    ids=str,
)
def test_kernel_result_matches_stored_values(storage, tmp_path):
    grid = grid_of(storage.bits, storage.block, storage.minimum) if storage.exact else None
    weights = OneMatrix(grid)
    data = DataFile(tmp_path)
    graph = GraphWriter(data)
    linear = LinearWriter(graph, weights, RECIPES["fp32"])
    graph.input("x", np.float32, [1, "n", 96])
    graph.output("y", np.float32, [1, "n", 48])
    linear.apply("x", linear.store(["0.up"], storage), "y")
    graph.save(tmp_path / "model.onnx", "product")
    data.close()
    x = RANDOM.standard_normal((1, 5, 96)).astype(np.float32)
    found = ort.InferenceSession(tmp_path / "model.onnx").run(None, {"x": x})[0]
    if grid is not None:
        expected = x @ grid.dense().T
    elif storage.bits == 32:
        expected = x @ ROWS.T
    else:
        packed = {8: quantize.int8, 4: quantize.int4}[storage.bits](ROWS, storage.block)
        expected = x @ dense(packed, storage.bits, storage.block)[:, :96].T
    # The integer kernels round each block of the input to 8 bits.
    tolerance = 1e-5 if storage.bits == 32 else 0.02
    assert np.abs(found - expected).std() < tolerance * expected.std()


@pytest.mark.parametrize("storage", [Storage(8), Storage(8, 64), Storage(4)], ids=str)
@pytest.mark.parametrize("count", [1, 2, 3, 5, 9, 33])
def test_row_result_is_independent_of_batch(storage, count, tmp_path):
    """Bit-identical for the storages of `mixed`; otherwise reuse would not be exact.

    The 4-bit head is excepted, because it only selects tokens that are rescored. On some CPUs (AVX2
    without AVX-512) it uses different kernels for one row and for several.
    """
    data = DataFile(tmp_path)
    graph = GraphWriter(data)
    linear = LinearWriter(graph, OneMatrix(), RECIPES["fp32"])
    graph.input("x", np.float32, [1, "n", 96])
    graph.output("y", np.float32, [1, "n", 48])
    linear.apply("x", linear.store(["0.up"], storage), "y")
    graph.save(tmp_path / "model.onnx", "product")
    data.close()
    session = ort.InferenceSession(tmp_path / "model.onnx")
    x = RANDOM.standard_normal((1, 40, 96)).astype(np.float32)
    every = session.run(None, {"x": x})[0]
    alone, among_others = session.run(None, {"x": x[:, :count]})[0], every[:, :count]
    if storage.bits == 4:
        np.testing.assert_allclose(alone, among_others, rtol=0, atol=2e-5)
    else:
        np.testing.assert_array_equal(alone, among_others)

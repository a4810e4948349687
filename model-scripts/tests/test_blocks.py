"""Block formats: our integers compared with the `gguf` package's floats, on random bytes."""

import gguf
import numpy as np
import pytest
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType

from foretell_models import blocks
from foretell_models.errors import BadSource

_SCALE_AT = {"Q6_K": (208,), "Q4_K": (0, 2), "Q5_K": (0, 2), "Q4_1": (0, 2), "Q5_1": (0, 2)}


def random_rows(kind, rows=5, per_row=3):
    """Valid blocks with random values and small scales."""
    random = np.random.default_rng(int(kind))
    size = GGML_QUANT_SIZES[kind][1]
    data = random.integers(0, 256, (rows, per_row, size), dtype=np.uint8)
    for at in _SCALE_AT.get(kind.name, (0,)):
        halves = (random.standard_normal((rows, per_row, 1)) * 0.01).astype(np.float16)
        data[..., at : at + 2] = halves.view(np.uint8).reshape(rows, per_row, 2)
    return data.reshape(rows, -1)


QUANTIZED = [kind for kind in blocks.KNOWN if kind.name not in ("F32", "F16", "BF16")]


@pytest.mark.parametrize("kind", QUANTIZED, ids=lambda kind: kind.name)
def test_grid_equals_dequantized_floats(kind):
    data = random_rows(kind)
    expected = gguf.dequantize(data, kind)
    assert np.abs(expected).max() > 0
    np.testing.assert_allclose(blocks.to_grid(data, kind).dense(), expected, rtol=1e-6, atol=1e-7)
    np.testing.assert_array_equal(blocks.to_float(data, kind), expected)


@pytest.mark.parametrize("kind", QUANTIZED, ids=lambda kind: kind.name)
def test_integers_fit_kernel_range(kind):
    grid = blocks.to_grid(random_rows(kind), kind)
    half = 8 if kind.name.startswith("Q4") else 128
    assert -half <= grid.values.min() and grid.values.max() < half


def test_nan_is_rejected():
    data = np.array([[1.0, np.nan]], np.float32).view(np.uint8)
    with pytest.raises(BadSource, match="not finite"):
        blocks.to_float(data, GGMLQuantizationType.F32)

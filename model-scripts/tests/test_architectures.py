"""Every architecture, from both file formats, compared with its published formulas in float64."""

import gguf
import numpy as np
import pytest
import toy

from foretell_models.bundle import read_manifest
from foretell_models.importer import ImportOptions, import_checkpoint
from foretell_models.model_config import FAMILIES
from foretell_models.session import Session

IDS = [(7 * index + index * index) % 270 for index in range(40)]


def imported_logits(source, folder, quantization="fp32", target="cpu"):
    options = ImportOptions("toy", "Toy", "MIT", quantization, target)
    import_checkpoint(source, folder, options)
    session = Session(folder, read_manifest(folder), threads=1)
    return session.step(IDS, len(IDS))


@pytest.mark.parametrize("architecture", sorted(FAMILIES))
@pytest.mark.parametrize("form", ["gguf", "safetensors", "shards"])
def test_logits_match_formulas(architecture, form, tmp_path):
    w = toy.weights(toy.config(architecture))
    if form == "gguf":
        source = toy.write_gguf(tmp_path / "toy.gguf", w)
    else:
        source = toy.write_folder(tmp_path / "hub", w, shards=3 if form == "shards" else 1)
    found = imported_logits(source, tmp_path / "bundle")
    np.testing.assert_allclose(found, toy.logits(w, IDS), atol=2e-4)


@pytest.mark.parametrize(
    "changes",
    [
        {"rope_scale": 4.0},
        {"rope_divisors": (1.0, 1.0, 1.0, 1.5, 2.0, 4.0, 8.0, 8.0)},
        {"window": 8},
    ],
    ids=["linear", "llama3", "window"],
)
def test_rope_and_window_variants_match_formulas(changes, tmp_path):
    w = toy.weights(toy.config("llama", **changes))
    source = toy.write_gguf(tmp_path / "toy.gguf", w)
    found = imported_logits(source, tmp_path / "bundle")
    np.testing.assert_allclose(found, toy.logits(w, IDS), atol=2e-4)
    plain = toy.logits(toy.weights(toy.config("llama")), IDS)
    assert np.abs(found - plain).max() > 1e-2, "the variant has no effect, so it is not tested"


def test_qk_row_order_changes_logits(tmp_path):
    """Proves that the test above can fail: rows in the wrong order change the logits."""
    w = toy.weights(toy.config("llama"))
    good = toy.logits(w, IDS)
    for name in ("0.q", "0.k", "1.q", "1.k"):
        w.tensors[name] = toy._interleave(w.tensors[name], 6 if name[-1] == "q" else 2)
    assert np.abs(toy.logits(w, IDS) - good).max() > 1e-2


@pytest.mark.parametrize("kind", ["Q8_0", "Q5_0", "Q5_1", "Q4_0", "Q4_1", "BF16", "F16"])
@pytest.mark.parametrize("quantization", ["lossless", "int8"])
def test_stored_integers_are_kept(kind, quantization, tmp_path):
    """Compares with the formulas on quantized weights; the runtime also rounds activations."""
    stored = gguf.GGMLQuantizationType[kind]
    w = toy.weights(toy.config("qwen2"))
    source = toy.write_gguf(tmp_path / "toy.gguf", w, stored)
    for name, value in w.tensors.items():
        if value.ndim == 2:
            w.tensors[name] = gguf.dequantize(gguf.quantize(value, stored), stored)
    found = imported_logits(source, tmp_path / "bundle", quantization)
    expected = toy.logits(w, IDS)
    assert np.abs(found - expected).std() < 0.02 * expected.std()


def test_unknown_rope_scaling_is_rejected(tmp_path):
    from foretell_models.errors import BadSource

    w = toy.weights(toy.config("llama"))
    source = toy.write_gguf(tmp_path / "toy.gguf", w, metadata={"llama.rope.scaling.type": "yarn"})
    with pytest.raises(BadSource, match=r"yarn.*known: linear"):
        imported_logits(source, tmp_path / "bundle")

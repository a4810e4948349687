"""The recipe `w8a8`: exact integer products, rows independent of each other, rotated weights."""

import dataclasses

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import toy

from foretell_models import cli, quantize, tiny
from foretell_models.bundle import read_manifest
from foretell_models.importer import ImportOptions, import_checkpoint
from foretell_models.linear import LinearWriter
from foretell_models.model_config import FAMILIES
from foretell_models.onnx_writer import DataFile, GraphWriter
from foretell_models.recipe import RECIPES, W8A8
from foretell_models.rotation import Rotation
from foretell_models.session import Session

RANDOM = np.random.default_rng(5)
IDS = [(7 * index + index * index) % 270 for index in range(40)]


class OneMatrix:
    """A `Weights` source with a single matrix."""

    def __init__(self, rows):
        self.config = toy.config("qwen2", hidden=rows.shape[1], ffn=rows.shape[0])
        self._rows = rows

    def has(self, name):
        return False

    def rows(self, name, start, stop):
        return self._rows[start:stop]


def product(folder, rows):
    """A session that multiplies `x` by the stored matrix."""
    data = DataFile(folder)
    graph = GraphWriter(data)
    linear = LinearWriter(graph, OneMatrix(rows), RECIPES["w8a8"])
    graph.input("x", np.float32, [1, "n", rows.shape[1]])
    graph.output("y", np.float32, [1, "n", rows.shape[0]])
    linear.apply("x", linear.store(["0.up"], W8A8), "y")
    graph.save(folder / "model.onnx", "product")
    data.close()
    return ort.InferenceSession(folder / "model.onnx")


def reference(x, rows):
    """The same product with 32-bit integer sums."""
    weights, scales = quantize.int8_outputs(rows)
    steps = np.abs(x).max(-1, keepdims=True) * np.float32(1 / 127)
    rounded = np.clip(np.rint(x / steps), -128, 127).astype(np.int32)
    sums = rounded @ weights.T.astype(np.int32)
    return sums.astype(np.float32) * scales * steps


#: Pairs of neighbours with the largest products of one sign saturate the 16-bit sums of CPUs
#: without VNNI, unless the weights are limited.
EXTREME = np.where(RANDOM.random((40, 96)) < 0.5, 1, -1).astype(np.float32)


@pytest.mark.parametrize("count", [1, 2, 3, 5, 9, 40])
@pytest.mark.parametrize("kind", ["random", "extreme", "constant"])
def test_product_equals_integer_reference(kind, count, tmp_path):
    x, rows = {
        "random": (RANDOM.standard_normal((40, 96)), RANDOM.standard_normal((48, 96))),
        "extreme": (EXTREME, np.concatenate([EXTREME, -EXTREME])[:48]),
        "constant": (np.ones((40, 96)), np.ones((48, 96))),
    }[kind]
    x, rows = x.astype(np.float32), rows.astype(np.float32)
    found = product(tmp_path, rows).run(None, {"x": x[None, :count]})[0][0]
    np.testing.assert_array_equal(found, reference(x[:count], rows))


def test_zero_row_gives_zeros(tmp_path):
    rows = RANDOM.standard_normal((48, 96)).astype(np.float32)
    x = np.stack([np.zeros(96), np.ones(96)]).astype(np.float32)
    found = product(tmp_path, rows).run(None, {"x": x[None]})[0][0]
    np.testing.assert_array_equal(found, [np.zeros(48), *reference(x[1:], rows)])


@pytest.mark.parametrize("width", [1, 2, 95, 96])
def test_neighbours_stay_within_16_bits(width):
    rows = RANDOM.standard_normal((200, width)).astype(np.float32) ** 3
    values, scale = quantize.int8_outputs(rows)
    assert np.abs(values.astype(int)).max() <= 127
    pairs = values[:, : width // 2 * 2].reshape(200, -1, 2).astype(int)
    same_sign = pairs[..., 0] * pairs[..., 1] > 0
    assert (np.abs(pairs.sum(-1))[same_sign] <= 128).all()
    assert (np.abs(values * scale[:, None] - rows) <= 1.5 * scale[:, None]).all()


@pytest.mark.parametrize("size", [1, 3, 8, 96, 896, 1536])
def test_rotation_is_orthogonal(size):
    rows = RANDOM.standard_normal((5, size)).astype(np.float32)
    matrix = Rotation(size).apply(np.eye(size, dtype=np.float32))
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(size), atol=1e-5)
    np.testing.assert_allclose(Rotation(size).apply(rows), rows @ matrix, atol=1e-5)


def test_rotation_spreads_outliers():
    rows = RANDOM.standard_normal((20, 896)).astype(np.float32)
    rows[:, 7] *= 50
    assert np.abs(rows).max() > 40 * rows.std() / 4
    rotated = Rotation(896).apply(rows)
    assert np.abs(rotated).max() < 10 * np.abs(rotated).std()


@pytest.mark.parametrize("architecture", [n for n, it in FAMILIES.items() if it.norm == "rms"])
def test_rotated_weights_compute_same_logits(architecture, tmp_path, monkeypatch):
    rotated = dataclasses.replace(RECIPES["fp32"], name="rotated", rotated=True)
    monkeypatch.setitem(RECIPES, "rotated", rotated)
    w = toy.weights(toy.config(architecture))
    session = imported(w, tmp_path, "rotated")
    np.testing.assert_allclose(session.step(IDS, len(IDS)), toy.logits(w, IDS), atol=2e-4)


def imported(w, folder, quantization):
    source = toy.write_gguf(folder / "toy.gguf", w)
    import_checkpoint(source, folder / "out", ImportOptions("toy", "Toy", "MIT", quantization))
    return Session(folder / "out", read_manifest(folder / "out"), threads=1)


@pytest.mark.parametrize("architecture", sorted(FAMILIES))
def test_logits_approximate_formulas(architecture, tmp_path):
    w = toy.weights(toy.config(architecture))
    session = imported(w, tmp_path, "w8a8")
    found, expected = session.step(IDS, len(IDS)), toy.logits(w, IDS)
    assert np.abs(found - expected).std() < 0.04 * expected.std()


@pytest.fixture(scope="module")
def tiny_bundle(tmp_path_factory):
    folder = tmp_path_factory.mktemp("w8a8") / "tiny"
    tiny.make(folder, quantization="w8a8")
    return folder


def test_rows_are_independent(tiny_bundle):
    """Cached equals cold, and draft tokens do not change the text: bit-identical logits."""
    session = Session(tiny_bundle, read_manifest(tiny_bundle), 64, threads=2)
    ids = list(range(20, 60))
    at_once = session.step(ids, len(ids))
    for sizes in ([1] * 40, [5, 9, 26], [3, 1, 2, 33, 1]):
        session.rewind(0)
        parts = []
        for size in sizes:
            parts.append(session.step(ids[session.length : session.length + size], size))
        np.testing.assert_array_equal(np.concatenate(parts), at_once)


def test_shared_inputs_are_quantized_once(tiny_bundle):
    graph = onnx.load(tiny_bundle / "model.onnx", load_external_data=False).graph
    kinds = [node.op_type for node in graph.node]
    # Per layer: the inputs of QKV, output, gate and up, and down. Then that of the head.
    assert kinds.count("QuantizeLinear") == 4 * 2 + 1
    assert kinds.count("MatMulIntegerToFloat") == 5 * 2 + 1
    assert "MatMulNBits" not in kinds


@pytest.mark.parametrize("target", ["cuda", "webgpu", "mlx"])
def test_other_targets_are_rejected(target, tmp_path, capsys):
    source = toy.write_gguf(tmp_path / "toy.gguf", toy.weights(toy.config("qwen2")))
    arguments = ["import", str(source), "--out", str(tmp_path / "out"), "--quantization", "w8a8"]
    assert cli.main([*arguments, "--target", target]) == 2
    assert "w8a8 is only for the target cpu" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()

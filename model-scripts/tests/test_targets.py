"""The graphs of other targets than `cpu`, tested without their hardware."""

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import toy
from onnx import TensorProto

from foretell_models import static_graph, tiny
from foretell_models.bundle import read_manifest
from foretell_models.errors import UsageError
from foretell_models.importer import ImportOptions, import_checkpoint
from foretell_models.model_config import FAMILIES
from foretell_models.session import Session

IDS = [(11 * index + index * index) % 270 for index in range(24)]
PAST = 64


@pytest.fixture(scope="module", params=sorted(FAMILIES))
def coreml(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("coreml")
    w = toy.weights(toy.config(request.param))
    graphs = static_graph.write_decoders(folder, w, buckets=(16,), past=PAST)
    return folder, w, graphs


def test_coreml_supports_every_operator(coreml):
    folder, _, graphs = coreml
    for graph in graphs:
        onnx.checker.check_model(str(folder / graph["file"]))
        model = onnx.load(folder / graph["file"], load_external_data=False)
        assert {node.domain for node in model.graph.node} == {""}
        assert {node.op_type for node in model.graph.node} <= static_graph.COREML_OPERATORS


def test_all_shapes_are_fixed(coreml):
    folder, _, graphs = coreml
    for graph in graphs:
        path = folder / graph["file"]
        model = onnx.shape_inference.infer_shapes(onnx.load(path), strict_mode=True)
        values = [*model.graph.input, *model.graph.output, *model.graph.value_info]
        known = {value.name for value in values}
        for node in model.graph.node:
            assert set(node.output) <= known, f"{node.name}: no shape inferred"
        for value in values:
            for dimension in value.type.tensor_type.shape.dim:
                assert dimension.HasField("dim_value") and dimension.dim_value > 0, value.name


def test_weights_and_kv_are_fp16(coreml):
    folder, _, graphs = coreml
    model = onnx.load(folder / graphs[0]["file"], load_external_data=False)
    external = [t for t in model.graph.initializer if t.external_data]
    assert external and {t.data_type for t in external} == {TensorProto.FLOAT16}
    kv = [v for v in model.graph.input if v.name.startswith("past_key_values")]
    assert {v.type.tensor_type.elem_type for v in kv} == {TensorProto.FLOAT16}


def test_prefill_and_decode_match_formulas(coreml):
    folder, w, _ = coreml
    c = w.config
    names = [f"{i}.{part}" for i in range(c.n_layers) for part in ("key", "value")]
    shape = (1, c.n_kv_heads, PAST, c.head_dim)
    buffers = {f"past_key_values.{name}": np.zeros(shape, np.float16) for name in names}

    def run(file, ids, start, size):
        session = ort.InferenceSession(folder / file)
        feeds = {
            "input_ids": np.array([ids + [0] * (size - len(ids))]),
            "position_ids": np.arange(start, start + size)[None],
        }
        outputs = [output.name for output in session.get_outputs()]
        results = dict(zip(outputs, session.run(None, feeds | buffers), strict=True))
        for name in names:
            rows = results[f"present.{name}"][:, :, : len(ids)]
            buffers[f"past_key_values.{name}"][:, :, start : start + len(ids)] = rows
        return results.get("logits")

    # A full bucket, then a padded one, then token by token.
    run("prefill-16.onnx", IDS[:16], 0, 16)
    run("prefill-16.onnx", IDS[16:20], 16, 16)
    expected = toy.logits(w, IDS)
    for index in range(20, 24):
        found = run("model.onnx", [IDS[index]], index, 1)[0, 0]
        assert np.abs(found - expected[index]).max() < 0.05
        assert np.abs(found - expected[index]).max() < 0.02 * np.abs(expected[index]).max() + 0.02


def test_recipe_fp32_gives_wide_fixed_graphs(tmp_path):
    manifest = tiny.make(tmp_path / "tiny", quantization="fp32", target="coreml")
    assert (manifest.quantization, manifest.kv_dtype) == ("fp32", "float32")
    for graph in manifest.graphs:
        model = onnx.load(tmp_path / "tiny" / graph["file"], load_external_data=False)
        assert TensorProto.FLOAT16 not in {tensor.data_type for tensor in model.graph.initializer}
        assert {node.op_type for node in model.graph.node} <= static_graph.COREML_OPERATORS


@pytest.mark.parametrize("quantization", ["fp32", "int8", "int4"])
def test_mlx_graph_has_its_operators_and_the_tokens_of_the_cpu_graph(quantization, tmp_path):
    tokens = {}
    for target in ("cpu", "mlx"):
        folder = tmp_path / target
        manifest = tiny.make(folder, quantization=quantization, target=target)
        tokens[target] = Session(folder, manifest, 256, 1).greedy(IDS, 40, set())
    assert tokens["mlx"] == tokens["cpu"]
    model = onnx.load(tmp_path / "mlx" / "model.onnx", load_external_data=False)
    assert "QuickGelu" not in {node.op_type for node in model.graph.node}
    for node in model.graph.node:
        if node.op_type == "GroupQueryAttention":
            assert all(node.input[:3]), "Q, K and V are separate"
        if node.op_type == "MatMulNBits":
            assert len(node.input) <= 4, "no bias"


@pytest.mark.parametrize(
    ("quantization", "target", "message"),
    [
        ("w8a8", "mlx", "only for the target cpu"),
        ("fp16", "cpu", "only for the targets cuda and"),
        ("mixed-fp16", "cpu", "only for the target webgpu"),
    ],
)
def test_recipe_of_another_target_is_refused(quantization, target, message, tmp_path):
    source = toy.write_gguf(tmp_path / "toy.gguf", toy.weights(toy.config("qwen2")))
    options = ImportOptions("x", "x", "MIT", quantization, target)
    with pytest.raises(UsageError, match=message):
        import_checkpoint(source, tmp_path / "out", options)


def test_coreml_bundle_lists_its_graphs(tmp_path):
    source = toy.write_gguf(tmp_path / "toy.gguf", toy.weights(toy.config("qwen2")))
    import_checkpoint(source, tmp_path / "out", ImportOptions("x", "x", "MIT", "int8", "coreml"))
    manifest = read_manifest(tmp_path / "out")
    assert [graph["tokens"] for graph in manifest.graphs] == [1, 16, 64]
    assert {graph["file"] for graph in manifest.graphs} < set(manifest.files)
    assert (manifest.quantization, manifest.kv_dtype) == ("fp16", "float16")


@pytest.mark.parametrize("quantization", ["fp32", "int8", "int8-rescored"])
def test_cuda_graph_is_cpu_graph_in_fp16(quantization, tmp_path):
    source = toy.write_gguf(tmp_path / "toy.gguf", toy.weights(toy.config("qwen2")))
    models = {}
    for target in ("cpu", "cuda"):
        options = ImportOptions("x", "x", "MIT", quantization, target)
        import_checkpoint(source, tmp_path / target, options)
        path = tmp_path / target / "model.onnx"
        models[target] = onnx.load(path, load_external_data=False)
    kinds = {
        target: [node.op_type for node in model.graph.node] for target, model in models.items()
    }
    assert kinds["cuda"] == [*kinds["cpu"], "Cast"]
    tensors = models["cuda"].graph.initializer
    assert TensorProto.FLOAT not in {tensor.data_type for tensor in tensors}
    assert read_manifest(tmp_path / "cuda").kv_dtype == "float16"
    logits = next(v for v in models["cuda"].graph.output if v.name == "logits")
    assert logits.type.tensor_type.elem_type == TensorProto.FLOAT


def test_webgpu_graph_is_cpu_graph_without_packed_weights(tmp_path):
    source = toy.write_gguf(tmp_path / "toy.gguf", toy.weights(toy.config("qwen2")))
    for target in ("cpu", "webgpu"):
        options = ImportOptions("x", "x", "MIT", "mixed", target)
        import_checkpoint(source, tmp_path / target, options)
    graphs = [(tmp_path / target / "model.onnx").read_bytes() for target in ("cpu", "webgpu")]
    assert graphs[0] == graphs[1]
    assert read_manifest(tmp_path / "webgpu").packed_bytes == 0


def test_webgpu_graph_in_float16_is_that_of_cuda(tmp_path):
    source = toy.write_gguf(tmp_path / "toy.gguf", toy.weights(toy.config("qwen2")))
    for target, quantization in (("cuda", "mixed"), ("webgpu", "mixed-fp16")):
        options = ImportOptions("x", "x", "MIT", quantization, target)
        import_checkpoint(source, tmp_path / target, options)
    graphs = [(tmp_path / target / "model.onnx").read_bytes() for target in ("cuda", "webgpu")]
    assert graphs[0] == graphs[1]
    assert read_manifest(tmp_path / "webgpu").kv_dtype == "float16"


def test_mlx_graph_has_separate_inputs_and_the_same_results(tmp_path):
    """On the CPU; MLX has never run it."""
    source = toy.write_gguf(tmp_path / "toy.gguf", toy.weights(toy.config("qwen2")))
    logits = {}
    for target in ("cpu", "mlx"):
        options = ImportOptions("x", "x", "MIT", "int8", target)
        manifest = import_checkpoint(source, tmp_path / target, options)
        session = Session(tmp_path / target, manifest, 64)
        logits[target] = [session.step(IDS[:10]), session.step(IDS[10:], 3)]
    for expected, found in zip(logits["cpu"], logits["mlx"], strict=True):
        assert (expected == found).all()
    model = onnx.load(tmp_path / "mlx" / "model.onnx", load_external_data=False)
    attention = [node for node in model.graph.node if node.op_type == "GroupQueryAttention"]
    assert [len(set(node.input[:3]) - {""}) for node in attention] == [3, 3]

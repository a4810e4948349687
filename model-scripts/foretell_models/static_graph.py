"""Writes the decoder as graphs with standard operators and fixed shapes, for Core ML.

The floats are fp16, or float32 in the recipe `fp32`, except in norms and masks. One graph evaluates
one token and returns logits; the others prefill a bucket of tokens and return none. All share one
data file. The new KV rows are outputs, which the caller copies into its buffer. See BUNDLE.md.
"""

import math
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import helper

from foretell_models.errors import BadSource
from foretell_models.linear import LinearWriter
from foretell_models.model_config import Weights, tensor_shapes
from foretell_models.onnx_writer import DataFile, GraphWriter, Region
from foretell_models.recipe import FLOAT, RECIPES

#: Tokens per run of each prefill graph. The engine prefills 64 tokens at a time.
BUCKETS = (16, 64)
#: Slots of the KV buffers, which are inputs of every graph.
PAST = 2048

#: ONNX Runtime's operators for the CoreML provider in MLProgram format, from its
#: `coreml_supported_mlprogram_ops.md`, without those that no decoder needs.
COREML_OPERATORS = frozenset(
    {
        "Add", "Cast", "Clip", "Concat", "Div", "Erf", "Exp", "GatherND", "Gelu", "Gemm",
        "Identity", "LayerNormalization", "MatMul", "Max", "Mul", "Pow", "Reciprocal", "ReduceMax",
        "ReduceMean", "ReduceSum", "Relu", "Reshape", "Round", "Shape", "Sigmoid", "Slice",
        "Softmax", "Softplus", "Split", "Sqrt", "Squeeze", "Sub", "Tanh", "Tile", "Transpose",
        "Unsqueeze",
    }
)  # fmt: skip
_FP32 = 1
_HIDDEN_SLOT = -1e4  # Added to a score to mask it; within the range of fp16.


def write_decoders(
    folder: Path,
    weights: Weights,
    buckets: tuple[int, ...] = BUCKETS,
    past: int = PAST,
    float_type: npt.DTypeLike = np.float16,
) -> list[dict[str, object]]:
    """Writes `model.onnx` (one token) and one `prefill-N.onnx` per bucket; returns their list."""
    past = min(past, weights.config.context_length)
    if weights.config.window and weights.config.window < past:
        raise BadSource(
            f"a sliding window of {weights.config.window} tokens does not fit the coreml target"
        )
    data = DataFile(folder)
    try:
        matrices = _Matrices(data, weights, np.dtype(float_type))
        graphs: list[dict[str, object]] = []
        for tokens in (1, *buckets):
            name = "model.onnx" if tokens == 1 else f"prefill-{tokens}.onnx"
            graph = GraphWriter(data, float_type)
            decoder = _StaticDecoder(graph, weights, matrices, tokens, past, past + max(buckets))
            decoder.write(with_head=tokens == 1)
            graph.save(folder / name, weights.config.architecture)
            graphs.append({"file": name, "tokens": tokens, "past": past, "logits": tokens == 1})
    finally:
        data.close()
    return graphs


class _Matrices:
    """Writes each matrix to the data file once, shared by all graphs."""

    def __init__(self, data: DataFile, weights: Weights, float_type: np.dtype[Any]) -> None:
        self.linear = LinearWriter(GraphWriter(data, float_type), weights, RECIPES["fp32"])
        self.weights = weights
        self._regions: dict[str, Region] = {}

    def columns(self, names: list[str]) -> Region:
        """Matrices side by side, [inputs, outputs]."""
        key = "+".join(names)
        if key not in self._regions:
            self._regions[key] = self.linear.store(names, FLOAT).data
        return self._regions[key]

    def table(self, name: str) -> Region:
        """A matrix that is not transposed, [outputs, inputs]."""
        if name not in self._regions:
            self._regions[name] = self.linear.store_table(name)
        return self._regions[name]

    def array(self, name: str, value: Any) -> Region:
        """A computed array."""
        if name not in self._regions:
            graph = self.linear.graph
            region = graph.data.reserve(graph.float_type, value.shape)
            region.write_rows(0, value)
            self._regions[name] = region
        return self._regions[name]


class _StaticDecoder:
    """Builds the graph for `tokens` new tokens after at most `past` earlier ones."""

    def __init__(
        self,
        graph: GraphWriter,
        weights: Weights,
        matrices: _Matrices,
        tokens: int,
        past: int,
        positions: int,
    ) -> None:
        self.graph, self.weights, self.matrices = graph, weights, matrices
        self.config, self.tokens, self.past = weights.config, tokens, past
        self._positions = positions
        self._float: int = helper.np_dtype_to_tensor_dtype(graph.float_type)
        self._shapes = tensor_shapes(weights.config)

    def write(self, with_head: bool) -> None:
        """Declares the inputs and outputs and adds every node."""
        graph, c, tokens = self.graph, self.config, self.tokens
        graph.input("input_ids", np.int64, [1, tokens])
        graph.input("position_ids", np.int64, [1, tokens])
        if with_head:
            graph.output("logits", np.float32, [1, tokens, c.vocab_size])
        self._rotary_and_mask()
        ids = self._reshape("input_ids", "ids", [tokens, 1])
        table = graph.stored("embed.w", self.matrices.table("embed"))
        x = graph.node("GatherND", [table, ids], ["embed"])
        if c.family.scaled_embedding:
            factor = graph.constant("embed.factor", math.sqrt(c.hidden))
            x = graph.node("Mul", [x, factor], ["embed.scaled"])
        for index in range(c.n_layers):
            attention = self._attention(index, self._norm(x, f"{index}.attn_norm"))
            x = graph.node("Add", [x, attention], [f"{index}.middle"])
            if index + 1 == c.n_layers and not with_head:
                return  # Without logits, the last layer only contributes K and V.
            update = self._feed_forward(index, self._norm(x, f"{index}.ffn_norm"))
            x = graph.node("Add", [x, update], [f"{index}.end"])
        self._head(self._norm(x, "final_norm"))

    def _reshape(self, x: str, out: str, shape: list[int]) -> str:
        name = "shape." + "x".join(map(str, shape))
        return self.graph.node("Reshape", [x, self.graph.constant(name, shape, np.int64)], [out])

    def _rotary_and_mask(self) -> None:
        """Adds the rotary rows for the positions, and the mask for empty slots and later tokens."""
        graph, c, tokens = self.graph, self.config, self.tokens
        places = self._reshape("position_ids", "places", [tokens, 1])
        for name, cache in zip(("cos", "sin"), c.rotary(self._positions), strict=True):
            table = graph.stored(f"{name}.table", self.matrices.array(name, cache))
            rows = graph.node("GatherND", [table, places], [f"{name}.rows"])
            self._reshape(rows, name, [tokens, 1, c.head_dim // 2])
        numbers = graph.node("Cast", ["position_ids"], ["numbers"], to=_FP32)
        bounds = [
            graph.constant(f"first.{key}", value, np.int64)
            for key, value in (("start", [0]), ("end", [1]), ("axis", [1]))
        ]
        length = graph.node("Slice", [numbers, *bounds], ["length"])
        # Slot j is empty if j - length >= 0.
        slots = graph.constant("slots", np.arange(self.past)[None] + 1, np.float32)
        ahead = graph.node("Sub", [slots, length], ["ahead"])
        low, high = (graph.constant(f"clip.{v}", float(v), np.float32) for v in (0, 1))
        empty = graph.node("Clip", [ahead, low, high], ["empty"])
        penalty = graph.constant("penalty", np.full((tokens, 1), _HIDDEN_SLOT), np.float32)
        graph.node("Mul", [empty, penalty], ["hidden_past"])
        later = np.triu(np.full((tokens, tokens), _HIDDEN_SLOT), 1)
        graph.constant("hidden_new", later, np.float32)
        both = graph.node("Concat", ["hidden_past", "hidden_new"], ["hidden"], axis=1)
        graph.node("Cast", [both], ["mask"], to=self._float)

    def _norm(self, x: str, name: str) -> str:
        graph, c = self.graph, self.config
        gain = graph.constant(f"{name}.g", self.weights.vector(name))
        # In float32, because squared activations exceed the range of fp16.
        wide = graph.node("Cast", [x], [f"{name}.wide"], to=_FP32)
        if c.family.norm == "layer":
            one = graph.constant(f"{name}.g32", self.weights.vector(name), np.float32)
            shift = graph.constant(f"{name}.b32", self.weights.vector(f"{name}_bias"), np.float32)
            normal = graph.node(
                "LayerNormalization", [wide, one, shift], [f"{name}.n"], epsilon=c.norm_eps, axis=-1
            )
            return graph.node("Cast", [normal], [name], to=self._float)
        square = graph.node("Mul", [wide, wide], [f"{name}.square"])
        last = graph.constant("last_axis", [-1], np.int64)
        mean = graph.node("ReduceMean", [square, last], [f"{name}.mean"], keepdims=1)
        epsilon = graph.constant("epsilon", [c.norm_eps], np.float32)
        safe = graph.node("Add", [mean, epsilon], [f"{name}.safe"])
        root = graph.node("Sqrt", [safe], [f"{name}.root"])
        normal = graph.node("Div", [wide, root], [f"{name}.n"])
        narrow = graph.node("Cast", [normal], [f"{name}.narrow"], to=self._float)
        return graph.node("Mul", [narrow, gain], [name])

    def _multiply(self, x: str, names: list[str], out: str) -> str:
        graph = self.graph
        bias = self.matrices.linear.bias(names)
        weight = graph.stored(f"{out}.w", self.matrices.columns(names))
        product = graph.node("MatMul", [x, weight], [out if bias is None else f"{out}.product"])
        if bias is None:
            return product
        return graph.node("Add", [product, graph.constant(f"{out}.b", bias)], [out])

    def _rotate(self, x: str, out: str) -> str:
        """Rotates the pairs (i, i + half) of [tokens, heads, head_dim] by the positions' angles."""
        node = self.graph.node
        first, second = f"{out}.first", f"{out}.second"
        node("Split", [x], [first, second], axis=-1, num_outputs=2)
        parts = []
        for kind, a, b in (("Sub", first, second), ("Add", second, first)):
            part = f"{out}.{kind}"
            left = node("Mul", [a, "cos"], [f"{part}.cos"])
            right = node("Mul", [b, "sin"], [f"{part}.sin"])
            parts.append(node(kind, [left, right], [part]))
        return node("Concat", parts, [out], axis=-1)

    def _attention(self, index: int, x: str) -> str:
        graph, c, tokens = self.graph, self.config, self.tokens
        node, group = graph.node, c.n_heads // c.n_kv_heads
        at = f"{index}."
        qkv = self._multiply(x, [f"{at}{part}" for part in "qkv"], f"{at}qkv")
        widths = [c.n_heads * c.head_dim, *[c.n_kv_heads * c.head_dim] * 2]
        parts = [f"{at}{part}.flat" for part in "qkv"]
        node("Split", [qkv, graph.constant("widths", widths, np.int64)], parts, axis=-1)
        rows = {}
        for part, heads in zip("qkv", (c.n_heads, c.n_kv_heads, c.n_kv_heads), strict=True):
            y = self._reshape(f"{at}{part}.flat", f"{at}{part}.heads", [tokens, heads, c.head_dim])
            if part != "v":
                y = self._rotate(y, f"{at}{part}.turned")
            rows[part] = node("Transpose", [y], [f"{at}{part}.rows"], perm=[1, 0, 2])
        slots = self.past + tokens
        total = {}
        for part, name in (("k", "key"), ("v", "value")):
            shape: list[int | str] = [1, c.n_kv_heads, self.past, c.head_dim]
            past = graph.input(f"past_key_values.{index}.{name}", graph.float_type, shape)
            new = f"present.{index}.{name}"
            graph.output(new, graph.float_type, [1, c.n_kv_heads, tokens, c.head_dim])
            self._reshape(rows[part], new, [1, c.n_kv_heads, tokens, c.head_dim])
            joined = node("Concat", [past, new], [f"{at}{part}.joined"], axis=2)
            total[part] = self._reshape(
                joined, f"{at}{part}.total", [c.n_kv_heads, slots, c.head_dim]
            )
        # The heads of a group share K and V, so they are rows of one product.
        q = self._reshape(rows["q"], f"{at}q.group", [c.n_kv_heads, group * tokens, c.head_dim])
        scale = graph.constant("scale", c.head_dim**-0.5)
        q = node("Mul", [q, scale], [f"{at}q.scaled"])
        keys = node("Transpose", [total["k"]], [f"{at}k.columns"], perm=[0, 2, 1])
        scores = node("MatMul", [q, keys], [f"{at}scores"])
        scores = self._reshape(scores, f"{at}scores.4", [c.n_kv_heads, group, tokens, slots])
        scores = node("Add", [scores, "mask"], [f"{at}scores.masked"])
        share = node("Softmax", [scores], [f"{at}share"], axis=-1)
        share = self._reshape(share, f"{at}share.3", [c.n_kv_heads, group * tokens, slots])
        out = node("MatMul", [share, total["v"]], [f"{at}mixed"])
        out = self._reshape(out, f"{at}mixed.heads", [c.n_heads, tokens, c.head_dim])
        out = node("Transpose", [out], [f"{at}mixed.rows"], perm=[1, 0, 2])
        out = self._reshape(out, f"{at}mixed.flat", [tokens, c.n_heads * c.head_dim])
        return self._multiply(out, [f"{at}o"], f"{at}o")

    def _feed_forward(self, index: int, x: str) -> str:
        node, family = self.graph.node, self.config.family
        up = self._multiply(x, [f"{index}.up"], f"{index}.up")
        if family.gated:
            gate = self._multiply(x, [f"{index}.gate"], f"{index}.gate")
            hidden = node("Mul", [self._activation(gate), up], [f"{index}.hidden"])
        else:
            hidden = self._activation(up)
        return self._multiply(hidden, [f"{index}.down"], f"{index}.down")

    def _activation(self, x: str) -> str:
        node = self.graph.node
        if self.config.family.activation == "silu":
            return node("Mul", [x, node("Sigmoid", [x], [f"{x}.gate"])], [f"{x}.active"])
        return node("Gelu", [x], [f"{x}.active"], approximate="tanh")

    def _head(self, x: str) -> None:
        tensor = "head" if self.weights.has("head") else "embed"
        table = self.graph.stored(f"{tensor}.w", self.matrices.table(tensor))
        rows = self.graph.node("Gemm", [x, table], ["logits.rows"], transB=1)
        shaped = self._reshape(rows, "logits.half", [1, self.tokens, self.config.vocab_size])
        self.graph.node("Cast", [shaped], ["logits"], to=_FP32)

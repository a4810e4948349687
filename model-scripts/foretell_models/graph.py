"""Writes the decoder as an ONNX graph for ONNX Runtime's providers, except Core ML.

One GroupQueryAttention per layer works in place on a preallocated KV buffer that is bound as both
`past` and `present`. `seqlens_k` says how much of it is valid, so rewinding only lowers a length.
`logits_start` selects the rows for the vocabulary product. See BUNDLE.md.

A row's result must not depend, to the last bit, on how many rows are evaluated with it, because
rounding to 8 bits amplifies such a difference. The matrix products guarantee that. Attention takes
another path for a single row, so each evaluation repeats its last row there and drops the result.

MLX gets a graph of the operators that its provider computes, without that row: its results depend
on the number of rows anyway.
"""

import math
from pathlib import Path

import numpy as np
import numpy.typing as npt

from foretell_models.linear import LinearWriter
from foretell_models.model_config import MAX_CONTEXT, ModelConfig, Weights
from foretell_models.onnx_writer import CONTRIB, DataFile, GraphWriter
from foretell_models.recipe import INT8, Recipe, Storage, wide_block
from foretell_models.rotation import RotatedWeights


def write_decoder(
    folder: Path,
    weights: Weights,
    recipe: Recipe,
    float_type: npt.DTypeLike = np.float32,
    for_mlx: bool = False,
) -> None:
    """Writes `model.onnx` and its data file into `folder`.

    With `for_mlx`, it has only operators that the MLX provider computes.
    """
    if recipe.rotated and RotatedWeights.applies_to(weights.config):
        weights = RotatedWeights(weights)
    data = DataFile(folder)
    try:
        graph = GraphWriter(data, float_type)
        _Decoder(graph, weights, recipe, for_mlx).write()
        graph.save(folder / "model.onnx", weights.config.architecture)
    finally:
        data.close()


class _Decoder:
    """Builds the graph from the embedding to the logits."""

    def __init__(self, graph: GraphWriter, weights: Weights, recipe: Recipe, for_mlx: bool) -> None:
        self.graph, self.weights, self.recipe = graph, weights, recipe
        self.for_mlx = for_mlx
        self.config: ModelConfig = weights.config
        self.linear = LinearWriter(graph, weights, recipe, fused_bias=not for_mlx)
        self._tied_head: str | None = None

    def write(self) -> None:
        """Declares the inputs and outputs and adds every node."""
        graph, c = self.graph, self.config
        graph.input("input_ids", np.int64, [1, "tokens"])
        graph.input("seqlens_k", np.int32, [1])
        graph.input("total_sequence_length", np.int32, [])
        graph.input("logits_start", np.int64, [1])
        graph.output("logits", np.float32, [1, "rows", c.vocab_size])
        # One row for the repeated last row; see above.
        length = min(c.context_length, MAX_CONTEXT) + 1
        for name, cache in zip(("cos", "sin"), c.rotary(length), strict=True):
            region = graph.data.reserve(graph.float_type, cache.shape)
            region.write_rows(0, cache)
            graph.stored(name, region)
        self._lengths = ["seqlens_k", "total_sequence_length"]
        if not self.for_mlx:
            self._lengths = [
                graph.node(
                    "Add", [name, graph.constant(f"{name}.more", more, np.int32)], [f"{name}.all"]
                )
                for name, more in (("seqlens_k", [1]), ("total_sequence_length", 1))
            ]
        residual = self._embedding()
        x = self._first_norm(residual)
        update = ""
        for index in range(c.n_layers):
            attention = self._attention(index, x)
            x, residual = self._add_norm(residual, attention, f"{index}.ffn_norm")
            update = self._feed_forward(index, x)
            if index + 1 < c.n_layers:
                x, residual = self._add_norm(residual, update, f"{index + 1}.attn_norm")
        self._head(residual, update)

    def _embedding(self) -> str:
        graph, c = self.graph, self.config
        storage = self.linear.storage("embed")
        if storage.bits == 32:
            table = graph.stored("embed.w", self.linear.store_table("embed"))
            x = graph.node("Gather", [table, "input_ids"], ["embed"])
        else:
            matrix = self.linear.store(["embed"], storage)
            assert matrix.scale is not None
            self._embed = matrix
            x = self._gather_rows("embed", "input_ids", "embed", storage)
        if not c.family.scaled_embedding:
            return x
        # Gemma rounds the factor to its compute type, which is float32 here.
        factor = graph.constant("embed.factor", math.sqrt(c.hidden))
        return graph.node("Mul", [x, factor], ["embed.scaled"])

    def _gather_rows(self, tensor: str, ids: str, out: str, storage: Storage) -> str:
        matrix = self._embed if tensor == "embed" else self._head_rows
        assert matrix.scale is not None
        graph = self.graph
        shape = (matrix.n_rows, matrix.n_columns)
        return graph.node(
            "GatherBlockQuantized",
            [
                graph.stored(f"{out}.rows", matrix.data, shape),
                ids,
                graph.stored(f"{out}.scales", matrix.scale),
            ],
            [out],
            CONTRIB,
            bits=8,
            block_size=storage.block,
            gather_axis=0,
            quantize_axis=1,
        )

    def _norm_inputs(self, name: str) -> list[str]:
        names = [self.graph.constant(f"{name}.g", self.weights.vector(name))]
        if self.config.family.norm == "layer":
            names.append(self.graph.constant(f"{name}.b", self.weights.vector(f"{name}_bias")))
        return names

    def _first_norm(self, x: str) -> str:
        rms = self.config.family.norm == "rms"
        return self.graph.node(
            "SimplifiedLayerNormalization" if rms else "LayerNormalization",
            [x, *self._norm_inputs("0.attn_norm")],
            ["0.attn_norm"],
            epsilon=self.config.norm_eps,
            axis=-1,
            stash_type=1,
        )

    def _add_norm(self, residual: str, update: str, name: str) -> tuple[str, str]:
        """Adds an update to the residual stream; returns the normalised sum and the sum."""
        rms = self.config.family.norm == "rms"
        total = f"{name}.sum"
        self.graph.node(
            "SkipSimplifiedLayerNormalization" if rms else "SkipLayerNormalization",
            [residual, update, *self._norm_inputs(name)],
            [name, "", "", total],
            CONTRIB,
            epsilon=self.config.norm_eps,
        )
        return name, total

    def _attention(self, index: int, x: str) -> str:
        graph, c = self.graph, self.config
        names = []
        for when, dimension in (("past_key_values", "length"), ("present", "length")):
            for part in ("key", "value"):
                names.append(f"{when}.{index}.{part}")
                declare = graph.input if when == "past_key_values" else graph.output
                shape: list[int | str] = [1, c.n_kv_heads, dimension, c.head_dim]
                declare(names[-1], graph.float_type, shape)
        parts = [f"{index}.{part}" for part in "qkv"]
        out = f"{index}.attention"
        if self.for_mlx:
            inputs = [self.linear.multiply(x, [part], part) for part in parts]
            self._group_query_attention(inputs, names, out)
            return self.linear.multiply(out, [f"{index}.o"], f"{index}.o")
        qkv = self.linear.multiply(x, parts, f"{index}.qkv")
        zero, last, end, axis = (
            graph.constant(name, [value], np.int64)
            for name, value in (("zero", 0), ("last", -1), ("end", 2**62), ("token_axis", 1))
        )
        graph.node("Slice", [qkv, last, end, axis], [f"{index}.qkv.last"])
        graph.node("Concat", [qkv, f"{index}.qkv.last"], [f"{index}.qkv.all"], axis=1)
        self._group_query_attention([f"{index}.qkv.all", "", ""], names, f"{out}.all")
        graph.node("Slice", [f"{out}.all", zero, last, axis], [out])
        return self.linear.multiply(out, [f"{index}.o"], f"{index}.o")

    def _group_query_attention(self, qkv: list[str], kv: list[str], out: str) -> None:
        """Adds the attention of Q, K and V, or of all in one, with the names of the KV buffers."""
        c = self.config
        window = {"local_window_size": c.window} if c.window else {}
        self.graph.node(
            "GroupQueryAttention",
            [*qkv, *kv[:2], *self._lengths, "cos", "sin"],
            [out, *kv[2:]],
            CONTRIB,
            num_heads=c.n_heads,
            kv_num_heads=c.n_kv_heads,
            do_rotary=1,
            rotary_interleaved=0,
            scale=float(c.head_dim**-0.5),
            **window,
        )

    def _feed_forward(self, index: int, x: str) -> str:
        graph, family = self.graph, self.config.family
        names = [f"{index}.{part}" for part in ("gate", "up", "down")]
        if family.gated and self.linear.by_token(names):
            # Separate products, because splitting a common one would copy it.
            (gate, scale), (up, _) = (self.linear.multiply_unscaled(x, it) for it in names[:2])
            gate = graph.node("Mul", [gate, scale], [f"{index}.gate.scaled"])
            # The scale of `up` is left out here: it cancels out in the rounded input of the next
            # product, and is then a factor of its scale.
            x = graph.node("Mul", [self._activation(gate), up], [f"{index}.hidden"])
            return self.linear.multiply(self._rotated(x), names[2:], names[2], scale)
        if family.gated:
            both = self.linear.multiply(x, [f"{index}.gate", f"{index}.up"], f"{index}.gate_up")
            gate, up = f"{index}.gate", f"{index}.up"
            graph.node("Split", [both], [gate, up], axis=-1, num_outputs=2)
            x = graph.node("Mul", [self._activation(gate), up], [f"{index}.hidden"])
        else:
            x = self._activation(self.linear.multiply(x, [f"{index}.up"], f"{index}.up"))
        return self.linear.multiply(self._rotated(x), [f"{index}.down"], f"{index}.down")

    def _rotated(self, x: str) -> str:
        """Multiplies each block of a down projection's input by the matrix of rotated weights."""
        if not isinstance(self.weights, RotatedWeights):
            return x
        graph, block = self.graph, self.weights.block
        blocks = graph.constant("rotation_blocks", [1, -1, len(block)], np.int64)
        whole = graph.constant("rotation_whole", [1, -1, self.config.ffn], np.int64)
        graph.node("Reshape", [x, blocks], [f"{x}.blocks"])
        graph.node("MatMul", [f"{x}.blocks", graph.constant("rotation", block)], [f"{x}.mixed"])
        return graph.node("Reshape", [f"{x}.mixed", whole], [f"{x}.rotated"])

    def _activation(self, x: str) -> str:
        out = f"{x}.active"
        if self.config.family.activation == "silu" and self.for_mlx:
            share = self.graph.node("Sigmoid", [x], [f"{x}.share"])
            return self.graph.node("Mul", [x, share], [out])
        if self.config.family.activation == "silu":
            return self.graph.node("QuickGelu", [x], [out], CONTRIB, alpha=1.0)
        return self.graph.node("Gelu", [x], [out], approximate="tanh")

    def _head(self, residual: str, update: str) -> None:
        """Adds the last norm and the vocabulary product, only for rows from `logits_start` on."""
        graph = self.graph
        end = graph.constant("end", [2**62], np.int64)
        axis = graph.constant("token_axis", [1], np.int64)
        for name in (residual, update):
            graph.node("Slice", [name, "logits_start", end, axis], [f"{name}.tail"])
        x, _ = self._add_norm(f"{residual}.tail", f"{update}.tail", "final_norm")
        half = graph.float_type != np.float32
        out = "logits.half" if half else "logits"
        tensor = "head" if self.weights.has("head") else "embed"
        storage = self.linear.storage(tensor, "head")
        if self.recipe.candidates and storage.bits == 8 and not storage.by_token:
            self._rescored(x, tensor, storage, out)
        elif tensor == "embed" and storage == self.linear.storage("embed") and storage.bits == 8:
            self.linear.apply(x, self._embed, out)
        else:
            self.linear.apply(x, self.linear.store([tensor], storage), out, rows="tail")
        if half:
            graph.node("Cast", [out], ["logits"], to=1)

    def _rescored(self, x: str, tensor: str, storage: Storage, out: str) -> None:
        """Adds a 4-bit head that selects the best tokens, whose 8-bit rows then rescore them.

        A step reads half the bytes of the 8-bit head, with no loss for the tokens that matter.
        """
        graph, count = self.graph, self.recipe.candidates
        head = self.linear.store([tensor], Storage(4, wide_block(self.config.hidden)))
        rough = self.linear.apply(x, head, f"{out}.rough")
        k = graph.constant("candidates", [count], np.int64)
        graph.node("TopK", [rough, k], [f"{out}.best", f"{out}.ids"], axis=-1, sorted=0)
        if tensor == "embed" and self.linear.storage("embed") == storage:
            self._head_rows = self._embed
        else:
            self._head_rows = self.linear.store([tensor], INT8)
        rows = self._gather_rows("head", f"{out}.ids", f"{out}.candidates", storage)
        column = graph.constant("last_axis", [-1], np.int64)
        graph.node("Unsqueeze", [x, column], [f"{out}.column"])
        graph.node("MatMul", [rows, f"{out}.column"], [f"{out}.scores"])
        graph.node("Squeeze", [f"{out}.scores", column], [f"{out}.exact"])
        # Blend the two scores just above the last candidate: a token's logit must not jump when a
        # rounding error decides whether it is a candidate.
        axis = graph.constant("last_axis", [-1], np.int64)
        best, exact = f"{out}.best", f"{out}.exact"
        floor = graph.node("ReduceMin", [best, axis], [f"{out}.floor"], keepdims=1)
        above = graph.node("Sub", [best, floor], [f"{out}.above"])
        limits = [graph.constant(f"blend.{value}", value) for value in (0, 1)]
        share = graph.node("Clip", [above, *limits], [f"{out}.share"])
        # Not `best + share * (exact - best)`: at a share of 1 the result must be `exact` to the
        # last bit, because the rough scores of a single row differ from those of several rows.
        rest = graph.node("Sub", [limits[1], share], [f"{out}.rest"])
        parts = [
            graph.node("Mul", [weight, score], [f"{weight}.score"])
            for weight, score in ((share, exact), (rest, best))
        ]
        final = graph.node("Add", parts, [f"{out}.final"])
        graph.node("ScatterElements", [rough, f"{out}.ids", final], [out], axis=-1)

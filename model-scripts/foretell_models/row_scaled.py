"""Products of 8-bit integers: a scale per output for the weights, a scale per token for the input.

`MatMulIntegerToFloat` takes one scale for all tokens, so it gets 1, and the tokens' scales are
multiplied afterwards. Integer sums are exact, so the result of a token does not depend on the
tokens evaluated with it.
"""

import numpy as np
from onnx import TensorProto, helper

from foretell_models.onnx_writer import CONTRIB, GraphWriter

#: The input is stored as unsigned integers around this value.
_ZERO = 128


class RowQuantizer:
    """Adds the nodes that round inputs to 8 bits, once for each input."""

    def __init__(self, graph: GraphWriter) -> None:
        self._graph = graph
        self._scales: dict[str, str] = {}
        self._zeros: dict[str, str] = {}

    def quantize(self, x: str, width: int, rows: str) -> tuple[str, str]:
        """Names of the uint8 integers of `x` [1, n, width] and of their scales [1, n, 1].

        All inputs with the same `rows` have the same number of tokens.
        """
        graph, scale = self._graph, f"{x}.scale"
        if x in self._scales:
            return f"{x}.int8", scale
        self._scales[x] = scale
        last = graph.constant("last_axis", [-1], np.int64)
        graph.node("Abs", [x], [f"{x}.abs"])
        graph.node("ReduceMax", [f"{x}.abs", last], [f"{x}.max"], keepdims=1)
        graph.node("Mul", [f"{x}.max", graph.constant("step", 1 / 127)], [scale])
        if rows not in self._zeros:
            zero = f"zero_point.{rows}"
            graph.node("Shape", [scale], [f"{zero}.shape"])
            value = helper.make_tensor("zero", TensorProto.UINT8, [1], [_ZERO])
            graph.node("ConstantOfShape", [f"{zero}.shape"], [zero], value=value)
            self._zeros[rows] = zero
        # A block of a whole row: this variant takes one scale per row, with the rank of the input.
        graph.node(
            "QuantizeLinear",
            [x, scale, self._zeros[rows]],
            [f"{x}.int8"],
            axis=2,
            block_size=width,
        )
        return f"{x}.int8", scale

    def multiply(self, x: str, weights: str, scales: str, out: str) -> str:
        """Adds the product of quantized `x` and `weights`, without the scales of the tokens."""
        graph = self._graph
        return graph.node(
            "MatMulIntegerToFloat",
            [
                x,
                weights,
                graph.constant("one", 1),
                scales,
                graph.constant("zero_point", _ZERO, np.uint8),
            ],
            [out],
            CONTRIB,
        )

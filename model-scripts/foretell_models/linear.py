"""Writes a checkpoint's matrices as graph nodes: MatMul for floats, MatMulNBits for integers.

Rows are processed in pieces, so memory does not grow with the vocabulary.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from foretell_models import quantize
from foretell_models.model_config import Floats, Weights, tensor_shapes
from foretell_models.onnx_writer import CONTRIB, GraphWriter, Region
from foretell_models.quantize import Packed
from foretell_models.recipe import MatrixInfo, Recipe, Storage
from foretell_models.row_scaled import RowQuantizer

#: Values processed at a time: 2 MiB as float32, so that a piece stays in the cache.
_PIECE = 1 << 19
#: Selects the fast kernels of MatMulNBits, which round each block of the input to 8 bits.
_ACCURACY_INT8 = 4


@dataclass(frozen=True)
class StoredMatrix:
    """Location of a matrix, or of several stacked by rows; the regions are those of `Packed`."""

    storage: Storage
    n_rows: int
    n_columns: int
    data: Region
    scale: Region | None = None
    zero: Region | None = None
    minimum: Region | None = None


class LinearWriter:
    """Writes matrices and the nodes that multiply by them.

    With `fused_bias`, a bias is an input of `MatMulNBits` instead of a node of its own.
    """

    def __init__(
        self, graph: GraphWriter, weights: Weights, recipe: Recipe, fused_bias: bool = True
    ) -> None:
        self.graph, self.weights, self.recipe = graph, weights, recipe
        self._fused_bias = fused_bias
        self._shapes = tensor_shapes(weights.config)
        self._block_sums: set[str] = set()
        self._rows = RowQuantizer(graph)

    def storage(self, name: str, role: str | None = None) -> Storage:
        """The storage that the recipe selects for a tensor, optionally in another role."""
        layer, _, part = name.rpartition(".")
        return self.recipe.storage(
            MatrixInfo(
                role or part,
                self._shapes[name][1],
                int(layer or 0),
                self.weights.config.n_layers,
                self.weights.storage(name),
            )
        )

    def multiply(self, x: str, names: list[str], out: str, factor: str | None = None) -> str:
        """Adds the product of `x` and the matrices, concatenated on the last axis, plus biases.

        `factor`, as in `apply`.
        """
        if factor:
            matrix = self.store(names, self.storage(names[0]))
            return self.apply(x, matrix, out, self.bias(names), factor=factor)
        groups = [(storage, list(group)) for storage, group in groupby(names, key=self.storage)]
        if len(groups) == 1:
            return self._product(x, groups[0][1], groups[0][0], out)
        parts = [
            self._product(x, group, storage, f"{out}.{index}")
            for index, (storage, group) in enumerate(groups)
        ]
        return self.graph.node("Concat", parts, [out], axis=-1)

    def _product(self, x: str, names: list[str], storage: Storage, out: str) -> str:
        return self.apply(x, self.store(names, storage), out, self.bias(names))

    def bias(self, names: list[str]) -> Floats | None:
        """The concatenated biases of the matrices, zero where absent; None if all are absent."""
        if not any(self.weights.has(f"{name}_bias") for name in names):
            return None
        return np.concatenate(
            [
                self.weights.vector(f"{name}_bias")
                if self.weights.has(f"{name}_bias")
                else np.zeros(self._shapes[name][0], np.float32)
                for name in names
            ]
        )

    def by_token(self, names: list[str]) -> bool:
        """Whether the inputs of all these matrices have scales by token, and none has a bias."""
        return self.bias(names) is None and all(self.storage(name).by_token for name in names)

    def multiply_unscaled(self, x: str, name: str) -> tuple[str, str]:
        """Adds the product of `x` and a matrix, both by token, without the scales of the tokens.

        Returns the product and the scales [1, n, 1].
        """
        matrix = self.store([name], self.storage(name))
        integers, scale = self._rows.quantize(x, matrix.n_columns, "tokens")
        return self._integer_product(integers, matrix, name), scale

    def _integer_product(self, integers: str, matrix: StoredMatrix, out: str) -> str:
        graph = self.graph
        assert matrix.scale is not None
        weights = graph.stored(f"{out}.w", matrix.data)
        return self._rows.multiply(integers, weights, graph.stored(f"{out}.s", matrix.scale), out)

    def apply(
        self,
        x: str,
        matrix: StoredMatrix,
        out: str,
        bias: Floats | None = None,
        rows: str = "tokens",
        factor: str | None = None,
    ) -> str:
        """Adds the nodes of a product with a stored matrix; returns its output.

        Inputs with the same `rows` have the same number of tokens. `factor` [1, n, 1] is an
        additional factor of each token, for a storage by token.
        """
        graph = self.graph
        if matrix.storage.by_token:
            integers, scale = self._rows.quantize(x, matrix.n_columns, rows)
            if factor:
                scale = graph.node("Mul", [scale, factor], [f"{scale}.all"])
            raw = self._integer_product(integers, matrix, f"{out}.integers")
            product = out if bias is None else f"{out}.product"
            graph.node("Mul", [raw, scale], [product])
            if bias is None:
                return out
            return graph.node("Add", [product, graph.constant(f"{out}.b", bias)], [out])
        if matrix.storage.bits == 32:
            product = out if bias is None else f"{out}.product"
            graph.node("MatMul", [x, graph.stored(f"{out}.w", matrix.data)], [product])
            if bias is None:
                return out
            return graph.node("Add", [product, graph.constant(f"{out}.b", bias)], [out])
        if bias is not None and not self._fused_bias:
            product = self.apply(x, matrix, f"{out}.product")
            return graph.node("Add", [product, graph.constant(f"{out}.b", bias)], [out])
        assert matrix.scale is not None
        inputs = [
            x,
            graph.stored(f"{out}.w", matrix.data),
            graph.stored(f"{out}.s", matrix.scale),
            graph.stored(f"{out}.z", matrix.zero) if matrix.zero else "",
            "",
            graph.constant(f"{out}.b", bias) if bias is not None else "",
        ]
        while not inputs[-1]:
            inputs.pop()
        product = f"{out}.product" if matrix.minimum else out
        graph.node(
            "MatMulNBits",
            inputs,
            [product],
            CONTRIB,
            K=matrix.n_columns,
            N=matrix.n_rows,
            bits=matrix.storage.bits,
            block_size=matrix.storage.block,
            accuracy_level=_ACCURACY_INT8,
        )
        if matrix.minimum is None:
            return out
        return graph.node("Add", [product, self._minimum(x, matrix, out)], [out])

    def _minimum(self, x: str, matrix: StoredMatrix, out: str) -> str:
        """Adds the term for formats with minima: the sum of each block of `x` times its minimum."""
        graph, block = self.graph, matrix.storage.block
        assert matrix.minimum is not None
        sums = f"{x}.sums{block}"
        if sums not in self._block_sums:
            self._block_sums.add(sums)
            shape = graph.constant(
                f"split{block}.{matrix.n_columns}",
                [0, 0, matrix.n_columns // block, block],
                np.int64,
            )
            graph.node("Reshape", [x, shape], [f"{x}.blocks{block}"])
            last = graph.constant("last_axis", [-1], np.int64)
            graph.node("ReduceSum", [f"{x}.blocks{block}", last], [sums], keepdims=0)
        return graph.node(
            "MatMul", [sums, graph.stored(f"{out}.m", matrix.minimum)], [f"{out}.minimum"]
        )

    def store(self, names: list[str], storage: Storage) -> StoredMatrix:
        """Writes matrices stacked by rows, all in the same storage."""
        n_rows = sum(self._shapes[name][0] for name in names)
        n_columns = self._shapes[names[0]][1]
        if storage.by_token:
            return self._store_by_output(names, storage, n_rows, n_columns)
        if storage.bits == 32:
            region = self.graph.data.reserve(self.graph.float_type, (n_columns, n_rows))
            for first, name, start, stop in self._pieces(names):
                region.write_columns(first, self.weights.rows(name, start, stop).T)
            return StoredMatrix(storage, n_rows, n_columns, region)
        return self._store_integers(names, storage, n_rows, n_columns)

    def store_table(self, name: str) -> Region:
        """Writes a matrix row by row, without transposing it, in the graph's float type."""
        region = self.graph.data.reserve(self.graph.float_type, self._shapes[name])
        for first, _, start, stop in self._pieces([name]):
            region.write_rows(first, self.weights.rows(name, start, stop))
        return region

    def _store_integers(
        self, names: list[str], storage: Storage, n_rows: int, n_columns: int
    ) -> StoredMatrix:
        data = self.graph.data
        n_blocks = -(-n_columns // storage.block)
        size = storage.block * storage.bits // 8
        asymmetric = storage.bits == 4 and not storage.exact
        stored = StoredMatrix(
            storage,
            n_rows,
            n_columns,
            data.reserve(np.uint8, (n_rows, n_blocks, size)),
            data.reserve(self.graph.float_type, (n_rows, n_blocks)),
            data.reserve(np.uint8, (n_rows, -(-n_blocks // 2))) if asymmetric else None,
            data.reserve(self.graph.float_type, (n_blocks, n_rows)) if storage.minimum else None,
        )
        assert stored.scale is not None
        for first, name, start, stop in self._pieces(names):
            packed = self._pack(name, start, stop, storage)
            stored.data.write_rows(first, packed.data)
            stored.scale.write_rows(first, packed.scale)
            if stored.zero is not None and packed.zero is not None:
                stored.zero.write_rows(first, packed.zero)
            if stored.minimum is not None and packed.minimum is not None:
                stored.minimum.write_columns(first, packed.minimum.T)
        return stored

    def _store_by_output(
        self, names: list[str], storage: Storage, n_rows: int, n_columns: int
    ) -> StoredMatrix:
        data = self.graph.data.reserve(np.int8, (n_columns, n_rows))
        scales = self.graph.data.reserve(np.float32, (n_rows,))
        for first, name, start, stop in self._pieces(names):
            values, scale = quantize.int8_outputs(self.weights.rows(name, start, stop))
            data.write_columns(first, values.T)
            scales.write_rows(first, scale)
        return StoredMatrix(storage, n_rows, n_columns, data, scales)

    def _pack(self, name: str, start: int, stop: int, storage: Storage) -> Packed:
        grid = self.weights.grid(name, start, stop)
        if storage.exact:
            if grid is None:
                raise ValueError(f"{name} has no stored integers")
            return quantize.exact(grid, storage.bits)
        if storage.bits == 4:
            return quantize.int4(self.weights.rows(name, start, stop), storage.block)
        if grid is not None and grid.minimum is None and grid.block == storage.block:
            return quantize.exact(grid, 8)
        return quantize.int8(self.weights.rows(name, start, stop), storage.block)

    def _pieces(self, names: list[str]) -> Iterator[tuple[int, str, int, int]]:
        """Yields (row in the stack, tensor, first row, last row + 1), at most `_PIECE` values each.

        A row that is larger than `_PIECE` is one piece.
        """
        first = 0
        for name in names:
            n_rows, n_columns = self._shapes[name]
            step = max(1, _PIECE // n_columns)
            for start in range(0, n_rows, step):
                stop = min(start + step, n_rows)
                yield first, name, start, stop
                first += stop - start

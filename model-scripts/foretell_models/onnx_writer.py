"""Writes an ONNX model with its tensors in one data file, one tensor at a time.

Only the graph stays in memory, so memory does not grow with the model's depth.
"""

import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

CONTRIB = "com.microsoft"
DATA_FILE = "model.onnx.data"
#: ONNX Runtime maps tensors at page-aligned offsets instead of copying them.
_PAGE, _LINE, _LARGE = 4096, 64, 1 << 16


class DataFile:
    """The external data of one or more graphs in a folder."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / DATA_FILE
        self._file = self.path.open("wb+")
        self._end = 0

    def reserve(self, dtype: npt.DTypeLike, shape: tuple[int, ...]) -> "Region":
        """Reserves space for a tensor, to be written by rows or columns."""
        size = math.prod(shape) * np.dtype(dtype).itemsize
        unit = _PAGE if size >= _LARGE else _LINE
        start = -(-self._end // unit) * unit
        self._end = start + size
        if hasattr(os, "posix_fallocate"):
            # Reports a full disk here; otherwise writing a mapped page would raise a signal.
            os.posix_fallocate(self._file.fileno(), start, size)
        else:
            self._file.truncate(self._end)
        return Region(self, np.dtype(dtype), shape, start, size)

    def write(self, offset: int, array: npt.NDArray[Any]) -> None:
        """Writes an array's bytes at an offset."""
        self._file.seek(offset)
        self._file.write(np.ascontiguousarray(array).tobytes())

    def close(self) -> None:
        """Closes the file without flushing it to the disk; `files.new_folder` does that."""
        self._file.close()


class Region:
    """The space of one tensor in the data file."""

    def __init__(
        self, file: DataFile, dtype: np.dtype[Any], shape: tuple[int, ...], start: int, size: int
    ) -> None:
        self._file, self.dtype, self.shape, self.start, self.size = file, dtype, shape, start, size

    def write_rows(self, first: int, rows: npt.NDArray[Any]) -> None:
        """Writes rows (first dimension) from row `first` on."""
        if first + len(rows) > self.shape[0] or rows.shape[1:] != self.shape[1:]:
            raise ValueError(f"{rows.shape} from row {first} does not fit {self.shape}")
        width = self.size // self.shape[0]
        self._file.write(self.start + first * width, rows.astype(self.dtype, copy=False))

    def write_columns(self, first: int, columns: npt.NDArray[Any]) -> None:
        """Writes columns of a matrix from column `first` on."""
        self._file._file.flush()
        view = np.memmap(self._file.path, self.dtype, "r+", self.start, self.shape)
        # Not flushed: waiting for the disk after each piece would take most of an import.
        view[:, first : first + columns.shape[1]] = columns


class GraphWriter:
    """Nodes and initializers of one graph; large initializers go to the data file."""

    def __init__(self, data: DataFile, float_type: npt.DTypeLike = np.float32) -> None:
        self.data = data
        self.float_type = np.dtype(float_type)
        self._nodes: list[Any] = []
        self._initializers: dict[str, Any] = {}
        self._inputs: list[Any] = []
        self._outputs: list[Any] = []

    def node(
        self, kind: str, inputs: list[str], outputs: list[str], domain: str = "", **attributes: Any
    ) -> str:
        """Adds a node, named after its first output, and returns that output."""
        name = f"{outputs[0]}/{kind}"
        self._nodes.append(
            helper.make_node(kind, inputs, outputs, name=name, domain=domain, **attributes)
        )
        return outputs[0]

    def constant(self, name: str, value: npt.ArrayLike, dtype: npt.DTypeLike | None = None) -> str:
        """Adds a small tensor to the graph file, unless the name exists; returns the name."""
        if name not in self._initializers:
            array = np.asarray(value, dtype or self.float_type)
            self._initializers[name] = numpy_helper.from_array(array, name)
        return name

    def stored(self, name: str, region: Region, shape: tuple[int, ...] | None = None) -> str:
        """Adds a tensor in the data file, optionally with another shape; returns the name."""
        tensor = TensorProto(
            name=name,
            dims=shape or region.shape,
            data_type=helper.np_dtype_to_tensor_dtype(region.dtype),
            data_location=TensorProto.EXTERNAL,
        )
        entries = {"location": DATA_FILE, "offset": region.start, "length": region.size}
        for key, value in entries.items():
            tensor.external_data.add(key=key, value=str(value))
        self._initializers[name] = tensor
        return name

    def input(self, name: str, dtype: npt.DTypeLike, shape: list[int | str]) -> str:
        """Declares a graph input."""
        kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        self._inputs.append(helper.make_tensor_value_info(name, kind, shape))
        return name

    def output(self, name: str, dtype: npt.DTypeLike, shape: list[int | str]) -> str:
        """Declares a graph output."""
        kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        self._outputs.append(helper.make_tensor_value_info(name, kind, shape))
        return name

    def save(self, path: Path, title: str) -> None:
        """Writes the graph file."""
        domains = {node.domain for node in self._nodes}
        opsets = [helper.make_opsetid("", 21)]
        if CONTRIB in domains:
            opsets.append(helper.make_opsetid(CONTRIB, 1))
        graph = helper.make_graph(
            self._nodes, title, self._inputs, self._outputs, list(self._initializers.values())
        )
        model = helper.make_model(graph, opset_imports=opsets, ir_version=10)
        model.producer_name = "foretell-models"
        onnx.save(model, path)

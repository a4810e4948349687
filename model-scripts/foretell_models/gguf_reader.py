"""Reads the header and tensor bytes of a GGUF file; nothing in the file is trusted.

Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md (versions 2 and 3, little-endian).
Every count and length is checked against the remaining bytes before memory is allocated.
"""

import math
import mmap
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType

from foretell_models.errors import BadSource

_SCALARS = {
    0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i",
    6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d",
}  # fmt: skip
_STRING, _ARRAY = 8, 9
_MAX_DIMENSIONS = 4
_MAX_NAME = 1024
_MAX_ITEMS = 1 << 24  # Many times the size of any vocabulary.


@dataclass(frozen=True)
class GgufTensor:
    """Location of a tensor: `shape` is row-major (rows first), `offset` is from the file start."""

    name: str
    kind: GGMLQuantizationType
    shape: tuple[int, ...]
    offset: int
    n_bytes: int

    @property
    def row_bytes(self) -> int:
        """Bytes of one row (the last dimension)."""
        block, size = GGML_QUANT_SIZES[self.kind]
        return int(self.shape[-1] // block * size)


class GgufFile:
    """An open GGUF file: `metadata` by key, `tensors` by name, bytes on demand."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = path.stat().st_size
        self.metadata: dict[str, Any] = {}
        self.tensors: dict[str, GgufTensor] = {}
        if self.size < 24:
            raise BadSource(f"{path}: only {self.size} bytes, too short for a GGUF file")
        with (
            path.open("rb") as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view,
        ):
            _Header(self, view).read()

    def rows(self, tensor: GgufTensor, start: int, stop: int) -> npt.NDArray[np.uint8]:
        """The stored bytes of rows `start` to `stop`, as uint8 [rows, bytes per row].

        All dimensions of a tensor except the last count as rows.
        """
        width = tensor.row_bytes
        with self.path.open("rb") as file:
            file.seek(tensor.offset + start * width)
            data = np.fromfile(file, np.uint8, (stop - start) * width)
        if data.size != (stop - start) * width:
            raise BadSource(f"{self.path}: the file shrank while reading tensor {tensor.name}")
        return data.reshape(stop - start, width)


class _Header:
    """One pass over the header of a GGUF file."""

    def __init__(self, file: GgufFile, view: mmap.mmap) -> None:
        self._file, self._view, self._at = file, view, 0
        self._readers: dict[int, Callable[[], Any]] = {_STRING: self._text, _ARRAY: self._array}

    def read(self) -> None:
        if (magic := self._view[:4]) != b"GGUF":
            raise BadSource(f"{self._file.path}: not a GGUF file (it starts with {magic!r})")
        self._at = 4
        version = self._number("<I")
        if version not in (2, 3):
            hint = " (big-endian files are not supported)" if version in (2 << 24, 3 << 24) else ""
            raise BadSource(
                f"{self._file.path}: GGUF version {version} is not supported{hint}; known: 2, 3"
            )
        n_tensors, n_keys = self._number("<Q"), self._number("<Q")
        # The smallest entries: an empty key with a one-byte value; an empty name, one dimension.
        self._need(n_keys * (8 + 4 + 1) + n_tensors * (8 + 4 + 8 + 4 + 8))
        for _ in range(n_keys):
            key = self._text()
            if key in self._file.metadata:
                raise BadSource(f"{self._file.path}: metadata key {key!r} appears twice")
            self._file.metadata[key] = self._value(self._number("<I"), key)
        self._tensors(n_tensors)

    def _tensors(self, count: int) -> None:
        found = [self._tensor() for _ in range(count)]
        alignment = self._file.metadata.get("general.alignment", 32)
        if not isinstance(alignment, int) or alignment < 1 or alignment > 1 << 20:
            raise BadSource(
                f"{self._file.path}: general.alignment is {alignment!r}, not from 1 to {1 << 20}"
            )
        start = -(-self._at // alignment) * alignment
        for name, kind, shape, offset in found:
            block, size = GGML_QUANT_SIZES[kind]
            if shape[-1] % block:
                raise BadSource(
                    f"{self._file.path}: tensor {name!r}: rows of {shape[-1]} values are not whole "
                    f"{kind.name} blocks of {block}"
                )
            n_bytes = math.prod(shape) // block * size
            if offset % alignment or start + offset + n_bytes > self._file.size:
                raise BadSource(
                    f"{self._file.path}: truncated or damaged: tensor {name!r} should end at byte "
                    f"{start + offset + n_bytes}, the file has {self._file.size}; fetch it again"
                )
            if name in self._file.tensors:
                raise BadSource(f"{self._file.path}: tensor {name!r} appears twice")
            self._file.tensors[name] = GgufTensor(name, kind, shape, start + offset, n_bytes)

    def _tensor(self) -> tuple[str, GGMLQuantizationType, tuple[int, ...], int]:
        name = self._text(_MAX_NAME)
        n_dimensions = self._number("<I")
        if not 1 <= n_dimensions <= _MAX_DIMENSIONS:
            raise BadSource(
                f"{self._file.path}: tensor {name!r} has {n_dimensions} dimensions, not from 1 to "
                f"{_MAX_DIMENSIONS}"
            )
        shape = tuple(reversed([self._number("<Q") for _ in range(n_dimensions)]))
        if 0 in shape or math.prod(shape) > 1 << 48:
            raise BadSource(f"{self._file.path}: tensor {name!r} has the impossible shape {shape}")
        number, offset = self._number("<I"), self._number("<Q")
        try:
            kind = GGMLQuantizationType(number)
        except ValueError:
            raise BadSource(
                f"{self._file.path}: tensor {name!r} has the unknown type {number}"
            ) from None
        return name, kind, shape, offset

    def _need(self, count: int) -> None:
        if self._at + count > self._file.size:
            raise BadSource(
                f"{self._file.path}: truncated: the header needs at least {self._at + count} "
                f"bytes, the file has {self._file.size}; fetch it again"
            )

    def _number(self, form: str) -> Any:
        size = struct.calcsize(form)
        self._need(size)
        value = struct.unpack_from(form, self._view, self._at)[0]
        self._at += size
        return value

    def _text(self, limit: int = 1 << 26) -> str:
        length = self._number("<Q")
        self._need(length)
        if length > limit:
            raise BadSource(
                f"{self._file.path}: a string of {length} bytes at byte {self._at} exceeds the "
                f"limit of {limit}"
            )
        data = self._view[self._at : self._at + length]
        self._at += length
        # Token texts may have any bytes. Damaged keys and names fail later comparisons.
        return data.decode("utf-8", errors="replace")

    def _value(self, kind: int, key: str) -> Any:
        if kind in _SCALARS:
            return self._number(_SCALARS[kind])
        if kind not in self._readers:
            raise BadSource(f"{self._file.path}: metadata {key!r} has the unknown type {kind}")
        return self._readers[kind]()

    def _array(self) -> list[Any]:
        kind, count = self._number("<I"), self._number("<Q")
        if count > _MAX_ITEMS:
            raise BadSource(
                f"{self._file.path}: an array of {count} items at byte {self._at} exceeds the "
                f"limit of {_MAX_ITEMS}"
            )
        if kind in _SCALARS:
            form = _SCALARS[kind]
            size = struct.calcsize(form)
            self._need(count * size)
            at, self._at = self._at, self._at + count * size
            return list(struct.unpack_from(f"<{count}{form[1]}", self._view, at))
        if kind != _STRING:  # The format allows arrays of arrays, but no known model has one.
            raise BadSource(f"{self._file.path}: an array of the unsupported type {kind}")
        self._need(count * 8)
        return [self._text() for _ in range(count)]

"""Quantization recipes: the storage of each matrix, by its role and layer.

README.md has the measurements behind the default.
"""

from collections.abc import Callable
from dataclasses import dataclass

from foretell_models.errors import UsageError


@dataclass(frozen=True)
class Storage:
    """Storage of one matrix: `bits` per value, which is 4, 8, or 32 for the graph's float type.

    `exact` keeps the source's integers; with `minimum`, also the value that is added per block.
    `by_token` stores one scale per output instead of per block, and rounds the input to 8 bits with
    one scale per token.
    """

    bits: int
    block: int = 32
    exact: bool = False
    minimum: bool = False
    by_token: bool = False


@dataclass(frozen=True)
class MatrixInfo:
    """The properties of a matrix that a recipe decides by.

    `role` is `embed`, `q`, `k`, `v`, `o`, `gate`, `up`, `down` or `head`. `layer` is 0 for matrices
    outside the layers. `stored_as` is the type in the source file.
    """

    role: str
    columns: int
    layer: int
    n_layers: int
    stored_as: str


FLOAT = Storage(32)
INT8 = Storage(8)
INT4 = Storage(4)
W8A8 = Storage(8, by_token=True)

_LOSSLESS = {
    "Q4_0": Storage(4, 32, exact=True),
    "Q4_1": Storage(4, 32, exact=True, minimum=True),
    "Q4_K": Storage(4, 32, exact=True, minimum=True),
    "Q5_0": Storage(8, 32, exact=True),
    "Q5_1": Storage(8, 32, exact=True, minimum=True),
    "Q5_K": Storage(8, 32, exact=True, minimum=True),
    "Q8_0": Storage(8, 32, exact=True),
    "Q6_K": Storage(8, 16, exact=True),
}


def _fp32(matrix: MatrixInfo) -> Storage:
    return FLOAT


def _int8(matrix: MatrixInfo) -> Storage:
    return INT8


def _int4(matrix: MatrixInfo) -> Storage:
    return INT8 if matrix.role in ("embed", "head") else INT4


def _lossless(matrix: MatrixInfo) -> Storage:
    storage = _LOSSLESS.get(matrix.stored_as, FLOAT)
    if matrix.role == "embed" and storage != _LOSSLESS["Q5_0"]:
        # GatherBlockQuantized supports neither minima nor blocks of 16, so store it in 8 bits.
        return INT8 if storage is not FLOAT else FLOAT
    return storage


def _mixed(matrix: MatrixInfo) -> Storage:
    # Wider blocks have fewer scales to read and faster kernels, but need another rounding.
    return INT8 if matrix.role in ("embed", "head") else Storage(8, wide_block(matrix.columns))


def _w8a8(matrix: MatrixInfo) -> Storage:
    return INT8 if matrix.role == "embed" else W8A8


def wide_block(columns: int) -> int:
    """The block size for 8 bits: 64 if it divides a row, so that no block is padded, else 32.

    Not 128, because then the last bits of a row's result depend on how many rows are multiplied.
    Rounding the next input to 8 bits amplifies that, so a reused KV cache would not give the same
    result as an empty one.
    """
    return 64 if columns % 64 == 0 else 32


@dataclass(frozen=True)
class Recipe:
    """A named recipe.

    If `candidates` > 0, a 4-bit head selects that many tokens and an 8-bit copy rescores them.
    `rotated` spreads the residual stream's outliers over all channels first. `only_half` is for
    targets with float16. `only_webgpu` has float16 activations and KV buffers, for those WebGPU
    devices that compute float16.
    """

    name: str
    storage: Callable[[MatrixInfo], Storage]
    candidates: int = 0
    rotated: bool = False
    only_cpu: bool = False
    only_half: bool = False
    only_webgpu: bool = False


RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        Recipe("fp32", _fp32),
        Recipe("fp16", _fp32, only_half=True),
        Recipe("lossless", _lossless),
        Recipe("int8", _int8),
        Recipe("int8-rescored", _int8, candidates=64),
        Recipe("mixed", _mixed, candidates=64),
        Recipe("mixed-fp16", _mixed, candidates=64, only_webgpu=True),
        Recipe("int4", _int4),
        Recipe("w8a8", _w8a8, rotated=True, only_cpu=True),
    )
}
#: The default is the first of these that this processor computes faster; see `fastest`.
BY_SPEED = ("w8a8", "mixed")


def recipe_of(name: str) -> Recipe:
    """The recipe of this name; raises `UsageError`, which lists the known names."""
    if name not in RECIPES:
        raise UsageError(f"quantization {name!r} is not known; known: {', '.join(RECIPES)}")
    return RECIPES[name]

"""Recipes: how each matrix of a decoder is stored, by what it does and where it stands.

The measurements behind the default are in the README.
"""

from collections.abc import Callable
from dataclasses import dataclass

from foretell_models.errors import UsageProblem


@dataclass(frozen=True)
class Storage:
    """How one matrix is stored: `bits` 32 (or the graph's float type), 8 or 4 a value.

    `exact` keeps the integers of the source and, with it, what is to be added a block (`minimum`).
    """

    bits: int
    block: int = 32
    exact: bool = False
    minimum: bool = False


@dataclass(frozen=True)
class Place:
    """Which matrix: its role (`embed`, `q`, `k`, `v`, `o`, `gate`, `up`, `down`, `head`), its
    columns, its layer (0 for those outside the layers) and how the source stores it.
    """

    role: str
    columns: int
    layer: int
    n_layers: int
    stored_as: str


FLOAT = Storage(32)
INT8 = Storage(8)
INT4 = Storage(4)

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


def _fp32(place: Place) -> Storage:
    return FLOAT


def _int8(place: Place) -> Storage:
    return INT8


def _int4(place: Place) -> Storage:
    return INT8 if place.role in ("embed", "head") else INT4


def _lossless(place: Place) -> Storage:
    storage = _LOSSLESS.get(place.stored_as, FLOAT)
    if place.role == "embed" and storage != _LOSSLESS["Q5_0"]:
        # The embedding's operator has neither minima nor blocks of 16: 8 bits keep it.
        return INT8 if storage is not FLOAT else FLOAT
    return storage


def _mixed(place: Place) -> Storage:
    # Wider blocks have fewer scales to read and quicker kernels; the integers are rounded again.
    return INT8 if place.role in ("embed", "head") else Storage(8, wide_block(place.columns))


def wide_block(columns: int) -> int:
    """The widest block, up to 64, that divides a row; a block that does not is filled up.

    Not 128: there the result of a row depends in its last bits on how many rows are multiplied,
    rounding the next input to 8 bits makes that large, and a reused KV cache would not give what
    an empty one gives.
    """
    return 64 if columns % 64 == 0 else 32


@dataclass(frozen=True)
class Recipe:
    """A named choice. `candidates` > 0: a head of 4 bits finds that many tokens, and an 8-bit
    copy of the head scores them again.
    """

    name: str
    storage: Callable[[Place], Storage]
    candidates: int = 0


RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        Recipe("fp32", _fp32),
        Recipe("lossless", _lossless),
        Recipe("int8", _int8),
        Recipe("int8-rescored", _int8, candidates=64),
        Recipe("mixed", _mixed, candidates=64),
        Recipe("int4", _int4),
    )
}
DEFAULT = "mixed"


def recipe_of(name: str) -> Recipe:
    """The recipe of this name; raises `UsageProblem` and says which there are."""
    if name not in RECIPES:
        raise UsageProblem(f"quantization {name!r} is not known; known: {', '.join(RECIPES)}")
    return RECIPES[name]

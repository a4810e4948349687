"""Experimental recipes: mixes of 8 and 4 bits by layer, and variants of `w8a8`.

    python study/recipes.py MODEL.gguf FOLDER RECIPE ...

makes a bundle `FOLDER/RECIPE` for each recipe, which can also be one of `foretell-models import`.
"""

import sys
from pathlib import Path

from foretell_models import recipe
from foretell_models.importer import ImportOptions, import_checkpoint
from foretell_models.recipe import INT4, INT8, W8A8, MatrixInfo, Recipe, Storage, wide_block


def eight(matrix: MatrixInfo) -> Storage:
    return Storage(8, wide_block(matrix.columns))


def edges(kept: int) -> Recipe:
    """The first and last `kept` layers in 8 bits, those between in 4 bits with searched scales."""

    def storage(matrix: MatrixInfo) -> Storage:
        if matrix.role in ("embed", "head"):
            return INT8
        inner = kept <= matrix.layer < matrix.n_layers - kept
        return INT4 if inner else eight(matrix)

    return Recipe(f"edges{kept}", storage, candidates=64)


def roles(name: str, *four: str, kept: int = 0) -> Recipe:
    """Some roles in 4 bits with searched scales, except in the first and last `kept` layers."""

    def storage(matrix: MatrixInfo) -> Storage:
        if matrix.role in ("embed", "head"):
            return INT8
        inner = kept <= matrix.layer < matrix.n_layers - kept
        return INT4 if inner and matrix.role in four else eight(matrix)

    return Recipe(name, storage, candidates=64)


def token_scales(name: str, *kept: str, rotated: bool = True, candidates: int = 0) -> Recipe:
    """Like `w8a8`, except roles that keep 8 bits in blocks and rescale their input in blocks."""

    def storage(matrix: MatrixInfo) -> Storage:
        if matrix.role == "embed" or (matrix.role == "head" and candidates):
            return INT8
        return eight(matrix) if matrix.role in kept else W8A8

    return Recipe(name, storage, candidates=candidates, rotated=rotated, only_cpu=True)


TRIED = (
    token_scales("w8a8-plain", rotated=False),
    token_scales("w8a8-down", "down"),
    token_scales("w8a8-head", "head"),
    token_scales("w8a8-rescored", candidates=64),
    edges(2),
    edges(6),
    roles("down4", "down"),
    roles("inner-down4", "down", kept=4),
    roles("inner-gate-up4", "gate", "up", kept=4),
)


def main() -> None:
    source, folder, names = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]
    recipe.RECIPES.update({tried.name: tried for tried in TRIED})
    for name in names:
        options = ImportOptions("qwen2.5-coder-0.5b", name, "Apache-2.0", name)
        import_checkpoint(source, folder / name, options)


if __name__ == "__main__":
    main()

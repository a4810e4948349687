"""Calibrations: how often a model's texts are correct, given the probability it assigns to them.

`calibrations.json` is a list of measured calibrations, as written by
`foretell eval --calibrate FILE`. BUNDLE.md documents the fields. A calibration belongs to one
checkpoint and one recipe.
"""

import itertools
import json
from importlib import resources
from pathlib import Path
from typing import Any

from foretell_models.bundle import Manifest
from foretell_models.errors import UsageError

FILE = "calibration.json"
FORMAT = 1


def load(path: Path | None = None) -> list[dict[str, Any]]:
    """The calibrations of the package or of a file; raises `UsageError` if one is malformed."""
    try:
        if path is None:
            own = resources.files("foretell_models").joinpath("calibrations.json")
            found = json.loads(own.read_text("utf-8"))
        else:
            found = json.loads(path.read_text("utf-8"))
        for it in found:
            if it["format"] != FORMAT:
                raise ValueError(f"format {it['format']} is not supported")
            for curve in (it["curve"], *it.get("places", {}).values()):
                _check(curve)
            for key in ("model", "quantization", "source_sha256"):
                if not isinstance(it[key], str):
                    raise ValueError(f"{key} is not a string")
    except (OSError, KeyError, TypeError, AttributeError, ValueError) as error:
        raise UsageError(f"the calibrations {path or ''} cannot be read: {error}") from None
    return list(found)


def _check(curve: list[list[float]]) -> None:
    """Raises `ValueError` unless the points are between 0 and 1 and ascending."""
    if not curve or any(not 0 < x <= 1 or not 0 < y <= 1 for x, y in curve):
        raise ValueError("the points of a curve must be between 0 and 1")
    if any(x0 >= x1 or y0 > y1 for (x0, y0), (x1, y1) in itertools.pairwise(curve)):
        raise ValueError("the points of a curve must be ascending")


def add(folder: Path, manifest: Manifest, path: Path | None = None) -> bool:
    """Writes a bundle's calibration into its folder if it has none; returns whether it did.

    An existing file is kept, because it may be the user's. The manifest does not list the file.
    """
    target = folder / FILE
    if target.exists():
        return False
    for it in load(path):
        same_source = it["source_sha256"] == manifest.source.sha256
        if same_source and it["quantization"] == manifest.quantization:
            new = target.with_name(FILE + ".new")
            new.write_text(json.dumps(it, indent=2) + "\n", "utf-8")
            new.replace(target)
            return True
    return False

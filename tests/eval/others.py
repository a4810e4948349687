"""Cases with other files of the same package, like those that a developer would have open."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from cutting import Case, cut

# Number of other files per case, and maximum size of each.
N_OTHERS = 3
OTHER_CHARS = 6_000

IMPORT = re.compile(r"^\s*(import|from|use|mod|#include|export .* from|.*require\()", re.MULTILINE)


@dataclass(frozen=True)
class CaseWithOthers(Case):
    """A case and the other open files; files that the case's file imports come first."""

    others: tuple[dict[str, str], ...]


def cases_with_others(
    name: str, path: str, language: str, texts: dict[str, str], seed: str
) -> Iterator[CaseWithOthers]:
    """The cases of a file, if its package has other suitable files. `texts` has all its files."""
    others = others_of(path, texts)
    if others:
        root = name.removesuffix(path)
        shown = tuple({"path": root + it, "text": clipped(texts[it])} for it in others)
        for case in cut(name, language, texts[path], random.Random(seed)):
            yield CaseWithOthers(**vars(case), others=shown)


def others_of(path: str, texts: dict[str, str]) -> list[str]:
    """The paths of the other open files: imported files first, then those in the same folder."""
    imports = "\n".join(line for line in texts[path].splitlines() if IMPORT.match(line))
    folder = PurePosixPath(path).parent

    def rank(other: str) -> tuple[bool, bool, str]:
        stem = PurePosixPath(other).stem
        is_imported = re.search(rf"\b{re.escape(stem)}\b", imports) is not None
        return (not is_imported, PurePosixPath(other).parent != folder, other)

    fit = [
        it for it, text in texts.items() if it != path and len(text) >= 400 and "://" not in text
    ]
    return sorted(fit, key=rank)[:N_OTHERS]


def clipped(text: str) -> str:
    """The first `OTHER_CHARS` characters of a text at most, up to the end of a line."""
    return text if len(text) <= OTHER_CHARS else text[: text.rfind("\n", 0, OTHER_CHARS) + 1]

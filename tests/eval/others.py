"""Cases with other files of their package, as somebody who works on one of them has them open."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from cutting import Case, cut

# How many other files a case has, and how much of each.
N_OTHERS = 3
OTHER_CHARS = 6_000

IMPORT = re.compile(r"^\s*(import|from|use|mod|#include|export .* from|.*require\()", re.MULTILINE)


@dataclass(frozen=True)
class CaseWithOthers(Case):
    """A case, and the files that are open beside it, those first that it imports."""

    others: tuple[dict[str, str], ...]


def cases_with_others(
    name: str, path: str, language: str, texts: dict[str, str], seed: str
) -> Iterator[CaseWithOthers]:
    """The cases of a file that has others beside it. `texts` are the files of its package."""
    others = others_of(path, texts)
    if others:
        root = name.removesuffix(path)
        shown = tuple({"path": root + it, "text": clipped(texts[it])} for it in others)
        for case in cut(name, language, texts[path], random.Random(seed)):
            yield CaseWithOthers(**vars(case), others=shown)


def others_of(path: str, texts: dict[str, str]) -> list[str]:
    """The files that are open beside one: those that it imports, then its neighbours."""
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
    """The beginning of a text, to a line's end."""
    return text if len(text) <= OTHER_CHARS else text[: text.rfind("\n", 0, OTHER_CHARS) + 1]

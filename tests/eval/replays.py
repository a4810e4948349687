"""Makes replays from two consecutive versions of real files.

Each difference becomes one edit: removed text is deleted at once, added text is typed.
"""

from __future__ import annotations

import difflib
import json
from dataclasses import replace
from pathlib import Path

from packages import Package, sources

# Limits for the typed characters and the edits of a replay.
MIN_CHARS, MAX_CHARS, MAX_EDITS = 60, 420, 3
# Context that is kept before the edits; half of it is kept after them.
MARGIN_CHARS = 2_400


def replays_of(package: Package, before: str, cache: Path) -> list[dict]:
    """The replay with the most typing from version `before` of a package to its own version."""
    old = sources(replace(package, version=before), cache)
    new = sources(package, cache)
    found = [
        row
        for path in sorted(old.keys() & new.keys())
        if (row := replay(path_of(package, path), package.language, old[path], new[path]))
    ]
    return sorted(found, key=n_typed)[-1:]


def path_of(package: Package, path: str) -> str:
    """The path of a package's file as cases record it."""
    return f"{package.name}-{package.version}/{path}"


def n_typed(row: dict) -> int:
    """Number of characters that a replay types."""
    return sum(len(edit["insert"]) for edit in row["edits"])


def replay(path: str, language: str, before: str, after: str) -> dict | None:
    """The replay with the most typing in a few consecutive edits, or None if none is suitable."""
    if before == after:
        return None
    edits = changes(before, after)
    runs = [edits[i : i + n] for n in range(1, MAX_EDITS + 1) for i in range(len(edits))]
    rows = [cut(path, language, before, run) for run in runs]
    fit = [
        it
        for it in rows
        if MIN_CHARS <= n_typed(it) <= MAX_CHARS
        and len(it["text"]) <= 3 * MARGIN_CHARS
        and "://" not in json.dumps(it)
        and sum(edit["delete"] for edit in it["edits"]) <= n_typed(it) / 2
    ]
    return max(fit, key=n_typed, default=None)


def changes(before: str, after: str) -> list[dict]:
    """The edits between two texts; each `at` is an offset in `before`."""
    edits = []
    starts = offsets(before)
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    for tag, a, b, c, d in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            continue
        removed, inserted = "".join(old[a:b]), "".join(new[c:d])
        head = common(removed, inserted)
        tail = common(removed[head:][::-1], inserted[head:][::-1])
        removed = removed[head : len(removed) - tail]
        inserted = inserted[head : len(inserted) - tail]
        edits.append({"at": starts[a] + head, "delete": len(removed), "insert": inserted})
    return edits


def cut(path: str, language: str, before: str, run: list[dict]) -> dict:
    """A replay of consecutive edits, with the lines around them."""
    starts = offsets(before)
    first, last = run[0]["at"], run[-1]["at"] + run[-1]["delete"]
    start = max((it for it in starts if it <= max(0, first - MARGIN_CHARS)), default=0)
    end = min((it for it in starts if it >= last + MARGIN_CHARS // 2), default=len(before))
    edits, shift = [], -start
    for it in run:
        edits.append({**it, "at": it["at"] + shift})
        shift += len(it["insert"]) - it["delete"]
    text = before[start:end]
    return {"path": path, "language": language, "kind": "replay", "text": text, "edits": edits}


def offsets(text: str) -> list[int]:
    """The offsets of all line starts, and of the end of the text."""
    starts = [0]
    for line in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    return starts


def common(a: str, b: str) -> int:
    """Length of the common prefix of two texts."""
    return next(
        (i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b))
    )

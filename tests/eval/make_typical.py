"""Cuts typical_edits.toml and its files into cases for `foretell eval --edits`.

    python make_typical.py

Writes edits-typical.jsonl. A case has the lines around its changes, from the start of a
definition on.
"""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

HERE = Path(__file__).parent
FILES = HERE.parent / "oracle/files"
# The number of lines above and below the changes.
N_AROUND = 60

# Where a change starts, the bytes that it deletes, and the inserted text.
Change = tuple[int, int, str]


def main() -> None:
    """Writes the set."""
    (HERE / "edits-typical.jsonl").write_text(cases())


def cases() -> str:
    """The lines of the set."""
    edits = tomllib.loads((HERE / "typical_edits.toml").read_text())["edit"]
    return "".join(json.dumps(case(**edit), ensure_ascii=False) + "\n" for edit in edits)


def case(
    file: str,
    quiet: list[str] | None = None,
    alike: list[str] | None = None,
    every: str = "",
    copy: str = "",
) -> dict[str, object]:
    """A case of the file; its changes are alike, or nothing follows them."""
    text = (FILES / file).read_text()
    if every:
        alike = [every] * text.count(original(every))
    changes = in_copy(copy, text) if copy else []
    at = changes[0][0] if copy else 0
    for marked in quiet or alike or []:
        found = changes_of(marked, text, at)
        changes += found
        at = found[-1][0] + found[-1][1]
    start, end = window(text, changes[0][0], at, N_AROUND)

    def n_bytes(until: int) -> int:
        return len(text[start:until].encode())

    assert not copy or text.isascii(), "the offsets in a copy are those of characters"

    group = 0 if alike else None
    return {
        "path": file,
        "language": file.split("/")[0],
        "kind": "alike" if alike else "one_hunk",
        "text": text[start:end],
        "changes": [
            (n_bytes(it), n_bytes(it + n) - n_bytes(it), new, group) for it, n, new in changes
        ],
    }


def window(text: str, first: int, last: int, n_around: int) -> tuple[int, int]:
    """The range of the lines around two places, from the start of a definition on."""
    lines = text.splitlines(keepends=True)
    first_line, last_line = (text.count("\n", 0, it) for it in (first, last))
    first_line = max(0, first_line - n_around)
    while first_line > 0 and (lines[first_line - 1].strip() or lines[first_line][0].isspace()):
        first_line -= 1
    start, end = first_line, last_line + n_around
    return len("".join(lines[:start])), len("".join(lines[:end]))


def in_copy(marked: str, text: str) -> list[Change]:
    """The line is copied below, and the copy is changed."""
    line = original(marked)
    assert text.count(f"{line}\n") == 1, f"not once in the file: {line}"
    end = text.index(f"{line}\n") + len(line)
    inserted = f"\n{line}"
    # Later changes are moved by what earlier ones insert, and these are in the inserted text.
    edits = changes_of(marked, line, 0)
    return [
        (end, 0, inserted),
        *((end + 1 + at - len(inserted), n, new) for at, n, new in edits),
    ]


def original(marked: str) -> str:
    """The text before its changes."""
    parts = marked.replace("»", "«").split("«")
    return "".join(it.split("→")[0] if i % 2 else it for i, it in enumerate(parts))


def changes_of(marked: str, text: str, start: int) -> list[Change]:
    """The changes of a marked text, which is the first one in `text` from `start` on."""
    at = text.find(original(marked), start)
    assert at >= 0, f"not in the file: {marked}"
    parts = marked.replace("»", "«").split("«")
    changes: list[Change] = []
    for i, part in enumerate(parts):
        if i % 2 == 0:
            at += len(part)
            continue
        old, *between, new = part.split("→")
        n_left = len(old)
        for it in between:
            assert not it, "the user pauses after the deletion"
            changes.append((at, n_left, ""))
            at, n_left = at + n_left, 0
        changes.append((at, n_left, new))
        at += n_left
    return changes


if __name__ == "__main__":
    main()

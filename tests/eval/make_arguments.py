"""Cuts edits of arguments out of the files in tests/oracle/files, for `foretell eval --edits`.

    python make_arguments.py

Writes edits-arguments.jsonl. Where several calls of a function in a file have an equal argument, it
is removed from all of them: the user types it again in the first one, the others are alike, and the
calls that never had it must stay. A case has the lines around these calls.
"""

from __future__ import annotations

import json
import random
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
FILES = HERE.parent / "oracle/files"
SEED = 20261130
# The most cases of a language, of a file, and of a function.
PER_LANGUAGE, PER_FILE, PER_NAME = 12, 3, 1
# The most bytes of a text, of an argument, and of the lines between two calls.
MAX_TEXT, MAX_ARGUMENT, MAX_APART = 8_000, 40, 3_000
N_AROUND = 12

LANGUAGES = {
    ".py": "python",
    ".js": "javascript",
    ".ts": "typescript",
    ".rs": "rust",
    ".go": "go",
    ".java": "java",
    ".c": "c",
    ".cc": "cpp",
    ".cpp": "cpp",
}
KEYWORDS = {"if", "for", "while", "switch", "match", "return", "catch", "fn", "func", "function"}
NAME = re.compile(r"(?<![\w$])([A-Za-z_$][\w$]*)\(")
DEFINES = re.compile(r"\b(def|fn|func|function|class|new)\s+$")


@dataclass(frozen=True)
class Argument:
    """An argument of a call: its range with a comma, and the range of the call."""

    start: int
    end: int
    call: int


def main() -> None:
    """Writes the set."""
    (HERE / "edits-arguments.jsonl").write_text(cases())


def cases() -> str:
    """The lines of the set."""
    pools: dict[str, list[dict]] = defaultdict(list)
    for path in sorted(it for it in FILES.rglob("*.*") if it.is_file() and it.suffix in LANGUAGES):
        found = list(of_file(path))
        random.Random(f"{SEED} {path.name}").shuffle(found)
        pools[LANGUAGES[path.suffix]] += found[:PER_FILE]
    rows: list[dict] = []
    for language, pool in sorted(pools.items()):
        random.Random(f"{SEED} {language}").shuffle(pool)
        rows += pool[:PER_LANGUAGE]
    return "".join(json.dumps(it, ensure_ascii=False) + "\n" for it in rows)


def of_file(path: Path) -> Iterator[dict]:
    """The cases of a file."""
    text = path.read_text()
    alike: dict[tuple[str, str, int], list[Argument]] = defaultdict(list)
    for name, arguments in calls(text):
        for i, it in enumerate(arguments):
            alike[name, text[it.start : it.end], i].append(it)
    names: dict[str, int] = defaultdict(int)
    for (name, _, _), of in sorted(alike.items()):
        is_near = len(of) > 1 and of[-1].end - of[0].start <= MAX_APART
        if is_near and len({it.call for it in of}) == len(of) and names[name] < PER_NAME:
            names[name] += 1
            yield case(path, text, of)


def calls(text: str) -> Iterator[tuple[str, list[Argument]]]:
    """The names of the calls on one line, and those of their arguments that begin with a comma."""
    for it in NAME.finditer(text):
        name, start = it[1], it.end()
        if name in KEYWORDS or DEFINES.search(text[: it.start()][-20:]):
            continue
        parts = split(text, start)
        if parts and all(parts):
            ends = [start + len("".join(parts[: i + 1])) + i for i in range(len(parts))]
            yield (
                name,
                [
                    Argument(ends[i] - len(part) - 1, ends[i], it.start())
                    for i, part in enumerate(parts)
                    if i and re.search(r"\w", part) and len(part) <= MAX_ARGUMENT
                ],
            )


def split(text: str, start: int) -> list[str]:
    """The arguments from `start` to the closing parenthesis; none if they leave the line."""
    depth, quote, parts, at = 0, "", [""], start
    while at < len(text):
        c = text[at]
        at += 1
        if c == "\n" or c == "#":
            return []
        if quote:
            parts[-1] += c
            if c == "\\":
                parts[-1] += text[at]
                at += 1
            elif c == quote:
                quote = ""
            continue
        if c in "\"'`":
            quote = c
        elif c in "([{":
            depth += 1
        elif c in ")]}":
            if not depth:
                return parts if c == ")" else []
            depth -= 1
        elif c == "," and not depth:
            parts.append("")
            continue
        parts[-1] += c
    return []


def case(path: Path, text: str, of: list[Argument]) -> dict:
    """The case of arguments that are removed from a text."""
    lines = text.splitlines(keepends=True)
    first, last = text.count("\n", 0, of[0].start), text.count("\n", 0, of[-1].end)
    first = max(0, first - N_AROUND)
    while first and (lines[first - 1].strip() or lines[first][:1].isspace()):
        first -= 1
    start, end = len("".join(lines[:first])), len("".join(lines[: last + N_AROUND]))
    shown, done, changes = "", start, []
    for it in of:
        shown += text[done : it.start]
        changes.append([len(shown.encode()), 0, text[it.start : it.end], 0])
        done = it.end
    shown += text[done:end]
    name = str(path.relative_to(FILES))
    return {
        "path": name,
        "language": LANGUAGES[path.suffix],
        "kind": "argument",
        "text": shown,
        "changes": changes,
    }


if __name__ == "__main__":
    main()

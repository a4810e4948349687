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

from make_typical import FILES, HERE, window

SEED = 20261130
# The most cases of a language, of a file, and of a function.
PER_LANGUAGE, PER_FILE, PER_NAME = 12, 3, 1
# The most characters of an argument, and between the first and the last call.
MAX_ARGUMENT, MAX_APART = 40, 3_000
N_AROUND = 12

SUFFIXES = {".py", ".js", ".ts", ".rs", ".go", ".java", ".c", ".cc", ".cpp"}
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
    for path in sorted(it for it in FILES.rglob("*.*") if it.is_file() and it.suffix in SUFFIXES):
        found = list(of_file(path))
        random.Random(f"{SEED} {path.name}").shuffle(found)
        pools[language_of(path)] += found[:PER_FILE]
    rows: list[dict] = []
    for language, pool in sorted(pools.items()):
        random.Random(f"{SEED} {language}").shuffle(pool)
        rows += pool[:PER_LANGUAGE]
    return "".join(json.dumps(it, ensure_ascii=False) + "\n" for it in rows)


def language_of(path: Path) -> str:
    """The language of a file, which its folder is named after."""
    return path.relative_to(FILES).parts[0]


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
    start, end = window(text, of[0].start, of[-1].end, N_AROUND)
    shown, done, changes = "", start, []
    for it in of:
        shown += text[done : it.start]
        changes.append([len(shown.encode()), 0, text[it.start : it.end], 0])
        done = it.end
    shown += text[done:end]
    return {
        "path": str(path.relative_to(FILES)),
        "language": language_of(path),
        "kind": "argument",
        "text": shown,
        "changes": changes,
    }


if __name__ == "__main__":
    main()

"""Cuts edits out of two consecutive versions of a file, as a user would make them.

A change replaces a few tokens. Changes that replace the same tokens by the same tokens form a
group: after one of them, the next edit can offer the others.
"""

from __future__ import annotations

import difflib
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

# The most bytes that a case with one hunk shows.
MAX_ONE = 900
# The most changes of a case, and the most characters that they insert.
MAX_CHANGES, MAX_INSERTED = 30, 1_600
# The most lines of an insertion at several places.
MAX_LINES = 4
# The lines that a case shows at least before and after its changes, and the most that it shows.
MIN_MARGIN, MAX_MARGIN = 4, 60
# Unchanged lines on both sides of a hunk, as `diff -u` prints them.
CONTEXT = 3
TOKEN = re.compile(r"[\w$]+|[^\S\n]+|\n|.")


@dataclass(frozen=True)
class Limits:
    """The most bytes of a file, and of the text that a case shows of it."""

    file: int = 20_000
    shown: int = 3_300


@dataclass(frozen=True)
class Change:
    """A change of a text; `start` and `end` are offsets in the old text."""

    start: int
    end: int
    inserted: str
    hunk: int


def case(
    path: str, language: str, old: str, new: str, limits: Limits | None = None
) -> tuple[dict, dict] | None:
    """The case of two versions of a file, and the same with the whole file; None if unsuitable."""
    limits = limits or Limits()
    if max(len(old.encode()), len(new.encode())) > limits.file:
        return None
    found = changes(old, new)
    if not 1 <= len(found) <= MAX_CHANGES or sum(len(it.inserted) for it in found) > MAX_INSERTED:
        return None
    n_hunks, groups = found[-1].hunk + 1, grouped(old, found)
    if n_hunks > 1 and not groups:
        return None
    kind = kind_of(old, max(groups, key=len)) if n_hunks > 1 else "one_hunk"
    window = around(old, found[0].start, found[-1].end, limits.shown if n_hunks > 1 else MAX_ONE)
    if window is None:
        return None

    def row(start: int, end: int) -> dict:
        text = old[start:end]
        rows = []
        for it in found:
            at, to = (len(old[start:i].encode()) for i in (it.start, it.end))
            group = next((i for i, of in enumerate(groups) if it in of), None)
            rows.append([at, to - at, it.inserted, group])
        return {"path": path, "language": language, "kind": kind, "text": text, "changes": rows}

    return row(*window), row(0, len(old))


def changes(old: str, new: str) -> list[Change]:
    """The changes between two texts, in their order."""
    a, b = old.splitlines(keepends=True), new.splitlines(keepends=True)
    found: list[Change] = []
    starts = offsets(a)
    hunk, last_line = -1, -2 * CONTEXT - 1
    for tag, i, j, k, m in difflib.SequenceMatcher(None, a, b, autojunk=False).get_opcodes():
        if tag == "equal":
            continue
        hunk += int(i - last_line > 2 * CONTEXT)
        last_line = j
        found += [Change(*it, hunk) for it in within(starts[i], a[i:j], b[k:m])]
    assert applied(old, found) == new
    return found


def within(start: int, old: list[str], new: list[str]) -> Iterator[tuple[int, int, str]]:
    """The changes between two runs of lines."""
    if len(old) == len(new) > 1:
        for a, b in zip(old, new, strict=True):
            yield from within(start, [a], [b])
            start += len(a)
        return
    a, b = TOKEN.findall("".join(old)), TOKEN.findall("".join(new))
    n_head = common(a, b)
    n_tail = common(a[n_head:][::-1], b[n_head:][::-1])
    start += len("".join(a[:n_head]))
    a, b = a[n_head : len(a) - n_tail], b[n_head : len(b) - n_tail]
    matcher = difflib.SequenceMatcher(str.isspace, a, b, autojunk=False)
    if len(a) > 8 and len(b) > 8 and matcher.ratio() < 0.5:
        yield start, start + len("".join(a)), "".join(b)
        return
    starts = offsets(a)
    merged: list[tuple[int, int, int, int]] = []
    for tag, i, j, k, m in matcher.get_opcodes():
        if tag == "equal":
            continue
        gap = "".join(a[merged[-1][1] : i]) if merged else ""
        if gap.isspace() and "\n" not in gap:
            merged[-1] = (merged[-1][0], j, merged[-1][2], m)
        else:
            merged.append((i, j, k, m))
    for i, j, k, m in merged:
        n_head = common(a[i:j], b[k:m])
        n_tail = common(a[i + n_head : j][::-1], b[k + n_head : m][::-1])
        i, j, k, m = i + n_head, j - n_tail, k + n_head, m - n_tail
        yield start + starts[i], start + starts[j], "".join(b[k:m])


def grouped(old: str, found: list[Change]) -> list[list[Change]]:
    """The changes that are alike, on different lines."""
    alike = defaultdict(list)
    for it in found:
        removed, inserted = old[it.start : it.end].strip(), it.inserted.strip()
        if re.search(r"\w\w", removed + inserted) and removed != inserted:
            alike[removed, inserted].append(it)
    lines = {it: old.count("\n", 0, it.start) for it in found}
    return [of for of in alike.values() if len({lines[it] for it in of}) > 1]


def kind_of(old: str, group: list[Change]) -> str:
    """How the changes of a group change the text."""
    removed, inserted = old[group[0].start : group[0].end], group[0].inserted
    if "\n" in removed + inserted:
        return "lines"
    if not removed.strip():
        return "insert"
    if not inserted.strip():
        return "delete"
    is_word = all(re.fullmatch(r"[^\W\d]\w*", it) for it in (removed, inserted))
    return "word" if is_word else "replace"


def inserts_lines(_: dict, whole: dict) -> bool:
    """Whether the same whole lines are inserted at several places."""
    text = whole["text"].encode()
    groups = defaultdict(list)
    for at, n_deleted, inserted, group in whole["changes"]:
        is_at_line = at == 0 or text[at - 1 : at] == b"\n"
        n_lines = inserted.count("\n")
        is_whole = not n_deleted and inserted.endswith("\n") and n_lines <= MAX_LINES
        groups[group].append(is_at_line and is_whole)
    groups.pop(None, None)
    return any(map(all, groups.values()))


def around(old: str, first: int, last: int, limit: int) -> tuple[int, int] | None:
    """The range of whole lines around the changes, if possible from block start to block start."""
    lines = old.splitlines(keepends=True)
    starts = offsets(lines)
    first_line, end_line = old.count("\n", 0, first), old.count("\n", 0, last) + 1
    for margin in range(MAX_MARGIN, MIN_MARGIN - 1, -1):
        low, high = max(0, first_line - margin), min(len(lines), end_line + margin)
        if len(old[starts[low] : starts[high]].encode()) <= limit:
            above = range(low, first_line - MIN_MARGIN)
            below = range(high, end_line + MIN_MARGIN, -1)
            low = next((it for it in above if is_block_start(lines, it)), low)
            high = next((it for it in below if is_block_start(lines, it)), high)
            return starts[low], starts[high]
    return None


def is_block_start(lines: list[str], at: int) -> bool:
    """Whether a line is not indented and follows an empty line."""
    if at in (0, len(lines)):
        return True
    return not lines[at - 1].strip() and re.match(r"[\w@#/]", lines[at]) is not None


def common(a: list[str], b: list[str]) -> int:
    """The number of tokens that two lists have in common at their start."""
    pairs = enumerate(zip(a, b, strict=False))
    return next((i for i, (x, y) in pairs if x != y), min(len(a), len(b)))


def offsets(parts: list[str]) -> list[int]:
    """The offset of each part of a text, and of its end."""
    found = [0]
    for it in parts:
        found.append(found[-1] + len(it))
    return found


def applied(old: str, found: list[Change]) -> str:
    """The text after all changes."""
    done, parts = 0, []
    for it in found:
        parts += [old[done : it.start], it.inserted]
        done = it.end
    return "".join([*parts, old[done:]])

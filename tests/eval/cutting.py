"""Cuts cases from a source file: removes the expected text and puts the cursor in its place."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

NEGATIVE_KINDS = ("statement_end", "block_closed", "comment_end", "line_is_there", "string_end")

PREFIX_CHARS = 2_600
SUFFIX_CHARS = 1_200
# Minimum text before the cursor, so that the model has some context.
MIN_PREFIX_CHARS = 250

CLOSERS_ONLY = re.compile(r"[\s\])};,>]*")
STRING = re.compile(r"(?<=[\s(\[,=:])([\"'])([^\"'\\{}$%]{8,60})\1(?=[\s)\],;:.]|$)")


@dataclass(frozen=True)
class Case:
    """A cursor in a file, and the text that was removed there."""

    path: str
    language: str
    kind: str
    prefix: str
    suffix: str
    expected: str


@dataclass(frozen=True)
class Line:
    """A line, its offset in the text, and whether it is a comment."""

    text: str
    start: int
    is_comment: bool

    @property
    def indent(self) -> int:
        return len(self.text) - len(self.text.lstrip())

    @property
    def is_code(self) -> bool:
        return not self.is_comment and not CLOSERS_ONLY.fullmatch(self.text)


def lines_of(text: str, language: str) -> list[Line]:
    """The lines of a text; docstrings count as comments."""
    lines, start, inside = [], 0, ""
    marks = ("#",) if language == "python" else ("//",)
    opening = {'"""': '"""', "'''": "'''"} if language == "python" else {"/*": "*/"}
    for line in text.split("\n"):
        code = line.strip()
        is_comment = bool(inside) or code.startswith(marks)
        if inside:
            if inside in code:
                inside = ""
        else:
            for mark, end in opening.items():
                if code.startswith(mark) or (mark == "/*" and mark in code):
                    is_comment = is_comment or code.startswith(mark)
                    if end not in code[code.index(mark) + len(mark) :]:
                        inside = end
                    break
        lines.append(Line(line, start, is_comment))
        start += len(line) + 1
    return lines


def cut(path: str, language: str, text: str, rng: random.Random) -> Iterator[Case]:
    """Yields the cases of a file, a few per line."""
    lines = lines_of(text, language)

    def case(kind: str, start: int, end: int, keep_suffix: bool = True) -> Case:
        prefix = tail(text[:start])
        suffix = head(text[end:]) if keep_suffix else ""
        return Case(path, language, kind, prefix, suffix, text[start:end])

    for i, line in enumerate(lines):
        if line.start < MIN_PREFIX_CHARS or len(line.text) > 120:
            continue
        end = line.start + len(line.text)
        follows = any(it.text.strip() for it in lines[i + 1 : i + 4])
        if line.is_comment:
            if split := _comment_split(line.text, rng):
                yield case("comment", line.start + split, end)
            ends_there = i + 1 < len(lines) and lines[i + 1].is_code
            if ends_there and line.text.rstrip().endswith(".") and len(line.text.split()) > 4:
                yield case("comment_end", end, end)
            continue
        if not line.is_code:
            is_closed = line.text.strip() in ("}", "};", "})", "});")
            if is_closed and follows:
                yield case("block_closed", end, end)
            continue
        code = line.text.strip()
        if '"""' in code or "'''" in code or code.endswith("\\"):
            continue
        if split := _split(line.text, rng, in_word=False):
            yield case("mid_line", line.start + split, _expected_end(line, split, rng))
            if i > len(lines) / 2:
                yield case("end_of_file", line.start + split, end, keep_suffix=False)
        if split := _split(line.text, rng, in_word=True):
            yield case("mid_word", line.start + split, end)
        if line.indent and len(code) >= 10 and follows:
            yield case("line_start", line.start + line.indent, end)
        if body := _body(lines, i):
            first, last = lines[i + 1], lines[body]
            start = first.start + first.indent
            yield case("block_start", start, last.start + len(last.text))
        yield from _in_strings(line, case, rng)
        if follows and code.endswith(";") or (language in ("python", "go") and code.endswith(")")):
            next_code = next((it for it in lines[i + 1 :] if it.text.strip()), None)
            if next_code and next_code.is_code and next_code.indent == line.indent:
                yield case("statement_end", end, end)
        if (split := _split(line.text, rng, in_word=False)) and len(code) > 24 and follows:
            yield case("line_is_there", line.start + split, line.start + split)


def _in_strings(
    line: Line, case: Callable[[str, int, int], Case], rng: random.Random
) -> Iterator[Case]:
    for found in STRING.finditer(line.text):
        content = found.group(2)
        if " " not in content:
            continue
        start, end = line.start + found.start(2), line.start + found.end(2)
        yield case("string", start + rng.randrange(3, len(content) - 3), end)
        if len(content.split()) >= 3:
            yield case("string_end", end, end)


def _split(text: str, rng: random.Random, in_word: bool) -> int | None:
    """A random column to cut a line of code at: between two tokens, or inside a name."""
    code = text.rstrip()
    indent = len(code) - len(code.lstrip())
    found = []
    for col in range(indent + 3, len(code) - 4):
        before, after = code[col - 1], code[col]
        within = _is_word(before) and _is_word(after)
        head = code[:col]
        if any(head.count(quote) % 2 for quote in "\"'`") or "//" in head or "#" in head:
            continue
        if not re.search(r"\w{2}", code[col:]) or after.isspace():
            continue
        if in_word:
            name = re.search(r"\w*$", head)[0] + re.match(r"\w*", code[col:])[0]
            at = len(re.search(r"\w*$", head)[0])
            if within and len(name) >= 5 and 2 <= at <= len(name) - 2 and not name.isdigit():
                found.append(col)
        elif not within and re.search(r"\w", head):
            found.append(col)
    return rng.choice(found) if found else None


def _expected_end(line: Line, split: int, rng: random.Random) -> int:
    """The end of the expected text: the line's end or, for some, auto-closed brackets."""
    closers = re.search(r"[)\]};,\"']+$", line.text[split:])
    if closers and closers.start() >= 4 and rng.random() < 0.4:
        head = line.text[: split + closers.start()]
        if sum(head.count(c) for c in "([{") > sum(head.count(c) for c in ")]}"):
            return line.start + split + closers.start()
    return line.start + len(line.text)


def _comment_split(text: str, rng: random.Random) -> int | None:
    words = [it.start() for it in re.finditer(r"(?<=\s)[A-Za-z]\S*", text)]
    return rng.choice(words[2:-2]) if len(words) >= 7 else None


def _body(lines: list[Line], i: int) -> int | None:
    """Index of the last line of the short block that line `i` opens, or None."""
    opener = lines[i]
    if not opener.text.rstrip().endswith(("{", ":")):
        return None
    last = None
    for j in range(i + 1, min(i + 8, len(lines))):
        line = lines[j]
        if not line.text.strip():
            return None
        if line.indent <= opener.indent:
            n_chars = lines[j].start - lines[i + 1].start
            is_block = last is not None and last > i + 1 and lines[i + 1].is_code
            return last if is_block and n_chars <= 260 else None
        last = j
    return None


def _is_word(c: str) -> bool:
    return c.isalnum() or c == "_"


def tail(text: str) -> str:
    """The last `PREFIX_CHARS` characters of a text at most, from the start of a line."""
    if len(text) <= PREFIX_CHARS:
        return text
    end = text[-PREFIX_CHARS:]
    return end[end.find("\n") + 1 :]


def head(text: str) -> str:
    """The first `SUFFIX_CHARS` characters of a text at most, up to the end of a line."""
    start = text[:SUFFIX_CHARS]
    return start if len(text) <= SUFFIX_CHARS else start[: start.rfind("\n") + 1] or start

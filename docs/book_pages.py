"""A preprocessor of mdBook: makes the links and pictures of included pages work in the book.

The links of the README and of the editors' pages are relative to the folders of these files.
"""

from __future__ import annotations

import base64
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parent
#: A chapter's file consists of one such line.
_INCLUDE = re.compile(r"\{\{#include (\S+)\}\}\s*")
_LINK = re.compile(r"(!?)\[([^\]]*)\]\((?!https?:|#)([^)#\s]+)([^)]*)\)")
#: Other files of the root, and the chapters that include them.
_IN_ROOT = {
    DOCS.parent / f"{name.upper()}.md": DOCS / f"{name}.md"
    for name in ["architecture", "contributing", "security"]
} | {DOCS.parent / "CHANGELOG.md": DOCS / "changelog.md"}
_TYPES = {".png": "image/png", ".svg": "image/svg+xml"}


def main() -> int:
    """Reads the book from standard input, and writes it with changed links."""
    if sys.argv[1:2] == ["supports"]:
        return 0
    _, book = json.load(sys.stdin)
    chapters = sources()
    for item in book.get("items", book.get("sections", [])):
        _change(item, chapters)
    json.dump(book, sys.stdout)
    return 0


def sources() -> dict[Path, Path]:
    """The chapters that include the README or a page of `editors`, by that page."""
    found = {}
    for chapter in [
        DOCS / "start.md",
        DOCS / "editors.md",
        *sorted((DOCS / "editors").glob("*.md")),
    ]:
        included = _INCLUDE.fullmatch(chapter.read_text("utf-8"))
        if included:
            found[(chapter.parent / included[1]).resolve()] = chapter
    return found


def _change(item: Any, chapters: dict[Path, Path]) -> None:
    if not isinstance(item, dict) or "Chapter" not in item:
        return
    chapter = item["Chapter"]
    for source, path in chapters.items():
        if chapter["path"] and DOCS / chapter["path"] == path:
            chapter["content"] = rewritten(chapter["content"], source, path, chapters)
    for inner in chapter["sub_items"]:
        _change(inner, chapters)


def rewritten(text: str, source: Path, chapter: Path, chapters: dict[Path, Path]) -> str:
    """The text of a page, with links as seen from its chapter and with its pictures inside."""

    def link(match: re.Match[str]) -> str:
        mark, name, place, rest = match.groups()
        target = (source.parent / place).resolve()
        if DOCS not in target.parents and target.suffix in _TYPES:
            data = base64.b64encode(target.read_bytes()).decode()
            return f"{mark}[{name}](data:{_TYPES[target.suffix]};base64,{data})"
        target = chapters.get(target, _IN_ROOT.get(target, target))
        if DOCS not in target.parents:
            return name  # The book does not contain the file.
        return f"{mark}[{name}]({os.path.relpath(target, chapter.parent)}{rest})"

    return _LINK.sub(link, text)


if __name__ == "__main__":
    sys.exit(main())

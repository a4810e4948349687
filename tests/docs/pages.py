"""Parses the documentation pages: links, headings and code blocks."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

ROOT = Path(__file__).parents[2]
BOOK = ROOT / "target" / "book"
_NOT_OURS = {"target", "node_modules", ".venv", ".git", ".pytest_cache", "licences", "files"}
_FENCE = re.compile(r"^(`{3,}|~{3,})(\S*)")
_LINK = re.compile(r"\[(?:[^\[\]]|\[[^\]]*\])*\]\(([^()\s]+(?:\([^()]*\))?)\)")
_INCLUDE = re.compile(r"\{\{#include ([^}]+)\}\}")


@dataclass(frozen=True)
class Block:
    """A code block and its language."""

    language: str
    code: str


def pages() -> list[Path]:
    """All Markdown pages of the project."""
    found = []
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [it for it in folders if it not in _NOT_OURS]
        found += [Path(folder) / it for it in files if it.endswith(".md")]
    return sorted(found)


def blocks(page: Path) -> list[Block]:
    """The code blocks of a page."""
    found: list[Block] = []
    fence = language = ""
    lines: list[str] = []
    for line in page.read_text("utf-8").splitlines():
        if not fence and (opened := _FENCE.match(line)):
            fence, language, lines = opened[1], opened[2], []
        elif fence and line.strip() == fence:
            found.append(Block(language, "\n".join(lines)))
            fence = ""
        elif fence:
            lines.append(line)
    assert not fence, f"{page}: a code block is not closed"
    return found


def prose(page: Path) -> Iterator[str]:
    """The lines of a page outside code blocks."""
    fence = ""
    for line in page.read_text("utf-8").splitlines():
        if fence:
            fence = "" if line.strip() == fence else fence
        elif opened := _FENCE.match(line):
            fence = opened[1]
        else:
            yield line


def links(page: Path) -> list[str]:
    """The targets of a page's links and pictures, except those in `code`."""
    text = re.sub(r"(`+).*?\1", "", "\n".join(prose(page)))
    return _LINK.findall(text) + _INCLUDE.findall(text)


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub and mdBook generate them."""
    found: set[str] = set()
    for line in prose(page):
        if line.startswith("#"):
            text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", line.lstrip("#")).strip().lower()
            name = "".join(it for it in text if it.isalnum() or it in " -_").replace(" ", "-")
            while name in found:
                name += "-1"
            found.add(name)
    return found


def broken(page: Path) -> list[str]:
    """The links of a page that lead to no file or heading in the repository."""
    found = []
    for link in links(page):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        if (
            not target.exists()
            or anchor
            and (target.suffix != ".md" or anchor not in anchors(target))
        ):
            found.append(link)
    return found


class Html(HTMLParser):
    """A page of the book: its link targets and ids."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.ids: set[str] = set()
        self.feed(page.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if value is not None and name == "id":
                self.ids.add(value)
            elif value is not None and (tag, name) in {("a", "href"), ("img", "src")}:
                self.links.append(value)

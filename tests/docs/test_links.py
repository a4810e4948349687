"""Links resolve, and files that pages name exist. Links to the web are not followed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pages import BOOK, ROOT, Html, broken, links, pages, prose

#: Build outputs, which may be missing.
_GENERATED = ("target/", "editors/vscode/LICENSE-", "editors/vscode/dist")
_FOLDERS = "server|tests|docs|editors|model-scripts|packaging|fuzz"


def _name(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", pages(), ids=_name)
def test_page_links_resolve(page: Path) -> None:
    assert broken(page) == []


@pytest.mark.parametrize("page", [it for it in pages() if it.name != "CHANGELOG.md"], ids=_name)
def test_named_files_exist(page: Path) -> None:
    named = re.findall(rf"`((?:{_FOLDERS})/[\w./-]*)`", "\n".join(prose(page)))
    gone = [it for it in named if not (ROOT / it).exists() and not (page.parent / it).exists()]
    assert [it for it in gone if not it.startswith(_GENERATED)] == []


def test_book_has_every_docs_page() -> None:
    docs = ROOT / "docs"
    listed = {docs / link for link in links(docs / "SUMMARY.md")}
    assert {it for it in docs.rglob("*.md") if it.name != "SUMMARY.md"} == listed


def test_included_pages_have_no_relative_links() -> None:
    # They would resolve differently in the book, which rewrites those of the README only.
    included = [ROOT / "docs" / link for it in (ROOT / "docs").glob("*.md") for link in links(it)]
    included = [it for it in included if it.resolve().parent == ROOT]
    included = [it for it in included if it.name != "README.md"]
    assert included
    for page in included:
        assert [link for link in links(page) if ":" not in link] == [], page.name


def test_broken_links_are_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A b\n[a](#a-b) [b](#b) [c](c.md) [d](page.md#a-b) `[e](e.md)`\n", "utf-8")
    assert broken(page) == ["#b", "c.md"]


@pytest.mark.skipif(not BOOK.exists(), reason="needs the book: run `make book`")
def test_book_links_resolve() -> None:
    pages = {
        it: Html(it) for it in BOOK.rglob("*.html") if it.name not in {"print.html", "404.html"}
    }
    assert len(pages) > 5
    lost = []
    for page, html in pages.items():
        for link in html.links:
            if re.match(r"[a-z]+:", link):
                continue
            path, _, anchor = link.partition("#")
            target = (page.parent / path).resolve() if path else page
            if not target.exists() or (
                anchor and target in pages and anchor not in pages[target].ids
            ):
                lost.append(f"{page.relative_to(BOOK)}: {link}")
    assert lost == []

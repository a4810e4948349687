"""Generated pictures match what they are drawn from: `make docs-generated` updates them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from pages import ROOT

sys.path[:0] = [str(ROOT / "docs"), str(ROOT / "docs/demo")]

import book_pages  # noqa: E402
import picture  # noqa: E402
import plots  # noqa: E402


def test_plots_show_the_tables() -> None:
    drawn = plots.plots()
    files = {it.name: it.read_text("utf-8") for it in (ROOT / "docs/plots").glob("*.svg")}
    assert files == drawn


def test_picture_shows_the_recorded_session() -> None:
    session = json.loads(picture.SESSION.read_text("utf-8"))
    assert picture.PICTURE.read_text("utf-8") == picture.draw(session)
    # The recording types the lines that the file has now.
    assert session["frames"][-1]["typed"] == picture.parts()[1]


def test_links_of_included_pages_lead_to_chapters() -> None:
    chapters = book_pages.sources()
    assert len(chapters) == 10
    source = ROOT / "editors/pages/coc.md"
    text = book_pages.rewritten(source.read_text("utf-8"), source, chapters[source], chapters)
    assert "](neovim.md)" in text
    source = ROOT / "editors/helix/README.md"
    text = book_pages.rewritten(source.read_text("utf-8"), source, chapters[source], chapters)
    assert "](data:image/svg+xml;base64," in text
    source = ROOT / "README.md"
    text = book_pages.rewritten(source.read_text("utf-8"), source, chapters[source], chapters)
    for link in ["](demo/session.svg)", "](http.md)", "](security.md)", "](editors/vscode.md)"]:
        assert link in text
    assert "](THIRD_PARTY.md)" not in text


def test_preprocessor_speaks_to_mdbook() -> None:
    chapter = {"name": "Zed", "content": "[a](coc.md)", "path": "editors/zed.md", "sub_items": []}
    book = {"items": [{"Chapter": chapter}, "Separator"]}
    command = [sys.executable, str(Path(book_pages.__file__))]
    sent = json.dumps([{}, book])
    done = subprocess.run(command, input=sent, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == book

"""Helix, which shows a suggestion as an item of its completion menu."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import INSTALLED, ROOT, SCREENS
from helix import Helix
from test_neovim import PYTHON


@pytest.fixture
def helix(tmp_path: Path, server: Path) -> Iterator[Helix]:
    """A Helix with our `languages.toml` as it is, and the cursor in insert mode."""
    config = tmp_path / "config" / "helix"
    config.mkdir(parents=True)
    ours = (ROOT / "editors" / "helix" / "languages.toml").read_text()
    (config / "languages.toml").write_text(ours)
    (config / "config.toml").write_text("[editor]\nidle-timeout = 50\ncompletion-timeout = 5\n")
    file = tmp_path / "numbers.py"
    file.write_text(PYTHON)
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "foretell").symlink_to(server.resolve())
    env = {
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "XDG_DATA_HOME": os.environ.get("XDG_DATA_HOME", str(Path.home() / ".local" / "share")),
        "PATH": f"{programs}:{os.environ['PATH']}",
    }
    helix = Helix(INSTALLED / "hx" / "hx", config / "config.toml", file, env)
    helix.wait("the file", lambda lines: any("def is_odd" in line for line in lines))
    yield helix
    helix.end()


def test_a_suggestion_is_an_item_with_a_preview(helix: Helix) -> None:
    helix.type("geo")
    helix.type("return nu")
    row = helix.wait("the line", lambda lines: [y for y, x in enumerate(lines) if "nu" in x])[-1]
    below = slice(row + 1, -2)
    for _ in range(20):  # until the model is loaded, the answers are empty
        helix.type("m")
        with contextlib.suppress(AssertionError):
            helix.wait("the item", lambda lines: any("number" in x for x in lines[below]), 3)
            break
        helix.type("\x7f")
    assert helix.lines()[row].endswith("return num"), "nothing is inserted unasked"
    helix.type("\x0e")
    helix.wait("its preview", lambda lines: "return number %" in lines[row])
    helix.screen().save(SCREENS / "helix")
    helix.type("\r")
    helix.wait("no menu", lambda lines: not any("number" in x for x in lines[below]))
    assert "return number %" in helix.lines()[row]

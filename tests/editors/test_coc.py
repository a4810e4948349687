"""coc.nvim in Vim 9, set up as our page says, with the real server and model.

No package registry has coc.nvim as a program, so `make test-coc COC=FOLDER` names a built one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import SCREENS
from test_neovim import PYTHON
from vim import Vim

ESCAPE, CONTROL_RIGHT = "\x1b", "\x1b[1;5C"


@pytest.fixture
def vim(tmp_path: Path, server: Path) -> Iterator[Vim]:
    file = tmp_path / "numbers.py"
    file.write_text(PYTHON)
    vim = Vim(Path(os.environ["COC"]).resolve(), server, tmp_path, file)
    vim.wait("the model", lambda _: "loaded in" in vim.log(), 120)
    yield vim
    vim.end()


def last_line(file: Path) -> str:
    return file.read_text().splitlines()[-1]


def test_ghost_text_is_accepted_by_word_and_whole(vim: Vim, tmp_path: Path) -> None:
    typed = "    return nu"

    def line() -> str:
        return vim.lines()[len(PYTHON.splitlines())]

    def save(expected: str) -> None:
        """Saves from insert mode; the file's last line is then the expected one."""
        vim.type("\x0f:write\r")
        file = tmp_path / "numbers.py"
        vim.wait(f"{expected!r} in the file", lambda _: last_line(file) == expected, 10)

    vim.type("Go" + typed)
    vim.wait("ghost text", lambda _: vim.ghost())
    suggestion = vim.ghost()
    assert line() == typed + suggestion.splitlines()[0]
    assert suggestion.startswith("mber %"), suggestion
    vim.screen().save(SCREENS / "coc")
    save(typed)

    vim.type("m")
    vim.wait("the rest", lambda _: vim.ghost() == suggestion[1:])
    vim.type(CONTROL_RIGHT)
    vim.wait("the word", lambda _: vim.ghost() == suggestion.removeprefix("mber"))
    vim.type("\t")
    vim.wait("the whole", lambda _: not vim.ghost())
    save(typed + suggestion.splitlines()[0])
    assert vim.log().count("accepted: Whole") == 2

    vim.type(ESCAPE + "u")
    vim.wait("the undo", lambda _: line() != typed + suggestion.splitlines()[0])

"""The session of `session.json` in real editors, with the real server and the real model."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from conftest import SCREENS
from neovim import Neovim
from session import Frame, Session
from terminal import Screen
from test_neovim import start, wait_for_state

AUTO_CLOSE = r"""
inoremap ( ()<C-g>U<Left>
inoremap <expr> ) getline('.')[col('.') - 1] == ')' ? "\<C-g>U\<Right>" : ')'
"""


class InNeovim:
    def __init__(self, vim: Neovim) -> None:
        self.vim = vim
        colour = "return vim.api.nvim_get_hl(0, { name = ..., link = false }).fg"
        self.ghost = vim.ghost_colour()
        self.hidden = {self.ghost, vim.lua(colour, "ForetellMore")}

    def open(self, path: Path) -> None:
        self.vim.open(path)
        self.vim.type("G$a")

    def press(self, key: str) -> None:
        self.vim.type({"\n": "<CR>", "backspace": "<BS>", "<": "<LT>"}.get(key, key))

    def accept(self, part: str) -> None:
        self.vim.type("<M-Right>" if part == "word" else "<Tab>")

    def undo(self) -> None:
        self.vim.type("<Esc>uA")

    def click(self, text: str) -> None:
        lines = self.vim.screen().lines()
        row = next(row for row, line in enumerate(lines) if text in line)
        column = lines[row].index(text) + len(text)
        self.vim.request("nvim_input_mouse", "left", "press", "", 0, row, column)
        self.vim.request("nvim_input_mouse", "left", "release", "", 0, row, column)

    def text(self) -> str:
        return "\n".join(self.vim.buffer())

    def frame(self) -> Frame:
        return self._frame(self.vim.screen())

    def watch(self, duration_s: float) -> list[Frame]:
        return [self._frame(it) for it in self.vim.watch(duration_s)]

    def _frame(self, screen: Screen) -> Frame:
        cells = screen.cells[screen.cursor[0]]
        line = "".join(char for char, style in cells if style.foreground not in self.hidden)
        suggestion = "".join(char for char, style in cells if style.foreground == self.ghost)
        return Frame(screen.at_s, line.rstrip(), suggestion.rstrip())


@pytest.mark.parametrize("version", ["0.10", "0.11", "0.12"])
def test_session_in_neovim(version: str, server: Path, tmp_path: Path) -> None:
    vim = start(version, tmp_path, server)
    vim.command("set mouse=nvi")
    for line in AUTO_CLOSE.strip().splitlines():
        vim.command(line)
    (tmp_path / "work" / "first.py").write_text("")
    vim.open(tmp_path / "work" / "first.py")
    wait_for_state(vim, "ready")
    report = Session(f"neovim-{version}", InNeovim(vim), tmp_path / "work").run()
    print(report.save(SCREENS))
    vim.end()
    assert report.n_agreeing_keys > 0, report
    assert (report.n_lost_frames, report.n_wrong_frames) == (0, 0), report
    assert report.is_accept_one_undo_step, report

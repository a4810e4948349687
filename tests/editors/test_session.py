"""The session of `session.json` in real editors, with the real server and the real model."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from conftest import SCREENS
from helix import Helix
from neovim import Neovim
from session import Frame, Session, files
from terminal import Screen, Style
from test_helix import KIND, start_helix
from test_neovim import start, wait_for_state
from vscode import InVSCode

AUTO_CLOSE = r"""
inoremap ( ()<C-g>U<Left>
inoremap <expr> ) getline('.')[col('.') - 1] == ')' ? "\<C-g>U\<Right>" : ')'
"""


class InNeovim:
    draws_leading_space = True
    indents_blocks = True

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

    def accept(self, part: str) -> bool:
        self.vim.type("<M-Right>" if part == "word" else "<Tab>")
        return True

    def request(self) -> None:
        self.vim.type("<M-\\>")

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


class InHelix:
    """The suggestion is the item in the completion menu, without the word before the cursor.

    Debian's Helix has no grammars, so it only repeats the indentation of the line above.
    """

    draws_leading_space = False
    indents_blocks = False

    def __init__(self, helix: Helix) -> None:
        self.helix = helix

    def open(self, path: Path) -> None:
        self._to_normal_mode()
        self.helix.type(f":open {path}\r")
        self.helix.wait("the file", lambda lines: path.name in lines[-2])
        self.helix.type("geA")
        self.helix.wait("insert mode", lambda lines: " INS " in lines[-2])

    def press(self, key: str) -> None:
        self.helix.type({"\n": "\r", "backspace": "\x7f"}.get(key, key))

    def accept(self, part: str) -> bool:
        if part == "word":
            return False
        self.helix.type("\x0e\r")
        return True

    def request(self) -> None:
        self.helix.type("\x18")

    def undo(self) -> None:
        self._to_normal_mode()
        self.helix.type("uA")
        self.helix.wait("insert mode", lambda lines: " INS " in lines[-2])

    def _to_normal_mode(self) -> None:
        # Escape followed by another key would be read as Alt.
        self.helix.type("\x1b")
        self.helix.wait("normal mode", lambda lines: " NOR " in lines[-2])

    def click(self, text: str) -> None:
        lines = self.helix.lines()
        row = next(row for row, line in enumerate(lines) if text in line)
        column = lines[row].index(text) + len(text)
        at = f"{column + 1};{row + 1}"
        self.helix.type(f"\x1b[<0;{at}M\x1b[<0;{at}m")

    def text(self) -> str:
        return self.frame().line

    def frame(self) -> Frame:
        return self._frame(self.helix.screen())

    def watch(self, duration_s: float) -> list[Frame]:
        return [self._frame(it) for it in self.helix.watch(duration_s)]

    def _frame(self, screen: Screen) -> Frame:
        row, column = screen.cursor
        line = "".join(char for char, _ in screen.cells[row])
        before = line[:column]
        labels = filter(None, map(self._label, screen.cells[:-2]))
        typed = re.findall(r"\w*$", before)[0]
        suggestion = next((it for it in labels if it.startswith(typed)), "")
        # Without the line's number. Spaces before the cursor count.
        line = re.sub(r"^.?\s*\d+ ", "", before + line[column:].rstrip())
        return Frame(screen.at_s, line, suggestion.removeprefix(typed))

    def _label(self, cells: list[tuple[str, Style]]) -> str:
        """The label of a menu's row, which has another background than the text."""
        row = "".join(char for char, style in cells if style.background != Helix.BACKGROUND)
        item = re.match(rf"\s*(\S.*?) +{KIND}\b", row)
        return item[1].split(" …")[0] if item else ""


def neovim(version: str, server: Path, folder: Path) -> Neovim:
    vim = start(version, folder, server, settings={"stats": {"keep": False}})
    vim.command("set mouse=nvi")
    for line in AUTO_CLOSE.strip().splitlines():
        vim.command(line)
    (folder / "work" / "first.py").write_text("")
    vim.open(folder / "work" / "first.py")
    wait_for_state(vim, "ready")
    return vim


@pytest.mark.parametrize("version", ["0.10", "0.11", "0.12"])
def test_session_in_neovim(version: str, server: Path, tmp_path: Path) -> None:
    vim = neovim(version, server, tmp_path)
    report = Session(f"neovim-{version}", InNeovim(vim), tmp_path / "work").run()
    print(report.save(SCREENS))
    vim.end()
    assert report.n_agreeing_keys > 0, report
    assert (report.n_lost_frames, report.n_wrong_frames) == (0, 0), report
    assert report.is_accept_one_undo_step, report


def test_session_in_helix(server: Path, tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    (work / "first.py").write_text("")
    helix = start_helix(tmp_path, server, work / "first.py")
    report = Session("helix", InHelix(helix), work).run()
    print(report.save(SCREENS))
    helix.end()
    assert report.n_agreeing_keys > 0, report
    assert report.n_wrong_frames == 0, report
    assert report.is_accept_one_undo_step is not False, report


def test_session_in_vscode(server: Path) -> None:
    code = InVSCode(files())
    try:
        report = Session("vscode", code, code.folder).run()
        print(report.save(SCREENS))
        code.screenshot("vscode-session")
    finally:
        code.end()
    assert report.n_agreeing_keys > 0, report
    assert (report.n_lost_frames, report.n_wrong_frames) == (0, 0), report
    assert report.is_accept_one_undo_step, report

"""What the Neovim plugin draws where there is little room, and what it accepts there."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import SCREENS
from neovim import HEIGHT, WIDTH, Neovim
from test_neovim import NEOVIMS, start

HEAD = [f"line {i}" for i in range(1, 41)]
REST = ["def area(width, height):", "    size = width * height", "    return size"]


class Scripted:
    """A Neovim whose suggestion is the rest of a text; the cursor is at the end of the file."""

    def __init__(self, vim: Neovim, folder: Path) -> None:
        self.vim, self.folder = vim, folder

    def open(self, head: list[str], rest: list[str], typed: str, prepare: str = "") -> None:
        """Opens a file with the lines `head`, and starts to type `rest` below them."""
        (self.folder / "target").write_text("\n".join([*head, *rest]) + "\n")
        path = self.folder / f"file{len(list(self.folder.iterdir()))}.txt"
        path.write_text("\n".join([*head, ""]) + "\n")
        self.vim.command("silent! only | set scrolloff=0 wrap nofoldenable")
        self.vim.open(path)
        self.vim.command(prepare)
        self.vim.wait("the server", lambda: self.vim.lua(ATTACHED))
        self.vim.type("G$i" + typed)
        self.vim.wait("the keys", lambda: self.vim.buffer()[len(head)] == typed)
        self.vim.wait("the response", lambda: self.vim.lua("return _G.answered()"))

    def window(self) -> list[str]:
        """The lines on screen of the current window."""
        lines = self.vim.screen().lines()
        row, n_rows = self.vim.lua("return { vim.fn.win_screenpos(0)[1], vim.fn.winheight(0) }")
        return lines[row - 1 : row - 1 + n_rows]

    def accept(self) -> list[str]:
        """The added lines after Tab, which is mapped to two spaces and a Tab before."""
        before = self.vim.buffer()
        self.vim.type("<Tab>")
        self.vim.wait("the Tab", lambda: self.vim.buffer() != before)
        return self.vim.buffer()


ATTACHED = "return #vim.lsp.get_clients({ bufnr = 0 }) > 0 and require('foretell').status().state == 'ready'"


@pytest.fixture(scope="module", params=NEOVIMS)
def scripted(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Scripted]:
    folder = tmp_path_factory.mktemp("scripted")
    server = Path(__file__).with_name("scripted_server.py")
    (folder / "target").write_text("")
    vim = start(request.param, folder, server, cmd=[sys.executable, str(server), str(folder)])
    yield Scripted(vim, folder)
    vim.end()


def test_last_row_scrolls_until_text_is_visible(scripted: Scripted) -> None:
    scripted.open(HEAD, REST, "def ar")
    assert scripted.vim.ghost().splitlines() == ["ea(width, height):", *REST[1:]]
    scripted.vim.screen().save(SCREENS / "neovim-last-row")
    assert scripted.accept() == HEAD + REST


def test_small_window_accepts_only_visible_lines(scripted: Scripted) -> None:
    scripted.open(HEAD, REST, "def ar", "botright 2split")
    assert scripted.window() == [
        "def area(width, height):",
        "    size = width * height … +1 line",
    ]
    assert scripted.accept() == [*HEAD, *REST[:2]]
    assert scripted.window() == ["    size = width * height", "    return size"]
    assert scripted.accept() == HEAD + REST


def test_tab_is_tab_while_no_text_is_visible(scripted: Scripted) -> None:
    scripted.open(HEAD, REST, REST[0], "botright 1split")
    assert scripted.window() == ["def area(width, height): … +2 lines"]
    assert scripted.accept() == [*HEAD, REST[0] + " " * 8]


def test_scrolling_away_hides_lines_from_tab(scripted: Scripted) -> None:
    scripted.open(HEAD, REST, "def ar")
    rows = len(scripted.window())
    scripted.vim.lua("vim.fn.winrestview({ topline = ... })", 41 - rows + 2)
    assert scripted.window()[-1] == "    size = width * height … +1 line"
    assert scripted.accept() == [*HEAD, *REST[:2]]


def test_scrolloff_is_kept(scripted: Scripted) -> None:
    scripted.open(HEAD, REST, "def ar", "botright 3split | setlocal scrolloff=1")
    assert scripted.window() == ["line 40", "def area(width, height):", "    size = width * height … +1 line"]
    assert scripted.accept() == [*HEAD, *REST[:2]]


def test_closed_fold_shows_and_accepts_nothing(scripted: Scripted) -> None:
    scripted.open(HEAD, REST, "def ar", "setlocal foldmethod=manual foldenable")
    scripted.vim.command("39,41fold")
    scripted.vim.type("<M-\\>")
    scripted.vim.wait("the response", lambda: scripted.vim.lua("return _G.answered()"))
    assert not any("area" in line for line in scripted.window())
    assert scripted.vim.lua("return require('foretell').is_visible()") is False


def test_folds_above_leave_room(scripted: Scripted) -> None:
    fold = "setlocal foldmethod=manual foldenable | 1,38fold"
    scripted.open(HEAD, REST, "def ar", fold)
    assert scripted.window()[1:6] == ["line 39", "line 40", *REST]
    assert scripted.accept() == HEAD + REST


def test_long_lines_wrap_like_accepted_text(scripted: Scripted) -> None:
    rest = ["def area():", "    return " + " + ".join(f"side_{i:02}" for i in range(20)), "    # end"]
    scripted.open(HEAD, rest, "def ar")
    shown = scripted.window()
    assert scripted.accept() == HEAD + rest
    scripted.vim.type("<Esc>")
    assert scripted.window() == shown


@pytest.mark.parametrize("n_typed", [WIDTH - 2, WIDTH - 1, WIDTH, WIDTH + 1])
@pytest.mark.parametrize("n_more", [0, 1, 2])
def test_wrapped_cursor_line_counts(scripted: Scripted, n_typed: int, n_more: int) -> None:
    line = "a" * (n_typed + n_more)
    scripted.open(HEAD, [line, "bb", "cc"], "a" * n_typed)
    rows = [line[:WIDTH], line[WIDTH:]] if len(line) > WIDTH else [line]
    assert scripted.window()[-2 - len(rows) :] == [*rows, "bb", "cc"]


def test_cursor_at_right_edge_scrolls_sideways(scripted: Scripted) -> None:
    line = "x" * (WIDTH - 1) + " and_then_more"
    scripted.open(HEAD, [line], "x" * (WIDTH - 1), "set nowrap")
    assert scripted.vim.ghost() == " and_then_more"
    assert scripted.accept() == [*HEAD, line]


"""What the Neovim plugin draws where there is little room, and what it accepts there."""

from __future__ import annotations

import pytest

from conftest import SCREENS
from neovim import WIDTH
from scripted import Scripted

HEAD = [f"line {i}" for i in range(1, 41)]
REST = ["def area(width, height):", "    size = width * height", "    return size"]


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


def test_second_window_of_the_buffer_shows_no_suggestion(scripted: Scripted) -> None:
    def upper_and_lower() -> tuple[list[str], list[str]]:
        lines = [line.rstrip() for line in scripted.vim.screen().lines()]
        at = next(row for row, line in enumerate(lines) if line.startswith(" file"))
        parts = lines[:at], lines[at + 1 :][:6]
        upper, lower = ([it for it in part if it not in ("", "~")] for part in parts)
        return upper[-3:], lower[-3:]

    scripted.open(HEAD, REST, "def ar", "exe 'normal! G' | botright 6split")
    without, shown = ["line 39", "line 40", "def ar"], ["def area(width, height):", *REST[1:]]
    assert upper_and_lower() == (without, shown)
    scripted.vim.type("<Esc><C-w>kA<M-\\>")
    scripted.answered()
    scripted.vim.wait("the suggestion", lambda: upper_and_lower()[0] == shown)
    assert "def ar" in upper_and_lower()[1]


def test_scrolling_away_hides_lines_from_tab(scripted: Scripted) -> None:
    scripted.open(HEAD, REST, "def ar")
    rows = len(scripted.window())
    scripted.vim.lua("vim.fn.winrestview({ topline = ... })", 41 - rows + 2)
    assert scripted.window()[-1] == "    size = width * height … +1 line"
    assert scripted.accept() == [*HEAD, *REST[:2]]


def test_scrolloff_is_kept(scripted: Scripted) -> None:
    scripted.open(HEAD, REST, "def ar", "botright 3split | setlocal scrolloff=1")
    assert scripted.window() == [
        "line 40",
        "def area(width, height):",
        "    size = width * height … +1 line",
    ]
    assert scripted.accept() == [*HEAD, *REST[:2]]


def test_closed_fold_shows_and_accepts_nothing(scripted: Scripted) -> None:
    scripted.open(HEAD, REST, "def ar", "setlocal foldmethod=manual foldenable")
    scripted.vim.command("39,41fold")
    scripted.vim.type("<M-\\>")
    scripted.answered()
    assert not any("area" in line for line in scripted.window())
    assert scripted.vim.lua("return require('foretell').is_visible()") is False


def test_folds_above_leave_room(scripted: Scripted) -> None:
    fold = "setlocal foldmethod=manual foldenable | 1,38fold"
    scripted.open(HEAD, REST, "def ar", fold)
    assert scripted.window()[1:6] == ["line 39", "line 40", *REST]
    assert scripted.accept() == HEAD + REST


@pytest.mark.parametrize("window", ["", "set number", "botright 45vsplit", "botright 12split"])
def test_long_lines_wrap_like_accepted_text(scripted: Scripted, window: str) -> None:
    rest = [
        "def area():",
        "    return " + " + ".join(f"side_{i:02}" for i in range(20)),
        "    # end",
    ]
    scripted.open(HEAD, rest, "def ar", window)
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

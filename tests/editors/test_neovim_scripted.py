"""What the Neovim plugin sends and shows, with a server whose suggestions are known."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import ROOT, SCREENS
from scripted import SERVER, Scripted

HEAD = [f"line {i}" for i in range(1, 6)]
REST = ["def area(width, height):", "    size = width * height", "    return size"]


# Completion menus.


@pytest.fixture
def menu(scripted: Scripted, request: pytest.FixtureRequest) -> Scripted:
    """A suggestion of three lines, and Neovim's own menu, which is open."""
    scripted.open([*HEAD, "defined"], REST, "def")
    request.addfinalizer(lambda: scripted.vim.lua("require('foretell.config').set({})"))
    request.addfinalizer(lambda: scripted.vim.type("<C-e><Esc>"))
    scripted.vim.type("<C-x><C-n>")
    scripted.vim.wait("the menu", lambda: scripted.vim.lua("return vim.fn.pumvisible()") == 1)
    scripted.answered()
    return scripted


def hide_with_menu(scripted: Scripted, value: object) -> None:
    scripted.vim.lua("require('foretell.config').current.hide_with_menu = ...", value)
    scripted.vim.lua("require('foretell.ghost').refresh()")


def test_menu_hides_only_the_lines_below(menu: Scripted) -> None:
    assert menu.vim.ghost() == " area(width, height):"
    menu.vim.screen().save(SCREENS / "neovim-menu")
    menu.vim.type("<C-e>")
    menu.vim.wait("the other lines", lambda: menu.vim.ghost().splitlines()[1:] == REST[1:])


def test_menu_can_hide_all_or_nothing(menu: Scripted) -> None:
    hide_with_menu(menu, True)
    assert menu.vim.ghost() == ""
    hide_with_menu(menu, False)
    assert menu.vim.lua("return require('foretell.ghost').visible()").count("\n") == 2


def test_tab_with_menu_accepts_the_visible_line(menu: Scripted) -> None:
    assert menu.accept() == [*HEAD, "defined", REST[0]]
    menu.vim.wait("the other lines", lambda: menu.vim.ghost().splitlines() == REST[1:])


@pytest.mark.parametrize("name", ["cmp", "blink.cmp"])
def test_menu_of_a_plugin_hides_only_the_lines_below(scripted: Scripted, name: str) -> None:
    """Uses a stand-in with the two functions that the plugin calls."""
    scripted.open(HEAD, REST, "def")
    scripted.vim.lua(
        """
        local function is_open() return _G.menu_is_open end
        package.loaded[...] = { visible = is_open, is_menu_visible = is_open }
        """,
        name,
    )
    toggle = "_G.menu_is_open = ...; require('foretell.ghost').on_menu()"
    scripted.vim.lua(toggle, True)
    assert scripted.vim.ghost() == " area(width, height):"
    scripted.vim.lua(toggle, False)
    assert scripted.vim.ghost().splitlines()[1:] == REST[1:]
    scripted.vim.lua("package.loaded[...] = nil", name)


# Automatic brackets.

AUTO_CLOSE = r"""
inoremap ( ()<C-g>U<Left>
inoremap <expr> ) getline('.')[col('.') - 1] == ')' ? "\<C-g>U\<Right>" : ')'
"""


def test_automatic_brackets_keep_the_suggestion(
    scripted: Scripted, request: pytest.FixtureRequest
) -> None:
    for line in AUTO_CLOSE.strip().splitlines():
        scripted.vim.command(line)
    request.addfinalizer(lambda: scripted.vim.command("iunmap (| iunmap )"))
    scripted.open(HEAD, ["def area(size):", "    return size"], "def area")
    colour, row = scripted.vim.ghost_colour(), len(HEAD)
    for key, buffer, ghost in [
        ("(", "def area()", "size):"),
        ("s", "def area(s)", "ize):"),
        ("ize", "def area(size)", "):"),
        (")", "def area(size)", ":"),
    ]:
        with scripted.vim.watched() as frames:
            scripted.vim.type(key)
            scripted.vim.wait("the key", lambda now=buffer: scripted.vim.buffer()[row] == now)  # type: ignore[misc]
            scripted.answered()
        lines = [it for it in frames if it.lines()[row] == "def area(size):"]
        assert lines == frames, [it.lines()[row] for it in frames]
        assert frames[-1].coloured(colour).splitlines()[0] == ghost
    assert scripted.accept()[row:] == ["def area(size):", "    return size"]


def test_ghost_on_the_cursor_line_has_its_background(
    scripted: Scripted, request: pytest.FixtureRequest
) -> None:
    request.addfinalizer(lambda: scripted.vim.command("set nocursorline"))
    scripted.open(HEAD, REST, "def", "set cursorline")
    cells = scripted.vim.screen().cells[len(HEAD)]
    assert len({style.background for _, style in cells}) == 1
    assert scripted.vim.ghost().splitlines()[0] == " area(width, height):"


# Messages to the server.


def test_cursor_is_sent_before_the_first_key(scripted: Scripted, tmp_path: Path) -> None:
    scripted.open(HEAD, REST, "")
    scripted.vim.type("<Esc>")
    n_sent = len(scripted.sent("textDocument/didFocus"))

    def next_position(what: str) -> dict[str, int]:
        nonlocal n_sent
        scripted.vim.wait(what, lambda: len(scripted.sent("textDocument/didFocus")) > n_sent, 5)
        n_sent += 1
        position: dict[str, int] = scripted.sent("textDocument/didFocus")[n_sent - 1]["position"]
        return position

    # In normal mode, the position is the end of the line, where `A` and `o` insert.
    scripted.vim.type("gg")
    line = scripted.vim.buffer()[0]
    assert next_position("the position after a rest") == {"line": 0, "character": len(line)}
    scripted.vim.type("jj$i")
    assert next_position("the position in insert mode") == {"line": 2, "character": 5}
    scripted.vim.type("<Esc>")
    assert next_position("the position after leaving insert mode") == {"line": 2, "character": 6}
    other = tmp_path / "other.txt"
    other.write_text("one\ntwo\n")
    scripted.vim.type("<Esc>")
    scripted.vim.command(f"edit +2 {other}")
    assert next_position("the position in another file") == {"line": 1, "character": 3}
    scripted.vim.type("A")
    scripted.vim.wait("insert mode", lambda: scripted.vim.lua("return vim.fn.mode()") == "i")
    scripted.answered()
    assert len(scripted.sent("textDocument/didFocus")) == n_sent, "it was sent before"


def test_nothing_is_sent_while_suggestions_are_off(scripted: Scripted) -> None:
    scripted.open(HEAD, REST, "")
    scripted.vim.type("<Esc>")

    def send_from(line: int) -> None:
        scripted.vim.lua("vim.api.nvim_win_set_cursor(0, { ..., 0 })", line)
        scripted.vim.lua("require('foretell.focus').send()")

    def sent_lines() -> list[int]:
        return [it["position"]["line"] + 1 for it in scripted.sent("textDocument/didFocus")]

    send_from(1)
    scripted.vim.wait("the first position", lambda: sent_lines()[-1] == 1, 5)
    n_sent = len(sent_lines())
    scripted.vim.command("Foretell off")
    send_from(2)
    scripted.vim.lua("vim.api.nvim_win_set_cursor(0, { 1, 0 })")
    scripted.vim.command("Foretell on")
    send_from(3)
    scripted.vim.wait("the last position", lambda: sent_lines()[-1] == 3, 5)
    assert sent_lines()[n_sent:] == [3]


def test_dismissed_suggestion_stays_away_when_the_model_is_ready(scripted: Scripted) -> None:
    scripted.open(HEAD, REST, "def")
    scripted.vim.type("<C-]>")
    n_requests = len(scripted.sent("textDocument/inlineCompletion"))
    handler = "vim.lsp.get_clients({ name = 'foretell' })[1].handlers['foretell/status']"
    for state in ("loading", "ready"):
        scripted.vim.lua(f"{handler}(nil, {{ state = ... }})", state)
    scripted.answered()
    assert scripted.vim.ghost() == ""
    assert len(scripted.sent("textDocument/inlineCompletion")) == n_requests
    scripted.vim.type(" ")
    scripted.answered()
    assert scripted.vim.ghost().startswith("area")


def test_users_request_is_repeated_when_the_model_is_ready(scripted: Scripted) -> None:
    scripted.open(HEAD, REST, "def")
    scripted.vim.type("<M-\\>")
    scripted.answered()
    handler = "vim.lsp.get_clients({ name = 'foretell' })[1].handlers['foretell/status']"
    for state in ("loading", "ready"):
        scripted.vim.lua(f"{handler}(nil, {{ state = ... }})", state)
    scripted.answered()
    requests = scripted.sent("textDocument/inlineCompletion")
    assert [it["context"]["triggerKind"] for it in requests[-2:]] == [1, 1]


# Accepting.


@pytest.mark.parametrize("key", ["<Tab>", "<M-Right>", "<M-C-Right>"])
def test_accepting_is_one_undo_step(scripted: Scripted, key: str) -> None:
    scripted.open(HEAD, REST, "def")
    before = scripted.vim.buffer()
    scripted.press(key)
    scripted.vim.type(" more<Esc>")
    scripted.press("u")
    assert scripted.press("u") == before


# `:Foretell`.


def foretell(scripted: Scripted, arguments: str = "") -> str:
    """The message of `:Foretell`."""
    scripted.vim.lua("vim.notify = function(message) _G.notified = message end")
    scripted.vim.command(f"Foretell {arguments}")
    return str(scripted.vim.lua("return _G.notified"))


def test_command_alone_gives_the_reason(scripted: Scripted) -> None:
    scripted.open(HEAD, REST, "def")
    scripted.vim.type("<Esc>")
    assert foretell(scripted) == "Foretell: The last suggestion was shown."
    sentence = "The model ends the line here."
    status = {"state": "ready", "reason": "line_end", "message": sentence}
    scripted.notify("foretell/status", status)
    scripted.vim.type("A~")
    scripted.answered()
    scripted.vim.type("<Esc>")
    assert foretell(scripted) == f"Foretell: Nothing was suggested. {sentence}"
    scripted.vim.command("Foretell off buffer")
    assert foretell(scripted).endswith("off in this buffer; `:Foretell on buffer` turns them on.")
    scripted.vim.command("new | setfiletype text")
    assert "'buftype'" not in foretell(scripted)
    scripted.vim.command("setlocal buftype=nofile")
    scripted.vim.command("enew | setlocal buftype=nofile")
    assert foretell(scripted) == "Foretell: This buffer is not a file ('buftype' is \"nofile\")."
    scripted.vim.command("silent! only")


# `:Foretell setup` and `:Foretell model`.

PROGRAM = """\
#!/bin/sh
echo "$*" >>{folder}/calls
case "$1" in
    serve) exec {python} {server} {folder} ;;
    setup) test "$2" != broken && echo "fetching $2" || {{ echo "no such model"; exit 1; }} ;;
    model) test "$2" != list || cat {folder}/models ;;
esac
"""
MODELS = [
    {"name": "small", "title": "Small", "licence": "MIT", "note": "", "is_here": True},
    {"name": "large", "title": "Large", "licence": "MIT", "note": "", "bytes": 2e9},
]


@pytest.fixture
def installing(tmp_path: Path) -> Iterator[Scripted]:
    """A Neovim with a program whose setup succeeds, except for the model `broken`."""
    program = tmp_path / "foretell"
    program.write_text(PROGRAM.format(folder=tmp_path, python=sys.executable, server=SERVER))
    program.chmod(0o755)
    (tmp_path / "models").write_text(json.dumps({"models": MODELS}))
    scripted = Scripted("0.11", tmp_path, cmd=[str(program), "serve"])
    scripted.open(HEAD, REST, "def")
    scripted.vim.type("<Esc>")
    scripted.vim.lua("vim.notify = function(message) _G.notified = message end")
    yield scripted
    scripted.vim.end()


def calls(scripted: Scripted) -> list[str]:
    """The arguments of each call of the program."""
    return (scripted.folder / "calls").read_text().splitlines()


def test_setup_shows_progress_and_restarts_the_server(installing: Scripted) -> None:
    vim = installing.vim
    assert vim.lua("return vim.fn.getcompletion('Foretell setup ', 'cmdline')") == [
        "large",
        "small",
    ]
    vim.command("Foretell setup large --from /a")
    vim.wait("its output", lambda: "fetching large" in installing.window())
    vim.wait("the end", lambda: vim.lua("return _G.notified") == "Foretell: setup is complete")
    vim.wait("the restart", lambda: len(calls(installing)) == 4)
    assert calls(installing) == ["serve", "model list --json", "setup large --from /a", "serve"]
    vim.type("q")
    vim.wait("its window to close", lambda: vim.lua("return #vim.api.nvim_list_wins()") == 1)


def test_failed_setup_says_so(installing: Scripted) -> None:
    vim = installing.vim
    vim.command("Foretell setup broken")
    vim.wait("the failure", lambda: "setup` failed" in str(vim.lua("return _G.notified")))
    assert "no such model" in installing.window()
    assert calls(installing) == ["serve", "setup broken"]


@pytest.mark.parametrize(
    ("choice", "call"), [(1, "model use small"), (2, "setup large")], ids=["installed", "missing"]
)
def test_chosen_model_is_used_or_fetched(installing: Scripted, choice: int, call: str) -> None:
    vim = installing.vim
    vim.lua("local choice = ...; vim.ui.select = function(all, _, on) on(all[choice]) end", choice)
    vim.command("Foretell model")
    vim.wait("the new server", lambda: len(calls(installing)) == 4)
    assert calls(installing) == ["serve", "model list --json", call, "serve"]


# Help.


def test_help_is_found_and_its_tags_are_current(scripted: Scripted, tmp_path: Path) -> None:
    """The tags are in the repository: not every installation method creates them."""
    # Without autocommands, because the tests do not unpack the tree-sitter parser for help.
    scripted.vim.command("noautocmd help foretell")
    assert scripted.vim.lua("return vim.fn.expand('%:t')") == "foretell.txt"
    scripted.vim.command("helpclose")
    doc = ROOT / "editors" / "neovim" / "doc"
    (tmp_path / "foretell.txt").write_text((doc / "foretell.txt").read_text())
    scripted.vim.command(f"helptags {tmp_path}")
    assert (tmp_path / "tags").read_text() == (doc / "tags").read_text()

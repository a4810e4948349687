"""The Neovim plugin in real Neovim versions, with the real server and the real model."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import INSTALLED, ROOT, SCREENS
from neovim import Neovim

PLUGIN = ROOT / "editors" / "neovim"
NEOVIMS = {
    "0.10": INSTALLED / "nvim-0.10" / "nvim",
    "0.11": INSTALLED / "nvim-0.11",
    "0.12": INSTALLED / "nvim-0.12" / "nvim",
}
PYTHON = '''\
"""Numbers."""


def is_even(number):
    """Whether a number is even."""
    return number % 2 == 0


def is_odd(number):
    """Whether a number is odd."""
'''


def start(version: str, folder: Path, server: Path, **setup: object) -> Neovim:
    """Starts Neovim with our plugin and empty config and state folders.

    The model suggests what it is unsure of, too: most tests need a text, not the best one.
    """
    settings = {"suggest": {"eagerness": 0}, "stats": {"keep": False}}
    given = {"cmd": [str(server), "serve"], "settings": settings, **setup}
    env = {
        "PLUGIN": str(PLUGIN),
        "FORETELL_SETUP": json.dumps(given),
        "XDG_CONFIG_HOME": str(folder / "config"),
        "XDG_STATE_HOME": str(folder / "state"),
        "XDG_DATA_HOME": os.environ.get("XDG_DATA_HOME", str(Path.home() / ".local" / "share")),
        "NVIM_LOG_FILE": str(folder / "nvim.log"),
    }
    (folder / "work").mkdir(exist_ok=True)
    return Neovim(NEOVIMS[version], Path(__file__).with_name("init.lua"), folder / "work", env)


@pytest.fixture(scope="module", params=NEOVIMS)
def vim(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, server: Path
) -> Iterator[Neovim]:
    vim = start(request.param, tmp_path_factory.mktemp("nvim"), server)
    version = vim.lua("return ('%d.%d'):format(vim.version().major, vim.version().minor)")
    assert version == request.param
    yield vim
    vim.end()


@pytest.fixture
def editing(vim: Neovim, tmp_path: Path) -> Neovim:
    """A Neovim with the cursor in insert mode at the end of a Python file."""
    return open_python(vim, tmp_path / "numbers.py")


def open_python(vim: Neovim, path: Path, text: str = PYTHON) -> Neovim:
    path.write_text(text)
    vim.open(path)
    wait_for_state(vim, "ready")
    vim.type("Go")
    return vim


def wait_for_state(vim: Neovim, state: str) -> None:
    status = "return require('foretell').status().state"
    vim.wait(f"the state {state}", lambda: vim.lua(status) in (state, "thinking"), 180)


def send_status(vim: Neovim, *states: str) -> None:
    """Passes states to the plugin as if the server had sent them."""
    handler = "vim.lsp.get_clients({ name = 'foretell' })[1].handlers['foretell/status']"
    for state in states:
        vim.lua(f"{handler}(nil, {{ state = ... }})", state)
    vim.wait("the response", lambda: vim.lua("return _G.answered()"))


def test_suggestion_is_ghost_text_outside_buffer(editing: Neovim) -> None:
    editing.type("return num")
    ghost = editing.wait_for_ghost()
    assert ghost.startswith("ber"), ghost
    assert editing.buffer() == [*PYTHON.splitlines(), "    return num"]
    line = next(line for line in editing.screen().lines() if "return num" in line)
    assert line.startswith("    return number")


def test_typing_along_keeps_ghost_in_every_frame(editing: Neovim) -> None:
    editing.type("return num")
    editing.wait("six characters", lambda: len(editing.ghost()) > 6)
    row = editing.screen().cursor[0]
    whole = editing.screen().lines()[row]
    typed = "    return num"
    with editing.watched() as frames:
        for key in whole.removeprefix(typed)[:6]:
            editing.type(key.replace("<", "<LT>"))
            typed += key
            editing.wait("the key", lambda now=typed: editing.buffer()[-1] == now)  # type: ignore[misc]
            editing.wait("the response", lambda: editing.lua("return _G.answered()"))
    texts = [frame.lines()[row] for frame in frames]
    assert len(texts) >= 6
    assert all(text.startswith(whole) for text in texts), texts


def test_typing_something_else_clears_ghost(editing: Neovim) -> None:
    editing.type("return num")
    editing.wait_for_ghost()
    with editing.watched() as frames:
        editing.type("~")
        editing.wait("the key", lambda: editing.buffer()[-1].endswith("~"))
    row = editing.screen().cursor[0]
    drawn = [frame.lines()[row] for frame in frames]
    assert not any(line.startswith("    return num~ber") for line in drawn), drawn
    first = next(line for line in drawn if "~" in line)
    assert first == "    return num~", "the first frame with the key still shows the old text"


def test_tab_accepts_and_undo_restores(editing: Neovim) -> None:
    editing.lua("vim.bo.undolevels, vim.go.undolevels = 70, 700")
    editing.type("return num")
    ghost = editing.wait_for_ghost()
    before = editing.buffer()
    editing.type("<Tab>")
    editing.wait("the text", lambda: editing.buffer() != before)
    added = "\n".join(editing.buffer()).removeprefix("\n".join(before))
    first_line = ghost.splitlines()[0]
    assert added.startswith(first_line), (ghost, added)
    editing.type("<Esc>u")
    editing.wait("the undo", lambda: editing.buffer() == before)
    assert editing.lua("return { vim.bo.undolevels, vim.go.undolevels }") == [70, 700]


def test_accepting_word_and_line_keeps_rest(editing: Neovim) -> None:
    editing.type("return num")
    editing.wait_for_ghost()
    row = editing.screen().cursor[0]
    whole = editing.screen().lines()[row]
    with editing.watched() as frames:
        editing.type("<M-Right>")
        editing.wait("a word", lambda: editing.buffer()[-1] == "    return number")
    assert all(frame.lines()[row].startswith(whole) for frame in frames)
    editing.type("<M-C-Right>")
    editing.wait("the line", lambda: editing.buffer()[-1].startswith(whole))


def test_accept_replaces_closing_bracket(editing: Neovim) -> None:
    editing.type("for i in range()<Left>")
    editing.wait("the line's end", lambda: "):" in editing.ghost())
    row = editing.screen().cursor[0]
    line = editing.screen().lines()[row].rstrip()
    assert line.startswith("    for i in range(") and line.count(")") == line.count("("), line
    editing.type("<Tab>")
    editing.wait("the text", lambda: line in editing.buffer())


def test_dismiss_hides_and_trigger_shows(editing: Neovim) -> None:
    editing.type("return num")
    editing.wait_for_ghost()
    editing.type("<C-]>")
    editing.wait("no ghost text", lambda: not editing.ghost())
    editing.type("<M-\\>")
    assert editing.wait_for_ghost().startswith("ber")


def test_triggered_ghost_survives_status_change(server: Path, tmp_path: Path) -> None:
    vim = start("0.11", tmp_path, server, settings={"suggest": {"trigger": "manual"}})
    open_python(vim, tmp_path / "work" / "numbers.py")
    vim.type("return num<M-\\>")
    vim.wait_for_ghost()
    send_status(vim, "thinking", "ready")
    assert vim.ghost()
    vim.end()


def test_variable_disables_suggestions(editing: Neovim, request: pytest.FixtureRequest) -> None:
    request.addfinalizer(lambda: editing.lua("vim.g.foretell = nil"))
    editing.type("return n")
    editing.wait_for_ghost()
    editing.lua("vim.g.foretell = false")
    editing.type("um")
    editing.wait("the keys", lambda: editing.buffer()[-1].endswith("num"))
    assert not editing.ghost()
    send_status(editing, "loading", "ready")
    assert not editing.ghost()
    editing.lua("vim.g.foretell, vim.b.foretell = nil, false")
    send_status(editing, "loading", "ready")
    assert not editing.ghost()
    editing.lua("vim.b.foretell = nil")
    send_status(editing, "loading", "ready")
    assert editing.ghost()


@pytest.mark.parametrize("key", ["<Esc>", "<C-c>"])
def test_leaving_insert_mode_hides_ghost(editing: Neovim, key: str) -> None:
    editing.type("return num")
    editing.wait_for_ghost()
    editing.type(key)
    editing.wait("no ghost text", lambda: not editing.ghost(), 5)


def test_ghost_returns_after_insert_command(editing: Neovim) -> None:
    editing.type("for i in range()<Left>")
    editing.wait_for_ghost()
    editing.type("<C-o>")
    editing.wait("no ghost text", lambda: not editing.ghost(), 5)
    editing.type("zt")
    editing.wait_for_ghost()


def test_tab_inserts_if_nothing_is_shown(editing: Neovim, request: pytest.FixtureRequest) -> None:
    request.addfinalizer(lambda: editing.lua("require('foretell').enable(true)"))
    editing.lua("require('foretell').enable(false)")
    editing.type("ret<Tab>")
    editing.wait("the normal Tab", lambda: editing.buffer()[-1].startswith("    ret  "))
    assert editing.lua("return require('foretell').status().state") == "off"


def test_ghost_grows_while_generating(editing: Neovim) -> None:
    colour = editing.ghost_colour()

    def grew() -> bool:
        ghosts = [frame.coloured(colour) for frame in frames]
        pairs = zip(ghosts, ghosts[1:], strict=False)
        return any(a and b != a and b.startswith(a) for a, b in pairs)

    with editing.watched() as frames:
        editing.type("return number % 2 == 1<CR><CR><CR><C-u>def gcd(a, b):<CR>")
        editing.wait("a frame that extends the one before", grew)
    assert editing.lua("return _G.n_updates") > 0


def test_suggestions_are_per_file(editing: Neovim, tmp_path: Path) -> None:
    editing.type("return num")
    editing.wait_for_ghost()
    other = tmp_path / "other.py"
    open_python(editing, other, "import os\n\n\ndef read_text(path):\n    with open(pa")
    editing.type("<BS><Esc>A")
    editing.wait("no text of the first file", lambda: not editing.ghost().startswith("ber"))
    assert editing.lua("return #vim.lsp.get_clients({ name = 'foretell' })") == 1


def test_killed_server_restarts(editing: Neovim) -> None:
    editing.type("return num")
    editing.wait_for_ghost()
    first = editing.lua("return vim.lsp.get_clients({ name = 'foretell' })[1].id")
    # Neovim reports the dead client in a message wider than the screen, which would block it.
    editing.lua("vim.notify = function(message) _G.notified = message end")
    kill_children(editing.pid)
    last = "return (vim.lsp.get_clients({ name = 'foretell' })[1] or {}).id"
    editing.wait("a new server", lambda: editing.lua(last) not in (None, first))
    wait_for_state(editing, "ready")
    editing.type("<Esc>ccreturn num")
    assert editing.wait_for_ghost().startswith("ber")


def kill_children(pid: int) -> None:
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        os.kill(int(child), 9)


def test_stats_log_and_health_show_content(editing: Neovim) -> None:
    editing.type("<Esc>")
    editing.command("checkhealth foretell")
    report = editing.wait("the report", lambda: [x for x in editing.buffer() if "model" in x])
    assert any("OK" in line or "✅" in line for line in report), editing.buffer()
    editing.command("bwipeout!")
    n_windows = editing.lua("return #vim.api.nvim_list_wins()")
    for _ in range(2):
        editing.command("wincmd b | Foretell stats")
        editing.wait("the counts", lambda: any("requests" in x for x in editing.buffer()), 10)
    editing.type("q")
    assert editing.lua("return #vim.api.nvim_list_wins()") == n_windows
    editing.command("Foretell log")
    assert str(editing.lua("return vim.api.nvim_buf_get_name(0)")).endswith("lsp.log")
    editing.command("bwipeout!")


def test_missing_server_is_reported(tmp_path: Path) -> None:
    vim = start("0.11", tmp_path, Path("/nowhere/foretell"))
    vim.wait("the message", lambda: "cannot run" in "\n".join(vim.screen().lines()))
    vim.end()


def test_restart_after_install_and_while_running(server: Path, tmp_path: Path) -> None:
    program = tmp_path / "foretell"
    vim = start("0.11", tmp_path, program)
    path = tmp_path / "work" / "numbers.py"
    path.write_text(PYTHON)
    vim.open(path)
    state = "return require('foretell').status().state"
    vim.wait("the failure", lambda: vim.lua(state) == "failed")
    vim.command("Foretell restart")
    vim.wait("the failure again", lambda: vim.lua(state) == "failed", 5)
    program.symlink_to(server)
    vim.command("Foretell restart")
    vim.wait("the model", lambda: vim.lua(state) == "ready", 20)
    last = "return (vim.lsp.get_clients({ name = 'foretell' })[1] or {}).id"
    first = vim.lua(last)
    vim.command("Foretell restart")
    vim.wait("a new server", lambda: vim.lua(last) not in (None, first), 20)
    vim.wait("its model", lambda: vim.lua(state) == "ready", 20)
    vim.end()


@pytest.mark.parametrize("version", ["0.12"])
def test_native_display_uses_same_keys(version: str, server: Path, tmp_path: Path) -> None:
    vim = start(version, tmp_path, server, native=True)
    open_python(vim, tmp_path / "work" / "numbers.py")
    vim.type("return num")

    def shown() -> bool:
        return vim.screen().lines()[vim.cursor[0]].strip().startswith("return number")

    vim.wait("Neovim's text", shown)
    assert vim.buffer()[-1] == "    return num"
    vim.type("<C-]>")
    vim.wait("no text", lambda: not shown())
    vim.type("<M-\\>")
    vim.wait("the text again", shown)
    vim.type("<M-Right>")
    vim.wait("the word", lambda: vim.buffer()[-1] == "    return number")
    vim.end()


@pytest.mark.parametrize("version", ["0.12"])
@pytest.mark.parametrize("where", ["", "buffer"])
def test_native_display_can_be_toggled(
    version: str, where: str, server: Path, tmp_path: Path
) -> None:
    vim = start(version, tmp_path, server, native=True)
    open_python(vim, tmp_path / "work" / "numbers.py")
    is_on = "return vim.lsp.inline_completion.is_enabled({ bufnr = 0 })"
    vim.type("return num")
    vim.wait("Neovim's text", lambda: vim.lua("return require('foretell').is_visible()"))
    vim.command(f"Foretell off {where}")
    row = vim.screen().lines()[vim.cursor[0]]
    assert row.rstrip() == "    return num"
    assert not vim.lua(is_on)
    vim.command(f"Foretell on {where}")
    assert vim.lua(is_on)
    vim.type("b")
    vim.wait("Neovim's text", lambda: vim.lua("return require('foretell').is_visible()"))
    vim.end()


def test_readme_picture(server: Path, tmp_path: Path) -> None:
    vim = start("0.11", tmp_path, server)
    vim.command("syntax on")
    open_python(vim, tmp_path / "work" / "numbers.py")
    vim.type("return number % 2 == 1<CR><CR><CR><C-u>def gcd(a, b):<CR>")
    vim.wait("several lines", lambda: "\n" in vim.ghost())
    vim.screen().save(SCREENS / "neovim")
    vim.end()

"""The next edit in real Neovim versions: with the real server, without a model, and with edits that
the tests send."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conftest import SCREENS, WITHOUT_MODEL
from neovim import Neovim
from scripted import Scripted
from test_neovim import NEOVIMS, start, wait_for_state

OLD, NEW = "height", "tall"
CODE = [
    "def area(width, height):",
    "    size = width * height / 2",
    "    if height > 3 or height < 1:",
    "        print(height)",
    "    for step in range(3):",
    "        size += step",
    "        if size > width:",
    "            break",
    "    else:",
    "        print(size)",
    *[""] * 40,
    "    return size - height",
]


@pytest.fixture(scope="module", params=NEOVIMS)
def vim(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, server: Path
) -> Iterator[Neovim]:
    folder = tmp_path_factory.mktemp("edits")
    vim = start(request.param, folder, server, settings=WITHOUT_MODEL)
    vim.command("syntax on | set laststatus=0")
    yield vim
    vim.end()


@pytest.fixture
def code(vim: Neovim, tmp_path: Path) -> Neovim:
    """A Neovim with the cursor on a parameter, in normal mode."""
    path = tmp_path / "area.py"
    path.write_text("\n".join([*CODE, ""]))
    vim.command("silent! only | set wrap nofoldenable")
    vim.open(path)
    wait_for_state(vim, "ready")
    vim.type("gg0f,w:let v:hlsearch = 0<CR>")
    return vim


def struck(vim: Neovim) -> str:
    return vim.screen().struck()


def rename(vim: Neovim, keys: str = "cwtall<Esc>") -> None:
    """Renames the parameter, and waits for the first offer."""
    vim.type(keys)
    vim.wait("an offer", lambda: struck(vim) == OLD)


def press(vim: Neovim, key: str) -> None:
    """Presses a key that changes the text or moves the cursor."""
    now = "return { vim.api.nvim_buf_get_changedtick(0), vim.api.nvim_win_get_cursor(0) }"
    before = vim.lua(now)
    vim.type(key)
    vim.wait(f"{key} to act", lambda: vim.lua(now) != before)


def row(vim: Neovim) -> int:
    return int(vim.lua("return vim.api.nvim_win_get_cursor(0)[1]"))


def counted(vim: Neovim) -> dict[str, int]:
    """The server's counts of edits."""
    counts: dict[str, int] = vim.lua(
        """
        local params = { command = 'foretell.stats' }
        local response = vim.lsp.buf_request_sync(0, 'workspace/executeCommand', params, 5000)
        return select(2, next(response)).result.counts.edits
        """
    )
    return counts


# With the server.


def test_rename_is_carried_through_with_tab(code: Neovim) -> None:
    before = counted(code)
    rename(code)
    assert code.screen().lines()[1] == "    size = width * heighttall / 2"
    code.screen().save(SCREENS / "neovim-edit")
    at = [2, 3, 3, 4, len(CODE)]
    for i, line in enumerate(at):
        if i == 0 or line != at[i - 1]:  # on the same line, it is applied at once
            press(code, "<Tab>")
            assert row(code) == line
            code.wait("the offer at the cursor", lambda: struck(code) == OLD)
        press(code, "<Tab>")
        assert row(code) == line
        assert code.lua("return vim.fn.expand('<cword>')") == NEW
        if i + 1 < len(at):
            code.wait("the next offer", lambda: code.lua("return require('foretell').has_edit()"))
    assert code.buffer() == [line.replace(OLD, NEW) for line in CODE]
    assert struck(code) == ""
    after = counted(code)
    assert after["accepted"] - before["accepted"] == len(at)
    assert after["shown"] - before["shown"] >= len(at)


def test_tab_works_in_insert_mode(code: Neovim) -> None:
    rename(code, "cwtall")
    press(code, "<Tab>")
    assert row(code) == 2
    press(code, "<Tab>")
    assert code.buffer()[1] == "    size = width * tall / 2"
    code.wait("the next offer", lambda: struck(code) == OLD)
    code.type("!")
    code.wait("the key", lambda: code.buffer()[1] == "    size = width * tall! / 2")
    code.wait("no offer", lambda: struck(code) == "")


def test_applied_edit_is_one_undo_step(code: Neovim) -> None:
    rename(code, "cwtall")
    before = code.buffer()
    press(code, "<Tab>")
    press(code, "<Tab>")
    code.type("!<Esc>")
    code.wait("the key", lambda: "tall! / 2" in code.buffer()[1])
    press(code, "u")
    assert code.buffer()[1] == "    size = width * tall / 2"
    press(code, "u")
    assert code.buffer() == before


def test_rejected_edit_disappears(code: Neovim) -> None:
    before = counted(code)["rejected"]
    rename(code)
    seen = "return require('foretell.edit').is_seen()"
    code.wait("the time to see it", lambda: code.lua(seen))
    code.type("<Esc>")
    code.wait("no offer", lambda: struck(code) == "")
    assert counted(code)["rejected"] == before + 1
    code.type("<Tab>")
    assert code.buffer() == [CODE[0].replace(OLD, NEW), *CODE[1:]]


@pytest.mark.parametrize("key", ["u", "ix"])
def test_change_withdraws_the_edit_at_once(code: Neovim, key: str) -> None:
    rename(code)
    with code.watched() as frames:
        press(code, key)
    changed = [it for it in frames if "tall)" not in it.lines()[0]]
    assert changed and not any("heighttall /" in it.lines()[1] for it in changed)


def test_hint_leads_to_an_edit_off_screen(code: Neovim) -> None:
    # The only other use is on the last line.
    code.lua("vim.api.nvim_buf_set_lines(0, 1, 4, false, {})")
    last = len(code.buffer())
    code.type("cwtall<Esc>")
    hint = f"⇥ line {last}: height → tall"
    code.wait("the hint", lambda: code.screen().lines()[0].endswith(hint))
    code.screen().save(SCREENS / "neovim-edit-hint")
    code.type("j")
    code.wait("the hint at the cursor", lambda: "⇥" in code.screen().lines()[1])
    press(code, "<Tab>")
    assert row(code) == last
    code.wait("the edit", lambda: struck(code) == OLD)
    assert "⇥" not in "\n".join(code.screen().lines())
    press(code, "<C-o>")
    assert row(code) == 2, "the jump is in the jump list"


def test_hint_leads_into_a_fold_and_beyond_the_edge(code: Neovim) -> None:
    code.command("set foldenable foldmethod=manual | 2,4fold")
    rename_keys = "gg0f,wcwtall<Esc>"
    code.type(rename_keys)
    code.wait("the hint", lambda: "⇥ line 2" in code.screen().lines()[0])
    press(code, "<Tab>")
    code.wait("an open fold", lambda: struck(code) == OLD)
    press(code, "u")
    code.command("set nowrap nofoldenable")
    code.lua("vim.api.nvim_buf_set_lines(0, 1, 2, false, { ... })", f"    a = '{'-' * 90}', height")
    code.type(rename_keys)
    code.wait("the hint", lambda: "⇥ line 2" in code.screen().lines()[0])
    press(code, "<Tab>")
    code.wait("the scrolled line", lambda: struck(code) == OLD)


def test_keys_work_as_before_if_nothing_is_offered(code: Neovim) -> None:
    code.type("G")
    code.type("<C-o>")
    code.wait("the jump back", lambda: row(code) == 1)
    press(code, "<Tab>")
    assert row(code) == len(CODE), "Tab is CTRL-I in normal mode"
    code.type("oend<Tab>")
    code.wait("the user's mapping", lambda: "end  " in code.buffer()[-1])


def test_turning_suggestions_off_withdraws_the_edit(
    code: Neovim, request: pytest.FixtureRequest
) -> None:
    request.addfinalizer(lambda: code.command("Foretell on"))
    rename(code)
    code.command("Foretell off")
    assert struck(code) == ""


# With edits that the tests send.

WORDS = ["one two", "one two", "three"]


def offer(
    scripted: Scripted,
    line: int,
    column: int,
    old: str,
    new: str,
    behind: int = 0,
    first: str = "",
    then: str = "require('foretell.edit').on_pause()",
) -> object:
    """Passes an edit to the plugin as if the server had sent it, and shows it without a pause.

    `behind` is how many versions it is older than the document; `first` and `then` are what happens
    before and after.
    """
    lines = old.split("\n")
    end = {
        "line": line + len(lines) - 1,
        "character": len(lines[-1]) + (column if len(lines) == 1 else 0),
    }
    edit: dict[str, Any] = {
        "range": {"start": {"line": line, "character": column}, "end": end},
        "oldText": old,
        "text": new,
        "command": {"title": "Accept", "command": "foretell.acceptEdit", "arguments": [7]},
    }
    return scripted.vim.lua(
        """
        local edit, behind = ...
        local client = vim.lsp.get_clients({ name = 'foretell' })[1]
        local version = vim.lsp.util.buf_versions[vim.api.nvim_get_current_buf()] - behind
        edit.textDocument = { uri = vim.uri_from_bufnr(0), version = version }
        """
        + first
        + """
        client.handlers['foretell/nextEdit'](nil, { edits = { edit } }, { client_id = client.id })
        """
        + then,
        edit,
        behind,
    )


def has_edit(scripted: Scripted) -> bool:
    return bool(scripted.vim.lua("return require('foretell').has_edit()"))


@pytest.fixture
def words(scripted: Scripted) -> Scripted:
    """Insert mode on the empty line below `WORDS`, without a suggestion."""
    scripted.open(WORDS, [], "")
    return scripted


def test_edit_of_another_version_or_text_is_not_shown(words: Scripted) -> None:
    offer(words, 0, 0, "one", "four", behind=1)
    assert not has_edit(words)
    offer(words, 0, 0, "two", "four")
    assert not has_edit(words)
    offer(words, 0, 0, "one", "four")
    assert has_edit(words)
    words.vim.wait("the report", lambda: words.sent("textDocument/didShowInlineEdit"))
    shown = words.sent("textDocument/didShowInlineEdit")[-1]
    assert shown["item"]["command"]["arguments"] == [7]


KEY = "require('foretell.edit').on_change()"


def test_edit_waits_for_a_pause_in_typing(words: Scripted) -> None:
    shown = "return require('foretell').has_edit()"
    assert not offer(words, 0, 0, "one", "four", first=KEY, then=shown)
    words.vim.wait("the pause", lambda: has_edit(words))
    later = "local now = vim.uv.now vim.uv.now = function() return now() + 150 end "
    judged = offer(words, 1, 0, "one", "4", first=KEY + later, then=f"vim.uv.now = now {shown}")
    assert judged, "it comes after a pause"
    press(words.vim, "<Tab>")
    press(words.vim, "<Tab>")
    next_edit = offer(words, 0, 0, "one", "four", first=KEY, then=shown)
    assert next_edit, "it follows an applied edit at once"


def test_edit_waits_for_a_pause_in_replace_mode(words: Scripted) -> None:
    words.vim.type("<Esc>R")
    drawn = "return #vim.api.nvim_buf_get_extmarks(0, -1, 0, -1, {}) > 0"
    assert not offer(words, 0, 0, "one", "four", first=KEY, then=drawn)
    words.vim.wait("the pause", lambda: struck(words.vim) == "one")


def test_key_rejects_only_an_edit_that_was_seen(words: Scripted) -> None:
    words.vim.type("<Esc>")
    assert not offer(words, 0, 0, "one", "four", then="return require('foretell.edit').is_seen()")
    assert has_edit(words)


def test_suggestion_owns_tab(scripted: Scripted) -> None:
    scripted.open(WORDS, ["three four"], "three")
    offer(scripted, 0, 0, "one", "five")
    assert scripted.vim.screen().struck() == "one"
    assert not has_edit(scripted)
    assert scripted.accept()[-1] == "three four"
    assert scripted.vim.screen().struck() == "", "the text has changed"


def test_menu_owns_tab(words: Scripted, request: pytest.FixtureRequest) -> None:
    request.addfinalizer(lambda: words.vim.type("<C-e><Esc>"))
    words.vim.type("<C-x><C-n>")
    words.vim.wait("the menu", lambda: words.vim.lua("return vim.fn.pumvisible()") == 1)
    words.answered()
    offer(words, 0, 0, "one", "four")
    assert not has_edit(words)
    words.vim.type("<C-e>")
    words.vim.wait("no menu", lambda: has_edit(words))


def test_menu_or_snippet_of_a_plugin_owns_tab(words: Scripted) -> None:
    """Uses stand-ins with the functions that the plugin calls."""
    offer(words, 0, 0, "one", "four")
    for name, function in [
        ("cmp", "visible"),
        ("blink.cmp", "is_menu_visible"),
        ("luasnip", "locally_jumpable"),
    ]:
        words.vim.lua(
            """
            local name, called = ...
            package.loaded[name] = { [called] = function() return true end }
            """,
            name,
            function,
        )
        assert not has_edit(words), name
        words.vim.lua("package.loaded[...] = nil", name)
        assert has_edit(words)


def test_snippet_owns_tab(words: Scripted) -> None:
    words.vim.lua("vim.snippet.expand('f(${1:a}, ${2:b})')")
    words.vim.type("<C-e>x")
    words.vim.wait("the key", lambda: words.vim.buffer()[-1].startswith("f(x"))
    words.answered()
    offer(words, 0, 0, "one", "four")
    assert not has_edit(words)
    words.vim.lua("vim.snippet.stop()")
    assert has_edit(words)


def test_accept_works_in_an_expression_mapping(
    words: Scripted, request: pytest.FixtureRequest
) -> None:
    """As in blink.cmp, whose keys call functions in one."""
    request.addfinalizer(lambda: words.vim.command("iunmap <C-y>"))
    words.vim.lua(
        """
        vim.keymap.set('i', '<C-y>', function()
          return require('foretell').accept() and '' or '~'
        end, { expr = true })
        """
    )
    offer(words, 0, 0, "one", "four")
    for _ in range(2):
        press(words.vim, "<C-y>")
    assert words.vim.buffer()[0] == "four two"
    assert words.press("<C-y>")[0] == "four~ two"


def test_no_suggestion_is_requested_until_the_next_key(words: Scripted) -> None:
    """A suggestion at the new place would own the next Tab."""
    offer(words, 0, 0, "one", "four")
    n_requests = len(words.sent("textDocument/inlineCompletion"))
    press(words.vim, "<Tab>")
    press(words.vim, "<Tab>")
    assert words.vim.buffer()[0] == "four two"
    accepted = {"command": "foretell.acceptEdit", "arguments": [7]}
    words.vim.wait("the command", lambda: accepted in words.sent("workspace/executeCommand"))
    assert len(words.sent("textDocument/inlineCompletion")) == n_requests
    words.vim.type("x")
    words.answered()
    assert len(words.sent("textDocument/inlineCompletion")) == n_requests + 1


ONE, TWO, THREE = WORDS

DRAWN: list[tuple[int, int, str, str, str, list[str]]] = [
    # line, column, old, new; what is struck through, the first lines
    (0, 4, "two\none", "2\n3\n1", "two\none", [ONE, TWO, "one 2", "3", "1 two"]),
    (1, 7, "", "\n    new", "", [ONE, TWO, "    new", THREE]),
    (1, 0, "", "new\n", "", [ONE, "new", TWO, THREE]),
    (1, 0, "one two\n", "new\n", TWO, [ONE, TWO + "new", THREE]),
    (1, 7, "\nthree", "\nnew", THREE, [ONE, TWO, THREE + "new"]),
    (1, 0, "one two\n", "", TWO, [ONE, TWO, THREE, ""]),
    (2, 5, "", "\nnew", "", [ONE, TWO, THREE, "new"]),
]


def test_lines_are_drawn(words: Scripted) -> None:
    for line, column, old, new, struck_through, shown in DRAWN:
        offer(words, line, column, old, new)
        screen = words.vim.screen()
        assert (screen.struck(), screen.lines()[: len(shown)]) == (struck_through, shown)


def test_last_line_is_removed(words: Scripted) -> None:
    """The server has an empty line after the last line break, and the buffer has none."""
    words.vim.type("<Esc>dd")
    words.vim.wait("three lines", lambda: words.vim.buffer() == WORDS)
    offer(words, 2, 0, "three\n", "")
    assert words.vim.screen().struck() == THREE
    words.vim.type("<Tab>")
    words.vim.wait("two lines", lambda: words.vim.buffer() == WORDS[:2])
    offer(words, 2, 0, "", "new\n")
    assert words.vim.screen().lines()[2] == "new"
    press(words.vim, "<Tab>")
    assert words.vim.buffer() == [ONE, TWO, "new"]


def test_lines_are_applied(words: Scripted) -> None:
    offer(words, 0, 4, "two\none", "2\n3\n1")
    press(words.vim, "<Tab>")
    press(words.vim, "<Tab>")
    assert words.vim.buffer() == ["one 2", "3", "1 two", "three", ""]
    assert words.vim.lua("return vim.api.nvim_win_get_cursor(0)") == [3, 1]


def test_setting_turns_edits_off(tmp_path: Path) -> None:
    scripted = Scripted("0.11", tmp_path, next_edit=False)
    scripted.open(WORDS, [], "")
    assert scripted.sent("initialize")[0]["initializationOptions"]["nextEdit"] is False
    assert scripted.vim.lua("return vim.fn.maparg('<Tab>', 'n')") == ""
    offer(scripted, 0, 0, "one", "four")
    assert not has_edit(scripted)
    scripted.vim.end()

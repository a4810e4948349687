"""Emacs, set up as our page says, with the real server and model.

No package registry has lsp-mode and copilot.el as programs, so
`make test-emacs LSP_MODE=FOLDER COPILOT_EL=FOLDER` names their sources.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from conftest import SCREENS
from emacs import ROOT_OF_EMACS, Emacs, add_autoloads
from scripted import SERVER as SCRIPTED
from test_neovim import PYTHON

CONTROL_RIGHT, CONTROL_G, UNDO, SAVE = "\x1b[1;5C", "\x07", "\x1f", "\x18\x13"
START_OF_FILE, END_OF_FILE, KILL_WORD = "\x1b<", "\x1b>", "\x1bd"
UP, DOWN, RIGHT = "\x1b[A", "\x1b[B", "\x1b[C"
# The cursor is behind characters of two to four bytes, and of one or two UTF-16 units.
TYPED = '    s = "é日𝄞"; return nu'
# A language server that counts columns in UTF-16, and knows nothing.
OTHER = """
(with-eval-after-load 'lsp-mode
  (lsp-register-client
   (make-lsp-client
    :new-connection (lsp-stdio-connection '("{python}" "{script}" "{folder}"))
    :activation-fn (lambda (&rest _) (derived-mode-p 'prog-mode))
    :priority 1 :server-id 'other)))
"""

Start = Callable[..., Emacs]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "numbers.py"
    # The empty line is where the tests type. It has an end, which saving would add.
    file.write_text(PYTHON + "\n")
    return file


@pytest.fixture
def start(server: Path, file: Path) -> Iterator[Start]:
    """Starts an Emacs with the cursor in the file's last line."""
    started: list[Emacs] = []

    def start(section: str, packages: list[Path], more: str = "") -> Emacs:
        emacs = Emacs(section, packages, server, file, more)
        started.append(emacs)
        emacs.wait("the model", lambda _: "loaded in" in emacs.log(), 120)
        emacs.type(END_OF_FILE + UP)
        return emacs

    yield start
    for emacs in started:
        emacs.end()


@pytest.fixture(scope="session")
def lsp_mode(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """lsp-mode and the packages it needs."""
    package = tmp_path_factory.mktemp("packages") / "lsp-mode"
    shutil.copytree(os.environ["LSP_MODE"], package, ignore=shutil.ignore_patterns(".git"))
    add_autoloads(package, tmp_path_factory.mktemp("emacs"))
    needed = (ROOT_OF_EMACS / "share/emacs/site-lisp/elpa-src").iterdir()
    return [package, package / "clients", *needed]


@pytest.fixture
def copilot_el() -> list[Path]:
    return [Path(os.environ["COPILOT_EL"])]


def row(emacs: Emacs, text: str) -> str:
    """The text on screen from a text that was typed."""
    # The emulated terminal draws a wide character in two cells.
    lines = [line.replace("日 ", "日") for line in emacs.lines()]
    return next((line[line.index(text) :] for line in lines if text in line), "")


def type_along(emacs: Emacs) -> str:
    """Types until a suggestion appears, and its first character; returns the rest."""
    emacs.type(TYPED)
    emacs.wait("ghost text", lambda _: emacs.ghost())
    suggestion = emacs.ghost()
    assert suggestion.startswith("mber"), suggestion
    assert row(emacs, TYPED) == TYPED + suggestion
    emacs.type("m")
    emacs.wait("the rest", lambda _: emacs.ghost().startswith(suggestion[1:]))
    return emacs.ghost()


def reject_and_request(emacs: Emacs, suggestion: str) -> str:
    """Rejects the suggestion and requests one, which may be longer."""
    emacs.type(CONTROL_G)
    emacs.wait("no ghost text", lambda _: row(emacs, TYPED) == f"{TYPED}m")
    emacs.type("\x03i")
    emacs.wait("ghost text", lambda _: emacs.ghost().startswith(suggestion))
    return emacs.ghost()


def save(emacs: Emacs, file: Path, expected: str) -> None:
    """Saves; the file's last line is then the expected one."""
    emacs.type(SAVE)
    found = f"{expected!r} in the file"
    emacs.wait(found, lambda _: file.read_text().endswith(f"\n{expected}\n"), 10)


def accept_and_undo(emacs: Emacs, file: Path, suggestion: str) -> None:
    emacs.type("\t")
    emacs.wait("the whole", lambda _: not emacs.ghost())
    save(emacs, file, f"{TYPED}m{suggestion}")
    emacs.type(UNDO)
    emacs.wait("the undo", lambda lines: lines[-1] == "Undo")
    save(emacs, file, f"{TYPED}m")


def requested_columns(messages: Path) -> list[int]:
    """The columns at which the other server was asked for a suggestion."""
    sent = [json.loads(line) for line in messages.read_text().splitlines()]
    method = "textDocument/inlineCompletion"
    return [it["params"]["position"]["character"] for it in sent if it.get("method") == method]


def test_lsp_mode_shows_ghost_text(start: Start, file: Path, lsp_mode: list[Path]) -> None:
    folder = file.parent
    (folder / "target").write_text("")
    more = OTHER.format(python=sys.executable, script=SCRIPTED, folder=folder)
    emacs = start("lsp-mode", lsp_mode, more)
    emacs.wait("both servers", lambda _: (folder / "messages").exists())
    suggestion = type_along(emacs)
    # Both servers count columns as Emacs does.
    assert "positions in Utf16" in emacs.log()
    assert requested_columns(folder / "messages")[-1] == len(f"{TYPED}m".encode("utf-16-le")) // 2
    emacs.screen().save(SCREENS / "emacs-lsp-mode")
    suggestion = reject_and_request(emacs, suggestion)
    accept_and_undo(emacs, file, suggestion)
    assert "accepted: Whole" in emacs.log()


def test_copilot_el_shows_ghost_text(start: Start, file: Path, copilot_el: list[Path]) -> None:
    emacs = start("copilot.el", copilot_el)
    suggestion = type_along(emacs)
    emacs.screen().save(SCREENS / "emacs-copilot-el")
    suggestion = reject_and_request(emacs, suggestion)
    accept_and_undo(emacs, file, suggestion)
    emacs.type(" ")
    emacs.type("\x7f")
    emacs.wait("ghost text", lambda _: emacs.ghost() == suggestion)
    emacs.type(CONTROL_RIGHT)
    emacs.wait("the word", lambda _: emacs.ghost() == suggestion.removeprefix("ber"))
    save(emacs, file, f"{TYPED}mber")
    assert "accepted: Whole" in emacs.log() and "accepted: Some" in emacs.log()


def test_copilot_el_applies_next_edit(start: Start, file: Path, copilot_el: list[Path]) -> None:
    emacs = start("copilot.el", copilot_el)
    emacs.type(START_OF_FILE + DOWN * 3 + RIGHT * len("def is_even(") + KILL_WORD + "value")
    emacs.wait("the edit", lambda _: emacs.screen().struck() == "number")
    assert "    return numbervalue % 2 == 0" in emacs.lines()
    emacs.screen().save(SCREENS / "emacs-next-edit")
    emacs.type("\t")
    emacs.wait("the jump", lambda lines: emacs.screen().cursor == (6, len("    return ")))
    emacs.type("\t")
    emacs.wait("the change", lambda lines: "    return value % 2 == 0" in lines)
    changed = file.read_text().replace("is_even(number)", "is_even(value)")
    changed = changed.replace("return number", "return value")
    emacs.type(SAVE)
    emacs.wait("the file", lambda _: file.read_text() == changed, 10)


def test_eglot_previews_item(start: Start, file: Path) -> None:
    emacs = start("eglot", [])
    suggestion = type_along(emacs)
    emacs.screen().save(SCREENS / "emacs-eglot")
    accept_and_undo(emacs, file, suggestion)

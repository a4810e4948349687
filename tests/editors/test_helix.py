"""Helix, which shows suggestions as items in its completion menu."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any, BinaryIO

import pytest

from conftest import INSTALLED, ROOT, SCREENS, WITHOUT_MODEL
from helix import Helix
from test_neovim import PYTHON

# The kind of our items, as the menu shows it.
KIND = "snippet"


def start_helix(
    folder: Path, server: Path, file: Path, settings: dict[str, object] | None = None
) -> Helix:
    """A Helix with our unmodified `languages.toml` and a Python file, after the model is loaded."""
    config = folder / "config" / "helix"
    config.mkdir(parents=True)
    ours = (ROOT / "editors" / "helix" / "languages.toml").read_text()
    (config / "languages.toml").write_text(ours)
    (config / "config.toml").write_text("[editor]\nidle-timeout = 50\ncompletion-timeout = 5\n")
    if settings:
        lines = [f"{name} = {json.dumps(value)}\n" for name, value in settings.items()]
        (folder / "config" / "foretell").mkdir()
        (folder / "config" / "foretell" / "foretell.toml").write_text("".join(lines))
    programs = folder / "bin"
    programs.mkdir()
    (programs / "foretell").symlink_to(server.resolve())
    env = {
        "XDG_CONFIG_HOME": str(folder / "config"),
        "XDG_CACHE_HOME": str(folder / "cache"),
        "XDG_DATA_HOME": os.environ.get("XDG_DATA_HOME", str(Path.home() / ".local" / "share")),
        "PATH": f"{programs}:{os.environ['PATH']}",
    }
    helix = Helix(INSTALLED / "hx" / "hx", config / "config.toml", file, env)
    ready = re.compile("loaded in|remote engine")
    helix.wait("the model", lambda _: ready.search(helix.log()), 120)
    return helix


@pytest.fixture
def helix(tmp_path: Path, server: Path) -> Iterator[Helix]:
    file = tmp_path / "numbers.py"
    file.write_text(PYTHON)
    helix = start_helix(tmp_path, server, file)
    helix.wait("the file", lambda lines: any("def is_odd" in line for line in lines))
    yield helix
    helix.end()


def test_suggestion_is_menu_item_with_preview(helix: Helix) -> None:
    helix.type("geo")
    helix.type("return nu")
    # A row of the menu has the item's label and its kind.
    item = re.compile(rf"^\s+~?\s+(number.*?) +{KIND}\b")

    def in_menu(lines: list[str]) -> re.Match[str] | None:
        return next(filter(None, map(item.match, lines)), None)

    for is_last in [False] * 5 + [True]:
        helix.type("m")
        try:
            label = helix.wait("the item", in_menu, 15)[1]
            break
        except AssertionError:
            # A key during a request cancels it; Helix sends a new one at the next key.
            if is_last:
                raise
        helix.type("\x7f")

    def line() -> str:
        return next(line for line in helix.lines() if " 11 " in line).split("11", 1)[1]

    assert line() == "      return num", "text was inserted before it was accepted"
    helix.type("\x0e")
    helix.wait("its preview", lambda _: line() == f"      return {label}")
    helix.screen().save(SCREENS / "helix")
    helix.type("\r")
    helix.wait("no menu", lambda lines: not in_menu(lines))
    assert line() == f"      return {label}"
    helix.type("\x1b")
    helix.wait("normal mode", lambda lines: " NOR " in lines[-2])
    helix.type("u")
    helix.wait("the undo", lambda _: label not in line())


def test_code_action_applies_the_next_edit(server: Path, tmp_path: Path) -> None:
    file = tmp_path / "numbers.py"
    file.write_text(PYTHON)
    helix = start_helix(tmp_path, server, file, WITHOUT_MODEL)
    helix.wait("the file", lambda lines: any("def is_odd" in line for line in lines))
    helix.type("4ggf(wcvalue\x1b")
    helix.wait("the first change", lambda lines: "def is_even(value):" in lines[3])
    helix.type(" a")
    title = "Apply next edit (line 6: number → value)"
    helix.wait("the action", lambda lines: title in "\n".join(lines))
    helix.screen().save(SCREENS / "helix-edit")
    helix.type("\r")
    helix.wait("the edit", lambda lines: lines[5].endswith("return value % 2 == 0"))
    helix.type(" a")
    helix.wait("no action", lambda lines: "No code actions available" in lines[-1])
    helix.type("u")
    helix.wait("the undo", lambda lines: lines[5].endswith("return number % 2 == 0"))
    assert "def is_even(value):" in helix.lines()[3]
    helix.end()


def test_recorded_helix_session_gets_item(server: Path, tmp_path: Path) -> None:
    """Replays Helix's messages while `return num` was typed, then one more request.

    Every request gets a response, including those that a later key superseded.
    """
    clients = ROOT / "tests" / "clients"
    initialize = json.loads((clients / "initialize.helix-25.07.1.json").read_text())
    typing = (clients / "typing.helix-25.07.1.jsonl").read_text().splitlines()
    with (tmp_path / "log").open("wb") as log, Replay(server, log) as replay:
        replay.request("initialize", initialize.get("params", initialize), "initialize")
        replay.notify("initialized", {})
        # Helix supports progress notifications; the first one ends when the model is loaded.
        replay.read_until(lambda it: it.get("params", {}).get("value", {}).get("kind") == "end")
        for message in map(json.loads, typing):
            replay.send(message)
        document = {"uri": "file:///numbers.py"}
        cursor = {"line": 10, "character": 14}
        params = {"context": {"triggerKind": 1}, "position": cursor, "textDocument": document}
        answer = replay.request("textDocument/completion", params, "last")
    requests = [it["id"] for it in map(json.loads, typing) if "id" in it]
    assert sorted(it for it in replay.answered if isinstance(it, int)) == requests
    (item,) = answer["result"]["items"]
    label = item["label"]
    assert label.startswith("number")
    assert answer["result"] == {
        "isIncomplete": True,
        "items": [
            {
                "detail": "foretell",
                "documentation": {"kind": "markdown", "value": f"```python\n{label}\n```"},
                "filterText": label,
                "insertTextFormat": 1,
                "insertTextMode": 1,
                "kind": 15,
                "label": label,
                "preselect": True,
                "sortText": "0",
                "textEdit": {
                    "newText": label,
                    "range": {"start": {"line": 10, "character": 11}, "end": cursor},
                },
            }
        ],
    }


class Replay:
    """A client that replays recorded messages."""

    def __init__(self, server: Path, log: BinaryIO) -> None:
        argv = [str(server), "serve"]
        self.process = Popen(argv, stdin=PIPE, stdout=PIPE, stderr=log)
        self.answered: list[int | str] = []

    def __enter__(self) -> Replay:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()

    def send(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self.process.stdin is not None
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self.process.stdin.flush()

    def notify(self, method: str, params: dict[str, Any]) -> None:
        self.send({"method": method, "params": params})

    def request(self, method: str, params: dict[str, Any], id_: str) -> dict[str, Any]:
        self.send({"id": id_, "method": method, "params": params})
        return self.read_until(lambda it: it.get("id") == id_)

    def read_until(self, found: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        while True:
            message = self._read()
            if "method" in message and "id" in message:  # a request from the server
                self.send({"id": message["id"], "result": None})
            elif "id" in message:
                self.answered.append(message["id"])
            if found(message):
                return message

    def _read(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            byte = self.process.stdout.read(1)
            assert byte, "the server has exited"
            head += byte
        length = int(head.decode().lower().split("content-length:")[1].split()[0])
        message: dict[str, Any] = json.loads(self.process.stdout.read(length))
        return message

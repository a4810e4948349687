"""A Neovim with `scripted_server.py`: its suggestions are known, and its messages recorded."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from test_neovim import start

SERVER = Path(__file__).with_name("scripted_server.py")
ATTACHED = """
    return #vim.lsp.get_clients({ bufnr = 0 }) > 0
      and require('foretell').status().state == 'ready'
"""


class Scripted:
    """The cursor is at the end of a file, and the suggestion is the rest of the file's target."""

    def __init__(self, version: str, folder: Path, **setup: object) -> None:
        self.folder = folder
        (folder / "target").write_text("")
        command = [sys.executable, str(SERVER), str(folder)]
        self.vim = start(version, folder, SERVER, **{"cmd": command, **setup})

    def open(self, head: list[str], rest: list[str], typed: str, prepare: str = "") -> None:
        """Opens a file with the lines `head`, and starts to type `rest` below them."""
        (self.folder / "target").write_text("\n".join([*head, *rest]) + "\n")
        path = self.folder / f"file{len(list(self.folder.iterdir()))}.txt"
        path.write_text("\n".join([*head, ""]) + "\n")
        self.vim.command("silent! only | set scrolloff=0 wrap nofoldenable nonumber")
        self.vim.open(path)
        self.vim.command(prepare)
        self.vim.wait("the server", lambda: self.vim.lua(ATTACHED))
        self.vim.type("G$i" + typed)
        self.vim.wait("the keys", lambda: self.vim.buffer()[len(head)] == typed)
        self.answered()

    def answered(self) -> None:
        """Waits for the response to every request."""
        self.vim.wait("the response", lambda: self.vim.lua("return _G.answered()"))

    def window(self) -> list[str]:
        """The lines on screen of the current window, without signs and numbers."""
        row, column, n_rows, n_columns, n_left = self.vim.lua(
            """
            local it = vim.fn.getwininfo(vim.api.nvim_get_current_win())[1]
            return { it.winrow - 1, it.wincol - 1, it.height, it.width, it.textoff }
            """
        )
        lines = self.vim.screen().lines()[row : row + n_rows]
        return [line[column + n_left : column + n_columns].rstrip() for line in lines]

    def press(self, key: str) -> list[str]:
        """The lines of the file after a key that changes it."""
        before = self.vim.buffer()
        self.vim.type(key)
        self.vim.wait("the change", lambda: self.vim.buffer() != before)
        return self.vim.buffer()

    def accept(self) -> list[str]:
        """The lines of the file after Tab."""
        return self.press("<Tab>")

    def sent(self, method: str) -> list[Any]:
        """The parameters of all messages of a method that Neovim has sent."""
        messages = map(json.loads, (self.folder / "messages").read_text().splitlines())
        return [it["params"] for it in messages if it.get("method") == method]

    def notify(self, method: str, params: dict[str, Any]) -> None:
        """Sends a notification of the server with its next response."""
        with (self.folder / "notifications").open("a") as file:
            file.write(json.dumps({"method": method, "params": params}) + "\n")

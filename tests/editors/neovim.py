"""Drives a real Neovim as its user interface: sends keys and reads the screen."""

from __future__ import annotations

import os
import select
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import msgpack

from terminal import Screen, Style

WIDTH, HEIGHT = 84, 18
ANSWER_TIMEOUT_S = 90


class Neovim:
    """One Neovim process, its grid, and the frames drawn since the last `watched` block began."""

    def __init__(self, program: Path, init: Path, cwd: Path, env: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            [str(program), "--embed", "-u", str(init)],
            cwd=cwd,
            env={**os.environ, **env},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.unpacker = msgpack.Unpacker(ext_hook=lambda _, data: data)
        self.n_requests = 0
        self.cells: list[list[tuple[str, int]]] = [[(" ", 0)] * WIDTH for _ in range(HEIGHT)]
        self.highlights: dict[int, dict[str, Any]] = {}
        self.default = Style(0xE0E2EA, 0x14161B)
        self.cursor = (0, 0)
        self.frames: list[Screen] = []
        self.request("nvim_ui_attach", WIDTH, HEIGHT, {"rgb": True, "ext_linegrid": True})
        self.pid = self.lua("return vim.fn.getpid()")

    # Input.

    def type(self, keys: str) -> None:
        self.request("nvim_input", keys)

    def lua(self, code: str, *args: object) -> Any:
        return self.request("nvim_exec_lua", code, args)

    def command(self, command: str) -> None:
        self.request("nvim_command", command)

    def open(self, path: Path) -> None:
        """Opens a file in normal mode."""
        self.type("<Esc>")
        self.lua(
            "vim.cmd.edit({ args = { ... }, bang = true, magic = { file = false } })", str(path)
        )

    # Output.

    def screen(self) -> Screen:
        """The current screen."""
        self._pump()
        return self._snapshot()

    def buffer(self) -> list[str]:
        lines: list[str] = self.request("nvim_buf_get_lines", 0, 0, -1, False)
        return lines

    def ghost(self) -> str:
        """The text in the colour of ghost text."""
        return self.screen().coloured(self.ghost_colour())

    def ghost_colour(self) -> int:
        link = "return vim.api.nvim_get_hl(0, { name = 'ForetellGhost', link = false }).fg"
        return int(self.lua(link))

    def wait(self, what: str, found: Callable[[], object], timeout_s: float = 90) -> Any:
        """Waits until `found` returns a true value; on timeout, fails with the screen's content."""
        end = time.monotonic() + timeout_s
        while True:
            self._pump()
            if result := found():
                return result
            if time.monotonic() > end:
                self._fail(f"waited {timeout_s} s for {what}")
            select.select([self._stdout()], [], [], 0.02)

    def wait_for_ghost(self) -> str:
        """Waits for the response to the last request and for ghost text, which may still grow."""
        self.wait("a response", lambda: self.lua("return _G.answered()"))
        self.wait("ghost text", self.ghost)
        return self.ghost()

    @contextmanager
    def watched(self) -> Iterator[list[Screen]]:
        """Collects every frame that is drawn in the block."""
        self._pump()
        frames: list[Screen] = []
        self.frames = frames
        yield frames
        self._pump()

    def watch(self, duration_s: float) -> list[Screen]:
        """Collects the frames that Neovim draws in this time, without asking it to draw."""
        self.frames = []
        end = time.monotonic() + duration_s
        while (left_s := end - time.monotonic()) > 0:
            if select.select([self._stdout()], [], [], left_s)[0]:
                self.unpacker.feed(os.read(self._stdout(), 65536))
                for kind, *message in self.unpacker:
                    assert kind == 2, f"unexpected response {message}"
                    self._redraw(message)
        return self.frames

    def end(self) -> None:
        """Kills Neovim, like a lost terminal, which also ends its server."""
        self.process.kill()
        self.process.communicate()

    # MessagePack-RPC.

    def request(self, method: str, *args: object) -> Any:
        """Calls an API function of Neovim; processes redraw events that precede the response."""
        self.n_requests += 1
        assert self.process.stdin is not None
        self.process.stdin.write(msgpack.packb([0, self.n_requests, method, args]))
        self.process.stdin.flush()
        end = time.monotonic() + ANSWER_TIMEOUT_S
        while True:
            for kind, *message in self.unpacker:
                if kind == 1 and message[0] == self.n_requests:
                    assert message[1] is None, f"{method}: {message[1]}"
                    return message[2]
                if kind == 2:
                    self._redraw(message)
            if not select.select([self._stdout()], [], [], end - time.monotonic())[0]:
                self._fail(f"no response to {method}; does Neovim wait for Enter?")
            data = os.read(self._stdout(), 65536)
            assert data, "Neovim has exited"
            self.unpacker.feed(data)

    def _stdout(self) -> int:
        assert self.process.stdout is not None
        return self.process.stdout.fileno()

    def _fail(self, why: str) -> NoReturn:
        raise AssertionError(f"{why}; the screen was\n" + "\n".join(self._snapshot().lines()))

    def _pump(self) -> None:
        """Processes all redraw events up to now."""
        if self.request("nvim_get_mode")["blocking"]:
            self._fail("Neovim waits for Enter")
        self.lua("vim.cmd.redraw()")

    def _redraw(self, message: list[Any]) -> None:
        if message[0] == "redraw":
            for name, *calls in message[1]:
                for call in calls:
                    self._draw(name, call)

    def _draw(self, name: str, args: list[Any]) -> None:
        match name:
            case "hl_attr_define":
                self.highlights[args[0]] = args[1]
            case "default_colors_set":
                self.default = Style(args[0], args[1])
            case "grid_clear":
                self.cells = [[(" ", 0)] * WIDTH for _ in range(HEIGHT)]
            case "grid_cursor_goto":
                self.cursor = (args[1], args[2])
            case "grid_line":
                self._draw_line(args[1], args[2], args[3])
            case "grid_scroll":
                top, bottom, left, right, by = args[1:6]
                rows = range(top, bottom - by) if by > 0 else range(bottom - 1, top - by - 1, -1)
                for row in rows:
                    self.cells[row][left:right] = self.cells[row + by][left:right]
            case "flush":
                self.frames.append(self._snapshot())

    def _draw_line(self, row: int, column: int, chunks: list[list[Any]]) -> None:
        highlight = 0
        for char, *more in chunks:
            highlight = more[0] if more else highlight
            for _ in range(more[1] if len(more) > 1 else 1):
                self.cells[row][column] = (char or " ", highlight)
                column += 1

    def _snapshot(self) -> Screen:
        styles = {id_: self._style(it) for id_, it in self.highlights.items()}
        cells = [[(char, styles.get(id_, self.default)) for char, id_ in row] for row in self.cells]
        return Screen(cells, self.cursor, self.default.background, at_s=time.monotonic())

    def _style(self, it: dict[str, Any]) -> Style:
        foreground = it.get("foreground", self.default.foreground)
        background = it.get("background", self.default.background)
        if it.get("reverse"):
            foreground, background = background, foreground
        looks = (bool(it.get(look)) for look in ("bold", "italic", "strikethrough"))
        return Style(foreground, background, *looks)

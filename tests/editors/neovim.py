"""A real Neovim with a real user interface, which is us: keys go in, the screen comes out."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pynvim

from terminal import Screen, Style

WIDTH, HEIGHT = 84, 18


class Neovim:
    """Keeps the grid of one Neovim, and every frame that was drawn since `watch`."""

    def __init__(self, program: Path, init: Path, cwd: Path, env: dict[str, str]) -> None:
        before = dict(os.environ)
        os.environ.update(env)
        try:
            argv = [str(program), "--embed", "-u", str(init), "--cmd", f"cd {cwd}"]
            self.nvim = pynvim.attach("child", argv=argv)
        finally:
            os.environ.clear()
            os.environ.update(before)
        self.pid = self.nvim.funcs.getpid()
        self.cells: list[list[tuple[str, int]]] = [[(" ", 0)] * WIDTH for _ in range(HEIGHT)]
        self.highlights: dict[int, dict[str, Any]] = {}
        self.default = Style(0xE0E2EA, 0x14161B)
        self.cursor = (0, 0)
        self.frames: list[Screen] = []
        self._marks = 0
        self.nvim.ui_attach(WIDTH, HEIGHT, rgb=True, ext_linegrid=True)

    # The user's hands.

    def type(self, keys: str) -> None:
        self.nvim.input(keys)

    def lua(self, code: str, *args: object) -> Any:
        return self.nvim.exec_lua(code, *args)

    def open(self, path: Path) -> None:
        """Opens a file; the cursor is in normal mode."""
        self.nvim.input("<Esc>")
        self.lua(
            "vim.cmd.edit({ args = { ... }, bang = true, magic = { file = false } })", str(path)
        )

    # The user's eyes.

    def screen(self) -> Screen:
        """What is on the screen now."""
        self._pump()
        return self._snapshot()

    def buffer(self) -> list[str]:
        return list(self.nvim.current.buffer[:])

    def ghost(self) -> str:
        """What is drawn in the ghost's colour."""
        return self.screen().coloured(self.ghost_colour())

    def ghost_colour(self) -> int:
        link = "return vim.api.nvim_get_hl(0, { name = 'ForetellGhost', link = false }).fg"
        return int(self.lua(link))

    def wait(self, what: str, found: Callable[[], object], timeout_s: float = 20) -> Any:
        """Waits for a thing to be seen; fails with the screen that was there instead."""
        end = time.monotonic() + timeout_s
        while True:
            self._pump()
            if result := found():
                return result
            if time.monotonic() > end:
                shown = "\n".join(self._snapshot().lines())
                raise AssertionError(f"waited {timeout_s} s for {what}; on the screen was\n{shown}")
            time.sleep(0.01)

    def wait_for_ghost(self) -> str:
        """Waits until the last request is answered with grey text. It may still grow."""
        self.wait("an answer", lambda: self.lua("return _G.answered()"))
        self.wait("grey text", self.ghost)
        return self.ghost()

    @contextmanager
    def watched(self) -> Iterator[list[Screen]]:
        """Every frame that is drawn within."""
        self._pump()
        frames: list[Screen] = []
        self.frames = frames
        yield frames
        self._pump()

    def end(self) -> None:
        """Ends it as a lost terminal would, and with it its server."""
        try:
            os.kill(self.pid, signal.SIGKILL)
            while True:
                self.nvim.next_message()
        except (OSError, EOFError):
            pass

    def _pump(self) -> None:
        """Takes in all that has been drawn up to now."""
        if self.nvim.api.get_mode()["blocking"]:
            shown = "\n".join(self._snapshot().lines())
            raise AssertionError(f"Neovim waits for Enter below\n{shown}")
        self._marks += 1
        mark = "local channel, mark = ...; vim.cmd.redraw(); vim.rpcnotify(channel, 'mark', mark)"
        self.nvim.exec_lua(mark, self.nvim.channel_id, self._marks)
        while True:
            _, name, args = self.nvim.next_message()[:3]
            if name == "mark" and args[0] == self._marks:
                return
            if name == "redraw":
                for event in args:
                    for event_args in event[1:]:
                        self._draw(event[0], event_args)

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
        return Screen(cells, self.cursor, self.default.background)

    def _style(self, it: dict[str, Any]) -> Style:
        foreground = it.get("foreground", self.default.foreground)
        background = it.get("background", self.default.background)
        if it.get("reverse"):
            foreground, background = background, foreground
        return Style(foreground, background, bool(it.get("bold")), bool(it.get("italic")))

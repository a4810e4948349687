"""Drives a real Helix in an emulated terminal: sends keys and reads the screen."""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ptyprocess
import pyte

from terminal import Screen, Style

WIDTH, HEIGHT = 96, 20
FOREGROUND, BACKGROUND = 0xA4A0E8, 0x3B224C
# RGB values of the terminal's named colours.
NAMED = {"default": None, "black": 0x000000, "red": 0xF22C86, "green": 0x9FF28F, "brown": 0xEFBA5D}


class Terminal(pyte.Screen):
    """A pyte screen that replies to a program's terminal queries."""

    def __init__(self, answer: Callable[[bytes], object]) -> None:
        super().__init__(WIDTH, HEIGHT)
        self.answer = answer

    def write_process_input(self, data: str) -> None:
        self.answer(data.encode())

    def report_device_status(self, mode: int, private: bool = False) -> None:
        if not private:
            super().report_device_status(mode)


class Helix:
    def __init__(self, program: Path, config: Path, file: Path, env: dict[str, str]) -> None:
        argv = [str(program), "--config", str(config), str(file)]
        self.process = ptyprocess.PtyProcess.spawn(
            argv,
            cwd=str(file.parent),
            env={**os.environ, **env, "TERM": "xterm-256color", "COLORTERM": "truecolor"},
            dimensions=(HEIGHT, WIDTH),
        )
        self.terminal = Terminal(self.process.write)
        self.stream = pyte.ByteStream(self.terminal)
        # Helix logs the server's stderr there.
        self.log_file = Path(env["XDG_CACHE_HOME"]) / "helix" / "helix.log"

    def type(self, keys: str) -> None:
        self.process.write(keys.encode())

    def lines(self) -> list[str]:
        return self.screen().lines()

    def screen(self) -> Screen:
        self._read()
        cells = [[_cell(self.terminal.buffer[y][x]) for x in range(WIDTH)] for y in range(HEIGHT)]
        cursor = self.terminal.cursor
        return Screen(cells, (cursor.y, cursor.x), BACKGROUND, at_s=time.monotonic())

    def watch(self, duration_s: float) -> list[Screen]:
        """The screens after each output of Helix in this time."""
        screens = []
        end = time.monotonic() + duration_s
        while (left_s := end - time.monotonic()) > 0:
            if select.select([self.process.fd], [], [], left_s)[0]:
                screens.append(self.screen())
        return screens

    def wait(self, what: str, found: Callable[[list[str]], Any], timeout_s: float = 60) -> Any:
        """Waits for something on the screen; on timeout, fails with the screen's content."""
        end = time.monotonic() + timeout_s
        while True:
            lines = self.lines()
            if result := found(lines):
                return result
            if time.monotonic() > end:
                seen = "\n".join([*lines, *self.log().splitlines()[-12:]])
                raise AssertionError(f"waited {timeout_s} s for {what}; the screen was\n{seen}")
            select.select([self.process.fd], [], [], 0.05)

    def log(self) -> str:
        return self.log_file.read_text() if self.log_file.exists() else ""

    def end(self) -> None:
        self.process.kill(signal.SIGKILL)
        self.process.wait()

    def _read(self) -> None:
        while select.select([self.process.fd], [], [], 0)[0]:
            try:
                self.stream.feed(os.read(self.process.fd, 65536))
            except OSError:
                return


def _cell(char: pyte.screens.Char) -> tuple[str, Style]:
    foreground, background = _colour(char.fg, FOREGROUND), _colour(char.bg, BACKGROUND)
    if char.reverse:
        foreground, background = background, foreground
    looks = (char.bold, char.italics, char.strikethrough)
    return char.data or " ", Style(foreground, background, *looks)


def _colour(name: str, default: int) -> int:
    named = NAMED.get(name)
    if named is not None:
        return named
    return int(name, 16) if len(name) == 6 and name not in NAMED else default

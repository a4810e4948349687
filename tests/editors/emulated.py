"""Drives a program in an emulated terminal: sends keys and reads the screen."""

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

    def select_graphic_rendition(self, *attributes: int, private: bool = False) -> None:
        # The private sequence is xterm's, for reports of modified keys.
        if not private:
            super().select_graphic_rendition(*attributes)


class Emulated:
    """A program in a terminal."""

    # The colours of text without a style.
    FOREGROUND, BACKGROUND = 0xE0E2EA, 0x14161B

    def __init__(self, argv: list[str], folder: Path, env: dict[str, str]) -> None:
        self.process = ptyprocess.PtyProcess.spawn(
            argv,
            cwd=str(folder),
            env={**os.environ, **env, "TERM": "xterm-256color", "COLORTERM": "truecolor"},
            dimensions=(HEIGHT, WIDTH),
        )
        self.terminal = Terminal(self.process.write)
        self.stream = pyte.ByteStream(self.terminal)

    def type(self, keys: str) -> None:
        self.process.write(keys.encode())

    def lines(self) -> list[str]:
        return self.screen().lines()

    def screen(self) -> Screen:
        self._read()
        buffer = self.terminal.buffer
        cells = [[self._cell(buffer[y][x]) for x in range(WIDTH)] for y in range(HEIGHT)]
        cursor = self.terminal.cursor
        return Screen(cells, (cursor.y, cursor.x), self.BACKGROUND, at_s=time.monotonic())

    def watch(self, duration_s: float) -> list[Screen]:
        """The screens after each output of the program in this time."""
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
        """What the program has logged, for the message of a failed test."""
        return ""

    def end(self) -> None:
        self.process.kill(signal.SIGKILL)
        self.process.wait()

    def _read(self) -> None:
        while select.select([self.process.fd], [], [], 0)[0]:
            try:
                self.stream.feed(os.read(self.process.fd, 65536))
            except OSError:
                return

    def _cell(self, char: pyte.screens.Char) -> tuple[str, Style]:
        foreground = _colour(char.fg, self.FOREGROUND)
        background = _colour(char.bg, self.BACKGROUND)
        if char.reverse:
            foreground, background = background, foreground
        looks = (char.bold, char.italics, char.strikethrough)
        return char.data or " ", Style(foreground, background, *looks)


def _colour(name: str, default: int) -> int:
    named = NAMED.get(name)
    if named is not None:
        return named
    return int(name, 16) if len(name) == 6 and name not in NAMED else default

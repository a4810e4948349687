"""Drives a real VS Code for `session.py`, through `vscode_driver.mjs`."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any

from conftest import INSTALLED, ROOT
from session import Frame

START_TIMEOUT_S = 240


class InVSCode:
    draws_leading_space = True
    indents_blocks = True

    def __init__(
        self,
        files: dict[str, str],
        settings: dict[str, Any] | None = None,
        program: Path | None = None,
    ) -> None:
        self.process = subprocess.Popen(
            [str(INSTALLED / "venv/bin/node"), "tests/editors/vscode_driver.mjs"],
            cwd=ROOT,
            env={**os.environ, **({"FORETELL": str(program)} if program else {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        # From the epoch to the start of the monotonic clock.
        self.monotonic_start_s = time.time() - time.monotonic()
        # An empty file is opened first, because the model loads meanwhile.
        self.folder = Path(self._call("start", {"first.py": "", **files}, settings or {}))

    def open(self, path: Path) -> None:
        self._call("open", path.name)

    def switch_to(self, path: Path) -> None:
        self._call("switch", path.name)

    def go_to(self, line_idx: int) -> None:
        self._call("goTo", line_idx + 1)

    def press(self, key: str) -> None:
        self._call("press", key)

    def accept(self, part: str) -> bool:
        self._call("press", "Control+ArrowRight" if part == "word" else "Tab")
        return True

    def undo(self) -> None:
        self._call("press", "Control+z")

    def request(self) -> None:
        self._call("press", "Alt+\\")

    def click(self, text: str) -> None:
        self._call("click", text)

    def text(self) -> str:
        return str(self._call("text"))

    def frame(self) -> Frame:
        return self._frame(self._call("frame"))

    def watch(self, duration_s: float) -> list[Frame]:
        return [self._frame(it) for it in self._call("watch", 1e3 * duration_s)]

    def screenshot(self, name: str) -> None:
        self._call("screenshot", name)

    def end(self) -> None:
        self.process.communicate(timeout=START_TIMEOUT_S)

    def _frame(self, it: dict[str, Any]) -> Frame:
        return Frame(**{**it, "at_s": it["at_s"] - self.monotonic_start_s})

    def _call(self, method: str, *args: object) -> Any:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(json.dumps([method, *args]) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, f"the driver of VS Code failed at {method}: see its output"
        return json.loads(line)

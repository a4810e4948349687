"""The editors that `latency.py` measures, which open files at a line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from conftest import SCREENS
from test_neovim import start, wait_for_state
from test_session import InNeovim
from vscode import InVSCode


class Neovim(InNeovim):
    def __init__(
        self, program: Path, folder: Path, texts: dict[str, str], settings: dict[str, Any]
    ) -> None:
        super().__init__(start("0.11", folder, program, settings=settings))
        self.folder = folder / "work"
        for name, text in {"first.py": "", **texts}.items():
            (self.folder / name).write_text(text)
        self.vim.open(self.folder / "first.py")
        wait_for_state(self.vim, "ready")

    def open_at(self, path: Path, line_idx: int | None) -> None:
        self.vim.type("<Esc>")
        where = "" if line_idx is None else f"+{line_idx + 1} "
        self.vim.command(f"edit {where}{path}")

    def go_to(self, line_idx: int) -> None:
        self.vim.type(f"<Esc>{line_idx + 1}G")

    def start_typing(self) -> None:
        self.vim.type("A")
        self.vim.watch(0.15)

    def screenshot(self, name: str) -> None:
        self.vim.screen().save(SCREENS / "latency" / name)

    def end(self) -> None:
        self.vim.end()


class VSCode(InVSCode):
    def __init__(
        self, program: Path, _folder: Path, texts: dict[str, str], settings: dict[str, Any]
    ) -> None:
        flat = {
            f"foretell.{group}.{name}": it
            for group, of in settings.items()
            for name, it in of.items()
        }
        super().__init__(texts, flat, program)

    def open_at(self, path: Path, line_idx: int | None) -> None:
        self.switch_to(path)
        if line_idx is not None:
            self.go_to(line_idx)

    def start_typing(self) -> None:
        pass


EDITORS: dict[str, Callable[..., Any]] = {"neovim": Neovim, "vscode": VSCode}

"""A user types whole functions into Neovim, with the real server and the real model.

`make typing` runs it, with `vscode.typing.test.mjs`: it takes minutes.
"""

from __future__ import annotations

import json
from pathlib import Path

from conftest import SCREENS
from session import Session, read_script
from test_session import InNeovim, neovim

TEXTS: dict[str, list[str]] = json.loads(Path(__file__).with_name("typing.json").read_text())


def test_no_agreeing_key_loses_the_suggestion(server: Path, tmp_path: Path) -> None:
    steps = [step for name, it in TEXTS.items() for step in ({"open": name}, {"write": it})]
    script = {**read_script(), "files": {name: [] for name in TEXTS}, "steps": steps}
    vim = neovim("0.11", server, tmp_path)
    report = Session("neovim-typing", InNeovim(vim), tmp_path / "work", script).run()
    vim.end()
    print(report.save(SCREENS / "typing"))
    assert report.n_agreeing_keys > report.n_keys / 10, report
    assert (report.n_lost_frames, report.n_wrong_frames) == (0, 0), report

"""Drives a real Helix in an emulated terminal."""

from __future__ import annotations

from pathlib import Path

from emulated import Emulated


class Helix(Emulated):
    FOREGROUND, BACKGROUND = 0xA4A0E8, 0x3B224C

    def __init__(self, program: Path, config: Path, file: Path, env: dict[str, str]) -> None:
        super().__init__([str(program), "--config", str(config), str(file)], file.parent, env)
        # Helix logs the server's stderr there.
        self.log_file = Path(env["XDG_CACHE_HOME"]) / "helix" / "helix.log"

    def log(self) -> str:
        return self.log_file.read_text() if self.log_file.exists() else ""

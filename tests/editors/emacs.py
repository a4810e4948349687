"""Drives a real Emacs in an emulated terminal."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from conftest import INSTALLED, ROOT
from emulated import Emulated

GHOST = 0x7F8490
PAGE = ROOT / "editors" / "pages" / "emacs.md"
# The model suggests what it is unsure of, too: the tests need a text, not the best one.
SETTINGS = "suggest.eagerness = 0\nstats.keep = false\n"
UNPACKED = INSTALLED / "emacs-30"
ROOT_OF_EMACS = UNPACKED / "root" / "usr"
# The unpacked Emacs cannot run its compiler.
FACES = [
    "completion-preview",
    "completion-preview-common",
    "completion-preview-exact",
    "copilot-overlay-face",
    "lsp-inline-completion-overlay-face",
]
BEFORE = f"""
(setq native-comp-jit-compilation nil native-comp-enable-subr-trampolines nil)
(setq lsp-auto-guess-root t)
(load "lsp-mode-autoloads" t)
(dolist (face '({" ".join(FACES)}))
  (custom-set-faces (list face '((t (:foreground "#{GHOST:06x}"))))))
"""


class Emacs(Emulated):
    """An Emacs set up as a section of our page says, with packages in folders."""

    def __init__(
        self, section: str, packages: list[Path], server: Path, file: Path, more: str = ""
    ) -> None:
        folder = file.parent
        self.log_file = folder / "server.log"
        self.program, env = install(folder, packages)
        foretell = folder / "bin" / "foretell"
        foretell.write_text(f'#!/bin/sh\nexec "{server.resolve()}" "$@" 2>>"{self.log_file}"\n')
        foretell.chmod(0o755)
        init = folder / "init.el"
        init.write_text(BEFORE + more + block(section))
        (folder / ".git").mkdir()
        super().__init__([*self.program, "-Q", "-l", str(init), str(file)], folder, env)

    def end(self) -> None:
        """Quits, which ends the server, too."""
        self.type("\x1bxkill-emacs\r")
        try:
            self.wait("the end", lambda _: not self.process.isalive(), 10)
        finally:
            super().end()

    def log(self) -> str:
        return self.log_file.read_text() if self.log_file.exists() else ""

    def ghost(self) -> str:
        """The text in the colour of ghost text."""
        return self.screen().coloured(GHOST)


def install(folder: Path, packages: list[Path]) -> tuple[list[str], dict[str, str]]:
    """The command of the unpacked Emacs and its environment."""
    share = next(ROOT_OF_EMACS.glob("share/emacs/[0-9]*"))
    dump = next(ROOT_OF_EMACS.glob("libexec/emacs/*/*/*.pdmp"))
    programs = folder / "bin"
    programs.mkdir()
    # Emacs looks for its compiled Lisp next to the folder of its program.
    shutil.copy(UNPACKED / "emacs-nox", programs / "emacs")
    (folder / "native-lisp").symlink_to(next(ROOT_OF_EMACS.glob("lib/emacs/*/native-lisp")))
    config = folder / ".config" / "foretell"
    config.mkdir(parents=True)
    (config / "foretell.toml").write_text(SETTINGS)
    own = [share / "lisp", *(it for it in (share / "lisp").rglob("*") if it.is_dir())]
    env = {
        "HOME": str(folder),
        "XDG_DATA_HOME": os.environ.get("XDG_DATA_HOME", str(Path.home() / ".local" / "share")),
        "PATH": f"{programs}:/usr/bin:/bin",
        "EMACSLOADPATH": ":".join(map(str, [*packages, *own])),
        "EMACSDATA": str(share / "etc"),
        "EMACSDOC": str(share / "etc"),
        "EMACSPATH": str(dump.parent),
    }
    return [str(programs / "emacs"), f"--dump-file={dump}"], env


def add_autoloads(package: Path, folder: Path) -> None:
    """Writes the file that a package manager would add to a package."""
    command, env = install(folder, [])
    output = package / f"{package.name}-autoloads.el"
    generate = f'(progn (require \'loaddefs-gen) (loaddefs-generate "{package}" "{output}"))'
    argv = [*command, "-Q", "--batch", "--eval", generate]
    subprocess.run(argv, env={**os.environ, **env}, check=True, capture_output=True)


def block(section: str) -> str:
    """The code block in a section of the page."""
    (text,) = re.findall(rf"^## {section}\n.*?^```elisp\n(.*?)^```", PAGE.read_text(), re.M | re.S)
    return str(text)

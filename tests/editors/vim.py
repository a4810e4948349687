"""Drives a real Vim with coc.nvim in an emulated terminal."""

from __future__ import annotations

import re
from pathlib import Path

from conftest import INSTALLED, ROOT
from emulated import Emulated

GHOST = 0x7F8490
PAGE = ROOT / "editors" / "pages" / "coc.md"


class Vim(Emulated):
    """A Vim that is set up as our page says; `coc` is a built coc.nvim."""

    def __init__(self, coc: Path, server: Path, folder: Path, file: Path) -> None:
        programs = folder / "bin"
        programs.mkdir()
        self.log_file = folder / "server.log"
        foretell = programs / "foretell"
        foretell.write_text(f'#!/bin/sh\nexec "{server.resolve()}" "$@" 2>"{self.log_file}"\n')
        foretell.chmod(0o755)
        config = folder / "coc"
        config.mkdir()
        (config / "coc-settings.json").write_text(block("json"))
        node = INSTALLED / "venv" / "bin" / "node"
        vimrc = folder / "vimrc"
        vimrc.write_text(
            f"""
            set nocompatible noswapfile nowritebackup viminfo= termguicolors
            set runtimepath^={coc}
            let g:coc_node_path = '{node}'
            let g:coc_config_home = '{config}'
            let g:coc_data_home = '{folder / "data"}'
            {block("vim")}
            filetype plugin on
            autocmd VimEnter * highlight CocInlineVirtualText guifg=#{GHOST:06x}
            """
        )
        argv = [str(INSTALLED / "vim-9.0" / "vim.basic"), "-u", str(vimrc), str(file)]
        super().__init__(argv, folder, {"PATH": f"{programs}:/usr/bin:/bin"})

    def end(self) -> None:
        """Quits, which ends coc.nvim and its server, too."""
        self.type("\x1b:qall!\r")
        self.process.wait()

    def log(self) -> str:
        return self.log_file.read_text() if self.log_file.exists() else ""

    def ghost(self) -> str:
        """The text in the colour of ghost text."""
        return self.screen().coloured(GHOST)


def block(language: str) -> str:
    """The only code block of a language on the page."""
    (text,) = re.findall(rf"^```{language}\n(.*?)^```", PAGE.read_text(), re.M | re.S)
    return str(text)

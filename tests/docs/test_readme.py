"""Runs every code block in the README as a user would, in an empty home with the real data folder.

Only `make test` is excluded, because it runs these tests; `.ci/run` runs it.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from pages import ROOT, Block, blocks

BLOCKS = blocks(ROOT / "README.md")
SHELL = [it.code for it in BLOCKS if it.language == "sh"]
EDITORS = ROOT / "target" / "editors"
#: The expected output of each block of commands.
PRINTS = {
    "pip install foretell\nforetell setup": [
        "Successfully installed foretell-",
        "qwen2.5-coder-0.5b is up to date",
        "Done.",
    ],
    "make demo": [
        "2 parts are removed",
        "the suggestion",
        "characters with",
        "The whole demo took",
    ],
    "make install\nforetell doctor": ["installed ", "✓ library", "✓ model"],
    "make vsix\ncode --install-extension target/editors/foretell.vsix": [
        "was successfully installed"
    ],
    "mkdir -p ~/.config/helix\ncp editors/helix/languages.toml ~/.config/helix/": [],
    "foretell complete docs/demo/word_counts.rs:8\nforetell stats\nforetell config\n"
    "foretell bench server": [
        "-- first token",
        "The last session",
        "[suggest]",
        "A keystroke typed into a suggestion",
    ],
}
#: The command that runs this test, and that CI runs.
ELSEWHERE = "make test"


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment of a user with an empty home; `code` is the editor tests' VS Code."""
    home = tmp_path_factory.mktemp("home")
    real = Path.home()
    env = {it: value for it, value in os.environ.items() if not it.startswith(("MAKE", "MFLAGS"))}
    default_data = subprocess.run(
        [ROOT / ".venv/bin/foretell-models", "path"], check=True, capture_output=True, text=True
    )
    programs = home / "programs"
    programs.mkdir()
    _write_code(programs / "code", home)
    # `pip` finds the wheel of the built program, as it would in the package registry.
    wheels = home / "wheels"
    make = [ROOT / ".venv/bin/python", ROOT / "packaging/environment.py", home]
    subprocess.run([*make, ROOT / "target/release/foretell"], check=True)
    path = [
        home / ".local/bin",
        programs,
        home / "environment/bin",
        ROOT / "target/release",
        os.environ["PATH"],
    ]
    yield {
        "CARGO_HOME": str(real / ".cargo"),
        "RUSTUP_HOME": str(real / ".rustup"),
        **env,
        "FORETELL_HOME": default_data.stdout.strip(),
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / ".config"),
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(wheels),
        "HF_HUB_OFFLINE": "1",
        "PATH": ":".join(str(it) for it in path),
    }


def _write_code(program: Path, home: Path) -> None:
    entry = EDITORS / "code-server/node_modules/code-server/out/node/entry.js"
    words = [EDITORS / "venv/bin/node", entry, "--user-data-dir", home / "code"]
    command = shlex.join(str(it) for it in words)
    program.write_text(f'#!/bin/sh\nexec {command} "$@"\n', "utf-8")
    program.chmod(0o755)


def _run(code: str, environment: dict[str, str]) -> str:
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", code],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=1200,
    )
    assert done.returncode == 0, f"{code}\n{done.stdout}"
    return done.stdout


def _need(program: Path) -> None:
    if not program.exists():
        pytest.skip(f"{program.relative_to(ROOT)} is not installed: run `make editors` to see why")


@pytest.mark.parametrize("code", [it for it in SHELL if it != ELSEWHERE])
def test_readme_commands_print_expected_text(code: str, environment: dict[str, str]) -> None:
    assert code in PRINTS, "add the expected output to PRINTS"
    if "code --install" in code:
        _need(EDITORS / "code-server" / "installed")
    printed = _run(code, environment)
    assert [it for it in PRINTS[code] if it not in printed] == [], printed


def test_ci_runs_all_tests() -> None:
    assert ELSEWHERE in SHELL
    assert ELSEWHERE in (ROOT / ".ci" / "run").read_text("utf-8").splitlines()


def test_every_block_language_is_tested() -> None:
    assert {it.language for it in BLOCKS} == {"sh", "lua", "toml"}


def _blocks(language: str) -> list[Block]:
    return [it for it in BLOCKS if it.language == language]


@pytest.mark.parametrize("block", _blocks("toml"))
def test_readme_settings_are_effective(block: Block, environment: dict[str, str]) -> None:
    file = Path(environment["XDG_CONFIG_HOME"]) / "foretell" / "foretell.toml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(block.code, "utf-8")
    effective = tomllib.loads(_run("foretell config", environment))
    file.unlink()
    for group, settings in tomllib.loads(block.code).items():
        assert settings.items() <= effective[group].items()


@pytest.mark.parametrize("block", _blocks("lua"))
def test_neovim_starts_server(block: Block, environment: dict[str, str], tmp_path: Path) -> None:
    nvim = EDITORS / "nvim-0.11"
    _need(nvim)
    init = tmp_path / "init.lua"
    init.write_text(block.code.replace("/path/to/foretell", str(ROOT)), "utf-8")
    (tmp_path / "a.py").write_text("x = 1\n", "utf-8")
    runs = "#vim.lsp.get_clients({ name = 'foretell', bufnr = 0 }) > 0"
    wait = f"lua if not vim.wait(60000, function() return {runs} end) then vim.cmd.cquit() end"
    words = [nvim, "--headless", "-u", init, tmp_path / "a.py", "-c", wait, "-c", "qa!"]
    _run(shlex.join(str(it) for it in words), environment)

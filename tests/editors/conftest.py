"""Shared by all editor tests: paths, and the server under test."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from scripted import Scripted

ROOT = Path(__file__).parents[2]
INSTALLED = ROOT / "target" / "editors"
SCREENS = ROOT / "target" / "screens"
# Settings of a server that starts at once and suggests nothing: its engine has no model to load.
WITHOUT_MODEL = {
    "suggest.trigger": "manual",
    "engine.kind": "remote",
    "engine.remote.url": "http://127.0.0.1:9",
    "stats.keep": False,
}


@pytest.fixture(scope="session")
def server() -> Path:
    """The server binary under test."""
    program = ROOT / os.environ.get("FORETELL", "target/release/foretell")
    if not program.exists():
        pytest.exit(f"{program} is missing: run `make build model`, or set FORETELL", 2)
    return program


@pytest.fixture(scope="module", params=["0.10", "0.11", "0.12"])
def scripted(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Scripted]:
    """A Neovim whose server suggests the rest of a known text."""
    from scripted import Scripted

    scripted = Scripted(request.param, tmp_path_factory.mktemp("scripted"))
    yield scripted
    scripted.vim.end()

"""What all tests of editors share: the server, the places of files, the editors."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
INSTALLED = ROOT / "target" / "editors"
SCREENS = ROOT / "target" / "screens"


@pytest.fixture(scope="session")
def server() -> Path:
    """The program that is tested, with its model."""
    program = ROOT / os.environ.get("FORETELL", "target/release/foretell")
    if not program.exists():
        pytest.exit(f"{program} is missing: `make build model` first, or set FORETELL", 2)
    return program

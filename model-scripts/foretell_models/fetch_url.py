"""Fetches a checkpoint that is one file at a URL; interrupted downloads resume."""

import http.client
import urllib.error
import urllib.request
from pathlib import Path

from foretell_models import files
from foretell_models.catalogue import UrlSource
from foretell_models.errors import FetchFailed
from foretell_models.progress import Progress

_TIMEOUT = 60.0
#: Small, so that a slow connection shows progress and an interruption loses little.
_CHUNK = 1 << 16


def fetch(source: UrlSource, staging: Path, target: Path) -> None:
    """Resumes the download in the staging folder, then verifies it and moves it to `target`."""
    if not source.url.startswith(("https://", "http://", "file://")):
        raise FetchFailed(f"{source.url}: only https, http and file URLs are supported")
    part = staging / "part"
    start = part.stat().st_size if part.exists() else 0
    if start > source.size:
        part.unlink()
        start = 0
    files.require_space(staging, 2 * source.size - start, f"fetching {target.name}")
    if start < source.size:
        _download(source, part, start)
    files.join_verified(
        [part], target, source.size, source.sha256, lambda: part.unlink(missing_ok=True)
    )


def _download(source: UrlSource, part: Path, start: int) -> None:
    request = urllib.request.Request(source.url)
    if start:
        request.add_header("Range", f"bytes={start}-")
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT) as response:
            resumed = start > 0 and response.status == http.HTTPStatus.PARTIAL_CONTENT
            done = start if resumed else 0
            with (
                part.open("ab" if resumed else "wb") as out,
                Progress(f"fetching {source.file}", source.size) as progress,
            ):
                progress.advance(done)
                # Reading past the expected size detects a file that is too large.
                while done <= source.size and (chunk := response.read(_CHUNK)):
                    out.write(chunk)
                    done += len(chunk)
                    progress.advance(len(chunk))
    except (
        urllib.error.URLError,
        http.client.HTTPException,
        TimeoutError,
        ConnectionError,
    ) as error:
        raise FetchFailed(
            f"{source.url}: {error}; the partial download is kept: run again to resume"
        ) from None
    if part.stat().st_size < source.size:
        raise FetchFailed(
            f"{source.url}: the connection ended after {part.stat().st_size} of {source.size} "
            "bytes; the partial download is kept: run again to resume"
        )

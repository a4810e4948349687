"""Fetches a checkpoint that is one file at a URL; interrupted downloads resume."""

from pathlib import Path

from foretell_models import download, files
from foretell_models.catalogue import UrlSource
from foretell_models.errors import FetchFailed
from foretell_models.progress import Progress


def fetch(source: UrlSource, staging: Path, target: Path) -> None:
    """Resumes the download in the staging folder, then verifies it and moves it to `target`."""
    if not source.url.startswith(("https://", "http://", "file://")):
        raise FetchFailed(f"{source.url}: only https, http and file URLs are supported")
    part = staging / "part"
    start = download.size_of(part)
    if start > source.size:
        part.unlink()
        start = 0
    files.require_space(staging, 2 * source.size - start, f"fetching {target.name}")
    if start < source.size:
        with Progress(f"fetching {source.file}", source.size) as progress:
            progress.advance(start)
            download.resume(source.url, part, source.size, progress)
    files.join_verified(
        [part], target, source.size, source.sha256, lambda: part.unlink(missing_ok=True)
    )

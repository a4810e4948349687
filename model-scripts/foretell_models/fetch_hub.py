"""Fetches a checkpoint from a model hub's repository with the hub's own client, which resumes."""

import hashlib
import re
from pathlib import Path

from foretell_models import files
from foretell_models.catalogue import HubSource
from foretell_models.errors import FetchFailed, HashMismatch
from foretell_models.progress import eprint

_COMMIT = re.compile(r"[0-9a-f]{40}")


def fetch(source: HubSource, staging: Path, target: Path) -> str:
    """Downloads the files of one commit, checks them and moves them to the folder `target`.

    Returns the commit: the catalogue's revision, or the current head of a branch.
    """
    from huggingface_hub import HfApi, hf_hub_download, hf_hub_url
    from huggingface_hub import get_hf_file_metadata as metadata_of
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        commit = str(HfApi().model_info(source.repository, revision=source.revision).sha)
        if not _COMMIT.fullmatch(commit):
            raise FetchFailed(f"{source.repository}: the hub returned {commit!r}, not a commit")
        if _COMMIT.fullmatch(source.revision) and commit != source.revision:
            raise FetchFailed(
                f"{source.repository}: requested commit {source.revision}, but the hub has {commit}"
            )
        eprint(f"{source.repository} at commit {commit}")
        for index, name in enumerate(source.files):
            metadata = metadata_of(hf_hub_url(source.repository, name, revision=commit))
            path = Path(
                hf_hub_download(source.repository, name, revision=commit, local_dir=staging)
            )
            size = source.sizes[index] if source.sizes else metadata.size
            digest = source.sha256[index] if source.sha256 else str(metadata.etag)
            try:
                _check(path, size, digest)
            except Exception:
                path.unlink()
                raise
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        if isinstance(error, OSError) and error.errno:
            raise
        raise FetchFailed(f"{source.repository}: {error}; run again to resume") from None
    files.make_folder(target)
    for name in source.files:
        (staging / name).replace(target / name)
    return commit


def _check(path: Path, size: int | None, digest: str) -> None:
    """Checks a file against the hash that the hub reports in the entity tag for that commit.

    The tag is the SHA-256 of a large file, and the Git blob hash of a small one.
    """
    if len(digest) == 64:
        files.check_file(path, path.stat().st_size if size is None else size, digest)
        return
    content = path.read_bytes()
    found = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
    if found != digest:
        raise HashMismatch(f"{path}: expected Git blob hash {digest}, found {found}")

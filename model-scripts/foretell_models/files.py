"""Files and folders that are either complete or absent: hashes, atomic writes, locks, space."""

import contextlib
import errno
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from foretell_models import paths
from foretell_models.errors import Busy, HashMismatch, NoSpace
from foretell_models.progress import Progress

CHUNK = 1 << 20
#: Prefix of unfinished files and folders, which are never listed and removed by the next run.
PARTIAL_PREFIX = ".partial-"
_OLD_PREFIX = ".old-"
# Separates the final name from the suffix of an unfinished folder; not allowed in a model name.
_END = "~"


def sha256_of(path: Path, progress: Callable[[int], None] | None = None) -> str:
    """The hex SHA-256 of a file, read in chunks of 1 MiB; `progress` gets each chunk's size."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
            if progress:
                progress(len(chunk))
    return digest.hexdigest()


def check_file(path: Path, size: int, sha256: str) -> None:
    """Raises `HashMismatch` unless the file has this size in bytes and this SHA-256."""
    found = path.stat().st_size
    if found != size:
        raise HashMismatch(f"{path}: expected {size} bytes, found {found}")
    digest = sha256_of(path)
    if digest != sha256:
        raise HashMismatch(f"{path}: expected sha256 {sha256}, found {digest}")


def sync_folder(folder: Path) -> None:
    """Makes renames inside `folder` survive a power cut; a no-op on Windows."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_file(path: Path) -> None:
    """Flushes a file's content to the disk."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


@contextlib.contextmanager
def space_errors(where: Path) -> Iterator[None]:
    """Turns the system's "no space left" error into `NoSpace`."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise NoSpace(
                f"no space left on the disk of {where}: free some space and run again"
            ) from None
        raise


def require_space(folder: Path, size: int, what: str) -> None:
    """Raises `NoSpace` unless the disk of `folder` has `size` bytes free."""
    free = shutil.disk_usage(folder).free
    if free < size:
        raise NoSpace(
            f"{what} needs {size / 1e6:.0f} MB on the disk of {folder}, "
            f"which has {free / 1e6:.0f} MB free: free some space and run again"
        )


def make_folder(folder: Path) -> None:
    """Creates a folder and its missing parents; existing folders keep their mode.

    New folders in the data folder, and the data folder itself, are accessible only to the user.
    """
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    for path in reversed(missing):
        path.mkdir(mode=0o700 if _is_private(path) else 0o777, exist_ok=True)


def _is_private(folder: Path) -> bool:
    """Whether a new folder must be private to the user. On Windows, user data already is."""
    home = paths.data_folder().absolute()
    return os.name != "nt" and folder.absolute().is_relative_to(home)


def write_file(path: Path, content: bytes) -> None:
    """Writes a small file to a temporary name, flushes it and renames it."""
    make_folder(path.parent)
    with space_errors(path):
        handle, name = tempfile.mkstemp(prefix=PARTIAL_PREFIX, dir=path.parent)
        temporary = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            temporary.chmod(0o644)
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    sync_folder(path.parent)


def copy_file(source: Path, target: Path) -> None:
    """Copies a file to a temporary name next to `target`, flushes it and renames it."""
    make_folder(target.parent)
    temporary = target.parent / f"{PARTIAL_PREFIX}{os.getpid()}-{target.name}"
    with space_errors(target):
        try:
            shutil.copyfile(source, temporary)
            sync_file(temporary)
            temporary.replace(target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    sync_folder(target.parent)


@contextlib.contextmanager
def new_folder(final: Path) -> Iterator[Path]:
    """Yields an empty folder next to `final`, which replaces it atomically at the end.

    Everything in it is flushed before the rename. If the body raises, the folder is removed and
    `final` does not change. `clean_up` removes the leftovers of a killed run.
    """
    make_folder(final.parent)
    temporary = Path(
        tempfile.mkdtemp(prefix=f"{PARTIAL_PREFIX}{final.name}{_END}", dir=final.parent)
    )
    if not _is_private(final):
        temporary.chmod(0o755)
    try:
        with space_errors(final):
            yield temporary
            for path in temporary.rglob("*"):
                if path.is_file():
                    sync_file(path)
            sync_folder(temporary)
        _swap_in(temporary, final)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def _swap_in(temporary: Path, final: Path) -> None:
    """Renames `temporary` to `final`; an old `final` is moved aside first, then removed.

    A process with the old files open keeps them: they are unlinked, not overwritten.
    """
    old = final.parent / f"{_OLD_PREFIX}{final.name}"
    if final.exists():
        shutil.rmtree(old, ignore_errors=True)
        final.rename(old)
    try:
        temporary.rename(final)
    except BaseException:
        if old.exists():
            old.rename(final)
        raise
    sync_folder(final.parent)
    shutil.rmtree(old, ignore_errors=True)


def clean_up(final: Path) -> None:
    """Removes the leftovers of killed runs next to `final`; the caller holds the lock.

    Restores the old folder if a run was killed between the two renames of a replacement.
    """
    old = final.parent / f"{_OLD_PREFIX}{final.name}"
    if old.exists() and not final.exists():
        old.rename(final)
    for path in leftovers(final):
        delete(path)


def leftovers(final: Path) -> list[Path]:
    """Folders that killed runs left while they created, replaced or removed `final`."""
    if not final.parent.is_dir():
        return []
    # Earlier versions separated name and suffix by '-', which model names may contain. Their
    # suffixes contain none, so the pattern matches this name but no longer one.
    earlier = re.compile(re.escape(f"{PARTIAL_PREFIX}{final.name}-") + "([a-z0-9_]{8}|removed)")
    return [
        path
        for path in final.parent.iterdir()
        if path.name == f"{_OLD_PREFIX}{final.name}"
        or path.name.startswith(f"{PARTIAL_PREFIX}{final.name}{_END}")
        or (earlier.fullmatch(path.name) and path.is_dir())
    ]


def remove(final: Path) -> None:
    """Removes a folder; renames it first, so that a killed run leaves no partial folder."""
    gone = final.parent / f"{PARTIAL_PREFIX}{final.name}{_END}removed"
    delete(gone)
    final.rename(gone)
    delete(gone)


def delete(path: Path) -> None:
    """Deletes a folder, file or link; ignores errors inside a folder."""
    if path.is_symlink() or path.is_file():
        path.unlink()
    else:
        shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def lock(path: Path, timeout: float = 600.0) -> Iterator[None]:
    """Holds a lock file; a second run waits up to `timeout` seconds, then raises `Busy`.

    The operating system releases the lock when the process ends.
    """
    from filelock import FileLock, Timeout

    make_folder(path.parent)
    file_lock = FileLock(path)
    try:
        file_lock.acquire(timeout=timeout)
    except Timeout:
        raise Busy(
            f"another run has locked {path} for {timeout:.0f} s: wait for it to end and run again"
        ) from None
    try:
        yield
    finally:
        file_lock.release()


def join_verified(
    parts: list[Path], target: Path, size: int, sha256: str, delete_parts: Callable[[], None]
) -> None:
    """Joins parts to `target` and checks size and hash; on a mismatch nothing is kept.

    Calls `delete_parts` in both cases. Raises `HashMismatch`.
    """
    temporary = target.parent / f"{PARTIAL_PREFIX}{target.name}"
    digest, found = hashlib.sha256(), 0
    try:
        with temporary.open("wb") as out, Progress(f"verifying {target.name}", size) as progress:
            for part in parts:
                with part.open("rb") as file:
                    while chunk := file.read(CHUNK):
                        digest.update(chunk)
                        out.write(chunk)
                        found += len(chunk)
                        progress.advance(len(chunk))
        if found != size or digest.hexdigest() != sha256:
            delete_parts()
            raise HashMismatch(
                f"{target.name}: expected {size} bytes with sha256 {sha256}, found {found} bytes "
                f"with {digest.hexdigest()}; nothing was kept"
            )
        sync_file(temporary)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(target.parent)
    delete_parts()

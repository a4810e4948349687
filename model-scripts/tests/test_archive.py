"""Malicious archives: only regular files of the declared size are extracted."""

import stat
import struct
import zipfile

import pytest

from foretell_models.archive import extract
from foretell_models.errors import FetchFailed

NAME, CONTENT = "package/data/part.bin", b"content " * 1000
SIZE = len(CONTENT)


def archive(tmp_path, member=NAME, content=CONTENT, kind=zipfile.ZIP_DEFLATED, attributes=0):
    path = tmp_path / "toy.whl"
    with zipfile.ZipFile(path, "w", kind) as file:
        info = zipfile.ZipInfo(member)
        info.compress_type, info.external_attr = kind, attributes << 16
        file.writestr(info, content)
    return path


def forge_size(path, size):
    """Writes a wrong size into both headers."""
    data, true = path.read_bytes(), struct.pack("<I", SIZE)
    assert data.count(true) == 2
    path.write_bytes(data.replace(true, struct.pack("<I", size)))


def assert_rejected(path, message, tmp_path, limit=SIZE):
    with pytest.raises(FetchFailed, match=message):
        extract(path, NAME, tmp_path / "out", limit)
    assert not (tmp_path / "out").is_symlink()
    assert not (tmp_path / "out").exists() or (tmp_path / "out").stat().st_size <= limit


def test_member_is_extracted(tmp_path):
    assert extract(archive(tmp_path), NAME, tmp_path / "out", SIZE) == SIZE
    assert (tmp_path / "out").read_bytes() == CONTENT


def test_symlink_is_rejected(tmp_path):
    path = archive(tmp_path, content=b"/etc/passwd", attributes=stat.S_IFLNK | 0o777)
    assert_rejected(path, "is not a regular file", tmp_path)


@pytest.mark.parametrize("name", ["../out2", "/tmp/../out2", "a/../../out2"])
def test_member_name_cannot_escape(tmp_path, name):
    (tmp_path / "in").mkdir()
    extract(archive(tmp_path, name), name, tmp_path / "in" / "out", SIZE)
    assert [path.name for path in (tmp_path / "in").iterdir()] == ["out"]
    assert {path.name for path in tmp_path.iterdir()} == {"toy.whl", "in"}


def test_oversized_member_is_rejected(tmp_path):
    assert_rejected(archive(tmp_path), "is larger than 100 bytes", tmp_path, limit=100)


@pytest.mark.parametrize("size", [10, 0, SIZE - 1, SIZE + 1])
def test_wrong_declared_size_is_rejected(tmp_path, size):
    path = archive(tmp_path)
    forge_size(path, size)
    assert_rejected(path, "cannot extract|has .* bytes, not", tmp_path, limit=SIZE + 1)


@pytest.mark.parametrize("kind", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_unbounded_compression_is_rejected(tmp_path, kind):
    assert_rejected(archive(tmp_path, kind=kind), "is not a regular file", tmp_path)


def test_any_damaged_byte_is_detected(tmp_path):
    path = archive(tmp_path)
    data = path.read_bytes()
    for at in range(len(data)):
        path.write_bytes(data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :])
        try:
            extract(path, NAME, tmp_path / "out", SIZE)
        except FetchFailed:
            continue
        assert (tmp_path / "out").read_bytes() == CONTENT

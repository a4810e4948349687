"""The content of the tarball."""

import re
import tarfile
from pathlib import Path
from typing import Any

import dist
import pytest


@pytest.mark.parametrize(
    ("expression", "allowed"),
    [
        ("MIT", True),
        ("MIT/Apache-2.0", True),
        ("GPL-3.0 OR MIT", True),
        ("MIT AND GPL-3.0", False),
        ("(MIT OR GPL-3.0) AND Unicode-3.0", True),
        ("(MIT OR ISC) AND GPL-3.0", False),
        ("Apache-2.0 WITH LLVM-exception OR GPL-2.0", True),
        ("(Apache-2.0 WITH LLVM-exception)", True),
        ("(MIT", False),
        ("MIT MIT", False),
        ("", False),
    ],
)
def test_licence_expression_is_evaluated(expression: str, allowed: bool) -> None:
    assert dist.is_allowed(expression) is allowed


def test_readme_links_are_packed(tmp_path: Path) -> None:
    dist.copy_documents(tmp_path)
    readme = (tmp_path / "README.md").read_text("utf-8")
    links = re.findall(r"\]\((?!https?:)([^)#]+)", readme)
    assert len(links) > 15
    assert [link for link in links if not (tmp_path / link).is_file()] == []
    assert (tmp_path / "editors/neovim/lua/foretell/init.lua").is_file()


def crate(folder: Path, name: str, licence: str | None, text: str | None) -> dict[str, Any]:
    root = folder / name
    root.mkdir()
    if text is not None:
        (root / "LICENSE-MIT").write_text(text, "utf-8")
    manifest = str(root / "Cargo.toml")
    return {
        "name": name, "version": "1.0", "license": licence, "manifest_path": manifest,
        "authors": ["A. Author"],
    }  # fmt: skip


def test_each_licence_text_is_listed_once(tmp_path: Path) -> None:
    same = [crate(tmp_path, name, "MIT", "You may.\n") for name in ("a", "b")]
    text = dist.crate_licences([*same, crate(tmp_path, "c", "ISC", None)])
    assert text.count("You may.") == 1
    assert "a 1.0 (MIT)\nb 1.0 (MIT)\n\nYou may." in text
    assert "c 1.0 (ISC)\n\nNo licence file. Authors: A. Author" in text


def test_disallowed_licence_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(dist.PackagingError, match=r"b 1\.0 is under no stated licence"):
        dist.crate_licences([crate(tmp_path, "b", None, "?")])


def test_tarball_has_no_owner_or_time(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "file").write_text("x")
    with tarfile.open(dist.pack(tmp_path / "in", tmp_path / "out.tar.gz")) as tar:
        members = tar.getmembers()
    assert [member.name for member in members] == ["in", "in/file"]
    assert {(member.uid, member.gid, member.uname, member.mtime) for member in members} == {
        (0, 0, "", 0)
    }

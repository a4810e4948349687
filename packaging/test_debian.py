import shutil
import subprocess
from pathlib import Path

import debian
import pytest


def filled(folder: Path) -> Path:
    """Creates a small version of the tarball's folder."""
    for name in (
        "foretell", "libonnxruntime.so.1", "README.md", "CHANGELOG.md", "LICENSE-MIT",
        "LICENSE-APACHE", "man/man1/foretell.1", "completions/foretell.bash",
        "completions/_foretell", "completions/foretell.fish", "licences/crates.txt",
        "editors/neovim/plugin/foretell.lua", "docs/guide.md", "SECURITY.md", "THIRD_PARTY.md",
        "ARCHITECTURE.md", "CONTRIBUTING.md",
    ):  # fmt: skip
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"\0GLIBC_2.34\0GLIBC_2.4\0" if name == "foretell" else name.encode())
    return folder


def test_package_has_files_in_place(tmp_path: Path) -> None:
    if shutil.which("dpkg-deb") is None:
        pytest.skip("dpkg-deb is not installed")
    package = debian.build(filled(tmp_path / "in"), "1.2.3", tmp_path)
    listing = subprocess.run(
        ["dpkg-deb", "--contents", str(package)], check=True, capture_output=True, text=True
    ).stdout
    rows = [line.split(maxsplit=5) for line in listing.splitlines()]
    modes = {row[5]: row[0] for row in rows}
    assert modes["./usr/lib/foretell/foretell"] == "-rwxr-xr-x"
    assert modes["./usr/lib/foretell/libonnxruntime.so.1"] == "-rw-r--r--"
    assert modes["./usr/bin/foretell -> ../lib/foretell/foretell"].startswith("l")
    link = "./usr/share/doc/foretell/editors -> ../../foretell/editors"
    assert modes[link].startswith("l")
    assert modes["./usr/share/man/man1/foretell.1.gz"] == "-rw-r--r--"
    assert modes["./usr/share/doc/foretell/licences/crates.txt"] == "-rw-r--r--"
    assert {row[1] for row in rows} == {"root/root"}
    control = subprocess.run(
        ["dpkg-deb", "--field", str(package)], check=True, capture_output=True, text=True
    ).stdout
    assert "Version: 1.2.3\n" in control
    assert "Depends: libc6 (>= 2.34), libgcc-s1, libstdc++6\n" in control


#: Runs a command as root in a new user namespace.
AS_ROOT = ["unshare", "--map-root-user"]


def test_package_installs_and_purges_cleanly(tmp_path: Path) -> None:
    if shutil.which("dpkg") is None:
        pytest.skip("dpkg is not installed")
    if subprocess.run([*AS_ROOT, "true"], capture_output=True, check=False).returncode:
        pytest.skip("no user namespace is available")
    folder = filled(tmp_path / "in")
    (folder / "foretell").write_text("#!/bin/sh\necho foretell 1.2.3\n")
    package = debian.build(folder, "1.2.3", tmp_path)
    root = tmp_path / "root"
    (root / "var/lib/dpkg/updates").mkdir(parents=True)
    (root / "var/lib/dpkg/status").touch()
    places = {"usr/bin/foretell", "usr/lib/foretell/libonnxruntime.so.1",
              "usr/share/man/man1/foretell.1.gz", "usr/share/doc/foretell/docs/guide.md",
              "usr/share/doc/foretell/editors/neovim/plugin/foretell.lua",
              "usr/share/foretell/editors/neovim/plugin/foretell.lua",
              "usr/share/foretell/docs/guide.md",
              "usr/share/bash-completion/completions/foretell",
              "usr/share/zsh/vendor-completions/_foretell",
              "usr/share/fish/vendor_completions.d/foretell.fish"}  # fmt: skip

    def dpkg(*arguments: str) -> set[str]:
        # The dependencies are not installed in this root.
        command = [*AS_ROOT, "dpkg", "--root", str(root), "--force-depends", *arguments]
        subprocess.run(command, check=True, capture_output=True)
        return {place for place in places if (root / place).exists()}

    assert dpkg("--install", str(package)) == places
    result = subprocess.run([root / "usr/bin/foretell"], check=True, capture_output=True, text=True)
    assert result.stdout == "foretell 1.2.3\n"
    assert dpkg("--purge", "foretell") == set()
    assert not [path for path in root.rglob("*foretell*") if "var/lib/dpkg" not in str(path)]


def test_glibc_version_is_newest_symbol(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.write_bytes(b"\0GLIBC_2.9\0GLIBC_2.17\0")
    new.write_bytes(b"GLIBC_2.28")
    assert debian.newest_glibc([old]) == "2.17"
    assert debian.newest_glibc([old, new]) == "2.28"

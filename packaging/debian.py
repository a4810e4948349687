"""Makes the Debian package from the same files as the tarball."""

import gzip
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

_GLIBC = re.compile(rb"GLIBC_2\.(\d+)")
#: Destinations of the tarball's files and folders. The editor plugins are not installed as
#: documentation, because dpkg can be configured to exclude it.
_PLACES = {
    "completions/foretell.bash": "usr/share/bash-completion/completions/foretell",
    "completions/_foretell": "usr/share/zsh/vendor-completions/_foretell",
    "completions/foretell.fish": "usr/share/fish/vendor_completions.d/foretell.fish",
    "licences": "usr/share/doc/foretell/licences",
    "editors": "usr/share/foretell/editors",
    "docs": "usr/share/doc/foretell/docs",
    "README.md": "usr/share/doc/foretell/README.md",
    "CHANGELOG.md": "usr/share/doc/foretell/CHANGELOG.md",
    "SECURITY.md": "usr/share/doc/foretell/SECURITY.md",
    "THIRD_PARTY.md": "usr/share/doc/foretell/THIRD_PARTY.md",
    "ARCHITECTURE.md": "usr/share/doc/foretell/ARCHITECTURE.md",
    "CONTRIBUTING.md": "usr/share/doc/foretell/CONTRIBUTING.md",
}


def build(folder: Path, version: str, out: Path) -> Path:
    """Makes a package from the tarball's folder; needs `dpkg-deb`."""
    machine = subprocess.run(
        ["dpkg", "--print-architecture"], check=True, capture_output=True, text=True
    ).stdout.strip()
    target = out / f"foretell_{version}_{machine}.deb"
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary) / "root"
        lay_out(folder, root)
        control = root / "DEBIAN" / "control"
        control.parent.mkdir()
        control.write_text(control_of(root, version, machine), "utf-8")
        subprocess.run(
            ["dpkg-deb", "--root-owner-group", "--build", str(root), str(target)],
            check=True,
            capture_output=True,
        )
    return target


def lay_out(folder: Path, root: Path) -> None:
    """Copies the tarball's files to their destinations below `root`.

    The server looks for the library next to itself, so both are in a separate folder.
    """
    program = root / "usr/lib/foretell"
    program.mkdir(parents=True)
    for file in (folder / "foretell", *folder.glob("lib*")):
        shutil.copy2(file, program)
    (root / "usr/bin").mkdir()
    (root / "usr/bin/foretell").symlink_to("../lib/foretell/foretell")
    for source, place in _PLACES.items():
        target = root / place
        target.parent.mkdir(parents=True, exist_ok=True)
        if (folder / source).is_dir():
            shutil.copytree(folder / source, target)
        else:
            shutil.copy2(folder / source, target)
    # Targets of the links between the documentation and the editors' pages.
    (root / "usr/share/doc/foretell/editors").symlink_to("../../foretell/editors")
    (root / "usr/share/foretell/docs").symlink_to("../doc/foretell/docs")
    manual = root / "usr/share/man/man1"
    manual.mkdir(parents=True)
    for page in sorted((folder / "man/man1").iterdir()):
        (manual / f"{page.name}.gz").write_bytes(gzip.compress(page.read_bytes(), mtime=0))
    licences = [(folder / name).read_text("utf-8") for name in ("LICENSE-MIT", "LICENSE-APACHE")]
    text = "Foretell may be used under either of these licences.\n\n" + "\n\n".join(licences)
    (root / "usr/share/doc/foretell/copyright").write_text(text, "utf-8")
    for path in (root, *root.rglob("*")):
        if not path.is_symlink():
            is_program = path.is_dir() or path == program / "foretell"
            path.chmod(0o755 if is_program else 0o644)


def control_of(root: Path, version: str, machine: str) -> str:
    """The content of the package's control file."""
    files = [path for path in root.rglob("*") if path.is_file() and not path.is_symlink()]
    n_kilobytes = sum(path.stat().st_size for path in files) // 1024
    glibc = newest_glibc(list((root / "usr/lib/foretell").iterdir()))
    return (
        "Package: foretell\n"
        f"Version: {version}\n"
        f"Architecture: {machine}\n"
        "Maintainer: the Foretell developers\n"
        f"Installed-Size: {n_kilobytes}\n"
        f"Depends: libc6 (>= {glibc}), libgcc-s1, libstdc++6\n"
        "Recommends: python3-venv\n"
        "Section: devel\n"
        "Priority: optional\n"
        "Description: language server for inline completion with a local code model\n"
        " Suggests the next lines of code as ghost text while you type, in any editor\n"
        " that supports LSP 3.18. After installation, run `foretell setup`, which fetches\n"
        " the model and needs Python 3.11 or later.\n"
    )


def newest_glibc(files: list[Path]) -> str:
    """The oldest version of the GNU C library that provides every symbol in the files."""
    found = [int(minor) for file in files for minor in _GLIBC.findall(file.read_bytes())]
    return f"2.{max(found, default=17)}"

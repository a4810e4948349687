"""Makes the Python wheel from the same files as the tarball.

pip installs the binary as a program, and ONNX Runtime and what the model scripts need as the
wheel's dependencies. The binary finds them there, so `foretell setup` makes no environment.
"""

import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

import debian

ROOT = Path(__file__).resolve().parent.parent
#: Destinations of the tarball's files and folders below the environment. A wheel has no folder for
#: documentation; the editors' plugins are the part that users need.
_PLACES = {
    "man": "share/man",
    "completions/foretell.bash": "share/bash-completion/completions/foretell",
    "completions/_foretell": "share/zsh/site-functions/_foretell",
    "completions/foretell.fish": "share/fish/vendor_completions.d/foretell.fish",
    # pip removes an emptied folder only if a file is directly in it.
    "LICENSE-MIT": "share/foretell/LICENSE-MIT",
    "editors/neovim": "share/foretell/editors/neovim",
    "editors/helix": "share/foretell/editors/helix",
}
_LICENCES = ("LICENSE-MIT", "LICENSE-APACHE", "THIRD_PARTY.md", "licences/crates.txt")
_RELATIVE_LINK = re.compile(r"(!?)(\[[^\]]*\]\()(?!https?:|#)")


def build(folder: Path, version: str, out: Path, repository: str = "") -> Path:
    """Makes a wheel for this machine from the tarball's folder; returns its path."""
    tag = f"py3-none-{platform_tag(folder / _program(folder))}"
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        lay_out(folder, root, version)
        (root / f"foretell-{version}.dist-info/METADATA").write_text(
            metadata_of(version, (folder / "README.md").read_text("utf-8"), repository), "utf-8"
        )
        (root / f"foretell-{version}.dist-info/WHEEL").write_text(
            f"Wheel-Version: 1.0\nGenerator: foretell\nRoot-Is-Purelib: false\nTag: {tag}\n"
        )
        command = [sys.executable, "-m", "wheel", "pack", str(root), "--dest-dir", str(out)]
        environment = os.environ | {"SOURCE_DATE_EPOCH": "315532800"}
        subprocess.run(command, check=True, capture_output=True, env=environment)
    return out / f"foretell-{version}-{tag}.whl"


def lay_out(folder: Path, root: Path, version: str) -> None:
    """Copies the tarball's files to their places in an unpacked wheel."""
    data = root / f"foretell-{version}.data"
    (data / "scripts").mkdir(parents=True)
    shutil.copy2(folder / _program(folder), data / "scripts")
    for source, place in _PLACES.items():
        target = data / "data" / place
        target.parent.mkdir(parents=True, exist_ok=True)
        if (folder / source).is_dir():
            shutil.copytree(folder / source, target)
        else:
            shutil.copy2(folder / source, target)
    licences = root / f"foretell-{version}.dist-info/licenses"
    licences.mkdir(parents=True)
    for name in _LICENCES:
        shutil.copy2(folder / name, licences)


def metadata_of(version: str, readme: str, repository: str) -> str:
    """The content of METADATA. Without a repository, links in the README are left relative."""
    project = tomllib.loads((ROOT / "model-scripts/pyproject.toml").read_text("utf-8"))["project"]
    if repository:
        # Pages open rendered, so that links to their sections work.
        readme = _RELATIVE_LINK.sub(
            lambda it: f"{it[0]}{repository}/{'raw' if it[1] else 'blob'}/v{version}/", readme
        )
    lines = [
        "Metadata-Version: 2.4",
        "Name: foretell",
        f"Version: {version}",
        "Summary: Inline code completion by a model on your own machine: a language server",
        "Description-Content-Type: text/markdown",
        "License-Expression: MIT OR Apache-2.0",
        *(f"License-File: {Path(name).name}" for name in _LICENCES),
        "Keywords: completion,language server,local,code model,LSP",
        "Classifier: Environment :: Console",
        "Classifier: Topic :: Text Editors :: Integrated Development Environments (IDE)",
        *([f"Project-URL: Source, {repository}"] if repository else []),
        f"Requires-Python: {project['requires-python']}",
        *(f"Requires-Dist: {it}" for it in project["dependencies"]),
        # The model scripts call it, and environments of uv lack it.
        "Requires-Dist: pip>=23.2",
    ]
    return "\n".join(lines) + "\n\n" + readme


def platform_tag(program: Path) -> str:
    """The platform that the program runs on, in the form of a wheel's tag."""
    machine = platform.machine().lower()
    if sys.platform == "win32":
        return f"win_{machine}"
    if sys.platform == "darwin":
        # Rust's oldest supported macOS.
        return f"macosx_{'11_0' if machine == 'arm64' else '10_12'}_{machine}"
    return f"manylinux_{debian.newest_glibc([program]).replace('.', '_')}_{machine}"


def _program(folder: Path) -> str:
    return "foretell.exe" if (folder / "foretell.exe").exists() else "foretell"

"""Makes the release packages: a tarball, a Debian package and a Python wheel.

`make dist` runs it in the environment of the model scripts, where the installed onnxruntime wheel
has the runtime library.
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import debian
import python_wheel
from foretell_models import runtime_library

ROOT = Path(__file__).resolve().parent.parent
#: SPDX ids of the licences that are compatible with MIT OR Apache-2.0.
ALLOWED = {
    "0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0", "CC0-1.0", "ISC", "MIT",
    "MIT-0", "Unicode-3.0", "Unlicense", "Zlib",
}  # fmt: skip
#: Documentation and editor plugins: files, and folders with all their content.
DOCUMENTS = (
    "README.md", "CHANGELOG.md", "LICENSE-MIT", "LICENSE-APACHE", "THIRD_PARTY.md", "SECURITY.md",
    "ARCHITECTURE.md", "CONTRIBUTING.md", "docs", "editors/README.md", "editors/images",
    "editors/pages", "editors/helix", "editors/neovim", "editors/vscode/README.md",
    "editors/vscode/images",
)  # fmt: skip
_LICENCE_FILE = re.compile(r"(un)?licen[cs]e|copying|copyright|notice", re.IGNORECASE)
_TOKEN = re.compile(r"\(|\)|[A-Za-z0-9.+-]+|/")


class PackagingError(Exception):
    """A crate's licence is not allowed, or the runtime library is missing."""


def main() -> int:
    """Makes the packages and prints their paths."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", type=Path, required=True, help="the built `foretell`")
    parser.add_argument("--out", type=Path, required=True, help="the folder for the packages")
    parser.add_argument("--repository", default="", help="the URL for links in descriptions")
    options = parser.parse_args()
    binary: Path = options.binary.absolute()
    try:
        version = version_of(binary)
        target = host()
        name = f"foretell-{version}-{target}"
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary) / name
            fill(folder, binary, target)
            options.out.mkdir(parents=True, exist_ok=True)
            print(pack(folder, options.out / f"{name}.tar.gz"))
            print(python_wheel.build(folder, version, options.out, options.repository))
            if shutil.which("dpkg-deb"):
                print(debian.build(folder, version, options.out))
            else:
                print("SKIPPED: no Debian package: dpkg-deb is not installed", file=sys.stderr)
    except (OSError, PackagingError, subprocess.CalledProcessError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def fill(folder: Path, binary: Path, target: str) -> None:
    """Creates the package folder; the binary looks for the library next to itself."""
    folder.mkdir()
    shutil.copy2(binary, folder)
    for library in runtime_library.installed():
        shutil.copy2(library, folder)
    copy_documents(folder)
    _output([str(binary), "man", str(folder / "man" / "man1")])
    completions = folder / "completions"
    completions.mkdir()
    for shell, file in (("bash", "foretell.bash"), ("zsh", "_foretell"), ("fish", "foretell.fish")):
        (completions / file).write_text(_output([str(binary), "completions", shell]), "utf-8")
    licences = folder / "licences"
    licences.mkdir()
    (licences / "crates.txt").write_text(crate_licences(crates(target)), "utf-8")
    spec = find_spec("onnxruntime")
    if spec is None or spec.origin is None:
        raise PackagingError("onnxruntime is not installed in this Python environment: install it")
    for file in ("LICENSE", "ThirdPartyNotices.txt"):
        shutil.copy2(Path(spec.origin).parent / file, licences / f"onnxruntime-{file}")


def copy_documents(folder: Path) -> None:
    """Copies `DOCUMENTS` to the same relative paths below a folder, so that their links resolve."""
    for name in DOCUMENTS:
        source, target = ROOT / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target)
        else:
            shutil.copy2(source, target)


def pack(folder: Path, target: Path) -> Path:
    """Packs a folder as a tarball whose members have no owner and no modification time."""

    def plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
        member.uid = member.gid = member.mtime = 0
        member.uname = member.gname = ""
        return member

    with tarfile.open(target, "w:gz") as tar:
        tar.add(folder, folder.name, filter=plain)
    return target


def is_allowed(expression: str) -> bool:
    """Whether an SPDX expression permits use of a crate under licences in `ALLOWED`."""
    # Exceptions only grant additional rights. "/" is Cargo's old syntax for OR.
    tokens = _TOKEN.findall(re.sub(r"\s+WITH\s+\S+?(?=\)|\s|$)", "", expression))
    position = 0

    def take() -> str:
        nonlocal position
        position += 1
        return tokens[position - 1] if position <= len(tokens) else ""

    def peek() -> str:
        return tokens[position] if position < len(tokens) else ""

    def one() -> bool:
        token = take()
        if token != "(":
            return token in ALLOWED
        inside = either()
        return take() == ")" and inside

    def both() -> bool:
        allowed = one()
        while peek() == "AND":
            take()
            allowed = one() and allowed
        return allowed

    def either() -> bool:
        allowed = both()
        while peek() in ("OR", "/"):
            take()
            allowed = both() or allowed
        return allowed

    return either() and position == len(tokens)


def crate_licences(crates: list[dict[str, Any]]) -> str:
    """The licence texts of all crates, each text once.

    Raises `PackagingError` if a licence is not allowed.
    """
    users: dict[str, list[str]] = defaultdict(list)
    for crate in crates:
        title = f"{crate['name']} {crate['version']}"
        expression = crate["license"] or ""
        if not is_allowed(expression):
            raise PackagingError(
                f"{title} is under {expression or 'no stated licence'}: see ALLOWED"
            )
        texts = list(_texts(Path(crate["manifest_path"]).parent))
        if not texts:
            texts = [f"No licence file. Authors: {', '.join(crate['authors']) or '-'}"]
        for text in texts:
            users[text].append(f"{title} ({expression})")
    by_user = sorted(users.items(), key=lambda it: it[1])
    parts = ["\n".join(names) + "\n\n" + text for text, names in by_user]
    return f"\n\n{'=' * 80}\n".join(parts) + "\n"


def _texts(folder: Path) -> Iterator[str]:
    for path in sorted(folder.iterdir()):
        if path.is_file() and _LICENCE_FILE.match(path.name):
            yield path.read_text("utf-8", errors="replace").strip()


def crates(host: str | None = None) -> list[dict[str, Any]]:
    """The crates in the binary for a target (by default, for any target), sorted by name."""
    command = ["cargo", "metadata", "--locked", "--format-version=1"]
    metadata = json.loads(_output(command + ([f"--filter-platform={host}"] if host else [])))
    packages = {package["id"]: package for package in metadata["packages"]}
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    waiting = [id for id, package in packages.items() if package["name"] == "foretell"]
    found: set[str] = set(waiting)
    while waiting:
        for dependency in nodes[waiting.pop()]["deps"]:
            is_in_binary = any(kind["kind"] is None for kind in dependency["dep_kinds"])
            if is_in_binary and dependency["pkg"] not in found:
                found.add(dependency["pkg"])
                waiting.append(dependency["pkg"])
    found_packages = [packages[id] for id in found if packages[id]["source"]]
    return sorted(found_packages, key=lambda it: (it["name"], it["version"]))


def version_of(binary: Path) -> str:
    """The version that a program prints."""
    return _output([str(binary), "--version"]).split()[1]


def host() -> str:
    """The target triple of this machine."""
    return next(
        line.removeprefix("host: ")
        for line in _output(["rustc", "-vV"]).splitlines()
        if line.startswith("host: ")
    )


def _output(command: list[str]) -> str:
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    sys.exit(main())

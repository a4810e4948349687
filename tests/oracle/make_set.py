"""Gathers the source files for `foretell eval --oracle` from the packages of sources.toml.

    python make_set.py full FOLDER   at least 20 files per language, for `make oracle`
    python make_set.py committed     the small set beside this script, with SOURCES.md and licences

The same packages give the same files.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
import tomllib
from pathlib import Path, PurePosixPath

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "eval"))

from packages import Package, licence_text, sources  # noqa: E402

# Bytes of a file: shorter ones have few places, longer ones are rarely ordinary.
FULL_BYTES = range(600, 60_000)
COMMITTED_BYTES = range(900, 14_000)
# Files per language in the full set, and bytes per language in the committed one.
FULL_FILES = 40
COMMITTED_TOTAL = 30_000
# Files with mail addresses or registry hosts are left out of the committed set.
PRIVATE = r"[\w.]@\w+\.\w|registry\.|crates\.io|pypi\.org|npmjs"
# The extension of files without one, by language; `Cargo.toml.orig` has its own.
EXTENSIONS = {"shellscript": ".sh"}


def main() -> None:
    """Writes one of the two sets."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("set", choices=["full", "committed"])
    parser.add_argument("folder", type=Path, nargs="?", default=HERE / "files")
    parser.add_argument("--cache", type=Path, default=HERE.parents[1] / "target/oracle/packages")
    arguments = parser.parse_args()
    packages = read_packages()
    shutil.rmtree(arguments.folder, ignore_errors=True)
    used: dict[str, list[Package]] = {}
    for language in sorted({it.language for it in packages}):
        texts = candidates([it for it in packages if it.language == language], arguments.cache)
        chosen = take_full(texts) if arguments.set == "full" else take_committed(texts)
        for package, path in chosen:
            write(arguments.folder / language, package, path, texts[package, path])
        used[language] = list(dict.fromkeys(package for package, _ in chosen))
        n_bytes = sum(len(texts[it].encode()) for it in chosen)
        print(f"{language}: {len(chosen)} files, {n_bytes // 1024} KiB")
    if arguments.set == "committed":
        write_sources(used, arguments.cache)


def read_packages() -> list[Package]:
    """The packages of sources.toml."""
    tables = tomllib.loads((HERE / "sources.toml").read_text())
    return [Package.of({**it, "half": ""}) for it in tables["package"]]


def candidates(packages: list[Package], cache: Path) -> dict[tuple[Package, str], str]:
    """The files of the packages that are written by hand."""
    found = {}
    for package in packages:
        for path, text in sources(package, cache).items():
            lines = text.split("\n")
            is_minified = max(map(len, lines)) > 400 or ".min." in path
            is_generated = "generated" in text[:600].lower()
            if len(text) in FULL_BYTES and not is_minified and not is_generated:
                found[package, path] = text
    return found


def take_full(texts: dict[tuple[Package, str], str]) -> list[tuple[Package, str]]:
    """An equal number of files of each package, if it has them, spread over its files."""
    by_package: dict[Package, list[tuple[Package, str]]] = {}
    for it in texts:
        by_package.setdefault(it[0], []).append(it)
    chosen: list[tuple[Package, str]] = []
    n_left = len(by_package)
    for of_package in sorted(by_package.values(), key=len):
        chosen += spread(of_package, (FULL_FILES - len(chosen)) // n_left)
        n_left -= 1
    return sorted(chosen, key=lambda it: (it[0].name, it[1]))


def take_committed(texts: dict[tuple[Package, str], str]) -> list[tuple[Package, str]]:
    """Small files of each package in turn, until there is enough text."""
    by_package: dict[Package, list[tuple[Package, str]]] = {}
    for it, text in texts.items():
        if len(text.encode()) in COMMITTED_BYTES and not re.search(PRIVATE, text):
            by_package.setdefault(it[0], []).append(it)
    queues = [spread(it, 12) for it in by_package.values()]
    chosen: list[tuple[Package, str]] = []
    n_bytes = 0
    while any(queues):
        for queue in filter(None, queues):
            it = queue.pop(0)
            size = len(texts[it].encode())
            if n_bytes + size <= COMMITTED_TOTAL:
                n_bytes += size
                chosen.append(it)
    return sorted(chosen, key=lambda it: (it[0].name, it[1]))


def spread(items: list[tuple[Package, str]], n: int) -> list[tuple[Package, str]]:
    """At most `n` items, at equal distances."""
    n = min(n, len(items))
    return [items[i * len(items) // n] for i in range(n)]


def write(folder: Path, package: Package, path: str, text: str) -> None:
    """Writes a file below its package's name, with the extension of its language."""
    to = folder / package.name.replace("/", "+") / PurePosixPath(path)
    if to.suffix in {"", ".orig"}:
        to = to.with_name(to.stem + EXTENSIONS.get(package.language, ""))
    to.parent.mkdir(parents=True, exist_ok=True)
    to.write_text(text)


def write_sources(used: dict[str, list[Package]], cache: Path) -> None:
    """Which packages the files come from, and their licences."""
    folder = HERE / "licences"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    lines = ["# Where the files come from\n"]
    lines.append("Unchanged files of these packages, each under its own licence (`licences/`).")
    lines.append("A file is in `files/`, below its language and package, at its path there.\n")
    lines.append("| language | package | version | registry | licence |")
    lines.append("|---|---|---|---|---|")
    for language, packages in used.items():
        for it in packages:
            lines.append(
                f"| {language} | {it.name} | {it.version} | {it.registry} | {it.licence} |"
            )
            text = licence_text(it, cache)
            if text:
                (folder / f"{it.name.replace('/', '+')}.txt").write_text(text)
            else:
                print(f"{it.name} carries no licence text")
    (HERE / "SOURCES.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()

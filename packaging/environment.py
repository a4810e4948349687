"""Makes a wheel of a built program, and a Python environment to install it into, without network.

usage: environment.py FOLDER PROGRAM    makes FOLDER/wheels and FOLDER/environment

The environment has what the wheel requires, as hard links to the packages of this environment.
"""

import os
import shutil
import sys
import venv
from pathlib import Path

import dist
import python_wheel


def main(arguments: list[str]) -> int:
    """Makes both."""
    if len(arguments) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    folder = Path(arguments[0])
    make_wheel(folder / "wheels", Path(arguments[1]))
    make_environment(folder / "environment")
    return 0


def make_wheel(folder: Path, program: Path) -> Path:
    """Makes the wheel of a program; returns its path."""
    folder.mkdir(parents=True)
    dist.fill(folder / "foretell", program, dist.host())
    wheel = python_wheel.build(folder / "foretell", dist.version_of(program), folder)
    shutil.rmtree(folder / "foretell")
    return wheel


def make_environment(folder: Path) -> None:
    """Makes an environment with the packages of this one, except our own."""
    venv.create(folder, symlinks=True, with_pip=True)
    for path in map(Path, sys.path):
        if path.name != "site-packages":
            continue
        target = folder / "lib" / path.parent.name / "site-packages"
        for package in path.iterdir():
            is_ours = "foretell" in package.name or package.suffix == ".pth"
            is_there = (target / package.name).exists()
            if not is_ours and not is_there and package.name != "__pycache__":
                _link(package, target / package.name)


def _link(source: Path, target: Path) -> None:
    def link(file: str, to: str) -> None:
        try:
            os.link(file, to)
        except OSError:
            shutil.copy2(file, to)

    if source.is_dir():
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(source, target, copy_function=link, ignore=ignored)
    else:
        link(str(source), str(target))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

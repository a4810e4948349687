"""Writes the licence texts of all crates in the program, for the packages that contain it.

usage: crate_licences.py FILE
"""

import sys
from pathlib import Path

import dist


def main(arguments: list[str]) -> int:
    """Writes the file."""
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    Path(arguments[0]).write_text(dist.crate_licences(dist.crates(dist.host())), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Makes the texts of a release: its notes from CHANGELOG.md, and the Homebrew formula.

    release.py notes VERSION
    release.py formula VERSION REPOSITORY PACKAGES

The formula has the digests of the tarballs in the folder PACKAGES.
"""

import hashlib
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FORMULA = ROOT / "packaging/homebrew/foretell.rb"


def main(arguments: list[str]) -> int:
    """Prints the notes or the formula."""
    match arguments:
        case ["notes", version]:
            print(notes((ROOT / "CHANGELOG.md").read_text("utf-8"), version))
        case ["formula", version, repository, packages]:
            print(formula(FORMULA.read_text("utf-8"), version, repository, Path(packages)), end="")
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    return 0


def notes(changelog: str, version: str) -> str:
    """The section of a version; raises `LookupError` if there is none."""
    heading = rf"^## \[?{re.escape(version)}\b.*\n((?:(?!## ).*\n?)*)"
    found = re.search(heading, changelog, re.MULTILINE)
    if found is None:
        raise LookupError(f"CHANGELOG.md has no section {version}")
    return found[1].strip()


def formula(template: str, version: str, repository: str, packages: Path) -> str:
    """The formula for the tarballs in a folder."""
    template = template.partition("class ")[2]

    def digest(match: re.Match[str]) -> str:
        tarball = packages / f"foretell-{version}-{match[1]}.tar.gz"
        return hashlib.sha256(tarball.read_bytes()).hexdigest()

    text = re.sub(r"@SHA256 (\S+)@", digest, template)
    return "class " + text.replace("@VERSION@", version).replace("@REPOSITORY@", repository)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Cuts the real edits for `foretell eval --edits` from the package versions in edits.toml.

    python make_edits.py [--check] [--whole FOLDER]

`edits-*.jsonl` are samples of all edits; `edits-lines-*.jsonl` have the other ones in which whole
lines are inserted at several places. The same seed and packages give the same bytes. `edits.sha256`
records their hashes; `--check` only compares them. With `--whole`, the same edits are also written
with their whole files.
"""

from __future__ import annotations

import argparse
import json
import random
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from edits import Limits, case, inserts_lines
from make_cases import is_generated, write_licences, write_sets
from packages import Package, sources
from replays import path_of

HERE = Path(__file__).parent
SEED = 20251129
# Number of cases for each language and half: with several hunks and changes that are alike, and
# with one hunk.
QUOTA = 11
# The most cases of each kind from two versions of a package, and the most with the same change.
MAX_PER_PAIR, MAX_ALIKE = 8, 2
# The same lines at several places are rare, and far from each other.
LIMITS_OF_LINES = Limits(file=20_000, shown=20_000)

SEPARATORS = (",", ":")

Row = tuple[dict, dict]


def main() -> None:
    """Writes the sets and their hashes, or compares the hashes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache/foretell-eval")
    parser.add_argument("--whole", type=Path)
    arguments = parser.parse_args()
    tables = tomllib.loads((HERE / "edits.toml").read_text())["package"]
    versions = [it.pop("versions") for it in tables]
    packages = [
        Package.of({**it, "version": of[-1]}) for it, of in zip(tables, versions, strict=True)
    ]
    sets: dict[str, str] = {}
    for half in ("dev", "held_out"):
        rows: list[Row] = []
        lines: list[Row] = []
        for language in sorted({it.language for it in packages}):
            of_half = [
                (it, of)
                for it, of in zip(packages, versions, strict=True)
                if (it.language, it.half) == (language, half)
            ]
            pool = [row for it, of in of_half for row in candidates(it, of, arguments.cache)]
            for is_one in (False, True):
                of_kind = [it for it in pool if (it[0]["kind"] == "one_hunk") == is_one]
                rows += sample(of_kind, f"{half} {language} {is_one}")
            chosen = {it[0]["path"] for it in rows}
            of_lines = [
                row
                for it, of in of_half
                for row in candidates(it, of, arguments.cache, LIMITS_OF_LINES)
                if inserts_lines(*row) and row[0]["path"] not in chosen
            ]
            lines += sample(of_lines, f"{half} {language} lines", of_all=True)
        random.Random(f"{SEED} order").shuffle(rows)
        for name, of_set in ((f"edits-{half}.jsonl", rows), (f"edits-lines-{half}.jsonl", lines)):
            sets[name] = to_jsonl([it for it, _ in of_set])
            if arguments.whole:
                arguments.whole.mkdir(exist_ok=True)
                (arguments.whole / name).write_text(to_jsonl([it for _, it in of_set]))
    if not write_sets(sets, HERE / "edits.sha256", check=arguments.check):
        raise SystemExit("the edits do not match edits.sha256")
    if arguments.check:
        return
    for name, text in sets.items():
        kinds = Counter(json.loads(line)["kind"] for line in text.splitlines())
        print(f"{name}: {len(text.encode()) // 1024} KiB, {dict(kinds)}")
    write_licences(packages, arguments.cache, "EDITS.md", "edits")


def candidates(
    package: Package, versions: list[str], cache: Path, limits: Limits | None = None
) -> Iterator[Row]:
    """The cases of all consecutive versions of a package, in a fixed order."""
    for before, after in pairwise(versions):
        old = sources(replace(package, version=before), cache)
        new = sources(replace(package, version=after), cache)
        for path in sorted(old.keys() & new.keys()):
            if old[path] == new[path] or is_generated(old[path]):
                continue
            name = path_of(replace(package, version=after), path)
            row = case(name, package.language, old[path], new[path], limits)
            if row and "://" not in json.dumps(row[0]):
                yield row


def sample(pool: list[Row], seed: str, *, of_all: bool = False) -> list[Row]:
    """A random sample, or all, with at most one case of a file, and few alike."""
    random.Random(f"{SEED} {seed}").shuffle(pool)
    chosen: list[Row] = []
    of_pair: Counter[str] = Counter()
    alike: Counter[str] = Counter()
    files: set[str] = set()
    for row in pool:
        package, _, file = row[0]["path"].partition("/")
        key = json.dumps(sorted({inserted.strip() for _, _, inserted, _ in row[0]["changes"]}))
        name = f"{package.rpartition('-')[0]}/{file}"
        if name in files or of_pair[package] >= MAX_PER_PAIR or alike[key] >= MAX_ALIKE:
            continue
        if of_all or len(chosen) < QUOTA:
            files.add(name)
            of_pair[package] += 1
            alike[key] += 1
            chosen.append(row)
    if not of_all and len(chosen) < QUOTA:
        print(f"{seed}: only {len(chosen)} of {len(pool)}")
    return chosen


def to_jsonl(rows: list[dict]) -> str:
    """One case per line."""
    return "".join(json.dumps(it, ensure_ascii=False, separators=SEPARATORS) + "\n" for it in rows)


if __name__ == "__main__":
    main()

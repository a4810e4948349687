"""Builds what `make demo` needs, and says on one line how long it will take.

usage: prepare.py LOG COMMAND...    runs the command, whose output goes to LOG
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

#: Less of the build predicts the rest too badly.
LEAST_DONE = 0.1
IS_TERMINAL = sys.stdout.isatty()
COMPILED = re.compile(r"^ +Compiling \S+", re.MULTILINE)


def main(arguments: list[str]) -> int:
    """Runs the command; prints the end of the log if it fails."""
    log, command = Path(arguments[0]), arguments[1:]
    log.parent.mkdir(parents=True, exist_ok=True)
    n_crates = _n_crates()
    began, is_said = time.monotonic(), False
    with log.open("w") as out:
        child = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)
        while child.poll() is None:
            time.sleep(0.5)
            took_s = time.monotonic() - began
            # A finished build takes a moment and needs no line.
            if took_s > 3 and (IS_TERMINAL or not is_said):
                is_said = True
                n_done = len(COMPILED.findall(log.read_text("utf-8", "replace")))
                _show(f"preparing: {estimate(n_done / n_crates, took_s)} (log: {log})")
    if IS_TERMINAL:
        _show("")
    if child.returncode:
        print("\n".join(log.read_text("utf-8", "replace").splitlines()[-20:]))
    return child.returncode


def estimate(done: float, took_s: float) -> str:
    """How long it takes, after a time in which a share of the crates was compiled."""
    took = f"{_minutes(took_s)} so far"
    if done < LEAST_DONE:
        return f"{took}; about 6 minutes on 2 cores"
    # The last crates are the largest, and the model is imported at the same time.
    left_s = 1.3 * took_s * (1 - min(done, 0.98)) / done
    return f"{took}, about {_minutes(left_s)} left"


def _minutes(time_s: float) -> str:
    return f"{time_s:.0f} s" if time_s < 60 else f"{time_s / 60:.0f} min"


def _n_crates() -> int:
    tree = ["cargo", "tree", "--package", "foretell", "--edges", "normal,build", "--prefix", "none"]
    try:
        listed = subprocess.run(tree, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        # The command itself reports the reason.
        return 300
    return len({line.removesuffix(" (*)") for line in listed.splitlines()})


def _show(line: str) -> None:
    print(f"\r\x1b[K{line}" if IS_TERMINAL else line, end="" if IS_TERMINAL else "\n", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

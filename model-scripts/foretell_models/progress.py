"""Messages and progress on stderr: a progress bar on a terminal, plain lines elsewhere.

While the environment variable `FORETELL_PROGRESS` is `json`, progress is one JSON object per line,
with `message`, `done_bytes` and `total_bytes`, which `foretell setup --progress json` relays.
"""

import json
import os
import sys
import time
from types import TracebackType
from typing import Any, Self

from foretell_models.terminal import printable


def eprint(message: str) -> None:
    """Prints a message to stderr."""
    print(printable(message), file=sys.stderr, flush=True)


def warn(message: str) -> None:
    """Prints a warning to stderr."""
    eprint(f"warning: {message}")


def peak_memory() -> int:
    """The peak resident memory of this process in bytes; 0 on Windows."""
    if sys.platform == "win32":
        return 0
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


class Progress:
    """Shows progress up to `total` bytes: a bar on a terminal, else one line per 10 %.

    As JSON, one line per percent.
    """

    def __init__(self, title: str, total: int) -> None:
        self._title, self._total = printable(title), max(total, 1)
        self._done, self._step, self._start = 0, 0, time.monotonic()
        self._is_json = os.environ.get("FORETELL_PROGRESS") == "json"
        self._n_steps = 100 if self._is_json else 10
        self._bar: Any = None

    def __enter__(self) -> Self:
        if self._is_json:
            self._print_json()
        elif sys.stderr.isatty():
            from tqdm import tqdm

            self._bar = tqdm(
                total=self._total,
                desc=self._title,
                unit="B",
                unit_scale=True,
                leave=False,
            )
        else:
            eprint(f"{self._title} ...")
        return self

    def advance(self, amount: int) -> None:
        """Counts `amount` more bytes."""
        self._done += amount
        if self._bar is not None:
            self._bar.update(amount)
            return
        step = min(self._n_steps, self._n_steps * self._done // self._total)
        if step > self._step:
            self._step = step
            if self._is_json:
                self._print_json()
            else:
                eprint(f"{self._title}: {10 * step} %")

    def _print_json(self) -> None:
        progress = {
            "message": self._title,
            "done_bytes": min(self._done, self._total),
            "total_bytes": self._total,
        }
        print(json.dumps(progress), file=sys.stderr, flush=True)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.close()
        if kind is None:
            eprint(f"{self._title}: done in {time.monotonic() - self._start:.1f} s")

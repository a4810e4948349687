"""Messages and progress on stderr: a progress bar on a terminal, plain lines elsewhere."""

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
    """Shows progress up to `total` units: a bar on a terminal, else one line per 10 %."""

    def __init__(self, title: str, total: int, unit: str = "B") -> None:
        self._title, self._total, self._unit = printable(title), max(total, 1), unit
        self._done, self._tenths, self._start = 0, 0, time.monotonic()
        self._bar: Any = None

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            from tqdm import tqdm

            self._bar = tqdm(
                total=self._total,
                desc=self._title,
                unit=self._unit,
                unit_scale=self._unit == "B",
                leave=False,
            )
        else:
            eprint(f"{self._title} ...")
        return self

    def advance(self, amount: int) -> None:
        """Counts `amount` more units."""
        self._done += amount
        if self._bar is not None:
            self._bar.update(amount)
            return
        tenths = min(10, 10 * self._done // self._total)
        if tenths > self._tenths:
            self._tenths = tenths
            eprint(f"{self._title}: {10 * tenths} %")

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

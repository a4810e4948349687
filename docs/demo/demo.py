"""`make demo`: removes parts of routes.py and completes them, then types one into the real server.

usage: demo.py PROGRAM
"""

from __future__ import annotations

import shutil
import statistics
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from client import UPDATE, Pace, Server, Typist, answered

FILE = Path(__file__).resolve().parent / "routes.py"
#: Where a part begins, and how many lines it has.
PLACES = (("        while queue:", 6), ("        self.links[link.start]", 2))
#: The part that is typed.
TYPED = ("        total = 0", 4)
#: The model sees the whole file at once, and its suggestion is shown even if it is unsure.
WHOLE = {"prompt": {"first_ms": None}}
SETTINGS = {**WHOLE, "suggest": {"eagerness": 0}}
#: The server may need this long for its first text.
PATIENCE_S = 20
#: If nothing follows for this time, the text was complete when the server answered.
PAUSE_S = 3
#: Faster than a person, so that the demo is short; with less time, each key would supersede the
#: request of the one before.
PACE = Pace(key_s=0.09, reading_s=0.25)
IS_TERMINAL = sys.stdout.isatty()
GREEN, YELLOW, GREY, BOLD, PLAIN = (
    ("\x1b[32m", "\x1b[33m", "\x1b[90m", "\x1b[1m", "\x1b[0m") if IS_TERMINAL else ("",) * 5
)


@dataclass(frozen=True)
class Part:
    """A part of the file: its first line counts from 1."""

    line: int
    before: str
    text: str
    after: str

    @staticmethod
    def find(start: str, n_lines: int) -> Part:
        """The part that begins with a line."""
        lines = FILE.read_text("utf-8").splitlines(keepends=True)
        at = next(n for n, it in enumerate(lines) if it.startswith(start))
        text = "".join(lines[at : at + n_lines])
        indent = text[: len(text) - len(text.lstrip())]
        before = "".join(lines[:at]) + indent
        return Part(
            at + 1, before, text.strip("\n")[len(indent) :], "\n" + "".join(lines[at + n_lines :])
        )


@dataclass
class Suggestion:
    """A suggestion, its times, and the model's probability of it."""

    text: str = ""
    first_ms: float = 0
    total_ms: float = 0
    probability: float | None = None


def main(arguments: list[str]) -> int:
    """Prints the demo."""
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    program = Path(arguments[0]).resolve()
    began = time.monotonic()
    parts = [Part.find(*it) for it in PLACES]
    print(f"{BOLD}{FILE.name}: {len(parts)} parts are removed, and the model fills them in{PLAIN}")
    sys.stdout.flush()
    with Server(program, SETTINGS) as server:
        n_right = sum(show(part, suggestion(server, part)) for part in parts)
        print(f"\n{n_right} of {len(parts)} first lines are those of the file.")
        type_into(server, Part.find(*TYPED))
    print(f"\nThe whole demo took {time.monotonic() - began:.0f} s.")
    return 0


def suggestion(server: Server, part: Part) -> Suggestion:
    """What the server suggests for a removed part."""
    uri = f"file:///{FILE.stem}-{part.line}.py"
    server.open(uri, part.before + part.after)
    began = time.monotonic()
    asked = server.ask(uri, 1, part.before)
    found = Suggestion()
    while (message := server.next(PAUSE_S if found.text else PATIENCE_S)) is not None:
        parameters = message.get("params", {})
        is_done = False
        if message.get("id") == asked:
            found.text = answered(message)
            is_done = not found.text
        elif message.get("method") == UPDATE and parameters["textDocument"]["uri"] == uri:
            found.text = parameters["item"]["insertText"]
            found.probability = parameters.get("probability")
            is_done = parameters["done"]
        else:
            continue
        found.total_ms = (time.monotonic() - began) * 1e3
        found.first_ms = found.first_ms or found.total_ms
        if is_done:
            break
    return found


def show(part: Part, found: Suggestion) -> bool:
    """Prints a suggestion next to the original; returns whether its first line is right."""
    sure = (
        "" if found.probability is None else f"{found.probability * 100:.0f} % sure of all of it, "
    )
    print(
        f"\n{GREY}line {part.line}: {sure}first words after {found.first_ms:.0f} ms, "
        f"all after {found.total_ms:.0f} ms{PLAIN}"
    )
    indent = part.before[part.before.rfind("\n") + 1 :]
    suggested = (indent + found.text).splitlines() or [""]
    original = (indent + part.text).splitlines()
    depth = len(indent)
    width = min(max(len(it) - depth for it in [*suggested, "the suggestion"]) + 2, _columns() // 2)
    print(f"  {GREY}{'the suggestion':{width}}  the file{PLAIN}")
    for n in range(max(len(suggested), len(original))):
        left = suggested[n][depth:] if n < len(suggested) else ""
        right = original[n][depth:] if n < len(original) else ""
        colour = GREEN if left == right else YELLOW
        print(f"  {colour}{left:{width}}{PLAIN}  {GREY}{right}{PLAIN}")
    return bool(suggested[0] == original[0])


def type_into(server: Server, part: Part) -> None:
    """Types a part; in a terminal, shows it as an editor does."""
    server.notify("workspace/didChangeConfiguration", {"settings": {"foretell": WHOLE}})
    n_lines = part.text.count("\n") + 1
    print(f"\n{BOLD}The same file in the server, as in an editor: typing {n_lines} lines{PLAIN}\n")
    indent = part.before[part.before.rfind("\n") + 1 :]
    n_drawn, waits, n_keys, last, is_timed = 0, [], 0, "", False
    typist = Typist(server, part.before, part.text, part.after, PACE)
    typist.wait_for_model()
    for frame in typist.frames():
        if frame.typed != last:
            n_keys, last = n_keys + 1, frame.typed
            is_timed = False
        if frame.latency_ms is not None and not is_timed:
            waits.append(frame.latency_ms)
            is_timed = True
        if IS_TERMINAL:
            shown = f"{indent}{frame.typed}{GREY}{frame.suggestion}{PLAIN}"
            print("\x1b[F" * n_drawn + "\x1b[J" + shown)
            n_drawn = shown.count("\n") + 1
    if not IS_TERMINAL:
        print(indent + part.text)
    times = ""
    if waits:
        median_ms = statistics.median(waits)
        times = f"; half of the suggestions came within {median_ms:.1f} ms of the key"
    print(f"\n{GREEN}{len(part.text)} characters with {n_keys} keys{times}.{PLAIN}")


def _columns() -> int:
    return shutil.get_terminal_size((120, 24)).columns


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

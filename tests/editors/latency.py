"""Measures in real editors, with the real server and the real model, how long a suggestion takes
from a key to the frame that shows it, at places where the cursor has rested.

usage: latency.py EDITOR [EAGERNESS]      EDITOR is `neovim` or `vscode`

In each file, the rest of two lines is missing, and the user types it:

- `opened`: at the first line, a second after the file was opened there
- `elsewhere`: at the second line, a second after the cursor moved there
- `back`: at the second line, `SWITCH_S` after the return from the next file

The user types up to `N_KEYS` keys at each place, until one of them has a suggestion. Each key waits
for the server's response. The table contains the first key alone, and the first of these keys that
got a suggestion; both are timed from that key. Places without a suggestion are counted by the
server's reason. `target/latency` has the visits and the traffic, and `target/screens` the screens.
"""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

from conftest import ROOT
from latency_editors import EDITORS
from session import Driver, Frame, quantiles

FILES = [
    "tests/fixtures/code/decoder.rs",
    "tests/fixtures/code/editing.py",
    "tests/fixtures/code/onnx.rs",
    "editors/vscode/src/retrigger.ts",
    "tests/fixtures/code/prompt.rs",
    "model-scripts/foretell_models/fetch.py",
    "tests/fixtures/code/queue.rs",
    "editors/neovim/lua/foretell/ghost.lua",
    "tests/fixtures/code/server.rs",
    "editors/vscode/src/suggestions.ts",
    "tests/fixtures/code/session.rs",
    "tests/eval/cutting.py",
]
REST_S = 1.0
SWITCH_S = 0.3
KEY_S = 0.15
N_KEYS = 4
# How long a key waits for a suggestion to be drawn.
PATIENCE_S = 4.0
# An indented line of code that does not start with a bracket or a quote, which editors close.
PLACE = re.compile(r"\s+[a-z_][\w. ]{7}[ -~]{4,}$")
SITUATIONS = ("opened", "elsewhere", "back")


@dataclass
class Place:
    """A line of which only the indentation is in the file; `rest` is still to be typed."""

    line_idx: int
    rest: str


@dataclass
class Visit:
    """The keys typed at a place, and how long the first suggestion took."""

    situation: str
    file: str
    keys: str = ""
    # The suggestion's time in ms, by key; None if there was none.
    times_ms: list[float | None] = field(default_factory=list)
    # From the key to the server's request and response, in ms.
    traffic_ms: list[list[float]] = field(default_factory=list)
    # Why each key without a suggestion had none.
    reasons: list[str] = field(default_factory=list)
    suggestion: str = ""
    is_shown_before: bool = False


class Editor(Driver, Protocol):
    folder: Path

    def open_at(self, path: Path, line_idx: int | None) -> None:
        """Opens a file or switches to it, with the cursor at the end of a line or where it was."""

    def go_to(self, line_idx: int) -> None:
        """Moves to the end of a line."""

    def start_typing(self) -> None: ...

    def screenshot(self, name: str) -> None: ...

    def end(self) -> None: ...


def cut(text: str) -> tuple[str, list[Place]]:
    """The text without the rest of two lines of code, and these places."""
    lines = text.splitlines()
    places = []
    for part in (1, 2):
        start = part * len(lines) // 3
        at = next(i for i, it in enumerate(lines[start:], start) if PLACE.match(it))
        rest = lines[at].lstrip()
        places.append(Place(at, rest))
        lines[at] = lines[at].removesuffix(rest)
    return "\n".join(lines) + "\n", places


class Log:
    """What passed between the editor and the server, by `relay.py`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def since(self, at_s: float) -> list[dict[str, Any]]:
        if not self.path.exists():
            return []
        messages = map(json.loads, self.path.read_text().splitlines())
        return [it for it in messages if it["at_s"] >= at_s]

    def traffic_ms(self, at_s: float) -> list[float]:
        """From a key to its first request and the response to that, in ms."""
        messages = self.since(at_s)
        request = next((it for it in messages if "request" in it), None)
        if not request:
            return []
        ends = [it for it in messages if it.get("response") == request["request"]]
        return [round(1e3 * (it["at_s"] - at_s), 1) for it in (request, *ends)]

    def empty_reason(self, at_s: float) -> str | None:
        """Why the server responded without a suggestion to the last request after a key."""
        messages = self.since(at_s)
        last = next((it for it in reversed(messages) if "request" in it), None)
        if not last:
            return None
        response = next((it for it in messages if it.get("response") == last["request"]), None)
        if not response or response["is_error"] or response["n_items"]:
            return None
        # The reason is sent when it changes, before or after the response.
        if time.monotonic() < response["at_s"] + 0.1:
            return None
        reasons = [it["reason"] for it in self.since(0) if "reason" in it]
        return str(reasons[-1]) if reasons else "unknown"


class Measurement:
    def __init__(self, driver: Editor, log: Log) -> None:
        self.driver, self.log = driver, log
        self.visits: list[Visit] = []

    def run(self, places: dict[str, list[Place]]) -> list[Visit]:
        last: tuple[Path, Place] | None = None
        for name, (first, second) in places.items():
            path = self.driver.folder / name
            self.driver.open_at(path, first.line_idx)
            time.sleep(REST_S)
            self.visit("opened", path, first)
            self.driver.go_to(second.line_idx)
            time.sleep(REST_S)
            self.visit("elsewhere", path, second)
            if last:
                self.driver.open_at(last[0], None)
                time.sleep(SWITCH_S)
                self.visit("back", *last)
            last = path, second
        return self.visits

    def visit(self, situation: str, path: Path, place: Place) -> None:
        visit = Visit(situation, path.name)
        self.driver.start_typing()
        visit.is_shown_before = bool(self.driver.frame().suggestion)
        keys, place.rest = place.rest[:N_KEYS], place.rest[N_KEYS:]
        for i, key in enumerate(keys):
            visit.keys += key
            self.press(visit, key)
            if visit.suggestion:
                place.rest = keys[i + 1 :] + place.rest
                break
        self.driver.screenshot(f"latency-{len(self.visits):02}-{situation}-{path.stem}")
        self.visits.append(visit)
        with self.log.path.with_name("visits").open("a") as file:
            file.write(json.dumps(asdict(visit)) + "\n")

    def press(self, visit: Visit, key: str) -> None:
        before = self.driver.frame()
        sent_s = time.monotonic()
        self.driver.press(key)
        shown: Frame | None = None
        reason: str | None = None
        has_menu = False
        while not shown and not reason and time.monotonic() < sent_s + PATIENCE_S:
            frames = self.driver.watch(0.05)
            typed = [it for it in frames if it.at_s > sent_s and it.line != before.line]
            shown = next((it for it in typed if it.suggestion), None)
            has_menu = typed[-1].has_menu if typed else has_menu
            reason = self.log.empty_reason(sent_s)
        visit.times_ms.append(round(1e3 * (shown.at_s - sent_s), 1) if shown else None)
        visit.traffic_ms.append(self.log.traffic_ms(sent_s))
        if shown:
            visit.suggestion = shown.suggestion
        else:
            not_drawn = "the editor's menu" if has_menu else "not drawn"
            visit.reasons.append(reason or not_drawn)
        time.sleep(max(0, sent_s + KEY_S - time.monotonic()))


def usage(pid: int) -> str:
    """The memory and CPU time of a process."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = dict(re.findall(r"^(VmRSS|RssAnon):\s*(\d+) kB", status, re.MULTILINE))
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    cpu_s = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    resident_mb, private_mb = (int(found[it]) // 1024 for it in ("VmRSS", "RssAnon"))
    return f"server: resident {resident_mb} MB, private {private_mb} MB, CPU time {cpu_s:.0f} s"


def machine() -> str:
    model = next(
        line.split(": ")[1]
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    )
    return f"{os.cpu_count()} cores, {model}, load {os.getloadavg()[0]:.1f}"


def table(visits: list[Visit]) -> str:
    """A line for each situation with the first key alone, and one with the first suggestion."""
    lines = [
        f"{'ms from key to frame':<26}{'places':>7}{'shown':>7}{'median':>8}{'p95':>7}  not shown"
    ]
    for situation in SITUATIONS:
        chosen = [it for it in visits if it.situation == situation]
        for n_keys, label in (1, "first key"), (N_KEYS, f"one of {N_KEYS} keys"):
            times = [ms for it in chosen for ms in it.times_ms[:n_keys] if ms is not None]
            reasons = Counter(
                it.reasons[:n_keys][-1] for it in chosen if not any(it.times_ms[:n_keys])
            )
            at = quantiles(times) or {"median": math.nan, "p95": math.nan}
            why = ", ".join(f"{reason} {n}" for reason, n in reasons.most_common())
            lines.append(
                f"{situation + ', ' + label:<26}{len(chosen):>7}{len(times):>7}"
                f"{at['median']:>8.0f}{at['p95']:>7.0f}  {why}"
            )
    return "\n".join(lines)


def main(editor: str, eagerness: str | None = None) -> None:
    settings: dict[str, Any] = {"stats": {"keep": False}}
    if eagerness is not None:
        settings["suggest"] = {"eagerness": float(eagerness)}
    cuts = {Path(it).name: cut((ROOT / it).read_text()) for it in FILES}
    texts = {name: text for name, (text, _) in cuts.items()}
    folder = ROOT / "target" / "latency" / f"{editor}-{eagerness or 'default'}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    log, program = folder / "log", folder / "foretell"
    server = ROOT / os.environ.get("FORETELL", "target/release/foretell")
    relay = Path(__file__).with_name("relay.py")
    program.write_text(f"#!/bin/sh\nexec '{sys.executable}' '{relay}' '{log}' '{server}' \"$@\"\n")
    program.chmod(0o755)
    driver = EDITORS[editor](program, folder, texts, settings)
    try:
        places = {name: places for name, (_, places) in cuts.items()}
        visits = Measurement(driver, Log(log)).run(places)
        server_usage = usage(next(it["pid"] for it in Log(log).since(0) if "pid" in it))
    finally:
        driver.end()
    print(f"{editor}, eagerness {eagerness or 'default'}; {machine()}")
    print(table(visits))
    print(server_usage)
    for situation in SITUATIONS:
        times = [it.times_ms for it in visits if it.situation == situation]
        assert any(any(it) for it in times), f"{situation}: no suggestion was drawn"


if __name__ == "__main__":
    main(*sys.argv[1:])

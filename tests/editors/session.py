"""One session at human speed for every editor, and measurements of what the user sees.

The steps are data (`session.json`), so that each editor plays the same ones:

    {"open": FILE}        opens a file or switches to it, with the cursor in insert mode at its end
    {"type": TEXT}        types one key every `key_ms`; a line break is the Enter key. The editor's
                          automatic brackets and indentation are on; an editor that does not
                          indent the body of a block gets the spaces as keys
    {"write": LINES}      types lines, in an editor that repeats the indentation of the line above
    {"follow": N}         types the next N characters of the suggestion on screen
    {"wrong": KEY}        types a key that contradicts the suggestion
    {"backspace": N}      deletes
    {"accept": PART}      accepts a "word" or "all" of the suggestion
    {"undo": "accept"}    undoes once, which should restore the text before the last accept
    {"click": TEXT}       clicks behind a text in the file

Steps that need a suggestion wait for it for `patience_ms`, then ask for one with the editor's key
and wait again. A step without a suggestion counts as missed.
"""

from __future__ import annotations

import json
import statistics
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol


@dataclass(frozen=True)
class Frame:
    """A screen: the cursor's line without the suggestion, and the suggestion."""

    at_s: float
    line: str
    suggestion: str
    # Whether the editor's own menu owns the line.
    has_menu: bool = False


class Driver(Protocol):
    """An editor in insert mode."""

    # Whether the suggestion is drawn with its leading whitespace.
    draws_leading_space: bool
    # Whether it indents the body of a new block.
    indents_blocks: bool

    def open(self, path: Path) -> None: ...

    def press(self, key: str) -> None:
        """Sends a character, "\\n", or "backspace" without waiting."""

    def accept(self, part: str) -> bool:
        """Accepts a part; false if the editor cannot."""

    def undo(self) -> None: ...

    def request(self) -> None:
        """Requests a suggestion with the editor's key."""

    def click(self, text: str) -> None: ...

    def text(self) -> str:
        """The file's text, or at least the cursor's line."""

    def watch(self, duration_s: float) -> list[Frame]:
        """The frames drawn in this time."""

    def frame(self) -> Frame:
        """The current screen."""


@dataclass
class Report:
    """The measurements of a session."""

    editor: str
    # Keys typed in a file after it was opened for the first time, until a suggestion was shown.
    keys_until_first_suggestion: dict[str, int | None] = field(default_factory=dict)
    n_keys: int = 0
    # Keys that agree with the suggestion on screen, and those among them with a lost frame.
    n_agreeing_keys: int = 0
    n_keys_with_lost_frames: int = 0
    # Keys typed while the editor's own menu owned the line; they are not judged.
    n_keys_with_menu: int = 0
    # Frames with an agreeing key but without the rest of the suggestion.
    n_lost_frames: int = 0
    # Frames with a key next to a suggestion that does not fit it.
    n_wrong_frames: int = 0
    # Frames with an agreeing key next to a suggestion that became shorter.
    n_shrunk_frames: int = 0
    # The keys with lost, wrong or shrunk frames, with the suggestions before and after them.
    faults: list[str] = field(default_factory=list)
    is_accept_one_undo_step: bool | None = None
    # Suggestions that came only after a request by key, and steps for which none came.
    n_requested: int = 0
    missed: list[str] = field(default_factory=list)
    key_to_frame_ms: list[float] = field(default_factory=list)
    key_to_suggestion_ms: list[float] = field(default_factory=list)

    def save(self, folder: Path) -> str:
        """Writes the report as JSON; returns it in a line."""
        folder.mkdir(parents=True, exist_ok=True)
        facts = asdict(self)
        for name in ("key_to_frame_ms", "key_to_suggestion_ms"):
            facts[name] = quantiles(facts[name])
        path = folder / f"session-{self.editor}.json"
        path.write_text(json.dumps(facts, indent=2) + "\n")
        return json.dumps(facts)


def quantiles(values: list[float]) -> dict[str, float] | None:
    """The median and the 95th percentile (nearest rank)."""
    if not values:
        return None
    ordered = sorted(values)
    p95 = ordered[-(-95 * len(ordered) // 100) - 1]
    return {"median": round(statistics.median_low(ordered), 1), "p95": round(p95, 1)}


def read_script() -> dict[str, Any]:
    script: dict[str, Any] = json.loads(Path(__file__).with_name("session.json").read_text())
    return script


def files() -> dict[str, str]:
    """The texts of the session's files by name."""
    return {name: "\n".join(lines) for name, lines in read_script()["files"].items()}


class Session:
    """Plays the steps in an editor."""

    def __init__(
        self, editor: str, driver: Driver, folder: Path, script: dict[str, Any] | None = None
    ) -> None:
        script = script or read_script()
        self.driver, self.folder = driver, folder
        self.steps: list[dict[str, Any]] = script["steps"]
        self.key_s, self.patience_s = script["key_ms"] / 1e3, script["patience_ms"] / 1e3
        self.report = Report(editor)
        self.new_file: tuple[str, int] | None = None
        self.text_before_accept: str | None = None
        for name, lines in script["files"].items():
            (folder / name).write_text("\n".join(lines))

    def run(self) -> Report:
        for step in self.steps:
            ((kind, value),) = step.items()
            getattr(self, f"do_{kind}")(value)
        if self.new_file:
            self.report.keys_until_first_suggestion[self.new_file[0]] = None
        return self.report

    # Steps.

    def do_open(self, name: str) -> None:
        is_new = name not in self.report.keys_until_first_suggestion
        if self.new_file:
            self.report.keys_until_first_suggestion[self.new_file[0]] = None
        self.new_file = (name, 0) if is_new else None
        self.driver.open(self.folder / name)
        self.watch(self.key_s)

    def do_type(self, text: str) -> None:
        before = ""
        for key in text:
            self.press(key)
            if before + key == ":\n" and not self.driver.indents_blocks:
                self.do_type("    ")
            before = key

    def do_write(self, lines: list[str]) -> None:
        indent = ""
        for i, line in enumerate(lines):
            self.do_type("\n" if i > 0 else "")
            if line:
                rest = line.lstrip(" ")
                n_columns = len(line) - len(rest) - len(indent)
                self.do_type(" " * n_columns)
                self.do_backspace(-n_columns // 4)  # deletes one level
                indent = line[: len(line) - len(rest)]
                self.do_type(rest)

    def do_follow(self, n_keys: int) -> None:
        for _ in range(n_keys):
            if not self.wait_for_suggestion(f"follow {n_keys}"):
                return
            self.press(self.driver.frame().suggestion[0])

    def do_wrong(self, key: str) -> None:
        if self.wait_for_suggestion(f"wrong {key}"):
            self.press(key)

    def do_backspace(self, n_keys: int) -> None:
        for _ in range(n_keys):
            self.press("backspace")

    def do_accept(self, part: str) -> None:
        if self.wait_for_suggestion(f"accept {part}"):
            self.text_before_accept = self.driver.text()
            if not self.driver.accept(part):
                self.report.missed.append(f"accept {part}")
            self.watch(self.key_s)

    def do_undo(self, what: str) -> None:
        if self.text_before_accept is None:
            self.report.missed.append(f"undo {what}")
            return
        self.driver.undo()
        self.watch(self.key_s)
        self.report.is_accept_one_undo_step = self.driver.text() == self.text_before_accept

    def do_click(self, text: str) -> None:
        self.driver.click(text)
        self.watch(self.key_s)

    # Keys and frames.

    def press(self, key: str) -> None:
        before = self.driver.frame()
        sent_s = time.monotonic()
        if self.new_file:
            self.new_file = (self.new_file[0], self.new_file[1] + 1)
        self.report.n_keys += 1
        self.driver.press(key)
        frames = self.watch(self.key_s)
        shown = [it for it in frames if it.line != before.line]
        if shown:
            self.report.key_to_frame_ms.append(1e3 * (shown[0].at_s - sent_s))
        with_suggestion = [it for it in shown if it.suggestion]
        if with_suggestion:
            self.report.key_to_suggestion_ms.append(1e3 * (with_suggestion[0].at_s - sent_s))
        if before.has_menu or any(it.has_menu for it in shown):
            self.report.n_keys_with_menu += 1
        elif len(key) == 1 and before.suggestion:
            self.judge(key, before.suggestion, shown)

    def judge(self, key: str, suggestion: str, shown: list[Frame]) -> None:
        """Counts the frames in which the suggestion does not follow a key."""
        if key == " " and suggestion[0] != " " and not self.driver.draws_leading_space:
            return  # The suggestion may begin with this space.
        rest = suggestion.removeprefix(key)
        suggestions = [it.suggestion for it in shown]
        n_lost = n_shrunk = n_wrong = 0
        if rest == suggestion:
            old = {suggestion, suggestion[1:]} - {""}
            n_wrong = sum(it in old for it in suggestions)
        elif rest:
            self.report.n_agreeing_keys += 1
            n_lost = sum(not it for it in suggestions)
            if not self.driver.draws_leading_space:
                rest, suggestions = rest.lstrip(), [it.lstrip() for it in suggestions]
            # VS Code draws only what a suggestion adds to a bracket that it has closed itself.
            added = rest.lstrip(")]}") or rest
            changed = [it for it in suggestions if not it.startswith((rest, added))]
            n_shrunk = sum(rest.startswith(it) for it in changed) - n_lost
            n_wrong = len(changed) - n_shrunk - n_lost
            self.report.n_keys_with_lost_frames += n_lost > 0
        self.report.n_lost_frames += n_lost
        self.report.n_shrunk_frames += n_shrunk
        self.report.n_wrong_frames += n_wrong
        if n_lost or n_wrong or n_shrunk:
            self.report.faults.append(f"{key!r} at {suggestion!r}: {suggestions}")

    def watch(self, duration_s: float) -> list[Frame]:
        frames = self.driver.watch(duration_s)
        if self.new_file and any(it.suggestion for it in frames):
            name, n_keys = self.new_file
            self.report.keys_until_first_suggestion[name] = n_keys
            self.new_file = None
        return frames

    def wait_for_suggestion(self, step: str) -> bool:
        if self.is_suggestion_in_time():
            return True
        self.driver.request()
        if self.is_suggestion_in_time():
            self.report.n_requested += 1
            return True
        self.report.missed.append(step)
        return False

    def is_suggestion_in_time(self) -> bool:
        end_s = time.monotonic() + self.patience_s
        while not self.driver.frame().suggestion:
            if time.monotonic() > end_s:
                return False
            self.watch(self.key_s)
        return True

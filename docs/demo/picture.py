"""Makes the animated picture of the README from a recorded session.

    picture.py record SERVER    types a part of routes.py into the real server: session.json
    picture.py draw             draws session.json as session.svg

The picture has the colours of a light or a dark page, and the times of the recording.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from client import Frame, Server, Typist
from pygments.lexers import PythonLexer  # type: ignore[import-untyped]
from pygments.token import (  # type: ignore[import-untyped]
    Comment,
    Keyword,
    Literal,
    Name,
    String,
    _TokenType,
)

FOLDER = Path(__file__).resolve().parent
FILE = FOLDER / "routes.py"
SESSION = FOLDER / "session.json"
PICTURE = FOLDER / "session.svg"
#: The lines that are typed, and the first and last line of the picture; they count from 1.
TYPED = (36, 45)
SHOWN = (32, 49)
#: The time that the last frame stays.
LAST_S = 4.0
WIDTH, LINE, CHAR, TOP, LEFT = 900, 21, 8.43, 58, 62
STYLE = """\
svg { color-scheme: light dark }
text { font: 14px ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace;
       white-space: pre; fill: #1f2328 }
.bg { fill: #ffffff; stroke: #d1d9e0 } .bar { fill: #f6f8fa } .n, .title { fill: #818b98 }
.k { fill: #cf222e } .s, .c { fill: #57606a } .f { fill: #8250df } .l { fill: #0550ae }
.g { fill: #8c959f; font-style: italic } .cursor { fill: #0969da } .note { fill: #1a7f37 }
.key { fill: #ddf4ff; stroke: #54aeff } .keytext { fill: #0969da }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 } .bg { fill: #0d1117; stroke: #30363d } .bar { fill: #161b22 }
.n, .title { fill: #6e7681 } .k { fill: #ff7b72 } .s, .c { fill: #8b949e } .f { fill: #d2a8ff }
.l { fill: #79c0ff } .g { fill: #7d8590 } .cursor { fill: #58a6ff } .note { fill: #3fb950 }
.key { fill: #0c2d6b; stroke: #1f6feb } .keytext { fill: #58a6ff }
}
"""


def main(arguments: list[str]) -> int:
    """Records or draws."""
    match arguments:
        case ["record", server]:
            SESSION.write_text(json.dumps(record(Path(server)), indent=1) + "\n", "utf-8")
        case ["draw"]:
            PICTURE.write_text(draw(json.loads(SESSION.read_text("utf-8"))), "utf-8")
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    return 0


def parts() -> tuple[str, str, str]:
    """The text before the typed lines, those lines, and the text after them."""
    lines = FILE.read_text("utf-8").splitlines(keepends=True)
    start, end = TYPED
    typed = "".join(lines[start - 1 : end])
    indent = typed[: len(typed) - len(typed.lstrip())]
    before = "".join(lines[: start - 1]) + indent
    return before, typed.strip(), "\n" + "".join(lines[end:])


def record(server: Path) -> dict[str, Any]:
    """Types the lines; returns the session with the machine it ran on."""
    before, typed, after = parts()
    with Server(server) as running:
        frames = list(Typist(running, before, typed, after).frames())
    return {"machine": _machine(), "frames": [it.as_json() for it in frames]}


def _machine() -> str:
    names = [
        line for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line
    ]
    return f"{os.cpu_count()} cores of {names[0].partition(':')[2].strip()}"


@dataclass(frozen=True)
class Line:
    """A line of code: runs of text with a class of `STYLE`, or none."""

    runs: tuple[tuple[str, str], ...]

    def svg(self, name: str) -> str:
        """A definition of the line, to be used by its name."""
        parts = [
            f'<tspan class="{kind}">{escape(text)}</tspan>' if kind else escape(text)
            for kind, text in self.runs
        ]
        return f'<text id="{name}">{"".join(parts)}</text>'


def coloured(code: str, suggestion: str, after: str) -> list[Line]:
    """The lines of a document, with the suggestion in grey between code and the rest."""
    marks: list[tuple[str, str]] = []
    end = len(code)
    position = 0
    for kind, text in PythonLexer(stripnl=False, ensurenl=False).get_tokens(code + after):
        style = _style(kind)
        head = text[: max(end - position, 0)]
        if head:
            marks.append((style, head))
        if position <= end <= position + len(text) and suggestion:
            marks.append(("g", suggestion))
            suggestion = ""
        if text[len(head) :]:
            marks.append((style, text[len(head) :]))
        position += len(text)
    if suggestion:
        marks.append(("g", suggestion))
    lines: list[list[tuple[str, str]]] = [[]]
    for style, text in marks:
        for n, part in enumerate(text.split("\n")):
            if n:
                lines.append([])
            if part:
                lines[-1].append((style, part))
    return [Line(tuple(it)) for it in lines]


def _style(kind: _TokenType) -> str:
    for group, name in (
        (Keyword, "k"), (String, "s"), (Comment, "c"), (Name.Function, "f"), (Name.Class, "f"),
        (Literal, "l"), (Name.Builtin, "l"),
    ):  # fmt: skip
        if kind in group:
            return name
    return ""


def draw(session: dict[str, Any]) -> str:
    """The session as an animated SVG."""
    before, typed, after = parts()
    frames = [Frame(**it) for it in session["frames"]]
    names: dict[Line, str] = {}
    first, last = SHOWN
    n_lines = last - first + 1
    height = TOP + n_lines * LINE + 46
    length_s = frames[-1].at_s + LAST_S
    drawn = []
    for n, frame in enumerate(frames):
        code = before + frame.typed
        lines = coloured(code, frame.suggestion, after)
        shown = lines[first - 1 :][:n_lines]
        uses = []
        for row, line in enumerate(shown):
            if line.runs:
                name = names.setdefault(line, f"l{len(names)}")
                uses.append(f'<use href="#{name}" x="{LEFT}" y="{TOP + row * LINE}"/>')
        row = code.count("\n") - first + 1
        column = len(code) - code.rfind("\n") - 1
        x, y = LEFT + column * CHAR, TOP + row * LINE - 14
        uses.append(f'<rect class="cursor" x="{x:.1f}" y="{y}" width="2" height="18"/>')
        uses.append(_caption(frame, frames[: n + 1], height))
        end_s = frames[n + 1].at_s if n + 1 < len(frames) else length_s
        drawn.append(_visible("".join(uses), frame.at_s, end_s, length_s))
    numbers = "".join(
        f'<text class="n" x="{LEFT - 16}" y="{TOP + row * LINE}" text-anchor="end">'
        f"{first + row}</text>"
        for row in range(n_lines)
    )
    definitions = "\n".join(line.svg(name) for line, name in names.items())
    title = f"routes.py — Foretell, in real time, on {session['machine']}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" '
        f'height="{height}" role="img" aria-label="Code is typed; grey suggestions appear at the '
        f'cursor, grow, and are accepted with Tab">\n<style>{STYLE}</style>\n'
        f"<defs>\n{definitions}\n</defs>\n"
        f'<rect class="bg" x=".5" y=".5" width="{WIDTH - 1}" height="{height - 1}" rx="8"/>\n'
        f'<rect class="bar" x="1" y="1" width="{WIDTH - 2}" height="31" rx="8"/>\n'
        f'<text class="title" x="{LEFT}" y="21">{escape(title)}</text>\n{numbers}\n'
        + "\n".join(drawn)
        + "\n</svg>\n"
    )


def _visible(content: str, start_s: float, end_s: float, length_s: float) -> str:
    """A group that is visible from one time to another. The last one is, without animation."""
    is_last = end_s >= length_s
    times, values = [0.0, start_s / length_s], ["hidden", "visible"]
    if start_s == 0 or times[1] < 1e-6:
        times, values = [0.0], ["visible"]
    if not is_last:
        times.append(end_s / length_s)
        values.append("hidden")
    return (
        f'<g visibility="{"visible" if is_last else "hidden"}"><animate attributeName="visibility" '
        f'calcMode="discrete" dur="{length_s:.2f}s" repeatCount="indefinite" '
        f'keyTimes="{";".join(f"{it:.5f}" for it in times)}" values="{";".join(values)}"/>'
        f"{content}</g>"
    )


def _caption(frame: Frame, so_far: list[Frame], height: int) -> str:
    """The last key, and how long the suggestion took."""
    y = height - 16
    label = {" ": "Space"}.get(frame.key, frame.key)
    width = 18 + CHAR * len(label)
    parts = []
    if label:
        parts.append(
            f'<rect class="key" x="{LEFT}" y="{y - 16}" width="{width:.0f}" height="23" rx="5"/>'
            f'<text class="keytext" x="{LEFT + 9}" y="{y}">{escape(label)}</text>'
        )
    keys = [it.key for n, it in enumerate(so_far) if n == 0 or it.typed != so_far[n - 1].typed]
    n_keys = sum(1 for key in keys if key)
    plural = "" if n_keys == 1 else "s"
    note = f"{len(frame.typed)} characters with {n_keys} key{plural}" if n_keys else ""
    if frame.latency_ms is not None:
        note = f"suggestion after {_milliseconds(frame.latency_ms)}"
    parts.append(f'<text class="note" x="{LEFT + 78}" y="{y}">{note}</text>')
    return "".join(parts)


def _milliseconds(value: float) -> str:
    return f"{value:.0f} ms" if value >= 10 else f"{value:.1f} ms"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

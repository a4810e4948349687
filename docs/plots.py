"""Draws tables of the documentation as plots: docs/plots/*.svg, for light and dark pages.

`make docs-generated` runs it; a test compares the plots with the tables.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from pathlib import Path

DOCS = Path(__file__).resolve().parent
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 640, 340, 62, 20, 54, 60
STYLE = """\
text { font: 13px system-ui, sans-serif; fill: #1f2328 }
.title { font-weight: 600; font-size: 15px }
.bg { fill: #ffffff } .axis { stroke: #818b98 } .grid { stroke: #d1d9e0 } .small { fill: #59636e }
.c0 { fill: #0969da; stroke: #0969da } .c1 { fill: #bc4c00; stroke: #bc4c00 }
.line { fill: none; stroke-width: 2 }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 } .bg { fill: #0d1117 } .grid { stroke: #30363d } .small { fill: #9198a1 }
.c0 { fill: #58a6ff; stroke: #58a6ff } .c1 { fill: #f0883e; stroke: #f0883e } .line { fill: none }
}
"""


@dataclass(frozen=True)
class Series:
    """Values with a name, one for each label of a plot."""

    name: str
    values: list[float]


def plots() -> dict[str, str]:
    """The plots by file name."""
    evaluation, engine = (DOCS / "eval.md").read_text(), (DOCS / "engine.md").read_text()
    thresholds = table(evaluation, "| threshold, `held_out` |")[1:]
    predicted = table(evaluation, "| predicted, `held_out` |")
    speeds = [row for row in table(engine, "| | foretell | llama.cpp |", 2) if "prefill" in row[0]]
    return {
        "thresholds.svg": lines(
            "How many suggestions appear, and how many are right",
            "minimum probability",
            "%",
            [row[0] for row in thresholds],
            [
                Series("right when shown", [number(row[2]) for row in thresholds]),
                Series("places with a suggestion", [number(row[1]) for row in thresholds]),
            ],
        ),
        "calibration.svg": lines(
            "Texts that are right, by the model's calibrated probability",
            "predicted",
            "share",
            [row[0] for row in predicted],
            [
                Series("measured", [number(row[1]) for row in predicted]),
                Series("perfect", [number(row[0]) for row in predicted]),
            ],
        ),
        "prefill.svg": bars(
            "Prefill with w8a8, 2 cores of an EPYC",
            "tokens in the prompt",
            "tokens per second",
            [row[0].removeprefix("prefill of ") for row in speeds],
            [
                Series("Foretell", [number(row[1]) for row in speeds]),
                Series("llama.cpp (Q4_K_M)", [number(row[2]) for row in speeds]),
            ],
        ),
    }


def table(page: str, head: str, occurrence: int = 1) -> list[list[str]]:
    """The rows of the table whose first line begins with `head`, counted from 1."""
    rows = page.split("\n" + head)[occurrence].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def number(cell: str) -> float:
    """The number that a cell begins with."""
    return float(cell.split()[0].replace(",", ""))


def lines(title: str, x: str, y: str, labels: list[str], series: list[Series]) -> str:
    """A plot with a line for each series."""
    plot = _Plot(labels, series)
    parts = []
    for n, one in enumerate(series):
        points = [(plot.x(i), plot.y(value)) for i, value in enumerate(one.values)]
        path = " ".join(f"{px:.1f},{py:.1f}" for px, py in points)
        parts.append(f'<polyline class="c{n} line" points="{path}"/>')
        parts += [f'<circle class="c{n}" cx="{px:.1f}" cy="{py:.1f}" r="3"/>' for px, py in points]
    return plot.svg(title, x, y, parts)


def bars(title: str, x: str, y: str, labels: list[str], series: list[Series]) -> str:
    """A plot with a group of bars for each label."""
    plot = _Plot(labels, series)
    width = plot.step * 0.7 / len(series)
    parts = []
    for n, one in enumerate(series):
        for i, value in enumerate(one.values):
            left = plot.x(i) + (n - len(series) / 2) * width
            top, bottom = plot.y(value), plot.y(0)
            parts.append(
                f'<rect class="c{n}" x="{left:.1f}" y="{top:.1f}" width="{width - 3:.1f}" '
                f'height="{bottom - top:.1f}"/>'
                f'<text class="small" x="{left + width / 2:.1f}" y="{top - 5:.1f}" '
                f'text-anchor="middle">{value:g}</text>'
            )
    return plot.svg(title, x, y, parts)


class _Plot:
    """The axes of a plot: labels at equal distances, values from 0 up."""

    def __init__(self, labels: list[str], series: list[Series]) -> None:
        self.labels, self.series = labels, series
        largest = max(value for one in series for value in one.values)
        steps = (0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500)
        self.grid = next(it for it in steps if largest / it <= 6)
        self.top = self.grid * -(-largest // self.grid)
        self.step = (WIDTH - LEFT - RIGHT) / len(labels)

    def x(self, index: int) -> float:
        return LEFT + (index + 0.5) * self.step

    def y(self, value: float) -> float:
        return HEIGHT - BOTTOM - value / self.top * (HEIGHT - TOP - BOTTOM)

    def svg(self, title: str, x: str, y: str, parts: list[str]) -> str:
        frame = [
            f'<text class="title" x="{LEFT}" y="22">{escape(title)}</text>',
            f'<text class="small" x="{LEFT}" y="42">{escape(y)}</text>',
        ]
        for n in range(round(self.top / self.grid) + 1):
            at = self.y(n * self.grid)
            kind = "grid" if n else "axis"
            frame.append(
                f'<path class="{kind}" d="M{LEFT} {at:.1f}H{WIDTH - RIGHT}"/>'
                f'<text class="small" x="{LEFT - 8}" y="{at + 4:.1f}" text-anchor="end">'
                f"{n * self.grid:g}</text>"
            )
        for i, label in enumerate(self.labels):
            text = label.replace("`", "").replace("(", "").replace(")", "")
            for row, word in enumerate(text.split()):
                frame.append(
                    f'<text class="small" x="{self.x(i):.1f}" y="{HEIGHT - 42 + 14 * row}" '
                    f'text-anchor="middle">{escape(word)}</text>'
                )
        frame.append(
            f'<text class="small" x="{WIDTH - RIGHT}" y="{HEIGHT - 6}" text-anchor="end">'
            f"{escape(x)}</text>"
        )
        for n, one in enumerate(self.series):
            at_x = WIDTH - RIGHT - 190 * (len(self.series) - n)
            frame.append(
                f'<rect class="c{n}" x="{at_x}" y="34" width="10" height="10"/>'
                f'<text x="{at_x + 16}" y="43">{escape(one.name)}</text>'
            )
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
            f'width="{WIDTH}" height="{HEIGHT}" role="img" aria-label="{escape(title)}">\n'
            f"<style>{STYLE}</style>\n"
            f'<rect class="bg" width="{WIDTH}" height="{HEIGHT}" rx="6"/>\n'
            + "\n".join([*frame, *parts])
            + "\n</svg>\n"
        )


if __name__ == "__main__":
    for name, text in plots().items():
        (DOCS / "plots" / name).write_text(text, "utf-8")

"""A terminal's screen: characters with colours, which can be saved as text and as SVG."""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape
from pathlib import Path

CELL_WIDTH, CELL_HEIGHT, FONT_SIZE = 8.4, 18, 14


@dataclass(frozen=True)
class Style:
    """The style of a character; colours are 0xRRGGBB."""

    foreground: int
    background: int
    bold: bool = False
    italic: bool = False
    struck: bool = False


@dataclass
class Screen:
    """Rows of (character, style)."""

    cells: list[list[tuple[str, Style]]]
    cursor: tuple[int, int]
    background: int = 0
    title: str = field(default="")
    # When it was drawn, by `time.monotonic()`.
    at_s: float = 0.0

    def lines(self) -> list[str]:
        return ["".join(char for char, _ in row).rstrip() for row in self.cells]

    def coloured(self, foreground: int) -> str:
        """The text in one foreground colour, without blank lines."""
        rows = (
            "".join(char for char, style in row if style.foreground == foreground)
            for row in self.cells
        )
        return "\n".join(row.rstrip() for row in rows if row.strip())

    def struck(self) -> str:
        """The text that is struck through, without blank lines."""
        rows = ("".join(char for char, style in row if style.struck) for row in self.cells)
        return "\n".join(row for row in rows if row.strip())

    def save(self, path: Path) -> None:
        """Writes the screen as a .svg and a .txt file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_suffix(".txt").write_text("\n".join(self.lines()) + "\n")
        path.with_suffix(".svg").write_text(self._svg())

    def _svg(self) -> str:
        width = CELL_WIDTH * len(self.cells[0])
        height = CELL_HEIGHT * len(self.cells)
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-12 -12 {width + 24:.1f} '
            f'{height + 24}" font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" '
            f'font-size="{FONT_SIZE}">',
            f'<rect x="-12" y="-12" width="{width + 24:.1f}" height="{height + 24}" rx="8" '
            f'fill="#{self.background:06x}"/>',
        ]
        row, column = self.cursor
        parts.append(_rect(column, row, 0.25, 0xE0E2EA))
        for y, cells in enumerate(self.cells):
            for x, text, style in _runs(cells):
                if style.background != self.background:
                    parts.append(_rect(x, y, len(text), style.background))
                if text.strip():
                    parts.append(_text(x, y, text, style))
        return "\n".join([*parts, "</svg>\n"])


def _runs(cells: list[tuple[str, Style]]) -> list[tuple[int, str, Style]]:
    runs: list[tuple[int, str, Style]] = []
    for x, (char, style) in enumerate(cells):
        if runs and runs[-1][2] == style:
            start, text, _ = runs[-1]
            runs[-1] = (start, text + char, style)
        else:
            runs.append((x, char, style))
    return runs


def _rect(x: float, y: int, width: float, colour: int) -> str:
    return (
        f'<rect x="{x * CELL_WIDTH:.1f}" y="{y * CELL_HEIGHT}" '
        f'width="{width * CELL_WIDTH:.1f}" height="{CELL_HEIGHT}" fill="#{colour:06x}"/>'
    )


def _text(x: int, y: int, text: str, style: Style) -> str:
    look = ' font-weight="bold"' if style.bold else ""
    look += ' font-style="italic"' if style.italic else ""
    look += ' text-decoration="line-through"' if style.struck else ""
    return (
        f'<text x="{x * CELL_WIDTH:.1f}" y="{y * CELL_HEIGHT + 13.5}" xml:space="preserve" '
        f'textLength="{len(text) * CELL_WIDTH:.1f}" fill="#{style.foreground:06x}"{look}>'
        f"{escape(text)}</text>"
    )

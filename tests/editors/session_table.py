"""Prints the reports of `test_session.py` as one table.

usage: session_table.py FOLDER
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

ROWS = {
    "keys": "n_keys",
    "keys until the first suggestion in a new file": "keys_until_first_suggestion",
    "agreeing keys": "n_agreeing_keys",
    "agreeing keys with a lost frame": "n_keys_with_lost_frames",
    "lost frames": "n_lost_frames",
    "wrong frames": "n_wrong_frames",
    "shrunk frames": "n_shrunk_frames",
    "keys while a menu was open": "n_keys_with_menu",
    "suggestions only on request": "n_requested",
    "steps without a suggestion": "missed",
    "key to frame, ms (median, p95)": "key_to_frame_ms",
    "key to suggestion, ms (median, p95)": "key_to_suggestion_ms",
    "accepting is one undo step": "is_accept_one_undo_step",
}


def cell(value: Any) -> str:
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case dict():
            return ", ".join(cell(it) for it in value.values())
        case list():
            return str(len(value))
    return str(value)


def main(folder: Path) -> None:
    reports = [json.loads(it.read_text()) for it in sorted(folder.glob("session-*.json"))]
    rows = [["one session in each editor", *(it["editor"] for it in reports)]]
    rows += [[label, *(cell(it[name]) for it in reports)] for label, name in ROWS.items()]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for first, *rest in rows:
        cells = (it.rjust(width) for it, width in zip(rest, widths[1:], strict=True))
        print("  ".join([first.ljust(widths[0]), *cells]).rstrip())


if __name__ == "__main__":
    main(Path(sys.argv[1]))

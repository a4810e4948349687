"""Progress: a bar on a terminal, plain lines otherwise."""

import json
import os
import pty
import subprocess
import sys
import termios

SCRIPT = """
from foretell_models.progress import Progress
with Progress("fetching toy", 10_000_000) as progress:
    for _ in range(20):
        progress.advance(500_000)
"""


def on_a_terminal():
    """What the script prints if stderr is a terminal."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    subprocess.run([sys.executable, "-c", SCRIPT], stderr=theirs, check=True)
    os.close(theirs)
    seen = b""
    try:
        while chunk := os.read(ours, 4096):
            seen += chunk
    except OSError:  # Linux raises EIO after the last writer has closed its side.
        pass
    os.close(ours)
    return seen.decode()


def test_terminal_gets_progress_bar():
    seen = on_a_terminal()
    assert "\rfetching toy: " in seen and "10.0M" in seen
    assert "fetching toy: 50 %" not in seen


def test_pipe_gets_plain_lines():
    result = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True
    )
    lines = result.stderr.splitlines()
    assert lines[:3] == ["fetching toy ...", "fetching toy: 10 %", "fetching toy: 20 %"]
    assert lines[-1].startswith("fetching toy: done in ") and len(lines) == 12
    assert "\r" not in result.stderr


def test_editor_gets_json_lines():
    result = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={**os.environ, "FORETELL_PROGRESS": "json"},
        capture_output=True,
        text=True,
        check=True,
    )
    *progress, last = result.stderr.splitlines()
    assert [json.loads(line)["done_bytes"] for line in progress] == list(
        range(0, 10_000_001, 500_000)
    )
    assert json.loads(progress[1]) == {
        "message": "fetching toy",
        "done_bytes": 500_000,
        "total_bytes": 10_000_000,
    }
    assert last.startswith("fetching toy: done in ")

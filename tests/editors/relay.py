"""Relays between an editor and a language server, and records when their messages passed.

usage: relay.py LOG PROGRAM [ARGUMENT...]

Each request for a suggestion, its response, each reason for an empty one, each position of the
cursor at rest and each line of the server's log is appended to LOG, one JSON object per line, with
the time of the monotonic clock. Commands other than `serve` run directly.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO, Any

METHOD = "textDocument/inlineCompletion"


def read(source: IO[bytes]) -> bytes | None:
    """The next message with its header."""
    header = b""
    while not header.endswith(b"\r\n\r\n"):
        line = source.readline()
        if not line:
            return None
        header += line
    (n_bytes,) = (
        int(line.split(b":")[1])
        for line in header.splitlines()
        if line.lower().startswith(b"content-length:")
    )
    return header + source.read(n_bytes)


class Log:
    """Appends what matters of a message; both directions write to it."""

    def __init__(self, path: Path) -> None:
        self.file = path.open("a")
        self.lock = threading.Lock()
        self.pending: set[Any] = set()

    def write(self, message: dict[str, Any], at_s: float, is_from_server: bool) -> None:
        id_, params = message.get("id"), message.get("params") or {}
        facts: dict[str, Any] | None = None
        if message.get("method") == METHOD:
            self.pending.add(id_)
            facts = {"request": id_}
        elif is_from_server and id_ in self.pending and "method" not in message:
            self.pending.discard(id_)
            result = message.get("result") or []
            items = result if isinstance(result, list) else result["items"]
            facts = {"response": id_, "n_items": len(items), "is_error": "error" in message}
        elif message.get("method") == "textDocument/didFocus":
            facts = {"focus": params.get("position")}
        elif message.get("method") == "foretell/status" and params.get("reason"):
            facts = {"reason": params["reason"]}
        if facts:
            self.add(at_s, facts)

    def add(self, at_s: float, facts: dict[str, Any]) -> None:
        with self.lock:
            self.file.write(json.dumps({"at_s": at_s, **facts}) + "\n")
            self.file.flush()


def relay(source: IO[bytes], target: IO[bytes], log: Log, is_from_server: bool) -> None:
    while message := read(source):
        # Before it is passed on: a response must not be logged before its request.
        content = json.loads(message.split(b"\r\n\r\n", 1)[1])
        log.write(content, time.monotonic(), is_from_server)
        target.write(message)
        target.flush()
    target.close()


def relay_log(source: IO[bytes], log: Log) -> None:
    for line in source:
        log.add(time.monotonic(), {"log": line.decode().rstrip()})
        sys.stderr.buffer.write(line)
        sys.stderr.buffer.flush()


def main(log: Path, *command: str) -> None:
    if "serve" not in command:
        os.execv(command[0], command)
    pipe = subprocess.PIPE
    server = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe)
    assert server.stdin and server.stdout and server.stderr
    shared = Log(log)
    shared.add(time.monotonic(), {"pid": server.pid})
    for run, *arguments in (
        (relay, sys.stdin.buffer, server.stdin, shared, False),
        (relay_log, server.stderr, shared),
    ):
        threading.Thread(target=run, args=arguments, daemon=True).start()
    relay(server.stdout, sys.stdout.buffer, shared, True)
    sys.exit(server.wait())


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])

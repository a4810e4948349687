"""A language server for tests of what an editor draws and sends: it suggests the rest of a text.

usage: scripted_server.py FOLDER

FOLDER/target is the text that the user is about to write. If a document starts with the same
characters up to the cursor, the rest of the target is the suggestion, without what follows the
cursor; it replaces closing brackets that follow on the cursor's line. Every message of the editor
is appended to FOLDER/messages, one JSON object per line, and each line that a test appends to
FOLDER/notifications is sent before the next response.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

FOLDER = Path(sys.argv[1])
CAPABILITIES = {
    "positionEncoding": "utf-16",
    "textDocumentSync": {"openClose": True, "change": 1},
    "inlineCompletionProvider": True,
    "executeCommandProvider": {"commands": ["foretell.accept", "foretell.stats"]},
}


def read() -> dict[str, Any] | None:
    n_bytes = 0
    while line := sys.stdin.buffer.readline().strip():
        if line.lower().startswith(b"content-length:"):
            n_bytes = int(line.split(b":")[1])
    if n_bytes == 0:
        return None
    message: dict[str, Any] = json.loads(sys.stdin.buffer.read(n_bytes))
    with (FOLDER / "messages").open("a") as log:
        log.write(json.dumps(message) + "\n")
    return message


def send(message: dict[str, Any]) -> None:
    body = json.dumps({"jsonrpc": "2.0", **message}).encode()
    sys.stdout.buffer.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
    sys.stdout.buffer.flush()


def send_notifications() -> None:
    path = FOLDER / "notifications"
    if path.exists():
        lines = path.read_text().splitlines()
        path.unlink()
        for line in lines:
            send(json.loads(line))


def items(text: str, at: dict[str, int]) -> list[dict[str, Any]]:
    lines = text.split("\n")
    before = "\n".join([*lines[: at["line"]], lines[at["line"]][: at["character"]]])
    after = text[len(before) :]
    target = (FOLDER / "target").read_text()
    rest, n_replaced = target[len(before) :].removesuffix(after), 0
    closers = after.split("\n")[0]
    if closers and set(closers) <= set(")]}"):  # like the real server
        rest, n_replaced = target[len(before) :].removesuffix(after[len(closers) :]), len(closers)
    if not target.startswith(before) or not rest:
        return []
    command = {"title": "", "command": "foretell.accept", "arguments": [len(rest)]}
    end = {**at, "character": at["character"] + n_replaced}
    return [{"insertText": rest, "range": {"start": at, "end": end}, "command": command}]


def serve() -> None:
    texts: dict[str, str] = {}
    while message := read():
        method, params = message.get("method"), message.get("params") or {}
        result: Any = None
        match method:
            case "exit":
                return
            case "initialize":
                result = {"capabilities": CAPABILITIES}
            case "initialized":
                send({"method": "foretell/status", "params": {"state": "ready"}})
            case "textDocument/didOpen":
                texts[params["textDocument"]["uri"]] = params["textDocument"]["text"]
            case "textDocument/didChange":
                texts[params["textDocument"]["uri"]] = params["contentChanges"][-1]["text"]
            case "textDocument/inlineCompletion":
                text = texts[params["textDocument"]["uri"]]
                result = {"items": items(text, params["position"])}
        if "id" in message and method:
            send_notifications()
            send({"id": message["id"], "result": result})


serve()

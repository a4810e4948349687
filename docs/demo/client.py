"""A small editor without a screen: types into the real server and records what it would show."""

from __future__ import annotations

import json
import queue
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Pace:
    """The time between two keys, and the time to read a suggestion before it is accepted."""

    key_s: float
    reading_s: float


#: 80 words per minute.
HUMAN = Pace(key_s=0.15, reading_s=0.8)
#: A shorter suggestion is typed rather than accepted.
WORTH_ACCEPTING = 6
URI = "file:///demo"
UPDATE = "foretell/inlineCompletion/update"


@dataclass(frozen=True)
class Frame:
    """What an editor shows from a time on."""

    at_s: float
    #: The text between the place where typing began and the cursor.
    typed: str
    #: The grey text at the cursor.
    suggestion: str
    #: The last key: a character, `Enter` or `Tab`.
    key: str
    #: The milliseconds from the key to this suggestion, or None without one.
    latency_ms: float | None

    def as_json(self) -> dict[str, Any]:
        """The frame as a JSON object."""
        return asdict(self)


class Server:
    """A running `foretell serve`, with settings that override the user's."""

    def __init__(self, program: Path, settings: dict[str, Any] | None = None) -> None:
        self._settings = settings or {}
        command = [str(program), "serve"]
        pipe = subprocess.PIPE
        self._child = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL)
        self._messages: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._next_id = 0
        threading.Thread(target=self._read, daemon=True).start()

    def __enter__(self) -> Server:
        options = {"status": True, "streaming": True, "settings": self._settings}
        capabilities = {
            "general": {"positionEncodings": ["utf-16"]},
            "textDocument": {"inlineCompletion": {}},
        }
        parameters = {"processId": None, "rootUri": None, "capabilities": capabilities}
        first = self.request("initialize", {**parameters, "initializationOptions": options})
        while (message := self.next(60)) is not None and message.get("id") != first:
            pass
        self.notify("initialized", {})
        while (message := self.next(60)) is not None:
            state = message.get("params", {}).get("state")
            if message.get("method") == "foretell/status" and state != "loading":
                if state == "failed":
                    raise RuntimeError(message["params"]["message"])
                return self
        raise RuntimeError("the server ended")

    def __exit__(self, *_: object) -> None:
        self.request("shutdown", None)
        self.notify("exit", None)
        self._child.wait(10)

    def request(self, method: str, params: Any) -> int:
        """Sends a request; returns its id."""
        self._next_id += 1
        self._write({"id": self._next_id, "method": method, "params": params})
        return self._next_id

    def notify(self, method: str, params: Any) -> None:
        """Sends a notification."""
        self._write({"method": method, "params": params})

    def open(self, uri: str, text: str) -> None:
        """Opens a Python document."""
        document = {"uri": uri, "languageId": "python", "version": 1, "text": text}
        self.notify("textDocument/didOpen", {"textDocument": document})

    def ask(self, uri: str, version: int, before: str) -> int:
        """Requests a suggestion after a text, with which the document begins; returns the id."""
        document = {"uri": uri, "version": version}
        position = position_after(before)
        at = {"textDocument": document, "position": position, "context": {"triggerKind": 2}}
        return self.request("textDocument/inlineCompletion", at)

    def next(self, timeout_s: float) -> dict[str, Any] | None:
        """The next message, or None after the time or at the end of the server."""
        try:
            return self._messages.get(timeout=max(timeout_s, 0))
        except queue.Empty:
            return None

    def _write(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self._child.stdin is not None
        self._child.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self._child.stdin.flush()

    def _read(self) -> None:
        out = self._child.stdout
        assert out is not None
        while header := out.readline():
            length = int(header.split(b":")[1])
            out.readline()
            self._messages.put(json.loads(out.read(length)))
        self._messages.put(None)


class Typist:
    """Types a text between two others, and accepts a suggestion if it is what comes next."""

    def __init__(
        self, server: Server, before: str, text: str, after: str, pace: Pace = HUMAN
    ) -> None:
        self.server, self.before, self.text, self.pace = server, before, text, pace
        self._typed = self._suggestion = ""
        self._version = 1
        self._start = self._key_at = 0.0
        server.open(URI, before + after)

    def wait_for_model(self) -> None:
        """Waits until the server has prefilled the prompt, and answers."""
        asked = self.server.ask(URI, self._version, self.before)
        while (message := self.server.next(60)) is not None and message.get("id") != asked:
            pass

    def frames(self) -> Iterator[Frame]:
        """Types the whole text; yields what is shown after each key and each update."""
        self._start = self._key_at = time.monotonic()
        yield from self._ask(self.pace.reading_s, "")
        while left := self.text[len(self._typed) :]:
            if len(self._suggestion) >= WORTH_ACCEPTING and left.startswith(self._suggestion):
                key, new = "Tab", self._suggestion
            else:
                # As in editors, a line break brings its indentation.
                new = left[: len(left) - len(left[1:].lstrip(" "))] if left[0] == "\n" else left[0]
                key = "Enter" if left[0] == "\n" else new
            at_s = self._insert(new)
            rest = self._suggestion[len(new) :] if self._suggestion.startswith(new) else ""
            if key == "Tab" or not rest:
                self._suggestion = ""
                yield self._frame(at_s, key, None)
            else:
                self._suggestion = rest
            yield from self._ask(self.pace.key_s, key)
            if left.startswith(new + self._suggestion) and len(self._suggestion) >= WORTH_ACCEPTING:
                yield from self._wait(self.pace.reading_s)

    def _insert(self, new: str) -> float:
        self._key_at = time.monotonic()
        self._version += 1
        at = position_after(self.before + self._typed)
        change = {"range": {"start": at, "end": at}, "text": new}
        document = {"uri": URI, "version": self._version}
        parameters = {"textDocument": document, "contentChanges": [change]}
        self.server.notify("textDocument/didChange", parameters)
        self._typed += new
        return self._key_at - self._start

    def _ask(self, patience_s: float, key: str) -> Iterator[Frame]:
        self._id = self.server.ask(URI, self._version, self.before + self._typed)
        self._key = key
        yield from self._wait(patience_s)

    def _wait(self, patience_s: float) -> Iterator[Frame]:
        """Yields the suggestions that arrive in a time."""
        until = time.monotonic() + patience_s
        while (message := self.server.next(until - time.monotonic())) is not None:
            parameters = message.get("params", {})
            if message.get("id") == self._id and "result" in message:
                text = answered(message)
            elif message.get("method") == UPDATE and parameters["textDocument"] == {
                "uri": URI,
                "version": self._version,
            }:
                text = parameters["item"]["insertText"]
            else:
                continue
            now = time.monotonic()
            self._suggestion = text
            latency_ms = round((now - self._key_at) * 1e3, 1) if text else None
            yield self._frame(now - self._start, self._key, latency_ms)
        time.sleep(max(until - time.monotonic(), 0))

    def _frame(self, at_s: float, key: str, latency_ms: float | None) -> Frame:
        return Frame(round(at_s, 3), self._typed, self._suggestion, key, latency_ms)


def answered(response: dict[str, Any]) -> str:
    """The text of a response to [`Server.ask`], which may be empty."""
    items = response["result"]["items"]
    return str(items[0]["insertText"]) if items else ""


def position_after(text: str) -> dict[str, int]:
    """The position at the end of a text."""
    return {"line": text.count("\n"), "character": len(text) - text.rfind("\n") - 1}

"""`engine.kind = "remote"` with a real llama.cpp server on loopback and the default model."""

import json
import os
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import xllamacpp
from foretell_models import catalogue, fetch, files, paths

ROOT = Path(__file__).resolve().parent.parent.parent
FORETELL = ROOT / "target/release/foretell"
MODEL = "qwen2.5-coder-0.5b"
#: Longer than any successful step takes on a slow machine.
TIMEOUT_S = 300


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The server's address."""
    with files.lock(paths.lock_file(MODEL)):
        checkpoint = fetch.fetch(catalogue.find(MODEL))
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(checkpoint)
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = 0
    parameters.n_ctx = 4096
    parameters.n_parallel = 1
    parameters.endpoint_slots = True
    running = xllamacpp.Server(parameters)
    yield running.listening_address
    del running


@pytest.fixture
def environment(server: str, tmp_path: Path) -> dict[str, str]:
    """An environment whose settings use the server."""
    settings = tmp_path / "foretell/foretell.toml"
    settings.parent.mkdir()
    settings.write_text(
        "[engine]\nkind = 'remote'\n"
        f"[engine.remote]\nurl = '{server}'\nmodel = '{MODEL}'\ntimeout_ms = {TIMEOUT_S * 1000}\n"
        # The generation must take long enough to be superseded while it runs.
        "[suggest]\nmax_tokens = 1024\nmax_lines = 100\ncompute_ahead = false\n"
        "[stats]\nkeep = false\n"
    )
    return {**os.environ, "XDG_CONFIG_HOME": str(tmp_path)}


def slot(server: str) -> dict[str, Any]:
    """The state of the server's only slot."""
    with urllib.request.urlopen(f"{server}/slots", timeout=TIMEOUT_S) as answer:
        slots: list[dict[str, Any]] = json.load(answer)
    return slots[0]


def wait_until(server: str, is_processing: bool) -> dict[str, Any]:
    """Polls until the slot is busy or idle; returns its state."""
    end = time.monotonic() + TIMEOUT_S
    while time.monotonic() < end:
        if (it := slot(server))["is_processing"] == is_processing:
            return it
        time.sleep(0.01)
    raise AssertionError(f"the server is_processing != {is_processing} for {TIMEOUT_S} s")


def test_server_completes_line(environment: dict[str, str]) -> None:
    command = [FORETELL, "complete", "--json", "docs/demo/word_counts.rs:8"]
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    answer = json.loads(run.stdout)
    print(answer)
    assert answer["text"].startswith("split"), answer
    assert answer["generated"] > 0 and answer["first_token_ms"] > 0


class Editor:
    """A minimal client of the Foretell server."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            [FORETELL, "serve"], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        options = {"status": True, "streaming": True}
        params = {"capabilities": {}, "initializationOptions": options}
        self.send("initialize", params, id=1)
        self.wait(lambda it: it.get("id") == 1)
        self.send("initialized", {})
        # Requests before that get an empty result.
        self.wait(
            lambda it: it.get("method") == "foretell/status" and it["params"]["state"] == "ready"
        )

    def send(self, method: str, params: Any, **more: Any) -> None:
        body = json.dumps({"jsonrpc": "2.0", "method": method, "params": params, **more}).encode()
        assert self.process.stdin is not None
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self.process.stdin.flush()

    def wait(self, is_wanted: Any) -> dict[str, Any]:
        assert self.process.stdout is not None
        while True:
            header = self.process.stdout.readline()
            assert header, "the server has exited"
            length = int(header.split(b":")[1])
            self.process.stdout.readline()
            message: dict[str, Any] = json.loads(self.process.stdout.read(length))
            if is_wanted(message):
                return message


def test_server_stops_when_request_is_superseded(server: str, environment: dict[str, str]) -> None:
    editor = Editor(environment)
    text = "# Every letter of the alphabet with a word\nWORDS = {\n    'a': 'apple',\n"
    document = {"uri": "file:///a.py", "languageId": "python", "version": 1, "text": text}
    editor.send("textDocument/didOpen", {"textDocument": document})
    position = {"line": 3, "character": 0}
    at = {"textDocument": {"uri": "file:///a.py"}, "position": position}
    editor.send("textDocument/inlineCompletion", {**at, "context": {"triggerKind": 2}}, id=2)
    wait_until(server, is_processing=True)
    # The first result arrives while most of the text is not yet generated.
    shown = editor.wait(lambda it: it.get("id") == 2)
    print(shown)
    version = {"uri": "file:///a.py", "version": 2}
    change = {"range": {"start": position, "end": position}, "text": "#"}
    editor.send("textDocument/didChange", {"textDocument": version, "contentChanges": [change]})
    start = time.monotonic()
    n_decoded = wait_until(server, is_processing=False)["next_token"][0]["n_decoded"]
    print(f"idle {1e3 * (time.monotonic() - start):.0f} ms after the edit, {n_decoded} tokens")
    assert n_decoded < 100, "the server generated the whole text"
    editor.process.kill()

"""Compares `foretell serve --http-only` with llama.cpp's server, by the requests of llama.vim.

usage: http_servers.py FORETELL MODEL.gguf SECONDS FILE...   (with .venv, after `make test-remote`)

At each place, a line is typed key by key into one server after the other: the first request is at a
place that the cursor has just reached, and one follows each of the next keys. Half of the requests
are answered in full, as llama.vim asks; the others are streams, which tell when the first text is
there. A second Foretell returns the model's text as it is (`--http-raw`), as llama.cpp does.

All servers use the same weights (Foretell's default model must be imported from MODEL.gguf) and two
threads; while one is measured, the others are idle. Prints medians as JSON.
"""

from __future__ import annotations

import http.client
import json
import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

N_THREADS = 2
# Of each half of the requests.
N_KEYS = 3
# Between an answer and the next key.
PAUSE_S = 0.15
# The processor time that an idle server uses in one pause, at most.
IDLE_S = 0.015
# What llama.vim sends around the cursor, in lines.
N_BEFORE, N_AFTER = 256, 64
PLACES_PER_FILE = 4


@dataclass
class Place:
    """A line that is being typed."""

    above: list[str]
    line: str
    below: list[str]
    n_typed: int

    def request(self, n_keys: int, stream: bool) -> dict[str, Any]:
        """llama.vim's request (`llama#fim`) after so many keys."""
        typed = self.line[: self.n_typed + n_keys]
        return {
            "id_slot": 0,
            "input_prefix": "\n".join(self.above[-N_BEFORE:]) + "\n",
            "input_suffix": "\n" + "\n".join(self.below[:N_AFTER]) + "\n",
            "input_extra": [],
            "prompt": typed,
            "n_predict": 128,
            "stop": [],
            "n_indent": len(typed) - len(typed.lstrip()),
            "top_k": 40,
            "top_p": 0.9,
            "samplers": ["top_k", "top_p", "infill"],
            "stream": stream,
            "cache_prompt": True,
            "t_max_prompt_ms": 500,
            "t_max_predict_ms": 250,
        }


@dataclass
class Figures:
    """What was measured of one server, at new places and after keys."""

    answer_ms: dict[str, list[float]] = field(default_factory=lambda: {"new": [], "key": []})
    text_ms: dict[str, list[float]] = field(default_factory=lambda: {"new": [], "key": []})
    n_read: dict[str, list[int]] = field(default_factory=lambda: {"new": [], "key": []})
    n_generated: list[int] = field(default_factory=list)
    n_empty: int = 0

    def summary(self) -> dict[str, Any]:
        return {
            "answer_ms": {it: median(ms) for it, ms in self.answer_ms.items()},
            "first_text_ms": {it: median(ms) for it, ms in self.text_ms.items()},
            "tokens_prefilled": {it: median(n) for it, n in self.n_read.items()},
            "tokens_generated": round(statistics.fmean(self.n_generated or [0]), 1),
            "empty": self.n_empty,
            "answers": len(self.n_generated),
        }


def median(values: list[float] | list[int]) -> float | None:
    return round(statistics.median(values), 1) if values else None


class Server:
    def __init__(self, url: str, process_id: int) -> None:
        self.process_id = process_id
        parts = urlsplit(url)
        self.address = (str(parts.hostname), int(parts.port or 80))
        self.figures = Figures()

    def ask(self, body: dict[str, Any]) -> tuple[float, float | None, dict[str, Any]]:
        """The time to the end and to the first text in milliseconds, and the last part."""
        connection = http.client.HTTPConnection(*self.address, timeout=300)
        start = time.perf_counter()
        headers = {"Content-Type": "application/json"}
        connection.request("POST", "/infill", json.dumps(body), headers)
        response = connection.getresponse()
        first_ms, part = None, {}
        if not body["stream"]:
            part = json.loads(response.read())
        for line in response if body["stream"] else []:
            if line.startswith(b"data: {"):
                part = json.loads(line[6:])
                if part.get("content") and first_ms is None:
                    first_ms = (time.perf_counter() - start) * 1e3
        return (time.perf_counter() - start) * 1e3, first_ms, part

    def settle(self) -> None:
        """Waits until the server no longer prefills ahead of the next request."""
        before = -1.0
        while (now := self.cpu_s()) - before > IDLE_S:
            before = now
            time.sleep(PAUSE_S)

    def cpu_s(self) -> float:
        """The processor time of the server so far; llama.cpp runs in this process."""
        fields = Path(f"/proc/{self.process_id}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def measure(self, when: str, body: dict[str, Any]) -> None:
        whole_ms, first_ms, part = self.ask(body)
        if first_ms is not None:
            self.figures.text_ms[when].append(first_ms)
        if not body["stream"]:
            self.figures.answer_ms[when].append(whole_ms)
            self.figures.n_read[when].append(part["timings"]["prompt_n"])
            self.figures.n_generated.append(part["timings"]["predicted_n"])
            self.figures.n_empty += not part["content"]


def places(file: Path) -> list[Place]:
    """Places spread over a file, at the beginning of lines that are long enough."""
    lines = file.read_text().split("\n")
    found = []
    for part in range(PLACES_PER_FILE):
        for row in range(len(lines) * (2 * part + 1) // (2 * PLACES_PER_FILE), len(lines)):
            indent = len(lines[row]) - len(lines[row].lstrip())
            if len(lines[row]) - indent > 2 * N_KEYS + 2:
                found.append(Place(lines[:row], lines[row], lines[row + 1 :], indent + 2))
                break
    return found


def llama_cpp(model: Path) -> tuple[Any, Server]:
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(model)
    params.hostnames, params.port = ["127.0.0.1"], 0
    # As llama.vim's documentation starts it.
    params.n_ctx, params.n_parallel, params.n_cache_reuse = 8192, 1, 256
    params.n_batch = params.n_ubatch = 1024
    params.verbosity, params.n_gpu_layers = 0, 0
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = N_THREADS
    server = xllamacpp.Server(params)
    return server, Server(server.listening_address, os.getpid())


def foretell(program: Path, *options: str) -> tuple[subprocess.Popen[str], Server]:
    argv = [
        str(program),
        "serve",
        "--http-only",
        "--http",
        "127.0.0.1:0",
        "--threads",
        str(N_THREADS),
        *options,
    ]
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert process.stderr
    url = ""
    for line in process.stderr:
        url = line.split()[-1] if "listening on" in line else url
        if "loaded in" in line:
            return process, Server(url, process.pid)
    raise SystemExit("foretell has ended")


def main(program: str, model: str, seconds: str, *files: str) -> None:
    process, ours = foretell(Path(program))
    raw_process, raw = foretell(Path(program), "--http-raw")
    try:
        peer, theirs = llama_cpp(Path(model))
        servers = {"foretell": ours, "foretell --http-raw": raw, "llama.cpp": theirs}
        n_places = measure([*servers.values()], float(seconds), [Path(file) for file in files])
        del peer
    finally:
        process.terminate()
        raw_process.terminate()
    result = {name: server.figures.summary() for name, server in servers.items()}
    print(json.dumps({"places": n_places, **result}, indent=1))


def measure(servers: list[Server], seconds: float, files: list[Path]) -> int:
    """Types at the first places of all files, then at the second ones, until the time is up."""
    end = time.monotonic() + seconds
    for server in servers:
        server.ask(Place([], "x = 1", [], 1).request(0, False))
        server.settle()
    rows = zip(*(places(file) for file in files), strict=True)
    n_places = 0
    for place in (it for row in rows for it in row):
        if time.monotonic() > end:
            break
        for server in servers:
            for n_keys in range(2 * N_KEYS):
                # Streams first at every other place.
                body = place.request(n_keys, (n_keys < N_KEYS) == (n_places % 2 == 1))
                server.measure("key" if n_keys else "new", body)
                time.sleep(PAUSE_S)
            server.settle()
        n_places += 1
    return n_places


if __name__ == "__main__":
    main(*sys.argv[1:])

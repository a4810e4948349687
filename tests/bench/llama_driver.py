"""Drives llama.cpp for `foretell bench engine`: one line of JSON in, one line of JSON out.

usage: llama_driver.py PEER MODEL.gguf N_THREADS N_CONTEXT

PEER is a PyPI package: `xllamacpp`, whose server reports its own timings, or `llama-cpp-python`.
If it is not installed, the exit code is 3.

First prints {"load_ms": ..., "resident_bytes": ..., "version": ..., "build": ...}.
Then for each {"n_past": n, "tokens": [...], "n_logits": k}: rewinds to the first n tokens,
evaluates the tokens with logits for the last k of them, and prints {"ms": ...}.
"""

import ctypes
import importlib.metadata
import json
import os
import sys
import time
import urllib.request
from typing import Any, Protocol

NOT_INSTALLED = 3


class Peer(Protocol):
    build: str

    def evaluate_ms(self, n_past: int, tokens: list[int], n_logits: int) -> float: ...


class Server:
    """llama.cpp's server, in this process, with one slot.

    It computes logits for the last token only.
    """

    def __init__(self, path: str, n_threads: int, n_context: int) -> None:
        import xllamacpp

        info = xllamacpp.BUILD_INFO
        self.build = f"{info['compiler']}; {xllamacpp.get_system_info()}"
        params = xllamacpp.CommonParams()
        params.model.path = path
        params.hostnames, params.port = ["127.0.0.1"], 0
        # One more token for `rewind`.
        params.n_ctx, params.n_batch, params.n_parallel = n_context + 1, n_context, 1
        params.n_gpu_layers = 0
        params.no_extra_bufts = not extra_buffers()
        params.cache_ram_mib = params.n_ctx_checkpoints = params.verbosity = 0
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = n_threads
        self.server = xllamacpp.Server(params)
        self.url = f"{self.server.listening_address}/completion"
        self.text: list[int] = []

    def evaluate_ms(self, n_past: int, tokens: list[int], n_logits: int) -> float:
        del n_logits
        kept, wanted = self.text[:n_past], self.text[:n_past] + tokens
        if n_past and n_past < len(self.text):
            # The server reuses the common prefix of the prompts, so end it before the tokens.
            self.complete([*kept, tokens[0] + 1 if tokens[0] == 0 else tokens[0] - 1])
        timings = self.complete(wanted, reuses=n_past > 0)
        self.text = wanted
        if timings["prompt_n"] != len(tokens):
            raise SystemExit(
                f"llama.cpp's server evaluated {timings['prompt_n']} tokens instead of {len(tokens)}"
            )
        return float(timings["prompt_ms"])

    def complete(self, prompt: list[int], reuses: bool = True) -> dict[str, Any]:
        request = {
            "prompt": prompt,
            "n_predict": 1,
            "cache_prompt": reuses,
            "id_slot": 0,
            "temperature": 0,
        }
        headers = {"Content-Type": "application/json"}
        call = urllib.request.Request(self.url, json.dumps(request).encode(), headers)
        with urllib.request.urlopen(call) as response:
            timings: dict[str, Any] = json.load(response)["timings"]
        return timings


class Library:
    """llama.cpp's library, called directly."""

    def __init__(self, path: str, n_threads: int, n_context: int) -> None:
        import llama_cpp as ll

        @ll.llama_log_callback
        def silent(_level: int, _text: bytes, _user_data: object) -> None:
            pass

        self.ll, self.silent = ll, silent
        ll.llama_backend_init()
        ll.llama_log_set(silent, ctypes.c_void_p(0))
        self.build = ll.llama_print_system_info().decode()
        model_params = ll.llama_model_default_params()
        model_params.n_gpu_layers = 0
        model_params.use_extra_bufts = extra_buffers()
        self.model = ll.llama_model_load_from_file(path.encode(), model_params)
        if not self.model:
            raise SystemExit(f"{path}: llama.cpp cannot load the model")
        params = ll.llama_context_default_params()
        params.n_ctx = n_context
        params.n_batch = n_context
        params.n_threads = n_threads
        params.n_threads_batch = n_threads
        self.context = ll.llama_init_from_model(self.model, params)
        self.memory = ll.llama_get_memory(self.context)
        self.batch = ll.llama_batch_init(n_context, 0, 1)

    def evaluate_ms(self, n_past: int, tokens: list[int], n_logits: int) -> float:
        ll, batch = self.ll, self.batch
        ll.llama_memory_seq_rm(self.memory, 0, n_past, -1)
        batch.n_tokens = len(tokens)
        for i, token in enumerate(tokens):
            batch.token[i] = token
            batch.pos[i] = n_past + i
            batch.n_seq_id[i] = 1
            batch.seq_id[i][0] = 0
            batch.logits[i] = i >= len(tokens) - n_logits
        start = time.perf_counter()
        if ll.llama_decode(self.context, batch) != 0:
            raise SystemExit(f"llama.cpp cannot evaluate {len(tokens)} tokens after {n_past}")
        ll.llama_get_logits_ith(self.context, len(tokens) - 1)
        return (time.perf_counter() - start) * 1e3


PEERS: dict[str, type[Server] | type[Library]] = {
    "xllamacpp": Server,
    "llama-cpp-python": Library,
}


def extra_buffers() -> bool:
    """llama.cpp's AMX buffers crash on virtual machines that announce AMX but do not allow it."""
    return os.environ.get("LLAMA_EXTRA_BUFFERS", "1") != "0"


def resident_bytes() -> int:
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def main() -> None:
    name, path, n_threads, n_context = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    try:
        version = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        raise SystemExit(NOT_INSTALLED) from None
    # The libraries may log to standard output.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def answer(value: dict[str, Any]) -> None:
        print(json.dumps(value), file=answers, flush=True)

    before, start = resident_bytes(), time.perf_counter()
    peer: Peer = PEERS[name](path, n_threads, n_context)
    load_ms = (time.perf_counter() - start) * 1e3
    peer.evaluate_ms(0, [1] * 32, 1)
    answer(
        {
            "load_ms": load_ms,
            "resident_bytes": resident_bytes() - before,
            "version": version,
            "build": " ".join(peer.build.split()),
        }
    )
    for line in sys.stdin:
        request = json.loads(line)
        ms = peer.evaluate_ms(request["n_past"], request["tokens"], request["n_logits"])
        answer({"ms": ms})


if __name__ == "__main__":
    main()

"""Drives llama.cpp for `foretell bench engine`: one line of JSON in, one line of JSON out.

usage: llama_driver.py MODEL.gguf N_THREADS N_CONTEXT

First prints {"load_ms": ..., "resident_bytes": ...}.
Then for each {"n_past": n, "tokens": [...], "n_logits": k}: rewinds to the first n tokens,
evaluates the tokens with logits for the last k of them, and prints {"ms": ...}.
"""

import ctypes
import json
import os
import sys
import time

import llama_cpp as ll


@ll.llama_log_callback
def silent(_level, _text, _user_data):
    pass


def resident_bytes() -> int:
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Llama:
    def __init__(self, path: str, n_threads: int, n_context: int) -> None:
        model_params = ll.llama_model_default_params()
        model_params.n_gpu_layers = 0
        # llama.cpp's AMX buffers crash on virtual machines that announce AMX but do not allow it.
        model_params.use_extra_bufts = os.environ.get("LLAMA_EXTRA_BUFFERS", "1") != "0"
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
        ll.llama_memory_seq_rm(self.memory, 0, n_past, -1)
        batch = self.batch
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


def main() -> None:
    path, n_threads, n_context = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    ll.llama_backend_init()
    ll.llama_log_set(silent, ctypes.c_void_p(0))
    before, start = resident_bytes(), time.perf_counter()
    llama = Llama(path, n_threads, n_context)
    load_ms = (time.perf_counter() - start) * 1e3
    llama.evaluate_ms(0, [1] * 32, 1)
    load = {"load_ms": load_ms, "resident_bytes": resident_bytes() - before}
    print(json.dumps(load), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        ms = llama.evaluate_ms(request["n_past"], request["tokens"], request["n_logits"])
        print(json.dumps({"ms": ms}), flush=True)


if __name__ == "__main__":
    main()

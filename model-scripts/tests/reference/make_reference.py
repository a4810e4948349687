"""Makes llama.cpp's reference outputs for the tests.

Needs `llama-cpp-python`, which is built from source and so is not part of the normal tests:

    pip install llama-cpp-python==0.3.36
    python make_reference.py qwen2 MODEL.gguf WORK_FOLDER
    python make_reference.py smollm2 MODEL.gguf WORK_FOLDER

`MODEL.gguf` is the checkpoint of the default model, or of SmolLM2. llama.cpp's own quantizer first
expands it to F32, because with 4-bit files llama.cpp rounds activations to 8 bits, which alone
costs a KL of 0.004. Reads `prompts.json` and `texts.json` in this folder; writes `qwen2.npz`,
`qwen2.tokens.json` and `qwen2.json`, or the same files for `smollm2`.
"""

import ctypes
import json
import sys
from importlib.metadata import version
from pathlib import Path

import llama_cpp as ll
import numpy as np

HERE = Path(__file__).parent
POSITIONS, GREEDY = 8, 32
#: Number of best tokens kept per position, and whether prompts with a suffix are included.
KINDS = {"qwen2": (256, True), "smollm2": (64, False)}
FIM_PREFIX, FIM_MIDDLE, FIM_SUFFIX = 151659, 151660, 151661


class Llama:
    """One llama.cpp context."""

    def __init__(self, path):
        model = ll.llama_model_default_params()
        model.n_gpu_layers = 0
        model.use_extra_bufts = False  # Its AMX kernels crash on some virtual machines.
        self.model = ll.llama_model_load_from_file(str(path).encode(), model)
        context = ll.llama_context_default_params()
        context.n_ctx = context.n_batch = 2048
        context.n_threads = context.n_threads_batch = 2
        context.type_k = context.type_v = 0  # F32, so that the KV cache is not rounded.
        context.flash_attn_type = 0
        self.context = ll.llama_init_from_model(self.model, context)
        self.vocab = ll.llama_model_get_vocab(self.model)
        self.size = ll.llama_vocab_n_tokens(self.vocab)
        self.batch = ll.llama_batch_init(2048, 0, 1)
        self.length = 0

    def tokens(self, text):
        data = text.encode()
        room = (ll.llama_token * (len(data) + 8))()
        count = ll.llama_tokenize(self.vocab, data, len(data), room, len(data) + 8, False, False)
        return list(room[:count])

    def step(self, ids, wanted):
        batch = self.batch
        batch.n_tokens = len(ids)
        for index, token in enumerate(ids):
            batch.token[index], batch.pos[index] = token, self.length + index
            batch.n_seq_id[index], batch.seq_id[index][0] = 1, 0
            batch.logits[index] = index in wanted
        assert ll.llama_decode(self.context, batch) == 0
        self.length += len(ids)
        rows = [ll.llama_get_logits_ith(self.context, index) for index in sorted(wanted)]
        return np.stack([np.ctypeslib.as_array(row, (self.size,)).copy() for row in rows])

    def clear(self):
        ll.llama_memory_clear(ll.llama_get_memory(self.context), True)
        self.length = 0


def prompt_ids(model, prompt):
    if "suffix" not in prompt:
        return model.tokens(prompt["prefix"])
    return [
        FIM_PREFIX, *model.tokens(prompt["prefix"]),
        FIM_SUFFIX, *model.tokens(prompt["suffix"]), FIM_MIDDLE,
    ]  # fmt: skip


def positions(count):
    return sorted({*np.linspace(count // 2, count - 1, POSITIONS).astype(int).tolist()})


def summary(logits, top):
    """Ids and log-probabilities of the best `top` tokens of each row."""
    logits = logits.astype(np.float64)
    best = logits.max(-1, keepdims=True)
    log_p = logits - best - np.log(np.exp(logits - best).sum(-1, keepdims=True))
    ids = np.argsort(-log_p, axis=-1)[:, :top]
    return ids.astype(np.int32), np.take_along_axis(log_p, ids, -1).astype(np.float32)


def run(path, prompts, top):
    model, out = Llama(path), {}
    for index, prompt in enumerate(prompts):
        ids = prompt_ids(model, prompt)
        model.clear()
        logits = model.step(ids, set(positions(len(ids))))
        out[f"{index}.ids"] = np.array(ids, np.int32)
        out[f"{index}.top"], out[f"{index}.log_p"] = summary(logits, top)
        written = [int(logits[-1].argmax())]
        while len(written) < GREEDY:
            written.append(int(model.step(written[-1:], {0})[0].argmax()))
        out[f"{index}.greedy"] = np.array(written, np.int32)
        print(path, index, len(ids), flush=True)
    return out, model


def divergence(p, q):
    """Mean KL(p || q) of two runs, over p's best tokens that q also lists, and the rest as one."""
    values = []
    for key in [key for key in p if key.endswith(".top")]:
        index = key.split(".")[0]
        for row, ids in enumerate(p[key]):
            known = dict(zip(q[key][row].tolist(), q[f"{index}.log_p"][row].tolist(), strict=True))
            shared = [i for i, token in enumerate(ids.tolist()) if token in known]
            log_p = p[f"{index}.log_p"][row][shared].astype(np.float64)
            log_q = np.array([known[ids[i]] for i in shared])
            rest_p, rest_q = 1 - np.exp(log_p).sum(), 1 - np.exp(log_q).sum()
            tail = rest_p * np.log(rest_p / rest_q) if min(rest_p, rest_q) > 1e-9 else 0
            values.append((np.exp(log_p) * (log_p - log_q)).sum() + tail)
    return float(np.mean(values))


def main():
    kind, source, work = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    top, with_holes = KINDS[kind]
    f32 = work / f"{kind}-f32.gguf"
    if not f32.exists():
        params = ll.llama_model_quantize_default_params()
        params.ftype, params.allow_requantize, params.nthread = 0, True, 2
        paths = str(source).encode(), str(f32).encode()
        assert ll.llama_model_quantize(*paths, ctypes.byref(params)) == 0
    prompts = json.loads((HERE / "prompts.json").read_text())
    prompts = [prompt for prompt in prompts if with_holes or "suffix" not in prompt]
    kept = HERE / f"{kind}.npz"
    if not kept.exists():  # Delete the file to recompute it.
        exact, model = run(f32, prompts, top)
        np.savez_compressed(kept, **exact)
        texts = json.loads((HERE / "texts.json").read_text())
        ids = [model.tokens(text) for text in texts]
        (HERE / f"{kind}.tokens.json").write_text(json.dumps(ids, separators=(",", ":")) + "\n")
    with np.load(kept) as data:
        exact = dict(data)
    own, _ = run(source, prompts, top)
    pairs = [(exact[f"{i}.greedy"], own[f"{i}.greedy"]) for i in range(len(prompts))]
    facts = {
        "llama-cpp-python": version("llama-cpp-python"),
        "model": source.name,
        "own_kl": divergence(exact, own),
        "own_same_greedy": sum(bool((a == b).all()) for a, b in pairs),
        "own_same_first": sum(bool(a[0] == b[0]) for a, b in pairs),
        "prompts": len(prompts),
    }
    (HERE / f"{kind}.json").write_text(json.dumps(facts, indent=2) + "\n")
    print(facts)


main()

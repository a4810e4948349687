"""Runs `cuda` and `coreml` bundles on the CPU and compares them with a `cpu` bundle.

    python study/targets.py FP32_BUNDLE BUNDLE ...

For some prompts of the tests, it prints the KL of the next-token distribution after the prompt and
after each token that the fp32 bundle generates next, and whether the best token is the same.
"""

import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from measure import kl, open_session, prompts

from foretell_models.bundle import Manifest, read_manifest

N_PROMPTS, N_STEPS = 6, 8


class StaticSession:
    """Runs a `coreml` bundle's graphs, with the buffers that BUNDLE.md specifies."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        assert manifest.graphs
        self.graphs = sorted(manifest.graphs, key=lambda graph: -graph["tokens"])
        self.folder, self.past, self.length = folder, int(self.graphs[0]["past"]), 0
        self.sessions: dict[str, Any] = {}
        shape = (1, manifest.n_kv_heads, self.past, manifest.head_dim)
        self.names = [f"{i}.{part}" for i in range(manifest.n_layers) for part in ("key", "value")]
        self.buffers = {name: np.zeros(shape, np.float16) for name in self.names}

    def _run(self, graph: dict[str, Any], ids: list[int]) -> Any:
        if graph["file"] not in self.sessions:
            options = ort.SessionOptions()
            options.intra_op_num_threads = 1
            path = self.folder / graph["file"]
            self.sessions[graph["file"]] = ort.InferenceSession(path, options)
        session, size = self.sessions[graph["file"]], graph["tokens"]
        feeds: dict[str, Any] = {
            "input_ids": np.array([ids + [0] * (size - len(ids))]),
            "position_ids": np.arange(self.length, self.length + size)[None],
        }
        feeds |= {f"past_key_values.{name}": self.buffers[name] for name in self.names}
        outputs = [output.name for output in session.get_outputs()]
        results = dict(zip(outputs, session.run(None, feeds), strict=True))
        end = self.length + len(ids)
        for name in self.names:
            rows = results[f"present.{name}"][:, :, : len(ids)]
            self.buffers[name][:, :, self.length : end] = rows
        self.length = end
        return results.get("logits")

    def rewind(self, length: int) -> None:
        self.length = length

    def step(self, ids: list[int]) -> np.ndarray:
        """Evaluates tokens; returns the logits of the last one, [1, vocabulary]."""
        *before, last = ids
        while before:
            fitting = [g for g in self.graphs if not g["logits"] and g["tokens"] <= len(before)]
            graph = fitting[0] if fitting else self.graphs[-2]
            self._run(graph, before[: graph["tokens"]])
            before = before[graph["tokens"] :]
        logits: np.ndarray = self._run(self.graphs[-1], [last])[0]
        return logits


def main() -> None:
    exact = open_session(sys.argv[1])
    chosen = [ids for ids in prompts(every=2) if 40 <= len(ids) <= 200][:N_PROMPTS]
    expected, written = [], []
    for ids in chosen:
        exact.rewind(0)
        rows = [exact.step(ids)[-1]]
        tokens = [int(rows[0].argmax())]
        while len(tokens) < N_STEPS:
            rows.append(exact.step(tokens[-1:])[-1])
            tokens.append(int(rows[-1].argmax()))
        expected.append(rows)
        written.append(tokens)
    del exact
    for name in sys.argv[2:]:
        folder = Path(name)
        manifest = read_manifest(folder)
        session: Any = StaticSession(folder, manifest) if manifest.graphs else open_session(name)
        values, same, start = [], 0, time.perf_counter()
        for ids, rows, tokens in zip(chosen, expected, written, strict=True):
            session.rewind(0)
            found = [session.step(ids)[-1]]
            found += [session.step([token])[-1] for token in tokens[:-1]]
            values.append(kl(np.stack(rows), np.stack(found)))
            same += [int(row.argmax()) for row in found] == tokens
        each = np.concatenate(values)
        print(
            f"{name}: {manifest.target} {manifest.quantization}, KL mean {each.mean():.2e} "
            f"max {each.max():.1e}; same {N_STEPS} greedy tokens on {same} of {len(chosen)}; "
            f"{time.perf_counter() - start:.0f} s",
            flush=True,
        )


if __name__ == "__main__":
    main()

"""Runs a bundle's graph with preallocated KV buffers: prefill, decode, rewind."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from foretell_models import packed
from foretell_models.bundle import Manifest

Floats = npt.NDArray[np.float32]


class Session:
    """One sequence on one model; the KV buffers contain its first `length` tokens."""

    def __init__(
        self, folder: Path, manifest: Manifest, max_length: int = 2048, threads: int = 0
    ) -> None:
        import onnxruntime as ort

        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self.length = 0
        self.max_length = min(max_length, manifest.context_length)
        self._session = ort.InferenceSession(
            packed.graph_of(folder, manifest), options, providers=["CPUExecutionProvider"]
        )
        self._binding = self._session.io_binding()
        # The graph writes one additional row; see BUNDLE.md.
        shape = (1, manifest.n_kv_heads, self.max_length + 1, manifest.head_dim)
        self._buffers: list[Any] = []
        for layer in range(manifest.n_layers):
            for part in ("key", "value"):
                value = ort.OrtValue.ortvalue_from_numpy(
                    np.zeros(shape, np.dtype(manifest.kv_dtype))
                )
                self._buffers.append(value)
                self._binding.bind_ortvalue_input(f"past_key_values.{layer}.{part}", value)
                self._binding.bind_ortvalue_output(f"present.{layer}.{part}", value)

    def step(self, ids: list[int], rows: int = 1) -> Floats:
        """Evaluates tokens after those in the buffer; returns the logits of the last `rows` tokens.

        The logits are float32 [rows, vocabulary]; each row predicts the token after its own. Raises
        `ValueError` if the buffer is too small.
        """
        total = self.length + len(ids)
        if total > self.max_length:
            raise ValueError(f"{total} tokens do not fit a buffer of {self.max_length}")
        bind = self._binding.bind_cpu_input
        bind("input_ids", np.asarray([ids], np.int64))
        bind("seqlens_k", np.array([total - 1], np.int32))
        bind("total_sequence_length", np.array(total, np.int32))
        bind("logits_start", np.array([len(ids) - rows], np.int64))
        self._binding.bind_output("logits")
        self._session.run_with_iobinding(self._binding)
        self.length = total
        # Outputs are in the order in which they were first bound, so `logits` is the last.
        logits: Floats = self._binding.get_outputs()[len(self._buffers)].numpy()[0]
        return logits

    def rewind(self, length: int) -> None:
        """Forgets all but the first `length` tokens."""
        if not 0 <= length <= self.length:
            raise ValueError(f"cannot rewind {self.length} tokens to {length}")
        self.length = length

    def greedy(self, ids: list[int], count: int, stop: set[int]) -> list[int]:
        """Prefills an empty buffer with a prompt; returns up to `count` greedily decoded tokens."""
        self.rewind(0)
        logits = self.step(ids)[-1]
        out: list[int] = []
        while len(out) < count:
            token = int(logits.argmax())
            if token in stop:
                break
            out.append(token)
            if len(out) < count:
                logits = self.step([token])[-1]
        return out

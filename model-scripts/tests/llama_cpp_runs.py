"""llama.cpp's outputs in `reference/`, and a bundle's outputs for the same prompts.

Greedy continuations are compared in one pass: a bundle generates the same 32 tokens if and only if,
for each n, token n + 1 is the most likely one after the prompt and llama.cpp's first n tokens.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from foretell_models.bundle import read_manifest
from foretell_models.session import Session

REFERENCE = Path(__file__).parent / "reference"
POSITIONS = 8


@dataclass
class Prompt:
    """llama.cpp's result for one prompt: best ids and their log-probabilities by position."""

    ids: list[int]
    greedy: list[int]
    positions: np.ndarray
    top: np.ndarray
    log_p: np.ndarray


def prompts_of(kind):
    with np.load(REFERENCE / f"{kind}.npz") as data:
        count = sum(key.endswith(".ids") for key in data)
        fields = ("ids", "greedy", "top", "log_p")
        rows = [[data[f"{index}.{field}"] for field in fields] for index in range(count)]
    return [
        Prompt(
            ids.tolist(),
            greedy.tolist(),
            np.unique(np.linspace(len(ids) // 2, len(ids) - 1, POSITIONS).astype(int)),
            top,
            log_p,
        )
        for ids, greedy, top, log_p in rows
    ]


def texts_of(kind):
    """Pairs of a text and its llama.cpp token ids."""
    texts = json.loads((REFERENCE / "texts.json").read_text())
    ids = json.loads((REFERENCE / f"{kind}.tokens.json").read_text())
    return list(zip(texts, ids, strict=True))


def facts_of(kind):
    """The loss of llama.cpp's own run of the 4-bit file against F32, and the versions."""
    return json.loads((REFERENCE / f"{kind}.json").read_text())


def log_softmax(logits):
    x = logits.astype(np.float64)
    x -= x.max(-1, keepdims=True)
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


@dataclass
class Found:
    """A bundle's result for one prompt."""

    log_p: np.ndarray
    same_greedy: bool


def run(folder, prompts, with_greedy=True):
    """Evaluates each prompt in steps that end at its positions, to compute only those logits."""
    session = Session(folder, read_manifest(folder), 2048, threads=2)
    found = []
    for prompt in prompts:
        session.rewind(0)
        rows = []
        for position in prompt.positions.tolist():
            rows.append(session.step(prompt.ids[session.length : position + 1])[-1])
        written = []
        if with_greedy:
            after = session.step(prompt.greedy[:-1], len(prompt.greedy) - 1)
            written = [int(rows[-1].argmax()), *after.argmax(-1).tolist()]
        log_p = log_softmax(np.stack(rows)).astype(np.float32)
        found.append(Found(log_p, written == prompt.greedy))
    return found


def divergence_from_llama(prompt, log_q):
    """KL by position, over llama.cpp's best tokens and all other tokens as one."""
    log_p = prompt.log_p.astype(np.float64)
    ours = np.take_along_axis(log_q.astype(np.float64), prompt.top, -1)
    kl = (np.exp(log_p) * (log_p - ours)).sum(-1)
    rest = np.stack([1 - np.exp(x).sum(-1) for x in (log_p, ours)]).clip(1e-12)
    return kl + rest[0] * np.log(rest[0] / rest[1])

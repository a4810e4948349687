"""The imported default model against llama.cpp on the same weights, and against itself.

`reference/` holds llama.cpp's outputs on the weights expanded to F32, and says how to make them
again. Greedy continuations are compared in one pass: the same 32 tokens follow if and only if,
after the prompt and llama.cpp's first n tokens, token n + 1 is the most likely one, for each n.
"""

import json
from dataclasses import dataclass

import numpy as np
import pytest
from conftest import REFERENCE
from tokenizers import Tokenizer

from foretell_models.bundle import read_manifest
from foretell_models.session import Session

POSITIONS = 8


@dataclass
class Prompt:
    """llama.cpp's account of one prompt: the best ids and their log-probabilities by position."""

    ids: list[int]
    greedy: list[int]
    positions: np.ndarray
    top: np.ndarray
    log_p: np.ndarray


@pytest.fixture(scope="module")
def prompts():
    with np.load(REFERENCE / "llama_cpp.npz") as data:
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


def log_softmax(logits):
    x = logits.astype(np.float64)
    x -= x.max(-1, keepdims=True)
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


@dataclass
class Found:
    """What a bundle gives for one prompt."""

    log_p: np.ndarray
    same_greedy: bool


def run(folder, prompts, with_greedy=True):
    """Reads each prompt up to one position after the other; only those rows pay for the head."""
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


@pytest.fixture(scope="module")
def exact(fp32_bundle, prompts):
    return run(fp32_bundle, prompts)


def divergence_from_llama(prompt, log_q):
    """KL by position: over llama.cpp's best tokens one by one, and all others as one."""
    log_p = prompt.log_p.astype(np.float64)
    ours = np.take_along_axis(log_q.astype(np.float64), prompt.top, -1)
    kl = (np.exp(log_p) * (log_p - ours)).sum(-1)
    rest = np.stack([1 - np.exp(x).sum(-1) for x in (log_p, ours)]).clip(1e-12)
    return kl + rest[0] * np.log(rest[0] / rest[1])


def test_there_are_enough_prompts(prompts):
    lengths = [len(prompt.ids) for prompt in prompts]
    assert sum(20 <= length <= 1000 for length in lengths) >= 30


def test_fp32_is_what_llama_cpp_computes(prompts, exact, capsys):
    kl = np.concatenate(
        [divergence_from_llama(p, e.log_p) for p, e in zip(prompts, exact, strict=True)]
    )
    same = sum(found.same_greedy for found in exact)
    with capsys.disabled():
        print(f"\nfp32 against llama.cpp: mean KL {kl.mean():.2e}, max {kl.max():.1e}, ", end="")
        print(f"same 32 greedy tokens on {same} of {len(exact)}")
    assert kl.mean() < 1e-3
    assert same >= 0.9 * len(exact)


def test_the_default_loses_little(default_bundle, prompts, exact, reference_facts, capsys):
    every_third = slice(None, None, 3)
    found = run(default_bundle, prompts[every_third], with_greedy=False)
    pairs = [(e.log_p, f.log_p) for e, f in zip(exact[every_third], found, strict=True)]
    kl = np.concatenate([(np.exp(p) * (p.astype(np.float64) - q)).sum(-1) for p, q in pairs])
    first = np.mean([(p.argmax(-1) == q.argmax(-1)).mean() for p, q in pairs])
    with capsys.disabled():
        print(f"\ndefault against fp32: mean KL {kl.mean():.2e}, same best token {first:.3f}; ")
        print(f"llama.cpp's Q4_K_M against its F32: mean KL {reference_facts['own_kl']:.2e}")
    assert kl.mean() < 1e-2


def test_the_comparison_can_fail(prompts, exact):
    """A distribution that is a little warmer is seen."""
    prompt, log_q = prompts[0], exact[0].log_p
    assert divergence_from_llama(prompt, log_softmax(log_q * 0.8)).mean() > 1e-3


@pytest.fixture(scope="module")
def texts():
    texts = json.loads((REFERENCE / "texts.json").read_text())
    return list(zip(texts, json.loads((REFERENCE / "tokens.json").read_text()), strict=True))


@pytest.fixture(scope="module")
def tokenizer(default_bundle):
    tokenizer = Tokenizer.from_file(str(default_bundle / "tokenizer.json"))
    # As the server sets it: text of the user never becomes a control token.
    tokenizer.encode_special_tokens = True
    return tokenizer


def test_token_ids_are_llama_cpps(tokenizer, texts):
    for text, ids in texts:
        assert tokenizer.encode(text, add_special_tokens=False).ids == ids, text


def test_tokens_come_back_as_the_text(tokenizer, texts):
    for text, ids in texts:
        assert tokenizer.decode(ids, skip_special_tokens=False) == text


def test_lookalikes_are_text_only_if_asked(tokenizer, default_bundle):
    fim = read_manifest(default_bundle).fim
    marker = "<|fim_middle|>"
    assert fim.middle not in tokenizer.encode(marker).ids
    plain = Tokenizer.from_file(str(default_bundle / "tokenizer.json"))
    assert plain.encode(marker).ids == [fim.middle]


def test_the_patterns_need_no_other_engine(default_bundle):
    """Nothing that the server's regular expressions lack: no possessives, no named classes."""
    parts = json.loads((default_bundle / "tokenizer.json").read_text())["pre_tokenizer"]
    patterns = [p["pattern"]["Regex"] for p in parts["pretokenizers"] if p["type"] == "Split"]
    assert patterns
    for pattern in patterns:
        assert not any(odd in pattern for odd in ("++", "*+", "?+", "[[:", "(?>", "\\G"))

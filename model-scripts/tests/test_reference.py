"""The imported default model compared with llama.cpp on the same weights, and with itself.

`reference/` has llama.cpp's outputs on the weights expanded to F32, and the script that makes them.
"""

import json
import os

import numpy as np
import pytest
from llama_cpp_runs import (
    divergence_from_llama,
    facts_of,
    log_softmax,
    prompts_of,
    run,
    texts_of,
)
from tokenizers import Tokenizer

from foretell_models.bundle import read_manifest

# All prompts take minutes; `make test-long` compares them.
ALL_PROMPTS = os.environ.get("REFERENCE_PROMPTS") == "all"
N_PROMPTS = 16


@pytest.fixture(scope="module")
def prompts():
    """The shortest prompts and the longest, or all."""
    *shorter, longest = sorted(prompts_of("qwen2"), key=lambda prompt: len(prompt.ids))
    return [*(shorter if ALL_PROMPTS else shorter[: N_PROMPTS - 1]), longest]


@pytest.fixture(scope="module")
def exact(fp32_bundle, prompts):
    return run(fp32_bundle, prompts)


def test_prompts_cover_all_lengths(prompts):
    lengths = [len(prompt.ids) for prompt in prompts]
    assert len(lengths) >= N_PROMPTS and 20 <= min(lengths) < 40 and 800 < max(lengths) <= 1000


def test_fp32_matches_llama_cpp(prompts, exact, capsys):
    kl = np.concatenate(
        [divergence_from_llama(p, e.log_p) for p, e in zip(prompts, exact, strict=True)]
    )
    same = sum(found.same_greedy for found in exact)
    with capsys.disabled():
        print(f"\nfp32 against llama.cpp: mean KL {kl.mean():.2e}, max {kl.max():.1e}, ", end="")
        print(f"same 32 greedy tokens on {same} of {len(exact)}")
    assert kl.mean() < 1e-3
    assert same >= 0.9 * len(exact)


def test_default_bundle_stays_close_to_fp32(default_bundle, prompts, exact, capsys):
    every_third = slice(None, None, 3)
    found = run(default_bundle, prompts[every_third], with_greedy=False)
    pairs = [(e.log_p, f.log_p) for e, f in zip(exact[every_third], found, strict=True)]
    kl = np.concatenate([(np.exp(p) * (p.astype(np.float64) - q)).sum(-1) for p, q in pairs])
    first = np.mean([(p.argmax(-1) == q.argmax(-1)).mean() for p, q in pairs])
    with capsys.disabled():
        print(f"\ndefault against fp32: mean KL {kl.mean():.2e}, same best token {first:.3f}; ")
        print(f"llama.cpp's Q4_K_M against its F32: mean KL {facts_of('qwen2')['own_kl']:.2e}")
    assert kl.mean() < 1e-2


def test_comparison_detects_difference(prompts, exact):
    """Proves that the comparison can fail: it detects a slightly higher temperature."""
    prompt, log_q = prompts[0], exact[0].log_p
    assert divergence_from_llama(prompt, log_softmax(log_q * 0.8)).mean() > 1e-3


@pytest.fixture(scope="module")
def texts():
    return texts_of("qwen2")


@pytest.fixture(scope="module")
def tokenizer(default_bundle):
    tokenizer = Tokenizer.from_file(str(default_bundle / "tokenizer.json"))
    # As in the server: user text never becomes a control token.
    tokenizer.encode_special_tokens = True
    return tokenizer


def test_token_ids_match_llama_cpp(tokenizer, texts):
    for text, ids in texts:
        assert tokenizer.encode(text, add_special_tokens=False).ids == ids, text


def test_tokens_decode_to_text(tokenizer, texts):
    for text, ids in texts:
        assert tokenizer.decode(ids, skip_special_tokens=False) == text


def test_special_token_lookalikes_can_be_text(tokenizer, default_bundle):
    fim = read_manifest(default_bundle).fim
    marker = "<|fim_middle|>"
    assert fim.middle not in tokenizer.encode(marker).ids
    plain = Tokenizer.from_file(str(default_bundle / "tokenizer.json"))
    assert plain.encode(marker).ids == [fim.middle]


def test_split_patterns_are_portable(default_bundle):
    """They use no features that the server's regex engine lacks, such as possessive quantifiers."""
    parts = json.loads((default_bundle / "tokenizer.json").read_text())["pre_tokenizer"]
    patterns = [p["pattern"]["Regex"] for p in parts["pretokenizers"] if p["type"] == "Split"]
    assert patterns
    for pattern in patterns:
        assert not any(odd in pattern for odd in ("++", "*+", "?+", "[[:", "(?>", "\\G"))

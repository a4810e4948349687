"""KV cache reuse is exact: a rewound buffer gives the same logits as an empty one."""

from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer

from foretell_models import tiny
from foretell_models.bundle import read_manifest
from foretell_models.session import Session


@pytest.fixture(scope="module")
def tiny_bundle(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reuse") / "tiny"
    tiny.make(folder)
    return folder


def worst_difference(folder, pairs, seed):
    """The largest logit difference over all pairs (tokens evaluated first, tokens kept)."""
    manifest = read_manifest(folder)
    random = np.random.default_rng(seed)
    warm, cold = (Session(folder, manifest, 512, threads=2) for _ in range(2))
    worst = 0.0
    for read, kept in pairs(random):
        # Ids below those of the special tokens, which come last.
        first, more = (random.integers(0, 250, count).tolist() for count in (read, 4))
        warm.rewind(0)
        warm.step(first)
        warm.rewind(kept)
        cold.rewind(0)
        cold.step(first[:kept])
        for token in more:
            worst = max(worst, float(np.abs(warm.step([token]) - cold.step([token])).max()))
    return worst


def some(n_pairs, most):
    def pairs(random):
        for _ in range(n_pairs):
            read = int(random.integers(2, most))
            yield read, int(random.integers(1, read))

    return pairs


def test_rewinds_are_exact_in_default_model(default_bundle):
    assert worst_difference(default_bundle, some(12, 24), 1) < 1e-4


def test_rewinds_are_exact_in_tiny_model(tiny_bundle):
    assert worst_difference(tiny_bundle, some(50, 500), 2) < 1e-4


def test_stepwise_equals_batched_evaluation(tiny_bundle):
    session = Session(tiny_bundle, read_manifest(tiny_bundle), 64, threads=1)
    ids = list(range(20, 50))
    at_once = session.step(ids, len(ids))
    session.rewind(0)
    one_by_one = np.concatenate([session.step([token]) for token in ids])
    np.testing.assert_allclose(one_by_one, at_once, atol=1e-4)


def test_batch_size_does_not_change_results(default_bundle):
    """The buffers and the best logit of each row are bit-identical."""
    session = Session(default_bundle, read_manifest(default_bundle), 200, threads=2)
    random = np.random.default_rng(3)
    tokenizer = Tokenizer.from_file(str(default_bundle / "tokenizer.json"))
    ids = tokenizer.encode(Path(__file__).read_text()).ids[:200]

    def read(sizes):
        session.rewind(0)
        rows = []
        for size in sizes:
            part = ids[session.length : session.length + size]
            if part:
                rows.extend(session.step(part, len(part)).max(axis=1))
        return np.array(rows), [buffer.numpy()[:, :, :200].copy() for buffer in session._buffers]

    rows, buffers = read([64] * 4)
    for sizes in [[200], [130, *[1] * 20, 50], random.choice([1, 2, 3, 5, 9, 16, 65], 200)]:
        other_rows, other_buffers = read([int(size) for size in sizes])
        np.testing.assert_array_equal(other_rows, rows)
        for one, other in zip(buffers, other_buffers, strict=True):
            np.testing.assert_array_equal(one, other)


def test_kept_length_changes_logits(tiny_bundle):
    """Proves that the comparisons can fail: keeping one token more changes the logits."""
    session = Session(tiny_bundle, read_manifest(tiny_bundle), 64, threads=1)
    session.step([30, 31, 32, 33])
    session.rewind(2)
    short = session.step([40])
    session.rewind(0)
    session.step([30, 31, 32])
    assert np.abs(session.step([40]) - short).max() > 1e-2


def test_full_buffer_is_an_error(tiny_bundle):
    session = Session(tiny_bundle, read_manifest(tiny_bundle), 8, threads=1)
    with pytest.raises(ValueError, match="9 tokens do not fit a buffer of 8"):
        session.step(list(range(9)))
    with pytest.raises(ValueError, match="cannot rewind"):
        session.rewind(1)

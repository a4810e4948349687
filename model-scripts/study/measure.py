"""Measures bundles against each other: the figures of the README.

    python study/measure.py kl REFERENCE_BUNDLE CACHE.npy BUNDLE ...
    python study/measure.py speed ROUNDS BUNDLE ...

`kl` compares next-token distributions with those of a reference bundle (fp32), at 24 positions of
each prompt of the tests, and 32 greedy tokens a prompt. `speed` interleaves the bundles in one
process; on a shared machine only the ratios mean something.
"""

import statistics
import sys
import time
from pathlib import Path

import numpy as np

from foretell_models.bundle import read_manifest
from foretell_models.session import Session

DATA = Path(__file__).parent.parent / "tests" / "reference"
POSITIONS = 24


def prompts() -> list[list[int]]:
    """The token ids of the prompts, as llama.cpp made them."""
    with np.load(DATA / "llama_cpp.npz") as data:
        count = sum(key.endswith(".ids") for key in data)
        return [data[f"{index}.ids"].tolist() for index in range(count)]


def open_session(folder: str, length: int = 2048) -> Session:
    path = Path(folder)
    return Session(path, read_manifest(path), length, threads=2)


def rows(session: Session, ids: list[int]) -> np.ndarray:
    """Logits at `POSITIONS` places of the second half of a prompt."""
    session.rewind(0)
    wanted = np.linspace(len(ids) // 2, len(ids) - 1, POSITIONS).astype(int)
    logits = session.step(ids, len(ids) - len(ids) // 2)
    return logits[wanted - len(ids) // 2]


def log_softmax(logits: np.ndarray) -> np.ndarray:
    x = logits.astype(np.float64)
    x -= x.max(-1, keepdims=True)
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


def kl(reference: np.ndarray, other: np.ndarray) -> np.ndarray:
    """KL(reference || other) of rows of logits, in nats."""
    p, q = log_softmax(reference), log_softmax(other)
    return (np.exp(p) * (p - q)).sum(-1)


def reference(folder: str, cache: Path) -> tuple[np.ndarray, np.ndarray]:
    """Logits [prompt, position, vocabulary] and greedy tokens of the reference, made once."""
    greedy_file = cache.with_suffix(".greedy.npy")
    if not greedy_file.exists():
        session = open_session(folder)
        np.save(cache, np.stack([rows(session, ids) for ids in prompts()]))
        np.save(greedy_file, np.array([session.greedy(ids, 32, set()) for ids in prompts()]))
    return np.load(cache, mmap_mode="r"), np.load(greedy_file)


def measure_kl(folder: str, cache: Path, bundles: list[str]) -> None:
    logits, greedy = reference(folder, cache)
    for name in bundles:
        session, values, same, agree = open_session(name), [], 0, []
        for index, ids in enumerate(prompts()):
            found = rows(session, ids)
            values.append(kl(logits[index], found))
            agree.append((logits[index].argmax(-1) == found.argmax(-1)).mean())
            same += session.greedy(ids, 32, set()) == greedy[index].tolist()
        each = np.concatenate(values)
        print(
            f"{name}: KL mean {each.mean():.5f} median {np.median(each):.5f} "
            f"p95 {np.quantile(each, 0.95):.4f}; same first token {np.mean(agree):.3f}; "
            f"same 32 greedy {same}/{len(greedy)}",
            flush=True,
        )


def measure_speed(rounds: int, bundles: list[str]) -> None:
    sessions = {name: open_session(name) for name in bundles}
    ids = [token for prompt in prompts() for token in prompt][:1200]
    found: dict[tuple[str, str], list[float]] = {}

    def note(name: str, what: str, value: float) -> None:
        found.setdefault((name, what), []).append(value)

    for _ in range(rounds):
        for name, session in sessions.items():
            session.rewind(0)
            start = time.perf_counter()
            session.step(ids[:512])
            note(name, "prefill 512 tok/s", 512 / (time.perf_counter() - start))
            for length in (512, 128):
                session.rewind(length)
                times = []
                for token in ids[length : length + 16]:
                    start = time.perf_counter()
                    session.step([token])
                    times.append(time.perf_counter() - start)
                note(name, f"decode @{length} tok/s", 1 / statistics.median(times))
            session.rewind(128)
            times = []
            for _ in range(4):
                session.rewind(128)
                start = time.perf_counter()
                session.step(ids[128:133], 5)
                times.append(time.perf_counter() - start)
            note(name, "verify 5 ms", 1e3 * statistics.median(times))
    for (name, what), values in found.items():
        print(
            f"{name}: {what} median {statistics.median(values):.1f} best "
            f"{(min if 'ms' in what else max)(values):.1f}"
        )


def main() -> None:
    if sys.argv[1] == "kl":
        measure_kl(sys.argv[2], Path(sys.argv[3]), sys.argv[4:])
    else:
        measure_speed(int(sys.argv[2]), sys.argv[3:])


if __name__ == "__main__":
    main()

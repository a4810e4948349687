"""Compares bundles; makes the figures in the README.

    python study/measure.py kl REFERENCE_BUNDLE CACHE.npy BUNDLE ...
    python study/measure.py greedy BUNDLE ...
    python study/measure.py fim RESULTS.json BUNDLE ...
    python study/measure.py pairs RESULTS.json REFERENCE_BUNDLE
    python study/measure.py speed ROUNDS BUNDLE ...

`kl` compares next-token distributions with those of a reference bundle (fp32), at 24 positions in
every fourth prompt of the tests. `greedy` counts the prompts on which a bundle generates the same
32 tokens as llama.cpp with F32 weights; `kl` does the same for its prompts. `fim` completes every
case in `fim_cases.json` and records the correct lines; `pairs` compares the records with those of
one bundle. `speed` interleaves the bundles in one process; on a shared machine, only the ratios are
meaningful.
"""

import json
import statistics
import sys
import time
from pathlib import Path

import fim
import numpy as np

from foretell_models.bundle import read_manifest
from foretell_models.session import Session

DATA = Path(__file__).parent.parent / "tests" / "reference"
POSITIONS = 24


def prompts(every: int = 4, field: str = "ids") -> list[list[int]]:
    """The token ids of every `every`-th prompt, or llama.cpp's `greedy` tokens after them."""
    with np.load(DATA / "qwen2.npz") as data:
        count = sum(key.endswith(".ids") for key in data)
        return [data[f"{index}.{field}"].tolist() for index in range(0, count, every)]


def open_session(folder: str, length: int = 2048, threads: int = 1) -> Session:
    """Opens a bundle; one thread gives the same results as several and tolerates other load."""
    path = Path(folder)
    return Session(path, read_manifest(path), length, threads)


def rows(session: Session, ids: list[int]) -> np.ndarray:
    """Logits at `POSITIONS` positions in the second half of a prompt."""
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


def continuation(session: Session, ids: list[int], greedy: list[int]) -> bool:
    """Whether a session with `ids` in its buffer would generate the tokens `greedy`.

    It would if and only if each is the most likely token after the prompt and the tokens before it,
    which one run can check.
    """
    session.rewind(len(ids) - 1)
    found = session.step([ids[-1], *greedy[:-1]], len(greedy)).argmax(-1)
    return bool((found == np.array(greedy)).all())


def reference(folder: str, cache: Path) -> np.ndarray:
    """Logits [prompt, position, vocabulary] of the reference, computed once and cached."""
    if not cache.exists():
        session = open_session(folder)
        np.save(cache, np.stack([rows(session, ids) for ids in prompts()]))
    logits: np.ndarray = np.load(cache, mmap_mode="r")
    return logits


def measure_kl(folder: str, cache: Path, bundles: list[str]) -> None:
    logits, greedy = reference(folder, cache), prompts(field="greedy")
    for name in bundles:
        session, values, same, agree = open_session(name), [], 0, []
        for index, ids in enumerate(prompts()):
            found = rows(session, ids)
            values.append(kl(logits[index], found))
            agree.append((logits[index].argmax(-1) == found.argmax(-1)).mean())
            same += continuation(session, ids, greedy[index])
        each = np.concatenate(values)
        print(
            f"{name}: KL mean {each.mean():.5f} median {np.median(each):.5f} "
            f"p95 {np.quantile(each, 0.95):.4f}; same best token {np.mean(agree):.3f}; "
            f"same 32 greedy {same}/{len(greedy)}",
            flush=True,
        )


def measure_greedy(bundles: list[str]) -> None:
    pairs = list(zip(prompts(1), prompts(1, "greedy"), strict=True))
    for name in bundles:
        session, same = open_session(name), []
        for ids, greedy in pairs:
            session.rewind(0)
            session.step(ids)
            same.append(continuation(session, ids, greedy))
        print(f"{name}: same 32 greedy {sum(same)}/{len(same)}", flush=True)


def measure_fim(results: Path, bundles: list[str]) -> None:
    known = json.loads(results.read_text()) if results.exists() else {}
    for folder in bundles:
        name = Path(folder).name
        known[name] = fim.run(open_session(folder, 512), Path(folder))
        results.write_text(json.dumps(known) + "\n")
        print(f"{name}: {sum(known[name])} of {len(known[name])} lines", flush=True)


def compare_pairs(results: Path, reference: str) -> None:
    known = json.loads(results.read_text())
    for name, right in known.items():
        difference = np.array(right, int) - np.array(known[reference], int)
        half = 1.96 * difference.std(ddof=1) / np.sqrt(len(difference))
        print(
            f"{name}: {100 * np.mean(right):.1f} %; against {reference} "
            f"{100 * difference.mean():+.1f} +- {100 * half:.1f} points "
            f"({(difference > 0).sum()} won, {(difference < 0).sum()} lost)"
        )


def measure_speed(rounds: int, bundles: list[str]) -> None:
    sessions = {name: open_session(name, threads=2) for name in bundles}
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
    what, rest = sys.argv[1], sys.argv[2:]
    if what == "kl":
        measure_kl(rest[0], Path(rest[1]), rest[2:])
    elif what == "greedy":
        measure_greedy(rest)
    elif what == "fim":
        measure_fim(Path(rest[0]), rest[1:])
    elif what == "pairs":
        compare_pairs(Path(rest[0]), rest[1])
    else:
        measure_speed(int(rest[0]), rest[1:])


if __name__ == "__main__":
    main()

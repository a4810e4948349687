"""Compares bundles; makes the figures in the README.

    python study/measure.py kl REFERENCE_BUNDLE CACHE.npy BUNDLE ...
    python study/measure.py greedy BUNDLE ...
    python study/measure.py fim RESULTS.json BUNDLE ...
    python study/measure.py pairs RESULTS.json REFERENCE_BUNDLE
    python study/measure.py speed ROUNDS THREADS BUNDLE ...

`kl` compares next-token distributions with those of a reference bundle (fp32), at 24 positions in
every fourth prompt of the tests. `greedy` counts the prompts on which a bundle generates the same
32 tokens as llama.cpp with F32 weights; `kl` does the same for its prompts. `fim` completes every
case in `fim_cases.json` and records the correct lines; `pairs` compares the records with those of
one bundle. `speed` interleaves the bundles in one process and compares each with the first; on a
shared machine, only the ratios are meaningful, and CPU time is steadier than wall time.
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


def measure_speed(rounds: int, threads: int, bundles: list[str]) -> None:
    sessions = {name: open_session(name, threads=threads) for name in bundles}
    ids = [token for prompt in prompts() for token in prompt][:1200]
    found: dict[tuple[str, str], list[tuple[float, float]]] = {}

    def note(name: str, what: str, length: int, rows: int, times: int) -> None:
        """Median wall and CPU time in ms of evaluating `rows` tokens after `length`."""
        session, taken = sessions[name], []
        for _ in range(times):
            session.length = length
            start = time.perf_counter(), time.process_time()
            session.step(ids[length : length + rows], rows if rows <= 16 else 1)
            end = time.perf_counter(), time.process_time()
            taken.append((1e3 * (end[0] - start[0]), 1e3 * (end[1] - start[1])))
        wall, cpu = zip(*taken, strict=True)
        found.setdefault((what, name), []).append((statistics.median(wall), statistics.median(cpu)))

    for _ in range(rounds):
        for name in bundles:
            for rows in (512, 1024):
                note(name, f"prefill {rows}", 0, rows, 1)
        for rows in (1, 5, 9):
            for _ in range(4):
                for name in bundles:
                    note(name, f"{rows} rows at 512", 512, rows, 4)
    for (what, name), taken in found.items():
        first = found[what, bundles[0]]
        texts = []
        for index, kind in enumerate(("wall", "cpu")):
            ratio = statistics.median(
                b[index] / a[index] for a, b in zip(first, taken, strict=True)
            )
            each = [values[index] for values in taken]
            texts.append(
                f"{kind} median {statistics.median(each):.1f} best {min(each):.1f} ms, "
                f"{ratio:.2f} of the first"
            )
        print(f"{what}: {name}: {'; '.join(texts)}", flush=True)


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
        measure_speed(int(rest[0]), int(rest[1]), rest[2:])


if __name__ == "__main__":
    main()

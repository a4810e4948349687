"""Verifies that a bundle works: hashes, graph, tokenizer, and one completion."""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from foretell_models import bundle
from foretell_models.bundle import Manifest
from foretell_models.errors import BadBundle, BadSource, UserError
from foretell_models.progress import eprint

_PREFIX = "def add(a, b):\n    return "
_SUFFIX = "\n\n\nprint(add(1, 2))\n"
_TOKENS = 32


@dataclass(frozen=True)
class Verdict:
    """A bundle's completion, prefill and decode rate in tokens per second, and load time."""

    text: str
    prefill_rate: float
    decode_rate: float
    load_seconds: float


def verify(folder: Path) -> tuple[Manifest, Verdict]:
    """Checks a bundle's manifest, sizes and hashes and runs it.

    Raises `BadBundle` or `HashMismatch`.
    """
    manifest = bundle.read_manifest(folder)
    bundle.check_sizes(folder, manifest)
    bundle.check_hashes(folder, manifest)
    return manifest, run(folder, manifest)


def check(folder: Path, manifest: Manifest) -> None:
    """Runs a new bundle before it is installed, if its target is the CPU."""
    if manifest.target == "cpu":
        verdict = run(folder, manifest)
        eprint(f"verified: completed {verdict.text!r} at {verdict.decode_rate:.1f} tokens/s")


def run(folder: Path, manifest: Manifest) -> Verdict:
    """Opens a session and generates one completion; any failure is a `BadBundle`."""
    try:
        return _run(folder, manifest)
    except (UserError, KeyboardInterrupt, SystemExit):
        raise
    # ONNX Runtime's exceptions have no common base; panics in `tokenizers` are not `Exception`s.
    except BaseException as error:
        raise BadBundle(f"{folder}: the model does not run: {error}") from None


def _run(folder: Path, manifest: Manifest) -> Verdict:
    from foretell_models.session import Session
    from foretell_models.tokenizer import load

    bundle.check_references(folder)
    try:
        tokenizer = load(folder / "tokenizer.json")
    except BadSource as error:
        raise BadBundle(str(error)) from None

    def encode(text: str) -> list[int]:
        return list(tokenizer.encode(text, add_special_tokens=False).ids)

    fim = manifest.fim
    if fim is None:
        ids = encode(_PREFIX)
    else:
        prefix, suffix = [fim.prefix, *encode(_PREFIX)], [fim.suffix, *encode(_SUFFIX)]
        is_suffix_first = fim.order == "suffix_prefix_middle"
        ids = suffix + prefix if is_suffix_first else prefix + suffix
        ids += [] if fim.middle is None else [fim.middle]
        ids = ids if fim.bos is None else [fim.bos, *ids]
    start = time.perf_counter()
    session = Session(folder, manifest, max_length=512)
    loaded = time.perf_counter()
    logits = session.step(ids)[-1]
    read = time.perf_counter()
    if logits.shape != (manifest.vocab_size,) or not np.isfinite(logits).all():
        raise BadBundle(
            f"{folder}: the graph's logits are not {manifest.vocab_size} finite numbers"
        )
    written: list[int] = []
    stop = set(manifest.eos_ids)
    while len(written) < _TOKENS and (token := int(logits.argmax())) not in stop:
        written.append(token)
        logits = session.step([token])[-1]
    wrote = time.perf_counter()
    return Verdict(
        text=str(tokenizer.decode(written)),
        prefill_rate=len(ids) / (read - loaded),
        decode_rate=len(written) / (wrote - read),
        load_seconds=loaded - start,
    )

"""Chooses the recipe of an import by measuring which one this processor computes faster."""

import dataclasses
import tempfile
import time
from pathlib import Path

from foretell_models import recipe, tiny
from foretell_models.model_config import ModelConfig
from foretell_models.progress import eprint, warn
from foretell_models.rotation import RotatedWeights
from foretell_models.session import Session

#: One layer of the default model's size, so that the products take most of the time.
_LAYER = dataclasses.replace(
    tiny.CONFIG, n_layers=1, hidden=896, ffn=4864, n_heads=14, n_kv_heads=2, head_dim=64
)
#: About what the first suggestion at a new place takes.
_PREFILLED_TOKENS = 256
_CHUNK_TOKENS = 64
_STEPS = 12
_ROUNDS = 5
#: Narrower models are too fast for the choice to matter.
_MIN_WIDTH = 256
#: Its head needs no rows in 8 bits, which the MLX provider leaves to the CPU.
_FOR_MLX = "int8"


def recipe_for(config: ModelConfig, target: str) -> str:
    """The recipe with 8 bits in every layer that is faster on this processor.

    For other targets, except MLX, and for models that cannot be rotated or are so small that
    measuring takes longer than it can save, that is `mixed`.
    """
    fast, portable = recipe.BY_SPEED
    is_small = config.hidden < _MIN_WIDTH
    if target == "mlx":
        return _FOR_MLX
    if target != "cpu" or is_small or not RotatedWeights.applies_to(config):
        return portable
    try:
        with tempfile.TemporaryDirectory() as folder:
            seconds = measure([fast, portable], Path(folder))
    # ONNX Runtime's exceptions have no common base.
    except Exception as error:
        warn(f"the recipes cannot be measured, so {portable} is used: {error}")
        return portable
    chosen = fast if seconds[fast] <= seconds[portable] else portable
    other = portable if chosen == fast else fast
    ratio = seconds[other] / seconds[chosen]
    eprint(f"{chosen} is {ratio:.1f} times as fast as {other} on this processor")
    return chosen


def measure(names: list[str], folder: Path) -> dict[str, float]:
    """Seconds to prefill and decode with one layer of random weights in each recipe.

    The recipes alternate, and the fastest of several rounds counts, so other load disturbs little.
    """
    sessions = {}
    for name in names:
        manifest = tiny.make(folder / name, quantization=name, config=_LAYER)
        sessions[name] = Session(folder / name, manifest, _PREFILLED_TOKENS + _STEPS)
    best = dict.fromkeys(names, float("inf"))
    for _ in range(_ROUNDS):
        for name, session in sessions.items():
            best[name] = min(best[name], _time(session))
    return best


def _time(session: Session) -> float:
    session.rewind(0)
    start = time.perf_counter()
    for _ in range(_PREFILLED_TOKENS // _CHUNK_TOKENS):
        session.step([1] * _CHUNK_TOKENS)
    for _ in range(_STEPS):
        session.step([1])
    return time.perf_counter() - start

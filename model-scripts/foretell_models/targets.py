"""The targets of an import, each an execution provider: which graphs, in which type."""

from pathlib import Path

import numpy as np

from foretell_models import graph
from foretell_models.model_config import Weights
from foretell_models.recipe import Recipe, recipe_of

TARGETS = ("cpu", "webgpu", "cuda", "coreml", "mlx")


def float_type(target: str, quantization: str) -> str:
    """The type of the KV buffers and of every other float that depends on the target.

    The MLX provider has a fused rotary embedding only for float32.
    """
    if target == "webgpu":
        return "float16" if recipe_of(quantization).only_webgpu else "float32"
    is_wide = target in ("cpu", "mlx") or (target, quantization) == ("coreml", "fp32")
    return "float32" if is_wide else "float16"


def write_graphs(
    folder: Path, weights: Weights, recipe: Recipe, target: str
) -> list[dict[str, object]] | None:
    """Writes the graphs of a target and their data; returns the list of fixed graphs, if any."""
    kind = np.dtype(float_type(target, recipe.name))
    if target == "coreml":
        from foretell_models import static_graph

        return static_graph.write_decoders(folder, weights, float_type=kind)
    graph.write_decoder(folder, weights, recipe, kind, for_mlx=target == "mlx")
    return None


def stored_as(target: str, quantization: str) -> str:
    """The manifest's name for the storage of the weights: Core ML has floats only."""
    return "fp16" if target == "coreml" and quantization != "fp32" else quantization

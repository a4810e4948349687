"""From a checkpoint to a bundle, all or nothing."""

import dataclasses
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from foretell_models import bundle, files, graph, packed, tokenizer
from foretell_models.bundle import FileInfo, Manifest, Source
from foretell_models.errors import BadSource, Problem, UsageProblem
from foretell_models.gguf_reader import GgufFile
from foretell_models.gguf_weights import GgufWeights
from foretell_models.model_config import MAX_CONTEXT, Weights
from foretell_models.onnx_writer import DATA_FILE
from foretell_models.progress import peak_memory, say, warn
from foretell_models.recipe import recipe_of
from foretell_models.terminal import is_unprintable
from foretell_models.tokenizer import Vocabulary

TARGETS = ("cpu", "cuda", "coreml")


@dataclass(frozen=True)
class Order:
    """What to make: names and choices of one import."""

    name: str
    title: str
    licence: str
    quantization: str
    target: str = "cpu"
    tokenizer: Path | None = None


def import_checkpoint(
    source: Path,
    folder: Path,
    order: Order,
    check: Callable[[Path, Manifest], None] | None = None,
) -> Manifest:
    """Makes the bundle `folder` of a GGUF file or a Hugging Face folder; returns its manifest.

    The caller holds the lock of `folder`. `check` sees the folder before it takes its place, and
    may raise. Prints time and peak memory.
    """
    start = time.monotonic()
    recipe = recipe_of(order.quantization)
    if any(map(is_unprintable, f"{order.name}{order.title}{order.licence}")):
        raise UsageProblem("name, title or licence holds characters that steer a terminal")
    if order.target not in TARGETS:
        raise UsageProblem(f"target {order.target!r} is not known; known: {', '.join(TARGETS)}")
    if not source.exists():
        raise UsageProblem(f"{source} does not exist")
    if source.is_dir():
        weights, vocabulary, described = _open_folder(source, order)
    else:
        weights, vocabulary, described = _open_gguf(source, order)
    if vocabulary.fim is None:
        warn(f"{order.name} has no fill-in-the-middle tokens: it can only continue a text")
    files.clean_up(folder)
    with files.new_folder(folder) as temporary:
        kv_type = "float32" if order.target == "cpu" else "float16"
        graphs = None
        if order.target == "coreml":
            from foretell_models import static_graph

            graphs = static_graph.write_decoders(temporary, weights)
        else:
            graph.write_decoder(temporary, weights, recipe, np.dtype(kv_type))
        vocabulary.tokenizer.save(str(temporary / "tokenizer.json"), pretty=False)
        say(
            f"imported {order.name} ({order.quantization}, {order.target}) in "
            f"{time.monotonic() - start:.1f} s, peak memory {peak_memory() / 2**20:.0f} MiB"
        )

        def finish(n_packed: int) -> Manifest:
            manifest = _manifest(order, weights, vocabulary, described, kv_type, temporary, graphs)
            manifest = dataclasses.replace(manifest, packed_bytes=n_packed)
            (temporary / bundle.MANIFEST).write_bytes(manifest.to_json())
            if check:
                check(temporary, manifest)
            return manifest

        n_packed = packed.add(temporary) if order.target == "cpu" else 0
        try:
            manifest = finish(n_packed)
        except Problem as problem:
            if not n_packed:
                raise
            # It may be the packed weights alone that do not work.
            packed.drop(temporary, n_packed, problem)
            manifest = finish(0)
    # The server maps the weights: nobody writes into them by mistake.
    (folder / DATA_FILE).chmod(0o444)
    return manifest


def _manifest(
    order: Order,
    weights: Weights,
    vocabulary: Vocabulary,
    source: Source,
    kv_type: str,
    folder: Path,
    graphs: list[dict[str, object]] | None,
) -> Manifest:
    c = weights.config
    described: dict[str, FileInfo] = bundle.describe_files(folder)
    return Manifest(
        name=order.name,
        title=order.title,
        licence=order.licence,
        source=source,
        architecture=c.architecture,
        target=order.target,
        quantization=order.quantization if order.target != "coreml" else "fp16",
        n_layers=c.n_layers,
        n_heads=c.n_heads,
        n_kv_heads=c.n_kv_heads,
        head_dim=c.head_dim,
        kv_dtype=kv_type,
        context_length=min(c.context_length, MAX_CONTEXT),
        vocab_size=c.vocab_size,
        eos_ids=vocabulary.eos_ids,
        fim=vocabulary.fim,
        files=described,
        graphs=graphs,
        importer=bundle.IMPORTER,
    )


def _open_gguf(source: Path, order: Order) -> tuple[Weights, Vocabulary, Source]:
    file = GgufFile(source)
    weights = GgufWeights(file)
    size = weights.config.vocab_size
    own = file.metadata.get("general.name")
    names = f"{order.title}\n{source.name}\n{own if isinstance(own, str) else ''}"
    if order.tokenizer:
        declared = file.metadata.get("tokenizer.ggml.eos_token_id")
        ends = [declared] if isinstance(declared, int) else []
        vocabulary = tokenizer.from_file(order.tokenizer, ends, size, names)
    else:
        vocabulary = tokenizer.from_gguf(file.metadata, size, source, names)
    described = Source("gguf", source.name, file.size, files.sha256_of(source))
    return weights, vocabulary, described


def _open_folder(source: Path, order: Order) -> tuple[Weights, Vocabulary, Source]:
    from foretell_models import fetch, safetensors_weights

    weights = safetensors_weights.SafetensorsWeights(source)
    path = order.tokenizer or source / "tokenizer.json"
    if not path.is_file():
        raise BadSource(f"{source}: it has no tokenizer.json; give one with --tokenizer")
    names = f"{order.title}\n{source.absolute().name}"
    vocabulary = tokenizer.from_file(path, weights.eos_ids, weights.config.vocab_size, names)
    described = dataclasses.replace(weights.describe(), revision=fetch.revision_of(source))
    return weights, vocabulary, described

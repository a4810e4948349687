"""Imports a checkpoint as a bundle, atomically."""

import dataclasses
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from foretell_models import bundle, calibration, fastest, files, packed, targets, tokenizer
from foretell_models.bundle import FileInfo, Manifest, Source
from foretell_models.errors import BadSource, UsageError, UserError
from foretell_models.gguf_reader import GgufFile
from foretell_models.gguf_weights import GgufWeights
from foretell_models.model_config import MAX_CONTEXT, Weights
from foretell_models.onnx_writer import DATA_FILE
from foretell_models.progress import eprint, peak_memory, warn
from foretell_models.recipe import recipe_of
from foretell_models.terminal import is_unprintable
from foretell_models.tokenizer import Vocabulary


@dataclass(frozen=True)
class ImportOptions:
    """Names and options of one import. Without `quantization`, the fastest recipe is used."""

    name: str
    title: str
    licence: str
    quantization: str | None = None
    target: str = "cpu"
    tokenizer: Path | None = None


def import_checkpoint(
    source: Path,
    folder: Path,
    options: ImportOptions,
    check: Callable[[Path, Manifest], None] | None = None,
) -> Manifest:
    """Makes the bundle `folder` from a GGUF file or a Hugging Face folder; returns its manifest.

    The caller holds the lock of `folder`. `check` gets the new folder before it replaces `folder`,
    and may raise to cancel the import. Prints time and peak memory.
    """
    start = time.monotonic()
    recipe = recipe_of(options.quantization) if options.quantization else None
    if any(map(is_unprintable, f"{options.name}{options.title}{options.licence}")):
        raise UsageError("name, title or licence contains control or invisible characters")
    if options.target not in targets.TARGETS:
        raise UsageError(
            f"target {options.target!r} is not known; known: {', '.join(targets.TARGETS)}"
        )
    if recipe and recipe.only_cpu and options.target not in ("cpu", "coreml"):
        raise UsageError(f"quantization {recipe.name} is only for the target cpu")
    if recipe and recipe.only_half and options.target not in ("cuda", "coreml"):
        raise UsageError(f"quantization {recipe.name} is only for the targets cuda and coreml")
    if recipe and recipe.only_webgpu and options.target != "webgpu":
        raise UsageError(f"quantization {recipe.name} is only for the target webgpu")
    if not source.exists():
        raise UsageError(f"{source} does not exist")
    if source.is_dir():
        weights, vocabulary, described = _open_folder(source, options)
    else:
        weights, vocabulary, described = _open_gguf(source, options)
    recipe = recipe or recipe_of(fastest.recipe_for(weights.config, options.target))
    if vocabulary.fim is None:
        warn(f"{options.name} has no fill-in-the-middle tokens: it can only continue the prefix")
    files.clean_up(folder)
    with files.new_folder(folder) as temporary:
        kv_type = targets.float_type(options.target, recipe.name)
        graphs = targets.write_graphs(temporary, weights, recipe, options.target)
        vocabulary.tokenizer.save(str(temporary / "tokenizer.json"), pretty=False)
        eprint(
            f"imported {options.name} ({recipe.name}, {options.target}) in "
            f"{time.monotonic() - start:.1f} s, peak memory {peak_memory() / 2**20:.0f} MiB"
        )

        def finish(n_packed: int) -> Manifest:
            manifest = _manifest(
                options, recipe.name, weights, vocabulary, described, kv_type, temporary, graphs
            )
            manifest = dataclasses.replace(manifest, packed_bytes=n_packed)
            (temporary / bundle.MANIFEST).write_bytes(manifest.to_json())
            if check:
                check(temporary, manifest)
            return manifest

        n_packed = packed.add(temporary) if options.target == "cpu" else 0
        try:
            manifest = finish(n_packed)
        except UserError as error:
            if not n_packed:
                raise
            # The cause may be the packed weights alone: retry without them.
            packed.drop(temporary, n_packed, error)
            manifest = finish(0)
        # Not listed in the manifest, because users may replace it.
        calibration.add(temporary, manifest)
    # Read-only, because running servers map the weights.
    (folder / DATA_FILE).chmod(0o444)
    return manifest


def _manifest(
    options: ImportOptions,
    quantization: str,
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
        name=options.name,
        title=options.title,
        licence=options.licence,
        source=source,
        architecture=c.architecture,
        target=options.target,
        quantization=targets.stored_as(options.target, quantization),
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
        hidden_size=c.hidden,
        graphs=graphs,
        importer=bundle.IMPORTER,
    )


def _open_gguf(source: Path, options: ImportOptions) -> tuple[Weights, Vocabulary, Source]:
    file = GgufFile(source)
    weights = GgufWeights(file)
    size = weights.config.vocab_size
    own = file.metadata.get("general.name")
    names = f"{options.title}\n{source.name}\n{own if isinstance(own, str) else ''}"
    if options.tokenizer:
        declared = file.metadata.get("tokenizer.ggml.eos_token_id")
        ends = [declared] if isinstance(declared, int) else []
        vocabulary = tokenizer.from_file(options.tokenizer, ends, size, names)
    else:
        vocabulary = tokenizer.from_gguf(file.metadata, size, source, names)
    described = Source("gguf", source.name, file.size, files.sha256_of(source))
    return weights, vocabulary, described


def _open_folder(source: Path, options: ImportOptions) -> tuple[Weights, Vocabulary, Source]:
    from foretell_models import fetch, safetensors_weights

    weights = safetensors_weights.SafetensorsWeights(source)
    path = options.tokenizer or source / "tokenizer.json"
    if not path.is_file():
        raise BadSource(f"{source}: tokenizer.json is missing; pass one with --tokenizer")
    names = f"{options.title}\n{source.absolute().name}"
    vocabulary = tokenizer.from_file(path, weights.eos_ids, weights.config.vocab_size, names)
    described = dataclasses.replace(weights.describe(), revision=fetch.revision_of(source))
    return weights, vocabulary, described

"""Makes a tiny bundle: random weights, real architecture, byte-level tokenizer, a few hundred KB.

It is for tests that need a session but no meaningful output. The same seed gives the same bytes.
"""

from pathlib import Path

import numpy as np
from tokenizers import AddedToken, Tokenizer
from tokenizers.pre_tokenizers import ByteLevel

from foretell_models import bundle, files, targets
from foretell_models.bundle import Manifest, Source
from foretell_models.model_config import Floats, ModelConfig, tensor_shapes
from foretell_models.quantize import Grid
from foretell_models.recipe import recipe_of
from foretell_models.special_tokens import find_eos_ids, find_fim
from foretell_models.tokenizer import QWEN2_SPLIT, byte_level

_SPECIAL = (
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|fim_prefix|>", "<|fim_middle|>",
    "<|fim_suffix|>", "<|fim_pad|>", "<|repo_name|>", "<|file_sep|>",
)  # fmt: skip
_MERGES = (
    "Ġ Ġ", "ĠĠ ĠĠ", "r e", "i n", "p r", "pr in", "prin t", "re t", "u r", "ret ur", "retur n",
    "d e", "de f", "s e", "se l", "sel f", "Ġ =", "o r", "f or", "Ġ in", "i f",
)  # fmt: skip

CONFIG = ModelConfig(
    architecture="qwen2",
    n_layers=2,
    hidden=64,
    ffn=128,
    n_heads=4,
    n_kv_heads=2,
    head_dim=16,
    vocab_size=320,
    context_length=2048,
    norm_eps=1e-6,
    rope_theta=10000.0,
)


class RandomWeights:
    """A `Weights` source of reproducible random numbers, with all tensors except `without`."""

    def __init__(self, config: ModelConfig, seed: int, without: tuple[str, ...] = ()) -> None:
        self.config = config
        random = np.random.default_rng(seed)
        self.tensors: dict[str, Floats] = {}
        for name, shape in tensor_shapes(config).items():
            if name.rpartition(".")[2] in without:
                continue
            values = random.standard_normal(shape) * shape[-1] ** -0.5
            if name.endswith("norm"):
                values = 1 + 0.1 * random.standard_normal(shape)
            self.tensors[name] = values.astype(np.float32)

    def has(self, name: str) -> bool:
        """Whether the tensor exists."""
        return name in self.tensors

    def rows(self, name: str, start: int, stop: int) -> Floats:
        """Rows of a matrix."""
        return self.tensors[name][start:stop]

    def grid(self, name: str, start: int, stop: int) -> Grid | None:
        """None, because the weights are floats."""
        return None

    def storage(self, name: str) -> str:
        """`F32`."""
        return "F32"

    def vector(self, name: str) -> Floats:
        """A vector."""
        return self.tensors[name]


def byte_tokenizer() -> Tokenizer:
    """A tokenizer with all 256 bytes, a few code words, and Qwen2.5-Coder's special tokens."""
    texts = [*sorted(ByteLevel.alphabet()), *(merge.replace(" ", "") for merge in _MERGES)]
    ids = {text: index for index, text in enumerate(texts)}
    merges = []
    for merge in _MERGES:
        left, _, right = merge.partition(" ")
        merges.append((left, right))
    tokenizer = byte_level(ids, merges, (QWEN2_SPLIT,), whole_words=False)
    tokenizer.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in _SPECIAL])
    return tokenizer


def make(
    folder: Path,
    seed: int = 0,
    quantization: str = "int8",
    config: ModelConfig = CONFIG,
    target: str = "cpu",
) -> Manifest:
    """Makes the tiny bundle in `folder`, or one of other sizes."""
    # Qwen2 has biases only on Q, K and V, and ties the head to the embedding.
    weights = RandomWeights(config, seed, ("head", "o_bias", "up_bias", "down_bias"))
    tokenizer = byte_tokenizer()
    ids = tokenizer.get_vocab(with_added_tokens=True)
    fim = find_fim(ids)
    files.clean_up(folder)
    with files.new_folder(folder) as temporary:
        graphs = targets.write_graphs(temporary, weights, recipe_of(quantization), target)
        tokenizer.save(str(temporary / "tokenizer.json"), pretty=False)
        manifest = Manifest(
            name="tiny",
            title="Tiny random model",
            licence="MIT OR Apache-2.0",
            source=Source("random", f"seed-{seed}", 0, "0" * 64),
            architecture=config.architecture,
            target=target,
            quantization=targets.stored_as(target, quantization),
            n_layers=config.n_layers,
            n_heads=config.n_heads,
            n_kv_heads=config.n_kv_heads,
            head_dim=config.head_dim,
            kv_dtype=targets.float_type(target, quantization),
            context_length=config.context_length,
            vocab_size=config.vocab_size,
            eos_ids=find_eos_ids(ids, [], fim),
            fim=fim,
            files=bundle.describe_files(temporary),
            graphs=graphs,
            importer=bundle.IMPORTER,
        )
        (temporary / bundle.MANIFEST).write_bytes(manifest.to_json())
    return manifest

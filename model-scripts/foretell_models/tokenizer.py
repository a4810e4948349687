"""Converts a GGUF's vocabulary to `tokenizer.json`, and checks existing ones.

Only byte-level BPE is converted. All code models with FIM tokens use it, except the SentencePiece
families (Code Llama, CodeGemma), which need their own `tokenizer.json`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers

from foretell_models.bundle import Fim
from foretell_models.errors import BadSource
from foretell_models.special_tokens import find_eos_ids, find_fim

# Split patterns by their GGUF names, as in llama.cpp's `llama-vocab.cpp`.
_CONTRACTIONS = r"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])"
_REST = r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
QWEN2_SPLIT = rf"{_CONTRACTIONS}|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}|{_REST}"
_LLAMA3 = rf"{_CONTRACTIONS}|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}{{1,3}}|{_REST}"
_DEEPSEEK_CODER = (r"[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", "[一-龥ࠀ-一가-퟿]+", r"\p{N}")

_SPLITS: dict[str, tuple[str, ...]] = {
    "default": (_GPT2,),
    "gpt-2": (_GPT2,),
    "qwen2": (QWEN2_SPLIT,),
    "deepseek-r1-qwen": (QWEN2_SPLIT,),
    "llama-bpe": (_LLAMA3,),
    "llama3": (_LLAMA3,),
    "starcoder": (r"\p{N}", _GPT2),
    "refact": (r"\p{N}", _GPT2),
    "smollm": (r"\p{N}", _GPT2),
    "codeshell": (r"\p{N}", _GPT2),
    "deepseek-coder": _DEEPSEEK_CODER,
}
#: Pre-tokenizers that encode a word in the vocabulary as one token, regardless of the merges.
_WHOLE_WORDS = ("llama-bpe", "llama3")

# GGUF's token types (`llama_token_type`).
_NORMAL, _CONTROL, _USER_DEFINED, _UNUSED = 1, 3, 4, 5


@dataclass(frozen=True)
class Vocabulary:
    """A tokenizer, and its fields in the manifest."""

    tokenizer: Tokenizer
    eos_ids: list[int]
    fim: Fim | None


def from_gguf(
    metadata: dict[str, Any], vocab_size: int, where: object, names: str = ""
) -> Vocabulary:
    """Builds the tokenizer that a GGUF's metadata describes; raises `BadSource`."""
    texts = _strings(metadata, "tokenizer.ggml.tokens", where)
    if len(texts) > vocab_size:
        raise BadSource(
            f"{where}: the tokenizer has {len(texts)} tokens, but the model has {vocab_size} rows"
        )
    model = metadata.get("tokenizer.ggml.model")
    if model != "gpt2":
        raise BadSource(
            f"{where}: tokenizer model {model!r} is not supported; known: gpt2 (byte-level BPE). "
            "Pass the model's own tokenizer.json with --tokenizer"
        )
    split = metadata.get("tokenizer.ggml.pre", "default")
    if split not in _SPLITS:
        raise BadSource(
            f"{where}: pre-tokenizer {split!r} is not supported; known: {', '.join(_SPLITS)}. "
            "Pass the model's own tokenizer.json with --tokenizer"
        )
    types = metadata.get("tokenizer.ggml.token_type", [_NORMAL] * len(texts))
    if not isinstance(types, list) or len(types) != len(texts):
        raise BadSource(f"{where}: tokenizer.ggml.token_type does not match the tokens")
    ids = _unique_ids(texts, types, where)
    merges = _merges(_strings(metadata, "tokenizer.ggml.merges", where), ids, where)
    special = [text for text, kind in zip(texts, types, strict=True) if kind == _CONTROL]
    defined = [text for text, kind in zip(texts, types, strict=True) if kind == _USER_DEFINED]
    tokenizer = byte_level(ids, merges, _SPLITS[split], split in _WHOLE_WORDS)
    # Control tokens are special, so that user text that looks like one can be encoded as text.
    # User-defined tokens (such as <tool_call>) match in any text, as the model's authors intended.
    tokenizer.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in special])
    tokenizer.add_tokens([AddedToken(t, special=False, normalized=False) for t in defined])
    declared = [
        metadata[key]
        for key in ("tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id")
        if isinstance(metadata.get(key), int)
    ]
    return _vocabulary(tokenizer, declared, vocab_size, where, names)


def from_file(path: Path, declared: Sequence[int], vocab_size: int, names: str = "") -> Vocabulary:
    """Reads a `tokenizer.json`; raises `BadSource` if it is damaged or does not match the model."""
    return _vocabulary(load(path), declared, vocab_size, path, names)


def load(path: Path) -> Tokenizer:
    """Loads a `tokenizer.json`; raises `BadSource` if the `tokenizers` library rejects it."""
    try:
        tokenizer = Tokenizer.from_file(str(path))
        # Encode exactly the given text, as the server does.
        tokenizer.no_padding()
        tokenizer.no_truncation()
        return tokenizer
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # Its panics are not subclasses of `Exception`.
        raise BadSource(f"{path}: not a tokenizer: {error}") from None


def _vocabulary(
    tokenizer: Tokenizer, declared: Sequence[int], vocab_size: int, where: object, names: str
) -> Vocabulary:
    ids = tokenizer.get_vocab(with_added_tokens=True)
    highest = max(ids.values(), default=-1)
    if highest >= vocab_size:
        raise BadSource(
            f"{where}: the tokenizer has the id {highest}, but the model has {vocab_size} rows: "
            "they do not belong together"
        )
    if not ids:
        raise BadSource(f"{where}: the tokenizer has no tokens")
    fim = find_fim(ids, names)
    ends = [token for token in find_eos_ids(ids, declared, fim) if 0 <= token < vocab_size]
    return Vocabulary(tokenizer, ends, fim)


def _strings(metadata: dict[str, Any], key: str, where: object) -> list[str]:
    value = metadata.get(key)
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise BadSource(f"{where}: metadata {key} is missing or not a list of strings")
    return value


def _unique_ids(texts: list[str], types: list[int], where: object) -> dict[str, int]:
    """Text to id, without unused tokens, which only pad the vocabulary."""
    ids: dict[str, int] = {}
    for token, (text, kind) in enumerate(zip(texts, types, strict=True)):
        if kind == _UNUSED:
            continue
        if text in ids:
            raise BadSource(f"{where}: tokens {ids[text]} and {token} are both {text!r}")
        ids[text] = token
    return ids


def _merges(lines: list[str], ids: dict[str, int], where: object) -> list[tuple[str, str]]:
    merges = []
    for line in lines:
        # In byte-level vocabularies, no token begins with a space.
        left, _, right = line.partition(" ")
        if left not in ids or right not in ids or left + right not in ids:
            raise BadSource(f"{where}: the merge {line!r} uses tokens outside the vocabulary")
        merges.append((left, right))
    return merges


def byte_level(
    ids: dict[str, int], merges: list[tuple[str, str]], splits: Sequence[str], whole_words: bool
) -> Tokenizer:
    """Byte-level BPE without normalisation, so that every text round-trips byte for byte."""
    tokenizer = Tokenizer(models.BPE(vocab=ids, merges=merges, ignore_merges=whole_words))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            *(pre_tokenizers.Split(Regex(split), "isolated") for split in splits),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer

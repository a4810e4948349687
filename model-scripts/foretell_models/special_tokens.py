"""Which tokens end a generation, and which mark the hole to fill, found by their texts."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from foretell_models.bundle import Fim


@dataclass(frozen=True)
class _FimFamily:
    """The texts of a family's fill-in-the-middle tokens, as its authors publish them.

    The sources are in docs/prompt-formats.md. Of families with the same texts, those with `named`
    are for models of which a name has these words.
    """

    name: str
    prefix: str
    suffix: str
    middle: str | None
    pad: str = ""
    repo: str = ""
    file_sep: str = ""
    bos: str = ""
    order: str = "prefix_suffix_middle"
    named: str = ""


_SUFFIX_FIRST = "suffix_prefix_middle"
_FAMILIES = (
    _FimFamily(
        "qwen2.5-coder",
        "<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>",
        "<|fim_pad|>", "<|repo_name|>", "<|file_sep|>",
    ),
    _FimFamily(
        "starcoder2",
        "<fim_prefix>", "<fim_suffix>", "<fim_middle>", "<fim_pad>", "<repo_name>", "<file_sep>",
    ),
    _FimFamily(
        "starcoder",
        "<fim_prefix>", "<fim_suffix>", "<fim_middle>", "<fim_pad>", "<reponame>",
    ),
    _FimFamily(
        "refact", "<fim_prefix>", "<fim_suffix>", "<fim_middle>", "<fim_pad>", named="refact",
    ),
    _FimFamily(
        "stable-code", "<fim_prefix>", "<fim_suffix>", "<fim_middle>", "<fim_pad>",
        named="stable-code",
    ),
    _FimFamily(
        "granite", "<fim_prefix>", "<fim_suffix>", "<fim_middle>", "<fim_pad>", named="granite",
    ),
    _FimFamily(
        "mellum", "<fim_prefix>", "<fim_suffix>", "<fim_middle>", "<fim_pad>",
        file_sep="<filename>", order=_SUFFIX_FIRST, named="mellum",
    ),
    _FimFamily(
        "codegemma",
        "<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", file_sep="<|file_separator|>",
        bos="<bos>",
    ),
    _FimFamily(
        "granite", "<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", "<|fim_pad|>",
        named="granite",
    ),
    _FimFamily(
        "deepseek-coder", "<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>",
        bos="<｜begin▁of▁sentence｜>",
    ),
    _FimFamily("codellama", "▁<PRE>", "▁<SUF>", "▁<MID>", bos="<s>"),
    _FimFamily("codestral", "[PREFIX]", "[SUFFIX]", None, bos="<s>", order=_SUFFIX_FIRST),
    _FimFamily(
        "seed-coder", "<[fim-prefix]>", "<[fim-suffix]>", "<[fim-middle]>",
        bos="<[begin▁of▁sentence]>", order=_SUFFIX_FIRST,
    ),
)  # fmt: skip

_END_TEXTS = (
    "<|endoftext|>", "<|im_end|>", "<|eot_id|>", "<|end_of_text|>", "<|eom_id|>", "</s>", "<eos>",
    "<end_of_turn>", "<｜end▁of▁sentence｜>", "<EOT>", "▁<EOT>", "<[end▁of▁sentence]>",
)  # fmt: skip


def find_fim(ids: Mapping[str, int], names: str = "") -> Fim | None:
    """The family whose tokens are all among `ids` (text to id), or None.

    Of families that share the main tokens, the one that `names` has in it wins, then the one with
    most of its other tokens. `names` are all of the model's, a line each: the user's may be any.
    """
    words = re.sub(r"[^a-z0-9\n]+", "-", names.lower())
    best: tuple[tuple[bool, int], Fim] | None = None
    for family in _FAMILIES:
        is_named = bool(family.named) and _has_word(words, family.named)
        if family.named and not is_named:
            continue
        prefix, suffix = ids.get(family.prefix), ids.get(family.suffix)
        middle = ids.get(family.middle) if family.middle else None
        if prefix is None or suffix is None or (family.middle and middle is None):
            continue
        extra = {
            part: ids.get(text)
            for part in ("pad", "repo", "file_sep", "bos")
            if (text := getattr(family, part))
        }
        rank = is_named, sum(token is not None for token in extra.values())
        if best is None or rank > best[0]:
            fim = Fim(family.name, family.order, prefix, suffix, middle, **extra)
            best = rank, fim
    return best[1] if best else None


def _has_word(words: str, word: str) -> bool:
    """Whether a name has a word that is not a part of another one: no refactoring is Refact."""
    return re.search(rf"(?<![a-z]){word}(?![a-z])", words) is not None


def find_ends(ids: Mapping[str, int], declared: Sequence[int], fim: Fim | None) -> list[int]:
    """Every id at which a generation stops, sorted: the declared ones, those known by their
    texts, and all that mark holes, files and repositories.
    """
    ends = set(declared) | {ids[text] for text in _END_TEXTS if text in ids}
    return sorted(ends | set(fim.ids() if fim else []))

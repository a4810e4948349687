"""Which tokens end a generation, and which mark the hole to fill, found by their texts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from foretell_models.bundle import Fim


@dataclass(frozen=True)
class _FimFamily:
    """The texts of a family's fill-in-the-middle tokens, as its authors publish them."""

    name: str
    prefix: str
    suffix: str
    middle: str
    pad: str = ""
    repo: str = ""
    file_sep: str = ""
    order: str = "prefix_suffix_middle"


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
        "codegemma",
        "<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", file_sep="<|file_separator|>",
    ),
    _FimFamily(
        "deepseek-coder", "<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>",
    ),
    _FimFamily("codellama", "▁<PRE>", "▁<SUF>", "▁<MID>"),
)  # fmt: skip

_END_TEXTS = (
    "<|endoftext|>", "<|im_end|>", "<|eot_id|>", "<|end_of_text|>", "<|eom_id|>", "</s>", "<eos>",
    "<end_of_turn>", "<｜end▁of▁sentence｜>", "<EOT>", "▁<EOT>",
)  # fmt: skip


def find_fim(ids: Mapping[str, int]) -> Fim | None:
    """The family whose tokens are all among `ids` (text to id), or None.

    Of families that share the three main tokens, the one with most of its other tokens wins.
    """
    best: tuple[int, Fim] | None = None
    for family in _FAMILIES:
        main = [ids.get(text) for text in (family.prefix, family.suffix, family.middle)]
        if None in main:
            continue
        extra = [
            ids.get(text) if text else None for text in (family.pad, family.repo, family.file_sep)
        ]
        found = sum(token is not None for token in extra)
        if best is None or found > best[0]:
            best = found, Fim(family.name, family.order, *main, *extra)  # type: ignore[arg-type]
    return best[1] if best else None


def find_ends(ids: Mapping[str, int], declared: Sequence[int], fim: Fim | None) -> list[int]:
    """Every id at which a generation stops, sorted: the declared ones, those known by their
    texts, and all that mark holes, files and repositories.
    """
    ends = set(declared) | {ids[text] for text in _END_TEXTS if text in ids}
    return sorted(ends | set(fim.ids() if fim else []))

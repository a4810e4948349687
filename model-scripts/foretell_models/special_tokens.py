"""Finds a model's FIM family and its end tokens by the texts of the tokens.

The families are defined in `fim_families.toml`, which the server also reads.
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

from foretell_models.bundle import Fim


@dataclass(frozen=True)
class _FimFamily:
    """The texts of a family's FIM tokens; `fim_families.toml` documents the fields."""

    name: str
    prefix: str
    suffix: str
    middle: str | None
    order: str
    pad: str = ""
    repo: str = ""
    file_sep: str = ""
    bos: str = ""
    named: str = ""


def _load() -> tuple[tuple[_FimFamily, ...], frozenset[str]]:
    """The families, and the tokens that end a generation in any family."""
    text = resources.files("foretell_models").joinpath("fim_families.toml").read_text("utf-8")
    data: dict[str, Any] = tomllib.loads(text)
    rust_only = {"source", "files", "remote"}
    families = tuple(
        _FimFamily(**{"middle": None, **{k: v for k, v in it.items() if k not in rust_only}})
        for it in data["family"]
    )
    return families, frozenset(data["markers"]["end"])


_FAMILIES, _END_TEXTS = _load()


def find_fim(ids: Mapping[str, int], names: str = "") -> Fim | None:
    """The family whose main tokens are all in `ids` (text to id), or None.

    Among families with the same main tokens, one named in `names` wins, then the one with the most
    optional tokens. `names` has all names of the model, one per line, because the name that the
    user chose may not mention the family.
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
    """Whether a whole word occurs in the names: "refactoring" does not match "refact"."""
    return re.search(rf"(?<![a-z]){word}(?![a-z])", words) is not None


def find_eos_ids(ids: Mapping[str, int], declared: Sequence[int], fim: Fim | None) -> list[int]:
    """All ids that end a generation, sorted.

    These are the declared ids, those with a known text, and all FIM, file and repository tokens.
    """
    ends = set(declared) | {ids[text] for text in _END_TEXTS if text in ids}
    return sorted(ends | set(fim.ids() if fim else []))

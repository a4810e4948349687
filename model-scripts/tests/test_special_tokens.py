"""Families are found by their tokens, and by the model's name if they share tokens."""

import pytest

from foretell_models.special_tokens import find_eos_ids, find_fim

STAR = ("<fim_prefix>", "<fim_suffix>", "<fim_middle>", "<fim_pad>")
CODE = ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>")
PSM, SPM = "prefix_suffix_middle", "suffix_prefix_middle"


@pytest.mark.parametrize(
    ("texts", "model", "family", "order"),
    [
        ((*CODE, "<|fim_pad|>", "<|repo_name|>", "<|file_sep|>"), "", "qwen2.5-coder", PSM),
        ((*CODE, "<|file_separator|>", "<bos>"), "", "codegemma", PSM),
        ((*CODE, "<|fim_pad|>"), "Granite 4.0 Nano", "granite", PSM),
        ((*STAR, "<repo_name>", "<file_sep>"), "", "starcoder2", PSM),
        ((*STAR, "<reponame>", "<filename>"), "", "starcoder", PSM),
        ((*STAR, "<reponame>", "<filename>"), "Granite 3B Code", "granite", PSM),
        ((*STAR, "<reponame>", "<filename>"), "Mellum 4b base", "mellum", SPM),
        (STAR, "Refact 1.6B", "refact", PSM),
        ((*STAR, "<reponame>", "<filename>"), "Refactored StarCoder", "starcoder", PSM),
        (STAR, "stable-code-3b", "stable-code", PSM),
        (STAR, "m\nmodel.gguf\nStable Code 3B", "stable-code", PSM),
        (
            ("<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>", "<｜begin▁of▁sentence｜>"),
            "",
            "deepseek-coder",
            PSM,
        ),
        (("▁<PRE>", "▁<SUF>", "▁<MID>", "<s>"), "", "codellama", PSM),
        (("[PREFIX]", "[SUFFIX]", "<s>"), "", "codestral", SPM),
        (("<[fim-prefix]>", "<[fim-suffix]>", "<[fim-middle]>"), "", "seed-coder", SPM),
    ],
)
def test_family_is_found_by_tokens(texts, model, family, order):
    ids = {text: i for i, text in enumerate(texts)}
    fim = find_fim(ids, model)
    assert fim is not None
    assert (fim.family, fim.order, fim.prefix, fim.suffix) == (
        family,
        order,
        ids[
            next(
                text
                for text in texts
                if "prefix" in text.lower() or "begin" in text or "PRE" in text
            )
        ],
        ids[next(text for text in texts if "suf" in text.lower() or "hole" in text)],
    )
    assert set(fim.ids()) <= set(find_eos_ids(ids, [], fim))


def test_missing_fim_token_means_no_family():
    assert find_fim({"<fim_prefix>": 0, "<fim_suffix>": 1}) is None
    assert find_fim({}) is None


def test_family_with_bos_and_no_middle():
    codestral = find_fim({"[PREFIX]": 4, "[SUFFIX]": 5, "<s>": 1})
    assert codestral is not None
    assert (codestral.bos, codestral.middle, sorted(codestral.ids())) == (1, None, [1, 4, 5])

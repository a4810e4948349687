"""Pages that say how many suggestions are right agree with the evaluation."""

import re

import pytest

from pages import ROOT

LEVELS = ("calm", "balanced", "eager")
PAGES = (
    "README.md",
    "docs/guide.md",
    "docs/settings.md",
    "editors/neovim/README.md",
    "editors/vscode/package.json",
    "editors/vscode/walkthrough/adjust.md",
)


def measured() -> dict[str, str]:
    """The share of right suggestions by level, from the first table of the evaluation."""
    text = (ROOT / "docs/eval.md").read_text("utf-8")
    _, _, section = text.partition("### Shown text at each threshold")
    table = section[section.index("|") :].partition("\n\n")[0]
    rows = re.findall(r"\| [\d.]+ \(`(\w+)`\) \| \d+ \| (\d+) \|", table)
    assert {level for level, _ in rows} == set(LEVELS), table
    return {level: f"{share} %" for level, share in rows}


@pytest.mark.parametrize("page", PAGES)
def test_shares_are_those_of_the_evaluation(page: str) -> None:
    lines = (ROOT / page).read_text("utf-8").splitlines()
    for level, share in measured().items():
        stating = [line for line in lines if re.search(rf"`{level}`", line) and "%" in line]
        assert stating, f"{page} does not say how many suggestions of `{level}` are right"
        assert all(share in line for line in stating), f"`{level}`: {share}, not {stating}"

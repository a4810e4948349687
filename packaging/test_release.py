import hashlib
import re
from pathlib import Path

import pytest
import release

CHANGELOG = "# Changelog\n\n## Unreleased\n\n## 0.2.0\n\n### Added\n\n- b\n\n## 0.1.0\n\n- a\n"


def test_notes_are_the_versions_section() -> None:
    assert release.notes(CHANGELOG, "0.2.0") == "### Added\n\n- b"
    assert release.notes(CHANGELOG, "0.1.0") == "- a"
    with pytest.raises(LookupError, match=r"no section 0\.3\.0"):
        release.notes(CHANGELOG, "0.3.0")


def test_formula_has_digests_of_the_tarballs(tmp_path: Path) -> None:
    template = release.FORMULA.read_text("utf-8")
    systems = re.findall(r"@SHA256 (\S+)@", template)
    assert len(systems) == 3
    for system in systems:
        (tmp_path / f"foretell-1.2.3-{system}.tar.gz").write_text(system)
    text = release.formula(template, "1.2.3", "https://example.org/it", tmp_path)
    assert "@" not in text.replace("python@3.13", "")
    for system in systems:
        address = f"https://example.org/it/releases/download/v1.2.3/foretell-1.2.3-{system}.tar.gz"
        digest = hashlib.sha256(system.encode()).hexdigest()
        assert re.search(rf'url "{re.escape(address)}"\s+sha256 "{digest}"', text)

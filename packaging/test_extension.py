"""The VS Code extension that contains the program."""

import os
import subprocess
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def test_extension_contains_the_program(tmp_path: Path) -> None:
    if not (ROOT / "editors/vscode/node_modules/installed").exists():
        pytest.skip("the extension's tools are not installed: run `make editors` to see why")
    # Without the variables of the `make` that runs this test.
    environment = {name: it for name, it in os.environ.items() if not name.startswith("M")}
    make = ["make", "--silent", "vsix-platform"]
    done = subprocess.run(make, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    with zipfile.ZipFile(ROOT / done.stdout.split()[-1]) as archive:
        manifest = archive.read("extension.vsixmanifest").decode()
        program = archive.getinfo("extension/bin/foretell")
        licences = archive.read("extension/bin/foretell-licences.txt").decode()
        archive.extract(program, tmp_path)
    assert 'TargetPlatform="' in manifest
    # VS Code unpacks with the modes in the archive.
    extracted = tmp_path / program.filename
    extracted.chmod(program.external_attr >> 16)
    printed = subprocess.run([extracted, "--version"], capture_output=True, text=True).stdout
    assert printed.startswith("foretell ")
    assert "tower-lsp" in licences
    with zipfile.ZipFile(ROOT / "target/editors/foretell.vsix") as archive:
        bundled = archive.read("extension/LICENSE-PACKAGES.txt").decode()
        assert not [name for name in archive.namelist() if name.startswith("extension/bin")]
    assert "vscode-languageclient" in bundled and "Microsoft Corporation" in bundled

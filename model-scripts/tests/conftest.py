"""The default model, fetched and imported by the product's own commands, once a session."""

import shutil

import pytest

from foretell_models import bundle, cli, paths
from foretell_models.catalogue import find
from foretell_models.fetch import fetched

DEFAULT = "qwen2.5-coder-0.5b"


@pytest.fixture(scope="session", autouse=True)
def no_marks_of_tests():
    """Only the default model's graph stays known as made here."""
    folder = paths.data_folder() / "made-here"
    before = set(folder.glob("*"))
    yield
    kept = set()
    if (paths.bundle_folder(DEFAULT) / bundle.MANIFEST).exists():
        files = bundle.read_manifest(paths.bundle_folder(DEFAULT)).files
        kept = {info.sha256 for info in files.values()}
    for path in set(folder.glob("*")) - before:
        if path.name not in kept:
            path.unlink()


@pytest.fixture(scope="session")
def default_source():
    """The default model's GGUF file in the data folder; kept there for the next session."""
    assert cli.main(["fetch", DEFAULT]) == 0
    return fetched(find(DEFAULT))


@pytest.fixture(scope="session")
def default_bundle(default_source):
    """The default model's bundle in the data folder."""
    assert cli.main(["add", DEFAULT]) == 0
    return paths.bundle_folder(DEFAULT)


@pytest.fixture(scope="session")
def fp32_bundle(default_source, tmp_path_factory):
    """The default model without any rounding: 2.5 GB, removed at the end."""
    folder = tmp_path_factory.mktemp("fp32") / "fp32"
    arguments = ["import", str(default_source), "--out", str(folder), "--quantization", "fp32"]
    assert cli.main(arguments) == 0
    yield folder
    shutil.rmtree(folder)

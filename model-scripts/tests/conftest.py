"""The default model, fetched and imported by the product's own commands, once a session."""

import contextlib
import shutil
import subprocess

import pytest

from foretell_models import bundle, cli, files, packed, paths
from foretell_models.catalogue import find
from foretell_models.fetch import fetched

DEFAULT = "qwen2.5-coder-0.5b"


@contextlib.contextmanager
def no_marks_left():
    """What is imported within is not known as made here afterwards, but for the default model.

    What others import meanwhile, is.
    """
    made, mark = [], packed.mark_local

    def remembered(shared, n_bytes):
        path = mark_of(shared)
        if not path.exists():
            made.append(path)
        mark(shared, n_bytes)

    def mark_of(shared):
        return paths.local_graph_marker(files.sha256_of(shared))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packed, "mark_local", remembered)
        yield
    default = paths.bundle_folder(DEFAULT) / bundle.SHARED
    kept = mark_of(default) if default.exists() else None
    for path in made:
        if path != kept:
            path.unlink(missing_ok=True)


@pytest.fixture(scope="session", autouse=True)
def no_marks_of_tests():
    """Only the default model's graph stays known as made here."""
    with no_marks_left():
        yield


@pytest.fixture(scope="session")
def user_namespace(tmp_path_factory):
    """Skips where a user may not mount a disk of their own."""
    folder = str(tmp_path_factory.mktemp("disk"))
    mount = ["mount", "-t", "tmpfs", "tmpfs", folder]
    command = ["unshare", "--map-root-user", "--mount", *mount]
    try:
        subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no user namespace: {getattr(error, 'stderr', error)}")


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

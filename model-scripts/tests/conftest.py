"""Fixtures: the default model, fetched and imported once per session by the product's commands."""

import contextlib
import shutil
import subprocess

import pytest

from foretell_models import bundle, cli, files, packed, paths
from foretell_models.catalogue import find
from foretell_models.fetch import fetched

DEFAULT = "qwen2.5-coder-0.5b"


@contextlib.contextmanager
def temporary_markers():
    """Removes the local graph markers of imports in the block, except the default model's.

    Keeps the markers that other processes create in the meantime.
    """
    created, mark_local = [], packed.mark_local

    def recorded(shared, n_bytes):
        path = marker_of(shared)
        if not path.exists():
            created.append(path)
        mark_local(shared, n_bytes)

    def marker_of(shared):
        return paths.local_graph_marker(files.sha256_of(shared))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packed, "mark_local", recorded)
        yield
    default = paths.bundle_folder(DEFAULT) / bundle.SHARED
    kept = marker_of(default) if default.exists() else None
    for path in created:
        if path != kept:
            path.unlink(missing_ok=True)


@pytest.fixture(scope="session", autouse=True)
def session_markers():
    """Only the marker of the default model's graph survives the test session."""
    with temporary_markers():
        yield


@pytest.fixture(scope="session")
def user_namespace(tmp_path_factory):
    """Skips tests if unprivileged users cannot mount a disk in a user namespace."""
    folder = str(tmp_path_factory.mktemp("disk"))
    mount = ["mount", "-t", "tmpfs", "tmpfs", folder]
    command = ["unshare", "--map-root-user", "--mount", *mount]
    try:
        subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no user namespace: {getattr(error, 'stderr', error)}")


@pytest.fixture(scope="session")
def default_source():
    """The default model's GGUF file in the data folder, kept for the next session."""
    assert cli.main(["fetch", DEFAULT]) == 0
    return fetched(find(DEFAULT))


@pytest.fixture(scope="session")
def default_bundle(default_source):
    """The default model's bundle in the data folder."""
    assert cli.main(["add", DEFAULT]) == 0
    return paths.bundle_folder(DEFAULT)


@pytest.fixture(scope="session")
def fp32_bundle(default_source, tmp_path_factory):
    """The default model imported as fp32: 2.5 GB, removed at the end."""
    folder = tmp_path_factory.mktemp("fp32") / "fp32"
    arguments = ["import", str(default_source), "--out", str(folder), "--quantization", "fp32"]
    assert cli.main(arguments) == 0
    yield folder
    shutil.rmtree(folder)

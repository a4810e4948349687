"""Plugins, tested with wheels that are not the known ones; nothing is downloaded."""

import os
import subprocess
import sys
import zipfile

import pytest

from foretell_models import paths, plugins, runtime_library
from foretell_models.errors import UsageError


@pytest.fixture
def webgpu(tmp_path, monkeypatch):
    monkeypatch.setenv("FORETELL_HOME", str(tmp_path / "home"))
    found = plugins.of("webgpu")
    if not found.files:
        pytest.skip("there is no WebGPU plugin for this system")
    return found


def test_installed_plugin_decides_the_target_of_imports(webgpu):
    assert runtime_library.target() == "cpu"
    folder = paths.library_folder()
    folder.mkdir(parents=True)
    for file in webgpu.files:
        with (folder / file.name).open("wb") as out:
            out.truncate(file.size)
    assert plugins.is_installed("webgpu")
    assert runtime_library.target() == "webgpu"
    runtime_library.ensure()
    assert runtime_library.target() == "webgpu", "`add` must keep the plugin"
    runtime_library.install("cpu")
    assert runtime_library.target() == "cpu"


def test_other_version_is_not_installed(webgpu, tmp_path):
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    name = f"{webgpu.package.replace('-', '_')}-{webgpu.version}"
    with zipfile.ZipFile(wheels / f"{name}-py3-none-any.whl", "w") as wheel:
        for file in webgpu.files:
            wheel.writestr(f"{webgpu.folder}/{file.name}", "another version")
        about = f"Metadata-Version: 2.1\nName: {webgpu.package}\nVersion: {webgpu.version}\n"
        wheel.writestr(f"{name}.dist-info/METADATA", about)
        wheel.writestr(f"{name}.dist-info/WHEEL", "Wheel-Version: 1.0\n")
        wheel.writestr(f"{name}.dist-info/RECORD", "")
    result = subprocess.run(
        [sys.executable, "-m", "foretell_models", "runtime", "--library", "webgpu"],
        env=os.environ | {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 5, result.stderr
    assert f"{webgpu.files[0].name} is not the known version" in result.stderr
    assert not plugins.is_installed("webgpu")
    assert not list(paths.library_folder().glob(".partial-*"))


def test_plugin_for_another_system_is_refused(webgpu, monkeypatch):
    monkeypatch.setattr(plugins, "_system", lambda: "plan9-mips")
    with pytest.raises(UsageError, match="onnxruntime-ep-webgpu does not exist for plan9-mips"):
        plugins.install("webgpu")

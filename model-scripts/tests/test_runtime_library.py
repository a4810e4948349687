"""The choice of the ONNX Runtime library, tested with a fake `nvidia-smi`, CUDA and wheel.

These tests need no GPU, and no machine with a GPU has run them.
"""

import importlib.metadata
import os
import subprocess
import sys
import zipfile

import pytest

from foretell_models import gpu, paths, runtime_library
from foretell_models.errors import FetchFailed

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="the CUDA library is installed on Linux only"
)

VERSION = importlib.metadata.version("onnxruntime")
CUDA_LIBRARY = [
    f"libonnxruntime.so.{VERSION}",
    "libonnxruntime_providers_shared.so",
    "libonnxruntime_providers_cuda.so",
]
CARD = "NVIDIA GeForce RTX 4070, 580.65.06, 12282 MiB"


class Machine:
    """Folders for programs, libraries and wheels, which are empty at first."""

    def __init__(self, folder):
        self.programs, self.libraries, self.wheels = (
            folder / name for name in ("bin", "lib", "wheels")
        )
        for path in (self.programs, self.libraries, self.wheels):
            path.mkdir()

    def has_card(self, script=f"echo '{CARD}'"):
        program = self.programs / "nvidia-smi"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)

    def has_cuda(self, names=gpu.REQUIRED_LIBRARIES):
        for name in names:
            command = ["cc", "-shared", "-x", "c", "/dev/null", "-o", str(self.libraries / name)]
            subprocess.run(command, check=True)

    def has_wheel(self, members=CUDA_LIBRARY):
        name = f"onnxruntime_gpu-{VERSION}"
        with zipfile.ZipFile(self.wheels / f"{name}-py3-none-any.whl", "w") as wheel:
            for member in members:
                wheel.writestr(f"onnxruntime/capi/{member}", f"cuda: {member}")
            about = f"Metadata-Version: 2.1\nName: onnxruntime-gpu\nVersion: {VERSION}\n"
            wheel.writestr(f"{name}.dist-info/METADATA", about)
            wheel.writestr(f"{name}.dist-info/WHEEL", "Wheel-Version: 1.0\n")
            wheel.writestr(f"{name}.dist-info/RECORD", "")

    def runtime(self, *arguments):
        environment = os.environ | {
            "PATH": f"{self.programs}:{os.environ['PATH']}",
            "LD_LIBRARY_PATH": str(self.libraries),
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(self.wheels),
        }
        return subprocess.run(
            [sys.executable, "-m", "foretell_models", "runtime", *arguments],
            env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip


@pytest.fixture
def machine(tmp_path, monkeypatch):
    monkeypatch.setenv("FORETELL_HOME", str(tmp_path / "home"))
    return Machine(tmp_path)


def check(result, library, message):
    """Checks the message of a run and the library in the data folder after it."""
    assert result.returncode == 0, result.stderr
    assert message in result.stderr
    assert runtime_library.target() == library
    files = {path.name: path.read_bytes() for path in paths.library_folder().iterdir()}
    if library == "cuda":
        assert files == {name: f"cuda: {name}".encode() for name in CUDA_LIBRARY}
    else:
        assert files == {path.name: path.read_bytes() for path in runtime_library.installed()}


def test_no_gpu_installs_cpu_library(machine):
    check(machine.runtime(), "cpu", "No working NVIDIA GPU found")
    machine.has_card("echo 'NVIDIA-SMI has failed'; exit 9")
    machine.has_cuda()
    check(machine.runtime(), "cpu", "No working NVIDIA GPU found")


def test_library_of_the_installed_server_is_not_copied(machine, monkeypatch):
    monkeypatch.setenv("FORETELL_RUNTIME", "installed")
    assert machine.runtime().returncode == 0
    assert not paths.library_folder().exists()
    monkeypatch.delenv("FORETELL_RUNTIME")
    assert machine.runtime().returncode == 0
    assert len(list(paths.library_folder().iterdir())) == len(runtime_library.installed())


def test_missing_cuda_libraries_are_named(machine):
    machine.has_card()
    machine.has_cuda([name for name in gpu.REQUIRED_LIBRARIES if "cublasLt" not in name])
    result = machine.runtime()
    check(result, "cpu", f"GPU found: {CARD}. Using the CPU, because libcublasLt.so.13 cannot")
    assert "install CUDA 13" in result.stderr


def test_gpu_with_cuda_installs_cuda_library(machine):
    machine.has_card()
    machine.has_cuda()
    machine.has_wheel()
    check(machine.runtime(), "cuda", f"GPU found: {CARD}. CUDA 13 is installed.")
    next(machine.wheels.iterdir()).unlink()
    check(machine.runtime(), "cuda", "CUDA 13 is installed")
    runtime_library.ensure()
    assert runtime_library.target() == "cuda", "`add` must keep the CUDA library"
    check(machine.runtime("--library", "cpu"), "cpu", "")


def test_failed_cuda_download_falls_back_to_cpu(machine):
    machine.has_card()
    machine.has_cuda()
    check(
        machine.runtime(),
        "cpu",
        f"could not download the CUDA library (onnxruntime-gpu=={VERSION})",
    )
    machine.has_wheel(CUDA_LIBRARY[:2])
    check(machine.runtime(), "cpu", f"cannot extract onnxruntime/capi/{CUDA_LIBRARY[2]}")
    result = machine.runtime("--library", "cuda")
    assert result.returncode == 5, result.stderr
    assert runtime_library.target() == "cpu"


def test_oversized_cuda_library_is_rejected(machine, tmp_path, monkeypatch):
    machine.has_wheel()
    wheel = next(machine.wheels.iterdir())
    monkeypatch.setattr(runtime_library, "_MAX_BYTES", len(f"cuda: {CUDA_LIBRARY[0]}") + 10)
    with pytest.raises(FetchFailed, match=f"{CUDA_LIBRARY[1]} is larger than 10 bytes"):
        runtime_library._extract(wheel, CUDA_LIBRARY, tmp_path)


def test_cuda_library_can_be_forced(machine):
    machine.has_wheel()
    check(machine.runtime("--library", "cuda"), "cuda", "")

"""Detects a usable NVIDIA GPU: its driver responds, and the CUDA libraries are installed."""

import ctypes
import subprocess
import sys
from dataclasses import dataclass

#: The libraries that the CUDA provider of the pinned ONNX Runtime links: the driver and CUDA 13.
REQUIRED_LIBRARIES = (
    "libcuda.so.1", "libcudart.so.13", "libcublas.so.13", "libcublasLt.so.13", "libcurand.so.10",
)  # fmt: skip


@dataclass(frozen=True)
class GpuStatus:
    """Whether the CUDA library is worth fetching, and a message for the user."""

    is_usable: bool
    message: str


def detect() -> GpuStatus:
    """Looks for a GPU and the libraries that CUDA needs, without running anything on the GPU."""
    gpus = _gpus()
    if not gpus:
        return GpuStatus(False, "No working NVIDIA GPU found: using the CPU.")
    found = f"GPU found: {'; '.join(gpus)}."
    if not sys.platform.startswith("linux"):
        return GpuStatus(False, f"{found} GPUs are supported on Linux only: using the CPU.")
    missing = [name for name in REQUIRED_LIBRARIES if not _loads(name)]
    if missing:
        return GpuStatus(
            False,
            f"{found} Using the CPU, because {', '.join(missing)} cannot be loaded: install "
            "CUDA 13 (cudart, cublas, curand), add its folder to LD_LIBRARY_PATH if the loader "
            "does not find it, and run `foretell setup` again",
        )
    return GpuStatus(True, f"{found} CUDA 13 is installed.")


def _gpus() -> list[str]:
    """One line per GPU as the driver reports it; empty if no driver responds."""
    command = [
        "nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader",
    ]  # fmt: skip
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return []
    if result.returncode:
        return []
    return [line.strip() for line in result.stdout.splitlines() if line.strip()]


def _loads(name: str) -> bool:
    """Whether the system's loader finds a library, with the same search path as the server."""
    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True

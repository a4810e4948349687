"""Whether a graphics card can compute here: its driver answers, and CUDA is installed."""

import ctypes
import subprocess
import sys
from dataclasses import dataclass

#: What the CUDA provider of the pinned ONNX Runtime is linked with: the driver, and CUDA 13.
NEEDED = (
    "libcuda.so.1", "libcudart.so.13", "libcublas.so.13", "libcublasLt.so.13", "libcurand.so.10",
)  # fmt: skip


@dataclass(frozen=True)
class Sight:
    """What was seen, in words, and whether the library for CUDA is worth fetching."""

    is_usable: bool
    text: str


def look() -> Sight:
    """Looks for a card and for what the library for CUDA loads. Only a run shows if it works."""
    cards = _cards()
    if not cards:
        return Sight(False, "No NVIDIA GPU that answers was seen: the processor computes.")
    seen = f"GPU seen: {'; '.join(cards)}."
    if not sys.platform.startswith("linux"):
        return Sight(False, f"{seen} It is used on Linux only: the processor computes.")
    missing = [name for name in NEEDED if not _loads(name)]
    if missing:
        return Sight(
            False,
            f"{seen} The processor computes, since {', '.join(missing)} can't be loaded: install "
            "CUDA 13 (cudart, cublas, curand), name its folder in LD_LIBRARY_PATH if the system "
            "does not know it, and run `foretell setup` again",
        )
    return Sight(True, f"{seen} CUDA 13 is there.")


def _cards() -> list[str]:
    """The cards that the driver names, a line each; none where there is no driver that answers."""
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
    """Whether the system's loader finds a library, by the rules by which the server will."""
    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True

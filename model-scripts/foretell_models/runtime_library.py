"""The ONNX Runtime library of the installed wheel, for a server that has no other."""

import importlib.util
from pathlib import Path

from foretell_models import files, paths
from foretell_models.errors import UsageProblem

_PATTERNS = (
    "libonnxruntime.so.*", "libonnxruntime*.dylib", "onnxruntime.dll",
    "libonnxruntime_providers_shared.*", "onnxruntime_providers_shared.dll",
)  # fmt: skip


def installed() -> list[Path]:
    """The library (and what it loads) in the installed wheel; the wheel is not imported."""
    spec = importlib.util.find_spec("onnxruntime")
    if spec is None or spec.origin is None:
        raise UsageProblem("onnxruntime is not installed beside foretell-models")
    folder = Path(spec.origin).parent / "capi"
    return sorted(path for pattern in _PATTERNS for path in folder.glob(pattern))


def install() -> list[Path]:
    """Copies the library into the data folder where it is missing or differs in size."""
    targets = []
    with files.lock(paths.lock_file("runtime")):
        for source in installed():
            target = paths.library_folder() / source.name
            if not target.is_file() or target.stat().st_size != source.stat().st_size:
                files.copy_file(source, target)
            targets.append(target)
    return targets

"""Installs the ONNX Runtime library for the server: the CPU build or the CUDA build.

The CPU build (on macOS with Core ML) comes from the installed `onnxruntime` wheel. The CUDA build
comes from a separate wheel, which is read as an archive. WebGPU and MLX are plugins of the CPU
build.
"""

import importlib.metadata
import importlib.util
import os
import shutil
import tempfile
from pathlib import Path, PurePosixPath

from foretell_models import archive, files, gpu, paths, plugins, wheel
from foretell_models.errors import FetchFailed, UsageError
from foretell_models.progress import eprint, warn

_PATTERNS = (
    "libonnxruntime.so.*", "libonnxruntime*.dylib", "onnxruntime.dll",
    "libonnxruntime_providers_shared.*", "onnxruntime_providers_shared.dll",
)  # fmt: skip
#: The providers that are plugins, the preferred one first.
PLUGINS = ("mlx", "webgpu")
#: Copied last and removed first, so if it exists, the CUDA build is complete.
_CUDA = "libonnxruntime_providers_cuda.so"
#: Space for the CUDA wheel, 256 MB, and the extracted files, 313 MB.
_CUDA_BYTES = 600_000_000
#: Limit for the extracted files, far above the size of any build.
_MAX_BYTES = 4 << 30


def installed() -> list[Path]:
    """The library and its dependencies in the installed wheel, which is not imported."""
    spec = importlib.util.find_spec("onnxruntime")
    if spec is None or spec.origin is None:
        raise UsageError("onnxruntime is not installed in this Python environment: install it")
    folder = Path(spec.origin).parent / "capi"
    return sorted(path for pattern in _PATTERNS for path in folder.glob(pattern))


def target() -> str:
    """The bundle target that suits the library and the plugins in the data folder."""
    if _has_cuda():
        return "cuda"
    return next((it for it in PLUGINS if plugins.is_installed(it)), "cpu")


def _has_cuda() -> bool:
    folder = paths.library_folder()
    return (folder / _CUDA).is_file() and (folder / f"libonnxruntime.so.{_version()}").is_file()


def install(kind: str) -> list[Path]:
    """Installs the library into the data folder; returns its files.

    `kind` is `cpu`, which removes plugins, `cuda`, a plugin, or `auto` to choose by the detected
    GPU.
    """
    if kind == "cpu":
        for plugin in PLUGINS:
            plugins.remove(plugin)
        return _install_cpu()
    if kind == "cuda":
        return _install_cuda()
    if kind in PLUGINS:
        library = _install_cpu()
        with files.lock(paths.lock_file("runtime")):
            return [*library, *plugins.install(kind)]
    status = gpu.detect()
    eprint(status.message)
    if status.is_usable:
        try:
            return _install_cuda()
        except FetchFailed as error:
            warn(f"{error}; installing the CPU library instead")
    return _install_cpu()


def ensure() -> None:
    """Installs the CPU library unless the CUDA library is installed."""
    if not _has_cuda():
        _install_cpu()


def _install_cpu() -> list[Path]:
    targets = []
    with files.lock(paths.lock_file("runtime")):
        (paths.library_folder() / _CUDA).unlink(missing_ok=True)
        if os.environ.get("FORETELL_RUNTIME") == "installed":
            # The server was installed with this wheel and finds its library.
            return installed()
        for source in installed():
            target = paths.library_folder() / source.name
            # Libraries of other versions and builds differ in size.
            if not target.is_file() or target.stat().st_size != source.stat().st_size:
                files.copy_file(source, target)
            targets.append(target)
    return targets


def _install_cuda() -> list[Path]:
    folder = paths.library_folder()
    main = f"libonnxruntime.so.{_version()}"
    names = [main, "libonnxruntime_providers_shared.so", _CUDA]
    with files.lock(paths.lock_file("runtime")):
        if not _has_cuda():
            files.make_folder(folder)
            for leftover in folder.glob(f"{files.PARTIAL_PREFIX}wheel-*"):
                shutil.rmtree(leftover, ignore_errors=True)
            files.require_space(folder, _CUDA_BYTES, "the CUDA library")
            temporary = Path(tempfile.mkdtemp(prefix=f"{files.PARTIAL_PREFIX}wheel-", dir=folder))
            try:
                requirement = f"onnxruntime-gpu=={_version()}"
                package = wheel.download(requirement, "CUDA library", temporary)
                _extract(package, names, temporary)
                (folder / _CUDA).unlink(missing_ok=True)
                for name in names:
                    files.copy_file(temporary / name, folder / name)
            finally:
                shutil.rmtree(temporary, ignore_errors=True)
    return [folder / name for name in names]


def _extract(package: Path, names: list[str], folder: Path) -> None:
    left = _MAX_BYTES
    with files.space_errors(folder):
        for name in names:
            member = str(PurePosixPath("onnxruntime/capi", name))
            left -= archive.extract(package, member, folder / name, left)


def _version() -> str:
    return importlib.metadata.version("onnxruntime")

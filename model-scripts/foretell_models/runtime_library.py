"""The ONNX Runtime library, for a server that has no other: for the processor or for CUDA.

The one for the processor (on macOS with Core ML) is in the wheel that is installed here anyway, the
one for CUDA in a wheel of its own, which is read as an archive.
"""

import importlib.metadata
import importlib.util
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path, PurePosixPath

from foretell_models import archive, files, gpu, paths
from foretell_models.errors import FetchFailed, UsageProblem
from foretell_models.progress import say, warn

_PATTERNS = (
    "libonnxruntime.so.*", "libonnxruntime*.dylib", "onnxruntime.dll",
    "libonnxruntime_providers_shared.*", "onnxruntime_providers_shared.dll",
)  # fmt: skip
#: Copied last and removed first, so where it is, the whole library for CUDA is.
_CUDA = "libonnxruntime_providers_cuda.so"
#: The wheel for CUDA, 256 MB, and what is taken out of it, 313 MB.
_CUDA_BYTES = 600_000_000
#: More than what is taken out of any: what has more is something else.
_MAX_BYTES = 4 << 30


def installed() -> list[Path]:
    """The library (and what it loads) in the installed wheel; the wheel is not imported."""
    spec = importlib.util.find_spec("onnxruntime")
    if spec is None or spec.origin is None:
        raise UsageProblem("onnxruntime is not installed beside foretell-models")
    folder = Path(spec.origin).parent / "capi"
    return sorted(path for pattern in _PATTERNS for path in folder.glob(pattern))


def target() -> str:
    """For what the library in the data folder computes, as a bundle's target: cpu or cuda."""
    folder = paths.library_folder()
    is_cuda = (folder / _CUDA).is_file() and (folder / f"libonnxruntime.so.{_version()}").is_file()
    return "cuda" if is_cuda else "cpu"


def install(kind: str) -> list[Path]:
    """Puts the library into the data folder: for `cpu`, for `cuda`, or `auto` for what is here."""
    if kind == "cpu":
        return _install_cpu()
    if kind == "cuda":
        return _install_cuda()
    sight = gpu.look()
    say(sight.text)
    if sight.is_usable:
        try:
            return _install_cuda()
        except FetchFailed as problem:
            warn(f"{problem}; the library for the processor is taken instead")
    return _install_cpu()


def ensure() -> None:
    """Puts the library for the processor there, unless the one for CUDA is."""
    if target() == "cpu":
        _install_cpu()


def _install_cpu() -> list[Path]:
    targets = []
    with files.lock(paths.lock_file("runtime")):
        (paths.library_folder() / _CUDA).unlink(missing_ok=True)
        for source in installed():
            target = paths.library_folder() / source.name
            # The libraries of other versions and kinds have other sizes.
            if not target.is_file() or target.stat().st_size != source.stat().st_size:
                files.copy_file(source, target)
            targets.append(target)
    return targets


def _install_cuda() -> list[Path]:
    folder = paths.library_folder()
    main = f"libonnxruntime.so.{_version()}"
    names = [main, "libonnxruntime_providers_shared.so", _CUDA]
    with files.lock(paths.lock_file("runtime")):
        if target() == "cpu":
            files.make_folder(folder)
            for left_over in folder.glob(f"{files.PARTIAL_PREFIX}wheel-*"):
                shutil.rmtree(left_over, ignore_errors=True)
            files.need_space(folder, _CUDA_BYTES, "the library for CUDA")
            temporary = Path(tempfile.mkdtemp(prefix=f"{files.PARTIAL_PREFIX}wheel-", dir=folder))
            try:
                _extract(_download(temporary), names, temporary)
                (folder / _CUDA).unlink(missing_ok=True)
                for name in names:
                    files.copy_file(temporary / name, folder / name)
            finally:
                shutil.rmtree(temporary, ignore_errors=True)
    return [folder / name for name in names]


def _download(folder: Path) -> Path:
    """The wheel for CUDA, in `folder`. pip shows how far it is and keeps what it has fetched."""
    package = f"onnxruntime-gpu=={_version()}"
    command = [
        sys.executable, "-m", "pip", "download", "--disable-pip-version-check", "--no-input",
        "--no-deps", "--only-binary", ":all:", "--dest", str(folder), package,
    ]  # fmt: skip
    standard_error = 2
    result = subprocess.run(command, stdout=standard_error, check=False)
    wheels = list(folder.glob("*.whl"))
    if result.returncode or len(wheels) != 1:
        raise FetchFailed(f"pip could not download {package}, the library for CUDA")
    return wheels[0]


def _extract(wheel: Path, names: list[str], folder: Path) -> None:
    left = _MAX_BYTES
    with files.space_errors(folder):
        for name in names:
            member = str(PurePosixPath("onnxruntime/capi", name))
            left -= archive.extract(wheel, member, folder / name, left)


def _version() -> str:
    return importlib.metadata.version("onnxruntime")

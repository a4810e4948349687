"""Bundles on disk: the manifest, its checks, and the bundles in the data folder. See BUNDLE.md."""

import dataclasses
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from foretell_models import files, paths
from foretell_models.errors import BadBundle, UsageError
from foretell_models.terminal import is_unprintable

FORMAT = 1
#: Incremented when an import makes a different graph from the same source. `add` rebuilds bundles
#: of an older revision.
IMPORTER = 4
MANIFEST = "foretell.json"
#: The graph with references to packed weights; see packed.py.
SHARED = "shared.onnx"
#: ONNX Runtime treats every key with this prefix as such a reference.
_PACKED = b"prepacked"
_MAX_MANIFEST = 1 << 20
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class FileInfo:
    """Size in bytes and SHA-256 (hex) of one file."""

    size: int
    sha256: str


@dataclass(frozen=True)
class Source:
    """The checkpoint that a bundle was made from.

    `size` is in bytes. `sha256` is the hash of the file or, for a folder, of the list of its files'
    names and hashes. `revision` is the model hub's commit that it was fetched at.
    """

    format: str
    file: str
    size: int
    sha256: str
    revision: str | None = None


@dataclass(frozen=True)
class Fim:
    """Ids of the fill-in-the-middle tokens, and the order of a prompt's parts."""

    family: str
    order: str
    prefix: int
    suffix: int
    #: None if the model continues the prefix.
    middle: int | None
    pad: int | None = None
    repo: int | None = None
    file_sep: int | None = None
    bos: int | None = None

    def ids(self) -> list[int]:
        """All ids that are not None."""
        every = (
            self.prefix, self.suffix, self.middle, self.pad, self.repo, self.file_sep, self.bos,
        )  # fmt: skip
        return [token for token in every if token is not None]


@dataclass(frozen=True)
class Manifest:
    """The content of `foretell.json`; BUNDLE.md documents the fields."""

    name: str
    title: str
    licence: str
    source: Source
    architecture: str
    target: str
    quantization: str
    n_layers: int
    n_heads: int
    n_kv_heads: int
    head_dim: int
    kv_dtype: str
    context_length: int
    vocab_size: int
    eos_ids: list[int]
    fim: Fim | None
    files: dict[str, FileInfo]
    packed_bytes: int = 0
    hidden_size: int = 0
    graphs: list[dict[str, Any]] | None = None
    importer: int = 0
    format: int = FORMAT

    def to_json(self) -> bytes:
        """The content of `foretell.json`."""
        fields = dataclasses.asdict(self)
        if self.graphs is None:
            del fields["graphs"]
        return (json.dumps({"format": fields.pop("format"), **fields}, indent=2) + "\n").encode()


def is_safe_name(name: object) -> bool:
    """Whether a file name stays inside its folder: one plain component, not hidden."""
    if not isinstance(name, str) or not name or name.startswith(".") or "\0" in name:
        return False
    return (
        len(PurePosixPath(name).parts) == 1
        and len(PureWindowsPath(name).parts) == 1
        and (PureWindowsPath(name).name == name and ":" not in name)
    )


def read_manifest(folder: Path) -> Manifest:
    """Reads and checks `foretell.json`, but no file hashes; raises `BadBundle`."""
    path = folder / MANIFEST
    try:
        if path.stat().st_size > _MAX_MANIFEST:
            raise BadBundle(f"{path}: larger than {_MAX_MANIFEST} bytes")
        fields = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise BadBundle(f"{folder} is not a bundle: it has no {MANIFEST}") from None
    except (ValueError, RecursionError) as error:
        raise BadBundle(f"{path}: not JSON: {error}") from None
    if not isinstance(fields, dict):
        raise BadBundle(f"{path}: not a JSON object")
    if fields.get("format") != FORMAT:
        raise BadBundle(
            f"{path}: format {fields.get('format')!r} is not supported (this program supports "
            f"{FORMAT}); add the model again"
        )
    return _parse(path, fields)


def _parse(path: Path, fields: dict[str, Any]) -> Manifest:
    try:
        listed = {name: FileInfo(**info) for name, info in fields["files"].items()}
        fim = fields["fim"]
        known = {field.name for field in dataclasses.fields(Manifest)}
        manifest = Manifest(
            **{key: value for key, value in fields.items() if key in known}
            | {
                "files": listed,
                "source": Source(**fields["source"]),
                "fim": None if fim is None else Fim(**fim),
            }
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise BadBundle(f"{path}: a field is missing or has the wrong type: {error}") from None
    for name, info in listed.items():
        if not is_safe_name(name):
            raise BadBundle(f"{path}: the file name {name!r} leads out of the bundle; rejected")
        if not isinstance(info.size, int) or not _SHA256.fullmatch(str(info.sha256)):
            raise BadBundle(f"{path}: {name}: size or sha256 is malformed")
    for required in ("model.onnx", "model.onnx.data", "tokenizer.json"):
        if required not in listed:
            raise BadBundle(f"{path}: {required} is not listed")
    _check_texts(path, manifest)
    _check_numbers(path, manifest)
    return manifest


def _check_texts(path: Path, manifest: Manifest) -> None:
    for name in ("name", "title", "licence", "architecture", "target", "quantization", "kv_dtype"):
        text = getattr(manifest, name)
        if not isinstance(text, str):
            raise BadBundle(f"{path}: {name} is {text!r}, not a string")
        if any(map(is_unprintable, text)):
            raise BadBundle(f"{path}: {name} contains control or invisible characters; rejected")


def _check_numbers(path: Path, manifest: Manifest) -> None:
    for name in ("packed_bytes", "hidden_size"):
        value = getattr(manifest, name)
        if type(value) is not int or value < 0:
            raise BadBundle(f"{path}: {name} is {value!r}, not a non-negative integer")
    counts = {
        name: getattr(manifest, name)
        for name in (
            "n_layers",
            "n_heads",
            "n_kv_heads",
            "head_dim",
            "context_length",
            "vocab_size",
        )
    }
    for name, value in counts.items():
        if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 1 << 24:
            raise BadBundle(
                f"{path}: {name} is {value!r}, not an integer from 1 to {(1 << 24) - 1}"
            )
    if manifest.kv_dtype not in ("float32", "float16"):
        raise BadBundle(f"{path}: kv_dtype is {manifest.kv_dtype!r}; known: float32, float16")
    ids = manifest.eos_ids if isinstance(manifest.eos_ids, list) else [None]
    for token in [*ids, *(manifest.fim.ids() if manifest.fim else [])]:
        if not isinstance(token, int) or not 0 <= token < manifest.vocab_size:
            raise BadBundle(f"{path}: the token id {token!r} is not in the vocabulary")


def check_sizes(folder: Path, manifest: Manifest) -> None:
    """Raises `BadBundle` unless every file exists with its size; fast enough for every start."""
    for name, info in manifest.files.items():
        path = folder / name
        if path.is_symlink() or not path.is_file():
            raise BadBundle(f"{path} is missing or not a regular file; add the model again")
        if (found := path.stat().st_size) != info.size:
            raise BadBundle(
                f"{path}: expected {info.size} bytes, found {found}; add the model again"
            )


def check_references(folder: Path) -> None:
    """Raises `BadBundle` if a graph refers to external data outside the bundle's data files."""
    import onnx
    from google.protobuf.message import DecodeError

    sizes = {path.name: path.stat().st_size for path in folder.glob("*.data")}
    for path in sorted(folder.glob("*.onnx")):
        content = path.read_bytes()
        if path.name != SHARED and _PACKED in content:
            raise BadBundle(f"{path}: refers to packed weights, which is unsafe; rejected")
        try:
            model = onnx.load_model_from_string(content)
        except DecodeError as error:
            raise BadBundle(f"{path}: not an ONNX model: {error}") from None
        for tensor in (it for graph in (model.graph, *model.functions) for it in _tensors(graph)):
            if tensor.data_location != onnx.TensorProto.EXTERNAL:
                continue
            entries = {entry.key: entry.value for entry in tensor.external_data}
            location = entries.get("location", "")
            if not is_safe_name(location) or location not in sizes:
                raise BadBundle(
                    f"{path}: tensor {tensor.name!r} refers to the data file {location!r}, which "
                    "is not in the bundle; rejected"
                )
            try:
                start, length = int(entries.get("offset", "0")), int(entries.get("length", "0"))
            except ValueError:
                start, length = -1, -1
            if min(start, length) < 0 or start + length > sizes[location]:
                raise BadBundle(f"{path}: tensor {tensor.name!r} is outside {location}")


def _tensors(graph: Any) -> Iterator[Any]:
    """Every tensor of a graph or function, including attributes, their defaults and subgraphs."""
    yield from getattr(graph, "initializer", ())
    sparse = list(getattr(graph, "sparse_initializer", ()))
    attributes = list(getattr(graph, "attribute_proto", ()))
    for attribute in (*attributes, *(it for node in graph.node for it in node.attribute)):
        yield from (attribute.t, *attribute.tensors)
        sparse += (attribute.sparse_tensor, *attribute.sparse_tensors)
        for inner in (attribute.g, *attribute.graphs):
            yield from _tensors(inner)
    for tensor in sparse:
        yield from (tensor.values, tensor.indices)


def check_hashes(folder: Path, manifest: Manifest) -> None:
    """Raises `HashMismatch` unless every file has the size and hash in the manifest."""
    for name, info in manifest.files.items():
        files.check_file(folder / name, info.size, info.sha256)


def describe_files(folder: Path) -> dict[str, FileInfo]:
    """Size and hash of every file in a folder that is about to become a bundle."""
    return {
        path.name: FileInfo(path.stat().st_size, files.sha256_of(path))
        for path in sorted(folder.iterdir())
        if path.name != MANIFEST
    }


def bundles() -> Iterator[tuple[str, Manifest | BadBundle]]:
    """Name and manifest of each bundle in the data folder; for a damaged bundle, name and error."""
    folder = paths.models_folder()
    if not folder.is_dir():
        return
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or not path.is_dir():
            continue
        try:
            manifest = read_manifest(path)
            check_sizes(path, manifest)
            yield path.name, manifest
        except BadBundle as error:
            yield path.name, error


def remove(name: str) -> None:
    """Removes a bundle, its fetched checkpoint, and leftovers of killed runs.

    Raises `UsageError` if nothing of that name exists.
    """
    targets = [paths.bundle_folder(name), paths.source_folder(name)]
    if not any(_exists(target) or files.leftovers(target) for target in targets):
        raise UsageError(
            f"there is no model {name!r}; `foretell-models list` lists the installed models"
        )
    with files.lock(paths.lock_file(name)):
        for target in targets:
            files.clean_up(target)
        for target in filter(_exists, targets):
            files.remove(target)


def _exists(target: Path) -> bool:
    return target.exists() or target.is_symlink()

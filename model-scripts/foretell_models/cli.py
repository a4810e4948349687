"""The command `foretell-models`.

Exit codes: 0 success, 1 internal error, 2 wrong usage, 3 bad source, 4 hash mismatch, 5 failed
download, 6 no disk space, 7 locked by another run, 8 bad bundle, 130 interrupted.
"""

import argparse
import os
import sys
from pathlib import Path
from typing import NoReturn

from foretell_models import __version__, paths
from foretell_models.errors import UsageError, UserError
from foretell_models.progress import eprint
from foretell_models.terminal import echo, echo_path, printable


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; returns its exit code."""
    options = _parser().parse_args(arguments)
    try:
        code: int = options.run(options)
        sys.stdout.flush()
    except UserError as error:
        eprint(f"error: {error}")
        return error.exit_code
    except KeyboardInterrupt:
        eprint("interrupted; run the same command again to resume")
        return 130
    except BrokenPipeError:
        # The reader has closed the pipe (`list | head`), so the flush at exit must not fail.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except PermissionError as error:
        eprint(f"error: permission denied: {error.filename}; check its owner and mode")
        return 1
    return code


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        super().error(printable(message))


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="foretell-models", description="Models for the Foretell language server.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    add = commands.add_parser("add", help="fetch, import and verify a model from the catalogue")
    fetch = commands.add_parser("fetch", help="fetch only a model's checkpoint, and keep it")
    for command, run in ((add, _add), (fetch, _fetch)):
        command.add_argument("name")
        command.add_argument("--catalogue", type=Path, help="use this catalogue.toml")
        command.set_defaults(run=run)
    add.add_argument("--force", action="store_true", help="rebuild the bundle")
    add.add_argument("--keep-source", action="store_true", help="keep the fetched checkpoint")

    convert = commands.add_parser("import", help="make a bundle from a GGUF file or a folder")
    convert.add_argument("source", type=Path)
    convert.add_argument("--out", type=Path, required=True, help="the bundle's folder")
    convert.add_argument("--new", action="store_true", help="never replace a bundle")
    convert.add_argument("--name", help="the model's name (default: the folder's name)")
    convert.add_argument("--title", help="the display name (default: the name)")
    convert.add_argument("--licence", default="unknown", help="an SPDX expression")
    convert.add_argument("--tokenizer", type=Path, help="use this tokenizer.json")
    convert.set_defaults(run=_import)
    for command in (add, convert):
        command.add_argument("--quantization", help="quantization recipe; see README.md")
    targets = ("cpu", "webgpu", "cuda", "coreml", "mlx")
    for command in (add, convert):
        command.add_argument(
            "--target", choices=targets, help="default: what the server's library supports"
        )

    verify = commands.add_parser("verify", help="check a bundle and run one completion")
    verify.add_argument("bundle", help="a model's name or a folder")
    verify.set_defaults(run=_verify)
    listing = commands.add_parser("list", help="list the installed bundles and the catalogue")
    listing.set_defaults(run=_list)
    remove = commands.add_parser("remove", help="remove a bundle and its checkpoint")
    remove.add_argument("name")
    remove.set_defaults(run=_remove)
    path = commands.add_parser("path", help="print the path of the data folder or of a bundle")
    path.add_argument("name", nargs="?")
    path.set_defaults(run=_path)
    runtime = commands.add_parser("runtime", help="install the ONNX Runtime library")
    runtime.add_argument(
        "--library",
        choices=("auto", "cpu", "webgpu", "cuda", "mlx"),
        default="auto",
        help="the build or plugin to install; auto (the default) detects a GPU and CUDA",
    )
    runtime.set_defaults(run=_runtime)
    tiny = commands.add_parser("tiny", help="make a small bundle with random weights, for tests")
    tiny.add_argument("--out", type=Path, required=True)
    tiny.add_argument("--seed", type=int, default=0)
    tiny.add_argument("--quantization", default="int8")
    tiny.add_argument("--target", choices=targets, default="cpu")
    tiny.set_defaults(run=_tiny)
    return parser


# Each command imports only what it needs, so that a call with nothing to do returns at once.


def _add(options: argparse.Namespace) -> int:
    from foretell_models import add, catalogue

    entry = catalogue.find(options.name, options.catalogue)
    add.add(
        entry,
        quantization=options.quantization,
        target=options.target,
        force=options.force,
        keep_source=options.keep_source,
    )
    return 0


def _fetch(options: argparse.Namespace) -> int:
    from foretell_models import catalogue, fetch, files

    entry = catalogue.find(options.name, options.catalogue)
    with files.lock(paths.lock_file(entry.name)):
        echo_path(fetch.fetch(entry))
    return 0


def _import(options: argparse.Namespace) -> int:
    from foretell_models import bundle, files, importer, runtime_library, verify

    out: Path = options.out.absolute()
    lock = out.parent / f".{out.name}.lock"
    if out.parent == paths.models_folder().absolute():
        lock = paths.lock_file(out.name)
        runtime_library.ensure()
    if out.exists() and (
        not out.is_dir() or (any(out.iterdir()) and not (out / bundle.MANIFEST).is_file())
    ):
        raise UsageError(f"{out} exists and is not a bundle: choose another folder")
    name = options.name or out.name
    import_options = importer.ImportOptions(
        name=name,
        title=options.title or name,
        licence=options.licence,
        quantization=options.quantization,
        target=options.target or runtime_library.target(),
        tokenizer=options.tokenizer,
    )
    with files.lock(lock):
        files.clean_up(out)
        if options.new and out.exists():
            raise UsageError(f"{out} exists: choose another name, or remove it first")
        importer.import_checkpoint(options.source, out, import_options, verify.check)
    echo_path(out)
    return 0


def _verify(options: argparse.Namespace) -> int:
    from foretell_models import verify

    folder = Path(options.bundle)
    if not (folder.is_dir() and folder.parts) or options.bundle in _names():
        folder = paths.bundle_folder(options.bundle)
    manifest, verdict = verify.verify(folder)
    echo(f"{manifest.name}: {manifest.title}, {manifest.quantization}, {manifest.target}")
    echo(f"completion: {verdict.text!r}")
    echo(
        f"loaded in {verdict.load_seconds:.2f} s, prefill {verdict.prefill_rate:.0f} tokens/s, "
        f"decode {verdict.decode_rate:.1f} tokens/s"
    )
    return 0


def _names() -> set[str]:
    from foretell_models import bundle

    return {name for name, _ in bundle.bundles()}


def _list(options: argparse.Namespace) -> int:
    from foretell_models import bundle, catalogue
    from foretell_models.errors import BadBundle

    installed: set[str] = set()
    for name, found in bundle.bundles():
        if isinstance(found, BadBundle):
            echo(f"{name}\tdamaged: {found}")
            continue
        installed.add(name)
        size = sum(info.size for info in found.files.values())
        echo(f"{name}\t{found.title}\t{found.licence}\t{found.quantization}\t{size / 1e6:.0f} MB")
    for entry in catalogue.load().values():
        if entry.name not in installed:
            note = "" if entry.tried else " (untested)"
            echo(f"{entry.name}\t{entry.title}\t{entry.licence}\tnot installed{note}")
    return 0


def _remove(options: argparse.Namespace) -> int:
    from foretell_models import bundle

    bundle.remove(options.name)
    eprint(f"removed {options.name}")
    return 0


def _path(options: argparse.Namespace) -> int:
    echo_path(paths.bundle_folder(options.name) if options.name else paths.data_folder())
    return 0


def _runtime(options: argparse.Namespace) -> int:
    from foretell_models import runtime_library

    for path in runtime_library.install(options.library):
        echo_path(path)
    return 0


def _tiny(options: argparse.Namespace) -> int:
    from foretell_models import tiny

    tiny.make(options.out.absolute(), options.seed, options.quantization, target=options.target)
    echo_path(options.out)
    return 0

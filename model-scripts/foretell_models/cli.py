"""The command `foretell-models`.

Exit codes: 0 done, 1 a fault of ours, 2 wrong usage, 3 a bad source, 4 a wrong hash, 5 a failed
download, 6 no space, 7 another run is at it, 8 a bad bundle, 130 interrupted.
"""

import argparse
import os
import sys
from pathlib import Path
from typing import NoReturn

from foretell_models import __version__, paths
from foretell_models.errors import Problem, UsageProblem
from foretell_models.progress import say
from foretell_models.terminal import printable, tell, tell_path


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; returns its exit code."""
    options = _parser().parse_args(arguments)
    try:
        code: int = options.run(options)
        sys.stdout.flush()
    except Problem as problem:
        say(f"error: {problem}")
        return problem.exit_code
    except KeyboardInterrupt:
        say("interrupted; run the same command again to go on")
        return 130
    except BrokenPipeError:
        # The reader has what it wanted (`list | head`); nothing may be flushed at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except PermissionError as error:
        say(f"error: no permission: {error.filename}; check its owner")
        return 1
    return code


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        super().error(printable(message))


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="foretell-models", description="Models for the Foretell language server.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    add = commands.add_parser("add", help="fetch, import and verify a model of the catalogue")
    fetch = commands.add_parser("fetch", help="fetch a model's checkpoint and keep it")
    for command, run in ((add, _add), (fetch, _fetch)):
        command.add_argument("name")
        command.add_argument("--catalogue", type=Path, help="another catalogue.toml")
        command.set_defaults(run=run)
    add.add_argument("--force", action="store_true", help="make the bundle again")
    add.add_argument("--keep-source", action="store_true", help="keep the fetched checkpoint")

    convert = commands.add_parser("import", help="make a bundle of a GGUF file or a folder")
    convert.add_argument("source", type=Path)
    convert.add_argument("--out", type=Path, required=True, help="the bundle's folder")
    convert.add_argument("--new", action="store_true", help="write over no bundle")
    convert.add_argument("--name", help="the model's name (else the folder's)")
    convert.add_argument("--title", help="the name for readers (else the name)")
    convert.add_argument("--licence", default="unknown", help="an SPDX expression")
    convert.add_argument("--tokenizer", type=Path, help="a tokenizer.json to use instead")
    convert.set_defaults(run=_import)
    for command in (add, convert):
        command.add_argument("--quantization", help="how matrices are stored; see README.md")
    targets = ("cpu", "cuda", "coreml")
    for command in (add, convert):
        command.add_argument(
            "--target", choices=targets, help="else what the server's library is for"
        )

    verify = commands.add_parser("verify", help="check a bundle and run one completion")
    verify.add_argument("bundle", help="a model's name or a folder")
    verify.set_defaults(run=_verify)
    listing = commands.add_parser("list", help="the bundles there are, and the catalogue")
    listing.set_defaults(run=_list)
    remove = commands.add_parser("remove", help="remove a bundle and its checkpoint")
    remove.add_argument("name")
    remove.set_defaults(run=_remove)
    path = commands.add_parser("path", help="print the data folder, or a bundle's")
    path.add_argument("name", nargs="?")
    path.set_defaults(run=_path)
    runtime = commands.add_parser("runtime", help="put the ONNX Runtime library into place")
    runtime.add_argument(
        "--library",
        choices=("auto", "cpu", "cuda"),
        default="auto",
        help="for what; auto (the default) looks for a GPU and CUDA",
    )
    runtime.set_defaults(run=_runtime)
    tiny = commands.add_parser("tiny", help="make a small bundle of random weights, for tests")
    tiny.add_argument("--out", type=Path, required=True)
    tiny.add_argument("--seed", type=int, default=0)
    tiny.set_defaults(run=_tiny)
    return parser


# Each command imports what it needs: a call that finds its work done should take no time.


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
        tell_path(fetch.fetch(entry))
    return 0


def _import(options: argparse.Namespace) -> int:
    from foretell_models import bundle, files, importer, recipe, runtime_library, verify

    out: Path = options.out.absolute()
    lock = out.parent / f".{out.name}.lock"
    if out.parent == paths.models_folder().absolute():
        lock = paths.lock_file(out.name)
        runtime_library.ensure()
    if out.exists() and (
        not out.is_dir() or (any(out.iterdir()) and not (out / bundle.MANIFEST).is_file())
    ):
        raise UsageProblem(f"{out} exists and is not a bundle: choose another folder")
    name = options.name or out.name
    order = importer.Order(
        name=name,
        title=options.title or name,
        licence=options.licence,
        quantization=options.quantization or recipe.DEFAULT,
        target=options.target or runtime_library.target(),
        tokenizer=options.tokenizer,
    )
    with files.lock(lock):
        files.clean_up(out)
        if options.new and out.exists():
            raise UsageProblem(f"{out} exists: choose another name, or remove it first")
        importer.import_checkpoint(options.source, out, order, verify.check)
    tell_path(out)
    return 0


def _verify(options: argparse.Namespace) -> int:
    from foretell_models import verify

    folder = Path(options.bundle)
    if not (folder.is_dir() and folder.parts) or options.bundle in _names():
        folder = paths.bundle_folder(options.bundle)
    manifest, verdict = verify.verify(folder)
    tell(f"{manifest.name}: {manifest.title}, {manifest.quantization}, {manifest.target}")
    tell(f"wrote: {verdict.text!r}")
    tell(
        f"loaded in {verdict.load_seconds:.2f} s, read {verdict.prefill_rate:.0f} tokens/s, "
        f"wrote {verdict.decode_rate:.1f} tokens/s"
    )
    return 0


def _names() -> set[str]:
    from foretell_models import bundle

    return {name for name, _ in bundle.bundles()}


def _list(options: argparse.Namespace) -> int:
    from foretell_models import bundle, catalogue
    from foretell_models.errors import BadBundle

    there: set[str] = set()
    for name, found in bundle.bundles():
        if isinstance(found, BadBundle):
            tell(f"{name}\tdamaged: {found}")
            continue
        there.add(name)
        size = sum(info.size for info in found.files.values())
        tell(f"{name}\t{found.title}\t{found.licence}\t{found.quantization}\t{size / 1e6:.0f} MB")
    for entry in catalogue.load().values():
        if entry.name not in there:
            note = "" if entry.tried else " (not tried)"
            tell(f"{entry.name}\t{entry.title}\t{entry.licence}\tnot here: `add` it{note}")
    return 0


def _remove(options: argparse.Namespace) -> int:
    from foretell_models import bundle

    bundle.remove(options.name)
    say(f"removed {options.name}")
    return 0


def _path(options: argparse.Namespace) -> int:
    tell_path(paths.bundle_folder(options.name) if options.name else paths.data_folder())
    return 0


def _runtime(options: argparse.Namespace) -> int:
    from foretell_models import runtime_library

    for path in runtime_library.install(options.library):
        tell_path(path)
    return 0


def _tiny(options: argparse.Namespace) -> int:
    from foretell_models import tiny

    tiny.make(options.out.absolute(), options.seed)
    tell_path(options.out)
    return 0

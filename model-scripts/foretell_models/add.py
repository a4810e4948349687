"""The `add` command: puts a model from the catalogue into the data folder as a verified bundle."""

from pathlib import Path

from foretell_models import bundle, calibration, files, paths, recipe, runtime_library
from foretell_models.catalogue import Entry
from foretell_models.errors import BadBundle
from foretell_models.progress import eprint


def add(
    entry: Entry,
    quantization: str | None = None,
    target: str | None = None,
    force: bool = False,
    keep_source: bool = False,
) -> Path:
    """Fetches, imports and verifies a model unless its bundle is up to date; returns its folder.

    `target` defaults to the one that the library in the data folder supports. A checkpoint that was
    fetched only for this import is removed at the end unless `keep_source` is set.
    """
    if quantization is not None:
        recipe.recipe_of(quantization)
    runtime_library.ensure()
    target = target or runtime_library.target()
    folder = paths.bundle_folder(entry.name)
    with files.lock(paths.lock_file(entry.name)):
        files.clean_up(folder)
        if not force and _is_up_to_date(folder, quantization, target):
            if calibration.add(folder, bundle.read_manifest(folder)):
                eprint(f"{entry.name}: added its calibration")
            eprint(f"{entry.name} is up to date: {folder}")
            return folder
        from foretell_models import fetch, importer, verify

        had_source = fetch.fetched(entry) is not None
        source = fetch.fetch(entry)
        options = importer.ImportOptions(
            name=entry.name,
            title=entry.title,
            licence=entry.licence,
            quantization=quantization,
            target=target,
        )
        importer.import_checkpoint(source, folder, options, verify.check)
        if not had_source and not keep_source:
            fetch.remove_checkpoint(entry)
    eprint(f"{entry.name} is ready: {folder}")
    return folder


def _is_up_to_date(folder: Path, quantization: str | None, target: str) -> bool:
    """Whether the bundle is complete, from the current importer, and matches the request."""
    try:
        manifest = bundle.read_manifest(folder)
        bundle.check_sizes(folder, manifest)
    except BadBundle:
        return False
    return (
        manifest.importer == bundle.IMPORTER
        and manifest.target == target
        and quantization in (None, manifest.quantization)
    )

"""`add`: a model of the catalogue as a verified bundle in the data folder, done once."""

from pathlib import Path

from foretell_models import bundle, files, paths, recipe, runtime_library
from foretell_models.catalogue import Entry
from foretell_models.errors import BadBundle
from foretell_models.progress import say


def add(
    entry: Entry,
    quantization: str | None = None,
    target: str | None = None,
    force: bool = False,
    keep_source: bool = False,
) -> Path:
    """Fetches, imports and verifies; a bundle that is there already and fits is left alone.

    Without a `target` the bundle is for what the library in the data folder computes on.
    A checkpoint that was fetched for this only is removed at the end unless `keep_source`.
    """
    if quantization is not None:
        recipe.recipe_of(quantization)
    runtime_library.ensure()
    target = target or runtime_library.target()
    folder = paths.bundle_folder(entry.name)
    with files.lock(paths.lock_file(entry.name)):
        files.clean_up(folder)
        if not force and _fits(folder, quantization, target):
            say(f"{entry.name} is there: {folder}")
            return folder
        from foretell_models import fetch, importer, verify

        had_source = fetch.fetched(entry) is not None
        source = fetch.fetch(entry)
        order = importer.Order(
            name=entry.name,
            title=entry.title,
            licence=entry.licence,
            quantization=quantization or recipe.DEFAULT,
            target=target,
        )

        importer.import_checkpoint(source, folder, order, verify.check)
        if not had_source and not keep_source:
            fetch.forget(entry)
    say(f"{entry.name} is ready: {folder}")
    return folder


def _fits(folder: Path, quantization: str | None, target: str) -> bool:
    """Whether the bundle is whole, of today's importer, and what was asked for."""
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

"""The data folder and the paths inside it."""

import os
import re
import sys
from pathlib import Path

from foretell_models.errors import UsageError

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


def data_folder() -> Path:
    """`$FORETELL_HOME`, or else the folder for user data; must match the server's `data_folder`."""
    home = os.environ.get("FORETELL_HOME")
    if home:
        return Path(home).expanduser()
    from platformdirs import unix, windows

    # Command-line programs use the Unix folders on macOS, too.
    kind = windows.Windows if sys.platform == "win32" else unix.Unix
    return Path(kind("foretell", appauthor=False, roaming=True).user_data_dir)


def models_folder() -> Path:
    """The folder with one bundle per model."""
    return data_folder() / "models"


def library_folder() -> Path:
    """The folder in which the server looks for the ONNX Runtime library."""
    return data_folder() / "lib"


def source_folder(name: str) -> Path:
    """The folder with the fetched checkpoint of model `name`."""
    return data_folder() / "sources" / check_name(name)


def bundle_folder(name: str) -> Path:
    """The folder of the bundle `name`."""
    return models_folder() / check_name(name)


def local_graph_marker(sha256: str) -> Path:
    """The file that records that the graph with this hash was made with this data folder."""
    return data_folder() / "made-here" / sha256


def lock_file(name: str) -> Path:
    """The lock file that a run holds while it changes model `name`."""
    return data_folder() / "locks" / f"{check_name(name)}.lock"


def check_name(name: str) -> str:
    """Returns `name` if it is a valid model name (safe as a folder name); raises `UsageError`."""
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} is not a model name: use at most 64 lower-case letters, digits, '.', '_' "
            "and '-', starting with a letter or a digit"
        )
    return name

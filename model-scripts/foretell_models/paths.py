"""Where things live: the data folder and the names inside it."""

import os
import re
import sys
from pathlib import Path

from foretell_models.errors import UsageProblem

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


def data_folder() -> Path:
    """`$FORETELL_HOME`, else the folder for user data: the server's `data_folder` is the same."""
    home = os.environ.get("FORETELL_HOME")
    if home:
        return Path(home).expanduser()
    from platformdirs import unix, windows

    # On macOS too, programs of the command line keep to the folders of Unix.
    kind = windows.Windows if sys.platform == "win32" else unix.Unix
    return Path(kind("foretell", appauthor=False, roaming=True).user_data_dir)


def models_folder() -> Path:
    """The folder that holds one bundle a model."""
    return data_folder() / "models"


def library_folder() -> Path:
    """The folder in which the server looks for the ONNX Runtime library."""
    return data_folder() / "lib"


def source_folder(name: str) -> Path:
    """The folder that holds the fetched checkpoint of model `name`."""
    return data_folder() / "sources" / check_name(name)


def bundle_folder(name: str) -> Path:
    """The folder of the bundle `name`."""
    return models_folder() / check_name(name)


def made_here(sha256: str) -> Path:
    """The file that says that a graph of this hash was made with this data folder."""
    return data_folder() / "made-here" / sha256


def lock_file(name: str) -> Path:
    """The lock that a run holds while it changes anything of model `name`."""
    return data_folder() / "locks" / f"{check_name(name)}.lock"


def check_name(name: str) -> str:
    """Returns `name` if it is safe as the name of a folder; raises `UsageProblem` if not."""
    if not _NAME.fullmatch(name):
        raise UsageProblem(
            f"{name!r} is not a model name: use lower-case letters, digits, '.', '_' and '-', "
            "at most 64, the first a letter or a digit"
        )
    return name

"""Writes the scripts into a folder of the user, with the place of this program filled in."""

from __future__ import annotations

import os
import shutil
import sysconfig
from collections.abc import Callable, Mapping
from importlib.resources import files
from pathlib import Path

from ..errors import ConfigError
from ..io import write_file
from ..regularfiles import read_regular

PLACE = "{program}"
COMMAND = "superdsm-nb"
OWN = b"// superdsm_nb: "  # how each script begins
MAX_SIZE = 2**16  # bytes


def _escaped(quote: str) -> Callable[[str], str]:
    return lambda text: text.replace("\\", "\\\\").replace(quote, f"\\{quote}")


SCRIPTS: Mapping[str, Callable[[str], str]] = {
    "superdsm_nb.ijm": _escaped('"'),  # ImageJ and Fiji
    "superdsm_nb.groovy": _escaped("'"),  # QuPath
}
"""How a path is written in the strings of each script."""


def write_scripts(folder: Path) -> list[Path]:
    """Write the scripts for ImageJ, Fiji and QuPath into a folder.

    Parameters
    ----------
    folder : Path
        The folder; it is created if it is missing.

    Returns
    -------
    list of Path
        The scripts.

    Raises
    ------
    ConfigError
        If another file has the name of a script.
    OutputError
        If a script cannot be written.
    """
    program = _program()
    written = []
    for name in SCRIPTS:
        path = folder / name
        if os.path.lexists(path) and not _is_own(path):
            raise ConfigError(f"{path} exists, and it is no script that superdsm_nb has written.")
    for name, escaped in SCRIPTS.items():
        text = (files(__package__) / name).read_text(encoding="utf-8")
        write_file(folder / name, text.replace(PLACE, escaped(program)).encode())
        written.append(folder / name)
    return written


def _program() -> str:
    """Where the command is: other programs rarely know the folder of an environment."""
    suffix = ".exe" if os.name == "nt" else ""
    beside = Path(sysconfig.get_path("scripts")) / f"{COMMAND}{suffix}"
    return str(beside) if beside.exists() else shutil.which(COMMAND) or COMMAND


def _is_own(path: Path) -> bool:
    try:
        return read_regular(path, MAX_SIZE).startswith(OWN)
    except OSError:
        return False

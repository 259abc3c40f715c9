"""``superdsm-nb scripts``: scripts for ImageJ, Fiji and QuPath."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def scripts(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where to write them.")],
) -> None:
    """Write scripts that bring nuclei into ImageJ, Fiji and QuPath.

    They call this program. In ImageJ and Fiji: Plugins, Macros, Run... In QuPath: Automate, Script editor.
    """
    from ..scripts import write_scripts
    from .console import say

    for path in write_scripts(folder):
        say(str(path))
